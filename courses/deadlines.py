"""Deadlines: what late work costs, times as people write them, extensions as values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from courses.course import Assignment, LateRule
from courses.errors import BadName, Malformed
from courses.language import gettext as _
from courses.language import ngettext

_LAST_YEAR = 2999
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Extension:
    """More time for one person or one group.

    Attributes:
        id: its number.
        assignment: the assignment's name.
        user: the person's name, or empty.
        group: the group's name, or empty; exactly one of the two is given.
        due: the deadline that holds instead, with a time zone.
        reason: why, for the people who teach.
        given_by: who gave it.
        given: when, or when it was changed last.
    """

    id: int
    assignment: str
    user: str
    group: str
    due: datetime
    reason: str
    given_by: str
    given: datetime


@dataclass(frozen=True)
class Group:
    """Some of a course's people, by name: a lab group."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Lateness:
    """How late a hand-in is, by the deadline that its person has now.

    Attributes:
        days: started days after the deadline and its grace; 0 is on time.
        penalty: the share of the maximum points that is taken off, 0 to 1.
    """

    days: int
    penalty: float


def lateness(assignment: Assignment, at: datetime, zone: str) -> Lateness:
    """How late work that is complete at ``at`` is.

    A day ends when the clocks of the course show the time of the deadline (and its grace) again,
    also where they were changed in between and the day has 23 or 25 hours.

    Args:
        assignment: with the person's own deadline.
        at: with a time zone.
        zone: the course's IANA zone.
    """
    last = assignment.last_moment
    if last is None or at <= last:
        return Lateness(0, 0.0)
    start = last.astimezone(ZoneInfo(zone))
    # Never more than a day off, whatever the clocks do.
    days = max(1, math.floor((at - last) / timedelta(days=1)) - 1)
    while _later(start, days) < at:
        days += 1
    if assignment.late is not LateRule.PENALTY:
        return Lateness(days, 0.0)
    return Lateness(days, min(1.0, round(days * assignment.penalty_per_day, 9)))


def _later(start: datetime, days: int) -> datetime:
    # The sum of a time in a zone and some days is on its clocks; the comparison must be in UTC.
    return (start + timedelta(days=days)).astimezone(UTC)


def rule(assignment: Assignment) -> str:
    """What happens to late work, as a sentence; empty without a deadline."""
    if assignment.due is None:
        return ""
    grace = assignment.grace_minutes
    match assignment.late:
        case LateRule.REFUSE:
            text = _("Late work is not taken.")
        case LateRule.ACCEPT:
            text = _("Late work is taken.")
        case LateRule.PENALTY:
            share = f"{assignment.penalty_per_day * 100:.4g}"
            text = _("Late work loses {share} % of the points for each started day.", share=share)
    if not grace:
        return text
    more = ngettext(
        "One minute after the deadline is still in time.",
        "{count} minutes after the deadline are still in time.",
        grace,
    )
    return f"{text} {more}"


def cost(found: Lateness) -> str:
    """What a late hand-in loses, in words."""
    if not found.days:
        return _("counts as in time")
    days = ngettext("{count} day", "{count} days", found.days)
    if not found.penalty:
        return days
    return _("{days}: {share} % off", days=days, share=f"{found.penalty * 100:.4g}")


def moment(text: str, zone: str) -> datetime:
    """A moment as a form sends it, ``2026-11-27T23:59``, on the clocks of a zone.

    Of an hour that the clocks show twice it is the second, so that nobody gets less time than was
    meant. Raises `Malformed`, also for an hour that they skip.
    """
    found = _parsed(text)
    if found.tzinfo is not None:
        raise _unreadable(text)
    local = found.replace(tzinfo=ZoneInfo(zone), fold=1)
    if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != found:
        raise Malformed(
            _("The clocks skip {time} on that day. Give another time.", time=f"{found:%H:%M}")
        )
    return local.astimezone(UTC)


def exact(text: str) -> datetime:
    """A moment with its offset, as programs send it. Raises `Malformed`."""
    found = _parsed(text)
    if found.tzinfo is None:
        raise _unreadable(text)
    return found.astimezone(UTC)


def reason(text: str) -> str:
    """Why somebody gets more time, in one line. Raises `Malformed` when nothing is said."""
    found = " ".join(text.split())
    if not found or not found.isprintable():
        raise Malformed(_("Give the reason of the extension."))
    if len(found) > _LONGEST_REASON:
        raise Malformed(
            _("The reason is longer than {count} letters. Shorten it.", count=_LONGEST_REASON)
        )
    return found


def group_name(text: str) -> str:
    """A group's name, as people write it: ``Monday 10-12``. Raises `BadName`."""
    found = " ".join(text.split())
    if not 0 < len(found) <= 64 or not found.isprintable() or "/" in found:
        raise BadName(
            _("A group's name has 1 to 64 letters, digits, spaces and signs other than '/'.")
        )
    return found


def _parsed(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _unreadable(text) from error
    # Zones and sums of days must stay inside Python's calendar.
    if not 1970 < found.year <= _LAST_YEAR:
        raise _unreadable(text)
    return found


def _unreadable(text: str) -> Malformed:
    return Malformed(
        _("{given} is no day and time. Give it like 2026-11-27T23:59.", given=repr(text[:60]))
    )
