"""What was handed in, and the feedback that came back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import (
    Mapped,
    Session,
    contains_eager,
    mapped_column,
    relationship,
    selectinload,
)

from courses.course import Assignment
from courses.errors import NotFound
from courses.language import gettext as _
from courses.receipts import Signer
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, CourseRow, find_assignment
from courses.submissions import (
    Feedback,
    PackedFile,
    Receipt,
    Submission,
    TaskPoints,
    content_of,
    receipt_json,
)


class SubmissionRow(Base):
    """One handed-in version. It is written after its files are safe, and never changed.

    ``receipt`` is what was signed and given out, ``sha256`` the digest of the archive of a
    submission that was once kept as such.
    """

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
    content: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str | None] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    receipt: Mapped[str] = mapped_column(Text)

    assignment: Mapped[AssignmentRow] = relationship()
    feedback: Mapped[FeedbackRow | None] = relationship()


class FeedbackRow(Base):
    """The feedback on a submission that is out now; earlier ones are in the audit."""

    __tablename__ = "feedback"

    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    tasks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    released: Mapped[datetime] = mapped_column(Moment)


class ChoiceRow(Base):
    """Which of a person's submissions is to be graded, where it need not be the last."""

    __tablename__ = "choices"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    user: Mapped[str] = mapped_column(String(255), primary_key=True)
    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"))
    chosen: Mapped[datetime] = mapped_column(Moment)


def record(
    session: Session,
    slug: str,
    assignment: Assignment,
    *,
    user: str,
    at: datetime,
    files: Sequence[PackedFile],
    signer: Signer,
) -> str:
    """Record a submission whose files are already safe; return its signed receipt.

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
        user=user,
        timestamp=at,
        due=assignment.due,
        on_time=assignment.on_time(at),
        files=[asdict(file) for file in files],
        content=content_of(files),
        bytes=sum(file.bytes for file in files),
    )
    submission.assignment = row
    submission.receipt = signer.sign(receipt_json(receipt_of(submission)))
    session.add(submission)
    note(
        session,
        user,
        "submit",
        slug,
        at,
        subject=user,
        after={"due": submission.due, "on_time": submission.on_time},
        assignment=assignment.name,
        id=submission.id,
        content=submission.content,
    )
    session.flush()
    return submission.receipt


def latest(session: Session, slug: str, assignment: str, user: str) -> Submission | None:
    """The person's last submission to an assignment."""
    found = of_course(session, slug, user=user, assignment=assignment)
    return found[-1] if found else None


def find(session: Session, slug: str, submission_id: str) -> Submission:
    """A submission of this course; raises `NotFound`."""
    row = find_row(session, slug, submission_id)
    found = of_course(session, slug, user=row.user, assignment=row.assignment.name)
    return next(each for each in found if each.receipt.id == row.id)


def of_course(
    session: Session, slug: str, *, user: str | None = None, assignment: str | None = None
) -> list[Submission]:
    """A course's submissions, oldest first; of one person or one assignment where it is named."""
    query = (
        select(SubmissionRow)
        .options(
            contains_eager(SubmissionRow.assignment).contains_eager(AssignmentRow.course),
            selectinload(SubmissionRow.feedback),
        )
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .where(CourseRow.slug == slug)
        .order_by(SubmissionRow.timestamp, SubmissionRow.id)
    )
    if user is not None:
        query = query.where(SubmissionRow.user == user)
    if assignment is not None:
        query = query.where(AssignmentRow.name == assignment)
    rows = session.scalars(query).all()
    last = {(row.assignment_id, row.user): row.id for row in rows}
    chosen = {
        (choice.assignment_id, choice.user): choice.submission_id
        for choice in session.scalars(
            select(ChoiceRow)
            .join(AssignmentRow, AssignmentRow.id == ChoiceRow.assignment_id)
            .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
            .where(CourseRow.slug == slug)
        )
    }
    to_grade = last | chosen
    return [
        replace(
            _value(row),
            to_grade=to_grade[row.assignment_id, row.user] == row.id,
            chosen=chosen.get((row.assignment_id, row.user)) == row.id,
        )
        for row in rows
    ]


def put_feedback(
    session: Session,
    slug: str,
    submission_id: str,
    feedback: Feedback,
    *,
    actor: str,
) -> None:
    """Release feedback on a submission, in place of an earlier one. Raises `NotFound`."""
    submission = find_row(session, slug, submission_id)
    row = session.get(FeedbackRow, submission_id)
    if row is None:
        row = FeedbackRow(submission_id=submission_id)
        session.add(row)
    before = _points(row) if row.sha256 else None
    row.sha256, row.released = feedback.sha256, feedback.released
    row.score, row.max_score = feedback.score, feedback.max_score
    row.tasks = [asdict(each) for each in feedback.tasks] or None
    note(
        session,
        actor,
        "feedback",
        slug,
        feedback.released,
        before=before,
        after=_points(row),
        assignment=submission.assignment.name,
        id=submission_id,
        user=submission.user,
        sha256=feedback.sha256,
        score=feedback.score,
        max_score=feedback.max_score,
    )


def _points(row: FeedbackRow) -> dict[str, object]:
    """What the audit tells of feedback."""
    return {"score": row.score, "max_score": row.max_score, "sha256": row.sha256}


def find_row(session: Session, slug: str, submission_id: str) -> SubmissionRow:
    """The row of a submission of this course; raises `NotFound`."""
    row = session.get(SubmissionRow, submission_id)
    if row is None or row.assignment.course.slug != slug:
        raise NotFound(
            _(
                "There is no submission '{submission}' in this course. Look at the list of yours.",
                submission=submission_id,
            )
        )
    return row


def receipt_of(row: SubmissionRow) -> Receipt:
    """What the receipt of a submission says; the assignment may have another name since."""
    return Receipt(
        id=row.id,
        course=row.assignment.course.slug,
        assignment=row.assignment.name,
        user=row.user,
        timestamp=row.timestamp,
        due=row.due,
        on_time=row.on_time,
        files=tuple(PackedFile(**file) for file in row.files),
        content=row.content,
        sha256=row.sha256,
    )


def _value(row: SubmissionRow) -> Submission:
    back = row.feedback
    feedback = None
    if back is not None:
        tasks = tuple(TaskPoints(**each) for each in back.tasks or ())
        feedback = Feedback(back.released, back.sha256, back.score, back.max_score, tasks)
    return Submission(receipt_of(row), row.bytes, feedback, row.receipt)
