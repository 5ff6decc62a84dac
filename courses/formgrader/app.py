"""The web application, and its life: it ends with who started it, and when nobody comes."""

from __future__ import annotations

import logging
import os
import time
import warnings
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.netutil import bind_unix_socket
from tornado.web import Application

from courses.formgrader import marks, submission, tables
from courses.formgrader.base import NoSuchPage, Room

_IDLE_SECONDS = 900
_MAX_BODY_BYTES = 1 << 20


def application(directory: Path) -> Application:
    """All of it; addresses are those below the course's own in the classroom."""
    room = Room(directory)
    table: list[Any] = []
    for part in (tables, submission, marks):
        for address, handler in part.routes().items():
            table.append((f"/formgrader/{address}", handler, {"room": room}))
    return Application(
        table,
        default_handler_class=NoSuchPage,
        default_handler_args={"room": room},
        log_function=lambda handler: None,  # the classroom has its own
    )


def serve(directory: Path, address: Path) -> None:
    """Serve until who started this closes the standard input, or nobody has come for a while."""
    # nbconvert warns of each picture without a description, SQLAlchemy of nbgrader's ways.
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    web = application(directory)
    loop = IOLoop.current()
    last = time.monotonic()

    def heard(request: Any) -> Any:
        nonlocal last
        last = time.monotonic()
        return web(request)

    def look() -> None:
        if time.monotonic() - last > _IDLE_SECONDS:
            loop.stop()

    server = HTTPServer(heard, max_body_size=_MAX_BODY_BYTES)
    server.add_socket(bind_unix_socket(str(address), mode=0o600))
    loop.add_handler(0, lambda *_: loop.stop() if not os.read(0, 1) else None, IOLoop.READ)
    PeriodicCallback(look, 10_000).start()
    os.write(1, b"ready\n")
    loop.start()
    address.unlink(missing_ok=True)
