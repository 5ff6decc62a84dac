"""What a check found: values, and how they are told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was checked, in a word or two.
        state: how it ended.
        sentence: what was found, for the operator.
        advice: what to do about it; empty where there is nothing to do.
        detail: a program's own words, to be shown under the sentence; may be empty.
        where: the part of the site that it belongs to.
    """

    name: str
    state: State
    sentence: str
    advice: str = ""
    detail: str = ""
    where: str = ""


def ok(name: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, sentence)


def warning(name: str, sentence: str, advice: str, detail: str = "") -> Finding:
    """It works, or may work, but not as it should."""
    return Finding(name, State.WARNING, sentence, advice, detail)


def failed(name: str, sentence: str, advice: str, detail: str = "") -> Finding:
    """Sessions will not work so."""
    return Finding(name, State.FAILED, sentence, advice, detail)


def skipped(name: str, sentence: str, advice: str = "") -> Finding:
    """It could not be tried."""
    return Finding(name, State.SKIPPED, sentence, advice)


def as_text(finding: Finding) -> str:
    """A finding as lines for a terminal: state, name and sentence, the detail, the advice."""
    indent = " " * 10
    lines = [f"{finding.state.value:<8}  {finding.name}: {finding.sentence}"]
    lines += [f"{indent}| {line}" for line in finding.detail.strip().splitlines()]
    if finding.advice:
        lines.append(f"{indent}-> {finding.advice}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """All findings as one JSON document: ``{"findings": [...], "counts": {"ok": 3, ...}}``."""
    document = {"findings": [asdict(each) for each in findings], "counts": counts(findings)}
    return json.dumps(document, indent=2, ensure_ascii=False)


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many ended in each state."""
    found = Counter(each.state for each in findings)
    return {state.value: found[state] for state in State}
