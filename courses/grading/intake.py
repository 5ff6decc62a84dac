"""A submission's folder, read without trusting anything in it.

Refused: links of both kinds, devices, pipes and sockets; names that an archive of the classroom may
not have either; more files or bytes than the limits; a notebook that is too large to be read. What
nbgrader is configured to ignore is not looked at.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath

from courses import archives
from courses.errors import BadArchive
from courses.grades import Reason

MAX_FILES = 10_000
MAX_DEPTH = 20
MAX_NOTEBOOK = 50_000_000
_CHUNK = 1 << 20
_PAGE = 4096
_MAX_TIMESTAMP = 200
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class RefusedError(Exception):
    """The submission is such that nothing of it is run."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.kind)
        self.reason = reason


@dataclass(frozen=True)
class Handed:
    """The files of a submission: paths inside its folder, and their sizes in bytes."""

    folder: Path
    files: dict[str, int]

    @property
    def notebooks(self) -> tuple[str, ...]:
        """Names of the notebooks at its top, without the ending."""
        return tuple(
            sorted(
                path.removesuffix(".ipynb")
                for path in self.files
                if "/" not in path and path.endswith(".ipynb")
            )
        )

    @property
    def others(self) -> tuple[str, ...]:
        """What is no notebook."""
        return tuple(path for path in self.files if not path.endswith(".ipynb"))


def look(folder: Path, ignored: Sequence[str], max_bytes: int) -> Handed:
    """List a submission. Raises `RefusedError`."""
    files: dict[str, int] = {}
    total = 0
    for path, about in _walk(folder, PurePosixPath(), ignored, MAX_DEPTH):
        if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            raise RefusedError(Reason("link", {"file": path}))
        try:
            archives.check_name(path)
        except BadArchive as error:
            shown = path.encode("utf-8", "backslashreplace").decode("utf-8")
            raise RefusedError(Reason("name", {"file": shown})) from error
        # What it takes where it will lie, in whole pages.
        total += -(-about.st_size // _PAGE) * _PAGE
        if total > max_bytes or len(files) >= MAX_FILES:
            raise RefusedError(Reason("size", {"file": path, "bytes": total}))
        files[path] = about.st_size
    return Handed(folder, files)


def _walk(
    folder: Path, inside: PurePosixPath, ignored: Sequence[str], depth: int
) -> Iterator[tuple[str, os.stat_result]]:
    """Every file, and everything else that is no folder, in a fixed order."""
    with os.scandir(folder / inside) as found:
        entries = sorted(found, key=lambda each: each.name)
    for entry in entries:
        if any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in ignored):
            continue
        path = inside / entry.name
        if not entry.is_dir(follow_symlinks=False):
            yield str(path), entry.stat(follow_symlinks=False)
        elif depth == 0:
            raise RefusedError(Reason("name", {"file": str(path)}))
        else:
            yield from _walk(folder, path, ignored, depth - 1)


def read(handed: Handed, path: str, most: int = MAX_NOTEBOOK) -> bytes:
    """The bytes of a file. Raises `RefusedError`."""
    with _opened(handed, path) as file:
        found = file.read(most + 1)
        if len(found) > most:
            size = os.fstat(file.fileno()).st_size
            raise RefusedError(Reason("size", {"file": path, "bytes": size}))
    return found


def copy(handed: Handed, path: str, target: Path) -> None:
    """Copy a file; the folders above the copy are made. Raises `RefusedError`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _opened(handed, path) as file, target.open("xb") as out:
        left = handed.files[path]
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            out.write(chunk)
            left -= len(chunk)


def timestamp(handed: Handed) -> str:
    """What nbgrader's timestamp.txt says; empty without one. Raises `RefusedError`."""
    if "timestamp.txt" not in handed.files:
        return ""
    return read(handed, "timestamp.txt", _MAX_TIMESTAMP).decode("utf-8", "replace").strip()


def digest(handed: Handed, salt: str) -> str:
    """Of names and contents, and of what else a result depends on. Raises `RefusedError`."""
    whole = hashlib.sha256(salt.encode())
    for path in handed.files:
        with _opened(handed, path) as file:
            inner = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"\n{inner} {path}".encode())
    return whole.hexdigest()


@contextmanager
def _opened(handed: Handed, path: str) -> Iterator[BufferedReader]:
    """A regular file, opened without following a link in its last part."""
    try:
        file = os.fdopen(os.open(handed.folder / path, _OPEN), "rb")
    except OSError as error:
        raise RefusedError(Reason("link", {"file": path})) from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise RefusedError(Reason("link", {"file": path}))
        yield file
