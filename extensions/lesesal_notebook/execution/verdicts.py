"""How a notebook ended, in the words of docs/grading-run.md, and what its cells say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAILED, SUSPECT, GRADED, RETRY = "failed", "suspect", "graded", "retry"
WORST_FIRST = (RETRY, SUSPECT, FAILED, GRADED)


@dataclass(frozen=True)
class Reason:
    """Why it is not simply graded: a kind and its facts."""

    kind: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "facts": dict(self.facts)}


@dataclass
class Verdict:
    """What came of one notebook.

    Attributes:
        failure: the first thing of the student's doing that ended a cell or the notebook.
        evidence: of tampering.
        cells: code cells that ran.
        tests: by grade id, the seconds that a test cell's own code took, also where it was ended.
    """

    failure: Reason | None = None
    evidence: list[Reason] = field(default_factory=list)
    cells: int = 0
    seconds: float = 0.0
    tests: dict[str, float] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return SUSPECT if self.evidence else FAILED if self.failure else GRADED

    @property
    def reason(self) -> Reason:
        return self.evidence[0] if self.evidence else self.failure or Reason()


def together(verdicts: Iterable[Verdict]) -> tuple[str, Reason, list[Reason]]:
    """The state of a submission of several notebooks, its reason, and all evidence."""
    found = sorted(verdicts, key=lambda one: WORST_FIRST.index(one.state))
    evidence = [reason for one in found for reason in one.evidence]
    return (found[0].state, found[0].reason, evidence) if found else (GRADED, Reason(), [])


def why(reason: Reason) -> str:
    """A clause for the outputs of cells: "…, because …"."""
    facts = reason.facts
    match reason.kind:
        case "cell-timeout":
            return f"a cell took longer than {facts['seconds']:g} seconds"
        case "timeout":
            return f"the notebook took longer than {facts['seconds']:g} seconds"
        case "cpu":
            return f"the notebook used up its {facts['seconds']:g} seconds of computing time"
        case "memory":
            return f"the notebook wanted more than {facts['bytes'] / 1e6:,.0f} MB of memory"
        case "output":
            return f"the notebook printed more than {facts['bytes'] / 1e6:,.1f} MB"
        case "canary":
            return "the kernel did not report an error that must be one"
        case "forged":
            return "the kernel reported more or other results than this cell can give"
        case _:
            return "the kernel ended while a cell ran"
