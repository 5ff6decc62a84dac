"""A fork server's side of one kernel: its connection, its process, and what is reported of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import Any

from .box import Box
from .request import line, lines

MOST_FILES = 4


@dataclass
class Lease:
    """A connection, and the kernel that lives as long as it does.

    Attributes:
        pid: the server's child, 0 before and after.
        box: its sandbox of namespaces, of which the server is the keeper.
        kept: the child is the keeper of a sandbox without namespaces.
        report: where the child tells that the kernel has entered, and a keeper its account.
        account: what was reported.
    """

    connection: socket.socket
    pid: int = 0
    box: Box | None = None
    kept: bool = False
    report: socket.socket | None = None
    account: dict[str, Any] = field(default_factory=dict)
    arrived: bytearray = field(default_factory=bytearray)
    _reported: bytearray = field(default_factory=bytearray)

    def tell(self, **message: Any) -> None:
        """A side that is gone or does not read is noticed when the connection is next read."""
        with contextlib.suppress(OSError):
            self.connection.send(line(message))

    def signal(self, number: int) -> None:
        """To the kernel's process group; to a kernel in a sandbox alone, or to its keeper."""
        if not self.pid or (self.box and self.box.status is not None):
            return
        with contextlib.suppress(ProcessLookupError):
            if self.box or self.kept:
                os.kill(self.pid, number)
                return
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it has not come to make its own group yet
                os.kill(self.pid, number)

    def hand_on(self, number: int) -> None:
        """A signal that the other side wishes for it; all but SIGINT end one in a sandbox."""
        if number == signal.SIGINT or not (self.box or self.kept):
            self.signal(number)
        elif self.box:
            self.kill()
        else:
            self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and all that it started; a keeper of its own gives no account."""
        if not self.box:
            self.signal(signal.SIGKILL)
        elif self.pid:
            self.box.end()

    def hear(self) -> bool:
        """Read what the child reported; False where nothing more can come."""
        if self.report is None:
            return False
        try:
            read, descriptors, _, _ = socket.recv_fds(self.report, 1 << 16, MOST_FILES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self.box:
            self.box.entered(descriptors)
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
        self.hear()
        says = self.account.pop("failed", "")
        status = self.account.pop("status", status)
        if says:
            self.tell(event="failed", says=says)
        else:
            self.tell(event="ended", status=status, account=self.account)
        self.pid = 0
