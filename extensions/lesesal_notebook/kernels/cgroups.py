"""Limits by control groups, version 1 and 2 (cgroups(7)), where this process may make some.

Version 1: a folder below this process's own group of each controller. Version 2 allows processes
only in groups without groups below them, so there it is a folder beside this process's own group.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .usage import Usage

NAME = "lesesal-kernel"
SHARES = 512
"""Of the CPU when it is short; 1024 is what each process outside has."""
OLD = 60.0
"""Seconds after which an empty group is no longer one that is just being made."""


@dataclass(frozen=True)
class Places:
    """Where groups may be made: the folder for each controller, one and the same in version 2."""

    version: int
    folders: Mapping[str, Path]


def places(mountinfo: str, own: str) -> Places | None:
    """Where this process's groups are, read from /proc/self/mountinfo and /proc/self/cgroup.

    None where there is no memory controller or what it needs beside it.
    """
    groups: dict[str, str] = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    found: dict[str, Path] = {}
    unified: Path | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mounted = before.split()[3:5]
        if kind == "cgroup2" and "" in groups:
            own_group = _within(mounted, root, groups[""])
            # The outermost alone has processes and groups beside each other.
            unified = own_group if own_group == Path(mounted) else own_group.parent
        elif kind == "cgroup":
            for name in (
                set(options.split(",")) & set(groups) & {"memory", "cpuacct", "cpu", "pids"}
            ):
                found[name] = _within(mounted, root, groups[name])
    if {"memory", "cpuacct"} <= set(found):
        return Places(1, found)
    if unified and "memory" in groups_offered(unified):
        return Places(2, {"memory": unified})
    return None


def groups_offered(folder: Path) -> list[str]:
    """The controllers that groups in a folder (version 2) have."""
    try:
        return (folder / "cgroup.subtree_control").read_text("ascii").split()
    except OSError:
        return []


def _within(mounted: str, root: str, path: str) -> Path:
    relative = os.path.relpath(path, root) if root != "/" else path.lstrip("/")
    return Path(mounted) / relative


@functools.cache
def here() -> Places | None:
    """The places of this process that it may write to. Found once."""
    me = Path("/proc/self")
    found = places((me / "mountinfo").read_text("utf-8"), (me / "cgroup").read_text("utf-8"))
    if not found:
        return None
    may = {name: folder for name, folder in found.folders.items() if os.access(folder, os.W_OK)}
    needed = {"memory", "cpuacct"} if found.version == 1 else {"memory"}
    return Places(found.version, may) if needed <= set(may) else None


class Group:
    """One sandbox's control group. ``remove`` it when nothing is left in it."""

    by = "cgroup"

    def __init__(self, where: Places, memory_bytes: int, processes: int) -> None:
        """Raises OSError where it can't be made; nothing is left then."""
        name = f"{NAME}-{os.getpid()}-{secrets.token_hex(4)}"
        self._version = where.version
        self._folders = {key: folder / name for key, folder in where.folders.items()}
        try:
            for folder in set(self._folders.values()):  # cpu and cpuacct often share one
                folder.mkdir()
            for controller, file, text in settings(where.version, memory_bytes, processes):
                _write(self._folders.get(controller), file, text)
        except OSError:
            self.remove()
            raise

    def join(self) -> None:
        """This process, and what it starts from here on, belong to the group."""
        for folder in set(self._folders.values()):
            (folder / "cgroup.procs").write_text("0", "ascii")

    def look(self) -> Usage:
        memory = self._folders["memory"]
        if self._version == 2:
            events = _numbers(memory / "memory.events")
            most = memory / "memory.peak"
            return Usage(
                _numbers(memory / "cpu.stat").get("usage_usec", 0) / 1e6,
                _number(most if most.exists() else memory / "memory.current"),
                events.get("oom_kill", 0) > 0,
                _numbers(memory / "pids.events").get("max", 0) > 0,
            )
        pids = self._folders.get("pids")
        return Usage(
            _number(self._folders["cpuacct"] / "cpuacct.usage") / 1e9,
            _number(memory / "memory.max_usage_in_bytes"),
            _numbers(memory / "memory.oom_control").get("oom_kill", 0) > 0,
            pids is not None and _numbers(pids / "pids.events").get("max", 0) > 0,
        )

    def remove(self) -> None:
        """Take it away. The Linux kernel needs a moment after the last process has gone."""
        for folder in set(self._folders.values()):
            for _ in range(100):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.005)
                else:
                    break


def settings(version: int, memory_bytes: int, processes: int) -> list[tuple[str, str, str]]:
    """What is written where: controller, file, text. Swap would be memory beyond the limit."""
    if version == 2:
        return [
            ("memory", "memory.max", str(memory_bytes)),
            ("memory", "memory.swap.max", "0"),
            ("memory", "memory.oom.group", "1"),
            ("memory", "pids.max", str(processes)),
            ("memory", "cpu.weight", str(SHARES * 100 // 1024)),
        ]
    return [
        ("memory", "memory.limit_in_bytes", str(memory_bytes)),
        ("memory", "memory.memsw.limit_in_bytes", str(memory_bytes)),
        ("pids", "pids.max", str(processes)),
        ("cpu", "cpu.shares", str(SHARES)),
    ]


def sweep() -> None:
    """Take away groups whose keeper was killed before it could."""
    where = here()
    for folder in set(where.folders.values()) if where else ():
        for left in folder.glob(f"{NAME}-*"):
            with contextlib.suppress(OSError):  # one that is in use can't be taken away
                if time.time() - left.stat().st_mtime > OLD:
                    left.rmdir()


def _write(folder: Path | None, file: str, text: str) -> None:
    # A controller or a file that this Linux kernel lacks (swap, say); the limit on memory never is.
    if folder is not None and ((folder / file).exists() or file in REQUIRED):
        (folder / file).write_text(text, "ascii")


REQUIRED = ("memory.max", "memory.limit_in_bytes")


def _number(path: Path) -> int:
    return int(path.read_text("ascii"))


def _numbers(path: Path) -> dict[str, int]:
    try:
        words = [line.split() for line in path.read_text("ascii").splitlines()]
    except FileNotFoundError:
        return {}
    return {name: int(value) for name, value in words}
