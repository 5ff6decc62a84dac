"""The course's own cells in a stranger's notebook are made what the course says they are.

nbgrader's `OverwriteCells` believes what a cell says about itself (graded, locked, a solution) and
stops on a contradiction; a test that was deleted keeps the points of an earlier attempt. Here the
gradebook alone says what a cell is:

- the course says in which kernel a notebook runs, which is Python's
- the last cell with the grade id of one of the course's is that cell; its type, its flags, its
  points, and the text of a locked one are the course's; all others are cells like any other
- the tags of a locked cell are the course's own: nbclient skips cells, and forgives errors, by tags
- a cell with points that is missing is put back, behind the one that it follows in the course
"""

from __future__ import annotations

from collections.abc import Sequence

from nbformat import NotebookNode

from courses.grading.source import SourceCell, SourceNotebook, is_python
from courses.language import gettext as _

SCHEMA = 3


def mend(notebook: NotebookNode, source: SourceNotebook) -> tuple[str, ...]:
    """Mend a notebook of `courses.grading.notebooks.parse` in place; say what was put right."""
    notes: list[str] = []
    if not is_python(notebook.metadata.get("kernelspec", {})):
        for key in ("kernelspec", "language_info"):
            notebook.metadata.pop(key, None)
        notes.append(_("It was written for another kernel than Python; it was run in Python."))
    mine: dict[str, NotebookNode] = {}
    for cell in reversed(notebook.cells):
        about = cell.metadata.pop("nbgrader", None)
        name = about.get("grade_id") if about else None
        known = source.cells.get(name) if isinstance(name, str) else None
        if known is not None and known.name not in mine:
            mine[known.name] = cell
            _make(cell, known, source, notes)
        elif known is not None:
            notes.append(_("The cell {name} is there more than once.", name=known.name))
    _put_back(notebook.cells, mine, source, notes)
    return tuple(dict.fromkeys(reversed(notes)))


def _make(cell: NotebookNode, known: SourceCell, source: SourceNotebook, notes: list[str]) -> None:
    if cell.cell_type != known.cell_type:
        notes.append(_("The cell {name} was of another type.", name=known.name))
        cell.cell_type = known.cell_type
        for key in ("outputs", "execution_count", "attachments"):
            cell.pop(key, None)
        if known.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    cell.metadata.nbgrader = _metadata(known, source)
    if known.locked:
        shown = source.released.get(known.name)
        if shown is not None and cell.source.strip() not in (shown.strip(), known.source.strip()):
            notes.append(
                _("The cell {name} was changed; it is the course's own again.", name=known.name)
            )
        cell.source = known.source
        cell.metadata.pop("tags", None)
        if tags := source.tags.get(known.name):
            cell.metadata.tags = list(tags)


def _metadata(known: SourceCell, source: SourceNotebook) -> NotebookNode:
    about = NotebookNode(
        schema_version=SCHEMA,
        grade_id=known.name,
        grade=known.name in source.scored,
        solution=known.name in source.solutions,
        task=known.name in source.tasks,
        locked=known.locked,
        cell_type=known.cell_type,
    )
    if known.checksum:
        about.checksum = known.checksum
    if graded := source.graded.get(known.name):
        about.points = graded.max_score
    return about


def _put_back(
    cells: list[NotebookNode],
    mine: dict[str, NotebookNode],
    source: SourceNotebook,
    notes: list[str],
) -> None:
    ids = {cell.id for cell in cells}
    before: NotebookNode | None = None
    for known in source.source_cells:
        cell = mine.get(known.name)
        if cell is None and known.name in source.graded:
            cell = _new(known, source, ids)
            cells.insert(_place(cells, before), cell)
            notes.append(_("The cell {name} was missing; it was put back.", name=known.name))
        before = cell if cell is not None else before


def _new(known: SourceCell, source: SourceNotebook, ids: set[str]) -> NotebookNode:
    cell_id = f"back-{len(ids)}"
    while cell_id in ids:
        cell_id += "-"
    ids.add(cell_id)
    cell = NotebookNode(
        id=cell_id,
        cell_type=known.cell_type,
        metadata=NotebookNode(nbgrader=_metadata(known, source)),
        source=known.source,
    )
    if known.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    if tags := source.tags.get(known.name):
        cell.metadata.tags = list(tags)
    return cell


def _place(cells: Sequence[NotebookNode], before: NotebookNode | None) -> int:
    """Behind that cell; at the start without one."""
    if before is None:
        return 0
    return next(place for place, cell in enumerate(cells) if cell is before) + 1
