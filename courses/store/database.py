"""The database: opened, brought up to date, and its transactions.

SQLite and PostgreSQL keep the same promises. One write transaction runs at a time, so what it read
is still so when it writes. A read transaction sees one state, and waits for nobody.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from courses.errors import SetupError, Unavailable
from courses.store import migrations
from courses.store.blobs import BlobStore
from courses.store.carrying import carry_over
from courses.store.contents import Contents
from courses.store.failures import sentences
from courses.store.keys import Keys

URL_VARIABLE = "LESESAL_DATABASE_URL"
_BUSY_SECONDS = 20
# The advisory lock of a database's writers; the number means nothing.
_WRITERS = 0x6C657365
# A writer whose machine is lost keeps the lock until PostgreSQL ends its transaction.
_IDLE_SECONDS = 60
_CONNECT_SECONDS = 10


def default_url(home: Path) -> str:
    """The database of a state folder, when nothing else is configured.

    The one in ``$LESESAL_DATABASE_URL``, else SQLite in the folder.
    """
    return os.environ.get(URL_VARIABLE) or sqlite_url(home)


def sqlite_url(home: Path) -> str:
    """The SQLite database of a state folder."""
    return f"sqlite:///{home.resolve() / 'classroom.sqlite'}"


def has_classroom(url: str) -> bool:
    """Whether a classroom was ever opened there; asks without making anything.

    Raises `SetupError` when the database cannot be used.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        return False
    engine = connect(url)
    try:
        with usable(engine), engine.connect() as connection:
            return version(connection) is not None
    finally:
        engine.dispose()


class Store:
    """The classroom's memory. One for each process; its methods may be called from any thread.

    Attributes:
        blobs: the archives, and the files that were handed in.
        contents: what was handed in, over the blobs.
        keys: what receipts are signed with.
        engine: the database.
    """

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self.engine = engine
        self.blobs = blobs
        self.contents = Contents(blobs)
        self.keys = Keys(blobs.root.parent)

    @classmethod
    def open(cls, url: str, blobs: Path) -> Store:
        """Open the database at an SQLAlchemy URL, making or migrating its tables as needed.

        Raises `SetupError` when it cannot be used.

        Args:
            url: ``sqlite:////srv/lesesal/classroom.sqlite``, or another database's.
            blobs: the folder of the blobs, made when absent; the receipts' keys are beside it.
        """

        engine = connect(url)
        try:
            migrate(engine)
            store = cls(engine, BlobStore(blobs))
            carry_over(store)
        except BaseException:
            engine.dispose()
            raise
        return store

    @classmethod
    def of_home(cls, home: Path, url: str = "") -> Store:
        """Open the store of a state folder: its database and its ``blobs/``."""
        return cls.open(url or default_url(home), home / "blobs")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and changes nothing.

        Raises `Unavailable`.
        """
        with reading(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is durable when the block ends, and never was if it raises.

        No other begins before it ends. Raises `NoSpace`, `Busy` and `Unavailable`; after the last
        it may be there all the same, when the database went away in its last moment.
        """
        engine = _for_writing(self.engine)
        with sentences(), Session(engine) as session, session.begin():
            yield session


def connect(url: str) -> Engine:
    """An engine for the URL, set up for safety; touches no table. Raises `SetupError`."""
    try:
        address = make_url(url)
        if address.get_backend_name() == "sqlite":
            engine = create_engine(address)
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        engine = create_engine(
            address,
            # A transaction that decides nothing from what it reads still sees one state.
            isolation_level="REPEATABLE READ",
            # After the server was restarted the pool's connections are dead.
            pool_pre_ping=True,
            connect_args={}
            if "connect_timeout" in address.query
            else {"connect_timeout": _CONNECT_SECONDS},
        )
    except (ArgumentError, ImportError) as error:
        raise SetupError(
            "The database URL cannot be used. Give one like postgresql+psycopg:///lesesal, "
            "or none for SQLite in the state folder."
        ) from error
    if engine.dialect.name != "postgresql":
        raise SetupError(
            f"The classroom keeps its memory in SQLite or PostgreSQL, not in {engine.dialect.name}."
        )
    event.listen(engine, "begin", _begin_postgres)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A transaction that sees one state and changes nothing, where there is no `Store`.

    Raises `Unavailable`.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(postgresql_readonly=True)
    with sentences(), Session(engine) as session:
        yield session


