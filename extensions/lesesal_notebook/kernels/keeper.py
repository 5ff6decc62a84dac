"""The process that stays outside a sandbox, and does nothing but keep it: `sandbox.enter`."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from . import alone, cgroups, mounts, syscalls
from . import namespaces as ns
from .box import EACH_LOOK, FIRST_LOOK, Box
from .cradle import Cradle
from .sandbox import JOB, Sandbox, SandboxError

ENTERED = b"+"


@dataclass(frozen=True)
class Kept:
    """A sandbox as its keeper has it.

    Attributes:
        kernel: this process's child; when it has ended, ``account`` cleans up and says what it
            used.
        look: end it if it is over one of its limits.
        end: end all of it.
        files: the open files that this takes.
    """

    kernel: int
    look: Callable[[], object]
    end: Callable[[], None]
    account: Callable[[int, resource.struct_rusage], dict[str, Any]]
    files: tuple[int, ...]


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
    kept = alone.start(sandbox) if sandbox.kind == JOB else _box(sandbox)
    if kept is None:
        if report is not None:
            os.close(report)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return
    _keep(kept, report, parent, interrupted)


def _box(sandbox: Sandbox) -> Kept | None:
    """In the kernel None. Raises SandboxError."""
    ns.be_subreaper()
    cradle = Cradle()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        try:
            box = Box(sandbox, cradle)
            kernel = box.fork()
            if not kernel:
                cradle.leave()
                ours.close()
                _enter(box, theirs)
                return None
            theirs.close()
            said, descriptors, _ = ns.receive(ours)
            if said != ENTERED:
                os.waitpid(kernel, 0)
                box.drop()
                _refuse(said.decode() or "A sandbox's kernel was killed.")
        except BaseException:
            cradle.close()
            raise
    box.entered(descriptors)

    def account(status: int, used: resource.struct_rusage) -> dict[str, Any]:
        box.ended(status, used)
        box.first.wait()
        said = box.account()
        cradle.close()
        return said

    files = box.first.fd, cradle.fileno(), *descriptors
    return Kept(kernel, box.look, box.end, account, files)


def _refuse(why: str) -> NoReturn:
    raise SandboxError(why)


def _enter(box: Box, keeper: socket.socket) -> None:
    try:
        os.setsid()
        ns.send_descriptors(keeper, ENTERED, *(descriptors := box.enter()))
        for descriptor in descriptors:
            os.close(descriptor)
    except BaseException as error:  # nothing of it may run on
        keeper.send((str(error) or repr(error)).encode())
        os._exit(1)


def _keep(kept: Kept, report: int | None, parent: int, interrupted: list[int]) -> NoReturn:
    status = 1
    try:
        gc.disable()
        kernel = os.pidfd_open(kept.kernel)
        # Of all others, such as the sockets that the kernel listens at, it is the only owner.
        ns.close_but(2, kernel, *kept.files, *(() if report is None else (report,)))
        said = _watch(kept, kernel, parent, interrupted)
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


def _watch(kept: Kept, kernel: int, parent: int, interrupted: list[int]) -> dict[str, Any]:
    def on_signal(number: int, _: object) -> None:
        if number == signal.SIGINT:
            with contextlib.suppress(ProcessLookupError):
                os.kill(kept.kernel, signal.SIGINT)
        else:
            kept.end()

    ending = select.poll()
    ending.register(kernel, select.POLLIN)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    ns.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        interrupted.append(signal.SIGTERM)
    for each in interrupted:
        on_signal(each, None)
    pause = FIRST_LOOK
    while not ending.poll(pause * 1000):
        pause = EACH_LOOK
        kept.look()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, status, used = os.wait4(kept.kernel, 0)
    return kept.account(os.waitstatus_to_exitcode(status), used)
