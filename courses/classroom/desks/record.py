"""The record of a course: who changed what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from courses.classroom.desks.base import Desk
from courses.course import Caller, Course
from courses.store import audit
from courses.store import courses as course_rows
from courses.store.audit import Change, Wanted

PAGE = 50


@dataclass(frozen=True)
class Page:
    """A page of a course's record.

    Attributes:
        changes: newest first.
        older: what to ask for to get the next page; None on the last one.
        actions: the kinds of change that there are.
    """

    course: Course
    changes: Sequence[Change]
    older: int | None
    actions: Sequence[str]


class Record(Desk):
    """What the audit tells of a course, for its staff and for operators."""

    def page(self, who: Caller, slug: str, wanted: Wanted) -> Page:
        """A page of the changes that are wanted. An operator's look is one more of them."""
        with self.looking(who, slug, "audit") as session:
            found = audit.search(session, slug, wanted, PAGE + 1)
            return Page(
                course_rows.get_course(session, slug),
                found[:PAGE],
                found[PAGE - 1].id if len(found) > PAGE else None,
                audit.actions(session, slug),
            )
