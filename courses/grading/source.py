"""What the course says about an assignment: the cells that nbgrader keeps, read once for a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from courses.errors import GradeError
from courses.language import gettext as _


@dataclass(frozen=True)
class SourceCell:
    """A row of nbgrader's ``source_cell``, with the names that nbgrader's code asks for."""

    name: str
    cell_type: str
    locked: bool
    source: str
    checksum: str | None


@dataclass(frozen=True)
class GradedCell:
    """A row of ``grade_cells`` or ``task_cells``; ``id`` is that of ``base_cell``."""

    id: str
    name: str
    max_score: float
    cell_type: str


@dataclass(frozen=True)
class NamedCell:
    """A row of ``solution_cells``."""

    id: str
    name: str


@dataclass(frozen=True)
class SourceNotebook:
    """A notebook of an assignment.

    Attributes:
        source_cells: in the order in which they stand in the course's notebook.
        tags: those that the course's own cells carry, by cell.
        released: what the students got to see of each cell, where it is known.
    """

    id: str
    name: str
    kernelspec: str | None
    source_cells: tuple[SourceCell, ...]
    grade_cells: tuple[GradedCell, ...]
    solution_cells: tuple[NamedCell, ...]
    task_cells: tuple[GradedCell, ...]
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    released: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def cells(self) -> Mapping[str, SourceCell]:
        """The source cells, by name."""
        return {each.name: each for each in self.source_cells}

    @cached_property
    def graded(self) -> Mapping[str, GradedCell]:
        """The cells with points, tasks among them, by name."""
        return {each.name: each for each in (*self.grade_cells, *self.task_cells)}

    @cached_property
    def scored(self) -> frozenset[str]:
        """Names of the cells that nbgrader scores: tests, and answers to read."""
        return frozenset(each.name for each in self.grade_cells)

    @cached_property
    def solutions(self) -> frozenset[str]:
        """Names of the cells that students write."""
        return frozenset(each.name for each in self.solution_cells)

    @cached_property
    def tasks(self) -> frozenset[str]:
        """Names of the cells that set a task, whose answers stand around them."""
        return frozenset(each.name for each in self.task_cells)


@dataclass(frozen=True)
class Source:
    """An assignment. ``notebooks`` are by name, in nbgrader's order."""

    id: str
    name: str
    notebooks: Mapping[str, SourceNotebook]

    @property
    def max_score(self) -> float:
        """All points that there are."""
        return sum(
            cell.max_score
            for each in self.notebooks.values()
            for cell in (*each.grade_cells, *each.task_cells)
        )

    @property
    def digest(self) -> str:
        """Of all that a result depends on."""
        known = {name: asdict(each) for name, each in self.notebooks.items()}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def read(gradebook: Gradebook, assignment: str, source: Path, release: Path) -> Source:
    """Read an assignment from the gradebook.

    Args:
        source, release: the assignment's folders with the notebooks, which need not be there. They
            say in which order the cells stand.

    Raises `GradeError` when the gradebook does not know it, or it is not for Python.
    """
    try:
        row = gradebook.find_assignment(assignment)
    except MissingEntry:
        row = None
    if row is None or not row.notebooks:
        raise GradeError(
            _(
                "The gradebook does not know the assignment {name}. Generate it first: "
                "nbgrader generate_assignment {name}",
                name=assignment,
            )
        )
    notebooks = {each.name: _notebook(each, source, release) for each in row.notebooks}
    for name, notebook in notebooks.items():
        if not is_python(json.loads(notebook.kernelspec or "{}")):
            raise GradeError(
                _(
                    "{name}.ipynb is for another kernel than Python, which cannot be graded here. "
                    "If it is Python after all, choose a Python kernel in the source, save it and "
                    "generate the assignment again.",
                    name=name,
                )
            )
    return Source(row.id, assignment, notebooks)


def is_python(kernelspec: Mapping[str, Any]) -> bool:
    """Whether a notebook with these metadata runs in Python, as one does that names no kernel."""
    name = str(kernelspec.get("name") or "python")
    return str(kernelspec.get("language") or name).lower().startswith(("python", "ipython"))


def _notebook(row: Any, source: Path, release: Path) -> SourceNotebook:
    written = _cells(source / f"{row.name}.ipynb")
    released = _cells(release / f"{row.name}.ipynb")
    order = {name: place for place, name in enumerate(written or released)}
    rows = sorted(row.source_cells, key=lambda each: order.get(each.name, len(order)))
    return SourceNotebook(
        id=row.id,
        name=row.name,
        kernelspec=row.kernelspec,
        source_cells=tuple(
            SourceCell(each.name, each.cell_type, each.locked, each.source or "", each.checksum)
            for each in rows
        ),
        grade_cells=_graded(row.grade_cells),
        solution_cells=tuple(NamedCell(each.id, each.name) for each in row.solution_cells),
        task_cells=_graded(row.task_cells),
        tags={name: tuple(cell.metadata.get("tags", ())) for name, cell in written.items()},
        released={name: cell.source for name, cell in released.items()},
    )


def _graded(rows: Sequence[Any]) -> tuple[GradedCell, ...]:
    return tuple(GradedCell(each.id, each.name, each.max_score, each.cell_type) for each in rows)


def _cells(path: Path) -> dict[str, Any]:
    """The course's own cells with a grade id, in order; none when there is no such notebook."""
    try:
        # Without checking it: what is wrong with it, `generate_assignment` has said.
        notebook = nbformat.convert(nbformat.reader.reads(path.read_text(encoding="utf-8")), 4)
    except (OSError, ValueError):
        return {}
    found = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name:
            found[name] = cell
    return found
