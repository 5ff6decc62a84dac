"""Extensions of deadlines, the groups they are given to, and how late work is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from courses import names
from courses.classroom.desks.base import Desk
from courses.course import Assignment, Caller, Course, Enrolment
from courses.deadlines import Extension, Group, Lateness, group_name, lateness, reason
from courses.store import access, deadlines, groups, people, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.submissions import Submission


@dataclass(frozen=True)
class Whom:
    """Who gets more time: one person, or one group. Exactly one is named."""

    user: str = ""
    group: str = ""


@dataclass(frozen=True)
class Plan:
    """All that a course has on deadlines, as its staff sees it."""

    course: Course
    extensions: tuple[Extension, ...]
    groups: tuple[Group, ...]
    people: tuple[Enrolment, ...]


@dataclass(frozen=True)
class Late:
    """One hand-in, and how late it is by the deadline that its person has now."""

    submission: Submission
    assignment: Assignment
    lateness: Lateness


class Deadlines(Desk):
    """Who has until when. Staff gives more time, assistants too; operators look."""

    def plan(self, who: Caller, slug: str) -> Plan:
        """The extensions and groups of a course, for staff."""
        with self.looking(who, slug, "deadlines") as session:
            return Plan(
                course_rows.get_course(session, slug),
                tuple(deadlines.extensions(session, slug)),
                tuple(groups.groups(session, slug)),
                tuple(people.people(session, slug)),
            )

    def check(self, who: Caller, slug: str) -> None:
        """Raise unless the person may change extensions and groups."""
        with self.store.reading() as session:
            access.staff(session, slug, who)

    def extend(
        self,
        who: Caller,
        slug: str,
        name: str,
        whom: Whom,
        due: Callable[[str], datetime],
        why: str,
    ) -> Extension:
        """Give more time, or change what was given. ``due`` gets the course's time zone."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            zone = course_rows.find_course(session, slug).timezone
            return deadlines.extend(
                session,
                slug,
                name,
                user=whom.user and names.user(whom.user),
                group=whom.group and group_name(whom.group),
                due=due(zone),
                reason=reason(why),
                actor=who.name,
                at=now(),
            )

    def withdraw(self, who: Caller, slug: str, name: str, whom: Whom) -> None:
        """Take an extension back."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            deadlines.withdraw(
                session,
                slug,
                name,
                user=whom.user and names.user(whom.user),
                group=whom.group and group_name(whom.group),
                actor=who.name,
                at=now(),
            )

    def put_group(self, who: Caller, slug: str, name: str, members: Sequence[str]) -> Group:
        """Make a group, or say anew who is in it."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            return groups.put_group(
                session,
                slug,
                group_name(name),
                [names.user(each) for each in members],
                actor=who.name,
                at=now(),
            )

    def remove_group(self, who: Caller, slug: str, name: str) -> None:
        """Remove a group that has no extension."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            deadlines.remove_group(session, slug, group_name(name), actor=who.name, at=now())

    def late(self, who: Caller, slug: str, name: str) -> list[Late]:
        """How late each hand-in to an assignment is, oldest first; for staff."""
        with self.looking(who, slug, f"lateness of {name}") as session:
            row = course_rows.find_assignment(session, slug, name)
            found = submissions.of_course(session, slug, assignment=name)
            users = {each.receipt.user for each in found}
            own = deadlines.assignment_for_each(session, row, users)
            zone = row.course.timezone
        return [
            Late(
                each,
                own[each.receipt.user],
                lateness(own[each.receipt.user], each.receipt.timestamp, zone),
            )
            for each in found
        ]
