"""Run folders (docs/grading-run.md), and the worker started as the engine starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

EXTENSIONS = Path(__file__).parents[3] / "extensions"
LIMITS = {
    "seconds": 60.0,
    "cell_seconds": 30.0,
    "cpu_seconds": 60.0,
    "memory_bytes": 600_000_000,
    "processes": 64,
    "scratch_bytes": 100_000_000,
    "file_bytes": 100_000_000,
    "output_bytes": 1_000_000,
}
OUTER = (
    *("timeout", "--kill-after=5", "200"),
    *("prlimit", "--nproc=2000", "--"),
    *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
)
"""A wall around what hostile cells might do to this machine if the sandbox did not hold."""


def cell(
    source: str,
    grade_id: str = "",
    *,
    points: float | None = None,
    solution: bool = False,
    tags: tuple[str, ...] = (),
) -> NotebookNode:
    """A code cell, with nbgrader's metadata where it has an id."""
    about = {"grade_id": grade_id, "schema_version": 3, "solution": solution, "task": False}
    about |= {"grade": points is not None, "locked": not solution}
    if points is not None:
        about["points"] = points
    metadata: dict[str, Any] = {"nbgrader": about} if grade_id else {}
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell(source, metadata=metadata)


HONEST = "def squares(n):\n    return [i**2 for i in range(1, n + 1)]\n"
TOTAL = "def total(n):\n    return sum(squares(n))\n"


def notebook(
    squares: str = HONEST, total: str = TOTAL, *more: NotebookNode, tags: Mapping[str, Any] = {}
) -> NotebookNode:
    """Two answers, and three tests with 2, 3 and 1 points, as the corpus of tests/hostile has."""
    about = {key: tuple(value) for key, value in tags.items()}
    check = "from lesesal_notebook.check import check\n\ncheck(total(3), equals=14)\n"
    test = (
        "assert squares(3) == [1, 4, 9]\nassert squares(10)[-1] == 100\nassert len(squares(5)) == 5"
    )
    return new_notebook(
        cells=[
            new_markdown_cell("Squares, and their sum."),
            cell(squares, "squares", solution=True),
            cell(test, "test_squares", points=2, tags=about.get("test_squares", ())),
            cell(total, "total", solution=True),
            cell(check, "test_total", points=3, tags=about.get("test_total", ())),
            cell("int(squares(2) == [1, 4])", "test_partial", points=1),
            *more,
        ],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )


class Folder:
    """A run's folder."""

    def __init__(self, folder: Path, *, preload: tuple[str, ...] = (), **limits: float) -> None:
        self.path = folder
        self.keys: dict[str, str] = {}
        about = {"format": 1, "preload": list(preload), "files": None, "datasets": [], "gpus": 0}
        about |= {"limits": LIMITS | limits, "sandbox": "namespaces"}
        (folder / "tasks").mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(about))

    def change(self, **about: Any) -> None:
        file = self.path / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | about))

    def add(self, name: str, *books: NotebookNode, files: Mapping[str, str] = {}) -> str:
        """A task; returns its key."""
        key = f"{len(self.keys) + 1:06}"
        self.keys[name] = key
        task = self.path / "tasks" / key
        (task / "notebooks").mkdir(parents=True)
        names = [f"problem{number}.ipynb" for number in range(1, len(books) + 1)]
        for file, book in zip(names, books, strict=True):
            nbformat.write(book, task / "notebooks" / file)
        for file, text in files.items():
            (task / "files" / file).parent.mkdir(parents=True, exist_ok=True)
            (task / "files" / file).write_text(text)
        (task / "task.json").write_text(json.dumps({"notebooks": names}))
        return key

    def result(self, name: str) -> dict[str, Any]:
        return json.loads((self.path / "results" / f"{self.keys[name]}.json").read_text())

    def executed(self, name: str, number: int = 1) -> NotebookNode:
        folder = self.path / "results" / self.keys[name]
        found = nbformat.read(folder / f"problem{number}.ipynb", as_version=4)
        nbformat.validate(found)
        return found

    def outputs(self, name: str, grade_id: str) -> list[Any]:
        """Of a cell of its first notebook."""
        return next(list(one.outputs) for one in self.executed(name).cells if _id(one) == grade_id)

    def score(self, name: str) -> float:
        """As nbgrader reads it; raises where nbgrader would."""
        from nbgrader.utils import determine_grade, is_grade

        cells = self.executed(name).cells
        return sum(determine_grade(one)[0] or 0 for one in cells if is_grade(one))


def _id(one: NotebookNode) -> str:
    return str(one.metadata.get("nbgrader", {}).get("grade_id", ""))


def argv(folder: Folder, *options: str) -> list[str]:
    return [
        *OUTER,
        *(sys.executable, "-P", "-m", "lesesal_notebook.execution", str(folder.path), *options),
    ]


def environment() -> dict[str, str]:
    """As clean as the engine's."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(EXTENSIONS), "LANG": "C.UTF-8"}


def work(folder: Folder, *options: str) -> list[dict[str, str]]:
    """Execute all tasks; returns the events. What it prints beside them is an error."""
    done = subprocess.run(
        argv(folder, *options),
        input="".join(f"{key}\n" for key in folder.keys.values()),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]
