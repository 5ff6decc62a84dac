"""Runs of grading, and what came of each person's submission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.errors import Refused
from courses.grades import Outcome, Reason, State
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, find_assignment


class Kind(StrEnum):
    """What a run does: bring files to the course directory, grade them too, publish; grade all in a
    copy of the course directory, to see what would change; or run some of them again and again, to
    see which tests differ.
    """

    COLLECT = "collect"
    GRADE = "grade"
    PREVIEW = "preview"
    TESTS = "tests"

    @property
    def records(self) -> bool:
        """Whether what comes of submissions is to be kept."""
        return self not in (Kind.PREVIEW, Kind.TESTS)

    PUBLISH = "publish"


class Stage(StrEnum):
    """How far a run is. What is wanted or under way goes on after the classroom's own end."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def over(self) -> bool:
        return self not in (Stage.WAITING, Stage.RUNNING)


class RunRow(Base):
    """A run. Who asked for it is told by name: the row outlives the person's place in a course."""

    __tablename__ = "grading_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    everybody: Mapped[bool]
    asked_by: Mapped[str] = mapped_column(String(255))
    asked: Mapped[datetime] = mapped_column(Moment)
    ended: Mapped[datetime | None] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(10))
    done: Mapped[int]
    total: Mapped[int]
    says: Mapped[str] = mapped_column(Text)

    assignment: Mapped[AssignmentRow] = relationship()


