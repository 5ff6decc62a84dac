"""The files that a session finds when it starts, and the log that it leaves.

``<state>/sessions/<hub>/<server>/`` (0700) holds ``token`` and ``session.json`` (both 0600) and
goes when the session goes. ``<state>/logs/<hub>/<server>.log`` stays until the next session.
Only the standard library: the launcher, which runs in users' names, is this and little more.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path

TOKEN = "token"  # noqa: S105 - a file's name
SETTINGS = "session.json"

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def state_directory(home: Path) -> Path:
    """Where Lesesal keeps a person's session files: the XDG state folder of that home."""
    return home / ".local" / "state" / "lesesal"


def session_directory(state: Path, hub: str, server: str) -> Path:
    """The folder of a session. Raises ValueError for a hub or server that is no plain name."""
    return state / "sessions" / _part(hub) / _part(server)


def log_file(state: Path, hub: str, server: str) -> Path:
    """The log of the latest session of this server. Raises ValueError as above."""
    return state / "logs" / _part(hub) / f"{_part(server)}.log"


def prepare(state: Path, hub: str, server: str, files: Mapping[str, str]) -> Path:
    """Write a session's files and make its log's folder; returns the session's folder.

    A file appears whole or not at all. Raises OSError (disk full, no permission).
    """
    log = log_file(state, hub, server)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The last session's words must not be taken for this one's, which may wait for hours.
    log.unlink(missing_ok=True)
    directory = session_directory(state, hub, server)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for name, text in files.items():
        # mkstemp makes the file 0600 before a byte is in it.
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).rename(directory / _part(name))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return directory


def remove(state: Path, hub: str, server: str) -> None:
    """Remove a session's folder; nothing happens when there is none."""
    directory = session_directory(state, hub, server)
    if directory.is_symlink():
        directory.unlink()
    shutil.rmtree(directory, ignore_errors=True)


def log_tail(state: Path, hub: str, server: str, lines: int) -> str:
    """The last lines of the latest log, at most 500 characters each; empty without a log."""
    try:
        with log_file(state, hub, server).open(encoding="utf-8", errors="replace") as file:
            return "".join(line[:500].rstrip("\n") + "\n" for line in deque(file, lines))
    except OSError:
        return ""


def _part(name: str) -> str:
    if not _PART.fullmatch(name):
        raise ValueError(f"{name!r} can't be part of a session's path")
    return name
