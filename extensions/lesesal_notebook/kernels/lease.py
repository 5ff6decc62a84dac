"""A fork server's side of one kernel: its connection, its process, and what is reported of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import Any

from .request import line, lines


@dataclass
class Lease:
    """A connection, and the kernel that lives as long as it does.

    Attributes:
        pid: the server's child, 0 before and after; the sandbox's outermost process with one.
        report: where the child tells that the kernel has entered, and the sandbox its account; -1.
        account: what was reported.
    """

    connection: socket.socket
    pid: int = 0
    sandboxed: bool = False
    report: int = -1
    account: dict[str, Any] = field(default_factory=dict)
    arrived: bytearray = field(default_factory=bytearray)
    _reported: bytearray = field(default_factory=bytearray)

    def tell(self, **message: Any) -> None:
        """A side that is gone or does not read is noticed when the connection is next read."""
        with contextlib.suppress(OSError):
            self.connection.send(line(message))

    def signal(self, number: int) -> None:
        """To the kernel's process group; to a sandbox's outermost process, which hands it on."""
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError):
            try:
                (os.kill if self.sandboxed else os.killpg)(self.pid, number)
            except ProcessLookupError:  # it has not come to make its own group yet
                os.kill(self.pid, number)

    def hand_on(self, number: int) -> None:
        """A signal that the other side wishes for it; all but SIGINT end one in a sandbox."""
        ending = self.sandboxed and number != signal.SIGINT
        self.signal(signal.SIGTERM if ending else number)

    def kill(self) -> None:
        """End it, and all that it started, without an account."""
        self.signal(signal.SIGKILL)

    def hear(self) -> bool:
        """Read what the child reported; False where nothing more can come."""
        try:
            read = os.read(self.report, 1 << 16)
        except BlockingIOError:
            return True
        self._reported += read
        for text in lines(self._reported):
            with contextlib.suppress(ValueError):
                said = json.loads(text)
                if said.pop("entered", False):
                    self.tell(event="started", pid=self.pid)
                    self.account.clear()
                self.account |= said
        return bool(read)

    def ended(self, status: int) -> None:
        """The child ended with this status: tell so."""
        if self.report >= 0:
            self.hear()
        says = self.account.pop("failed", "")
        status = self.account.pop("status", status)
        if says:
            self.tell(event="failed", says=says)
        else:
            self.tell(event="ended", status=status, account=self.account)
        self.pid = 0
