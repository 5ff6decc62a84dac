"""ipykernel without what nobody asks for in a notebook that runs from its first cell to its last.

Left out: the debugger, subshells, the heartbeat, threads for the control and the shell channel, and
the profile, history and configuration files. What cells can show, print and answer is as in stock.

All that belongs to no one process is made once, in the server (`LeanKernelApp.prepare`); a kernel
adds its sockets, its threads and its session (`LeanKernelApp.open`).
"""

# ipykernel is annotated in part.
# mypy: disable-error-code="no-untyped-call, union-attr"

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import zmq
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelbase import Kernel
from ipykernel.thread import make_selector_io_loop
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.profiledir import ProfileDir
from jupyter_client.session import new_id
from traitlets import Instance, default
from traitlets.config import Config
from zmq.eventloop.zmqstream import ZMQStream

from .cells import lighten
from .channels import Questions, Router
from .kernel import ForkedKernelApp
from .outlet import Outlet
from .request import KernelRequest
from .session import LeanSession
from .shell import without_terminal


class _NoThread:
    """In place of the shell channel's, of which ipykernel 7.4 asks who started it."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


class LeanKernel(IPythonKernel):
    """A kernel with one thread for its channels, its cells and what they say."""

    debugger_class = cast(Any, lambda *_: None)
    control_stream = Instance(object, allow_none=True)  # type: ignore[assignment]
    shell_stream = Instance(object, allow_none=True)  # type: ignore[assignment]

    @default("stdin_socket")
    def _open_stdin(self) -> Questions:
        """For the first cell that asks."""
        return Questions(self.parent.stdin_listener)

    @property
    def _supports_kernel_subshells(self) -> bool:
        return False

    def start(self) -> None:
        self.shell.exit_now = False
        Kernel.start(self)
        if isinstance(self.shell_stream, Router):
            for channel in (self.control_stream, self.shell_stream, self.iopub_thread.socket):
                channel.listen(self.io_loop)


class LeanKernelApp(ForkedKernelApp):
    """A `LeanKernel`, without files of its own."""

    def prepare(self) -> None:
        """In the server: make the kernel and its shell, without sockets, threads or files."""
        self.config = Config({"HistoryManager": {"enabled": False}})
        # Without a location it makes no folders.
        self.profile_dir = ProfileDir()
        self.session = LeanSession(parent=self)
        # Its handler lets warnings through; a record is made of all that its level does.
        self.log.setLevel(self.log_level)
        self.init_pdb()
        self.kernel = LeanKernel.instance(
            parent=self,
            shell_channel_thread=_NoThread(),
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.init_path()
        self.init_shell()
        self.init_extensions()
        self.shell.user_ns_hidden.update(self.shell.user_ns)
        self.shell._sys_modules_keys = set(sys.modules)
        self._rehearse()

    def open(self, request: KernelRequest, listeners: Mapping[str, int]) -> None:
        """In the kernel's process: open what `prepare` made, for this request."""
        self.take(request, listeners)
        self.session.pid, self.session.session = os.getpid(), new_id()
        self.init_connection_file()
        self.session.known()
        if listeners:
            self._listen(listeners)
        else:
            self.init_sockets()
        self.log_connection_info()
        self.init_io()
        self.init_signal()
        kernel, shell = self.kernel, self.shell
        kernel.session, kernel.ident = self.session, str(uuid4())
        if listeners:
            kernel.control_stream, kernel.shell_stream = self.control_socket, self.shell_socket
        else:
            kernel.control_stream = ZMQStream(self.control_socket)
            kernel.shell_stream = ZMQStream(self.shell_socket)
            kernel.stdin_socket = self.stdin_socket
        kernel.iopub_thread, kernel.iopub_socket = self.iopub_thread, self.iopub_socket
        kernel._stdout, kernel._stderr = sys.stdout, sys.stderr
        kernel.record_ports({f"{name}_port": port for name, port in self._ports.items()})
        self.displayhook.get_execution_count = lambda: kernel.execution_count
        for outlet in (shell.displayhook, shell.display_pub):
            outlet.session, outlet.pub_socket = self.session, self.iopub_socket
        shell.displayhook.topic = kernel._topic("execute_result")
        without_terminal()
        lighten(cast(Any, shell))
        shell.save_sys_module_state()
        shell.init_environment()
        shell.starting_dir = str(Path.cwd())
        shell.history_manager.dir_hist[:] = [Path.cwd()]
        self.init_gui_pylab()

    def _listen(self, listeners: Mapping[str, int]) -> None:
        """In place of ZeroMQ's sockets."""
        # Stock waits for its thread after each cell.
        self.kernel._execute_sleep = 0.0
        self.outstream_class = f"{Outlet.__module__}.Stream"
        self.iopub_thread = Outlet(listeners["iopub"], self.session)
        self.iopub_socket = self.iopub_thread.background_socket
        self.shell_socket = Router(listeners["shell"])
        self.control_socket = Router(listeners["control"])
        self.stdin_listener = listeners["stdin"]

    def init_control(self, context: zmq.Context[Any]) -> None:
        self.control_socket = context.socket(zmq.ROUTER)
        self.control_socket.linger = 1000
        self._apply_curve_server_options(self.control_socket)
        self.control_port = self._bind_socket(self.control_socket, self.control_port)
        self.control_socket.router_handover = 1

    def _rehearse(self) -> None:
        """Make all that is made at the first cell, value, traceback, message and event loop."""
        shell: Any = self.shell
        stdout, sys.stdout = sys.stdout, io.StringIO()
        try:
            shell.run_cell("pass", store_history=False, silent=True)
            shell.display_formatter.format(0)
            try:
                int("rehearsal")
            except ValueError:
                shell.InteractiveTB.structured_traceback(*sys.exc_info(), tb_offset=0)
        finally:
            sys.stdout = stdout
        self.session.serialize(self.session.msg("rehearsal", self.kernel.kernel_info))
        make_selector_io_loop().close(all_fds=True)


def forget() -> None:
    """Make room for a stock kernel in a process in which a lean one was prepared."""
    LeanKernel.clear_instance()
    ZMQInteractiveShell.clear_instance()
