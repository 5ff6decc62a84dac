"""Collecting, grading and publishing, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from courses.classroom.desks.base import Desk
from courses.course import Assignment, Caller, Course
from courses.coursedir.folder import folder_of, trial_of
from courses.coursedir.publish import Planned, plan
from courses.coursedir.scores import Scored, scores
from courses.errors import NotFound, Refused
from courses.grades import Progress, State
from courses.grading import again
from courses.grading.figures import Figures, figures
from courses.language import gettext as _
from courses.store import access, checks, grading, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.store.checks import Check
from courses.store.grading import Kept, Kind, Run, Stage
from courses.submissions import Submission


@dataclass(frozen=True)
class Entry:
    """Where grading stands with one person's work.

    Attributes:
        to_grade: the version to grade.
        kept: what came of it; None before it was graded.
        scored: what the gradebook has; None before it was recorded.
    """

    user: str
    to_grade: Submission
    kept: Kept | None
    scored: Scored | None

    @property
    def again(self) -> bool:
        """Whether the person wants another version graded than the one that was."""
        return self.kept is not None and self.kept.submission != self.to_grade.receipt.id

    @property
    def manual(self) -> bool:
        """Whether somebody must grade some of it by hand."""
        return bool(self.scored and self.scored.manual)

    @property
    def to_look_at(self) -> bool:
        """Whether it did not simply go well."""
        return self.kept is not None and self.kept.outcome.state is not State.GRADED


@dataclass(frozen=True)
class Board:
    """Where grading stands with an assignment.

    Attributes:
        came_in: when the course came in last, and with it perhaps other tests.
        run: the newest; None before the first.
        entries: who has handed in, by name.
        tests: what is known of the tests.
    """

    course: Course
    assignment: Assignment
    came_in: datetime
    run: Run | None
    entries: Sequence[Entry]
    tests: Sequence[Figures]


class GradingDesk(Desk):
    """What staff does to grade. Operators look."""

    def board(self, who: Caller, slug: str, name: str) -> Board:
        """Where grading stands."""
        with self.looking(who, slug, f"grading of {name}") as session:
            assignment = course_rows.find_assignment(session, slug, name).value()
            course = course_rows.get_course(session, slug)
            came_in = course_rows.find_course(session, slug).synchronised
            run = grading.last_run(session, slug, name)
            kept = grading.outcomes(session, slug, name)
            found = submissions.of_course(session, slug, assignment=name)
        entries = _entries(found, kept, self._scores(slug, name))
        tests = figures(again.known(folder_of(self.store, slug), name))
        return Board(course, assignment, came_in, run, entries, tests)

    def plan(self, who: Caller, slug: str, name: str) -> tuple[Board, list[Planned]]:
        """What publishing would give to whom."""
        return self.board(who, slug, name), plan(self.store, slug, name)

    def trial(self, who: Caller, slug: str, name: str) -> tuple[Board, dict[str, Scored]]:
        """What grading everybody's again gave in a copy, by person; empty unless that was last."""
        board = self.board(who, slug, name)
        run = board.run
        if run is None or (run.kind, run.stage) != (Kind.PREVIEW, Stage.DONE):
            return board, {}
        return board, scores(trial_of(self.store, slug), name)

    def run(self, who: Caller, slug: str, name: str) -> Run | None:
        """The newest run, for who may follow it."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            return grading.last_run(session, slug, name)

    def check(self, who: Caller, slug: str, submission_id: str) -> tuple[bool, Check | None]:
        """Whether a hand-in is checked at all, and what the visible tests say.

        For its owner and for staff; an operator's look at the hand-in is in the audit already.
        """
        with self.store.reading() as session:
            user = submissions.find_row(session, slug, submission_id).user
            access.owner(session, slug, who, user)
            return checks.of_submission(session, submission_id)

    def ask(self, who: Caller, slug: str, name: str, kind: Kind, *, everybody: bool = False) -> Run:
        """Staff wants it done. Raises `Refused` while something is being done already."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            found = submissions.of_course(session, slug, assignment=name)
            course_rows.find_assignment(session, slug, name)
            if not found:
                raise Refused(_("Nobody has handed in yet, so there is nothing to grade."))
            return grading.ask(
                *(session, slug, name, kind), everybody=everybody, actor=who.name, at=now()
            )

    def stop(self, who: Caller, slug: str, name: str, far: Callable[[int], Progress | None]) -> int:
        """Staff stops what is being done; return its number. What is graded by then stays so.

        Args:
            far: how far a run is, by its number.
        """
        with self.store.writing() as session:
            access.staff(session, slug, who)
            run = grading.last_run(session, slug, name)
            if run is None or run.stage.over:
                raise NotFound(_("Nothing is being graded just now."))
            known = far(run.id)
            grading.end(
                *(session, run.id, Stage.STOPPED),
                done=known.done if known else 0,
                total=known.total if known else 0,
                actor=who.name,
                at=now(),
            )
            return run.id

    def _scores(self, slug: str, name: str) -> Mapping[str, Scored]:
        return scores(folder_of(self.store, slug), name)


def _entries(
    found: Sequence[Submission], kept: Mapping[str, Kept], scored: Mapping[str, Scored]
) -> list[Entry]:
    wanted = {each.receipt.user: each for each in found if each.to_grade}
    return [
        Entry(user, submission, kept.get(user), scored.get(user))
        for user, submission in sorted(wanted.items())
    ]
