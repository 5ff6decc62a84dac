"""From a backup to a classroom: in a new state folder, or another kind of database."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from courses.backup import gradebooks, rows
from courses.backup import manifest as manifests
from courses.backup.manifest import Manifest
from courses.backup.save import ROWS, Tell, blobs_of, copy_blob
from courses.errors import BackupDamaged, SetupError
from courses.machine.home import prepare
from courses.proofs.store import problems
from courses.receipts import keys_json, read_keys
from courses.store import BlobStore, Store, migrations
from courses.store.blobs import sync_folder
from courses.store.database import changing_tables, connect, has_classroom, usable, version
from courses.store.keys import PRIVATE, PUBLIC

_NEW = ".restoring"


@dataclass(frozen=True)
class Restored:
    """What was restored, and what was wrong in the classroom already when it was backed up."""

    manifest: Manifest
    problems: tuple[str, ...]


def restore(
    folder: Path, home: Path, url: str, now: datetime, tell: Tell, *, replace: bool = False
) -> Restored:
    """Make the classroom of a backup, checked as a whole; the database comes last, at once.

    Raises `BackupDamaged`, when nothing is in the database, and `SetupError`.

    Args:
        folder: the backup (`courses.backup.manifest.find`).
        home: the state folder, made when absent.
        url: its database.
        now: names what is put aside.
        tell: is told how far it is.
        replace: whether a classroom that is there gives way. Its SQLite file, its key and its
            course directories are put aside; a PostgreSQL database's tables are dropped.
    """
    found = manifests.read(folder)
    if found.step > migrations.HEAD:
        raise SetupError(
            f"The backup is of a newer version of Lesesal (step {found.step}; this one knows "
            f"{migrations.HEAD}). Use that version."
        )
    if not replace and has_classroom(url):
        raise SetupError(
            f"There is a classroom in {make_url(url).render_as_string(hide_password=True)}. "
            "Restore to another --home or --database-url; or stop it and give --yes, to replace it."
        )
    prepare(home)
    _copy_blobs(folder, home, tell)
    aside = f".before-{manifests.folder_name(now)}"
    gradebooks.unpack(folder, BlobStore(folder.parent / "blobs"), home)
    _restore_keys(folder, home, aside)
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        place = Path(address.database or "")
        new = place.with_name(place.name + _NEW)
        _remove(new)
        _fill(f"sqlite:///{new}", folder, found, tell)
        if place.exists():
            _rename(place, place.with_name(place.name + aside))
        _rename(new, place)
        sync_folder(place.parent)
    else:
        _fill(url, folder, found, tell)
    gradebooks.put(home, aside)
    store = Store.of_home(home, url)
    try:
        wrong = tuple(problems(store, lambda done, total: tell("proofs", done, total)))
    finally:
        store.close()
    return Restored(found, wrong)


def _fill(url: str, folder: Path, found: Manifest, tell: Tell) -> None:
    """Make the tables and their rows in one transaction, in place of those that are there."""
    engine = connect(url)
    try:
        with usable(engine), changing_tables(engine) as connection:
            if version(connection) is not None:
                _drop_all(connection)
            migrations.upgrade(connection, found.step)
            rows.load(connection, _read_rows(folder, tell, found.rows))
            _compare(connection, found, tell)
            migrations.upgrade(connection)
    finally:
        engine.dispose()


def _copy_blobs(folder: Path, home: Path, tell: Tell) -> None:
    """Those that are there already are read, too: what is said to be restored is whole."""
    source, target = BlobStore(folder.parent / "blobs"), BlobStore(home / "blobs")
    blobs = blobs_of(folder)
    missing = [sha256 for sha256, size in blobs if not _measures(source.path(sha256), size)]
    if missing:
        raise BackupDamaged(
            f"The backup {folder} is damaged: {len(missing)} of its files are missing or cut, "
            f"{source.path(missing[0])} first. Take another one."
        )
    total, done = sum(size for _, size in blobs), 0
    for sha256, size in blobs:
        there = target.path(sha256)
        if not (there.is_file() and manifests.digest(there) == sha256) and not copy_blob(
            source.path(sha256), target, sha256
        ):
            raise BackupDamaged(
                f"The backup {folder} is damaged: {source.path(sha256)} is not what was written. "
                "Take another one."
            )
        done += size
        tell("bytes", done, total)


def _measures(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _files(database: Path) -> list[Path]:
    """A SQLite database and what may lie beside it."""
    return [database.with_name(database.name + end) for end in ("-wal", "-shm", "")]


def _remove(database: Path) -> None:
    for path in _files(database):
        path.unlink(missing_ok=True)


def _rename(database: Path, to: Path) -> None:
    for old, new in zip(_files(database), _files(to), strict=True):
        if old.exists():
            old.rename(new)


def _restore_keys(folder: Path, home: Path, aside: str) -> None:
    """The backup's key signs from now on; receipts of a key that was there stay genuine."""
    own, given = home / PRIVATE, folder / PRIVATE
    if given.is_file() and not (own.is_file() and own.read_bytes() == given.read_bytes()):
        if own.is_file():
            own.rename(own.with_name(own.name + aside))
        _write(own, given.read_bytes())
    known: dict[str, bytes] = {}
    for path in (home / PUBLIC, folder / PUBLIC):
        if path.is_file():
            known |= read_keys(path.read_text(encoding="utf-8"))
    if known:
        _write(home / PUBLIC, keys_json(known).encode())
    sync_folder(home)


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    manifests.write_durably(new, data)
    new.rename(path)


def _read_rows(folder: Path, tell: Tell, total: int) -> Iterator[str]:
    done = 0
    try:
        with gzip.open(folder / ROWS, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                done += line.startswith("[")
                tell("rows", done, total)
                yield line
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BackupDamaged(f"The backup {folder} is damaged: {ROWS} ends early.") from error


def _drop_all(connection: Connection) -> None:
    for table in reversed(rows.tables(connection)):
        table.drop(connection)
    connection.exec_driver_sql("DROP TABLE alembic_version")


def _compare(connection: Connection, found: Manifest, tell: Tell) -> None:
    """The database has what the backup's had, row by row."""
    digest, done = hashlib.sha256(), 0
    for line in rows.lines(connection):
        digest.update(line.encode())
        done += line.startswith("[")
        tell("check", done, found.rows)
    if digest.hexdigest() != found.rows_sha256:
        raise BackupDamaged(
            "What the database took in is not what the backup has, so nothing was changed. "
            "Restore to another kind of database, and report this."
        )
