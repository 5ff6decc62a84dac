"""What cells say, sent by the thread that says it.

Stock ipykernel hands every message to a thread over a pipe of ZeroMQ's; here it is a call. What is
printed is collected for a moment, as in stock.
"""

# ipykernel is annotated in part.
# mypy: disable-error-code="no-untyped-call, no-untyped-def"

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ipykernel.iostream import BackgroundSocket, IOPubThread, OutStream
from jupyter_client.session import Session

from .channels import Publisher
from .zmtp import encoded

_HEAD = struct.Struct("=iIB")
_PIECE = 1 << 16
_SETTLE_SECONDS = 1.0


class Outlet(IOPubThread):
    """In place of the thread that publishes. Whatever a forked process says comes over a pipe."""

    io_loop: Any = None

    def __init__(self, listener: int, session: Session) -> None:
        self.session = session
        self.socket = Publisher(listener, self._welcome)
        self.background_socket = BackgroundSocket(self)
        self._master_pid = os.getpid()
        self.streams: list[Stream] = []
        self._pending = threading.Event()
        self._clock: threading.Thread | None = None
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._relay: threading.Thread | None = None
        self._relaying = threading.Lock()
        self._said = 0
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork)

    def _welcome(self, prefix: bytes) -> bytes:
        message = self.session.msg("iopub_welcome", {"subscription": prefix.decode()}, parent={})
        return encoded(self.session.serialize(message, [prefix] if prefix else None))

    def start(self) -> None:
        """There is no thread."""

    def stop(self) -> None:
        """There is no thread."""

    def schedule(self, f: Callable[[], object]) -> None:
        f()

    def send_multipart(self, frames: Sequence[Any], *_: Any, **__: Any) -> None:
        self.publish((encoded(frames),))

    def publish(self, messages: Sequence[bytes], done: Callable[[], object] = int) -> None:
        """Send encoded messages; `done` is called in the same step (`Publisher.publish`)."""
        if self._is_master_process():
            self.socket.publish(messages, done)
            return
        done()
        for message in messages:
            self._say(message)

    def later(self) -> None:
        """Flush all streams soon."""
        if self._pending.is_set():
            return
        self._pending.set()
        if self._clock is None:
            self._clock = threading.Thread(target=self._tick, name="Outlet", daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        while self._pending.wait():
            time.sleep(OutStream.flush_interval)
            self._pending.clear()
            self._flush()

    def _flush(self) -> None:
        for stream in self.streams:
            stream.flush()

    def _before_fork(self) -> None:
        if not self._is_master_process():
            return
        # Else it would be said twice.
        self._flush()
        if self._ends is None:
            self._ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def _after_fork(self) -> None:
        if self._is_master_process() and self._relay is None:
            self._relay = threading.Thread(target=self._listen, name="Forked", daemon=True)
            self._relay.start()

    def _say(self, message: bytes) -> None:
        """To the process that this one was forked from, in pieces that arrive whole."""
        if self._ends is None:
            return
        self._said += 1
        for start in range(0, len(message), _PIECE):
            end = start + _PIECE
            head = _HEAD.pack(os.getpid(), self._said, end >= len(message))
            try:
                self._ends[1].send(head + message[start:end])
            except OSError:
                return

    def _listen(self) -> None:
        assert self._ends is not None  # noqa: S101
        parts: dict[int, tuple[int, bytes]] = {}
        while select.select(self._ends[:1], (), ()):
            with self._relaying:
                packet = self._ends[0].recv(_HEAD.size + _PIECE)
                pid, number, last = _HEAD.unpack_from(packet)
                before = parts.pop(pid, (0, b""))
                message = (before[1] if before[0] == number else b"") + packet[_HEAD.size :]
                if last:
                    self.socket.publish((message,))
                else:
                    parts[pid] = number, message

    def settle(self) -> None:
        """Until what forked processes have said is sent; they may be saying more."""
        if self._relay is None or self._ends is None or not self._is_master_process():
            return
        last = time.monotonic() + _SETTLE_SECONDS
        while select.select(self._ends[:1], (), (), 0)[0] and time.monotonic() < last:
            time.sleep(0.0005)
        with self._relaying:
            pass


class Stream(OutStream):
    """``sys.stdout`` and ``sys.stderr``."""

    pub_thread: Outlet

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pieces: list[tuple[dict[str, Any], str]] = []
        self._flushing = False
        self.pub_thread.streams.append(self)

    def write(self, string: str) -> int:
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        self._pieces.append((self.parent_header, string))
        if self._is_master_process():
            self.pub_thread.later()
        else:
            # Nobody can be trusted to do it for a forked process.
            self._flush()
        return len(string)

    def flush(self) -> None:
        if self.pub_thread:
            if self._pieces:
                self._flush()
            self.pub_thread.settle()

    def _flush(self) -> None:
        with self._buffer_lock:
            if self._flushing:  # by the code that a signal interrupted, which goes on
                return
            try:
                self._flushing = True
                while self._pieces:
                    self._publish(len(self._pieces))
            finally:
                self._flushing = False

    def _publish(self, number: int) -> None:
        """The first pieces, and forget them in the same step."""
        texts: dict[int, tuple[dict[str, Any], list[str]]] = {}
        for parent, text in self._pieces[:number]:
            texts.setdefault(id(parent), (parent, []))[1].append(text)
        # ipykernel's way around the session's refusal to speak for a forked process.
        self.session.pid = os.getpid()
        messages = [self._message(parent, "".join(said)) for parent, said in texts.values()]
        forget = partial(self._pieces.__delitem__, slice(number))
        self.pub_thread.publish([one for one in messages if one], forget)

    def _message(self, parent: dict[str, Any], text: str) -> bytes | None:
        if not text:
            return None
        message = self.session.msg("stream", {"name": self.name, "text": text}, parent=parent)
        for hook in self._hooks:
            message = hook(message)
            if message is None:
                return None
        return encoded(self.session.serialize(message, self.topic))


# Cells that show its type show what they do in stock.
Stream.__module__, Stream.__name__, Stream.__qualname__ = (
    OutStream.__module__,
    OutStream.__name__,
    OutStream.__qualname__,
)
