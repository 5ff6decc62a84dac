"""For honest work the gradebook is stock nbgrader's, row for row, but for ids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import engine_kit as kit
import nbformat
import nbgrader
import pytest
from bench import grade_class
from bench.gradebooks import differences, rows
from engine_kit import Pretend, hand_in
from nbformat.v4 import new_code_cell, new_output

from courses.grading.command import interpreter
from courses.grading.engine import Settings, grade
from courses.workers.local import LocalWorkers

PYTHON = Path(sys.executable)
GUIDE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"

# `make equality` takes 200.
CLASS = int(os.environ.get("LESESAL_CLASS", "20"))


def stock(directory: Path, assignment: str, *options: str) -> None:
    """``nbgrader autograde``."""
    done = subprocess.run(
        [str(PYTHON), "-m", "nbgrader", "autograde", assignment, *options],
        cwd=directory,
        env=grade_class.environment(directory, PYTHON),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def copy(directory: Path, target: Path) -> Path:
    return Path(shutil.copytree(directory, target, symlinks=True))


class AsHandedIn(Pretend):
    """Executes nothing: outputs are those that were handed in, as with ``--no-execute``."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        students = iter(sorted(path.name for path in (self._directory / "submitted").iterdir()))
        for key, ended in super().run(run, keys):
            if ended:
                self._fill(run, key, next(students))
            yield key, ended

    def _fill(self, run: Path, key: str, student: str) -> None:
        handed = self._directory / "submitted" / student / kit.NAME / f"{kit.NAME}.ipynb"
        target = run / "results" / key / handed.name
        if not target.is_file():
            return
        outputs = {
            each.id: each.get("outputs") for each in nbformat.read(handed, as_version=4).cells
        }
        notebook = nbformat.read(target, as_version=4)
        for each in notebook.cells:
            if each.cell_type == "code":
                each.outputs = outputs.get(each.id, [])
        nbformat.write(notebook, target)


def class_of(directory: Path) -> None:
    """Whatever nbgrader tells apart when it records."""
    error = new_output("error", ename="E", evalue="", traceback=["line"] * 200)
    stderr = new_output("stream", name="stderr", text="careful\n")
    long = new_output("stream", text="line\n" * 5000)

    def value(text: str) -> Any:
        return new_output("execute_result", {"text/plain": text}, execution_count=1)

    outputs: dict[str, dict[str, list[Any]]] = {
        "fails": {"test_squares": [error], "test_partial": [value("0")]},
        "half": {"test_squares": [long], "test_partial": [value("0.5")]},
        "warned": {"test_squares": [stderr], "test_partial": [value("'fine'")]},
        "below": {"test_squares": [], "test_partial": [value("-1")]},
        "untouched": {},
        "written": {},
        "late": {"test_partial": [value("1")]},
        "extended": {"test_partial": [value("1")]},
    }
    for name, found in outputs.items():
        notebook = kit.released(directory)
        cells = kit.by_name(notebook)
        if name != "untouched":
            cells["squares"].source = kit.SQUARES
        if name == "written":
            cells["why"].source = "Because."
        for cell, each in found.items():
            cells[cell].outputs = each
        notebook.cells.append(new_code_cell("squares(3)", id=f"own-{name}"))
        at = kit.LATE if name in ("late", "extended") else kit.EARLY
        hand_in(directory, name, notebook, at=at, files={"notes/own.txt": "mine"})
    (directory / "submitted" / "late" / kit.NAME / "unknown.ipynb").write_text("{}")
    (directory / "submitted" / "untouched" / kit.NAME / "timestamp.txt").unlink()
    (directory / "nbgrader_config.py").write_text(
        "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    )


def test_recording_is_nbgraders_own(made_with_deadline: Path, tmp_path: Path) -> None:
    theirs = copy(made_with_deadline, tmp_path / "theirs")
    class_of(theirs)
    ours = copy(theirs, tmp_path / "ours")
    stock(theirs, kit.NAME, "--no-execute")
    report = grade(ours, kit.NAME, workers=AsHandedIn(ours))
    assert {each.outcome.state.value for each in report.submissions} == {"graded"}
    assert differences(theirs / "gradebook.db", ours / "gradebook.db") == []
    penalties = [row for row in rows(ours / "gradebook.db") if row[0] == "submitted_notebook"]
    assert sum(dict(row[1:])["late_submission_penalty"] is not None for row in penalties) == 2
    for path in sorted((theirs / "autograded").rglob("*")):
        mine = ours / "autograded" / path.relative_to(theirs / "autograded")
        if path.name == "data.csv":
            continue  # the assignment's own, which is not copied for each student
        assert mine.stat().st_mode == path.stat().st_mode, path
        if path.suffix == ".ipynb":
            assert _cells(mine) == _cells(path)
        elif path.is_file():
            assert mine.read_bytes() == path.read_bytes()


def _cells(path: Path) -> list[Any]:
    """What a grader reads of a notebook."""
    return [
        (each.cell_type, each.source, each.get("outputs"), each.metadata.get("nbgrader"))
        for each in nbformat.read(path, as_version=4).cells
    ]


def _grade_both(directory: Path, assignment: str, preload: tuple[str, ...] = ()) -> list[str]:
    """Stock in a copy, ours in the directory itself."""
    theirs = copy(directory, directory.with_name("theirs"))
    stock(theirs, assignment)
    workers = LocalWorkers(interpreter(), os.cpu_count() or 1)
    report = grade(directory, assignment, workers=workers, settings=Settings(preload=preload))
    assert {each.outcome.state.value for each in report.submissions} == {"graded"}
    return differences(theirs / "gradebook.db", directory / "gradebook.db")


@pytest.mark.slow
def test_ps1_of_nbgraders_guide_with_its_samples(tmp_path: Path) -> None:
    directory = tmp_path / "course"
    shutil.copytree(GUIDE / "source" / "ps1", directory / "source" / "ps1")
    shutil.copytree(GUIDE / "submitted", directory / "submitted")
    subprocess.run(
        [str(PYTHON), "-m", "nbgrader", "generate_assignment", "ps1"],
        cwd=directory,
        env=grade_class.environment(directory, PYTHON),
        capture_output=True,
        check=True,
    )
    assert _grade_both(directory, "ps1") == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "count"), [("demo", 4), ("ps1", CLASS)])
def test_a_class(tmp_path: Path, name: str, count: int) -> None:
    assignment = grade_class.ASSIGNMENTS[name]
    directory = tmp_path / "course"
    grade_class.course(directory, assignment, count, PYTHON)
    assert _grade_both(directory, assignment.name, assignment.preload) == []
