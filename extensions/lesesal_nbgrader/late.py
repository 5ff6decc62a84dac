"""What late work costs, as it is noted in a course directory.

The classroom reckons: it knows the course's rule, the extensions and the grace. Who collects notes
its answer in ``.lesesal/late/ASSIGNMENT.json``, out of reach of what students hand in:
``{student: {time of the hand-in: {"penalty": share of the points, …}}}``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

# What is ours and not nbgrader's in a course directory.
NOTES = ".lesesal"


def notes(root: Path, assignment: str) -> Path:
    """The file of an assignment's notes in a course directory."""
    return root / NOTES / "late" / f"{assignment}.json"


def noted(root: Path, assignment: str, student: str, submitted: datetime | None) -> float | None:
    """The share of the points that was noted for a hand-in; None if nothing was.

    Args:
        submitted: as nbgrader keeps it, in UTC without saying so.
    """
    if submitted is None:
        return None
    try:
        found = json.loads(notes(root, assignment).read_text(encoding="utf-8"))
        return float(found[student][submitted.replace(tzinfo=UTC).isoformat()]["penalty"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
