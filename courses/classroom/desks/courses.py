"""Courses, and where people stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from courses.classroom.desks.base import Desk
from courses.course import Assignment, Caller, Course, Role
from courses.store import access, checks, deadlines, people, releases, submissions
from courses.store import courses as course_rows
from courses.store.checks import Check
from courses.submissions import Submission


@dataclass(frozen=True)
class Standing:
    """Where one person stands with one assignment, which has the person's own deadline.

    Attributes:
        checks: by submission, what the visible tests say; None while they are waited for.
    """

    assignment: Assignment
    released: datetime | None
    fetched: datetime | None
    submissions: tuple[Submission, ...]
    checks: Mapping[str, Check | None]


class Courses(Desk):
    """What a person sees of courses."""

    def of(self, who: Caller) -> list[tuple[Course, Role]]:
        """The person's courses, by title."""
        with self.store.reading() as session:
            return people.courses_of(session, who.name)

    def one(self, who: Caller, slug: str) -> tuple[Course, Role]:
        """A course of the person's."""
        with self.store.reading() as session:
            role = access.member(session, slug, who)
            return course_rows.get_course(session, slug), role

    def standings(self, who: Caller, slug: str) -> list[Standing]:
        """The assignments that the person sees, in the course's order.

        Those that were taken back, or have left the course, are there while they have work of the
        person's.
        """
        with self.store.reading() as session:
            role = access.member(session, slug, who)
            assignments = deadlines.assignments_for(session, slug, who.name)
            gone = course_rows.withdrawn(session, slug)
            released = {
                name: each.released for name, each in releases.releases(session, slug).items()
            }
            fetched = releases.fetches(session, slug)
            own = submissions.of_course(session, slug, user=who.name)
            said = checks.of_person(session, slug, who.name)
        worked_on = {each.receipt.assignment for each in own}
        shown = [
            each
            for each in assignments
            if role.grades or each.name in released or each.name in worked_on
        ]
        shown += [each for each in gone if each.name in worked_on]
        return [
            Standing(
                each,
                None if each in gone else released.get(each.name),
                fetched.get((each.name, who.name)),
                tuple(one for one in own if one.receipt.assignment == each.name),
                said,
            )
            for each in shown
        ]
