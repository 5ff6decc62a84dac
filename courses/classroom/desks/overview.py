"""What staff sees of a course, and of one of its people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from courses.classroom.desks.base import Desk
from courses.course import Assignment, Caller, Course, Role
from courses.errors import NotFound
from courses.language import gettext as _
from courses.overview import Grade, Overview, grades
from courses.store import access, audit, deadlines, overview, submissions
from courses.store import courses as course_rows
from courses.store.audit import Change, Wanted
from courses.submissions import Submission

MOST_CHANGES = 500


@dataclass(frozen=True)
class History:
    """All that a course knows of one person.

    Attributes:
        role: None when the person is not in the course any more.
        assignments: with the person's own deadlines.
        submissions: every version, oldest first.
        changes: what the person did and what was done to the person, newest first, the newest 500.
    """

    course: Course
    user: str
    role: Role | None
    assignments: tuple[Assignment, ...]
    overview: Overview
    submissions: tuple[Submission, ...]
    changes: tuple[Change, ...]


class OverviewDesk(Desk):
    """Counts, exports and histories."""

    def course(self, who: Caller, slug: str) -> tuple[Course, Overview]:
        """Where everybody stands."""
        with self.looking(who, slug, "course") as session:
            return course_rows.get_course(session, slug), overview.overview(session, slug)

    def grades(self, who: Caller, slug: str) -> list[Grade]:
        """The scores that are released: a row for each student and assignment."""
        with self.looking(who, slug, "grades") as session:
            course = course_rows.get_course(session, slug)
            names = [each.name for each in course.assignments]
            return grades(overview.overview(session, slug), names)

    def history(self, who: Caller, slug: str, user: str) -> History:
        """One person's; raises `NotFound` for somebody of whom the course knows nothing."""
        with self.looking(who, slug, "history", user=user) as session:
            # Not the person's own page: it has what staff says among itself.
            access.looker(session, slug, who)
            role = access.role_of(session, slug, user)
            changes = audit.search(session, slug, Wanted(person=user), MOST_CHANGES)
            if role is None and not changes:
                raise NotFound(
                    _("Nobody named {name!r} is in this course. Look at its list.", name=user)
                )
            return History(
                course_rows.get_course(session, slug),
                user,
                role,
                tuple(deadlines.assignments_for(session, slug, user)),
                overview.overview(session, slug),
                tuple(submissions.of_course(session, slug, user=user)),
                tuple(changes),
            )

    def may_follow(self, who: Caller, slug: str) -> Course:
        """The course; raises unless the person may follow its numbers as they come in."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            return course_rows.get_course(session, slug)

    def marks(self, slugs: Collection[str]) -> dict[str, tuple[int, int]]:
        """For the classroom itself: what differs when a course has changed."""
        with self.store.reading() as session:
            return overview.marks(session, slugs)

    def read(self, slug: str) -> Overview:
        """For the classroom itself, which then asks for each reader `may_follow`."""
        with self.store.reading() as session:
            return overview.overview(session, slug)
