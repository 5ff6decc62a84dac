"""The demo course grades as it says: solved is full, untouched nothing, one mistake its task."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from deployed import CHECKOUT

COURSE = CHECKOUT / "courses" / "content" / "ai-foundations"
SESSION = CHECKOUT / ".venv" / "session" / "bin" / "python"
# One function of each assignment, broken as somebody would break it, and what it costs.
MISTAKES = {
    "gradient-descent": (
        "closed-form",
        "def closed_form(X, y):\n    return np.zeros(X.shape[1])\n",
        {"closed-form-test", "closed-form-hidden-test"},
    ),
    "neural-network": (
        "accuracy",
        "def accuracy(scores, labels):\n    return 1.0\n",
        {"accuracy-test", "accuracy-hidden-test"},
    ),
}
# One in every run of the tests, the other among the long proofs.
ASSIGNMENTS = [
    "gradient-descent",
    pytest.param("neural-network", marks=pytest.mark.slow),
]
# nbgrader's own commands, in one process: each start costs seconds.
GRADE = """
import json, shutil, sys
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
assignment = sys.argv[1]
for command in ("generate_assignment", "autograde"):
    if command == "autograde":
        shutil.copytree(f"release/{assignment}", f"submitted/untouched/{assignment}")
    NbGraderApp.clear_instance()
    NbGraderApp.launch_instance([command, assignment, "--create", "--course=demo"])
with Gradebook("sqlite:///gradebook.db") as book:
    print("SCORES" + json.dumps({
        submission.student.id: {
            grade.cell.name: [grade.auto_score, grade.max_score, grade.needs_manual_grade]
            for notebook in submission.notebooks for grade in notebook.grades
        }
        for submission in book.assignment_submissions(assignment)
    }))
"""


def cells(assignment: str) -> dict[str, Any]:
    path = COURSE / "source" / assignment / f"{assignment}.ipynb"
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def with_all_figures(assignment: str) -> dict[str, Any]:
    """The notebook as a person runs it: figures that grading leaves out are drawn, too."""
    notebook = cells(assignment)
    tagged = [cell for cell in notebook["cells"] if cell["metadata"].pop("tags", None)]
    assert tagged
    assert all("nbgrader" not in cell["metadata"] for cell in tagged)
    return notebook


@pytest.mark.timeout(900)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_are_given_and_taken_as_they_should(assignment: str, tmp_path: Path) -> None:
    cell_id, wrong, lost = MISTAKES[assignment]
    course = tmp_path / "course"
    shutil.copytree(COURSE / "source" / assignment, course / "source" / assignment)
    for student in ("solved", "mistaken"):
        notebook = cells(assignment)
        for cell in notebook["cells"]:
            if student == "mistaken" and cell["id"] == cell_id:
                cell["source"] = wrong
        folder = course / "submitted" / student / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps(notebook))
    (course / "submitted" / "untouched").mkdir()
    # nbgrader calls `alembic` by its name.
    path = os.pathsep.join([str(SESSION.parent), os.environ["PATH"]])
    done = subprocess.run(
        [SESSION, "-c", GRADE, assignment],
        cwd=course,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    scores = json.loads(done.stdout.rsplit("SCORES", 1)[1])

    def points(student: str) -> float:
        return sum(auto or 0 for auto, _, _ in scores[student].values())

    by_hand = {name for name, (_, _, manual) in scores["solved"].items() if manual}
    assert by_hand == {"answer"}
    most = sum(worth for name, (_, worth, _) in scores["solved"].items() if name not in by_hand)
    assert (most, scores["solved"]["answer"][1]) == (44, 6)
    assert points("solved") == most
    assert points("untouched") == 0
    missed = {
        name
        for name, (auto, worth, manual) in scores["mistaken"].items()
        if not manual and auto != worth
    }
    assert missed == lost


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_source_runs_headless_and_is_kept_without_outputs(
    assignment: str, tmp_path: Path
) -> None:
    code = [cell for cell in cells(assignment)["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    source = tmp_path / "source.ipynb"
    source.write_text(json.dumps(with_all_figures(assignment)))
    done = subprocess.run(
        [SESSION, "-m", "papermill", source, tmp_path / "out.ipynb", "--no-progress-bar"],
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = json.loads((tmp_path / "out.ipynb").read_text())
    plots = [
        output
        for cell in executed["cells"]
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(plots) >= 4
