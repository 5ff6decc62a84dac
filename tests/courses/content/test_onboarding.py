"""The workshop: its notebooks run alone, its data is what it says, handing in gives the point."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deployed import CHECKOUT

COURSE = CHECKOUT / "courses" / "content" / "onboarding"
SESSION = CHECKOUT / ".venv" / "session" / "bin" / "python"
FIRST_DAY = COURSE / "source" / "first-day"
LESESAL = Path(sys.executable).with_name("lesesal")
# What each draws, and what its output says without a hub and a GPU.
NOTEBOOKS: dict[str, tuple[int, tuple[str, ...]]] = {
    "1-the-session": (0, ("This process may use", "was written 1 times", "Write your answer")),
    "2-a-gpu": (1, ("No GPU is used here", "This session has no GPU", "GPU\n", "CPU\n")),
    "3-data": (1, ("readings.csv is what was published", "SHA-256: another", "560 small files")),
    "4-batch-job": (0, ("pi is about 3.1", "Nothing was sent.", "There is no run to wait for.")),
    "5-help-and-your-project": (0, ("ZeroDivisionError: division by zero", "30 GPU hours")),
    "training": (1, ("3360 to be tried on", "it is off by 0.")),
}
# nbgrader's own; then somebody hands in what was fetched.
HAND_IN = """
import shutil
from nbgrader.apps import NbGraderApp
NbGraderApp.launch_instance(["generate_assignment", "first-day", "--create", "--course=demo"])
shutil.copytree("release/first-day", "submitted/untouched/first-day")
"""


def cells(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FIRST_DAY / f"{name}.ipynb").read_text())["cells"]
    return found


def run(name: str, folder: Path, *parameters: str) -> list[dict[str, Any]]:
    """Execute a notebook of the assignment with papermill; its cells afterwards."""
    target = folder / "first-day"
    shutil.copytree(FIRST_DAY, target, dirs_exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    done = subprocess.run(
        [
            *(SESSION, "-P", "-m", "papermill", f"{name}.ipynb", folder / "out.ipynb"),
            *("--no-progress-bar", *parameters),
        ],
        cwd=target,
        env={**kept, "HOME": str(folder), "LESESAL_DATASETS": str(COURSE / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed: list[dict[str, Any]] = json.loads((folder / "out.ipynb").read_text())["cells"]
    return executed


def said(executed: list[dict[str, Any]]) -> str:
    """All text that the cells show."""
    outputs = [output for cell in executed for output in cell.get("outputs", ())]
    assert [output["ename"] for output in outputs if output["output_type"] == "error"] == []
    texts = [
        output["text"] if "text" in output else output["data"].get("text/plain", "")
        for output in outputs
    ]
    return "\n".join("".join(text) for text in texts)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_notebook_runs_alone_and_is_kept_without_outputs(name: str, tmp_path: Path) -> None:
    code = [cell for cell in cells(name) if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    executed = run(name, tmp_path)
    plots, texts = NOTEBOOKS[name]
    text = said(executed)
    assert [wanted for wanted in texts if wanted not in text] == []
    drawn = [
        output
        for cell in executed
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(drawn) == plots


def test_every_notebook_is_named_above() -> None:
    assert {path.stem for path in FIRST_DAY.iterdir()} == set(NOTEBOOKS)


def test_a_training_that_was_ended_goes_on(tmp_path: Path) -> None:
    """As a batch job is: told that its time is nearly over, and resumed with its checkpoint."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "ending").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESESAL_BATCH_TASK", str(task))
        assert "Saved after epoch 1, to go on later." in said(run("training", tmp_path))
        (task / "ending").unlink()
        text = said(run("training", tmp_path, "-p", "epochs", "5"))
    assert "This goes on after epoch 1, with what was saved." in text
    assert list((task / "checkpoint").iterdir()) == []
    lines = (task / "progress.jsonl").read_text().splitlines()
    assert json.loads((task / "progress.json").read_text())["done"] == 4, lines


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name[0] in "1234"])
def test_each_question_has_one_answer_that_is_right(name: str) -> None:
    [check] = ["".join(cell["source"]) for cell in cells(name) if cell["id"] == "question-check"]
    right = []
    for answer in ("a", "b", "c"):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            exec(check, {"answer": answer})
        right += [answer] if shown.getvalue().startswith("Yes") else []
    assert len(right) == 1


def test_the_dataset_is_what_its_script_makes_and_what_the_course_names(tmp_path: Path) -> None:
    made = tmp_path / "readings"
    subprocess.run([sys.executable, COURSE / "make_readings.py", made], check=True)
    kept = COURSE / "data" / "readings"
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }
    done = subprocess.run(
        [LESESAL, "data", "verify", COURSE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "readings: 237.1 kB, as course.toml names it (CC-BY-4.0)\n"


def test_the_course_is_checked_without_a_word_of_warning() -> None:
    done = subprocess.run(
        [LESESAL, "course", "check", COURSE],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    assert done.stdout == (
        "onboarding: First day on the GPU cluster\n"
        "  offers: cpu-small, gpu-slice, gpu\n"
        f"  dataset readings: {COURSE / 'data' / 'readings'}, 237.1 kB\n"
        "  first-day: First day; no deadline; up to 20 MB\n"
    )


@pytest.mark.timeout(900)
def test_handing_in_gives_the_point(tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(COURSE / "source", course / "source")
    # nbgrader calls `alembic` by its name.
    path = os.pathsep.join([str(SESSION.parent), os.environ["PATH"]])
    subprocess.run(
        [SESSION, "-c", HAND_IN],
        cwd=course,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(LESESAL, "grade", course, "first-day", "--json", report),
            f"--dataset=onboarding/readings={COURSE / 'data' / 'readings'}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [graded] = json.loads(report.read_text())["submissions"]
    assert (graded["state"], graded["score"], graded["max_score"]) == ("graded", 1.0, 1.0), graded
