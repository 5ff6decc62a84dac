"""A course with graded work, in a real hub's classroom."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import graded_course
import pytest
from classroom_kit import course, enrol, put

from courses.course import Assignment

if TYPE_CHECKING:
    from conftest import Classroom

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def untouched(once: Callable[..., Path]) -> Path:
    """A course directory with nobody's work, to copy."""
    return once("graded", graded_course.make) / "optics"


@pytest.fixture(scope="session")
def open_course(classroom: Classroom, untouched: Path) -> Callable[[], tuple[str, Path]]:
    """Makes a course with a course directory: ada teaches, ben and cleo are students."""

    def make() -> tuple[str, Path]:
        slug = f"graded-{next(_numbers)}"
        put(classroom.store, course(slug, assignments=(Assignment("lenses", "Lenses"),)))
        enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
        place = classroom.home / "gradebooks" / slug
        place.parent.mkdir(mode=0o700, exist_ok=True)
        return slug, Path(shutil.copytree(untouched, place))

    return make
