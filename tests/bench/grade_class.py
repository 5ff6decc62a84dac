"""Course directories with a class that has handed in, for `grade.py`.

What the people hand in is the solution with edits of their own, drawn from a seed: some leave tasks
as they were, some have them wrong, some raise an exception. All of it is honest.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from bench.grade_torch import write_source

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "courses" / "content" / "ai-foundations" / "source"
GUIDE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
TIMESTAMP = "2026-10-01 12:00:00 UTC"
SOLUTION = re.compile(r"^\s*### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)
# How likely a task is left as it was, has another result, or ends with an exception.
LEFT, WRONG, RAISES = 0.1, 0.1, 0.05


@dataclass(frozen=True)
class Assignment:
    """What is graded.

    Attributes:
        name: the assignment's folder below source/.
        write: puts its source into a folder that is not there yet.
        preload: what the fork server imports.
    """

    name: str
    write: Callable[[Path], object]
    preload: tuple[str, ...] = ()


def _copying(source: Path) -> Callable[[Path], object]:
    return partial(shutil.copytree, source)


ASSIGNMENTS = {
    "ps1": Assignment("ps1", _copying(GUIDE / "ps1")),
    "demo": Assignment(
        "gradient-descent", _copying(DEMO / "gradient-descent"), ("numpy", "matplotlib.pyplot")
    ),
    "torch": Assignment("torch", write_source, ("torch",)),
}


def students(count: int) -> list[str]:
    """Their names, as nbgrader sorts them."""
    return [f"student{number:04}" for number in range(1, count + 1)]


def course(folder: Path, assignment: Assignment, count: int, python: Path) -> None:
    """A course directory with a released assignment and a submission of each student.

    ``python`` has nbgrader, whose own command makes the release and the gradebook.
    """
    source = folder / "source" / assignment.name
    source.parent.mkdir(parents=True)
    assignment.write(source)
    command = [str(python), "-m", "nbgrader", "generate_assignment", assignment.name, "--create"]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder, python),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"nbgrader does not generate {assignment.name}:\n{done.stderr[-2000:]}")
    release = folder / "release" / assignment.name
    for student in students(count):
        home = folder / "submitted" / student / assignment.name
        shutil.copytree(release, home)
        (home / "timestamp.txt").write_text(TIMESTAMP)
        for notebook in sorted(home.glob("*.ipynb")):
            handed_in = edited(
                read(notebook), read(source / notebook.name), f"{student} {notebook.name}"
            )
            nbformat.write(handed_in, notebook)


def read(file: Path) -> Any:
    """A notebook, as its newest format has it."""
    return nbformat.read(file, as_version=nbformat.current_nbformat)


def edited(release: Any, source: Any, seed: str) -> Any:
    """The released notebook with a student's work in it, from the author's solutions."""
    draw = random.Random(seed)
    solutions = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in source.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for cell in release.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in solutions:
            cell.source = work(cell.source, SOLUTION.sub("", solutions[grade_id]), cell, draw)
    return release


def work(left: str, solved: str, cell: Any, draw: random.Random) -> str:
    """What one student has made of one task."""
    if cell.cell_type != "code":
        return f"{solved}\n\nMy answer number {draw.randrange(1000)}."
    luck = draw.random()
    if luck < LEFT:
        return left
    if luck < LEFT + WRONG:
        return re.sub(r"return (?=\S)", f"return {draw.randrange(2, 9)} and ", solved, count=1)
    if luck < LEFT + WRONG + RAISES:
        return f"{solved}\nraise ValueError('I am at this since {draw.randrange(1, 13)} o’clock')"
    return f"# Version {draw.randrange(1000)}\n{solved}"


def environment(home: Path, python: Path) -> dict[str, str]:
    """What a command of either side is run with: no configuration but the course directory's."""
    return {
        # nbgrader calls `alembic` by its name.
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": str(home / ".ipython"),
        "LC_ALL": "C.UTF-8",
    }
