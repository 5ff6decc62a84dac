"""A grading run on a real Slurm goes on whatever is lost: a task, a node, the controller, itself.

What executes is a stand-in (`grading_worker`), so that it takes as long as a test wants.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from slurm import system
from slurm_machine import SlurmMachine

from courses import grades
from courses.errors import WorkersError
from courses.grading.place import drop
from courses.workers import arrays
from courses.workers.slurm import SlurmWorkers
from spawners.offers import Limits, Offer

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

WORKER = Path(__file__).with_name("grading_worker.py")
LOOK = 0.5


@dataclass
class Room:
    """A run's folder and what it needs to be graded on a Slurm."""

    machine: SlurmMachine
    run: Path
    said: list[str] = field(default_factory=list)

    def task(self, key: str, **what: Any) -> str:
        folder = self.run / "tasks" / key
        folder.mkdir(parents=True)
        (folder / "task.json").write_text(json.dumps({"notebooks": [], **what}))
        return key

    @property
    def gate(self) -> Path:
        """What gated tasks wait for: whatever a test does before it is there, finds them at it."""
        return self.run.parent / "gate"

    def gated(self, key: str) -> str:
        """A task that ends when the gate is there."""
        return self.task(key, gate=str(self.gate), seconds=0.3)

    def started(self) -> int:
        """How many tasks were begun."""
        outputs = (self.run / "slurm").glob("*/*.out")
        return sum(len(arrays.started(file.read_text())) for file in outputs)

    def settle(self, gpus: int = 0) -> None:
        settings = {"gpus": gpus, "limits": asdict(grades.Limits())}
        (self.run / "run.json").write_text(json.dumps(settings))

    def workers(self, tasks: int = 4, **more: Any) -> SlurmWorkers:
        offer = Offer("cpu", "Cores", "hpc", Limits(1, 2048), partition="gpu")
        options = {"offer": offer, "python": self.run.parent / "python", "say": self.said.append}
        conf, folder = str(self.machine.conf), "/usr/bin"
        return SlurmWorkers(**{**options, **more}, workers=tasks, conf=conf, bin=folder, look=LOOK)  # type: ignore[arg-type]

    def squeue(self) -> list[arrays.Task]:
        argv = arrays.squeue_argv(self.run, "root")
        return arrays.parse_squeue(self.machine.command(*argv).stdout)

    def until(self, happened: Callable[[], bool]) -> None:
        assert system.until(happened), (self.said, self.squeue())

    def processes(self) -> list[psutil.Process]:
        """The workers that run."""
        jobs = system.job_processes(self.machine.directory)
        return [each for each in jobs if str(WORKER) in (system.ask(each.cmdline) or [])]

    def took(self) -> list[tuple[str, str]]:
        """Which keys came to their end, and on which node."""
        file = self.run / "took"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(key, node) for key, node in map(str.split, lines)]

    def state(self, key: str) -> str:
        state: str = json.loads((self.run / "results" / f"{key}.json").read_text())["state"]
        return state


@pytest.fixture
def room(slurm_machine: SlurmMachine, tmp_path: Path) -> Iterator[Room]:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {WORKER} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "run").mkdir()
    room = Room(slurm_machine, tmp_path / "run")
    room.settle()
    yield room
    room.gate.touch()
    room.until(lambda: not any(task.alive for task in room.squeue()))


def ended(events: Sequence[tuple[str, bool]]) -> list[str]:
    return sorted(key for key, is_end in events if is_end)


def test_all_are_executed_once_and_told_of(room: Room) -> None:
    keys = [room.task(f"{number:06}") for number in range(20)]
    (room.run / "results").mkdir()
    (room.run / "results" / "000003.json").write_text('{"state": "graded"}')
    events = []
    for key, is_end in room.workers().run(room.run, keys):
        events.append((key, is_end))
        if is_end:
            drop(room.run, key)
    assert ended(events) == keys
    assert events[0] == ("000003", True)
    assert sorted(key for key, _ in room.took()) == [key for key in keys if key != "000003"]
    room.until(lambda: {task.word for task in room.squeue()} == {"COMPLETED"})
    assert len({task.array for task in room.squeue()}) == 1
    assert room.said == []


