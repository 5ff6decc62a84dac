"""ipykernel in a process that was forked, over sockets that listen already."""

# ipykernel is annotated in part.
# mypy: disable-error-code="no-untyped-call, union-attr"

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import PurePath
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import zmq
from ipykernel import ipkernel
from ipykernel.heartbeat import Heartbeat
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.connect import KernelConnectionInfo
from traitlets import default

from .request import KernelRequest

own_modules: dict[str, ModuleType] = {}
"""What a kernel has imported where nothing is imported ahead of it."""


class WholeKernel(ipkernel.IPythonKernel):
    """Stock ipykernel's, with its own modules for what is imported when it starts."""

    def __init__(self, **kwargs: Any) -> None:
        # It looks up the files of all modules, into which its debugger then does not step. Of what
        # was imported ahead, one may want to step into each; and thousands of modules would
        # be written on, 13 MB of pages with torch.
        names = vars(ipkernel)
        names["sys"] = SimpleNamespace(**vars(sys) | {"modules": own_modules})
        try:
            super().__init__(**kwargs)
        finally:
            names["sys"] = sys


class ForkedKernelApp(IPKernelApp):
    """Stock ipykernel, with its connection information and its sockets given."""

    @default("kernel_class")
    def _whole_kernel(self) -> type:
        return WholeKernel

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """As stock, which prepares for a hundred options before it sees that there are none."""
        if argv:
            super().parse_command_line(argv)

    def take(self, request: KernelRequest, listeners: Mapping[str, int]) -> ForkedKernelApp:
        """What it is to be.

        Args:
            listeners: by channel, descriptors of sockets that listen already; empty to bind here.
        """
        self._request = request
        # ipykernel names a socket by its port when it binds it; of an ipc path, it is the end.
        self._listeners = {
            request.connection[f"{channel}_port"]: listener
            for channel, listener in listeners.items()
        }
        return self

    def init_connection_file(self) -> None:
        self.connection_file = self._request.connection_file or "kernel.json"
        self.load_connection_info(cast(KernelConnectionInfo, self._request.connection))

    def write_connection_file(self, **_: Any) -> None:
        """The asking side has it."""

    def log_connection_info(self) -> None:
        """Nobody reads this process's terminal; the ports are noted as stock does."""
        channels = ("shell", "iopub", "stdin", "hb", "control")
        self._ports = {channel: getattr(self, f"{channel}_port") for channel in channels}

    def _try_bind_socket(self, s: zmq.Socket[Any], port: int) -> int:
        with _Given(s, self._listeners.get(port, -1)):
            return super()._try_bind_socket(s, port)

    def init_heartbeat(self) -> None:
        self.heartbeat = _GivenHeartbeat(
            zmq.Context(),
            (self.transport, self.ip, self.hb_port),
            curve_publickey=self.curve_publickey,
            curve_secretkey=self.curve_secretkey,
        )
        self.heartbeat.listener = self._listeners.get(self.hb_port, -1)
        self.hb_port = self.heartbeat.port
        self.heartbeat.start()

    def init_path(self) -> None:
        """As stock, which leaves the working folder out of a path under ``python -P``."""
        if "" in sys.path or self.ignore_cwd:
            return
        site = (
            index
            for index, path in enumerate(sys.path)
            if PurePath(path).name in ("site-packages", "dist-packages")
        )
        sys.path.insert(next(site, 0), "")


class _Given:
    """While it lasts, a ZeroMQ socket binds to a listening descriptor; -1: as ever."""

    def __init__(self, socket: zmq.Socket[Any], listener: int) -> None:
        self._socket, self._listener = socket, listener

    def __enter__(self) -> None:
        self._socket.setsockopt(zmq.USE_FD, self._listener)

    def __exit__(self, *_: object) -> None:
        self._socket.setsockopt(zmq.USE_FD, -1)


class _GivenHeartbeat(Heartbeat):
    listener = -1

    def _try_bind_socket(self) -> Any:
        with _Given(self.socket, self.listener):
            return super()._try_bind_socket()
