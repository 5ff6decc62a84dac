"""What jobs cost: CPU and memory of their processes, and how often Slurm started them.

A job's processes are what descends from its `slurmstepd`, of which stock's jobs have two (`srun`
makes a step). CPU seconds of a process that has ended are in those of the parent that waited for
it (proc_pid_stat(5): cutime, cstime), so that living processes know them all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from slurm.system import ask
from slurm_machine import SlurmMachine

TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A line of /proc.

    Attributes:
        parent: its pid.
        name: at most 15 characters.
        cpu_s: user and system seconds, with those of children that were waited for.
        started: on the clock that `time.CLOCK_BOOTTIME` is.
    """

    parent: int
    name: str
    cpu_s: float
    started: float


@dataclass(frozen=True)
class Look:
    """What the jobs that run have used until now.

    Attributes:
        cpu_s: user and system seconds of all their processes, ended ones too.
        since_s: seconds since the first of them started.
        processes: their names.
    """

    cpu_s: float
    since_s: float
    processes: tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """Resident memory, in MB (10^6 bytes): the sum over processes, and shared pages shared out."""

    rss: float
    pss: float


class Jobs:
    """All jobs of a Slurm machine."""

    def __init__(self, machine: SlurmMachine) -> None:
        self._machine = machine

    def processes(self) -> dict[int, Process]:
        """Those of all jobs, without Slurm's own, by pid."""
        # One reading of all: finding them by psutil takes as long as a session uses meanwhile.
        table = dict(_table())
        children: dict[int, list[int]] = {}
        for pid, process in table.items():
            children.setdefault(process.parent, []).append(pid)
        found: dict[int, Process] = {}
        steps = [pid for pid, process in table.items() if self._is_step(pid, process)]
        left = [child for step in steps for child in children.get(step, ()) if child not in steps]
        while left:
            pid = left.pop()
            found[pid] = table[pid]
            left.extend(children.get(pid, ()))
        return found

    def look(self) -> Look:
        """At a time when some run."""
        found = self.processes().values()
        return Look(
            cpu_s=sum(process.cpu_s for process in found),
            since_s=time.clock_gettime(time.CLOCK_BOOTTIME) - min(p.started for p in found),
            processes=tuple(process.name for process in found),
        )

    def memory(self) -> Memory:
        """What all jobs' processes have now."""
        full = [ask(psutil.Process(pid).memory_full_info) for pid in self.processes()]
        return Memory(
            rss=sum(one.rss for one in full if one) / 1e6,
            pss=sum(one.pss for one in full if one) / 1e6,
        )

    def known(self) -> dict[int, int]:
        """How often Slurm restarted each job that it remembers, by job id."""
        text = self._machine.command(
            "squeue", "--noheader", "--states=all", "-O", "JobID:20,RestartCnt:10"
        ).stdout
        return {int(job): int(count) for job, count in map(str.split, text.splitlines())}

    def cancel(self) -> None:
        """End all that Slurm still has."""
        waiting = self._machine.command("squeue", "--noheader", "-o", "%A").stdout.split()
        if waiting:
            self._machine.command("scancel", *waiting, check=False)

    def gone(self) -> bool:
        """Whether no job is queued or running."""
        queue = self._machine.command("squeue", "--noheader", "-o", "%A").stdout
        return not queue.strip() and not self.processes()

    def _is_step(self, pid: int, process: Process) -> bool:
        if process.name != "slurmstepd":
            return False
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self._machine.directory
        except OSError:
            return False


def _table() -> Iterator[tuple[int, Process]]:
    for entry in os.listdir("/proc"):  # noqa: PTH208 - in a hurry
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text(errors="replace")
        except OSError:
            continue
        # The name is in brackets, and may have any character.
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        yield (
            int(entry),
            Process(
                parent=int(fields[1]),
                name=head.partition("(")[2],
                cpu_s=sum(map(int, fields[11:15])) / TICKS,
                started=int(fields[19]) / TICKS,
            ),
        )
