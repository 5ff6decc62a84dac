"""Limits by control groups, version 1 and 2 (cgroups(7)), where this process may make some.

Version 1: a folder below this process's own group of each controller. Version 2 allows processes
only in groups without groups below them, so there it is a folder beside this process's own group.
"""

# Most paths are strings here: to make a `Path` takes longer than the call that it is for.
# ruff: noqa: PTH102, PTH106

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
TOKEN = secrets.token_hex(4)
"""Of this process and its forks: another process may have the same number later, or elsewhere."""


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
        name = f"{NAME}-{os.getpid()}-{TOKEN}-{secrets.token_hex(4)}"
        self._version = where.version
        self._folders = {key: f"{folder}/{name}" for key, folder in where.folders.items()}
        try:
            for folder in set(self._folders.values()):  # cpu and cpuacct often share one
                os.mkdir(folder)
            for controller, file, text in settings(where.version, memory_bytes, processes):
                _set(self._folders.get(controller), file, text)
        except OSError:
            self.remove()
            raise

    def join(self) -> None:
        """This process, and what it starts from here on, belong to the group."""
        for folder in set(self._folders.values()):
            _write(f"{folder}/cgroup.procs", "0", 0)

    def look(self) -> Usage:
        memory = self._folders["memory"]
        if self._version == 2:
            events = _numbers(f"{memory}/memory.events")
            return Usage(
                _numbers(f"{memory}/cpu.stat").get("usage_usec", 0) / 1e6,
                int(_read(f"{memory}/memory.peak") or _read(f"{memory}/memory.current") or 0),
                events.get("oom_kill", 0) > 0,
                _numbers(f"{memory}/pids.events").get("max", 0) > 0,
            )
        pids = self._folders.get("pids")
        return Usage(
            int(_read(f"{self._folders['cpuacct']}/cpuacct.usage") or 0) / 1e9,
            int(_read(f"{memory}/memory.max_usage_in_bytes") or 0),
            _numbers(f"{memory}/memory.oom_control").get("oom_kill", 0) > 0,
            pids is not None and _numbers(f"{pids}/pids.events").get("max", 0) > 0,
        )

    def remove(self) -> bool:
        """Take it away; False where the Linux kernel still needs a moment for its last process."""
        left = [folder for folder in set(self._folders.values()) if not _remove(folder)]
        return not left


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


def remove_of(pid: int, token: str = TOKEN, patience: float = 2.0) -> None:
    """Take away the groups that a process made, which has ended as all in them has.

    Args:
        token: its `TOKEN`, which a fork of it has too.
    """
    where = here()
    last = time.monotonic() + patience
    for folder in set(where.folders.values()) if where else ():
        for left in folder.glob(f"{NAME}-{pid}-{token}-*"):
            while not _remove(str(left)) and time.monotonic() < last:
                time.sleep(0.005)


def _remove(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


REQUIRED = ("memory.max", "memory.limit_in_bytes")


def _set(folder: str | None, file: str, text: str) -> None:
    # A controller or a file that this Linux kernel lacks (swap, say); the limit on memory never is.
    if folder is None:
        return
    try:
        _write(f"{folder}/{file}", text, os.O_CREAT if file in REQUIRED else 0)
    except FileNotFoundError:
        if file in REQUIRED:
            raise


def _write(path: str, text: str, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o600)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _read(path: str) -> str:
    """Such a file's text; empty where this Linux kernel has none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 1 << 14).decode("ascii")
    finally:
        os.close(descriptor)


def _numbers(path: str) -> dict[str, int]:
    words = [line.split() for line in _read(path).splitlines()]
    return {name: int(value) for name, value in words}
