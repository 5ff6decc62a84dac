"""The two that grade in `grade.py`, and what each of them takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from bench.cpu_group import cpu_group
from bench.grade_class import Assignment, environment

LESESAL = Path(sys.executable).with_name("lesesal")
SAMPLE_SECONDS = 0.1
MIB = 2**20


@dataclass(frozen=True)
class Taken:
    """What a command took.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: of it and of all that it started; where there are no control groups (version 1), of
            what it waited for only.
        memory: in the order of time, the bytes that each kind of process had for itself and shared.
    """

    wall_s: float
    cpu_s: float
    memory: Mapping[str, Sequence[int]] = field(default_factory=dict)


def take(
    command: Sequence[str], folder: Path, log: Path, kinds: Mapping[str, str] | None = None
) -> Taken:
    """Run a command in a folder. Raises RuntimeError with the end of its output when it fails.

    Args:
        kinds: words of command lines by name: the memory of such descendants is sampled, and the
            command's own under ``""``.
    """
    with log.open("w") as out, cpu_group() as group:
        begun = time.monotonic()
        child = subprocess.Popen(
            group.within(command) if group else command,
            cwd=folder,
            env=environment(folder, Path(command[0])),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        memory: dict[str, list[int]] = {}
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(child.pid, kinds or {}, memory, over))
        if kinds is not None:
            watcher.start()
        # wait4 tells what this child and what it waited for have used, and nobody else.
        __, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        over.set()
        if kinds is not None:
            watcher.join()
        cpu = group.seconds() if group else usage.ru_utime + usage.ru_stime
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} fails:\n" + log.read_text()[-3000:])
    return Taken(wall, cpu, memory)


def stock(folder: Path, assignment: Assignment, python: Path, log: Path) -> Taken:
    """``nbgrader autograde``, in a course directory whose gradebook is there."""
    return take([str(python), "-m", "nbgrader", "autograde", assignment.name], folder, log)


def ours(
    folder: Path, assignment: Assignment, python: Path, log: Path, *options: str
) -> tuple[Taken, list[dict[str, Any]]]:
    """``lesesal grade``, and its report's submissions."""
    report = folder / "report.json"
    command = [str(LESESAL), "grade", str(folder), assignment.name, f"--json={report}"]
    command += [f"--python={python}"]
    command += [f"--preload={','.join(assignment.preload)}"] if assignment.preload else []
    taken = take([*command, *options], folder, log, {"worker": "lesesal_notebook.execution"})
    submissions: list[dict[str, Any]] = json.loads(report.read_text())["submissions"]
    return taken, submissions


def growth(sizes: Sequence[int]) -> float | None:
    """By how many MiB something grew from the first third of its time to the end; None unknown."""
    if len(sizes) < 9:
        return None
    tenth = max(1, len(sizes) // 10)
    third = len(sizes) // 3
    return round((median(sizes[-tenth:]) - median(sizes[third : third + tenth])) / MIB, 1)


def copy_of(course: Path, target: Path, people: Sequence[str]) -> Path:
    """A course directory with these people's submissions only."""
    ignored = shutil.ignore_patterns("submitted", ".*")
    shutil.copytree(course, target, ignore=ignored)
    for student in people:
        shutil.copytree(course / "submitted" / student, target / "submitted" / student)
    return target


def _watch(
    pid: int, kinds: Mapping[str, str], memory: dict[str, list[int]], over: threading.Event
) -> None:
    while not over.wait(SAMPLE_SECONDS):
        root = _ask(lambda: psutil.Process(pid))
        if root is None:
            return
        _sample(memory, "", root)
        for process in _ask(lambda root=root: root.children(recursive=True)) or []:
            line = " ".join(_ask(process.cmdline) or [])
            for name, word in kinds.items():
                if word in line:
                    _sample(memory, name, process)


def _sample(memory: dict[str, list[int]], name: str, process: psutil.Process) -> None:
    info = _ask(process.memory_info)
    if info is not None:
        memory.setdefault(name, []).append(info.rss)


def _ask(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except psutil.Error:
        return None
