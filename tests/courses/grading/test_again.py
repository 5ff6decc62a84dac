"""Slow tests, and tests that give the same files other points when they are run again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import engine_kit as kit
import pytest
from engine_kit import Pretend, hand_in, result
from typer.testing import CliRunner

from courses.cli import app
from courses.grades import Outcome, PointsOnTest, State
from courses.grading import again, command
from courses.grading.engine import Again, grade
from courses.grading.figures import Figures, figures
from courses.grading.place import TESTS, Place
from courses.grading.report import Graded, Report

TOOK = {"test_squares": 0.5, "test_partial": 12.0, "unknown": 9.0}


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    """student1 has a test left to chance, student2 has not."""
    directory = Path(shutil.copytree(made, tmp_path / "course"))
    hand_in(directory, "student1", answer=f"{kit.SQUARES}  # chance")
    hand_in(directory, "student2")
    return directory


def workers() -> Pretend:
    return Pretend(took=TOOK, chance="test_squares")


def differed(report: Report) -> dict[str, list[str]]:
    return {
        each.outcome.student: [test.name for test in each.outcome.tests if test.differed]
        for each in report.submissions
    }


def everything(directory: Path) -> dict[str, Any]:
    """All that grading changes: the gradebook's rows, and the files beside it."""
    with sqlite3.connect(directory / "gradebook.db") as book:
        rows = list(book.iterdump())
    files = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in (directory / "autograded").rglob("*")
        if path.is_file()
    }
    return {"rows": rows, "files": files}


def test_a_test_that_differs_is_seen_when_the_same_files_are_graded_again(directory: Path) -> None:
    by_chance = workers()
    first = grade(directory, kit.NAME, workers=by_chance)
    assert differed(first) == {"student1": [], "student2": []}
    assert first.submissions[0].outcome.tests == (
        PointsOnTest("test_squares", 2.0, 2.0, 0.5),
        PointsOnTest("test_partial", 1.0, 1.0, 12.0),
    )
    second = grade(directory, kit.NAME, workers=by_chance, force=True)
    assert differed(second) == {"student1": ["test_squares"], "student2": []}
    assert second.tests == (
        Figures("test_squares", 2.0, 2, 1.0, 0.5, 0.5, 1),
        Figures("test_partial", 1.0, 2, 0.0, 12.0, 12.0, 0),
    )
    # It is known from then on, whatever comes of it; until other files are handed in.
    third = grade(directory, kit.NAME, workers=by_chance, force=True)
    assert differed(third)["student1"] == ["test_squares"]
    hand_in(directory, "student1", answer="def squares(n):\n    return []", at=kit.LATE)
    fourth = grade(directory, kit.NAME, workers=by_chance)
    assert differed(fourth) == {"student1": [], "student2": []}


def test_what_is_run_again_changes_nothing(directory: Path) -> None:
    by_chance = workers()
    grade(directory, kit.NAME, workers=by_chance, students=["student1"])
    before = everything(directory)
    report = grade(directory, kit.NAME, workers=by_chance, again=Again(2))
    assert len(by_chance.executed) == 1 + 2 * 2
    assert differed(report) == {"student1": ["test_squares"], "student2": []}
    assert everything(directory) == before
    assert {each.outcome.student: each.outcome.score for each in report.submissions} == {
        "student1": 3.0,
        "student2": 3.0,
    }
    assert not (directory / ".lesesal" / "tests" / kit.NAME / "run").exists()
    assert list(Place(directory, kit.NAME).outcomes()) == ["student1"]


