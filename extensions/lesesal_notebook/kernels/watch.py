"""Measuring a sandbox by looking at its processes, where no control group may be made.

What it can't see: processes that live shorter than the time between two looks and that nobody waits
for, and what the Linux kernel holds for a process outside its pages (pipes, sockets). The filter of
system calls forbids memory that is in no process and no file (`syscalls.UNCOUNTED`).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

from .usage import Usage

TICK = os.sysconf("SC_CLK_TCK")


class Watch:
    """Counts the processes that a /proc shows.

    Args:
        proc: an open folder, the /proc of the sandbox's own process namespace.
        scratch: an open folder of its scratch file system, or -1.
        memory_bytes: its limit.
        pids: which processes; all that ``proc`` shows unless told.

    Attributes:
        ended: what those used that have ended and were waited for by whoever watches.
    """

    by = "watch"

    def __init__(
        self,
        proc: int,
        scratch: int,
        memory_bytes: int,
        pids: Callable[[], list[str]] | None = None,
    ) -> None:
        self._proc, self._scratch, self._most = proc, scratch, memory_bytes
        self._pids = pids or self._all
        self.ended: resource.struct_rusage | None = None
        self._alive: dict[tuple[str, str], float] = {}
        self._gone = self._cpu = 0.0
        self._peak = 0
        self._over = False

    def look(self) -> Usage:
        alive: dict[tuple[str, str], float] = {}
        memory, waited = self._files(), 0.0
        pids = self._pids()
        for pid in pids:
            stat = self._read(f"{pid}/stat").rpartition(")")[2].split()
            if stat:
                alive[pid, stat[19]] = (int(stat[11]) + int(stat[12])) / TICK
                waited += (int(stat[13]) + int(stat[14])) / TICK
            memory += self._private(pid)
        if memory > self._most:
            # Pages that are shared with the fork server were counted in full.
            memory = self._files() + sum(self._proportional(pid) for pid in pids)
        self._gone += sum(spent for key, spent in self._alive.items() if key not in alive)
        self._alive = alive
        now = sum(alive.values())
        if self.ended:
            waited += self.ended.ru_utime + self.ended.ru_stime
        self._cpu = max(self._cpu, self._gone + now, waited + now)
        self._peak = max(self._peak, memory)
        self._over = self._over or memory > self._most
        return Usage(self._cpu, self._peak or self._most_at_once(), self._over)

    def _most_at_once(self) -> int:
        return self.ended.ru_maxrss * 1024 if self.ended else 0

    def close(self) -> None:
        for descriptor in (self._proc, self._scratch):
            if descriptor >= 0:
                os.close(descriptor)

    def _all(self) -> list[str]:
        return [name for name in os.listdir(self._proc) if name.isdigit()]  # noqa: PTH208

    def _files(self) -> int:
        if self._scratch < 0:
            return 0
        found = os.fstatvfs(self._scratch)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def _private(self, pid: str) -> int:
        return self._sum(f"{pid}/status", ("RssAnon:", "RssShmem:"))

    def _proportional(self, pid: str) -> int:
        return self._sum(f"{pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))

    def _sum(self, path: str, names: tuple[str, ...]) -> int:
        lines = self._read(path).splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))

    def _read(self, path: str) -> str:
        """A file of a process; empty when the process has gone."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return ""
        try:
            with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""
