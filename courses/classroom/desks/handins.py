"""Handing in, and what was handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from sqlalchemy.orm import Session

from courses import archives, words
from courses.archives import Limits
from courses.classroom.desks.base import Desk, Upload, released
from courses.course import Assignment, Caller, Course
from courses.errors import DeadlinePassed
from courses.language import gettext as _
from courses.receipts import keys_json
from courses.store import Incoming, access, choices, deadlines, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.submissions import PackedFile, Submission, content_of


@dataclass(frozen=True)
class Accepted:
    """What became of an upload: the signed receipt, and whether there was none of it before."""

    receipt: str
    new: bool


class HandIns(Desk):
    """Submissions."""

    def submit(self, who: Caller, slug: str, name: str) -> Upload:
        """A person hands work in; the answer is what was `Accepted`.

        What equals the person's last version, file by file, is that version: its receipt is given
        again, whenever it comes. So a request whose answer was lost may be repeated.
        """
        with self.store.reading() as session:
            limits = self._limits(session, who, slug, name)

        def finish(incoming: Incoming) -> Accepted:
            at = now()
            files = archives.inspect(incoming.path, limits)
            with self.store.reading() as session:
                # Before anything is stored; what holds is decided once more below.
                if known := self._known(session, who, slug, name, files):
                    return known
                self._accepting(session, who, slug, name, at)
            self.store.contents.keep(incoming.path, files, limits)
            signer = self.store.keys.signer
            with self.store.writing() as session:
                if known := self._known(session, who, slug, name, files):
                    return known
                assignment = self._accepting(session, who, slug, name, at)
                receipt = submissions.record(
                    session, slug, assignment, user=who.name, at=at, files=files, signer=signer
                )
            return Accepted(receipt, new=True)

        return Upload(limits.bytes, finish)

    def _limits(self, session: Session, who: Caller, slug: str, name: str) -> Limits:
        try:
            found = self._accepting(session, who, slug, name, now())
        except DeadlinePassed:
            # It may be what was handed in before.
            if submissions.latest(session, slug, name, who.name) is None:
                raise
            found = course_rows.find_assignment(session, slug, name).value()
        return Limits(found.max_bytes, found.max_files, found.kinds)

    @staticmethod
    def _known(
        session: Session, who: Caller, slug: str, name: str, files: Sequence[PackedFile]
    ) -> Accepted | None:
        access.member(session, slug, who)
        released(session, slug, name)
        last = submissions.latest(session, slug, name, who.name)
        if last is None or last.receipt.content != content_of(files):
            return None
        return Accepted(last.signed, new=False)

    def choose(self, who: Caller, slug: str, submission_id: str) -> None:
        """A person names the version to grade."""
        with self.store.writing() as session:
            self._own(session, who, slug, submission_id)
            choices.choose(session, slug, submission_id, actor=who.name, at=now())

    def choose_last(self, who: Caller, slug: str, submission_id: str) -> None:
        """A person takes that back: the last version is the one to grade."""
        with self.store.writing() as session:
            self._own(session, who, slug, submission_id)
            choices.choose_last(session, slug, submission_id, actor=who.name, at=now())

    @staticmethod
    def _own(session: Session, who: Caller, slug: str, submission_id: str) -> str:
        """Whose submission it is, who must be the one who asks."""
        if not who.operator:
            access.member(session, slug, who)
        user = submissions.find_row(session, slug, submission_id).user
        access.author(session, slug, who, user)
        return user

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

    def archive(self, who: Caller, slug: str, submission_id: str) -> IO[bytes]:
        """The files as they were handed in, as an archive to read and close."""
        return self.store.contents.packed(self.one(who, slug, submission_id).receipt.files)

    def receipt_keys(self) -> str:
        """The public keys that check receipts, for everybody."""
        return keys_json(self.store.keys.published())

    def _accepting(
        self, session: Session, who: Caller, slug: str, name: str, at: datetime
    ) -> Assignment:
        access.member(session, slug, who)
        released(session, slug, name)
        row = course_rows.find_assignment(session, slug, name)
        assignment = deadlines.assignment_for(session, row, who.name)
        if not assignment.accepts(at) and assignment.due is not None:
            raise DeadlinePassed(
                _(
                    "{title} was due on {due}, and does not take late work. "
                    "Ask the people who teach the course for more time.",
                    title=assignment.title,
                    due=words.date(assignment.due, row.course.timezone),
                )
            )
        return assignment
