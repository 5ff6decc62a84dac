"""Who is in a course, and the links that let people in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from sqlalchemy.orm import Session

from courses import names, roster
from courses.archives import Limits
from courses.classroom.desks.base import Desk
from courses.course import Caller, Course, Enrolment, Role
from courses.errors import NotAllowed
from courses.joining import CodeWish, JoinCode
from courses.roster import Plan, Roster
from courses.store import access, groups, joining, people, rosters, taking
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.store.people import Member


@dataclass(frozen=True)
class Room:
    """A course's people, as staff sees them.

    Attributes:
        changes: whether the one who looks may change them.
        codes: the newest first; none for who may not change anything, because they let people in.
        guests: what guests typed as their name, by the hub's name.
    """

    course: Course
    members: tuple[Member, ...]
    changes: bool
    codes: tuple[JoinCode, ...]
    guests: dict[str, str]


@dataclass(frozen=True)
class Preview:
    """A roster that was read, and what it would change."""

    course: Course
    roster: Roster
    plan: Plan


class People(Desk):
    """Enrolments by hand, by roster and by join code."""

    def room(self, who: Caller, slug: str) -> Room:
        """All people of a course, for staff."""
        with self.looking(who, slug, "people") as session:
            changes = _manages(session, slug, who)
            return Room(
                course_rows.get_course(session, slug),
                tuple(people.members(session, slug)),
                changes,
                tuple(joining.codes(session, slug)) if changes else (),
                {each.name: each.shown for each in joining.guests(session, slug)},
            )

    def take_home(self, who: Caller) -> IO[bytes]:
        """All that the person handed in anywhere, as an archive to read and close."""
        return taking.take_home(self.store, who.name, Limits(self.staff_max_bytes))

    def enrol(self, who: Caller, slug: str, user: str, role: Role) -> bool:
        """Enrol a person or change the role; returns whether anything changed."""
        user = names.user(user)
        with self.store.writing() as session:
            access.manager(session, slug, who)
            enrolment = Enrolment(slug, user, role)
            return people.enrol(session, enrolment, actor=who.name, at=now())

    def remove(self, who: Caller, slug: str, user: str) -> None:
        """Take a person out of a course; what was handed in stays."""
        with self.store.writing() as session:
            access.manager(session, slug, who)
            people.leave(session, slug, user, actor=who.name, at=now())

    def preview(self, who: Caller, slug: str, data: bytes, *, remove: bool) -> Preview:
        """What a roster would change."""
        with self.store.reading() as session:
            access.manager(session, slug, who)
            course = course_rows.get_course(session, slug)
            enrolled, known = people.people(session, slug), groups.groups(session, slug)
        found = roster.read(data)
        return Preview(course, found, roster.plan(found, enrolled, known, remove=remove))

    def apply(self, who: Caller, slug: str, data: bytes, *, remove: bool, basis: str) -> Plan:
        """Do what a preview showed, whose `basis` is given. Raises `Outdated` for another."""
        with self.store.writing() as session:
            access.manager(session, slug, who)
            return rosters.apply(
                session,
                slug,
                roster.read(data),
                actor=who.name,
                at=now(),
                remove=remove,
                basis=basis,
            )

    def make_code(self, who: Caller, slug: str, wish: CodeWish) -> JoinCode:
        """A new join code."""
        with self.store.writing() as session:
            access.manager(session, slug, who)
            return joining.make_code(session, slug, wish, actor=who.name, at=now())

    def rotate_code(self, who: Caller, slug: str, code_id: int) -> None:
        """Another link for a code, with the same seats taken."""
        with self.store.writing() as session:
            access.manager(session, slug, who)
            joining.rotate(session, slug, code_id, actor=who.name, at=now())

    def close_code(self, who: Caller, slug: str, code_id: int) -> None:
        """A code takes in nobody more."""
        with self.store.writing() as session:
            access.manager(session, slug, who)
            joining.close(session, slug, code_id, actor=who.name, at=now())

    def code(self, who: Caller, slug: str, code_id: int) -> tuple[Course, JoinCode]:
        """One code, to be shown on a wall."""
        with self.store.reading() as session:
            access.manager(session, slug, who)
            course = course_rows.get_course(session, slug)
            return course, joining.code_of(session, slug, code_id)


def _manages(session: Session, slug: str, who: Caller) -> bool:
    try:
        access.manager(session, slug, who)
    except NotAllowed:
        return False
    return True
