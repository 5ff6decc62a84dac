"""Late work: what it costs, on the clocks of the course."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from courses.course import Assignment, LateRule
from courses.deadlines import Lateness, exact, group_name, lateness, moment, reason, rule
from courses.errors import BadName, Malformed

OSLO = "Europe/Oslo"
DUE = datetime(2026, 11, 27, 22, 59, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def penalty(due: datetime | None = DUE, grace: int = 15, share: float = 0.1) -> Assignment:
    return Assignment("a", "A", due, LateRule.PENALTY, penalty_per_day=share, grace_minutes=grace)


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (-DAY, 0),
        (timedelta(0), 0),
        (15 * MINUTE, 0),
        (15 * MINUTE + TICK, 1),
        (DAY, 1),
        (DAY + 15 * MINUTE, 1),
        (DAY + 15 * MINUTE + TICK, 2),
        (9 * DAY + HOUR, 10),
        (100 * DAY, 100),
    ],
)
def test_each_started_day_after_the_grace_counts(after: timedelta, days: int) -> None:
    expected = Lateness(days, min(1.0, days / 10))
    assert lateness(penalty(), DUE + after, OSLO) == expected


def test_only_a_penalty_costs_points() -> None:
    late = DUE + 2 * DAY
    assert lateness(Assignment("a", "A", DUE), late, OSLO) == Lateness(2, 0.0)
    assert lateness(Assignment("a", "A", DUE, LateRule.REFUSE), late, OSLO) == Lateness(2, 0.0)
    assert lateness(penalty(None), late, OSLO) == Lateness(0, 0.0)


@pytest.mark.parametrize(
    ("due", "handed_in", "days"),
    [
        # 25 October 2026 has 25 hours in Oslo, 28 March 2027 has 23.
        ("2026-10-24T23:59", "2026-10-25T23:59", 1),
        ("2026-10-24T23:59", "2026-10-26T00:00", 2),
        ("2027-03-27T23:59", "2027-03-28T23:59", 1),
        ("2027-03-27T23:59", "2027-03-29T00:00", 2),
        ("2026-10-20T12:00", "2026-10-27T12:00", 7),
        ("2027-03-25T12:00", "2027-03-31T12:01", 7),
    ],
)
def test_a_day_ends_at_the_deadlines_time_also_when_clocks_change(
    due: str, handed_in: str, days: int
) -> None:
    found = lateness(penalty(moment(due, OSLO), grace=0), moment(handed_in, OSLO), OSLO)
    assert found == Lateness(days, days / 10)


def test_the_zone_of_the_course_decides() -> None:
    due = moment("2026-10-24T23:59", OSLO)
    handed_in = due + DAY + 30 * MINUTE
    found = [lateness(penalty(due, grace=0), handed_in, zone).days for zone in (OSLO, "UTC")]
    assert found == [1, 2]


@pytest.mark.parametrize(
    ("late", "at", "accepts"),
    [
        (LateRule.REFUSE, DUE + 15 * MINUTE, True),
        (LateRule.REFUSE, DUE + 15 * MINUTE + TICK, False),
        (LateRule.PENALTY, DUE + 90 * DAY, True),
    ],
)
def test_grace_is_for_taking_and_the_receipt_still_says_late(
    late: LateRule, at: datetime, accepts: bool
) -> None:
    assignment = Assignment("a", "A", DUE, late, grace_minutes=15)
    assert (assignment.accepts(at), assignment.on_time(at)) == (accepts, False)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-27T23:59", "2026-11-27T22:59+00:00"),
        ("2026-07-01T23:59", "2026-07-01T21:59+00:00"),
        # Twice on that day's clocks: the second is meant.
        ("2026-10-25T02:30", "2026-10-25T01:30+00:00"),
    ],
)
def test_times_of_forms_are_the_courses(text: str, utc: str) -> None:
    assert moment(text, OSLO) == datetime.fromisoformat(utc)
    assert moment(text, OSLO).astimezone(ZoneInfo(OSLO)).isoformat().startswith(text)


def test_a_time_that_the_clocks_skip() -> None:
    with pytest.raises(Malformed, match="The clocks skip 02:30 on that day"):
        moment("2027-03-28T02:30", OSLO)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-11-27T23:59+01:00", "9999-12-31T23:59", "0001-01-01T00:00"]
)
def test_no_times_of_forms(text: str) -> None:
    with pytest.raises(Malformed, match="is no day and time"):
        moment(text, OSLO)


def test_programs_send_the_offset() -> None:
    assert exact("2026-11-27T23:59:00+01:00") == DUE
    with pytest.raises(Malformed):
        exact("2026-11-27T23:59:00")


def test_reasons_and_group_names() -> None:
    assert reason(" ill \n for a week ") == "ill for a week"
    assert group_name(" Monday  10-12 ") == "Monday 10-12"
    for text in ("", " ", "\0", "x" * 501):
        with pytest.raises(Malformed):
            reason(text)
    for text in ("", " ", "a/b", "\0", "x" * 65):
        with pytest.raises(BadName):
            group_name(text)


def test_the_rule_as_a_sentence() -> None:
    assert rule(penalty()) == (
        "Late work loses 10 % of the points for each started day. "
        "15 minutes after the deadline are still in time."
    )
    assert rule(penalty(grace=0, share=0.125)) == (
        "Late work loses 12.5 % of the points for each started day."
    )
    assert rule(Assignment("a", "A", DUE)) == "Late work is taken."
    assert rule(Assignment("a", "A", DUE, LateRule.REFUSE, grace_minutes=1)) == (
        "Late work is not taken. One minute after the deadline is still in time."
    )
    assert rule(Assignment("a", "A", None, LateRule.REFUSE)) == ""
