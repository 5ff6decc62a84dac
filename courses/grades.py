"""What comes of grading a submission: values, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How grading a submission ended. Each submission ends in exactly one.

    GRADED: all that was handed in ran, and its results are believed.
    FAILED: it ended early through its own doing; what ran before is scored.
    SUSPECT: somebody tampered with the grading; staff looks at the evidence.
    REFUSED: the files are such that nothing of them was run.
    RETRY: it could not be graded through no fault of its own, and will be tried again.
    """

    GRADED = "graded"
    FAILED = "failed"
    SUSPECT = "suspect"
    REFUSED = "refused"
    RETRY = "retry"


@dataclass(frozen=True)
class Reason:
    """Why a submission is in its state, as a kind and what belongs to it.

    Attributes:
        kind: one of docs/grading-run.md; empty where nothing needs to be said.
        facts: what the sentence names: ``{"notebook": "ps1", "cell": "squares", "seconds": 30}``.
    """

    kind: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PointsOnTest:
    """What came of one test of a submission.

    Attributes:
        name: of its cell; after its notebook's, ``ps1/squares``, where there are several.
        score: what nbgrader gives by itself, of ``max_score``.
        seconds: how long its own code took, also where it was ended.
        differed: whether the same files got other points on it another time.
    """

    name: str
    score: float
    max_score: float
    seconds: float
    differed: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of one submission.

    Attributes:
        student: nbgrader's student id.
        score, max_score: as the gradebook has them, before what late work costs; None when nothing
            was recorded.
        evidence: of a suspect one, what was found where.
        seconds: from its start to its end in the worker; ``cpu_seconds`` what it used there.
        tests: those that ran.
    """

    student: str
    state: State
    reason: Reason = Reason()
    score: float | None = None
    max_score: float | None = None
    evidence: tuple[Reason, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tests: tuple[PointsOnTest, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far a run of grading is.

    Attributes:
        total: the submissions that it is about.
        running: those that workers have just now.
        states: how many have ended in each state.
        seconds: since it began.
        says: what the cluster does with it, as a sentence; empty where nothing needs to be said.
    """

    total: int
    running: int
    states: Mapping[State, int]
    seconds: float
    says: str = ""

    @property
    def done(self) -> int:
        """How many have ended."""
        return sum(self.states.values())

    @property
    def per_second(self) -> float:
        """How many end in a second; 0 before the first."""
        return self.done / self.seconds if self.seconds and self.done else 0.0

    @property
    def left(self) -> float | None:
        """The seconds that the rest will take at this pace; None before the first."""
        return (self.total - self.done) / self.per_second if self.done else None


@dataclass(frozen=True)
class Limits:
    """What one notebook may use while it runs.

    Attributes:
        seconds: wall clock for the whole notebook; ``cell_seconds`` for one cell.
        cpu_seconds: of all its processes together.
        memory_bytes: of all its processes and of its files together.
        processes: the most at a time, threads counted.
        scratch_bytes: the most that its files may measure together; ``file_bytes`` each.
        output_bytes: the most that a notebook may print and show.
    """

    seconds: float = 600.0
    cell_seconds: float = 30.0
    cpu_seconds: float = 600.0
    memory_bytes: int = 2_000_000_000
    processes: int = 128
    scratch_bytes: int = 1_000_000_000
    file_bytes: int = 500_000_000
    output_bytes: int = 5_000_000

    @property
    def room(self) -> int:
        """The bytes that its files may take: they are in memory, which has to do for more."""
        return min(self.scratch_bytes, self.memory_bytes // 2)


@dataclass(frozen=True)
class Grading:
    """How a course wants an assignment graded.

    Attributes:
        preload: the modules that are imported once, before the notebooks run, ``("numpy",)``.
        gpus: how many GPUs each notebook sees.
        limits: what a notebook may use.
        grade_on_submit: whether a student sees the result of the visible tests after handing in.
        hidden_tests_in_feedback: whether feedback shows the hidden tests.
        pass_percent: the share of the points that it takes to pass, in percent; ``None``: nobody
            passes or fails.
    """

    preload: tuple[str, ...] = ()
    gpus: int = 0
    limits: Limits = Limits()
    grade_on_submit: bool = False
    hidden_tests_in_feedback: bool = True
    pass_percent: float | None = None

    def passed(self, score: float | None, max_score: float | None) -> bool | None:
        """Whether this released score passes; ``None`` where there is none, or no such mark."""
        if score is None or max_score is None or self.pass_percent is None:
            return None
        return 100 * score >= self.pass_percent * max_score - 1e-9
