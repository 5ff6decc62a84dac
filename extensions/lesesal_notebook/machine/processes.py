"""Processes as /proc tells of them (proc(5)): families, memory, time.

psutil has all this too, at ten times the price where a machine has thousands of processes.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = resource.getpagesize()
_TICK = os.sysconf("SC_CLK_TCK")
# To count what processes share, Linux looks at each page: of this many that takes a while.
COUNTED = 2 << 30


@dataclass(frozen=True)
class Process:
    """One process at a moment.

    Attributes:
        pid: its number.
        parent: its parent's.
        cpu_seconds: of it and of those that it started and waited for.
        resident: bytes of memory, shared ones too.
    """

    pid: int
    parent: int
    cpu_seconds: float
    resident: int


def mine() -> Iterator[Process]:
    """All processes of this user."""
    own = os.geteuid()
    with os.scandir("/proc") as entries:
        for entry in entries:
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended meanwhile
                if entry.name.isdigit() and entry.stat().st_uid == own:
                    yield process(int(entry.name))


def process(pid: int) -> Process:
    """One process. Raises OSError, ValueError or IndexError when there is none."""
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    # The program's name, in parentheses, may have anything in it.
    fields = text.rpartition(")")[2].split()
    ticks = sum(int(each) for each in fields[11:15])
    return Process(pid, int(fields[1]), ticks / _TICK, int(fields[21]) * _PAGE)


def below(root: int, everyone: Iterable[Process]) -> list[Process]:
    """What a process started, and what those started."""
    families: dict[int, list[Process]] = {}
    for each in everyone:
        families.setdefault(each.parent, []).append(each)
    found, asked = [], [root]
    while asked:
        for child in families.get(asked.pop(), []):
            found.append(child)
            asked.append(child.pid)
    return found


def share(one: Process) -> int:
    """Bytes of memory that a process takes: what several share is counted once among them."""
    if one.resident < COUNTED:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{one.pid}/smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    return one.resident


def variable(pid: int, name: str) -> str:
    """A variable of the environment with which a process was started; empty without."""
    start = f"{name}=".encode()
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if each.startswith(start):
                return each[len(start) :].decode(errors="replace")
    return ""


def peak() -> int | None:
    """The most bytes of memory that this process had since `forget_peak`; None when unknown."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def forget_peak() -> bool:
    """Count `peak` from now on (proc(5), clear_refs); False where it can't be."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True
