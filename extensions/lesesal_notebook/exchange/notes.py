"""What is noted beside a student's work, for whoever lists it; without nbgrader, which is slow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# In a student's assignment folder: receipts, and what was released. Never submitted.
NOTES = ".lesesal"
# In there: `course`, the `released` time of the version that was fetched, its `notebooks`.
RELEASE_NOTE = "release.json"
# In a feedback folder: when the classroom got that feedback, to tell when there is newer.
FEEDBACK_NOTE = ".released"


def release_note(folder: Path) -> dict[str, Any]:
    """What is noted in an assignment folder about the release it came from; may be empty."""
    try:
        note = json.loads((folder / NOTES / RELEASE_NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def feedback_note(folder: Path) -> str | None:
    """When the classroom got the feedback that is in a folder, in ISO 8601; None if unknown."""
    try:
        return (folder / FEEDBACK_NOTE).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
