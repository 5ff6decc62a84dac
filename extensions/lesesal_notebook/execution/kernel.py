"""One kernel of a fork server, asked from its first request to its end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from ..check import MIMETYPE
from ..kernels.client import ForkedKernel, KernelError
from ..kernels.request import KernelRequest
from .servers import StartError
from .wire import Message, pack, unpack

START_SECONDS = 60.0
END_SECONDS = 10.0
LAST_WORDS_SECONDS = 0.05
MOST_FRAME = 64 << 20
"""libzmq drops a peer that sends more in one piece, before it is in memory."""
MOST_MESSAGES = 50_000
AT_A_TIME = 100
# Plain numbers: what zmq has instead are members of enumerations, which are dear to combine.
EVENTS, POLLIN, NOBLOCK = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.NOBLOCK)
RESULTS = ("execute_reply", "execute_result", "error")

Take = Callable[[Message], None]


@dataclass
class Exchange:
    """A request to execute code, and all that came of it.

    Attributes:
        done: set to how it ended: "" once there is a reply and the kernel is idle again,
            "ended" with the kernel, "output" when it sent too much.
        replies, inputs, errors, results: the contents of the messages of these kinds.
        handed: what displays that hand over a value have in them.
        late: messages of `RESULTS` that came after the end of it.
    """

    code: str
    take: Take
    done: asyncio.Future[str]
    replies: list[Message] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    errors: list[Message] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)
    handed: list[Any] = field(default_factory=list)
    idle: bool = False
    late: int = 0


class Kernel:
    """A kernel over two sockets: requests one after another, and everything that it says.

    Args:
        server: the fork server's socket.
        folder: a folder of the worker's own, mode 0700, for the kernel's sockets.
        most_bytes: the most that it may send.
    """

    def __init__(self, server: Path, folder: Path, most_bytes: int) -> None:
        self._server = server
        self._prefix = str(folder / secrets.token_hex(6))
        self._key = secrets.token_hex(32)
        self._session = secrets.token_hex(16)
        self._left = most_bytes
        self._messages = MOST_MESSAGES
        self._loop = asyncio.get_running_loop()
        self._sockets: list[zmq.Socket[bytes]] = []
        self._asked: dict[str, Exchange] = {}
        self._current: Exchange | None = None
        self._watch: asyncio.Task[None] | None = None
        self._process: ForkedKernel | None = None
        self._welcome = False
        self.ended: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.strays = 0
        """Results that belong to no request of ours."""

    async def start(self, sandbox: Mapping[str, Any] | None, environment: Mapping[str, str]) -> Any:
        """Fork it; returns the content of its answer to kernel_info. Raises StartError."""
        connection: dict[str, Any] = {
            "transport": "ipc",
            "ip": self._prefix,
            "key": self._key,
            "signature_scheme": "hmac-sha256",
            "kernel_name": "python3",
        }
        ports = ("shell", "iopub", "stdin", "control", "hb")
        connection |= {f"{name}_port": number for number, name in enumerate(ports, 1)}
        request = KernelRequest(
            connection, environment=dict(environment), lean=True, sandbox=sandbox
        )
        try:
            self._process = ForkedKernel(self._server, request)
            await asyncio.wait_for(self._process.started(), START_SECONDS)
            self._watch = asyncio.create_task(self._follow(self._process))
            return await asyncio.wait_for(self._greet(), START_SECONDS)
        except KernelError as error:
            raise StartError(str(error)) from error
        except TimeoutError:
            raise StartError(f"The kernel did not answer in {START_SECONDS:.0f} seconds.") from None

    async def _follow(self, process: ForkedKernel) -> None:
        """Until its end."""
        await process.ended()
        # Its last messages may still be on their way through libzmq.
        await asyncio.sleep(LAST_WORDS_SECONDS if self._current else 0)
        for socket in self._sockets:
            self._drain(socket)
        self.ended.set_result(process.account)
        if self._current:
            self._finish(self._current, "ended")

    async def _greet(self) -> Any:
        """Ask until it answers on one socket and is heard on the other."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        for kind, port in ((zmq.DEALER, 1), (zmq.SUB, 2)):
            socket: zmq.Socket[bytes] = context.socket(kind)
            self._sockets.append(socket)
            socket.linger = 0
            socket.set_hwm(0)
            socket.setsockopt(zmq.MAXMSGSIZE, MOST_FRAME)
            if kind == zmq.SUB:
                socket.subscribe(b"")
            else:
                socket.setsockopt(zmq.IDENTITY, self._session.encode())
            socket.connect(f"ipc://{self._prefix}-{port}")
            self._loop.add_reader(socket.FD, self._drain, socket)
        exchange = self._ask("kernel_info_request", {}, "", lambda _: None)
        if await exchange.done:
            raise StartError("The kernel ended before it answered.")
        return exchange.replies[0]

    async def execute(
        self, code: str, take: Take, *, seconds: float, store_history: bool
    ) -> Exchange:
        """Have code executed; `take` is given each message of it that is shown.

        Returns when it is done, or after that many seconds, with ``exchange.done`` pending.
        """
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        exchange = self._ask("execute_request", content, code, take)
        await self.wait(exchange, seconds)
        return exchange

    async def wait(self, exchange: Exchange, seconds: float) -> None:
        """Until it is done, or for so long."""
        await asyncio.wait([exchange.done], timeout=max(0.0, seconds))

    def _ask(self, kind: str, content: Message, code: str, take: Take) -> Exchange:
        exchange = Exchange(code, take, self._loop.create_future())
        if self.ended.done():
            exchange.done.set_result("ended")
            return exchange
        name, frames = pack(self._key.encode(), self._session, kind, content)
        self._asked[name] = self._current = exchange
        self._post(frames)
        return exchange

    def send(self, message: Message) -> None:
        """A message to the kernel that asks for nothing."""
        _, frames = pack(self._key.encode(), self._session, message["msg_type"], message["content"])
        self._post(frames)

    def _post(self, frames: list[bytes]) -> None:
        shell = self._sockets[0]
        with contextlib.suppress(zmq.ZMQError):
            shell.send_multipart(frames, zmq.NOBLOCK)
        # Sending may swallow the one notice that something is there to be read (ZMQ_FD).
        self._loop.call_soon(self._drain, shell)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def _signal(self, number: int) -> None:
        if self._process:
            self._process.signal(number)

    async def close(self) -> dict[str, Any]:
        """End it and all that it started; returns the account of what it used."""
        self._signal(signal.SIGTERM)
        if self._watch:
            await asyncio.wait([self._watch], timeout=END_SECONDS)
        return self.ended.result() if self.ended.done() else {}

    def drop(self) -> None:
        """Let go of all that belongs to it, which also ends it."""
        if self._watch:
            self._watch.cancel()
        if self._process:
            self._process.close()
        for socket in self._sockets:
            self._loop.remove_reader(socket.FD)
            socket.close()
        self._sockets = []
        for number in range(1, 6):
            with contextlib.suppress(OSError):
                Path(f"{self._prefix}-{number}").unlink()

    def _drain(self, socket: zmq.Socket[bytes]) -> None:
        """Read what is there, but not so much that other kernels wait."""
        if socket.closed:
            return
        for _ in range(AT_A_TIME):
            if not int(socket.get(EVENTS)) & POLLIN:
                return
            try:
                frames = _received(socket)
            except zmq.ZMQError:
                return
            self._read(frames, reply=socket is self._sockets[0])
        self._loop.call_soon(self._drain, socket)

    def _read(self, frames: list[bytes], *, reply: bool) -> None:
        message, size = unpack(frames)
        self._left -= size
        self._messages -= 1
        if self._left < 0 or self._messages < 0:
            if self._current:
                self._finish(self._current, "output")
            return
        if message is None:
            return
        kind, content = message["msg_type"], message["content"]
        # The greeting of a new subscriber, who may have missed all before it (Jupyter's JEP 65).
        self._welcome |= kind == "iopub_welcome"
        name = message["parent_header"].get("msg_id")
        exchange = self._asked.get(name) if isinstance(name, str) else None
        if exchange is None:
            self.strays += kind in RESULTS
            exchange = self._current if kind == "iopub_welcome" else None
        elif exchange.done.done():
            exchange.late += kind in RESULTS
            return
        if exchange is None:
            return
        if reply:
            if kind in ("execute_reply", "kernel_info_reply"):
                exchange.replies.append(content)
        elif kind == "execute_input":
            exchange.inputs.append(str(content.get("code")))
        elif kind == "error":
            exchange.errors.append(content)
        elif kind == "execute_result":
            exchange.results.append(content)
        elif kind == "display_data" and _handed(content) is not None:
            exchange.handed.append(_handed(content))
        elif kind == "status" and content.get("execution_state") == "idle":
            exchange.idle = True
        if not reply:
            exchange.take(message)
        if exchange.replies and (exchange.idle or (self._welcome and not exchange.code)):
            self._finish(exchange, "")

    def _finish(self, exchange: Exchange, how: str) -> None:
        if not exchange.done.done():
            exchange.done.set_result(how)
        if self._current is exchange:
            self._current = None


def _received(socket: zmq.Socket[bytes]) -> list[bytes]:
    """A message's frames; ZMQError where there is none.

    As ``socket.recv_multipart``, which asks libzmq after each frame whether there is another, in
    three times as long as reading it takes.
    """
    frames = []
    more = True
    while more:
        frame = socket.recv(NOBLOCK, copy=False)
        frames.append(frame.bytes)
        more = frame.more
    return frames


def _handed(content: Message) -> Any:
    data = content.get("data")
    return data.get(MIMETYPE) if isinstance(data, dict) else None
