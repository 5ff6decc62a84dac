"""Runs of grading: followed, stopped, queued, gone on with; a stand-in plays the engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from classroom_kit import NOW, course, enrol, put, zipped

from courses.classroom.desks.handins import HandIns
from courses.classroom.grading import GradingRuns
from courses.classroom.grading_settings import Grading
from courses.course import Caller
from courses.coursedir.folder import folder_of
from courses.errors import Refused
from courses.grades import Outcome, Reason, State
from courses.store import Store, audit, grading, releases
from courses.store.grading import Kind, Run, Stage

# Says what is in the file, a line each; at an empty one it waits until the file "go" is there.
STAND_IN = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "started").touch()
for line in (folder / "says").read_text().splitlines():
    while not line and not (folder / "go").exists():
        time.sleep(0.01)
    print(line, flush=True)
print("A last word.", file=sys.stderr)
sys.exit(int((folder / "status").read_text()))
"""


class WithStandIn(GradingRuns):
    """What it starts is `STAND_IN`, in a folder for each course."""

    place: Path

    def _argv(self, run: Run) -> list[str]:
        return [sys.executable, "-c", STAND_IN, str(self.place / run.course)]


@asynccontextmanager
async def at_work(store: Store, place: Path, **settings: Any) -> AsyncIterator[WithStandIn]:
    with ThreadPoolExecutor(2) as pool:
        runs = WithStandIn(store, "", Grading(**settings), pool, logging.getLogger("test"))
        runs.place = place
        task = asyncio.create_task(runs.run())
        try:
            yield runs
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def progress(done: int, total: int, running: int = 0) -> str:
    return json.dumps(
        {
            "event": "progress",
            "total": total,
            "running": running,
            "states": {"graded": done},
            "seconds": 2.0,
        }
    )


def outcome(student: str, state: str = "graded", kind: str = "", **facts: object) -> str:
    reason = {"kind": kind, "facts": facts, "says": ""}
    return json.dumps(
        {
            "event": "outcome",
            "student": student,
            "state": state,
            "reason": reason,
            "evidence": [reason] if state == "suspect" else [],
            "score": 3.0,
            "max_score": 4.0,
            "seconds": 1.0,
            "cpu_seconds": 1.0,
            "notes": [],
            "new": True,
        }
    )


END = json.dumps({"event": "end", "seconds": 2.0})


class Desk:
    """A course with a hand-in of ben's and one of cleo's, collected; and what the engine says."""

    def __init__(self, store: Store, place: Path, slug: str) -> None:
        self.store, self.slug, self.place = store, slug, place / slug
        self.place.mkdir(parents=True)
        put(store, course(slug))
        enrol(store, slug, ada="instructor", ben="student", cleo="student")
        with store.writing() as session:
            releases.release(session, slug, "lenses", "0" * 64, actor="ada", at=NOW)
        self.ids = {user: self._hand_in(user) for user in ("ben", "cleo")}

    def _hand_in(self, user: str) -> str:
        upload = HandIns(self.store, 10**6).submit(Caller(user), self.slug, "lenses")
        with self.store.blobs.incoming(10**6) as incoming:
            incoming.write(zipped({"lenses.ipynb": user.encode()}))
            receipt = json.loads(upload.finish(incoming).receipt)  # type: ignore[attr-defined]
        folder = folder_of(self.store, self.slug) / "submitted" / user / "lenses"
        folder.mkdir(parents=True)
        (folder / "timestamp.txt").write_text(receipt["timestamp"])
        return str(receipt["id"])

    def says(self, *lines: str, status: int = 0) -> None:
        (self.place / "says").write_text("\n".join(lines) + "\n")
        (self.place / "status").write_text(str(status))

    def ask(self, kind: Kind = Kind.GRADE) -> Run:
        with self.store.writing() as session:
            return grading.ask(session, self.slug, "lenses", kind, actor="ada", at=NOW)

    def run(self) -> Run:
        with self.store.reading() as session:
            found = grading.last_run(session, self.slug, "lenses")
        assert found
        return found

    def outcomes(self) -> dict[str, tuple[str, Outcome]]:
        with self.store.reading() as session:
            found = grading.outcomes(session, self.slug, "lenses")
        return {user: (each.submission, each.outcome) for user, each in found.items()}

    @property
    def started(self) -> bool:
        return (self.place / "started").exists()

    def go(self) -> None:
        (self.place / "go").touch()


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path / "engine", "optics")


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)


async def test_a_run_from_its_wish_to_its_end(store: Store, desk: Desk, tmp_path: Path) -> None:
    desk.says(
        json.dumps({"event": "collected", "total": 2, "new": 2, "says": "One is lost."}),
        json.dumps({"event": "says", "says": "A node was lost."}),
        *(progress(1, 2, 1), outcome("ben"), "", "no JSON", '{"event": "outcome"}'),
        outcome("cleo", "suspect", "canary", notebook="lenses", cell="focus"),
        *(outcome("nobody"), progress(2, 2), END),
    )
    wished = desk.ask()
    assert wished.stage is Stage.WAITING
    with pytest.raises(Refused):
        desk.ask(Kind.PUBLISH)
    async with at_work(store, tmp_path / "engine") as runs:

        def far() -> bool:
            found = runs.progress(wished.id)
            return found is not None and (found.done, found.total, found.running) == (1, 2, 1)

        await until(far)
        assert desk.run().stage is Stage.RUNNING
        under_way = runs.progress(wished.id)
        assert under_way
        # It stays when more is done.
        assert under_way.says == "A node was lost."
        # What is known by now is kept, whatever becomes of the rest.
        await until(lambda: "ben" in desk.outcomes())
        waiting = asyncio.create_task(runs.changed(lambda: far(), 60))
        await asyncio.sleep(0)
        desk.go()
        await waiting
        await until(lambda: desk.run().stage.over)
        await until(lambda: runs.progress(wished.id) is None)
    run = desk.run()
    assert (run.stage, run.done, run.total, run.says) == (Stage.DONE, 2, 2, "One is lost.")
    reason = Reason("canary", {"notebook": "lenses", "cell": "focus"})
    assert desk.outcomes() == {
        "ben": (desk.ids["ben"], Outcome("ben", State.GRADED, Reason(), 3.0, 4.0)),
        "cleo": (
            desk.ids["cleo"],
            Outcome("cleo", State.SUSPECT, reason, 3.0, 4.0, (reason,)),
        ),
    }
    with store.reading() as session:
        changes = audit.changes(session, "optics")
        told = [each for each in changes if each.action in ("grade", "grading", "graded")]
    assert [each.action for each in told] == ["grade", "grading", "graded", "graded", "grading"]
    assert [each.detail["outcomes"][0]["user"] for each in told if each.action == "graded"] == [
        *("ben", "cleo"),
    ]
    # Nothing of it is in what a student can ask for before it is published.
    assert {each.subject for each in told} == {None}