class OutcomeRow(Base):
    """What came of a person's submission when it was graded last; earlier ones are in the audit."""

    __tablename__ = "grading_outcomes"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    user: Mapped[str] = mapped_column(String(255), primary_key=True)
    submission_id: Mapped[str] = mapped_column(ForeignKey("submissions.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("grading_runs.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    score: Mapped[float | None]
    max_score: Mapped[float | None]


@dataclass(frozen=True)
class Run:
    """A run of grading.

    Attributes:
        everybody: whether what is graded already is graded again.
        ended: None while it is not over.
        done, total: how many submissions it had done when it ended, and of how many.
        says: a sentence on how it ended, where there is something to say.
    """

    id: int
    course: str
    assignment: str
    kind: Kind
    everybody: bool
    asked_by: str
    asked: datetime
    ended: datetime | None
    stage: Stage
    done: int
    total: int
    says: str


@dataclass(frozen=True)
class Kept:
    """What came of one person's submission, and when; the outcome's student is the person."""

    submission: str
    at: datetime
    outcome: Outcome


def ask(
    session: Session,
    slug: str,
    name: str,
    kind: Kind,
    *,
    everybody: bool = False,
    actor: str,
    at: datetime,
) -> Run:
    """Ask for a run. Raises `NotFound`, and `Refused` while one of the assignment is not over."""
    assignment = find_assignment(session, slug, name)
    if any(not each.stage.over for each in _runs(session, assignment)):
        raise Refused(
            _(
                "This assignment is being collected, graded or published just now. "
                "Wait until that is over, or stop it."
            )
        )
    row = RunRow(
        assignment_id=assignment.id,
        kind=kind.value,
        everybody=everybody,
        asked_by=actor,
        asked=at,
        state=Stage.WAITING.value,
        done=0,
        total=0,
        says="",
    )
    session.add(row)
    session.flush()
    note(session, actor, kind.value, slug, at, assignment=name, run=row.id, everybody=everybody)
    return _run(row)


def begin(session: Session, number: int, *, at: datetime) -> bool:
    """A run begins, or goes on after the classroom's end; False when it is over already."""
    row = session.get_one(RunRow, number)
    if Stage(row.state).over:
        return False
    if row.state != Stage.RUNNING:
        row.state = Stage.RUNNING.value
        _note_state(session, row, row.asked_by, at)
    return True


def end(
    session: Session,
    number: int,
    stage: Stage,
    *,
    done: int,
    total: int,
    says: str = "",
    actor: str = "",
    at: datetime,
) -> None:
    """A run is over; nothing happens when it is already.

    Args:
        actor: who stopped it; by default who asked for it.
    """
    row = session.get_one(RunRow, number)
    if Stage(row.state).over:
        return
    row.state, row.ended, row.says = stage.value, at, says
    row.done, row.total = done, total
    _note_state(session, row, actor or row.asked_by, at)


def last_run(session: Session, slug: str, name: str) -> Run | None:
    """The newest run of an assignment. Raises `NotFound`."""
    found = _runs(session, find_assignment(session, slug, name))
    return found[-1] if found else None


def unfinished(session: Session) -> list[Run]:
    """All runs that are not over, in the order in which they were asked for."""
    rows = session.scalars(
        select(RunRow)
        .where(RunRow.state.in_([each.value for each in Stage if not each.over]))
        .order_by(RunRow.id)
    )
    return [_run(row) for row in rows]


def submissions_with_outcome(session: Session, number: int) -> set[str]:
    """The ids of submissions to a run's assignment of which the outcome is known."""
    run = session.get_one(RunRow, number)
    wanted = select(OutcomeRow.submission_id).filter_by(assignment_id=run.assignment_id)
    return set(session.scalars(wanted))


def put_outcomes(
    session: Session, number: int, found: Sequence[tuple[str, Outcome]], *, at: datetime
) -> None:
    """What came of submissions, each with its id, in place of what came of an earlier attempt.

    A submission that is not the person's, or not to the assignment, is left out.
    """
    from courses.store.submissions import SubmissionRow

    run = session.get_one(RunRow, number)
    told = []
    for submission_id, outcome in found:
        submission = session.get(SubmissionRow, submission_id)
        if submission is None or (submission.assignment_id, submission.user) != (
            run.assignment_id,
            outcome.student,
        ):
            continue
        row = session.get(OutcomeRow, (run.assignment_id, outcome.student))
        before = None
        if row is None:
            row = OutcomeRow(assignment_id=run.assignment_id, user=outcome.student)
            session.add(row)
        else:
            before = [row.state, row.score]
        row.submission_id, row.run_id, row.at = submission_id, number, at
        row.state, row.score, row.max_score = outcome.state, outcome.score, outcome.max_score
        row.reason = _plain(outcome.reason)
        row.evidence = [_plain(each) for each in outcome.evidence]
        told.append(
            {
                "user": outcome.student,
                "id": submission_id,
                "before": before,
                "after": [outcome.state.value, outcome.score],
            }
        )
    if told:
        # About nobody alone: what is not published is not told to who asks for their own record.
        note(
            *(session, run.asked_by, "graded", run.assignment.course.slug, at),
            assignment=run.assignment.name,
            run=number,
            outcomes=told,
        )


def outcomes(session: Session, slug: str, name: str) -> dict[str, Kept]:
    """What came of the submissions to an assignment, by person. Raises `NotFound`."""
    rows = session.scalars(
        select(OutcomeRow)
        .filter_by(assignment_id=find_assignment(session, slug, name).id)
        .order_by(OutcomeRow.user)
    )
    return {
        row.user: Kept(
            row.submission_id,
            row.at,
            Outcome(
                row.user,
                State(row.state),
                Reason(**row.reason),
                row.score,
                row.max_score,
                tuple(Reason(**each) for each in row.evidence),
            ),
        )
        for row in rows
    }


def _runs(session: Session, assignment: AssignmentRow) -> list[Run]:
    rows = session.scalars(
        select(RunRow).filter_by(assignment_id=assignment.id).order_by(RunRow.id)
    )
    return [_run(row) for row in rows]


def _run(row: RunRow) -> Run:
    return Run(
        id=row.id,
        course=row.assignment.course.slug,
        assignment=row.assignment.name,
        kind=Kind(row.kind),
        everybody=row.everybody,
        asked_by=row.asked_by,
        asked=row.asked,
        ended=row.ended,
        stage=Stage(row.state),
        done=row.done,
        total=row.total,
        says=row.says,
    )


def _note_state(session: Session, row: RunRow, actor: str, at: datetime) -> None:
    slug, name = row.assignment.course.slug, row.assignment.name
    note(
        *(session, actor, "grading", slug, at),
        assignment=name,
        run=row.id,
        kind=row.kind,
        state=row.state,
    )


def _plain(reason: Reason) -> dict[str, Any]:
    return {"kind": reason.kind, "facts": dict(reason.facts)}
