"""The classroom grades on a real Slurm: what Slurm does with a run is on the page."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from classroom_process import Taught, scores, taught
from killing.hub_stand_in import hub_stand_in
from killing.victims import ClassroomProcess
from slurm import system
from slurm_machine import SlurmMachine

from courses.store import default_url

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]

PEOPLE = [f"student{number}" for number in range(1, 5)]
# Seconds that the work takes: it still runs when the engine has looked, which it does each five
# seconds, and when the test has cut the power, on a slow machine too.
LONG = 60
# Half of the class's work is right.
EXPECTED = {user: ("graded", 2.0 - 2 * (number % 2)) for number, user in enumerate(PEOPLE)}
GPU = "[assignments.grading]\ngpus = 1\ncell_seconds = 300\n"
HUB = """
c.JupyterHub.spawner_class = "spawners.hub.ClusterSpawner"
c.ClusterSpawner.clusters = {{"hpc": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "gpu": {{"title": "A GPU", "cluster": "hpc", "cpus": 2, "memory_mb": 4000,
             "gpus": {{"h100": 1}}, "partition": "gpu"}},
    "gone": {{"title": "Gone", "cluster": "hpc", "cpus": 2, "memory_mb": 4000,
              "partition": "none-such"}}}}
"""
ON_SLURM = """
c.Grading.cluster = "hpc"
c.Grading.offer = "{offer}"
c.Grading.shared = "{home}/shared"
c.Grading.hub_config = "{home}/jupyterhub_config.py"
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[SlurmMachine]:
    if missing := SlurmMachine.missing():
        pytest.skip(" ".join(missing))
    with SlurmMachine.start(Path(tempfile.mkdtemp(prefix="ls-"))) as machine:
        yield machine


@contextlib.contextmanager
def room_on(machine: SlurmMachine, home: Path, offer: str) -> Iterator[Taught]:
    """A classroom that grades there, in which everybody has handed in work that takes so long."""
    (home / "shared").mkdir()
    (home / "jupyterhub_config.py").write_text(HUB.format(conf=machine.conf))
    config = home / "classroom_config.py"
    config.write_text(ON_SLURM.format(home=home, offer=offer))
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(hub_stand_in())
        classroom = ClassroomProcess(home, default_url(home), hub, f"--config={config}")
        stack.callback(classroom.end)
        room = taught(home, classroom, PEOPLE, GPU)
        for number, user in enumerate(PEOPLE):
            room.hand_in(user, f"import time; time.sleep({LONG})\nfocus = {2 + number % 2}")
        yield room


def jobs(machine: SlurmMachine, fields: str) -> list[list[str]]:
    lines = machine.command("squeue", "--noheader", "--all", "--states=all", f"--Format={fields}")
    return [line.split() for line in lines.stdout.splitlines()]


def test_what_slurm_does_with_a_run_is_on_the_page(machine: SlurmMachine, tmp_path: Path) -> None:
    nodes = ("gpu1", "gpu2")
    with room_on(machine, tmp_path, "gpu") as room:
        for node in nodes:
            machine.drain(node)
        try:
            room.grade()
            found = room.until(lambda found: found["run"]["says"])
            assert found["run"]["says"].startswith("What is left waits with Slurm: ")
            # Slurm may find another reason between two looks.
            room.until(lambda found: found["run"]["says"] in room.line())
        finally:
            machine.resume(nodes[0])
        room.until(lambda found: found["run"]["says"] == "Slurm goes on with it.")
        room.until(lambda found: running(machine))
        machine.fail_node(nodes[0])
        try:
            # The page has the sentence until the next one, that what is left waits.
            room.until(lambda _found: re.search("a node was lost.* tried again", room.line()))
        finally:
            machine.start_node(nodes[0])
            machine.resume(nodes[1])
        found = room.over()
        assert (found["run"]["state"], scores(found)) == ("done", EXPECTED)
        assert {gres for _name, gres in jobs(machine, "Name:60,tres-per-node:40")} == {
            "gres:gpu:h100:1"
        }


def running(machine: SlurmMachine) -> bool:
    return bool(system.job_processes(machine.directory))


def test_what_slurm_refuses_is_on_the_page(machine: SlurmMachine, tmp_path: Path) -> None:
    with room_on(machine, tmp_path, "gone") as room:
        room.grade()
        found = room.over()
    assert found["run"]["state"] == "failed"
    assert found["run"]["says"].startswith("Slurm does not take the grading run: ")
    assert "invalid partition" in found["run"]["says"]
