"""A course directory whose assignment has every kind of cell, and workers that pretend."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from courses.course import Assignment, Course
from courses.coursedir.generate import generate

NAME = "answers"
EARLY, LATE = "2026-11-20 12:00:00 UTC", "2026-11-21 12:00:00 UTC"
MAX_SCORE = 9.0
TEST = """\
assert squares(3) == [1, 4, 9]
### BEGIN HIDDEN TESTS
assert squares(5)[-1] == 25
### END HIDDEN TESTS
"""
LEFT = "def squares(n):\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION"
SQUARES = "def squares(n):\n    return [i * i for i in range(1, n + 1)]"


def source() -> nbformat.NotebookNode:
    """Set-up that students leave alone, an answer, two tests, a written answer, and a task."""
    return new_notebook(
        cells=[
            cell("setup", "import math", locked=True),
            cell("squares", LEFT),
            cell("test_squares", TEST, points=2),
            cell("test_partial", "int(squares(1) == [1])", points=1, tags=["slow"]),
            cell("why", "Why?", points=4, solution=True, kind=new_markdown_cell),
            cell("task", "Draw something.", points=2, task=True, kind=new_markdown_cell),
        ],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )


def cell(
    name: str,
    text: str,
    *,
    points: int | None = None,
    solution: bool | None = None,
    locked: bool = False,
    task: bool = False,
    tags: Iterable[str] = (),
    kind: Callable[..., Any] = new_code_cell,
) -> Any:
    """A cell with nbgrader's metadata."""
    solution = (points is None and not locked) if solution is None else solution
    about: dict[str, Any] = {"grade_id": name, "schema_version": 3, "task": task}
    about |= {"grade": points is not None and not task, "solution": solution and not task}
    about["locked"] = locked or task or (points is not None and not solution)
    if points is not None:
        about["points"] = points
    metadata: dict[str, Any] = {"nbgrader": about}
    if tags:
        metadata["tags"] = list(tags)
    return kind(text, metadata=metadata)


def make(folder: Path, due: Any = None) -> Path:
    """A course directory with the assignment generated, and nobody in it."""
    written = folder / "written" / "source" / NAME
    written.mkdir(parents=True)
    nbformat.write(source(), written / f"{NAME}.ipynb")
    (written / "data.csv").write_text("1,2\n", encoding="utf-8")
    course = Course(
        slug="grading",
        title="Grading",
        summary="",
        offers=("cpu-small",),
        timezone="UTC",
        assignments=(Assignment(NAME, "Answers", due=due),),
    )
    generate(course, folder / "written", folder / "course")
    return folder / "course"


def released(directory: Path) -> nbformat.NotebookNode:
    """What the students got."""
    return nbformat.read(directory / "release" / NAME / f"{NAME}.ipynb", as_version=4)


def hand_in(
    directory: Path,
    student: str,
    notebook: nbformat.NotebookNode | bytes | None = None,
    *,
    answer: str = SQUARES,
    at: str = EARLY,
    files: Mapping[str, str] | None = None,
) -> Path:
    """Put a submission into the course directory, in the place of an earlier one."""
    folder = directory / "submitted" / student / NAME
    folder.mkdir(parents=True, exist_ok=True)
    if notebook is None:
        notebook = released(directory)
        by_name(notebook)["squares"].source = answer
    raw = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
    (folder / f"{NAME}.ipynb").write_bytes(raw)
    (folder / "timestamp.txt").write_text(at, encoding="ascii")
    for path, text in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def by_name(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Its cells by grade id."""
    return {
        each.metadata.nbgrader.get("grade_id", ""): each
        for each in notebook.cells
        if "nbgrader" in each.metadata
    }


def result(state: str = "graded", kind: str = "", **facts: Any) -> dict[str, Any]:
    """A worker's word on a task."""
    reason = {"kind": kind, "facts": facts}
    evidence = [reason] if state == "suspect" else []
    return {"state": state, "reason": reason, "evidence": evidence, "seconds": 1, "cpu_seconds": 1}


class Pretend:
    """Workers that run nothing: an answer that has ``return []`` in it fails each test.

    Args:
        says: what comes of a task, instead, by a word that stands in the answer.
        stops: after how many tasks they are interrupted.
        took: seconds of each test; others are not told of.
        chance: the test that fails each second time that an answer with "chance" in it is run.
    """

    def __init__(
        self,
        says: Mapping[str, dict[str, Any]] | None = None,
        stops: int | None = None,
        *,
        took: Mapping[str, float] | None = None,
        chance: str = "",
    ) -> None:
        self._says, self._stops = says or {}, stops
        self._took, self._chance, self._times = took or {}, chance, 0
        self.executed: list[str] = []
        self.seen: list[nbformat.NotebookNode] = []

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """See `courses.workers.Workers.run`."""
        for key in keys:
            if (run / "results" / f"{key}.json").is_file():
                yield key, True
                continue
            yield key, False
            self._execute(run, key)
            yield key, True
            if self._stops is not None and len(self.executed) >= self._stops:
                raise KeyboardInterrupt

    def _execute(self, run: Path, key: str) -> None:
        task = run / "tasks" / key
        names = json.loads((task / "task.json").read_text("utf-8"))["notebooks"]
        says = result()
        for name in names:
            notebook = nbformat.read(task / "notebooks" / name, as_version=4)
            self.seen.append(notebook)
            text = "".join(each.source for each in notebook.cells)
            says = next((each for word, each in self._says.items() if word in text), says)
            for each in notebook.cells:
                if each.cell_type == "code":
                    fails = "return []" in text
                    if "chance" in text and each.metadata.nbgrader["grade_id"] == self._chance:
                        self._times += 1
                        fails = self._times % 2 == 0
                    each.outputs = list(_outputs(each, fails))
            if says["state"] != "retry":
                (run / "results" / key).mkdir()
                nbformat.write(notebook, run / "results" / key / name)
        self.executed.append(key)
        says = {**says, "notebooks": {name: {"tests": self._took} for name in names}}
        (run / "results" / f"{key}.json").write_text(json.dumps(says), encoding="utf-8")


def _outputs(each: Any, fails: bool) -> Iterator[Any]:
    graded = each.metadata.get("nbgrader", {}).get("grade")
    if graded and fails:
        yield new_output("error", ename="AssertionError", evalue="", traceback=["no"])
    elif graded and each.source.startswith("int("):
        yield new_output("execute_result", {"text/plain": "1"}, execution_count=1)
