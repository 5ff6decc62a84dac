"""Archives and files on disk, under the SHA-256 of what is in them.

``blobs/ab/cdef…`` is complete or absent: it is written beside its place, in ``blobs/incoming``,
forced to disk, and only then named. Whoever holds a `Blob` may acknowledge it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from courses.errors import NoSpace, TooLarge
from courses.language import gettext as _
from courses.words import size

# A file in ``incoming`` that nobody has touched for this long belongs to a process that is gone.
_FORGOTTEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Blob:
    """What is stored: its digest, 64 hex digits, and its size."""

    sha256: str
    bytes: int


class BlobStore:
    """The blobs of one folder. Safe for several threads and processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming_folder = root / "incoming"
        with no_space():
            self.incoming_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()

    def path(self, sha256: str) -> Path:
        """Where a blob is, or would be."""
        return self.root / sha256[:2] / sha256[2:]

    def touch(self, sha256: str) -> bool:
        """Whether a blob is there, to be named by a row: it is durable, and no litter for a day."""
        place = self.path(sha256)
        try:
            os.utime(place)
        except FileNotFoundError:
            return False
        sync_folder(place.parent)  # another thread may have named it, and not done this yet
        return True

    def all(self) -> Iterator[tuple[str, os.stat_result]]:
        """All blobs, in no order: digest, and what the file system says."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):  # removed since
                yield path.parent.name + path.name, path.stat()

    def remove_old(self, sha256: str) -> bool:
        """Remove a blob that no row names, unless it was written or touched within a day.

        It is first put aside: what a row is about to name was touched before that, and is put back,
        or is missed after that and written again.
        """
        place, aside = self.path(sha256), self.incoming_folder / sha256
        try:
            if not forgotten(place.stat()):
                return False
            place.rename(aside)
            if not forgotten(aside.stat()):
                aside.rename(place)
                return False
        except FileNotFoundError:
            return False
        aside.unlink()
        return True

    def incoming(self, limit: int) -> Incoming:
        """A new blob that may grow to ``limit`` bytes. Raises `NoSpace`."""
        return Incoming(self, limit)

    def keep_file(self, source: Path) -> Blob:
        """Store a copy of a file of any size. Raises `NoSpace`."""
        with self.incoming(source.stat().st_size) as incoming, source.open("rb") as file:
            while chunk := file.read(1 << 20):
                incoming.write(chunk)
            return incoming.keep()

    def _sweep(self) -> None:
        for path in self.incoming_folder.iterdir():
            try:
                if forgotten(path.stat()):
                    path.unlink()
            except FileNotFoundError:  # its own process was quicker
                continue


class Incoming:
    """A blob on its way in. Use it as a context manager: what is not kept is removed at the end.

    It may be discarded from another thread than the one that writes: a write that comes too late
    raises `ValueError`.
    """

    def __init__(self, store: BlobStore, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._digest = hashlib.sha256()
        self._bytes = 0
        # A file that is closed under a write could be another file's by the time of the write.
        self._lock = threading.Lock()
        with no_space():
            handle, name = tempfile.mkstemp(dir=store.incoming_folder)
        self._file = os.fdopen(handle, "wb", buffering=0)
        self.path = Path(name)

    def write(self, chunk: bytes) -> None:
        """Append; the chunk is on its way to disk when this returns.

        Raises `TooLarge` before anything beyond the limit is written, and `NoSpace`.
        """
        if self._bytes + len(chunk) > self._limit:
            raise TooLarge(
                _(
                    "The archive is larger than {limit}. Take out what is not needed.",
                    limit=size(self._limit),
                )
            )
        with self._lock, no_space():
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._digest.update(chunk)
        self._bytes += len(chunk)

    def keep(self) -> Blob:
        """Make it durable under its digest; afterwards it survives a loss of power.

        Raises `NoSpace`; then it is not kept.
        """
        blob = Blob(self._digest.hexdigest(), self._bytes)
        place = self._store.path(blob.sha256)
        with self._lock, no_space():
            os.fsync(self._file.fileno())
            if not place.parent.is_dir():
                place.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._store.root)
            self.path.rename(place)
            sync_folder(place.parent)
        return blob

    def discard(self) -> None:
        """Close it, and remove it when it was not kept. Can be called again."""
        with self._lock:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()


@contextmanager
def no_space() -> Iterator[None]:
    """Turn a full disk, or a used-up quota, into `NoSpace`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace from error
        raise


def forgotten(state: os.stat_result) -> bool:
    """Whether nobody has written or touched it for a day."""
    return state.st_mtime < time.time() - _FORGOTTEN_SECONDS


def sync_folder(folder: Path) -> None:
    """A new name is only durable when its folder is (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
