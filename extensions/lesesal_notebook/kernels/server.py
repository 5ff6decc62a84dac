"""A process that has imported what a course needs, and forks kernels: ``python -P -m … SOCKET``.

It listens on a unix socket in a folder that was made for it, which nobody else may enter and which
goes when it ends, and serves processes of its own user only (`request` says what is said on it). It
ends, and all kernels with it, when the other end of its standard input is closed, so when whoever
started it is gone.

A kernel is a child of the server, or, with a sandbox, the process in which `sandbox.enter`
returned. SIGKILL for that is told to the sandbox's keeper as SIGTERM, which ends all inside and
gives its account; the end of the connection kills the keeper too.

Why one thread only: after a fork, locks that another thread held stay locked for ever
(pthread_atfork(3)), and a CUDA context does not survive it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
from pathlib import Path

from . import birth, sandbox
from .lean import LeanKernelApp
from .lease import Lease
from .request import MOST, KernelRequest, lines


class Server:
    """Forks a kernel for each connection; one thread, one loop.

    Args:
        app: what its lean kernels have in common.
        listener: a listening unix socket.
        starter: a descriptor whose end of file is the end of the server.
    """

    def __init__(self, app: LeanKernelApp, listener: socket.socket, starter: int) -> None:
        self._app = app
        self._listener = listener
        self._starter = starter
        self._selector = selectors.DefaultSelector()
        self._leases: dict[int, Lease] = {}
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
        register(self._starter, selectors.EVENT_READ, self._stop)
        register(woken, selectors.EVENT_READ, lambda: self._reap(woken))
        try:
            while self._going:
                for key, _ in self._selector.select():
                    key.data()
        finally:
            for lease in self._leases.values():
                lease.kill()
            _end_children()

    def _stop(self) -> None:
        self._going = False

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
            except (ValueError, KeyError, TypeError, OSError) as error:
                lease.tell(event="failed", says=f"The kernel could not be started: {error}")
                self._close(lease)
                return

    def _close(self, lease: Lease) -> None:
        """The other side is gone: so is its kernel, which is reaped when it has ended."""
        if lease.connection.fileno() >= 0:
            self._selector.unregister(lease.connection)
            lease.connection.close()
        lease.kill()

    def _start(self, lease: Lease, request: KernelRequest) -> None:
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            raise ValueError(
                f"the fork server has {threads} threads, and can only fork with one. A module that"
                " it imports starts them: leave it out of what is preloaded."
            )
        if request.sandbox is not None and request.connection["transport"] != "ipc":
            raise ValueError("nothing of the network reaches into a sandbox: it needs ipc.")
        listeners = birth.bind(request.connection)
        report, told = os.pipe()
        try:
            pid = os.fork()
            if not pid:
                descriptors = {name: one.fileno() for name, one in listeners.items()}
                birth.become(self._app, request, descriptors, told)
        except OSError:
            os.close(report)
            raise
        finally:
            os.close(told)
            for one in listeners.values():
                one.close()
        os.set_blocking(report, False)
        lease.pid, lease.report, lease.sandboxed = pid, report, request.sandbox is not None
        self._leases[pid] = lease
        self._selector.register(report, selectors.EVENT_READ, lambda: self._hear(lease))

    def _hear(self, lease: Lease) -> None:
        if lease.report >= 0 and not lease.hear():
            self._silent(lease)

    def _silent(self, lease: Lease) -> None:
        self._selector.unregister(lease.report)
        os.close(lease.report)
        lease.report = -1

    def _reap(self, woken: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            lease = self._leases.pop(pid, None)
            if lease is not None:
                # What a kernel started and left behind has become a child of the server.
                _end_children(*self._leases)
                lease.ended(os.waitstatus_to_exitcode(status))
                if lease.report >= 0:
                    self._silent(lease)
                self._close(lease)


def _end_children(*but: int) -> None:
    """Kill all children but these, until there are none; with a bound for those that fork on."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(1000):
        orphans = {int(pid) for pid in children.read_text().split()}.difference(but)
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def listen(path: Path) -> socket.socket:
    """A listening socket at a path whose folder nobody else may enter."""
    folder = path.parent.stat()
    if folder.st_mode & 0o077 or folder.st_uid != os.geteuid():
        raise SystemExit(f"{path.parent} must be this user's own, with mode 0700.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(socket.SOMAXCONN)
    return listener


ONE_THREAD = ("MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Libraries of linear algebra start their threads when they are imported."""


def preload(names: list[str]) -> dict[str, str]:
    """Import what kernels need; returns the modules that cannot be imported, and why."""
    # What stock sets in a kernel, matplotlib reads once, when it is imported.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    missing = {}
    for name in names:
        try:
            importlib.import_module(name)
            if name.partition(".")[0] == "matplotlib":
                importlib.import_module("matplotlib.pyplot")
        except BaseException as error:
            missing[name] = str(error) or repr(error)
    return missing


def main() -> None:
    parser = argparse.ArgumentParser(prog="lesesal_notebook.kernels.server")
    parser.add_argument("socket", type=Path, metavar="SOCKET")
    parser.add_argument("--preload", nargs="*", default=[], metavar="MODULE")
    options = parser.parse_args()
    # https://docs.python.org/3.11/library/gc.html#gc.freeze: kernels share what is never touched.
    gc.disable()
    # ipykernel.debugger imports pydevd, which would tell of itself on standard error.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    listener = listen(options.socket)
    missing = preload(options.preload)
    sandbox.prepare()
    app = birth.prepare()
    gc.collect()
    gc.freeze()
    birth.adopt_orphans()
    sys.stdout.write(json.dumps({"missing": missing}) + "\n")
    sys.stdout.flush()
    # The kernels inherit it.
    os.dup2(2, 1)
    try:
        Server(app, listener, starter=0).serve()
    finally:
        shutil.rmtree(options.socket.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
