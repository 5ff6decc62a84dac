"""Filling a scratch folder: copies of a submission's files, and the assignment's own above them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

CHUNK = 1 << 20


def copy(source: str, target: str, owner: tuple[int, int] | None) -> None:
    """Copy the regular files below a folder; links, pipes and devices are left out.

    No link is followed, also not one that takes a folder's place while this runs.

    Args:
        owner: the user and group of the copies; None leaves them to this process's.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _copy(descriptor, target, owner)
    finally:
        os.close(descriptor)


def _copy(source: int, target: str, owner: tuple[int, int] | None) -> None:
    for name in os.listdir(source):
        try:
            # Without O_NONBLOCK a named pipe would wait for its other end.
            found = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source
            )
        except OSError:
            continue
        try:
            mode = os.fstat(found).st_mode
            path = f"{target}/{name}"
            if stat.S_ISDIR(mode):
                Path(path).mkdir(mode=0o755, exist_ok=True)
                _own(path, owner)
                _copy(found, path, owner)
            elif stat.S_ISREG(mode):
                _pour(found, path, 0o755 if mode & 0o100 else 0o644)
                _own(path, owner)
        finally:
            os.close(found)


def _pour(source: int, path: str, mode: int) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        while block := os.read(source, CHUNK):
            while block:
                block = block[os.write(target, block) :]
    finally:
        os.close(target)


def _own(path: str, owner: tuple[int, int] | None) -> None:
    if owner:
        os.chown(path, *owner)


def show(
    source: str, target: str, owner: tuple[int, int] | None, put: Callable[[str, str], None]
) -> None:
    """Show each file below ``source`` at its place below ``target``, in front of what is there.

    ``put(source, target)`` shows one; the place is there then. A folder that the target lacks is
    shown whole. Links are left out.
    """
    for entry in _entries(source):
        place = Path(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            if place.is_dir():
                show(entry.path, str(place), owner, put)
                continue
            _clear(place)
            place.mkdir(0o755)
        elif entry.is_file(follow_symlinks=False):
            _clear(place)
            place.touch(0o644)
        else:
            continue
        _own(str(place), owner)
        put(entry.path, str(place))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        yield from sorted(found, key=lambda each: each.name)


def _clear(place: Path) -> None:
    """Nothing that was handed in stands in the way of the assignment's own."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
