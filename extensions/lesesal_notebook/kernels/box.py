"""A sandbox from the outside: made, watched, ended, and what it used."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

from . import cgroups, inside
from . import namespaces as ns
from .cradle import Cradle
from .sandbox import Limits, Sandbox, SandboxError
from .usage import Meter
from .watch import Watch

FIRST_LOOK, EACH_LOOK = 0.05, 0.2
LONGER = 30.0
"""Seconds that a sandbox may last beyond the limit that the worker holds."""


def group_for(limits: Limits) -> cgroups.Group | None:
    """A control group with these limits, where one can be made."""
    where = cgroups.here()
    if where:
        with contextlib.suppress(OSError):
            return cgroups.Group(where, limits.memory_bytes, limits.processes)
    return None


class Watched:
    """The limits of one sandbox, from the start of its kernel.

    Attributes:
        next: when it is to be looked at, as `time.monotonic` says.
        over: the limit that it went over.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last = time.monotonic() + limits.seconds + LONGER
        self.next = time.monotonic() + FIRST_LOOK
        self.over = ""

    def look(self, meter: Meter | None) -> bool:
        """Whether it is over one of its limits."""
        self.next = time.monotonic() + EACH_LOOK
        if self.over:
            return True
        used = meter.look() if meter else None
        if used and used.killed:
            self.over = "memory"
        elif used and used.cpu_seconds > self._limits.cpu_seconds:
            self.over = "cpu"
        elif time.monotonic() > self._last:
            self.over = "time"
        return bool(self.over)

    def account(self, meter: Meter, status: int) -> dict[str, Any]:
        """As `sandbox.enter` says, when nothing runs in it any more."""
        used = meter.look()
        killed_for = "memory" if used.killed else "cpu" if status == -signal.SIGXCPU else ""
        return {
            "status": status,
            "limit": self.over or killed_for or ("processes" if used.refused else ""),
            "cpu_seconds": round(used.cpu_seconds, 6),
            "memory_bytes": used.memory_bytes,
            "by": meter.by,
        }


class Box:
    """A sandbox of namespaces as its keeper has it, from before its kernel until its account.

    Attributes:
        group: its control group; None where `Watch` counts.
        first: its first process, with which all in it ends.
        watched: its limits.
        status: how the kernel ended, as `subprocess.Popen.returncode`; None before.
    """

    def __init__(self, sandbox: Sandbox, cradle: Cradle) -> None:
        """Raises SandboxError where it can't be made."""
        self._sandbox = sandbox
        self._root = ns.privileged()
        try:
            self.first = cradle.first()
        except OSError as error:
            raise SandboxError(why(error, self._root)) from error
        self._open = True
        self.group = group_for(sandbox.limits)
        self._meter: Meter | None = self.group
        self.watched = Watched(sandbox.limits)
        self.status: int | None = None

    @property
    def files(self) -> tuple[int, ...]:
        """The open files that `enter` needs."""
        return self.first.files

    def fork(self, back: bool = True) -> int:
        """As `First.fork`: the child is to be the kernel, and has to `enter`."""
        pid = self.first.fork(back)
        if pid:
            self._forget()
        return pid

    def enter(self) -> list[int]:
        """In the kernel: as `inside.enter`. Raises SandboxError."""
        try:
            return inside.enter(self._sandbox, self.group, self.first)
        except OSError as error:
            raise SandboxError(why(error, self._root)) from error

    def entered(self, descriptors: list[int]) -> None:
        """It runs; with these files it can be measured."""
        if descriptors and not self.group:
            proc, disk = descriptors
            self._meter = Watch(proc, disk, self._sandbox.limits.memory_bytes)

    def look(self) -> None:
        """End it if it is over one of its limits."""
        if self.watched.look(self._meter):
            self.end()

    def end(self) -> None:
        """End all in it."""
        self.first.end()

    def drop(self) -> None:
        """Where it had no kernel, or that has ended before it had entered."""
        self.first.end()
        self.first.wait()
        self._forget()
        os.close(self.first.fd)
        if self.group:
            self.group.remove()

    def _forget(self) -> None:
        if self._open:
            self.first.forget()
        self._open = False

    def ended(self, status: int, used: resource.struct_rusage) -> None:
        """The kernel has ended, and so does the rest; ``first.fd`` can be read when it has."""
        self.status = status
        if isinstance(self._meter, Watch):
            self._meter.ended = used
            self._meter.look()
        self.end()

    def account(self) -> dict[str, Any]:
        """When ``first.fd`` can be read. The group is left to be removed."""
        said: dict[str, Any] = {}
        if self._meter and self.status is not None:
            said = self.watched.account(self._meter, self.status)
        os.close(self.first.fd)
        if isinstance(self._meter, Watch):
            self._meter.close()
        return said


def why(error: OSError, root: bool) -> str:
    """The sentence for a refused call: what an operator can do about it."""
    if _setting("user/max_user_namespaces") == "0":
        return "This machine allows no user namespaces: set the sysctl user.max_user_namespaces."
    if not root:
        for name, value, says in (
            ("unprivileged_userns_clone", "0", "set the sysctl kernel.{name} to 1"),
            (
                "apparmor_restrict_unprivileged_userns",
                "1",
                "give the environment's Python an AppArmor profile with userns, or set {name} to 0",
            ),
        ):
            if _setting(f"kernel/{name}") == value:
                return f"This machine lets only root make namespaces: {says.format(name=name)}."
    return (
        f"This machine does not let a sandbox be made: {error.filename or 'a call'} gave"
        f" “{error.strerror}”. docs/sandbox.md says what it needs."
    )


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text("ascii").strip()
    except OSError:
        return ""
