"""The course on language models at small sizes, handed in and graded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployed import CHECKOUT

from courses.course import Assignment, Course
from courses.coursedir.generate import generate

COURSE = CHECKOUT / "courses" / "content" / "language-models"
LOGBOOK = COURSE / "data" / "logbook"
TORCH = CHECKOUT / ".venv" / "torch" / "bin" / "python"
HAS_TORCH = any(TORCH.parents[1].glob("lib/python3*/site-packages/torch"))
# By assignment: points that are given by tests and by hand, and figures.
ASSIGNMENTS = {
    "tokenizer": (38, 6, 2),
    "attention": (40, 6, 3),
    "training": (32, 6, 3),
    "adaptation": (34, 6, 2),
}
# Of what a course's author would take: trainings have so few steps that nothing is learned.
SMALL = 0.05
LESESAL = Path(sys.executable).with_name("lesesal")


@dataclass(frozen=True)
class Graded:
    """What grading made of a submission.

    Attributes:
        state: as the command reports it.
        points: by test cell.
        missed: the test cells that did not give all of their points.
        cells: of the graded notebook, by id.
    """

    state: str
    points: Mapping[str, float]
    missed: frozenset[str]
    cells: Mapping[str, Any]


def source(assignment: str) -> dict[str, Any]:
    """The author's notebook."""
    path = COURSE / "source" / assignment / f"{assignment}.ipynb"
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def text(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def small(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with a smaller SCALE."""
    (cell,) = (each for each in notebook["cells"] if "parameters" in tags(each))
    assert text(cell).startswith("SCALE = 1.0")
    cell["source"] = text(cell).replace("SCALE = 1.0", f"SCALE = {SMALL}", 1)
    return notebook


def tags(cell: Mapping[str, Any]) -> list[str]:
    found: list[str] = cell["metadata"].get("tags", [])
    return found


def directory(folder: Path) -> Path:
    """A course directory with all assignments generated, at small sizes."""
    for name in ASSIGNMENTS:
        target = folder / "written" / "source" / name
        target.mkdir(parents=True)
        (target / f"{name}.ipynb").write_text(json.dumps(small(source(name))))
    course = Course(
        slug="language-models",
        title="Language models",
        summary="",
        offers=("cpu-small",),
        timezone="UTC",
        assignments=tuple(Assignment(name, name) for name in ASSIGNMENTS),
    )
    generate(course, folder / "written", folder / "course")
    return folder / "course"


def hand_in(course: Path, assignment: str, student: str, notebook: Mapping[str, Any]) -> None:
    folder = course / "submitted" / student / assignment
    folder.mkdir(parents=True)
    (folder / f"{assignment}.ipynb").write_text(json.dumps(notebook))


def hand_in_untouched(course: Path, assignment: str, student: str) -> None:
    shutil.copytree(course / "release" / assignment, course / "submitted" / student / assignment)


def grade(course: Path, assignment: str, students: list[str]) -> dict[str, Graded]:
    """``lesesal grade`` with the environment that has torch."""
    report = course / f"{assignment}.json"
    done = subprocess.run(
        [
            *(LESESAL, "grade", course, assignment, "--json", report, "--python", TORCH),
            *("--dataset", f"language-models/logbook={LOGBOOK}", "--workers", "2"),
            *("--preload", "torch,matplotlib.pyplot", "--students", ",".join(students)),
            # Half a minute for a cell would do on a machine with nothing else to do.
            *("--cell-seconds", "240", "--seconds", "900"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())["submissions"]
    scores = _scores(course, assignment)
    graded = {}
    for each in found:
        student = each["student"]
        notebook = course / "autograded" / student / assignment / f"{assignment}.ipynb"
        cells = {cell["id"]: cell for cell in json.loads(notebook.read_text())["cells"]}
        points = {name: auto for name, (auto, _most) in scores[student].items()}
        missed = {name for name, (auto, most) in scores[student].items() if auto != most}
        graded[student] = Graded(each["state"], points, frozenset(missed), cells)
    return graded


# nbgrader takes its time to import: in a process of its own, once for a class.
_READ = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook(f"sqlite:///{sys.argv[1]}") as book:
    print(json.dumps({
        submission.student.id: {
            grade.cell.name: [grade.auto_score, grade.max_score]
            for notebook in submission.notebooks for grade in notebook.grades
            if not grade.needs_manual_grade
        }
        for submission in book.assignment_submissions(sys.argv[2])
    }))
"""


def _scores(course: Path, assignment: str) -> dict[str, dict[str, tuple[float, float]]]:
    read = subprocess.run(
        [sys.executable, "-c", _READ, course / "gradebook.db", assignment],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, tuple[float, float]]] = json.loads(read.stdout)
    return found
