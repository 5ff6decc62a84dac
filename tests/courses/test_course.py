"""Values and rules: deadlines, names, and times in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from courses import names, words
from courses.course import Assignment, LateRule
from courses.errors import BadName

DUE = datetime(2026, 11, 27, 22, 59, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("late", "due", "at", "on_time", "accepts"),
    [
        (LateRule.REFUSE, DUE, DUE - TICK, True, True),
        (LateRule.REFUSE, DUE, DUE, True, True),
        (LateRule.REFUSE, DUE, DUE + TICK, False, False),
        (LateRule.ACCEPT, DUE, DUE + TICK, False, True),
        (LateRule.REFUSE, None, DUE, True, True),
    ],
)
def test_the_deadline(
    late: LateRule, due: datetime | None, at: datetime, on_time: bool, accepts: bool
) -> None:
    assignment = Assignment("a", "A", due, late)
    assert (assignment.on_time(at), assignment.accepts(at)) == (on_time, accepts)


@pytest.mark.parametrize("text", ["a", "ai-foundations", "0x", "a" * 30])
def test_slugs(text: str) -> None:
    assert names.slug(text) == text


@pytest.mark.parametrize("text", ["", "A", "a" * 31, "-a", "a_b", "a/b", "..", "å", "a\n"])
def test_no_slugs(text: str) -> None:
    with pytest.raises(BadName):
        names.slug(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a+b", "-a", ".a", "a b", "a\n", "x" * 65])
def test_no_assignment_names(text: str) -> None:
    with pytest.raises(BadName):
        names.assignment(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a\0", "x" * 256])
def test_no_user_names(text: str) -> None:
    with pytest.raises(BadName):
        names.user(text)


def test_user_names() -> None:
    assert names.user("kari.nordmann@uio.no") == "kari.nordmann@uio.no"


def test_dates_are_in_the_courses_zone() -> None:
    assert words.date(DUE, "Europe/Oslo") == "Friday 27 November 2026, 23:59"
    assert words.short_date(DUE, "Asia/Tokyo", seconds=True) == "28 Nov 2026, 07:59:00"


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(days=3, hours=23), "in 3 days"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=23, minutes=59), "in 23 hours"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(seconds=59), "in less than a minute"),
        (timedelta(seconds=-1), "just now"),
        (timedelta(hours=-2), "2 hours ago"),
    ],
)
def test_distances(gap: timedelta, said: str) -> None:
    assert words.distance(DUE + gap, DUE) == said


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(0), "today at 23:59"),
        (timedelta(minutes=1), "tomorrow at 00:00"),
        (timedelta(days=4), "Tuesday at 23:59"),
        (timedelta(days=7), "4 Dec 2026, 23:59"),
    ],
)
def test_deadlines_by_the_day_in_the_zone(gap: timedelta, said: str) -> None:
    assert words.deadline(DUE + gap, DUE, "Europe/Oslo") == said


def test_sizes_and_numbers() -> None:
    sizes = [words.size(count) for count in (0, 1, 999, 20_000_000, 1_500_000_000, 999_999)]
    assert sizes == ["0 bytes", "1 byte", "999 bytes", "20 MB", "1.5 GB", "1 MB"]
    assert [words.number(value) for value in (8, 7.5, 20 / 3, 0, 100)] == [
        *("8", "7.5", "6.67", "0", "100"),
    ]
