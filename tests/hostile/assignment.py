"""The assignment that the hostile submissions answer, and the submissions, made from `kinds/`.

A kind is a TOML file: what it ``tries``, in which states it ``must`` end, and what makes it so.

- ``squares``, ``total``: the text of the answers; honest where they are left out
- ``files``, ``link``, ``pipe``: what is handed in beside the notebook
- ``edit``, ``metadata``, ``tags``, ``cell_type``, ``outputs``: changes to cells, by grade id
- ``delete``, ``duplicate``, ``order``, ``cells``: cells gone, twice, in front, or so many more
- ``notebook``: what stands in the notebook's file instead
- ``at_most``: the points that it may get; ``reason``: the kind of the reason that is given
- ``never``: words that none of its outputs may have
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KINDS = Path(__file__).parent / "kinds"
NAME = "answers"
MAX_SCORE = 6.0

SQUARES = """\
def squares(n):
    ### BEGIN SOLUTION
    return [i**2 for i in range(1, n + 1)]
    ### END SOLUTION
"""
TOTAL = """\
def total(n):
    ### BEGIN SOLUTION
    return sum(squares(n))
    ### END SOLUTION
"""
TEST_SQUARES = """\
assert squares(3) == [1, 4, 9]
### BEGIN HIDDEN TESTS
assert squares(10)[-1] == 100
assert len(squares(5)) == 5
### END HIDDEN TESTS
"""
TEST_TOTAL = """\
from lesesal_notebook.check import check

check(total(3), equals=14)
"""
TEST_PARTIAL = """\
int(squares(2) == [1, 4])
"""


def source() -> nbformat.NotebookNode:
    """The instructor's version: two answers, three tests, of which one gives partial credit."""
    return new_notebook(
        cells=[
            new_markdown_cell("Squares, and their sum."),
            _cell("squares", SQUARES, solution=True),
            _cell("test_squares", TEST_SQUARES, points=2),
            _cell("total", TOTAL, solution=True),
            _cell("test_total", TEST_TOTAL, points=3),
            _cell("test_partial", TEST_PARTIAL, points=1),
        ],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )


def kinds() -> dict[str, dict[str, Any]]:
    """All kinds, by name."""
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(KINDS.glob("*"))}


def hand_in(release: Path, folder: Path, kind: dict[str, Any] | None = None) -> None:
    """Make a submission in ``folder`` from the released notebook: honest, or of a kind."""
    kind = kind or {}
    folder.mkdir(parents=True)
    for path, text in kind.get("files", {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    target = folder / f"{NAME}.ipynb"
    if f"{NAME}.ipynb" not in kind.get("link", {}):
        target.write_text(_text(release, kind), encoding="utf-8")
    for path, to in kind.get("link", {}).items():
        (folder / path).symlink_to(to)
    for path in kind.get("pipe", []):
        os.mkfifo(folder / path)
    (folder / "timestamp.txt").write_text("2026-11-20 12:00:00.000000 UTC", encoding="ascii")


def _text(release: Path, kind: dict[str, Any]) -> str:
    raw = kind.get("notebook")
    if isinstance(raw, dict):
        return str(raw["repeat"] * raw["times"])
    if raw is not None:
        return str(raw)
    found = nbformat.read(release, as_version=4)
    honest = {"squares": SQUARES, "total": TOTAL}
    for cell in found.cells:
        grade_id = _id(cell)
        if grade_id in honest:
            cell.source = kind.get(grade_id, honest[grade_id])
        cell.source = kind.get("edit", {}).get(grade_id, cell.source)
        if grade_id in kind.get("metadata", {}):
            cell.metadata.nbgrader.update(kind["metadata"][grade_id])
        if grade_id in kind.get("tags", {}):
            cell.metadata.tags = kind["tags"][grade_id]
        if grade_id in kind.get("outputs", {}):
            shown = {"text/plain": kind["outputs"][grade_id]}
            cell.outputs = [nbformat.v4.new_output("execute_result", shown, execution_count=1)]
        if grade_id in kind.get("duplicate", {}):
            again = new_code_cell(kind["duplicate"][grade_id], metadata=cell.metadata)
            found.cells = [*found.cells, again]
    found.cells = [each for each in found.cells if _id(each) not in kind.get("delete", [])]
    first = kind.get("order", [])
    found.cells.sort(key=lambda each: _id(each) not in first)
    found.cells += [new_code_cell("1") for _ in range(kind.get("cells", 0))]
    for cell in found.cells:
        if _id(cell) in kind.get("cell_type", {}):
            cell.cell_type = kind["cell_type"][_id(cell)]
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return nbformat.writes(found, version=nbformat.NO_CONVERT)


def _id(cell: nbformat.NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _cell(
    grade_id: str, text: str, *, points: int | None = None, solution: bool = False
) -> nbformat.NotebookNode:
    about = {"grade_id": grade_id, "schema_version": 3, "solution": solution, "task": False}
    about |= {"grade": points is not None, "locked": not solution}
    if points is not None:
        about["points"] = points
    return new_code_cell(text, metadata={"nbgrader": about})
