"""Handing in, and what was handed in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from courses import archives, words
from courses.archives import Limits
from courses.classroom.desks.base import Desk, Upload, released
from courses.course import Assignment, Caller, Course
from courses.errors import DeadlinePassed
from courses.store import Incoming, access, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.submissions import Receipt, Submission


class HandIns(Desk):
    """Submissions."""

    def submit(self, who: Caller, slug: str, name: str) -> Upload:
        """A person hands work in; the answer is the `Receipt`."""
        with self.store.reading() as session:
            limit = self._accepting(session, who, slug, name, now()).max_bytes

        def finish(incoming: Incoming) -> Receipt:
            at = now()
            files = archives.inspect(incoming.path, Limits(limit))
            blob = incoming.keep()
            with self.store.writing() as session:
                assignment = self._accepting(session, who, slug, name, at)
                return submissions.record(
                    session, slug, assignment, user=who.name, at=at, blob=blob, files=files
                )

        return Upload(limit, finish)

    def all(self, who: Caller, slug: str, name: str) -> list[Submission]:
        """All people's submissions to an assignment, for staff; oldest first."""
        with self.looking(who, slug, f"submissions to {name}") as session:
            course_rows.find_assignment(session, slug, name)
            return submissions.of_course(session, slug, assignment=name)

    def one(self, who: Caller, slug: str, submission_id: str) -> Submission:
        """One submission, for its owner and for staff."""
        with self.store.reading() as session:
            if not who.operator:
                access.member(session, slug, who)
            found = submissions.find(session, slug, submission_id)
        with self.looking(who, slug, f"submission {submission_id}", user=found.receipt.user):
            return found

    def with_course(self, who: Caller, slug: str, submission_id: str) -> tuple[Course, Submission]:
        """One submission and the course that it belongs to."""
        submission = self.one(who, slug, submission_id)
        with self.store.reading() as session:
            return course_rows.get_course(session, slug), submission

    def archive(self, who: Caller, slug: str, submission_id: str) -> Path:
        """What was submitted, byte for byte."""
        return self.store.blobs.path(self.one(who, slug, submission_id).receipt.sha256)

    def _accepting(
        self, session: Session, who: Caller, slug: str, name: str, at: datetime
    ) -> Assignment:
        access.member(session, slug, who)
        released(session, slug, name)
        row = course_rows.find_assignment(session, slug, name)
        assignment = row.value()
        if not assignment.accepts(at) and assignment.due is not None:
            due = words.date(assignment.due, row.course.timezone)
            raise DeadlinePassed(
                f"{assignment.title} was due on {due}, and does not take late work. "
                "Ask the people who teach the course for more time."
            )
        return assignment
