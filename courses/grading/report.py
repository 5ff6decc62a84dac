"""What a run of grading says: lines while it goes on, and a report at its end.

`lesesal grade DIR ASSIGNMENT --progress-json` prints one JSON object a line on its standard output:

- ``{"event": "progress", "total", "running", "states": {"graded": 12, …}, "seconds"}``, a few times
  a second at most
- ``{"event": "outcome", …}`` for each submission as soon as it is recorded, with the keys of a
  submission in the report
- ``{"event": "says", "says"}``: a sentence on what the cluster does with the run
- ``{"event": "end", "seconds"}`` at the end of a run that went through
- ``{"event": "error", "says"}``, and exit status 1, when it could not; what was recorded until then
  is recorded, and the same command goes on from there

A submission in the report (``--json REPORT``: ``{"submissions": […], "tests": […], "seconds"}``)
has the keys ``student``, ``state``, ``reason`` (``{"kind", "facts", "says"}``), ``evidence`` (a
list of the same), ``score`` and ``max_score`` (null where nothing was recorded), ``seconds``,
``cpu_seconds``, ``notes`` (sentences on what was mended before it ran), ``tests`` (of each that ran
``name``, ``score``, ``max_score``, ``seconds``, and ``differed``: whether these very files got
other points on it another time), ``digest`` (of all that its points depend on), and ``new``: false
for one that was graded by an earlier run and has not changed since.

The report's ``tests`` has of each test ``name``, ``max_score``, in how many submissions it ran
(``count``), the points ``lost`` on average, ``median_seconds``, ``slowest_seconds``, and in how
many submissions it ``differed``.

SIGTERM and SIGINT stop a run; the same command goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from courses.grades import Outcome, PointsOnTest, Progress, Reason, State
from courses.grading.figures import Figures, figures, figures_json
from courses.grading.words import sentence


@dataclass(frozen=True)
class Graded:
    """An outcome, what was mended before, whether this run came to it, and of what."""

    outcome: Outcome
    notes: tuple[str, ...] = ()
    new: bool = True
    digest: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a run: all submissions that were asked for, by student, and how long it took.

    Attributes:
        cell_seconds: what a cell might take.
    """

    submissions: tuple[Graded, ...]
    seconds: float
    cell_seconds: float

    @property
    def tests(self) -> tuple[Figures, ...]:
        """What they tell of the tests."""
        return figures(each.outcome for each in self.submissions)

    @property
    def to_look_at(self) -> tuple[Graded, ...]:
        """Those that did not simply go well."""
        return tuple(each for each in self.submissions if each.outcome.state is not State.GRADED)


def report_json(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "submissions": [graded_json(each) for each in report.submissions],
        "tests": [figures_json(each) for each in report.tests],
        "seconds": round(report.seconds, 3),
    }


def graded_json(graded: Graded) -> dict[str, Any]:
    """A submission as JSON has it."""
    outcome = graded.outcome
    return {
        "student": outcome.student,
        "state": outcome.state.value,
        "reason": reason_json(outcome.reason),
        "evidence": [reason_json(each) for each in outcome.evidence],
        "score": outcome.score,
        "max_score": outcome.max_score,
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "notes": list(graded.notes),
        "tests": [asdict(each) for each in outcome.tests],
        "digest": graded.digest,
        "new": graded.new,
    }


def graded_of(found: Mapping[str, Any]) -> Graded:
    """The same, read back. Raises `ValueError`, `KeyError` or `TypeError` for what is none."""
    return Graded(
        Outcome(
            student=str(found["student"]),
            state=State(found["state"]),
            reason=reason_of(found["reason"]),
            score=found["score"],
            max_score=found["max_score"],
            evidence=tuple(reason_of(each) for each in found["evidence"]),
            seconds=float(found["seconds"]),
            cpu_seconds=float(found["cpu_seconds"]),
            # Neither is in what an earlier version of this wrote.
            tests=tuple(PointsOnTest(**each) for each in found.get("tests", ())),
        ),
        tuple(str(each) for each in found["notes"]),
        bool(found["new"]),
        str(found.get("digest", "")),
    )


def reason_json(reason: Reason) -> dict[str, Any]:
    """A reason as JSON has it, with its sentence."""
    return {"kind": reason.kind, "facts": dict(reason.facts), "says": sentence(reason)}


def reason_of(found: Mapping[str, Any]) -> Reason:
    """A reason, read back."""
    return Reason(str(found["kind"]), dict(found["facts"]))


def progress_json(progress: Progress) -> dict[str, Any]:
    """How far a run is, as JSON has it."""
    return {
        "event": "progress",
        "total": progress.total,
        "running": progress.running,
        "states": {state.value: count for state, count in progress.states.items()},
        "seconds": round(progress.seconds, 3),
    }


def by_student(found: Iterable[Graded]) -> tuple[Graded, ...]:
    """Sorted by student."""
    return tuple(sorted(found, key=lambda each: each.outcome.student))


def as_known(found: Sequence[Graded]) -> tuple[Graded, ...]:
    """What an earlier run came to."""
    return tuple(replace(each, new=False) for each in found)
