"""A session's fork server, as it is seen from outside."""

from __future__ import annotations

import contextlib
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
    found = []
    for child in psutil.Process(session.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            found += [child] if SERVER in child.cmdline() else []
    return found


def state(client: httpx.Client) -> str:
    return str(client.post("lesesal/kernels").json()["state"])
