"""How a run stands, from files and hub together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lesesal_notebook.batch import files
from lesesal_notebook.batch.files import Plan
from lesesal_notebook.batch.look import View, look

NOW = 1_000_000.0
FRESH, OLD = NOW - 2, NOW - 300


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def seen(
    status: dict[str, Any] | None, told: dict[str, Any] | None, *, cancelled: bool = False
) -> View:
    """How a run of one task is seen with this status and this word of the hub."""
    plan = Plan(id="run-1", notebook="/work/train.ipynb", submitted=OLD, cancelled=cancelled)
    task = files.task_folder(files.folder_of(plan.id), 1)
    task.mkdir(parents=True)
    if status is not None:
        files.write(task / files.STATUS, {"cell": 2, "cells": 4, **status})
    return look(plan, told, NOW, "en")


RUNNING = {"state": "running", "updated": FRESH}
STUCK = {"state": "running", "updated": OLD}


@pytest.mark.parametrize(
    ("status", "told", "state"),
    [
        (None, {"state": "waiting"}, "waiting"),
        (None, None, "waiting"),
        (None, {"state": "running"}, "running"),
        (None, {"state": "ended"}, "lost"),
        (None, {}, "lost"),
        (RUNNING, {"state": "running"}, "running"),
        (RUNNING, None, "running"),
        # The hub's look is older than the file.
        (RUNNING, {"state": "waiting"}, "running"),
        # The file has not come over yet.
        (RUNNING, {"state": "ended"}, "running"),
        # Its machine failed, and it is in the queue again.
        (STUCK, {"state": "waiting"}, "waiting"),
        (STUCK, {"state": "ended"}, "lost"),
        (STUCK, None, "running"),
        (STUCK, {"tasks": {"1": {"state": "ended", "word": "TIMEOUT"}}}, "out of time"),
        (None, {"tasks": {"1": {"state": "ended", "word": "CANCELLED by 7"}}}, "cancelled"),
        ({"state": "done"}, {"state": "running"}, "done"),
        ({"state": "failed"}, None, "failed"),
        ({"state": "out of time"}, {"state": "ended"}, "out of time"),
        ({"state": "cancelled"}, {"state": "ended"}, "cancelled"),
        # Its machine was taken away, and it is in the queue again.
        ({"state": "cancelled"}, {"state": "waiting"}, "waiting"),
    ],
)
def test_who_is_believed(
    status: dict[str, Any] | None, told: dict[str, Any] | None, state: str
) -> None:
    assert seen(status, told).state == state


@pytest.mark.parametrize("status", [None, STUCK, {"state": "out of time"}, {"state": "cancelled"}])
def test_what_its_person_cancelled_is_cancelled(status: dict[str, Any] | None) -> None:
    assert seen(status, {"state": "ended"}, cancelled=True).state == "cancelled"


def test_who_was_killed_has_the_hubs_sentence() -> None:
    told = {"state": "ended", "tasks": {"1": {"state": "ended", "sentence": "Its machine failed."}}}
    view = seen(STUCK, told)
    assert (view.state, view.sentence) == ("lost", "Its machine failed.")
    assert view.resumable


def test_without_one_it_has_ours() -> None:
    view = seen(STUCK, {"state": "ended"})
    assert view.sentence == "It was killed and could not say why; what it had done is kept."


def test_how_far_it_is() -> None:
    assert seen(RUNNING, None).fraction == 0.25
    task = files.task_folder(files.folder_of("run-1"), 1)
    plan = files.Plan(id="run-1", notebook="/a.ipynb")
    files.write(task / files.PROGRESS, {"done": 5, "total": 10, "state": "running"})
    assert look(plan, None, NOW, "en").fraction == 0.375
    # A loop of an earlier cell.
    files.write(task / files.PROGRESS, {"done": 10, "total": 10, "state": "done"})
    assert look(plan, None, NOW, "en").fraction == 0.25


def test_a_sweep_taken_together() -> None:
    plan = Plan(id="run-2", notebook="/work/train.ipynb", tasks=3, submitted=OLD)
    folder = files.folder_of(plan.id)
    told: dict[str, Any] = {"state": "waiting", "tasks": {}}

    def end(number: int, state: str) -> View:
        task = files.task_folder(folder, number)
        task.mkdir(parents=True)
        files.write(task / files.STATUS, {"state": state})
        return look(plan, told, NOW, "en")

    assert look(plan, told, NOW, "en").state == "waiting"
    assert end(1, "done").state == "running"
    assert end(2, "failed").state == "running"
    view = end(3, "done")
    assert (view.state, view.sentence, view.unfinished) == ("failed", "2 of 3 are done.", (2,))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"id": "run-3"}', '{"id": 3, "tasks": "x"}'])
def test_a_folder_of_something_else_is_no_run(content: str, home: Path) -> None:
    folder = home / "batch" / "run-3"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(content)
    assert list(files.plans()) == []


def test_the_tail_of_a_log(home: Path) -> None:
    log = home / "log.txt"
    log.write_text("a\n\n10%\r50%\r100%\nlast")
    assert files.tail(log, 2) == ["100%", "last"]
    assert files.tail(home / "none", 2) == []


def test_names_are_safe() -> None:
    for stem in ("train", "Übung 3 (final)", "../..", "x" * 300, ""):
        assert files.ID.fullmatch(files.new_id(stem, NOW))
