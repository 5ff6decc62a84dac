"""*Training language models*: solved is full, untouched nothing, one mistake costs its task."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import language_models_kit as kit
import pytest
from deployed import CHECKOUT
from extensions.batch.stand_in import sitting
from language_models_kit import ASSIGNMENTS, COURSE, TORCH
from language_models_mistakes import MISTAKES

SESSION = CHECKOUT / ".venv" / "session" / "bin" / "python"
needs_torch = pytest.mark.skipif(
    not kit.HAS_TORCH, reason="There is no torch here: `make .venv/.stamps/torch` builds it."
)


@pytest.fixture(scope="session")
def made(once: Callable[..., Path]) -> Path:
    """All assignments generated at small sizes; nobody has handed in."""
    return once("language-models", kit.directory) / "course"


@needs_torch
@pytest.mark.timeout(900)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_solutions_get_full_marks_and_the_untouched_version_none(
    made: Path, assignment: str, tmp_path: Path
) -> None:
    course = Path(shutil.copytree(made, tmp_path / "course"))
    kit.hand_in(course, assignment, "student1", kit.small(kit.source(assignment)))
    kit.hand_in_untouched(course, assignment, "student2")
    graded = kit.grade(course, assignment, ["student1", "student2"])
    solved, untouched = graded["student1"], graded["student2"]
    by_tests, by_hand, figures = ASSIGNMENTS[assignment]
    assert (solved.state, solved.missed) == ("graded", frozenset())
    assert sum(solved.points.values()) == by_tests
    assert (untouched.state, sum(untouched.points.values())) == ("graded", 0)
    assert _points(assignment, "answer") == by_hand
    # What ran, ran to its end; the cell that submits a batch job did not.
    outputs = {name: cell.get("outputs", []) for name, cell in solved.cells.items()}
    assert [name for name, each in outputs.items() if _failed(each)] == []
    assert outputs.get("submit", []) == []
    pictures = [out for each in outputs.values() for out in each if _is_picture(out)]
    assert len(pictures) == figures


@needs_torch
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_mistake_costs_the_points_of_its_task(
    made: Path, assignment: str, tmp_path: Path
) -> None:
    course = Path(shutil.copytree(made, tmp_path / "course"))
    expected = {}
    for number, (cell, right, wrong, lost) in enumerate(MISTAKES[assignment], 1):
        notebook = kit.small(kit.source(assignment))
        (mistaken,) = (each for each in notebook["cells"] if each["id"] == cell)
        assert kit.text(mistaken).count(right) == 1
        mistaken["source"] = kit.text(mistaken).replace(right, wrong)
        kit.hand_in(course, assignment, f"student{number}", notebook)
        expected[f"student{number}"] = lost
    graded = kit.grade(course, assignment, list(expected))
    assert {student: each.missed for student, each in graded.items()} == expected


@needs_torch
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_it_runs_headless_at_its_own_size(assignment: str, tmp_path: Path) -> None:
    with papermill(assignment, tmp_path) as running:
        said, _ = running.communicate()
    assert running.returncode == 0, said[-3000:]
    found = outputs(tmp_path)
    everything = [out for each in found.values() for out in each]
    assert sum(map(_is_picture, everything)) == ASSIGNMENTS[assignment][2]
    assert found.get("submit", []) == []


@needs_torch
@pytest.mark.slow
def test_a_training_stops_when_its_job_ends_and_goes_on_when_resumed(tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    options = ("-p", "SCALE", str(kit.SMALL), "-p", "STEPS", "6000")
    with papermill("training", tmp_path, *options, task=task) as running:
        while running.poll() is None and not (task / "progress.json").exists():
            time.sleep(0.05)
        (task / "ending").touch()
        said, _ = running.communicate()
    assert running.returncode == 0, said[-3000:]
    first = _steps(outputs(tmp_path)["train-it"])
    (task / "ending").unlink()
    with papermill("training", tmp_path, *options, task=task) as running:
        said, _ = running.communicate()
    assert running.returncode == 0, said[-3000:]
    second = _steps(outputs(tmp_path)["train-it"])
    assert 0 < first < 300
    assert first + second == 300
    assert 0 < json.loads((task / "results.json").read_text())["loss"] < 6


def test_the_batch_job_asks_for_parameters_that_the_notebook_has(tmp_path: Path) -> None:
    (cell,) = (each for each in kit.source("training")["cells"] if each["id"] == "submit")
    code = kit.text(cell).replace("SUBMIT = False", "SUBMIT = True")
    done = subprocess.run(
        [SESSION, "-P", "-c", f"from lesesal_notebook import batch\n{code}"],
        cwd=COURSE / "source" / "training",
        env={"HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT / "extensions")},
        capture_output=True,
        text=True,
        check=False,
    )
    # Parameters are looked at first; there is no hub here to be asked.
    assert "NotInASessionError" in done.stderr, done.stderr[-3000:]


@needs_torch
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_its_cell_submits_trains_with_three_step_sizes(tmp_path: Path) -> None:
    notebook = kit.small(kit.source("training"))
    (cell,) = (each for each in notebook["cells"] if each["id"] == "submit")
    code = kit.text(cell).replace("SUBMIT = False", "SUBMIT = True")
    with sitting(tmp_path) as desk:
        desk.interpreter = TORCH
        dataset = {"name": "logbook", "source": str(kit.LOGBOOK), "size": 0}
        desk.environment = {
            "LESESAL_COURSE": COURSE.name,
            "LESESAL_DATASET_SOURCES": json.dumps([dataset]),
            "OMP_NUM_THREADS": "1",
        }
        (desk.home / "training.ipynb").write_text(json.dumps(notebook))
        desk.python(f"from lesesal_notebook import batch\ndisplay = print\n{code}")
        [run] = desk.jobs
        assert desk.ended(run, 500) == 0, desk.log(run)
        said = desk.python(
            f"""
            import json
            from lesesal_notebook import batch
            print(json.dumps(batch.get({run!r}).results()))
            """
        )
    rows = json.loads(said)
    assert [(row["state"], row["RATE"], row["STEPS"]) for row in rows] == [
        ("done", rate, 600) for rate in (2e-3, 6e-3, 2e-2)
    ]
    assert len({row["loss"] for row in rows}) == 3
    assert all(0 < row["loss"] < 8 for row in rows)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_source_is_kept_without_outputs(assignment: str) -> None:
    code = [cell for cell in kit.source(assignment)["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []


def test_the_logbook_is_written_again_to_the_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, COURSE / "data" / "make_logbook.py", tmp_path], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in kit.LOGBOOK.iterdir()}


def test_nothing_is_to_be_said_of_its_folder() -> None:
    for command in ("course check", "data verify"):
        done = subprocess.run(
            [kit.LESESAL, *command.split(), COURSE], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr


def papermill(
    assignment: str, home: Path, *options: str, task: Path | None = None
) -> subprocess.Popen[str]:
    """Run a notebook with the environment that has torch, as a batch job's task or on its own."""
    logbook = home / "datasets" / "language-models" / "logbook"
    if not logbook.exists():
        logbook.parent.mkdir(parents=True)
        logbook.symlink_to(kit.LOGBOOK)
    path = COURSE / "source" / assignment / f"{assignment}.ipynb"
    return subprocess.Popen(
        [
            *(TORCH, "-m", "papermill", path, home / "out.ipynb", "--no-progress-bar"),
            *("--cwd", home, *options),
        ],
        env={
            **os.environ,
            "HOME": str(home),
            # More threads than idle cores wait for each other.
            "OMP_NUM_THREADS": "1",
            **({"LESESAL_BATCH_TASK": str(task)} if task else {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(home: Path) -> dict[str, list[dict[str, Any]]]:
    """What the cells of the executed notebook gave, by id."""
    cells = json.loads((home / "out.ipynb").read_text())["cells"]
    return {cell["id"]: cell.get("outputs", []) for cell in cells}


def _steps(outputs: list[dict[str, Any]]) -> int:
    """How many were done."""
    said = "".join("".join(out.get("text", "")) for out in outputs)
    (count,) = re.findall(r"^(\d+) of 300 steps in", said, re.MULTILINE)
    return int(count)


def _points(assignment: str, name: str) -> float:
    (cell,) = (each for each in kit.source(assignment)["cells"] if each["id"] == name)
    worth: float = cell["metadata"]["nbgrader"]["points"]
    return worth


def _failed(outputs: list[dict[str, Any]]) -> bool:
    return any(out["output_type"] == "error" or out.get("name") == "stderr" for out in outputs)


def _is_picture(output: dict[str, Any]) -> bool:
    return "image/png" in output.get("data", {})
