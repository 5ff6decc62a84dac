"""What the visible tests say of hand-ins, where a course lets its students see that at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.grades import Reason, State
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, find_course
from courses.store.submissions import SubmissionRow


class CheckRow(Base):
    """What was found out about a hand-in; it is never found out again."""

    __tablename__ = "grading_checks"

    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[dict[str, Any]] = mapped_column(JSON)
    tests: Mapped[list[list[Any]]] = mapped_column(JSON)


@dataclass(frozen=True)
class Check:
    """What the visible tests say of a hand-in.

    Attributes:
        tests: each test's name, and whether it was passed.
    """

    state: State
    reason: Reason
    tests: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Batch:
    """Hand-ins to one assignment that are to be checked, the oldest first: person and number."""

    course: str
    assignment: str
    submissions: tuple[tuple[str, str], ...]


def waiting(session: Session, most: int) -> Batch | None:
    """The next hand-ins to check; None when there are none. Of each person only the last one."""
    for row in session.scalars(select(AssignmentRow).filter_by(withdrawn=False)):
        if not row.value().grading.grade_on_submit:
            continue
        last = (
            select(SubmissionRow.user, func.max(SubmissionRow.timestamp).label("timestamp"))
            .where(SubmissionRow.assignment_id == row.id)
            .group_by(SubmissionRow.user)
            .subquery()
        )
        found = session.execute(
            select(SubmissionRow.user, SubmissionRow.id)
            .join(
                last,
                (last.c.user == SubmissionRow.user) & (last.c.timestamp == SubmissionRow.timestamp),
            )
            .outerjoin(CheckRow, CheckRow.submission_id == SubmissionRow.id)
            .where(SubmissionRow.assignment_id == row.id, CheckRow.submission_id.is_(None))
            .order_by(SubmissionRow.timestamp)
            .limit(most)
        ).all()
        if found:
            return Batch(row.course.slug, row.name, tuple((user, key) for user, key in found))
    return None


def put(session: Session, found: Sequence[tuple[str, Check]], *, at: datetime) -> None:
    """What was found out, by the submission's id; one that is not there any more is left out."""
    for key, check in found:
        submission = session.get(SubmissionRow, key)
        if submission is None or session.get(CheckRow, key) is not None:
            continue
        row = CheckRow(submission_id=key, at=at, state=check.state.value)
        row.reason = {"kind": check.reason.kind, "facts": dict(check.reason.facts)}
        row.tests = [list(each) for each in check.tests]
        session.add(row)
        note(
            *(session, "classroom", "check", submission.assignment.course.slug, at),
            subject=submission.user,
            assignment=submission.assignment.name,
            id=key,
            state=check.state.value,
            passed=sum(passed for _, passed in check.tests),
            tests=len(check.tests),
        )


def of_submission(session: Session, key: str) -> tuple[bool, Check | None]:
    """Whether a hand-in is checked at all, and what the visible tests say; None: not yet."""
    submission = session.get_one(SubmissionRow, key)
    row = session.get(CheckRow, key)
    if row is not None:
        return True, _check(row)
    last = session.scalar(
        select(func.max(SubmissionRow.timestamp)).where(
            SubmissionRow.assignment_id == submission.assignment_id,
            SubmissionRow.user == submission.user,
        )
    )
    return _is_wanted(submission) and last == submission.timestamp, None


def of_person(session: Session, slug: str, user: str) -> dict[str, Check | None]:
    """By submission, what the visible tests say of a person's hand-ins to a course; None: not yet.

    What is not checked is not in it.
    """
    rows = session.execute(
        select(SubmissionRow, CheckRow)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .outerjoin(CheckRow, CheckRow.submission_id == SubmissionRow.id)
        .where(AssignmentRow.course_id == find_course(session, slug).id, SubmissionRow.user == user)
        .order_by(SubmissionRow.timestamp)
    ).all()
    last = {submission.assignment_id: submission.id for submission, _ in rows}
    found: dict[str, Check | None] = {}
    for submission, row in rows:
        if row is not None:
            found[submission.id] = _check(row)
        elif submission.id == last[submission.assignment_id] and _is_wanted(submission):
            found[submission.id] = None
    return found


def _check(row: CheckRow) -> Check:
    tests = tuple((str(name), bool(passed)) for name, passed in row.tests)
    return Check(State(row.state), Reason(**row.reason), tests)


def _is_wanted(submission: SubmissionRow) -> bool:
    """Whether hand-ins to its assignment are checked."""
    assignment = submission.assignment
    return assignment.value().grading.grade_on_submit and not assignment.withdrawn
