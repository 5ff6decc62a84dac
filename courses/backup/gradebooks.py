"""The course directories with their gradebooks, in a backup and back.

A backup lists their files, ``gradebooks.gz``: a line of JSON each, path and digest. Contents are
among the backup's blobs, so what was handed in is there once, and what stays is not copied again.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from courses.backup import manifest as manifests
from courses.coursedir.folder import copy_gradebook, gradebooks
from courses.coursedir.generate import GRADEBOOK
from courses.errors import BackupDamaged
from courses.store import BlobStore
from courses.store.blobs import sync_folder

LIST = "gradebooks.gz"
_CHUNK = 1 << 20


def save(home: Path, place: BlobStore, *, check: bool = False) -> Iterator[tuple[str, str]]:
    """Copy what is not in the backup folder yet; yield each file's path and digest.

    A gradebook is as one transaction sees it, also while it is written. What is ours alone and
    passes (a course directory that is being made, a run of grading) is left out.

    Args:
        check: whether to read again what is there, and copy it anew where it is damaged.
    """
    root = gradebooks(home)
    with TemporaryDirectory(prefix="lesesal-") as scratch:
        for path in sorted(_files(root)):
            name = path.relative_to(root).as_posix()
            try:
                if path.name == GRADEBOOK:
                    copy = Path(scratch) / GRADEBOOK
                    copy.unlink(missing_ok=True)
                    copy_gradebook(path, copy)
                    yield name, _keep(copy, place, check=check)
                else:
                    yield name, _keep(path, place, check=check)
            except FileNotFoundError:
                continue  # it went while this looked


def unpack(folder: Path, place: BlobStore, home: Path) -> None:
    """Make the course directories of a backup, beside those that are there.

    Raises `BackupDamaged`.
    """
    new = _new(home)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for name, sha256 in files_of(folder):
        source, target = place.path(sha256), new / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not source.is_file() or manifests.digest(source) != sha256:
            shutil.rmtree(new)
            raise BackupDamaged(
                f"The backup {folder} is damaged: {source} is not what was written. "
                "Take another one."
            )
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out, source.open("rb") as file:
            shutil.copyfileobj(file, out, _CHUNK)
            out.flush()
            os.fsync(out.fileno())


def put(home: Path, aside: str) -> None:
    """What was unpacked comes to its place; what is there is put aside."""
    root = gradebooks(home)
    if root.exists():
        root.rename(root.with_name(root.name + aside))
    _new(home).rename(root)
    sync_folder(home)


def _new(home: Path) -> Path:
    root = gradebooks(home)
    return root.with_name(f".{root.name}.restoring")


def files_of(folder: Path) -> list[tuple[str, str]]:
    """Path and digest of each file of the course directories in a backup."""
    if not (folder / LIST).is_file():
        return []  # of a classroom that kept none
    with gzip.open(folder / LIST, "rt", encoding="utf-8") as file:
        return [(name, sha256) for name, sha256 in map(json.loads, file)]


def lines(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What the list says."""
    for each in found:
        yield json.dumps(each, ensure_ascii=False) + "\n"


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        # `.COURSE.new`, and what is on its way to another place.
        folders[:] = [
            each
            for each in folders
            if not (depth == 0 and each.startswith("."))
            and not (each.startswith(".") and each.endswith((".new", ".old")))
            and not (depth > 1 and here.parts[-2:] == (".lesesal", "grading"))
        ]
        for name in names:
            if name.startswith(f"{GRADEBOOK}-"):
                continue  # SQLite's own, of a transaction that is not over
            if (depth or not name.startswith(".")) and stat.S_ISREG((here / name).lstat().st_mode):
                yield here / name


def _keep(path: Path, place: BlobStore, *, check: bool) -> str:
    sha256 = manifests.digest(path)
    there = place.path(sha256)
    if not there.is_file() or (check and manifests.digest(there) != sha256):
        with path.open("rb") as file, place.incoming(path.stat().st_size) as incoming:
            while chunk := file.read(_CHUNK):
                incoming.write(chunk)
            return incoming.keep().sha256
    return sha256
