"""Complaints about grades, and their answers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.complaints import Complaint
from courses.errors import NotFound, Outdated
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, CourseRow
from courses.store.submissions import SubmissionRow


class ComplaintRow(Base):
    """One complaint; it is open until it is answered."""

    __tablename__ = "complaints"

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"), index=True)
    user: Mapped[str] = mapped_column(String(255), index=True)
    text: Mapped[str]
    opened: Mapped[datetime] = mapped_column(Moment)
    answer: Mapped[str | None]
    answered_by: Mapped[str | None] = mapped_column(String(255))
    closed: Mapped[datetime | None] = mapped_column(Moment)
    task: Mapped[str] = mapped_column(String(300), server_default="")

    submission: Mapped[SubmissionRow] = relationship()


def complain(
    session: Session,
    slug: str,
    submission: str,
    text: str,
    *,
    user: str,
    at: datetime,
    task: str = "",
) -> Complaint:
    """Open a complaint about a task, or about the whole where that is empty.

    Raises `NotFound`; `Outdated` while an earlier one about the same is open.
    """
    row = session.get(SubmissionRow, submission)
    if row is None or row.assignment.course.slug != slug:
        raise NotFound(_("There is no such submission in this course."))
    if row.feedback is None:
        raise Outdated(_("There is no feedback on this submission yet, so nothing to complain of."))
    if task and task not in [each["name"] for each in row.feedback.tasks or ()]:
        raise NotFound(_("The feedback has no such task. Choose one of its list."))
    same = select(ComplaintRow.id).filter_by(submission_id=submission, closed=None, task=task)
    if session.scalar(same):
        raise Outdated(_("Your complaint is open already. Wait for its answer."))
    complaint = ComplaintRow(submission_id=submission, user=user, text=text, opened=at, task=task)
    session.add(complaint)
    session.flush()
    note(
        *(session, user, "complain", slug, at),
        subject=user,
        after={"task": task, "text": text} if task else {"text": text},
        assignment=row.assignment.name,
        submission=submission,
        id=complaint.id,
    )
    return _value(complaint)


def answer(
    session: Session, slug: str, number: int, text: str, *, actor: str, at: datetime
) -> Complaint:
    """Answer a complaint, which closes it. Raises `NotFound`; `Outdated` when it is closed."""
    row = session.get(ComplaintRow, number)
    if row is None or row.submission.assignment.course.slug != slug:
        raise NotFound(_("There is no such complaint in this course."))
    if row.closed is not None:
        raise Outdated(
            _("This complaint is answered already, by {person}.", person=row.answered_by)
        )
    row.answer, row.answered_by, row.closed = text, actor, at
    note(
        *(session, actor, "answer", slug, at),
        subject=row.user,
        after={"answer": text},
        assignment=row.submission.assignment.name,
        submission=row.submission_id,
        id=row.id,
    )
    return _value(row)


def of_course(session: Session, slug: str) -> list[Complaint]:
    """A course's complaints, the open ones first, then the newest first."""
    rows = session.scalars(
        select(ComplaintRow)
        .join(SubmissionRow)
        .join(AssignmentRow)
        .join(CourseRow)
        .where(CourseRow.slug == slug)
        .order_by(ComplaintRow.closed.is_not(None), ComplaintRow.id.desc())
    )
    return [_value(row) for row in rows]


def open_on(session: Session, slug: str, assignment: str, user: str) -> list[Complaint]:
    """A person's open complaints about an assignment, oldest first."""
    return [
        each
        for each in of_person(session, user)
        if (each.course, each.assignment, each.closed) == (slug, assignment, None)
    ]


def on_submission(session: Session, submission: str) -> list[Complaint]:
    """The complaints about one submission, oldest first."""
    query = select(ComplaintRow).filter_by(submission_id=submission).order_by(ComplaintRow.id)
    return [_value(row) for row in session.scalars(query)]


def of_person(session: Session, user: str) -> list[Complaint]:
    """All complaints of a person, oldest first."""
    query = select(ComplaintRow).filter_by(user=user).order_by(ComplaintRow.id)
    return [_value(row) for row in session.scalars(query)]


def _value(row: ComplaintRow) -> Complaint:
    assignment = row.submission.assignment
    return Complaint(
        row.id,
        assignment.course.slug,
        assignment.name,
        row.submission_id,
        row.user,
        row.text,
        row.opened,
        row.answer,
        row.answered_by,
        row.closed,
        row.task,
    )
