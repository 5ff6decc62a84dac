"""The weak tests of a course's folder: its notebooks are read, and `weak` looks at their cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from courses.catalogue.weak import Cell, Kind, warnings
from courses.course import Course


def lint(folder: Path, course: Course) -> list[str]:
    """A sentence for each weak test, which begins with file and cell."""
    found = []
    for assignment in course.assignments:
        for path in sorted((folder / "source" / assignment.name).glob("*.ipynb")):
            name = path.relative_to(folder).as_posix()
            found += [f"{name}, cell {cell}: {text}" for cell, text in warnings([*_cells(path)])]
    return found


def _cells(path: Path) -> Iterator[Cell]:
    """The code cells; none where it is no notebook of Python, which others complain about."""
    try:
        notebook: Any = json.loads(path.read_text("utf-8"))
        about = notebook.get("metadata", {})
        language = about.get("kernelspec", {}).get("language", "python")
        cells = notebook["cells"] if language == "python" else []
        for place, cell in enumerate(cells, 1):
            if cell["cell_type"] == "code":
                yield _cell(place, cell)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return


def _cell(place: int, cell: Mapping[str, Any]) -> Cell:
    source = cell["source"]
    about = cell.get("metadata", {}).get("nbgrader", {})
    kind = Kind.GIVEN
    if about.get("solution"):
        kind = Kind.ANSWER
    elif about.get("grade"):
        kind = Kind.TESTS
    return Cell(
        str(about.get("grade_id") or place),
        kind,
        source if isinstance(source, str) else "".join(source),
        float(about.get("points") or 0),
    )
