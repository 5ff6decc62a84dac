"""What the spawner is told about a person and a course."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from classroom_kit import course, enrol, put
from postgres_server import PostgresServer

from courses.course import Assignment
from courses.environment import Environment
from courses.grades import Grading
from courses.hub import StoreTerms
from courses.hub.terms import ClassroomSilent
from courses.store import Store
from spawners.offers import Terms


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_terms(store: Store, database_url: str) -> None:
    put(store, course())
    enrol(store, "optics", ada="instructor", ben="student")
    terms = StoreTerms(database_url)
    assert await terms("ada", "optics") == Terms("optics", "Optics", ("cpu-small",), "instructor")
    assert await terms("ben", "optics") == Terms("optics", "Optics", ("cpu-small",), "student")
    assert await terms("dan", "optics") is None
    assert await terms("ben", "nope") is None
    assert await terms("ben", "") is None


async def test_what_assignments_import_ahead_sessions_do_too(
    store: Store, database_url: str
) -> None:
    named = (("numpy", "torch"), (), ("matplotlib", "numpy"))
    assignments = tuple(
        Assignment(f"part-{number}", "A part", grading=Grading(preload=modules))
        for number, modules in enumerate(named)
    )
    put(store, course(assignments=assignments))
    enrol(store, "optics", ben="student")
    found = await StoreTerms(database_url)("ben", "optics")
    assert found is not None
    assert found.preload == ("numpy", "torch", "matplotlib")


async def test_a_change_is_seen_at_once(store: Store, database_url: str) -> None:
    terms = StoreTerms(database_url)
    put(store, course())
    assert await terms("ben", "optics") is None
    enrol(store, "optics", ben="student")
    assert await terms("ben", "optics") is not None


async def test_before_the_first_course(tmp_path: Path, postgres: PostgresServer) -> None:
    assert await StoreTerms.of_home(tmp_path)("ben", "optics") is None
    assert await StoreTerms(postgres.url(postgres.new()))("ben", "optics") is None


async def test_the_database_does_not_answer(postgres: PostgresServer, empty_store: str) -> None:
    """The person reads a sentence, and may try again at once when it is back."""
    terms = StoreTerms(postgres.url(postgres.new(empty_store)))
    assert await terms("ben", "optics") is None
    postgres.stop()
    try:
        with pytest.raises(ClassroomSilent) as caught:
            await terms("ben", "optics")
    finally:
        postgres.start()
    assert caught.value.sentence == (
        "The classroom's database does not answer just now. Wait a moment and try again."
    )
    assert await terms("ben", "optics") is None


async def test_a_course_that_names_an_environment(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    put(store, course(environment=Environment("requirements.txt", "3.11", "0a" * 32)))
    enrol(store, "optics", ben="student")
    refusal = (
        "The environment of Optics is not built yet, so its sessions can't start. Please tell the "
        "course's instructor."
    )
    terms = StoreTerms(database_url, tmp_path / "environments")
    wanted = Terms("optics", "Optics", ("cpu-small",), "student")
    assert await terms("ben", "optics") == replace(wanted, refusal=refusal)
    folder = tmp_path / "environments" / "optics"
    for version in ("0123456789ab", "ba9876543210"):
        (folder / version).mkdir(parents=True)
        (folder / version / "environment.json").touch()
    current = folder / "current"
    current.symlink_to("0123456789ab")
    # The version and not the link: a session keeps what it was started with.
    python = str(folder / "0123456789ab" / "bin" / "python")
    assert await terms("ben", "optics") == replace(wanted, interpreter=(python,))
    current.unlink()
    current.symlink_to("ba9876543210")
    (folder / "ba9876543210.squashfs").touch()
    there = folder / "ba9876543210"
    interpreter = ("/bin/sh", str(there / "enter"), str(there / "bin" / "python"))
    assert await terms("ben", "optics") == replace(wanted, interpreter=interpreter)
    without = StoreTerms(database_url)
    assert await without("ben", "optics") == replace(wanted, refusal=refusal)
