"""What staff counts and exports, as values."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from courses.overview import Cell, Counts, Overview, Version, grades, grades_csv, in_tenths

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def version(key: str, hours: int = 0, *, on_time: bool = True, **more: object) -> Version:
    return Version(key, AT + timedelta(hours=hours), on_time, **more)  # type: ignore[arg-type]


GRADED = {"feedback": AT, "score": 7.5, "max_score": 10.0, "passed": True}
TWICE = Cell(AT, (version("a", **GRADED), version("b", 1, on_time=False)))
CHOSEN = Cell(AT, (version("c", chosen=True), version("d", 1, on_time=False)))


def overview(**cells: Cell) -> Overview:
    return Overview(
        ("ben", "cleo", "dan"),
        ("ada",),
        {},
        {("lenses", user): cell for user, cell in cells.items()},
    )


def test_counts_are_of_students_and_of_the_version_to_grade() -> None:
    found = overview(ada=TWICE, ben=TWICE, cleo=CHOSEN, dan=Cell(AT))
    assert found.counts("lenses") == Counts(fetched=3, handed_in=2, late=1, graded=1, passed=1)
    assert found.counts("mirrors") == Counts(0, 0, 0, 0, 0)


def test_a_grade_tells_which_version_it_is_of() -> None:
    ben, cleo, dan = grades(overview(ben=TWICE, cleo=CHOSEN), ["lenses"])
    assert (ben.score, ben.submission, ben.on_time, ben.passed) == (7.5, "a", True, True)
    assert (ben.graded_version, ben.version_to_grade, ben.versions) == (1, 2, 2)
    assert (cleo.score, cleo.submission, cleo.on_time, cleo.passed) == (None, "c", True, None)
    assert (cleo.graded_version, cleo.version_to_grade, cleo.versions) == (None, 1, 2)
    assert (dan.submitted, dan.on_time, dan.versions, dan.submission) == (None, None, 0, "")


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=cmd|"/c calc"!A1', "plain", 'a"b,c\n'],
)
def test_no_cell_is_a_formula(name: str) -> None:
    """And what comes back is the name, with nothing lost."""
    room = Overview((name,), (), {}, {})
    text = grades_csv(grades(room, ["lenses"])).decode("utf-8-sig")
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert row[0][0] not in "=+-@\t\r"
    assert row[0].removeprefix("'") == name
    assert text.endswith("\r\n")


@pytest.mark.parametrize(
    ("points", "counts"),
    [
        ([0, 0.99, 1, 9.99, 10], [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]),
        ([10.5, 12], [0] * 10 + [2]),
        ([], [0] * 10),
    ],
)
def test_tenths(points: list[float], counts: list[int]) -> None:
    assert in_tenths(points, 10.0) == counts
    if points and max(points) <= 10:
        assert in_tenths([each / 10 for each in points], 1.0) == counts


def test_a_tenth_that_floating_point_misses() -> None:
    assert in_tenths([0.7], 1.0)[7] == 1
