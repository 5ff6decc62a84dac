"""From a fork server's child to a kernel: its sockets, descriptors, environment and sandbox."""

# ipykernel is annotated in part.
# mypy: disable-error-code="no-untyped-call, union-attr"

from __future__ import annotations

import atexit
import gc
import importlib
import itertools
import os
import signal
import socket
import sys
import tempfile
import threading
import traceback
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from ipykernel.kernelapp import IPKernelApp

from . import namespaces as ns
from . import sandbox
from .box import Box
from .kernel import ForkedKernelApp, own_modules
from .lean import LeanKernelApp, forget
from .request import KernelRequest, line

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
BACKLOG = 16


@dataclass(frozen=True)
class Place:
    """Where a kernel is born.

    Attributes:
        report: a socket for lines of JSON: ``{"entered": true}``, with what its sandbox is measured
            by, or ``{"failed": sentence}``.
        server: the fork server's process.
        box: its sandbox of namespaces, where it has one.
    """

    report: socket.socket
    server: int
    box: Box | None = None


_LAZY = (
    "faulthandler",
    "tornado.platform.asyncio",
    # What ipykernel and IPython import while a kernel starts, or at its first cells.
    "IPython.core.completer",
    "IPython.core.magics",
    "IPython.core.pylabtools",
    "ipykernel.debugger",
    "ipykernel.displayhook",
    "ipykernel.subshell_manager",
    "pdb",
    "psutil",
    "sqlite3",
)


def load() -> None:
    """In the server, before all else is imported: what a kernel without it would import."""
    for name in _LAZY:
        importlib.import_module(name)
    own_modules.update(sys.modules)


def prepare() -> LeanKernelApp:
    """In the server, when everything is imported: what its lean kernels have in common."""
    app = LeanKernelApp()
    app.prepare()
    return app


def bind(connection: Mapping[str, Any]) -> dict[str, socket.socket]:
    """A kernel's listening sockets, by channel; none where it is to choose its ports itself.

    They are made before the kernel is in its sandbox, which then needs no folder that it shares
    with anybody; libzmq takes them over (ZMQ_USE_FD, zmq_setsockopt(3)). A client that comes
    before the kernel waits in them, and need not try again.
    """
    made: dict[str, socket.socket] = {}
    ports = {name: connection[f"{name}_port"] for name in CHANNELS}
    address, transport = connection["ip"], connection["transport"]
    if transport != "ipc" and not all(ports.values()):
        return made
    try:
        for name, port in ports.items():
            if transport == "ipc":
                made[name] = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                made[name].bind(f"{address}-{port}")
                made[name].listen(BACKLOG)
            else:
                made[name] = socket.create_server((address, port), backlog=BACKLOG)
    except OSError:
        for one in made.values():
            one.close()
        raise
    return made


def become(
    app: LeanKernelApp, request: KernelRequest, listeners: Mapping[str, int], place: Place
) -> NoReturn:
    """In the child just forked: be that kernel.

    Args:
        app: from `prepare`.
        listeners: descriptors of the channels' listening sockets, from `bind`.
    """
    status = 1
    try:
        with place.report as report:
            try:
                entered = _enter(request, set(listeners.values()), place)
                ns.send_descriptors(report, line({"entered": True}), *entered)
            except BaseException as error:
                report.send(line({"failed": str(error) or repr(error)}))
                raise
        for descriptor in entered:
            os.close(descriptor)
    except BaseException:
        os._exit(status)
    try:
        _run(app, request, listeners)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def _enter(request: KernelRequest, kept: set[int], place: Place) -> list[int]:
    """Returns open files that the server is to have."""
    box, entered = place.box, list[int]()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    if box is None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ns.die_with_parent(signal.SIGKILL)
        if os.getppid() != place.server:
            os._exit(1)
    # A sandbox with a keeper of its own closes the one that it is given.
    account = os.dup(place.report.fileno())
    ns.close_but(0, 1, 2, account, place.report.fileno(), *kept, *(box.files if box else ()))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0,) if request.sandbox is None else (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    if box:
        os.close(account)
        entered = box.enter()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    elif request.sandbox is not None:
        sandbox.enter(sandbox.Sandbox.from_dict(request.sandbox), account)
    else:
        os.close(account)
        os.environ.clear()
        ns.be_subreaper()
        if request.folder:
            os.chdir(request.folder)
    os.environ.update(request.environment)
    return entered


def _run(app: LeanKernelApp, request: KernelRequest, listeners: Mapping[str, int]) -> None:
    """Until it is told to end."""
    gc.enable()
    _reseed()
    tempfile.tempdir = None
    sys.argv = ["ipykernel_launcher.py", "-f", request.connection_file]
    if request.lean:
        _make_known(app)
        app.open(request, listeners)
        app.start()
        return
    forget()
    stock = ForkedKernelApp().take(request, listeners)
    _make_known(stock)
    stock.initialize([*request.arguments])
    # After all that was made ahead, in the order in which Python has them.
    born = weakref.finalize(stock, int)
    stock.start()
    _finish(stock, born)


def _finish(app: IPKernelApp, born: weakref.finalize[..., Any]) -> None:
    """What an interpreter does at its end: this process leaves without it.

    Its end would take apart all that was imported, of which the pages are shared. What was made
    ahead, such as a temporary folder, is the server's to end, and other kernels' to use.
    """
    made = list(cast(Any, weakref.finalize)._registry)
    for ahead in itertools.takewhile(lambda each: each is not born, made):
        ahead.atexit = False
    cast(Any, threading)._shutdown()
    atexit._run_exitfuncs()
    # Files that cells have left open are written to the end.
    app.shell.user_ns.clear()
    app.shell.displayhook.flush()
    gc.collect()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()


def _make_known(app: IPKernelApp) -> None:
    """Where ``Application.instance()`` looks, as cells and ``%matplotlib inline`` do."""
    for kind in IPKernelApp._walk_mro():
        kind._instance = cast(None, app)


def _reseed() -> None:
    """Two kernels of a server must not draw the same numbers."""
    for name in ("random", "numpy.random", "torch"):
        if name in sys.modules:
            sys.modules[name].seed()
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
