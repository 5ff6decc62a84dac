"""The points of each task, as they travel with the feedback (docs/exchange-api.md)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

# Hidden, for it comes to the students beside what they read.
NAME = ".tasks.json"


def points(graded: Any) -> list[dict[str, object]]:
    """Of a submission in nbgrader's gradebook: each graded cell's, by notebook and name.

    A cell's name is unique in its notebook only: with several, the notebook's stands before it.
    """
    notebooks = sorted(graded.notebooks, key=lambda each: each.name)
    return [
        {
            "name": f"{notebook.name}/{grade.name}" if len(notebooks) > 1 else grade.name,
            "score": grade.score,
            "max_score": grade.max_score,
        }
        for notebook in notebooks
        for grade in sorted(notebook.grades, key=lambda each: each.name)
    ]


def add(archive: Path, tasks: list[dict[str, object]]) -> None:
    """Put them into an archive of feedback; the same points, the same bytes."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr(zipfile.ZipInfo(NAME), json.dumps(tasks))
