"""What was handed in, and the feedback that came back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.course import Assignment
from courses.errors import NotFound
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.blobs import Blob
from courses.store.courses import AssignmentRow, CourseRow, find_assignment
from courses.submissions import Feedback, PackedFile, Receipt, Submission


class SubmissionRow(Base):
    """One handed-in version. It is written after its blob is safe, and never changed."""

    __tablename__ = "submissions"
    # nbgrader tells a person's submissions apart by their time.
    __table_args__ = (UniqueConstraint("assignment_id", "user", "timestamp"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    user: Mapped[str] = mapped_column(String(255))
    timestamp: Mapped[datetime] = mapped_column(Moment)
    due: Mapped[datetime | None] = mapped_column(Moment)
    on_time: Mapped[bool]
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)

    assignment: Mapped[AssignmentRow] = relationship()
    feedback: Mapped[FeedbackRow | None] = relationship()


class FeedbackRow(Base):
    """The feedback on a submission that is out now; earlier ones are in the audit."""

    __tablename__ = "feedback"

    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    released: Mapped[datetime] = mapped_column(Moment)


def record(
    session: Session,
    slug: str,
    assignment: Assignment,
    *,
    user: str,
    at: datetime,
    blob: Blob,
    files: Sequence[PackedFile],
) -> Receipt:
    """Record a submission whose blob is already safe; return its receipt.

    The time is moved by a microsecond where a clock that was set back would put it before, or on,
    the person's previous submission.
    """
    row = find_assignment(session, slug, assignment.name)
    last = session.scalar(
        select(func.max(SubmissionRow.timestamp)).filter_by(assignment_id=row.id, user=user)
    )
    if last is not None and at <= last:
        at = last + timedelta(microseconds=1)
    submission = SubmissionRow(
        id=secrets.token_hex(8),
        assignment_id=row.id,
        user=user,
        timestamp=at,
        due=assignment.due,
        on_time=assignment.on_time(at),
        files=[asdict(file) for file in files],
        sha256=blob.sha256,
        bytes=blob.bytes,
    )
    session.add(submission)
    note(
        session,
        user,
        "submit",
        slug,
        at,
        assignment=assignment.name,
        id=submission.id,
        sha256=blob.sha256,
    )
    session.flush()
    return _value(submission, slug, assignment.name).receipt


def find(session: Session, slug: str, submission_id: str) -> Submission:
    """A submission of this course; raises `NotFound`."""
    return _value(_row(session, slug, submission_id), slug)


def of_course(
    session: Session, slug: str, *, user: str | None = None, assignment: str | None = None
) -> list[Submission]:
    """A course's submissions, oldest first; of one person or one assignment where it is named."""
    query = (
        select(SubmissionRow)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .where(CourseRow.slug == slug)
        .order_by(SubmissionRow.timestamp, SubmissionRow.id)
    )
    if user is not None:
        query = query.where(SubmissionRow.user == user)
    if assignment is not None:
        query = query.where(AssignmentRow.name == assignment)
    return [_value(row, slug) for row in session.scalars(query)]


def put_feedback(
    session: Session,
    slug: str,
    submission_id: str,
    feedback: Feedback,
    *,
    actor: str,
) -> None:
    """Release feedback on a submission, in place of an earlier one. Raises `NotFound`."""
    submission = _row(session, slug, submission_id)
    row = session.get(FeedbackRow, submission_id)
    if row is None:
        row = FeedbackRow(submission_id=submission_id)
        session.add(row)
    row.sha256, row.released = feedback.sha256, feedback.released
    row.score, row.max_score = feedback.score, feedback.max_score
    note(
        session,
        actor,
        "feedback",
        slug,
        feedback.released,
        id=submission_id,
        user=submission.user,
        sha256=feedback.sha256,
        score=feedback.score,
        max_score=feedback.max_score,
    )


def _row(session: Session, slug: str, submission_id: str) -> SubmissionRow:
    row = session.get(SubmissionRow, submission_id)
    if row is None or row.assignment.course.slug != slug:
        raise NotFound(
            f"There is no submission {submission_id!r} in this course. Look at the list of yours."
        )
    return row


def _value(row: SubmissionRow, slug: str, assignment: str | None = None) -> Submission:
    receipt = Receipt(
        id=row.id,
        course=slug,
        assignment=assignment or row.assignment.name,
        user=row.user,
        timestamp=row.timestamp,
        due=row.due,
        on_time=row.on_time,
        files=tuple(PackedFile(**file) for file in row.files),
        sha256=row.sha256,
    )
    back = row.feedback
    feedback = None
    if back is not None:
        feedback = Feedback(back.released, back.sha256, back.score, back.max_score)
    return Submission(receipt, row.bytes, feedback)
