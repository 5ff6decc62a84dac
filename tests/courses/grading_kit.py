"""A small course to grade, and what students make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from classroom_kit import unzipped


def cell(kind: str, source: str, grade_id: str = "", points: float | None = None) -> Any:
    made = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    if grade_id:
        made.metadata.nbgrader = {
            "grade_id": grade_id,
            "grade": points is not None,
            "locked": points is not None and kind == "code",
            "solution": points is None or kind == "markdown",
            "schema_version": 3,
            "task": False,
            **({} if points is None else {"points": points}),
        }
    return made


TOML = """slug = "{slug}"
title = "Optics"
summary = "Light."
offers = ["cpu-small"]
timezone = "Europe/Oslo"
[[assignments]]
name = "lenses"
title = "Lenses"
"""


def author(folder: Path, slug: str, test: str) -> None:
    """A course of one assignment with one test of 2 points."""
    (folder / "source" / "lenses").mkdir(parents=True, exist_ok=True)
    (folder / "course.toml").write_text(TOML.format(slug=slug))
    notebook = nbformat.v4.new_notebook(
        cells=[
            cell("code", "### BEGIN SOLUTION\nfocus = 2\n### END SOLUTION", "focus"),
            cell("code", test, "focus-test", 2),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "source" / "lenses" / "nb.ipynb")


def answered(released: bytes, answer: str) -> str:
    """What a student makes of the student version."""
    notebook = nbformat.reads(unzipped(released)["nb.ipynb"].decode(), as_version=4)
    notebook.cells[0].source = answer
    return nbformat.writes(notebook)
