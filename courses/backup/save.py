"""From a classroom that may be at work to a backup.

First the rows, as one transaction sees them; then the blobs, which never change and are on the disk
before a row names them; then the course directories with their gradebooks. What was acknowledged
before it began is in it.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path

from courses.backup import gradebooks, rows
from courses.backup import manifest as manifests
from courses.backup.manifest import Manifest
from courses.errors import NoSpace, SetupError
from courses.store import BlobStore, migrations
from courses.store.blobs import no_space, sync_folder
from courses.store.database import connect, has_classroom, reading, version
from courses.store.keys import PRIVATE, PUBLIC

ROWS, BLOBS = "rows.gz", "blobs.gz"
_PART = ".part"
_CHUNK = 1 << 20

Tell = Callable[[str, int, int], None]
"""How far it is: what is done, how much of it, of how much."""


@dataclass(frozen=True)
class Saved:
    """A new backup, the bytes of blobs that were copied for it, and the old ones it replaced."""

    folder: Path
    manifest: Manifest
    copied: int
    removed: int


def save(
    home: Path,
    url: str,
    place: Path,
    made: datetime,
    tell: Tell,
    *,
    check: bool = False,
    keep: int | None = None,
) -> Saved:
    """Add a backup to a backup folder. Raises `SetupError` and `Unavailable`.

    Args:
        home: the classroom's state folder.
        url: its database.
        place: the backup folder, made when absent.
        made: the time now.
        tell: is told how far it is.
        check: whether to read again what earlier backups have copied, and copy it anew where it is
            damaged.
        keep: how many backups to keep, with this one; None for all.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(place), no_space():
            for each in place.glob(f"*{_PART}"):
                shutil.rmtree(each)
            folder = place / manifests.folder_name(made)
            part = folder.with_name(folder.name + _PART)
            part.mkdir(mode=0o700)
            found, copied = _write(home, url, place, part, made, tell, check=check)
            part.rename(folder)
            sync_folder(place)
            removed = _remove(place, keep) if keep else 0
            return Saved(folder, found, copied, removed)
    except NoSpace as error:
        raise SetupError(
            f"The disk of {place} is full, so there is no new backup; the ones before are whole."
        ) from error


def _write(
    home: Path, url: str, place: Path, folder: Path, made: datetime, tell: Tell, *, check: bool
) -> tuple[Manifest, int]:
    step, count, rows_sha256 = _write_rows(url, folder, tell)
    _copy_keys(home, folder)
    blobs, damaged, copied = _copy_blobs(home, place, tell, check=check)
    books = gradebooks.lines(gradebooks.save(home, BlobStore(place / "blobs"), check=check))
    _write_packed(folder / gradebooks.LIST, books)
    _write_packed(folder / BLOBS, (f"{sha256} {size}\n" for sha256, size in sorted(blobs.items())))
    names = sorted(each.name for each in folder.iterdir())
    found = Manifest(
        made=made,
        lesesal=version_of("lesesal"),
        step=step,
        rows=count,
        rows_sha256=rows_sha256,
        blobs=len(blobs),
        bytes=sum(blobs.values()),
        files={name: manifests.digest(folder / name) for name in names},
        damaged=tuple(sorted(damaged)),
    )
    manifests.write(folder, found)
    sync_folder(folder)
    return found, copied


def _write_rows(url: str, folder: Path, tell: Tell) -> tuple[str, int, str]:
    """The step, how many rows there are, and the digest of their text."""
    total, digest = 0, hashlib.sha256()
    engine = connect(url)
    try:
        if not has_classroom(url):
            raise SetupError(
                f"There is no classroom in {engine.url.render_as_string(hide_password=True)}. "
                "Give its folder with --home, or its database with --database-url."
            )
        with reading(engine) as session:
            connection = session.connection()
            step = version(connection)
            if step is None or step > migrations.HEAD:
                raise SetupError(
                    f"The database is of a newer version of Lesesal (step {step}). Use that."
                )

            def counted() -> Iterator[str]:
                nonlocal total
                for line in rows.lines(connection):
                    digest.update(line.encode())
                    total += line.startswith("[")
                    tell("rows", total, 0)
                    yield line

            _write_packed(folder / ROWS, counted())
    finally:
        engine.dispose()
    return step, total, digest.hexdigest()


def _copy_blobs(
    home: Path, place: Path, tell: Tell, *, check: bool
) -> tuple[dict[str, int], set[str], int]:
    """The sizes of those that the backup has; the digests of the damaged; bytes copied."""
    source, target = BlobStore(home / "blobs"), BlobStore(place / "blobs")
    there = {sha256: state.st_size for sha256, state in source.all()}
    total, done, copied = sum(there.values()), 0, 0
    damaged: set[str] = set()
    for sha256, size in list(there.items()):
        if not _has(target, sha256, size, check=check):
            try:
                if copy_blob(source.path(sha256), target, sha256):
                    copied += size
                elif (kept := target.path(sha256)).is_file() and manifests.digest(kept) == sha256:
                    there[sha256] = kept.stat().st_size  # it was whole when it was copied
                else:
                    damaged.add(sha256)
                    del there[sha256]
            except FileNotFoundError:  # no row named it, and it was collected
                del there[sha256]
        done += size
        tell("bytes", done, total)
    return there, damaged, copied


def copy_blob(source: Path, target: BlobStore, sha256: str) -> bool:
    """Copy one durably; False, and no copy, when it is not what its name says."""
    with source.open("rb") as file, target.incoming(os.fstat(file.fileno()).st_size) as incoming:
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            incoming.write(chunk)
        if digest.hexdigest() != sha256:
            return False
        incoming.keep()
        return True


def _has(target: BlobStore, sha256: str, size: int, *, check: bool) -> bool:
    place = target.path(sha256)
    if not place.is_file() or place.stat().st_size != size:
        return False
    return not check or manifests.digest(place) == sha256


def _copy_keys(home: Path, folder: Path) -> None:
    for name in (PRIVATE, PUBLIC):
        if (home / name).is_file():
            manifests.write_durably(folder / name, (home / name).read_bytes())


def _write_packed(path: Path, text: Iterable[str]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for line in text:
                packed.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _remove(place: Path, keep: int) -> int:
    """Remove the oldest backups, and the blobs that none of the others has."""
    found = manifests.whole(place)
    old, kept = found[:-keep], found[-keep:]
    if not old:
        return 0
    for each in old:
        (each / manifests.NAME).unlink()  # from here it is none, however far the rest comes
        sync_folder(each)
        shutil.rmtree(each)
    needed = {sha256 for each in kept for sha256, _ in blobs_of(each)}
    needed |= {sha256 for each in kept for _, sha256 in gradebooks.files_of(each)}
    target = BlobStore(place / "blobs")
    for sha256, _ in target.all():
        if sha256 not in needed:
            target.path(sha256).unlink()
    return len(old)


def blobs_of(folder: Path) -> list[tuple[str, int]]:
    """The blobs of a backup, with their sizes."""
    with gzip.open(folder / BLOBS, "rt", encoding="ascii") as file:
        found = (line.split() for line in file)
        return [(sha256, int(size)) for sha256, size in found]


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    with (place / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Another backup to {place} is at work. Wait until it ends."
            ) from error
        yield
