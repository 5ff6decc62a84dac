"""The process that stays outside a sandbox: watches its limits, ends it, says what it used."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from . import alone, cgroups, inside, mounts, syscalls
from . import namespaces as ns
from .sandbox import JOB, Limits, Sandbox, SandboxError
from .usage import Meter

FIRST_LOOK, EACH_LOOK = 0.05, 0.2
LONGER = 30.0
"""Seconds that the keeper waits beyond the limit that the worker holds."""


@dataclass
class Kept:
    """A sandbox as its keeper has it.

    Attributes:
        child: this process's child in it, and ``child_fd`` its pidfd; all ends with it.
        kernel_fd: a pidfd of the kernel, which signals go to.
        status: the kernel's status, once the child has ended with the one that is given.
        clean: what is left to be done when nothing runs in it any more.
    """

    child: int
    child_fd: int
    kernel_fd: int
    meter: Meter
    status: Callable[[int], int]
    clean: Callable[[], None]


def prepare() -> None:
    """Fill what is found once and never changes, for all forks to come."""
    cgroups.sweep()
    cgroups.here()
    mounts.seen()
    with contextlib.suppress(SandboxError):
        for counted in (True, False):
            syscalls.packed(counted)


def enter(sandbox: Sandbox, report: int | None) -> None:
    """As `sandbox.enter` says."""
    parent = os.getppid()
    interrupted: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: interrupted.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    root = ns.privileged()
    where = cgroups.here()
    group = None
    if where:
        with contextlib.suppress(OSError):
            group = cgroups.Group(where, sandbox.limits.memory_bytes, sandbox.limits.processes + 1)
    try:
        started = (alone if sandbox.kind == JOB else inside).start(sandbox, group, report)
    except OSError as error:
        if group:
            group.remove()
        raise SandboxError(why(error, root)) from error
    except SandboxError:
        if group:
            group.remove()
        raise
    if started is None:
        if report is not None:
            os.close(report)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return
    _keep(started, sandbox.limits, report, parent, interrupted)


def _keep(
    kept: Kept, limits: Limits, report: int | None, parent: int, interrupted: list[int]
) -> NoReturn:
    status = 1
    try:
        gc.disable()
        said = _watch(kept, limits, parent, interrupted)
        status = said["status"]
        if report is not None:
            with contextlib.suppress(OSError):
                os.write(report, json.dumps(said).encode() + b"\n")
        if status < 0:
            with contextlib.suppress(OSError):  # SIGKILL has no handler
                signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
    finally:
        os._exit(status & 0xFF)


def _watch(kept: Kept, limits: Limits, parent: int, interrupted: list[int]) -> dict[str, Any]:
    over = ""

    def on_signal(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGINT:
                signal.pidfd_send_signal(kept.kernel_fd, signal.SIGINT)
            else:
                signal.pidfd_send_signal(kept.child_fd, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    ns.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        interrupted.append(signal.SIGTERM)
    for each in interrupted:
        on_signal(each, None)
    ending = select.poll()
    ending.register(kept.child_fd, select.POLLIN)
    last = time.monotonic() + limits.seconds + LONGER
    pause = FIRST_LOOK
    while not ending.poll(pause * 1000):
        pause = EACH_LOOK
        used = kept.meter.look()
        if used.killed:
            over = "memory"
        elif used.cpu_seconds > limits.cpu_seconds:
            over = "cpu"
        elif time.monotonic() > last:
            over = "time"
        if over:
            signal.pidfd_send_signal(kept.child_fd, signal.SIGKILL)
            break
    ended = os.waitstatus_to_exitcode(os.waitpid(kept.child, 0)[1])
    status = kept.status(ended)
    kept.clean()
    used = kept.meter.look()
    over = over or ("memory" if used.killed else "cpu" if status == -signal.SIGXCPU else "")
    if isinstance(kept.meter, cgroups.Group):
        kept.meter.remove()
    return {
        "status": status,
        "limit": over or ("processes" if used.refused else ""),
        "cpu_seconds": round(used.cpu_seconds, 6),
        "memory_bytes": used.memory_bytes,
        "by": kept.meter.by,
    }


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
