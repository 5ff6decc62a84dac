"""What the desk knows: assignments as one person has them, and the session.

Importing this costs little: nbgrader, which costs seconds, is not needed to look.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...exchange.notes import NOTES, feedback_note, release_note
from ...exchange.values import Assignment, Check, Submission
from ...session.allotment import Allotment


class DeskError(Exception):
    """What can't be done; the text is a sentence for the person."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it: where it was raised helps nobody here."""
        return [str(self)]


class State(enum.StrEnum):
    """How far a person is with an assignment."""

    RELEASED = "released"
    FETCHED = "fetched"
    SUBMITTED = "submitted"
    FEEDBACK = "feedback"


@dataclass(frozen=True)
class Feedback:
    """Of one handed-in version.

    Attributes:
        folder: where it is, or would be once it is fetched.
        fetched: whether the newest is there.
        score: points; None where there are none.
        max_score: of so many.
    """

    folder: Path
    fetched: bool
    score: float | None
    max_score: float | None

    @property
    def pages(self) -> tuple[Path, ...]:
        """What there is to read."""
        return tuple(sorted(self.folder.glob("*.html")))


@dataclass(frozen=True)
class Entry:
    """One assignment, as this person has it.

    Attributes:
        due: the person's own deadline; None without one.
        extended: whether that is an extension.
        late: what becomes of late work: ``accept``, ``refuse`` or ``penalty``.
        penalty_per_day: the share of the points that each started day costs.
        grace_minutes: after the deadline, still in time.
        open: whether it is released now.
        folder: where it is, or would be.
        fetched: whether it is there.
        notebooks: that are in the folder.
        saved: when one of those was last written; None without any.
        submitted: when the last version was handed in; None when none was.
        on_time: whether that was before the deadline.
        versions: how many were handed in.
        check: what the visible tests say of the last one; None where nobody runs them.
        feedback: of the last version that has some; None when there is none.
    """

    name: str
    title: str
    state: State
    due: datetime | None
    extended: bool
    late: str
    penalty_per_day: float
    grace_minutes: int
    open: bool
    folder: Path
    fetched: bool
    notebooks: tuple[Path, ...]
    saved: datetime | None
    submitted: datetime | None
    on_time: bool | None
    versions: int
    check: Check | None
    feedback: Feedback | None


def entry(found: Assignment, course: str, folder: Path) -> Entry:
    """An assignment as the classroom lists it, and what is in this home of it."""
    ours = _has_work(folder) and release_note(folder).get("course", course) == course
    notebooks = tuple(sorted(folder.glob("*.ipynb"))) if ours else ()
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in notebooks]
    last = found.submissions[-1] if found.submissions else None
    feedback = _feedback(found.submissions, folder)
    return Entry(
        name=found.name,
        title=found.title,
        state=_state(ours, last, feedback),
        due=found.due,
        extended=found.extended,
        late=found.late,
        penalty_per_day=found.penalty_per_day,
        grace_minutes=found.grace_minutes,
        open=found.released is not None,
        folder=folder,
        fetched=ours,
        notebooks=notebooks,
        saved=max(times, default=None),
        submitted=last.received if last else None,
        on_time=last.on_time if last else None,
        versions=len(found.submissions),
        check=last.check if last else None,
        feedback=feedback,
    )


def _has_work(folder: Path) -> bool:
    """Whether there is more than what feedback and receipts leave there."""
    return folder.is_dir() and any(
        path.name not in (NOTES, "feedback") for path in folder.iterdir()
    )


def _state(fetched: bool, last: Submission | None, feedback: Feedback | None) -> State:
    if feedback:
        return State.FEEDBACK
    if last:
        return State.SUBMITTED
    return State.FETCHED if fetched else State.RELEASED


def _feedback(submissions: tuple[Submission, ...], folder: Path) -> Feedback | None:
    for one in reversed(submissions):
        if one.feedback:
            place = folder / "feedback" / one.timestamp
            fetched = feedback_note(place) == one.feedback.isoformat()
            return Feedback(place, fetched, one.score, one.max_score)
    return None


@dataclass(frozen=True)
class More:
    """More time that may be had now.

    Attributes:
        hours: how much.
        follows: whether it is another session after this one.
    """

    hours: float
    follows: bool


@dataclass(frozen=True)
class Session:
    """The session that this kernel is in.

    Attributes:
        given: its offer, machine, cores, memory and GPUs.
        ends: when it ends; None when nobody can tell.
        more: the time that it may get; None where there is none.
        news: a sentence of the hub; may be empty.
    """

    given: Allotment
    ends: datetime | None = None
    more: More | None = None
    news: str = ""

    @property
    def left(self) -> timedelta | None:
        """Until it ends."""
        return max(self.ends - datetime.now(UTC), timedelta()) if self.ends else None


@dataclass(frozen=True)
class Problem:
    """What keeps a cell from its points.

    Attributes:
        source: the cell's beginning.
        error: the last line of what it says.
    """

    source: str
    error: str


@dataclass(frozen=True)
class Validation:
    """What a notebook's visible tests say, as nbgrader's *Validate* runs them.

    Attributes:
        notebook: its name.
        failed: cells that fail.
        changed: beginnings of cells with tests that were changed, which grading undoes.
        problem: a sentence when it could not be validated; else empty.
    """

    notebook: str
    failed: tuple[Problem, ...] = ()
    changed: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is nothing to complain of."""
        return not (self.failed or self.changed or self.problem)


@dataclass(frozen=True)
class Receipt:
    """A receipt, with what else there was to say when it was given.

    Attributes:
        id: the receipt's.
        received: the classroom's time.
        due: the deadline; None without one.
        on_time: whether it was before the deadline.
        content: the fingerprint (SHA-256) of what was handed in.
        again: whether the same files were handed in before.
        notes: sentences, such as on files that were left out.
    """

    id: str
    received: datetime
    due: datetime | None
    on_time: bool
    content: str
    again: bool = False
    notes: tuple[str, ...] = ()
