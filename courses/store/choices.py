"""Which of a person's versions is graded: the last, or the one that the person has named."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from courses.errors import FeedbackIsOut
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.submissions import ChoiceRow, FeedbackRow, SubmissionRow, find_row


def choose(session: Session, slug: str, submission_id: str, *, actor: str, at: datetime) -> None:
    """Let this version be graded, whatever comes later. Raises `NotFound`, `FeedbackIsOut`."""
    submission = find_row(session, slug, submission_id)
    _not_graded(session, submission)
    row = session.get(ChoiceRow, (submission.assignment_id, submission.user))
    before = row.submission_id if row else None
    if before == submission_id:
        return
    if row is None:
        row = ChoiceRow(assignment_id=submission.assignment_id, user=submission.user)
        session.add(row)
    row.submission_id, row.chosen = submission_id, at
    _note(session, slug, submission, actor, at, before, submission_id)


def choose_last(
    session: Session, slug: str, submission_id: str, *, actor: str, at: datetime
) -> None:
    """Take back the choice of this version, so that the last is graded; nothing when it is none.

    Raises `NotFound`, `FeedbackIsOut`.
    """
    submission = find_row(session, slug, submission_id)
    _not_graded(session, submission)
    row = session.get(ChoiceRow, (submission.assignment_id, submission.user))
    if row is not None and row.submission_id == submission_id:
        session.delete(row)
        _note(session, slug, submission, actor, at, submission_id, None)


def _not_graded(session: Session, submission: SubmissionRow) -> None:
    graded = session.scalar(
        select(FeedbackRow.submission_id)
        .join(SubmissionRow, SubmissionRow.id == FeedbackRow.submission_id)
        .where(SubmissionRow.assignment_id == submission.assignment_id)
        .where(SubmissionRow.user == submission.user)
        .limit(1)
    )
    if graded is not None:
        raise FeedbackIsOut(
            _(
                "Feedback on this work is out, so another version cannot be chosen any more. "
                "Ask the people who teach the course."
            )
        )


def _note(
    session: Session,
    slug: str,
    submission: SubmissionRow,
    actor: str,
    at: datetime,
    before: str | None,
    after: str | None,
) -> None:
    note(
        session,
        actor,
        "choose",
        slug,
        at,
        subject=submission.user,
        before={"to_grade": before} if before else None,
        after={"to_grade": after} if after else None,
        assignment=submission.assignment.name,
        id=submission.id,
    )
