"""The CPU and memory of a session, against what it may use.

What it may use is what its job's control group says, else what Slurm says (sbatch(1)), else the
whole machine. What it uses is what counts against that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from . import limits, processes

# A process that belongs to the same session was started with the same value of the first that is
# there.
MARKS = ("SLURM_JOB_ID", "LESESAL_SESSION_DIR")


@dataclass(frozen=True)
class Host:
    """CPU and memory at a moment.

    Attributes:
        cores: how many may be used.
        cpu_seconds: what was used of them, since some moment before.
        memory_used: bytes.
        memory_limit: bytes.
        by: what limits it: "cgroup", "slurm" or "machine".
    """

    cores: float
    cpu_seconds: float
    memory_used: int
    memory_limit: int
    by: str


class Meter:
    """Reads one session's CPU and memory; to be asked within it.

    Args:
        environment: the session's; this process's by default.
        groups: the limits by control groups; this process's by default.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, groups: limits.Groups | None = None
    ) -> None:
        self._env = os.environ if environment is None else environment
        self._groups = limits.here() if groups is None else groups
        self._affinity = len(os.sched_getaffinity(0))

    def read(self) -> Host:
        """As of now."""
        memory, cpu = self._groups.memory, self._groups.cpu
        cores = float(self._affinity)
        if self._groups.cores:
            cores = min(cores, self._groups.cores)
        used = memory.used() if memory else None
        if memory and used is not None:
            seconds = cpu.seconds() if cpu else None
            return Host(
                cores,
                sum(each.cpu_seconds for each in self._session()) if seconds is None else seconds,
                used,
                memory.limit,
                "cgroup",
            )
        if "SLURM_JOB_ID" in self._env:
            return self._by_slurm(cores)
        whole = psutil.virtual_memory()
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guests' time is in the other times already.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return Host(
            float(os.cpu_count() or 1), busy, whole.total - whole.available, whole.total, "machine"
        )

    def _by_slurm(self, cores: float) -> Host:
        given = self._env.get("SLURM_CPUS_PER_TASK") or self._env.get("SLURM_CPUS_ON_NODE")
        memory = self._env.get("SLURM_MEM_PER_NODE")
        session = self._session()
        return Host(
            min(cores, float(given)) if given else cores,
            sum(each.cpu_seconds for each in session),
            sum(processes.share(each) for each in session),
            int(memory) << 20 if memory else psutil.virtual_memory().total,
            "slurm",
        )

    def _session(self) -> list[processes.Process]:
        """This session's processes, or at least this process and what it started."""
        everyone = list(processes.mine())
        name = next((each for each in MARKS if self._env.get(each)), "")
        if name:
            own = self._env[name]
            found = [each for each in everyone if processes.variable(each.pid, name) == own]
            if found:
                return found
        me = os.getpid()
        return [each for each in everyone if each.pid == me] + processes.below(me, everyone)
