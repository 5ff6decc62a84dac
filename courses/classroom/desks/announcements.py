"""What staff announces, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from courses import announcements as rules
from courses.announcements import Announcement
from courses.classroom.desks.base import Desk
from courses.course import Caller, Course
from courses.store import access, announcements, people
from courses.store import courses as course_rows
from courses.store.audit import now


class Announcements(Desk):
    """Announcements to a course."""

    def of_courses(self, who: Caller) -> list[tuple[Course, list[Announcement]]]:
        """What holds now in each of the person's courses."""
        with self.store.reading() as session:
            return [
                (course, announcements.current(session, course.slug, now()))
                for course, _role in people.courses_of(session, who.name)
            ]

    def of(self, who: Caller, slug: str) -> list[Announcement]:
        """What holds now in a course, newest first, for its members."""
        with self.store.reading() as session:
            access.member(session, slug, who)
            return announcements.current(session, slug, now())

    def board(self, who: Caller, slug: str) -> tuple[Course, list[Announcement]]:
        """A course's announcements with the course, for staff, who changes them."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            course = course_rows.get_course(session, slug)
            return course, announcements.current(session, slug, now())

    def announce(
        self,
        who: Caller,
        slug: str,
        title: str,
        text: str,
        until: Callable[[str], datetime] | None,
    ) -> Announcement:
        """Staff announces something; ``until`` gives its end in the course's zone."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            at, zone = now(), course_rows.get_course(session, slug).timezone
            said = rules.text(title, text, until(zone) if until else None, at)
            return announcements.announce(session, slug, said, actor=who.name, at=at)

    def take_down(self, who: Caller, slug: str, number: int) -> None:
        """Staff takes an announcement down."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            announcements.take_down(session, slug, number, actor=who.name, at=now())