def migrate(engine: Engine) -> None:
    """Bring the tables up to date. Several processes may do so at once: one does, all wait.

    Raises `SetupError` when the database cannot be used.
    """
    with usable(engine):
        with engine.connect() as connection:
            found = version(connection)
        if found == migrations.HEAD:
            return
        if found and found > migrations.HEAD:
            raise SetupError(
                f"{_name(engine.url)} was used by a newer version of Lesesal (step {found}; "
                f"this one knows {migrations.HEAD}). Use that version."
            )
        with changing_tables(engine) as connection:
            migrations.upgrade(connection)


@contextmanager
def usable(engine: Engine) -> Iterator[None]:
    """Raise `SetupError` with PostgreSQL's own words, for whoever sets it up.

    SQLite's pass, as `sentences` has them.
    """
    try:
        with sentences():
            yield
    except (Unavailable, DBAPIError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        if engine.dialect.name == "sqlite" or not isinstance(cause, DBAPIError):
            raise
        raise SetupError(f"{_name(engine.url)} cannot be used: {_reason(cause)}") from error


@contextmanager
def changing_tables(engine: Engine) -> Iterator[Connection]:
    """A write transaction in which tables may be made, dropped and made anew."""
    with (
        sentences(),
        _for_writing(engine).connect() as connection,
        _loose_keys(connection),
        connection.begin(),
    ):
        yield connection
        _check_keys(connection)


def version(connection: Connection) -> str | None:
    """The step that a database's tables are at; ``None``: it has none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


@contextmanager
def _loose_keys(connection: Connection) -> Iterator[None]:
    """Let SQLite's tables be made anew under their rows.

    A step that SQLite's ALTER TABLE cannot do copies the table and drops the old one; with foreign
    keys on, that fails when rows of other tables point to it. Only outside a transaction can they
    be put off (https://sqlite.org/lang_altertable.html).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _check_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        loose = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if loose:
            raise SetupError(
                f"Nothing was changed in {_name(connection.engine.url)}: rows of {loose[0][0]} "
                f"point to rows of {loose[0][2]} that are not there. Restore a backup."
            )


def _for_writing(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        return engine.execution_options(writes=True)
    # Each statement sees what is committed; with the lock, that is what the writer before left.
    # A snapshot of the whole transaction would be of the time before the lock was there.
    return engine.execution_options(writes=True, isolation_level="READ COMMITTED")


def _set_up_sqlite(connection: Any, record: object) -> None:
    # The driver would begin transactions at its own moments; _begin_sqlite says when.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _use_wal(connection)
    # In WAL mode, NORMAL may lose the last transactions with the power; we have acknowledged them.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: Any) -> None:
    """The first to open a database changes its mode; here SQLite's busy_timeout does not wait.

    Whoever comes meanwhile is refused at once, to avoid a deadlock (sqlite3_busy_handler(3)).
    """
    last = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, when another
    # wrote in between (SQLITE_BUSY_SNAPSHOT): those that will write take the lock at their begin.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    if _writes(connection):
        # One message for all of it. Local to the transaction: a pooler between us and the server
        # may give the next one another connection.
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {int(_BUSY_SECONDS * 1000)};"
            f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_SECONDS * 1000};"
            # A site's default may be less: what is acknowledged is on the disk.
            "SET LOCAL synchronous_commit = on;"
            f"SELECT pg_advisory_xact_lock({_WRITERS})"
        )


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes", False))


def _name(url: URL) -> str:
    return f"The classroom's database {url.render_as_string(hide_password=True)}"


def _reason(error: DBAPIError) -> str:
    """PostgreSQL's own words, on one line."""
    return " ".join(str(error.orig).split()) + ". docs/operators.md says how to make it."
