"""A PostgreSQL server of the tests' own: a throw-away folder, one socket, no network."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

# Debian keeps each version's programs beside each other, and not in PATH.
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
# initdb and postgres refuse root; one of these accounts is there on every Debian.
ACCOUNTS = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "",
    # Nothing outlives the tests, so nothing has to reach the disk.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
}


def missing() -> str:
    """What is needed and not there, as a sentence; empty when all is."""
    if not PROGRAMS:
        return "PostgreSQL is not installed; install the package postgresql."
    return ""


class PostgresServer:
    """A server that can be stopped, killed and started again; it is empty at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()
        # Only root can and must become somebody else.
        self._account: Mapping[str, Any] = {}
        if os.geteuid() == 0:
            entry = _account()
            self._account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self.own(folder)
        self._run(
            "initdb", "--pgdata", self._data, "--username=lesesal", "--auth=trust", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        settings = SETTINGS | {"unix_socket_directories": str(folder)}
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        """Start it; it answers when this returns."""
        log = self.folder / "log"
        try:
            self._run("pg_ctl", "--pgdata", self._data, "--log", log, "--wait", "start")
        except RuntimeError as error:
            error.add_note(log.read_text()[-2000:])
            raise

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends all connections in order, ``immediate`` as a crash does."""
        self._run("pg_ctl", "--pgdata", self._data, "--mode", mode, "--wait", "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://lesesal@/{database}?host={self.folder}"

    def own(self, folder: Path) -> None:
        """Make a folder the server's."""
        if self._account:
            os.chown(folder, self._account["user"], self._account["group"])

    def new(self, template: str = "template0", tablespace: str = "pg_default") -> str:
        """A new database, a copy of another that nobody is connected to; return its name."""
        name = f"db{next(self._numbers)}"
        # Copying files writes no log of them; some milliseconds for what an empty store is.
        self.run(
            f"CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {tablespace} STRATEGY FILE_COPY"
        )
        return name

    def drop(self, database: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's superuser, outside a transaction."""
        with self.connect(database) as connection:
            connection.execute(statement)

    def connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.folder), dbname=database, user="lesesal", autocommit=True
        )

    def _run(self, program: str, *arguments: str | Path) -> None:
        argv: Sequence[str | Path] = [PROGRAMS[-1].parent / program, *arguments]
        with tempfile.TemporaryFile() as output:
            # Not a pipe: the server would inherit it, and the reader never see its end.
            done = subprocess.run(
                argv, stdout=output, stderr=output, check=False, cwd="/", **self._account
            )
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read().decode()}")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; it and its folder are gone afterwards."""
    # Not below pytest's folder: others may not enter that, and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="lesesal-postgres-"))
    try:
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _account() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in ACCOUNTS if name in known)