def test_a_sample_is_from_all_over_the_class(directory: Path) -> None:
    for number in range(3, 7):
        hand_in(directory, f"student{number}")
    seen: list[str] = []
    told: list[tuple[int, int]] = []
    report = grade(
        directory,
        kit.NAME,
        workers=workers(),
        again=Again(2, sample=3),
        on_outcome=lambda each: seen.append(each.outcome.student),
        on_progress=lambda each: told.append((each.done, each.total)),
    )
    assert seen == ["student1", "student3", "student5"] * 2
    assert len(report.submissions) == 3
    assert (told[0], told[-1]) == ((0, 6), (6, 6))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_was_run_again_counts_until_other_files_are_graded(directory: Path) -> None:
    by_chance = workers()
    grade(directory, kit.NAME, workers=by_chance)
    grade(directory, kit.NAME, workers=by_chance, again=Again(2))

    def known() -> int:
        (squares,) = (
            each for each in figures(again.known(directory, kit.NAME)) if "squares" in each.name
        )
        return squares.differed

    assert known() == 1
    hand_in(directory, "student1", at=kit.LATE)
    grade(directory, kit.NAME, workers=by_chance)
    assert known() == 0
    assert list(Place(directory, kit.NAME, TESTS).outcomes()) == ["student2"]


def one(score: float, state: State = State.GRADED, digest: str = "d") -> Graded:
    test = PointsOnTest("sum", score, 2.0, 0.1)
    return Graded(Outcome("student1", state, tests=(test,)), digest=digest)


def test_what_is_not_believed_says_nothing_of_a_test() -> None:
    def flagged(new: Graded, old: Graded | None) -> bool:
        return again.compared(new, old).outcome.tests[0].differed

    assert flagged(one(2), one(0))
    assert not flagged(one(2), one(2))
    assert not flagged(one(2), None)
    assert not flagged(one(2), one(0, digest="other"))
    assert not flagged(one(2, digest=""), one(0, digest=""))
    assert not flagged(one(0, State.SUSPECT), one(2))
    assert not flagged(one(2), one(0, State.SUSPECT))
    assert flagged(one(2), one(0, State.FAILED))


def test_slow_is_a_share_of_what_a_cell_may_take() -> None:
    made = Figures("sum", 2.0, 3, 0.0, 1.0, 7.5, 0)
    assert made.is_slow(30.0)
    assert not made.is_slow(31.0)


def test_the_author_reads_a_sentence_for_each(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_crew", lambda *_args: workers())
    report = directory / "report.json"
    done = CliRunner().invoke(
        app, ["grade", str(directory), kit.NAME, "--again", "2", "--json", str(report)]
    )
    assert done.exit_code == 0
    *sentences, last = done.stdout.splitlines()
    assert sentences == [
        "test_squares: 1 submission got other points on it when it was run again. It depends on "
        "chance, time, or what else runs.",
        "test_partial: slow. It took 12.0 s at the median and 12.0 s at most, and a cell may take "
        "30 s.",
    ]
    assert last.startswith("Run again: 2, in ")
    assert json.loads(report.read_text("utf-8"))["tests"][0] == {
        "name": "test_squares",
        "max_score": 2.0,
        "count": 2,
        "lost": 1.0,
        "median_seconds": 0.5,
        "slowest_seconds": 0.5,
        "differed": 1,
    }


def test_a_shared_folder_is_not_that_of_the_grading(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    monkeypatch.setattr(command, "_crew", lambda *_args: Pretend(stops=1))
    words = ["grade", str(directory), kit.NAME, "--shared", str(shared)]
    assert CliRunner().invoke(app, words).exit_code == 130
    monkeypatch.setattr(command, "_crew", lambda *_args: Pretend(took=TOOK))
    assert CliRunner().invoke(app, [*words, "--again", "2"]).exit_code == 0
    assert [path.name for path in shared.iterdir()] == [f"{directory.name}-{kit.NAME}"]
    going_on = Pretend()
    monkeypatch.setattr(command, "_crew", lambda *_args: going_on)
    assert CliRunner().invoke(app, words).exit_code == 0
    assert len(going_on.executed) == 1


def test_lines_of_an_earlier_version_are_read(directory: Path) -> None:
    grade(directory, kit.NAME, workers=Pretend({"chance": result("failed", "died")}))
    path = directory / ".lesesal" / "grading" / kit.NAME / "outcomes.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines() if line]
    for line in lines:
        del line["tests"], line["digest"]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert figures(again.known(directory, kit.NAME)) == ()
    report = grade(directory, kit.NAME, workers=workers(), force=True)
    assert differed(report) == {"student1": [], "student2": []}
