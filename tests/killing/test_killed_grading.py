"""Whatever is killed while a class is graded, the gradebook comes out as if nothing had been.

`kill -9` at random moments, every few seconds: the engine (`lesesal grade`), one of its workers,
and on Slurm the machine's controller. Who operates it does one thing: the same command again; and
on Slurm takes in again the nodes that a controller has drained that was killed (`Controller.tend`).

`make kill-grading` has 1,000 submissions and goes on with killing until they are graded; here are
a few of both. Machines stay as they are, so what the operating system has is never lost: a loss of
power is not shown.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.grade_class import ASSIGNMENTS, course, students
from bench.grade_sides import copy_of
from bench.gradebooks import differences, rows
from killing.graders import (
    Controller,
    Engine,
    Worker,
    autograded,
    graded,
    of_engine,
    outcome,
)
from slurm import system
from slurm_machine import SlurmMachine

SUBMISSIONS = int(os.environ.get("LESESAL_SUBMISSIONS", "40"))
KILLS = int(os.environ.get("LESESAL_KILLS", "6"))
WITHIN = float(os.environ.get("LESESAL_KILL_SECONDS", "2"))
# Three times what it takes on two cores that do nothing else.
SECONDS = 300.0 + 20 * min(KILLS, 12) + SUBMISSIONS
PYTHON = Path(__file__).parents[2] / ".venv" / "session" / "bin" / "python"
CONFIG = """
c.JupyterHub.spawner_class = "spawners.hub.ClusterSpawner"
c.ClusterSpawner.clusters = {{"hpc": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{"cores": {{
    "title": "Cores", "cluster": "hpc", "cpus": 2, "memory_mb": 8000, "partition": "gpu"}}}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 2 * SECONDS)]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course directory in which everybody has handed in ps1."""
    folder = tmp_path_factory.mktemp("course")
    course(folder, ASSIGNMENTS["ps1"], SUBMISSIONS, PYTHON)
    return folder


@pytest.fixture(scope="module")
def undisturbed(taught: Path) -> Engine:
    """The same, graded."""
    engine = an_engine(taught, "undisturbed")
    graded(engine, [], 0, WITHIN, SECONDS)
    assert len(outcome(engine)) == SUBMISSIONS
    return engine


def an_engine(taught: Path, name: str, *options: str) -> Engine:
    folder = copy_of(taught, taught.parent / f"{taught.name}-{name}", students(SUBMISSIONS))
    options = (f"--python={PYTHON}", *options)
    return Engine(folder, "ps1", options, folder.with_name(f"{folder.name}.log"))


def assert_same(one: Engine, other: Engine, kills: dict[str, int]) -> None:
    print(f"{SUBMISSIONS} submissions, killed: {kills}, started {other.lives} times")
    assert sum(kills.values()) >= 1
    assert differences(one.folder / "gradebook.db", other.folder / "gradebook.db") == []
    assert len(rows(other.folder / "gradebook.db")) > SUBMISSIONS
    assert autograded(one.folder) == autograded(other.folder)
    assert outcome(one) == outcome(other)


def test_whatever_is_killed_here_the_gradebook_is_the_same(
    taught: Path, undisturbed: Engine
) -> None:
    engine = an_engine(taught, "here")
    kills = graded(engine, [engine, Worker(of_engine(engine))], KILLS, WITHIN, SECONDS)
    assert_same(undisturbed, engine, kills)


@pytest.fixture
def machine() -> Iterator[SlurmMachine]:
    if missing := SlurmMachine.missing():
        pytest.skip(" ".join(missing))
    with SlurmMachine.start(Path(tempfile.mkdtemp(prefix="ls-"))) as machine:
        yield machine


@pytest.mark.slurm
def test_whatever_is_killed_on_slurm_the_gradebook_is_the_same(
    taught: Path, undisturbed: Engine, machine: SlurmMachine
) -> None:
    config = taught.parent / "jupyterhub_config.py"
    config.write_text(CONFIG.format(conf=machine.conf))
    options = ("--cluster=hpc", f"--config={config}", "--workers=4")
    engine = an_engine(taught, "slurm", *options)
    workers = Worker(lambda: system.job_processes(machine.directory))
    controller = Controller(machine)
    victims = [engine, workers, controller]
    kills = graded(engine, victims, KILLS, WITHIN, SECONDS, tend=controller.tend)
    assert_same(undisturbed, engine, kills)
