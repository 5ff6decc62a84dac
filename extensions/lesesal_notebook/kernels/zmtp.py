"""ZeroMQ's protocol between two processes (ZMTP 3.0, rfc.zeromq.org/spec/23), from a kernel's side.

libzmq has two threads of its own and a set of pipes for each socket, which to a process that lives
for a tenth of a second is a good part of its life. Here a message is one ``send(2)``.

Students' code runs in this process, and signals end it anywhere: a message is written whole, and
once, whatever is raised between two steps of Python. A forked process that goes on in the kernel's
loop shares its sockets, and leaves them alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

MORE, LONG, COMMAND = 1, 2, 4
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
AT_ONCE = 1 << 18
PATIENCE_SECONDS = 60
"""For a peer that does not read: after that it has to connect again."""


def encoded(frames: Iterable[Any]) -> bytes:
    """A message of one or more frames (bytes, or what has a buffer), as it goes over the wire."""
    parts: list[Any] = []
    for frame in frames:
        size = frame.nbytes if isinstance(frame, memoryview) else len(frame)
        if size < 256:
            parts.append(bytes((MORE, size)))
        else:
            parts.append(bytes((MORE | LONG,)) + size.to_bytes(8, "big"))
        parts.append(frame)
    parts[-2] = bytes((parts[-2][0] & ~MORE,)) + parts[-2][1:]
    return b"".join(parts)


def topic(message: bytes) -> bytes:
    """The first frame of an encoded message that was published."""
    if message[0] & LONG:
        return message[9 : 9 + int.from_bytes(message[1:9], "big")]
    return message[2 : 2 + message[1]]


def _ready(kind: bytes) -> bytes:
    words = b"\x05READY"
    for name, value in ((b"Socket-Type", kind), (b"Identity", b"")):
        words += bytes((len(name),)) + name + struct.pack(">I", len(value)) + value
    return bytes((COMMAND, len(words))) + words


class Link:
    """A connection to one peer.

    Attributes:
        identity: by which a router finds it; what it gave itself, or `name`.
        prefixes: the topics that it wants.
    """

    def __init__(self, connection: socket.socket, kind: bytes, name: bytes) -> None:
        self.identity = name
        self._pid = os.getpid()
        self.prefixes: tuple[bytes, ...] = ()
        self._socket = connection
        self._arrived = bytearray()
        self._greeted = False
        self._frames: list[bytes] = []
        self._lock = threading.RLock()
        self._sending = False
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        patience = struct.pack("ll", PATIENCE_SECONDS, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self.put((GREETING + _ready(kind),))()
        self.send()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def put(self, messages: Iterable[bytes]) -> Callable[[], None]:
        """One call that puts messages in the line of what `send` sends."""
        return partial(self._waiting.extend, [(message, []) for message in messages])

    def send(self) -> None:
        """Write what waits; another thread, or the code that a signal interrupted, may be at it."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._sending:
                return
            try:
                self._sending = True
                while self._waiting:
                    message, sent = self._waiting[0]
                    left = len(message) - sum(sent)
                    if left:
                        # One call to C: it is sent and noted, or neither.
                        sent.extend(map(self._socket.send, (memoryview(message)[-left:],)))
                    else:
                        self._waiting.popleft()
            except OSError:
                # Gone, or too slow; the other direction tells the loop.
                self._waiting.clear()
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            finally:
                self._sending = False

    def receive(self) -> list[list[bytes]]:
        """The messages that have arrived. Raises ConnectionError at its end."""
        try:
            arrived = self._socket.recv(AT_ONCE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        if not arrived:
            raise ConnectionResetError
        self._arrived += arrived
        if not self._greeted:
            if len(self._arrived) < len(GREETING):
                return []
            if self._arrived[10] < 3 or self._arrived[12:32] != GREETING[12:32]:
                raise ConnectionRefusedError
            del self._arrived[: len(GREETING)]
            self._greeted = True
        return self._messages()

    def _messages(self) -> list[list[bytes]]:
        found = []
        data, at = self._arrived, 0
        while len(data) >= at + 2:
            flags, begin, size = data[at], at + 2, data[at + 1]
            if flags & LONG:
                begin, size = at + 9, int.from_bytes(data[at + 1 : at + 9], "big")
            if len(data) < begin + size:
                break
            at = begin + size
            frame = bytes(data[begin:at])
            if flags & COMMAND:
                self._command(frame)
                continue
            self._frames.append(frame)
            if not flags & MORE:
                found.append(self._frames)
                self._frames = []
        del data[:at]
        return found

    def _command(self, words: bytes) -> None:
        """Of a peer's READY, its identity."""
        at = 1 + words[0]
        while words[1 : 1 + words[0]] == b"READY" and at < len(words):
            name = words[at + 1 : at + 1 + words[at]]
            at += 1 + len(name)
            size = int.from_bytes(words[at : at + 4], "big")
            if name.lower() == b"identity" and size:
                self.identity = words[at + 4 : at + 4 + size]
            at += 4 + size
