"""The database: opened, brought up to date, and its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from courses.errors import Busy, NoSpace
from courses.store import migrations
from courses.store.blobs import BlobStore

_BUSY_SECONDS = 20
_FULL = (sqlite3.SQLITE_FULL,)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def default_url(home: Path) -> str:
    """The database of a state folder, when nothing else is configured: SQLite in it."""
    return f"sqlite:///{home.resolve() / 'classroom.sqlite'}"


class Store:
    """The classroom's memory. One for each process; its methods may be called from any thread.

    Attributes:
        blobs: the archives.
        engine: the database.
    """

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self.engine = engine
        self.blobs = blobs

    @classmethod
    def open(cls, url: str, blobs: Path) -> Store:
        """Open the database at an SQLAlchemy URL, making or migrating its tables as needed.

        Args:
            url: ``sqlite:////srv/lesesal/classroom.sqlite``, or another database's.
            blobs: the folder of the archives, made when absent.
        """
        engine = connect(url)
        migrate(engine)
        return cls(engine, BlobStore(blobs))

    @classmethod
    def of_home(cls, home: Path, url: str = "") -> Store:
        """Open the store of a state folder: its ``classroom.sqlite`` and its ``blobs/``."""
        return cls.open(url or default_url(home), home / "blobs")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and changes nothing."""
        with _sentences(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is durable when the block ends, and never was if it raises.

        Raises `NoSpace` and `Busy`.
        """
        engine = self.engine.execution_options(writes=True)
        with _sentences(), Session(engine) as session, session.begin():
            yield session


def connect(url: str) -> Engine:
    """An engine for the URL, set up for safety where it is SQLite; touches no table."""
    engine = create_engine(url)
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date. Several processes may do so at once: one does, all wait."""
    with _sentences():
        with engine.connect() as connection:
            if _version(connection) == migrations.HEAD:
                return
        with engine.execution_options(writes=True).begin() as connection:
            migrations.upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _set_up_sqlite(connection: Any, record: object) -> None:
    # The driver would begin transactions at its own moments; _begin_sqlite says when.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode, NORMAL may lose the last transactions with the power; we have acknowledged them.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, when another
    # wrote in between (SQLITE_BUSY_SNAPSHOT): those that will write take the lock at their begin.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _FULL:
            raise NoSpace from error
        if code is not None and code & 0xFF in _LOCKED:
            raise Busy from error
        raise
