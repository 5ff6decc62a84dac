"""The ports that the embedded classroom needs."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from courses.errors import SetupError


@dataclass(frozen=True)
class Ports:
    """All ports, derived from the one that people see, so that two classrooms never share one."""

    proxy: int

    @property
    def proxy_api(self) -> int:
        return self.proxy + 1

    @property
    def hub(self) -> int:
        return self.proxy + 81

    @property
    def classroom(self) -> int:
        return self.proxy + 82

    def check(self, address: str = "127.0.0.1") -> None:
        """Raise `SetupError`, with what to do, unless all of them can be listened on."""
        if not 1 <= self.proxy <= 65535 - 82:
            raise SetupError(
                f"Port {self.proxy} cannot be used. Choose one from 1024 to {65535 - 82}: "
                "make run PORT=8000"
            )
        wanted = {
            "the classroom's address": self.proxy,
            "the proxy's API": self.proxy_api,
            "the hub": self.hub,
            "the classroom service": self.classroom,
        }
        for purpose, port in wanted.items():
            if problem := _problem(address, port):
                raise SetupError(
                    f"Port {port}, for {purpose}, {problem}. "
                    f"Choose another: make run PORT={_other(self.proxy)}"
                )


def _problem(address: str, port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port that closed a moment ago (TIME_WAIT) is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is taken by another program"
            if error.errno == errno.EACCES:
                return "is only for root"
            raise
    return ""


def _other(port: int) -> int:
    return port + 200 if 1024 <= port <= 65535 - 282 else 8200
