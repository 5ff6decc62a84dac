"""Feedback: given by staff, read by whom it is for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from courses import archives
from courses.archives import Limits
from courses.classroom.desks.base import Upload
from courses.classroom.desks.handins import HandIns
from courses.course import Caller
from courses.errors import NotFound
from courses.store import Incoming, access, submissions
from courses.store.audit import now
from courses.submissions import Feedback


class FeedbackDesk(HandIns):
    """What comes back on submissions."""

    def give(
        self,
        who: Caller,
        slug: str,
        submission_id: str,
        score: float | None,
        max_score: float | None,
    ) -> Upload:
        """Staff releases feedback on a submission; the answer is the time."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            submissions.find(session, slug, submission_id)

        def finish(incoming: Incoming) -> datetime:
            archives.inspect(incoming.path, Limits(self.staff_max_bytes))
            feedback = Feedback(now(), incoming.keep().sha256, score, max_score)
            with self.store.writing() as session:
                access.staff(session, slug, who)
                submissions.put_feedback(session, slug, submission_id, feedback, actor=who.name)
            return feedback.released

        return Upload(self.staff_max_bytes, finish)

    def read(self, who: Caller, slug: str, submission_id: str) -> Path:
        """The feedback's archive, for the submission's owner and for staff."""
        found = self.one(who, slug, submission_id).feedback
        if found is None:
            raise NotFound("Feedback on this submission is not released yet. Come back later.")
        return self.store.blobs.path(found.sha256)
