"""A fork server from the outside: started, asked for kernels, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Dear to import, and whoever has a client has it.
    from jupyter_client.asynchronous.client import AsyncKernelClient

from .request import KernelRequest, line, lines

START_SECONDS = 300.0
"""Importing torch from a cold network file system takes its time."""

END_SECONDS = 10.0

KEPT = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "PATH"),
    *("PYTHONPATH", "TZ", "XDG_CACHE_HOME"),
    *("MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
)
"""Variables that a fork server is given unless it is told which."""


class KernelError(Exception):
    """A fork server or a kernel could not be had. The message is a sentence that says why."""


class ForkServer:
    """A fork server of this process: it ends when this process ends, or closes it.

    Args:
        preload: modules that it imports, for all its kernels.
        python: the interpreter of the environment that the kernels are to run in.
        environment: all that the server sees of an environment; `KEPT` of this one by default.
        own_home: give it a home of its own, which goes with it.
        sandboxed: it is asked for kernels in sandboxes only; without root they cost less then.
        threads: in its kernels, libraries of linear algebra have as many threads as they choose.

    Attributes:
        folder: of this user alone; the place for the kernels' sockets too.
        socket: where kernels are asked for (`request`).
        missing: of the modules, those that could not be imported, and why.
        hindrance: why it can fork no kernels, as a sentence; empty where it can.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        *,
        python: Path | str = sys.executable,
        environment: Mapping[str, str] | None = None,
        own_home: bool = False,
        sandboxed: bool = False,
        threads: bool = False,
    ) -> None:
        if environment is None:
            environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.folder = Path(tempfile.mkdtemp(prefix="lesesal-"))
        self.socket = self.folder / "server"
        self.missing: dict[str, str] = {}
        self.hindrance = ""
        self._environment = dict(environment)
        if own_home:
            home = self.folder / "home"
            home.mkdir()
            self._environment["HOME"] = str(home)
        self._argv = [
            *(str(python), "-P", "-m", f"{__package__}.server", str(self.socket)),
            *("--preload", *preload),
            *(["--sandboxed"] if sandboxed else []),
            *(["--threads"] if threads else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, and leave it to import.

        Raises:
            KernelError: it cannot be started at all.
        """
        # Its standard input ends when this process does, and it then too.
        try:
            self._process = subprocess.Popen(
                self._argv,
                env=self._environment,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self.close()
            raise KernelError(f"{self._argv[0]} cannot be started: {error.strerror}.") from error

    def start(self) -> ForkServer:
        """Start it, if it has not begun, and wait until it has imported everything.

        Raises:
            KernelError: it did not come to it.
        """
        stdout = self._begun()
        self._hear(bool(select.select([stdout], [], [], START_SECONDS)[0]))
        return self

    async def started(self) -> ForkServer:
        """The same, while the event loop goes on."""
        there = asyncio.ensure_future(readable(self._begun()))
        self._hear(bool((await asyncio.wait({there}, timeout=START_SECONDS))[0]))
        there.cancel()
        return self

    def _begun(self) -> IO[bytes]:
        """Where it will tell that it is ready."""
        if self._process is None:
            self.begin()
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout

    def _hear(self, there: bool) -> None:
        assert self._process is not None  # noqa: S101
        with self._begun() as stdout:
            said = stdout.readline() if there else b""
        if not there:
            self.close()
            raise KernelError(f"The fork server was not ready after {START_SECONDS:.0f} seconds.")
        if not said:
            status = self._process.wait()
            self.close()
            raise KernelError(
                f"The fork server ended with status {status} before it was ready:"
                " what it wrote on standard error says why."
            )
        told = json.loads(said)
        self.missing, self.hindrance = told["missing"], told["hindrance"]

    @property
    def pid(self) -> int:
        """Its process, 0 before it is started."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether it can be asked for kernels."""
        return self._process is not None and self._process.poll() is None

    def close(self, at_once: bool = False) -> None:
        """End it and all its kernels.

        Args:
            at_once: do not wait for the end of an import.
        """
        if self._process is not None:
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.close()
            if at_once:
                self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:  # still importing
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> ForkServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class ForkedKernel:
    """One kernel's life, as the connection to its fork server tells of it.

    Belongs to no event loop: each call may come from another one.

    Attributes:
        pid: its process, 0 until it has started.
        status: None while it lives, then as `subprocess.Popen.returncode`.
        account: at its end, what its sandbox says of it; empty without one.
        says: why it could not be started.
    """

    def __init__(self, server: Path, request: KernelRequest) -> None:
        """Ask for it.

        Raises:
            KernelError: the server can't be reached.
        """
        self.pid = 0
        self.status: int | None = None
        self.account: dict[str, Any] = {}
        self.says = ""
        self._arrived = bytearray()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(str(server))
            self._connection.sendall(request.to_line())
        except OSError as error:
            self._connection.close()
            raise KernelError(f"The fork server cannot be reached: {error}.") from error
        self._connection.setblocking(False)

    def look(self) -> None:
        """Read what the server has told."""
        while self.status is None:
            try:
                arrived = self._connection.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                arrived = b""
            self._arrived += arrived
            for text in lines(self._arrived):
                told = json.loads(text)
                self.pid = told.get("pid", self.pid)
                if told["event"] == "failed":
                    self.says, self.status = told["says"], 1
                elif told["event"] == "ended":
                    self.account, self.status = told["account"], told["status"]
            if not arrived and self.status is None:
                # The server is gone, and has taken its kernels with it.
                self.says, self.status = "The fork server ended.", -9

    async def started(self) -> None:
        """Until it runs.

        Raises:
            KernelError: it could not be started.
        """
        while not self.pid and self.status is None:
            await readable(self._connection)
            self.look()
        if not self.pid:
            raise KernelError(self.says or "The kernel ended before it had started.")

    async def ended(self) -> int:
        """Until its end; returns its status."""
        self.look()
        while self.status is None:
            await readable(self._connection)
            self.look()
        return self.status

    def signal(self, number: int) -> None:
        """For the kernel and its process group. SIGKILL ends also what else it started."""
        if self.status is None:
            with contextlib.suppress(OSError):
                self._connection.send(line({"signal": int(number)}))

    def close(self) -> None:
        """Let go of it, which ends it and all that it started."""
        self.look()
        self._connection.close()
        if self.status is None:
            self.status = -9


async def readable(file: IO[bytes] | socket.socket) -> None:
    """Until there is something to read, or its end."""
    loop = asyncio.get_running_loop()
    there = loop.create_future()
    loop.add_reader(file, _come, there)
    try:
        await there
    finally:
        loop.remove_reader(file)


def _come(there: asyncio.Future[None]) -> None:
    if not there.done():
        there.set_result(None)


async def ready(client: AsyncKernelClient, kernel: ForkedKernel, seconds: float = 60.0) -> None:
    """Wait until a kernel answers, without the sleeps of ``client.wait_for_ready()``.

    Returns once a reply came and what it shows is heard, so nothing that comes later is missed.

    Raises:
        KernelError: it ended, or said nothing for so long.
    """
    asked = client.kernel_info()
    answers = asyncio.ensure_future(_answers(client, asked))
    end = asyncio.ensure_future(kernel.ended())
    try:
        done, _ = await asyncio.wait(
            {answers, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        answers.cancel()
        end.cancel()
    if answers not in done:
        raise KernelError(
            kernel.says or f"The kernel ended with status {kernel.status} before it answered."
            if done
            else f"The kernel did not answer in {seconds:.0f} seconds."
        )
    answers.result()


async def _answers(client: AsyncKernelClient, asked: str) -> None:
    reply = await client.get_shell_msg()
    while reply["parent_header"].get("msg_id") != asked:
        reply = await client.get_shell_msg()
    client._handle_kernel_info_reply(reply)
    # ipykernel greets a new subscriber: https://jupyter.org/enhancement-proposals/65-jupyter-xpub
    while (await client.get_iopub_msg())["msg_type"] != "iopub_welcome":
        pass
