"""A session's fork server, as it is seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
from extensions.session.stand_in import Session

SECONDS = 60
SERVER = "lesesal_notebook.kernels.server"


def until(met: Callable[[], Any], what: str) -> Any:
    last = time.monotonic() + SECONDS
    while not (found := met()):
        assert time.monotonic() < last, what
        time.sleep(0.05)
    return found


def servers(session: Session) -> list[psutil.Process]:
    """The fork servers that the session has started."""
    return [
        child
        for child in psutil.Process(session.process.pid).children()
        if SERVER in child.cmdline()
    ]


def state(client: httpx.Client) -> str:
    return str(client.post("lesesal/kernels").json()["state"])
