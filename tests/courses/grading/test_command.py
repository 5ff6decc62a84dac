"""``lesesal grade`` at the terminal, and for a program that reads its lines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import engine_kit as kit
import pytest
from engine_kit import Pretend, hand_in, result
from typer.testing import CliRunner, Result

from courses.cli import app
from courses.errors import CourseError, WorkersError
from courses.grades import Reason
from courses.grading import command
from courses.grading.report import graded_json, graded_of
from courses.grading.words import sentence

RUN = Path(__file__).parents[3] / "docs" / "grading-run.md"
SAYS = {"bad": result("suspect", "canary", notebook="answers.ipynb", cell="test_squares")}


@pytest.fixture
def directory(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "_crew", lambda *_args: Pretend(SAYS))
    directory = Path(shutil.copytree(made, tmp_path / "course"))
    hand_in(directory, "student1")
    hand_in(directory, "student2", answer=f"{kit.SQUARES}  # bad")
    return directory


def lesesal(*words: Any) -> Result:
    return CliRunner().invoke(app, ["grade", *map(str, words)])


def test_people_read_a_sentence_for_each_that_did_not_go_well(directory: Path) -> None:
    report = directory / "report.json"
    done = lesesal(directory, kit.NAME, "--json", report)
    assert (done.exit_code, done.stdout.splitlines()[:-1]) == (
        0,
        [
            "student2: suspect. A check that must fail did not fail in cell test_squares of "
            "answers.ipynb: something catches errors there."
        ],
    )
    assert done.stdout.splitlines()[-1].startswith("2 graded in ")
    found = json.loads(report.read_text("utf-8"))
    assert [(each["student"], each["state"], each["score"]) for each in found["submissions"]] == [
        ("student1", "graded", 3.0),
        ("student2", "suspect", 3.0),
    ]
    assert found["seconds"] > 0
    for each in found["submissions"]:
        assert graded_json(graded_of(each)) == each
    again = lesesal(directory, kit.NAME)
    assert again.stdout.splitlines()[-1].startswith("Nothing is new")


def test_programs_read_lines(directory: Path) -> None:
    done = lesesal(directory, kit.NAME, "--progress-json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert [each["event"] for each in lines if each["event"] != "progress"] == [
        *("outcome", "outcome", "end")
    ]
    last = [each for each in lines if each["event"] == "progress"][-1]
    assert (last["total"], last["running"], last["states"]) == (2, 0, {"graded": 1, "suspect": 1})
    suspect = next(each for each in lines if each.get("student") == "student2")
    assert suspect["reason"]["says"] == suspect["evidence"][0]["says"] != ""


def test_an_error_is_a_sentence(directory: Path) -> None:
    done = lesesal(directory, "nothing")
    assert isinstance(done.exception, CourseError)
    done = lesesal(directory, "nothing", "--progress-json")
    (line,) = done.stdout.splitlines()
    assert (done.exit_code, json.loads(line)["event"]) == (1, "error")
    assert "does not know" in json.loads(line)["says"]


@pytest.mark.parametrize("where", [(), ("--cluster=hpc",), ("--shared=/shared",)])
def test_accounts_need_a_cluster_and_a_folder(directory: Path, where: tuple[str, ...]) -> None:
    done = lesesal(directory, kit.NAME, "--accounts=grader1,grader2", *where)
    assert isinstance(done.exception, WorkersError)
    assert "--cluster NAME --shared FOLDER" in str(done.exception)


def test_with_accounts_the_account_is_the_sandbox_and_else_it_never_is(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = []

    class Looks(Pretend):
        def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
            found.append(json.loads((run / "run.json").read_text())["sandbox"])
            return super().run(run, keys)

    monkeypatch.setattr(command, "_crew", lambda *_args: Looks())
    where = ("--cluster=hpc", f"--shared={tmp_path}")
    lesesal(directory, kit.NAME, "--accounts=grader1", *where)
    lesesal(directory, kit.NAME, "--force", *where)
    assert found == ["job", "namespaces"]


def test_what_a_cluster_does_with_a_run_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crew(*args: Any) -> Pretend:
        args[-1]("A node was [lost].")
        return Pretend()

    monkeypatch.setattr(command, "_crew", crew)
    lines = lesesal(directory, kit.NAME, "--progress-json").stdout.splitlines()
    assert json.loads(lines[0]) == {"event": "says", "says": "A node was [lost]."}
    assert "A node was [lost].\n" in lesesal(directory, kit.NAME, "--force").stderr


def test_what_has_to_be_tried_again_is_told_by_the_exit_status(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = {"bad": result("retry", "sandbox", says="there are no user namespaces.")}
    monkeypatch.setattr(command, "_crew", lambda *_args: Pretend(says))
    done = lesesal(directory, kit.NAME)
    assert done.exit_code == 1
    assert "student2: to be tried again. It could not be shut in" in done.stdout


def test_interrupted_it_says_how_to_go_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_crew", lambda *_args: Pretend(stops=1))
    done = lesesal(directory, kit.NAME)
    assert (done.exit_code, "goes on from here" in done.stderr) == (130, True)


def test_options_reach_the_workers(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Looks(Pretend):
        def run(self, run: Path, keys: Any) -> Any:
            self.about = json.loads((run / "run.json").read_text("utf-8"))
            self.folder = run
            yield from super().run(run, keys)

    workers = Looks()
    monkeypatch.setattr(command, "_crew", lambda *_args: workers)
    shared = directory.parent / "shared"
    options = "--cell-seconds 4 --seconds 20 --memory-mb 600 --preload numpy,json --gpus 1"
    done = lesesal(directory, kit.NAME, *options.split(), "--shared", shared)
    assert done.exit_code == 0
    limits = workers.about["limits"]
    assert (limits["cell_seconds"], limits["seconds"], limits["memory_bytes"]) == (
        4,
        20,
        600 * 10**6,
    )
    assert (workers.about["preload"], workers.about["gpus"]) == (["numpy", "json"], 1)
    assert workers.folder.parent == shared
    assert not workers.folder.exists()


def test_every_kind_of_reason_has_a_sentence_and_a_line_in_the_docs() -> None:
    text = RUN.read_text("utf-8").partition("## Reasons")[2]
    kinds = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| ")]
    kinds = [kind for kind in kinds if kind not in ("kind", "---")]
    assert len(kinds) > 10
    facts = {"notebook": "ps1.ipynb", "cell": "a", "seconds": 30, "bytes": 5_000_000}
    facts |= {"file": "x.txt", "says": "it is broken."}
    for kind in kinds:
        says = sentence(Reason(kind, facts))
        assert says.endswith("."), says
        assert "ended with" not in says, kind
        assert sentence(Reason(kind)), kind
    assert sentence(Reason()) == ""
