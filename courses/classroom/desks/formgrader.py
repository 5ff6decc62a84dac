"""Grading by hand: who may come in, and what was changed there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from courses.classroom.desks.base import Desk
from courses.complaints import Complaint
from courses.course import Caller, Course
from courses.coursedir.folder import folder_of
from courses.coursedir.generate import GRADEBOOK
from courses.errors import NotFound
from courses.language import gettext as _
from courses.store import access, complaints
from courses.store import courses as course_rows
from courses.store.audit import note, now


class FormgraderDesk(Desk):
    """The course directory, for the people who grade."""

    def look(self, who: Caller, slug: str, page: str) -> Path:
        """The course directory, to look at; for staff, and an operator, whose look is noted."""
        with self.looking(who, slug, f"Formgrader: {page}"):
            return self._directory(slug)

    def change(self, who: Caller, slug: str) -> Path:
        """The course directory, to give marks in; for staff."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
        return self._directory(slug)

    def changed(
        self, who: Caller, slug: str, student: str, assignment: str, told: Mapping[str, Any]
    ) -> None:
        """Keep on record a change: its ``before`` and ``after``, ``notebook`` and ``task``."""
        with self.store.writing() as session:
            note(
                *(session, who.name, "mark", slug, now()),
                subject=student,
                before=told["before"],
                after=told["after"],
                assignment=assignment,
                notebook=told["notebook"],
                task=told["task"],
            )

    def complaints(
        self, slug: str, assignment: str, student: str
    ) -> tuple[Course, list[Complaint]]:
        """What a student says about the grade, and nobody has answered; whoever asks has looked."""
        with self.store.reading() as session:
            found = complaints.open_on(session, slug, assignment, student)
            return course_rows.get_course(session, slug), found

    def _directory(self, slug: str) -> Path:
        found = folder_of(self.store, slug)
        if not (found / GRADEBOOK).is_file():
            raise NotFound(
                _("Nothing is graded in this course yet. Collect and grade an assignment first.")
            )
        return found
