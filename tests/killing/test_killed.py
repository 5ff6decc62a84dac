"""kill -9 of the classroom and of its database while people hand in.

`make proof` kills ten times over each database, `make kill` a hundred times. A process that is
killed loses what it had in memory, not what it had given to the kernel: this shows the order of
writing, and that whoever comes after finds his way. What a loss of power takes is not shown here;
against that, files and the journal are forced to disk (`courses.store.blobs`,
`courses.store.database`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import postgres_server
import pytest
from bench.exchange_rush import pool
from extensions.exchange.sessions import PYTHON, ROOT
from killing.class_room import Inspector, Student, prepare, release
from killing.hub_stand_in import hub_stand_in
from killing.victims import Backend, ClassroomProcess, Postmaster, Victim

from courses.store import Store, default_url

KILLS = int(os.environ.get("LESESAL_KILLS", "10"))
STUDENTS = 4
# Until a random moment after the first receipt since the last kill.
WITHIN = 0.4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * KILLS)]


@dataclass(frozen=True)
class Database:
    """A database, and what else than the classroom can be killed of it."""

    url: str
    others: Callable[[ClassroomProcess], Sequence[Victim]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        # It lives in the classroom's process.
        yield Database(default_url(tmp_path), lambda classroom: [])
        return
    if why_not := postgres_server.missing():
        pytest.skip(why_not)
    with postgres_server.postgres_server() as server:
        # The tests' server forces nothing to disk; a classroom's does.
        server.run("ALTER SYSTEM SET fsync = on")
        server.run("SELECT pg_reload_conf()")
        yield Database(
            server.url(server.new()),
            lambda classroom: [Postmaster(server, classroom), Backend(server, classroom)],
        )


async def test_receipts_are_honoured_whatever_is_killed(database: Database, tmp_path: Path) -> None:
    names = [f"student{number}" for number in range(1, STUDENTS + 1)]
    store = Store.of_home(tmp_path, database.url)
    prepare(store, names)
    store.close()
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(hub_stand_in())
        classroom = ClassroomProcess(tmp_path, database.url, hub)
        stack.callback(classroom.end)
        classroom.start()
        release(classroom.url)
        students = [Student(name, tmp_path / "homes" / name, classroom.url) for name in names]
        for student in students:
            student.come()
        victims = [classroom, *database.others(classroom)]
        inspector = Inspector(classroom.url, students)
        async with pool(
            PYTHON,
            ["lesesal_notebook.exchange.student"],
            STUDENTS,
            tmp_path / "people.log",
            {"PYTHONPATH": str(ROOT / "extensions")},
        ) as people:
            going, closing = asyncio.Event(), asyncio.Event()
            going.set()
            async with asyncio.TaskGroup() as group:
                for student in students:
                    group.create_task(student.hand_in(people, going, closing))
                for _, victim in zip(range(KILLS), itertools.cycle(victims), strict=False):
                    await killed(victim, students)
                    # Nobody begins a new version meanwhile; who is at one goes on with it.
                    going.clear()
                    await asyncio.to_thread(inspector.look)
                    going.set()
                closing.set()
        held = inspector.look(again=True)
        failures = [why for student in students for why in student.failures]
    print(f"{KILLS} kills, {held} receipts, tried again after:", *sorted(set(failures)), sep="\n")
    assert held >= KILLS
    # What a person reads meanwhile is a sentence of the client's.
    assert [why for why in failures if not why.startswith("ExchangeError: ")] == []
    verified(tmp_path, database.url)


async def killed(victim: Victim, students: Sequence[Student]) -> None:
    """Kill it at a random moment of people's handing in, and have it back."""
    before = sum(len(student.receipts) for student in students)
    async with asyncio.timeout(180):
        while sum(len(student.receipts) for student in students) == before:
            await asyncio.sleep(0.01)
    await asyncio.sleep(random.uniform(0, WITHIN))
    await asyncio.to_thread(victim.kill)


def verified(home: Path, database: str) -> None:
    """The nightly check finds nothing."""
    command = [sys.executable, "-m", "courses.cli", "store", "verify", "--home", str(home)]
    environment = {**os.environ, "LESESAL_DATABASE_URL": database}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
