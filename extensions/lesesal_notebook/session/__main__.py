"""``python -m lesesal_notebook.session``: serve one notebook session.

The port is bound before anybody hears of it, so that nobody else can take it in between; it is
reported before Jupyter is imported, so that the hub knows early. `$LESESAL_SESSION_DIR` holds the
hub's token and the session's settings (spawners/unix/files.py writes them).
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.machinery
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..datasets import DatasetError, place
from .report import NotExpectedError, report_port
from .settings import SettingsError, read


def main() -> None:
    """Bind, report, serve. Exits with a sentence when the hub does not expect this session."""
    # What is imported stays; looking through it for garbage is a tenth of the start (serve.py).
    gc.disable()
    # The end may be announced (end.py) before there is anything to save; it must not end us.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        settings = read()
    except SettingsError as error:
        sys.exit(str(error))
    os.environ.update(settings.environment)
    try:
        os.environ.update(place(settings.environment, Path.home()))
    except DatasetError as error:
        sys.exit(str(error))
    # Terminals find `nbgrader`, and nbgrader finds `alembic`, by name.
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    listener = socket.socket()
    listener.bind((settings.bind, 0))
    # From here on a connection waits instead of being refused, until Jupyter answers it.
    listener.listen(128)
    try:
        port = listener.getsockname()[1]
        hub_version = report_port(
            settings.api_url, settings.token, port, settings.attempt, settings.certificate
        )
    except NotExpectedError as error:
        sys.exit(str(error))

    if settings.role == "instructor":
        threading.Thread(target=_prepare_course_directory, daemon=True).start()

    with looking_once():
        from .serve import serve  # only now: it imports all of Jupyter

    serve(listener, settings, hub_version)


@contextlib.contextmanager
def looking_once() -> Iterator[None]:
    """Let imports look at each file and folder once: nobody changes an environment meanwhile.

    Python looks at a folder for each module that it has there, and at each module twice
    (importlib's FileFinder and SourceFileLoader): a third of what a start asks a file system.
    """
    finder: Any = importlib.machinery.FileFinder.find_spec
    names = finder.__globals__
    stat = names["_path_stat"]
    names["_path_stat"] = functools.cache(stat)
    try:
        yield
    finally:
        names["_path_stat"] = stat


def _prepare_course_directory() -> None:
    """An instructor's course directory, while Jupyter is imported."""
    from ..exchange.errors import ClassroomError
    from ..exchange.prepare import prepare_course_directory

    try:
        prepare_course_directory()
    except (ClassroomError, OSError) as error:
        logging.getLogger(__name__).warning("The course directory was not fetched: %s", error)


if __name__ == "__main__":
    main()
