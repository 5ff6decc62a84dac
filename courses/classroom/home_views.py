"""What is due, over all of a person's courses, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from courses import words
from courses.classroom import times
from courses.classroom.desks import Standing
from courses.classroom.views import View
from courses.course import Course, Role

_MOST = 6


def due(
    found: Iterable[tuple[Course, Role, Sequence[Standing]]],
    now: datetime,
    base: Callable[[str], str],
) -> list[View]:
    """The next deadlines of what the person takes, the first first; none where one says it all.

    Args:
        base: a course's slug -> its address.
    """
    ahead = [
        (each.assignment.due, course, each)
        for course, role, standings in found
        if role is Role.STUDENT
        for each in standings
        if each.released and each.assignment.due and each.assignment.due > now
    ]
    if len(ahead) < 2:  # its course's card has it
        return []
    return [
        {
            "title": each.assignment.title,
            "course": course.title,
            "address": f"{base(course.slug)}#{each.assignment.name}",
            "when": times.near(at, now, course.timezone),
            "distance": words.distance(at, now),
            "handed_in": bool(each.submissions),
        }
        for at, course, each in sorted(ahead, key=lambda one: one[0])[:_MOST]
    ]
