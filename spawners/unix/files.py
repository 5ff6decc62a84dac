"""The files that a session finds when it starts, and the log that it leaves.

``<state>/sessions/<hub>/<server>/<attempt>/`` (0700) holds ``token`` and ``session.json`` (both
0600); the server's folder goes when the session goes. ``<state>/logs/<hub>/<server>.<attempt>.log``
stays until the next session. Of a batch run, the server is called ``<server>.<run>``, and the logs
of an array's tasks are ``<server>.<run>.<attempt>.<task>.log``.
Only the standard library: the launcher, which runs in users' names, is this and little more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

TOKEN = "token"  # noqa: S105 - a file's name
SETTINGS = "session.json"
TAIL_BYTES = 64 * 1024
LARGEST_FILE = 1 << 20

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


def of(token: str, environment: Mapping[str, str]) -> dict[str, str]:
    """A session's files by name. Without a token, that of another attempt is to be inherited."""
    texts = {SETTINGS: json.dumps(dict(environment))}
    return texts | {TOKEN: token} if token else texts


def state_directory(home: Path) -> Path:
    """Where Lesesal keeps a person's session files: the XDG state folder of that home."""
    return home / ".local" / "state" / "lesesal"


def session_directory(state: Path, hub: str, server: str) -> Path:
    """The folder of a session. Raises ValueError for a hub or server that is no plain name."""
    return state / "sessions" / _part(hub) / _part(server)


def attempt_directory(state: Path, hub: str, server: str, attempt: int) -> Path:
    """The folder of one attempt of a session. Raises ValueError as above."""
    return session_directory(state, hub, server) / str(int(attempt))


def log_file(state: Path, hub: str, server: str, attempt: int, task: int | str = 0) -> Path:
    """The log of this attempt of the latest session of this server. Raises ValueError as above.

    Of an array, `task` is the task's number, or what stands for it in the name.
    """
    number = f".{task}" if task else ""
    return state / "logs" / _part(hub) / f"{_part(server)}.{int(attempt)}{number}.log"


def prepare(
    state: Path, hub: str, server: str, attempt: int, files: Mapping[str, str], inherit: int = 0
) -> Path:
    """Write an attempt's files and make its log's folder; returns the attempt's folder.

    What `files` does not name is taken over from the attempt `inherit`, if that is not 0.
    A file appears whole or not at all; what is no folder, in a folder's place, is removed. Raises
    OSError (disk full, no permission).
    """
    log = log_file(state, hub, server, attempt)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The last session's words must not be taken for this one's, which may wait for hours.
    log.unlink(missing_ok=True)
    directory = attempt_directory(state, hub, server, attempt)
    for each in (directory.parent, directory):
        if each.is_symlink() or not each.is_dir():
            each.unlink(missing_ok=True)
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        each.chmod(0o700)
    if inherit:
        files = {**_read(directory.parent / str(int(inherit))), **files}
    for name, text in files.items():
        # What a launcher that was killed left there is nobody's.
        temporary = directory / f".{_part(name)}.new"
        temporary.unlink(missing_ok=True)
        try:
            with open(temporary, "x", encoding="utf-8", opener=_open_private) as file:
                file.write(text)
            temporary.rename(directory / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return directory


def remove(state: Path, hub: str, server: str, attempt: int | None = None) -> None:
    """Remove an attempt's folder, or the session's; nothing happens when there is none."""
    directory = session_directory(state, hub, server)
    if attempt is not None:
        directory = attempt_directory(state, hub, server, attempt)
    import shutil  # a fifth of what starting the launcher takes, and few calls get here

    with contextlib.suppress(OSError):
        if directory.is_symlink() or not directory.is_dir():
            directory.unlink()
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):  # another attempt's files are there
        if attempt is not None:
            directory.parent.rmdir()


def log_tail(state: Path, hub: str, server: str, attempt: int, lines: int, task: int = 0) -> str:
    """The last lines of the latest log, at most 500 characters each; empty without a log.

    Only of a log that is a file, and only of its last 64 KiB: what a session's program made in its
    place must neither hold up who asks nor fill its memory.
    """
    log = log_file(state, hub, server, attempt, int(task))
    try:
        with open(log, "rb", opener=_open_as_it_is) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or lines <= 0:
                return ""
            file.seek(max(0, about.st_size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    # A progress bar's carriage return ends a line too.
    printed = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return "".join(line[:500] + "\n" for line in printed[-lines:]) if text else ""


def _read(directory: Path) -> dict[str, str]:
    """What `prepare` wrote there, and nothing that it can't have written."""
    texts = {}
    for path in directory.iterdir():
        if _PART.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
            with open(path, "rb", opener=_open_as_it_is) as file:
                texts[path.name] = file.read(LARGEST_FILE).decode("utf-8", "replace")
    return texts


def _open_private(path: str, flags: int) -> int:
    """Make the file 0600 before a byte is in it; nothing that is there already is written to."""
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def _open_as_it_is(path: str, flags: int) -> int:
    """Open no symlink's target, and wait for nobody at a FIFO's other end."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _part(name: str) -> str:
    if not _PART.fullmatch(name):
        raise ValueError(f"{name!r} can't be part of a session's path")
    return name