def test_gpus_are_asked_for_where_the_assignment_does(room: Room) -> None:
    room.settle(gpus=1)
    keys = [room.task(f"{number:06}", seconds=1) for number in range(3)]
    offer = Offer("gpu", "A GPU", "hpc", Limits(1, 2048, {"h100": 1}), partition="gpu")
    assert ended(list(room.workers(offer=offer).run(room.run, keys))) == keys
    results = [json.loads((room.run / "results" / f"{key}.json").read_text()) for key in keys]
    assert {result["gpus"] for result in results} <= {"0", "1"}


def test_what_a_killed_task_leaves_is_tried_again_and_no_more(room: Room) -> None:
    keys = [room.gated(f"{number:06}") for number in range(12)]
    running = room.workers(tasks=2).run(room.run, keys)
    events = [next(running)]
    room.processes()[0].kill()
    room.gate.touch()
    events += list(running)
    assert ended(events) == keys
    assert sorted(key for key, _ in room.took()) == keys
    [sentence] = room.said
    assert re.fullmatch(
        r"A worker ended early \(failed\): \d submissions? (is|are) tried again.", sentence
    )


def test_a_cancelled_run_is_tried_again(room: Room) -> None:
    keys = [room.gated(f"{number:06}") for number in range(8)]
    running = room.workers(tasks=2).run(room.run, keys)
    events = [next(running)]
    room.machine.command("scancel", f"--name={arrays.job_name(room.run)}")
    room.until(lambda: not any(task.alive for task in room.squeue()))
    room.gate.touch()
    events += list(running)
    assert ended(events) == keys
    assert any("somebody cancelled the job" in sentence for sentence in room.said)


def test_a_submission_that_kills_its_workers_takes_no_other_with_it(room: Room) -> None:
    keys = [room.task(f"{number:06}", kills=number == 1) for number in range(6)]
    events = list(room.workers(tasks=1).run(room.run, keys))
    assert ended(events) == keys
    states = {key: room.state(key) for key in keys}
    assert states.pop("000001") == "retry"
    assert set(states.values()) == {"graded"}
    assert events.count(("000001", False)) == 3


def test_a_drained_node_is_left_to_others(room: Room) -> None:
    keys = [room.task(f"{number:06}", seconds=0.4) for number in range(24)]
    running = room.workers(tasks=3).run(room.run, keys)
    events = [next(running)]
    room.until(lambda: bool(room.took()))
    node = room.took()[0][1]
    room.machine.drain(node)
    try:
        events += list(running)
    finally:
        room.machine.resume(node)
    assert ended(events) == keys
    assert sorted(key for key, _ in room.took()) == keys


def test_a_lost_node_costs_what_it_was_at(room: Room) -> None:
    # The first of each worker tells where it runs; at the next the node is lost.
    keys = [room.task(f"{number:06}") for number in range(3)]
    keys += [room.gated(f"{number:06}") for number in range(3, 24)]
    # One of the nodes' cores is for each: the first node has them all.
    running = room.workers(tasks=3).run(room.run, keys)
    events = [next(running)]
    room.until(lambda: room.started() == 6)
    node = room.took()[0][1]
    room.machine.fail_node(node)
    room.gate.touch()
    try:
        events += list(running)
    finally:
        room.machine.start_node(node)
    assert ended(events) == keys
    assert sorted(key for key, _ in room.took()) == keys
    assert {name for _, name in room.took()} > {node}
    assert any("a node was lost" in sentence for sentence in room.said)


