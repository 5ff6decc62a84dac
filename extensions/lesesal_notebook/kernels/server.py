"""A process that has imported what a course needs, and forks kernels: ``python -P -m … SOCKET``.

It listens on a unix socket in a folder that was made for it, which nobody else may enter and which
goes when it ends, and serves processes of its own user only (`request` says what is said on it). It
ends, and all kernels with it, when the other end of its standard input is closed, so when whoever
started it is gone.

A kernel is a child of the server, which is also the keeper of all sandboxes of namespaces: it looks
at their limits, ends what is in them and gives their accounts (`box`). One without namespaces has a
keeper of its own between them, to which all signals but SIGINT are told as SIGTERM.

Why one thread only: after a fork, locks that another thread held stay locked for ever
(pthread_atfork(3)), and a CUDA context does not survive it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import ahead, sandbox
from . import namespaces as ns
from .box import Box
from .cgroups import Group
from .cradle import Cradle
from .lease import Lease
from .request import MOST, KernelRequest, lines
from .sandbox import NAMESPACES, Sandbox, SandboxError

if TYPE_CHECKING:
    from .lean import LeanKernelApp

AGAIN = 0.02
"""Seconds until a control group is tried again, which the Linux kernel still had in use."""


class Server:
    """Forks a kernel for each connection; one thread, one loop.

    Args:
        app: what its lean kernels have in common.
        listener: a listening unix socket.
        starter: a descriptor whose end of file is the end of the server.
        cradle: makes what its kernels' sandboxes begin with.
        sandboxed: all kernels have a sandbox, so that as an ordinary user it may become one process
            that can have no others.
    """

    def __init__(
        self,
        app: LeanKernelApp,
        listener: socket.socket,
        starter: int,
        cradle: Cradle,
        sandboxed: bool = False,
    ) -> None:
        self._app = app
        self._listener = listener
        self._starter = starter
        self._cradle = cradle
        self._sandboxed = sandboxed
        self._among = False
        self._selector = selectors.DefaultSelector()
        self._leases: dict[int, Lease] = {}
        self._groups: list[Group] = []
        self._going = True

    def serve(self) -> None:
        """Serve until the starter is gone; then end all kernels."""
        woken, wake = os.pipe()
        for descriptor in (woken, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        # A terminal's ^C is for whoever started this, which ends it as it sees fit.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._listener.setblocking(False)
        register = self._selector.register
        register(self._listener, selectors.EVENT_READ, self._accept)
        for ending in (self._starter, self._cradle):
            register(ending, selectors.EVENT_READ, self._stop)
        register(woken, selectors.EVENT_READ, lambda: self._reap(woken))
        try:
            while self._going:
                for key, _ in self._selector.select(self._pause()):
                    key.data()
                self._look()
        finally:
            for lease in self._leases.values():
                lease.kill()
            ns.end_children(self._cradle.pid)
            self._cradle.close()

    def _stop(self) -> None:
        self._going = False

    def _pause(self) -> float | None:
        """Seconds until something is to be looked at; None where there is nothing."""
        boxes = [lease.box for lease in self._leases.values() if lease.box]
        pauses = [box.watched.next - time.monotonic() for box in boxes]
        if self._groups:
            pauses.append(AGAIN)
        return max(0.0, min(pauses)) if pauses else None

    def _look(self) -> None:
        now = time.monotonic()
        for lease in self._leases.values():
            if lease.box and lease.box.watched.next <= now:
                lease.box.look()
        self._groups = [group for group in self._groups if not group.remove()]

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] != os.geteuid():
            connection.close()
            return
        connection.setblocking(False)
        lease = Lease(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(lease))

    def _read(self, lease: Lease) -> None:
        if lease.connection.fileno() < 0:  # closed by what came before it in the same look
            return
        try:
            arrived = lease.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            arrived = b""
        lease.arrived += arrived
        if not arrived or len(lease.arrived) > MOST:
            self._close(lease)
            return
        for text in lines(lease.arrived):
            try:
                if lease.pid:
                    lease.hand_on(int(json.loads(text)["signal"]))
                else:
                    self._start(lease, KernelRequest.from_line(text))
            except (ValueError, KeyError, TypeError, OSError, SandboxError) as error:
                before = (
                    "" if isinstance(error, SandboxError) else "The kernel could not be started: "
                )
                lease.tell(event="failed", says=f"{before}{error}")
                self._close(lease)
                return

    def _close(self, lease: Lease) -> None:
        """The other side is gone: so is its kernel, which is reaped when it has ended."""
        if lease.connection.fileno() >= 0:
            self._selector.unregister(lease.connection)
            lease.connection.close()
        lease.kill()

    def _start(self, lease: Lease, request: KernelRequest) -> None:
        from . import birth

        hindrance = ahead.hindrance()
        if hindrance:
            raise ValueError(hindrance)
        wanted = None if request.sandbox is None else Sandbox.from_dict(request.sandbox)
        if wanted and request.connection["transport"] != "ipc":
            raise ValueError("nothing of the network reaches into a sandbox: it needs ipc.")
        if self._among and (wanted is None or wanted.kind != NAMESPACES):
            raise ValueError("this fork server has only kernels in sandboxes of namespaces.")
        listeners = birth.bind(request.connection)
        report, told = socket.socketpair()
        box = None
        try:
            if wanted and wanted.kind == NAMESPACES:
                box = Box(wanted, self._cradle)
                self._go_among(box)
            server = os.getpid()
            pid = box.fork(back=not self._among) if box else os.fork()
            if not pid:
                descriptors = {name: one.fileno() for name, one in listeners.items()}
                birth.become(self._app, request, descriptors, birth.Place(told, server, box))
        except (OSError, SandboxError):
            report.close()
            if box:
                box.drop()
            raise
        finally:
            told.close()
            for one in listeners.values():
                one.close()
        report.setblocking(False)
        lease.pid, lease.report, lease.box = pid, report, box
        lease.kept = wanted is not None and box is None
        self._leases[pid] = lease
        self._selector.register(report, selectors.EVENT_READ, lambda: self._hear(lease))
        if box:
            self._selector.register(box.first.fd, selectors.EVENT_READ, lambda: self._empty(lease))

    def _go_among(self, box: Box) -> None:
        """As an ordinary user: be in the user namespace of the sandboxes, where it may fork."""
        if self._sandboxed and box.first.outer >= 0 and not self._among:
            ns.setns(box.first.outer, ns.NEWUSER)
            self._among = True

    def _hear(self, lease: Lease) -> None:
        if lease.report and not lease.hear():
            self._silent(lease)

    def _silent(self, lease: Lease) -> None:
        if lease.report:
            self._selector.unregister(lease.report)
            lease.report.close()
            lease.report = None

    def _reap(self, woken: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            lease = self._leases.pop(pid, None)
            if lease is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            if lease.box:
                lease.box.ended(code, used)
            else:
                # What a kernel started and left behind has become a child of the server.
                ns.end_children(self._cradle.pid, *self._leases)
                self._ended(lease, code)

    def _empty(self, lease: Lease) -> None:
        """Nothing runs in its sandbox any more: the kernel was collected before."""
        if lease.box is None or lease.box.status is None:
            return
        self._selector.unregister(lease.box.first.fd)
        said = lease.box.account()
        if lease.box.group:
            self._groups.append(lease.box.group)
        lease.account |= said
        self._ended(lease, lease.box.status)

    def _ended(self, lease: Lease, status: int) -> None:
        lease.ended(status)
        self._silent(lease)
        self._close(lease)


def listen(path: Path) -> socket.socket:
    """A listening socket at a path whose folder nobody else may enter."""
    folder = path.parent.stat()
    if folder.st_mode & 0o077 or folder.st_uid != os.geteuid():
        raise SystemExit(f"{path.parent} must be this user's own, with mode 0700.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(socket.SOMAXCONN)
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(prog="lesesal_notebook.kernels.server")
    parser.add_argument("socket", type=Path, metavar="SOCKET")
    parser.add_argument("--preload", nargs="*", default=[], metavar="MODULE")
    parser.add_argument("--sandboxed", action="store_true")
    parser.add_argument("--threads", action="store_true")
    options = parser.parse_args()
    # https://docs.python.org/3.11/library/gc.html#gc.freeze: kernels share what is never touched.
    gc.disable()
    ns.be_subreaper()
    # Before anything is imported: what it makes is as small as it is.
    cradle = Cradle()
    listener = listen(options.socket)
    ahead.settle(options.threads)
    from . import birth

    birth.load()
    missing = ahead.preload(options.preload)
    sandbox.prepare()
    app = birth.prepare()
    gc.collect()
    gc.freeze()
    told = {"missing": missing, "hindrance": ahead.hindrance()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    # The kernels inherit it.
    os.dup2(2, 1)
    try:
        Server(app, listener, 0, cradle, options.sandboxed).serve()
    finally:
        shutil.rmtree(options.socket.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
