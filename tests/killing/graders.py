"""A class's grading that is killed again and again, and what of it gets killed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from bench.grade_class import environment
from slurm import system
from slurm_machine import SlurmMachine

LESESAL = Path(sys.executable).with_name("lesesal")
WORKER = "lesesal_notebook.execution"
SECONDS = 180
TEND_SECONDS = 4


class Engine:
    """`lesesal grade`, started anew as often as it takes."""

    name = "the engine"

    def __init__(self, folder: Path, assignment: str, options: Sequence[str], log: Path) -> None:
        self.folder, self.log = folder, log
        self.report = folder / "report.json"
        self._command = [str(LESESAL), "grade", str(folder), assignment, f"--json={self.report}"]
        self._command += options
        self._environment = environment(folder, LESESAL)
        self.lives = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
        self.lives += 1

    def kill(self) -> bool:
        self.process.kill()
        self.process.wait()
        self.start()
        return True

    def done(self) -> bool:
        """Whether it has graded all; one that ended without is started again.

        Raises RuntimeError when it ended in another way than with submissions to try again.
        """
        status = self.process.poll()
        if status is None:
            return False
        if status == 0:
            return True
        report = json.loads(self.report.read_text()) if self.report.exists() else {}
        states = {each["state"] for each in report.get("submissions", ())}
        if status != 1 or "retry" not in states:
            raise RuntimeError(f"It ended with {status}:\n{self.log.read_text()[-3000:]}")
        self.report.unlink()
        self.start()
        return False

    def end(self) -> None:
        """End it for good, and its workers, which see that it is gone."""
        self.process.kill()
        self.process.wait()


class Worker:
    """One of the processes that execute."""

    name = "a worker"

    def __init__(self, find: Callable[[], Sequence[psutil.Process]]) -> None:
        self._find = find

    def kill(self) -> bool:
        """Whether there was one."""
        found = [each for each in self._find() if WORKER in (system.ask(each.cmdline) or ())]
        if not found:
            return False
        victim = random.choice(found)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            psutil.wait_procs([victim], SECONDS)
        return True


def of_engine(engine: Engine) -> Callable[[], Sequence[psutil.Process]]:
    """All processes below it."""
    return lambda: (
        system.ask(lambda: psutil.Process(engine.process.pid).children(recursive=True)) or []
    )


class Controller:
    """The machine's slurmctld."""

    name = "slurmctld"

    def __init__(self, machine: SlurmMachine) -> None:
        self._machine = machine
        self._looked = 0.0

    def tend(self) -> None:
        """Take in again what Slurm has drained by itself, as who operates it does.

        A slurmctld that was killed has forgotten the last job numbers that it gave, and gives them
        again; a node that knows such a job already is drained, and the job runs nowhere.
        """
        if time.monotonic() - self._looked < TEND_SECONDS:
            return
        command = self._machine.command
        for line in command("sinfo", "--noheader", "-R", "-o", "%E|%N").stdout.splitlines():
            reason, _, node = line.partition("|")
            if reason == "Duplicate jobid":
                jobs = command("squeue", "--noheader", f"--nodelist={node}", "-o", "%A").stdout
                for job in jobs.split():
                    command("scancel", job)
                command("scontrol", "update", f"NodeName={node}", "State=RESUME")
        self._looked = time.monotonic()

    def kill(self) -> bool:
        names = ("slurmctld", "slurmscriptd")
        system.end(lambda: system.daemons(self._machine.directory, *names), signal.SIGKILL)
        self._machine.start_controller()
        return True


def graded(
    engine: Engine,
    victims: Sequence[Engine | Worker | Controller],
    kills: int,
    within: float,
    seconds: float,
    tend: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Grade everything, with so many kills at random moments, in turn; how often each was killed.

    Args:
        within: until the next kill, seconds at most.
        seconds: for all of it; RuntimeError when it takes longer.
        tend: is called again and again.
    """
    done = dict.fromkeys((victim.name for victim in victims), 0)
    turns = itertools.cycle(victims) if kills else iter(())
    victim = next(turns, None)
    engine.start()
    deadline = time.monotonic() + seconds
    at = time.monotonic() + random.uniform(0, within)
    try:
        while not engine.done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"It does not end: {done}\n{engine.log.read_text()[-3000:]}")
            # A worker is there only when the engine has started one.
            if victim and sum(done.values()) < kills and time.monotonic() >= at and victim.kill():
                done[victim.name] += 1
                victim = next(turns)
                at = time.monotonic() + random.uniform(0, within)
            tend()
            time.sleep(0.05)
    finally:
        engine.end()
    return done


def outcome(engine: Engine) -> dict[str, tuple[str, float]]:
    """By student, the state and the score."""
    submissions = json.loads(engine.report.read_text())["submissions"]
    return {each["student"]: (each["state"], each["score"]) for each in submissions}


def autograded(folder: Path) -> list[str]:
    """What is in autograded/."""
    root = folder / "autograded"
    return sorted(os.path.relpath(path, root) for path in root.rglob("*") if path.is_file())