@pytest.mark.parametrize(
    ("hangs", "begun"),
    [
        (True, False),
        pytest.param(True, True, marks=pytest.mark.slow),
        pytest.param(False, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_a_controller_that_is_away_is_waited_for(room: Room, hangs: bool, begun: bool) -> None:
    keys = [room.gated(f"{number:06}") for number in range(8)]
    running = room.workers(tasks=2).run(room.run, keys)
    events = [next(running)] if begun else []
    machine = room.machine
    away, back = (
        (machine.hang_controller, machine.wake_controller)
        if hangs
        else (machine.stop_controller, machine.start_controller)
    )

    def come_back() -> None:
        try:
            assert system.until(lambda: bool(room.said))
        finally:
            room.gate.touch()
            back()

    away()
    with ThreadPoolExecutor(1) as threads:
        coming = threads.submit(come_back)
        events += list(running)
        coming.result()
    assert ended(events) == keys
    assert sorted(key for key, _ in room.took()) == keys
    assert room.said[0].startswith("Slurm does not answer (")
    assert len({task.array for task in room.squeue() if task.word != "CANCELLED"}) == 1


def engine(room: Room, keys: Sequence[str]) -> subprocess.Popen[str]:
    """A process that runs it, as an engine does."""
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from slurm.test_grading import Room, SlurmMachine\n"
        f"room = Room(SlurmMachine.attach(Path({str(room.machine.directory)!r})),"
        f" Path({str(room.run)!r}))\n"
        f"for key, ended in room.workers(tasks=2).run(room.run, {list(keys)!r}):\n"
        "    print(key, ended, flush=True)\n"
    )
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True
    )


def test_an_engine_that_comes_again_takes_over_what_runs(room: Room) -> None:
    keys = [room.gated(f"{number:06}") for number in range(12)]
    first = engine(room, keys)
    assert first.stdout is not None
    assert first.stdout.readline()
    first.kill()
    first.wait()
    first.stdout.close()
    assert any(task.alive for task in room.squeue())
    running = room.workers(tasks=2).run(room.run, keys)
    events = [next(running)]
    room.gate.touch()
    events += list(running)
    assert ended(events) == keys
    assert sorted(key for key, _ in room.took()) == keys
    assert len({task.array for task in room.squeue()}) == 1
    assert any("are with Slurm already" in sentence for sentence in room.said)


def test_what_is_left_of_an_earlier_run_is_ended_first(room: Room) -> None:
    keys = [room.task(f"{number:06}") for number in range(2)]
    keys += [room.gated(f"{number:06}") for number in range(2, 8)]
    first = engine(room, keys)
    assert first.stdout is not None
    # Both workers have a result, and are at the next; so neither stumbles at what is taken away.
    room.until(lambda: room.started() == 4)
    first.kill()
    first.wait()
    first.stdout.close()
    for name in ("tasks", "slurm"):
        shutil.rmtree(room.run / name)
    left = {task.array for task in room.squeue() if task.alive}
    assert left

    def again() -> Iterator[str]:
        assert not left & {task.array for task in room.squeue() if task.alive}
        assert list((room.run / "results").glob("*.json")) == []
        (room.run / "took").unlink()
        yield room.task("000000")

    assert ended(list(room.workers().run(room.run, again()))) == ["000000"]
    assert [key for key, _ in room.took()] == ["000000"]


def test_who_stops_reading_stops_the_workers(room: Room) -> None:
    keys = [room.task(f"{number:06}", seconds=60) for number in range(4)]
    running = room.workers().run(room.run, keys)
    next(running)
    running.close()  # type: ignore[attr-defined]
    room.until(lambda: not any(task.alive for task in room.squeue()))
    assert room.took() == []


def test_where_nothing_begins_it_is_said_why(room: Room) -> None:
    keys = [room.task("000000")]
    workers = room.workers(python=Path("/nowhere/python"))
    with pytest.raises(WorkersError, match=r"No task .* /nowhere/python: No such file"):
        list(workers.run(room.run, keys))


def test_what_slurm_refuses_is_said(room: Room) -> None:
    offer = Offer("none", "None", "hpc", Limits(1, 2048), partition="none-such")
    with pytest.raises(WorkersError, match="invalid partition"):
        list(room.workers(offer=offer).run(room.run, [room.task("000000")]))


def test_nothing_of_the_engines_environment_is_with_slurm(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-token")
    keys = [room.task("000000", seconds=20)]
    running = room.workers().run(room.run, keys)
    next(running)
    workers = room.processes()
    assert workers
    assert all("JUPYTERHUB_API_TOKEN" not in process.environ() for process in workers)
    running.close()  # type: ignore[attr-defined]