@pytest.mark.parametrize(
    ("lines", "status", "says"),
    [
        ((json.dumps({"event": "error", "says": "No sandbox here."}),), 1, "No sandbox here."),
        ((progress(1, 2),), 1, "A last word."),
        ((progress(0, 2),), 0, "A last word."),
    ],
)
async def test_a_run_that_fails(
    store: Store, desk: Desk, tmp_path: Path, lines: tuple[str, ...], status: int, says: str
) -> None:
    desk.says(*lines, status=status)
    desk.ask()
    async with at_work(store, tmp_path / "engine"):
        await until(lambda: desk.run().stage.over)
    assert (desk.run().stage, desk.run().says) == (Stage.FAILED, says)
    desk.ask()  # another may follow


async def test_stopping_keeps_what_was_done(store: Store, desk: Desk, tmp_path: Path) -> None:
    desk.says(outcome("ben"), progress(1, 2), "", outcome("cleo"), END)
    wished = desk.ask()
    async with at_work(store, tmp_path / "engine") as runs:
        await until(lambda: (found := runs.progress(wished.id)) and found.done)
        with store.writing() as session:
            grading.end(session, wished.id, Stage.STOPPED, done=1, total=2, actor="eva", at=NOW)
        runs.stop(wished.id)
        await until(lambda: runs.progress(wished.id) is None)
    assert set(desk.outcomes()) == {"ben"}
    assert (desk.run().stage, desk.run().says) == (Stage.STOPPED, "")


async def test_it_goes_on_after_the_classroom_was_away(
    store: Store, desk: Desk, tmp_path: Path
) -> None:
    desk.says(outcome("ben"), progress(1, 2), "", outcome("cleo"), progress(2, 2), END)
    wished = desk.ask()
    async with at_work(store, tmp_path / "engine") as runs:
        await until(lambda: (found := runs.progress(wished.id)) and found.done)
    assert desk.run().stage is Stage.RUNNING
    assert set(desk.outcomes()) == {"ben"}
    desk.go()
    async with at_work(store, tmp_path / "engine"):
        await until(lambda: desk.run().stage.over)
    assert desk.run().stage is Stage.DONE
    assert set(desk.outcomes()) == {"ben", "cleo"}


async def test_one_after_another(store: Store, desk: Desk, tmp_path: Path) -> None:
    other = Desk(store, tmp_path / "engine", "acoustics")
    for each in (desk, other):
        each.says("", END)
        each.ask()
    async with at_work(store, tmp_path / "engine"):
        await until(lambda: desk.started)
        assert other.run().stage is Stage.WAITING
        desk.go()
        await until(lambda: other.started)
        assert desk.run().stage is Stage.DONE
        other.go()
        await until(lambda: other.run().stage.over)


async def test_several_courses_at_once(store: Store, desk: Desk, tmp_path: Path) -> None:
    other = Desk(store, tmp_path / "engine", "acoustics")
    for each in (desk, other):
        each.says("", END)
        each.ask()
    async with at_work(store, tmp_path / "engine", runs=2):
        await until(lambda: desk.started and other.started)


def test_what_the_engine_is_asked_for() -> None:
    assert Grading().options() == []
    assert Grading(workers=8, cluster="slurm", python="/p").options() == [
        *("--workers", "8", "--cluster", "slurm", "--python", "/p"),
    ]


def test_it_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "courses.coursedir.work", "grade", "optics", "lenses"]
    argv += ["--home", str(tmp_path / "none"), "--environments", str(tmp_path)]
    argv += ["--parent", str(os.getpid() + 1)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert not (tmp_path / "none").exists()


def test_an_outcome_of_somebody_else_is_left_out(store: Store, desk: Desk) -> None:
    run = desk.ask()
    with store.writing() as session:
        mallory = Outcome("ben", State.GRADED, Reason(), 4.0, 4.0)
        grading.put_outcomes(session, run.id, [(desk.ids["cleo"], mallory)], at=NOW)
    assert desk.outcomes() == {}


@pytest.mark.parametrize("kind", [Kind.PREVIEW, Kind.TESTS])
async def test_what_is_only_tried_is_not_kept(
    store: Store, desk: Desk, tmp_path: Path, kind: Kind
) -> None:
    desk.says(outcome("ben"), progress(1, 1), END)
    desk.ask(kind)
    async with at_work(store, tmp_path / "engine"):
        await until(lambda: desk.run().stage.over)
    assert (desk.run().stage, desk.run().done) == (Stage.DONE, 1)
    assert desk.outcomes() == {}
