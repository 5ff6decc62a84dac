"""What the spawner is told about a person and a course."""

from __future__ import annotations

from pathlib import Path

from classroom_kit import course, enrol, put

from courses.hub import StoreTerms
from courses.store import Store, default_url
from spawners.offers import Terms


async def test_terms(store: Store, tmp_path: Path) -> None:
    put(store, course())
    enrol(store, "optics", ada="instructor", ben="student")
    terms = StoreTerms(default_url(tmp_path))
    assert await terms("ada", "optics") == Terms("optics", "Optics", ("cpu-small",), "instructor")
    assert await terms("ben", "optics") == Terms("optics", "Optics", ("cpu-small",), "student")
    assert await terms("dan", "optics") is None
    assert await terms("ben", "nope") is None
    assert await terms("ben", "") is None


async def test_a_change_is_seen_at_once(store: Store, tmp_path: Path) -> None:
    terms = StoreTerms.of_home(tmp_path)
    put(store, course())
    assert await terms("ben", "optics") is None
    enrol(store, "optics", ben="student")
    assert await terms("ben", "optics") is not None


async def test_before_the_first_course(tmp_path: Path) -> None:
    assert await StoreTerms.of_home(tmp_path)("ben", "optics") is None
