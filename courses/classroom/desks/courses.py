"""Courses, and where people stand in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from courses.classroom.desks.base import Desk
from courses.course import Assignment, Caller, Course, Enrolment, Role
from courses.store import access, people, releases, submissions
from courses.store import courses as course_rows
from courses.submissions import Submission


@dataclass(frozen=True)
class Standing:
    """Where one person stands with one assignment."""

    assignment: Assignment
    released: datetime | None
    fetched: datetime | None
    submissions: tuple[Submission, ...]


@dataclass(frozen=True)
class Classroom:
    """A course as its staff sees it."""

    course: Course
    released: dict[str, datetime]
    people: tuple[Enrolment, ...]
    fetched: dict[tuple[str, str], datetime]
    submissions: tuple[Submission, ...]


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
        """The assignments that the person sees, in the course's order."""
        with self.store.reading() as session:
            role = access.member(session, slug, who)
            course = course_rows.get_course(session, slug)
            released = releases.releases(session, slug)
            fetched = releases.fetches(session, slug)
            own = submissions.of_course(session, slug, user=who.name)
        return [
            Standing(
                assignment,
                released[assignment.name].released if assignment.name in released else None,
                fetched.get((assignment.name, who.name)),
                tuple(each for each in own if each.receipt.assignment == assignment.name),
            )
            for assignment in course.assignments
            if role.grades or assignment.name in released
        ]

    def classroom(self, who: Caller, slug: str) -> Classroom:
        """All that staff sees of a course."""
        with self.looking(who, slug, "course") as session:
            return Classroom(
                course_rows.get_course(session, slug),
                {name: each.released for name, each in releases.releases(session, slug).items()},
                tuple(people.people(session, slug)),
                releases.fetches(session, slug),
                tuple(submissions.of_course(session, slug)),
            )
