"""SQLite for a hub that starts a whole class: a commit that waits for no disk.

JupyterHub commits some twenty times for each session that starts, in the loop that answers all
pages. SQLite's own default waits for the disk twice in each of them. With a write-ahead log
(https://sqlite.org/wal.html) in its ``NORMAL`` mode it waits once in a thousand pages. A process
that is killed loses nothing then. A machine that loses its power may lose the last seconds: the
sessions that were started in them are jobs without a session to a hub that starts again, which ends
them (``ClusterSpawner.orphan_grace``).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from jupyterhub import orm
from sqlalchemy import Engine, event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, lazyload


class Connection(sqlite3.Connection):
    """A connection to a database with a write-ahead log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")


# For c.JupyterHub.db_kwargs. The hub sets the first one itself where nothing is said.
SQLITE = {"connect_args": {"check_same_thread": False, "factory": Connection}}


USERS = orm.User.__table__
_LATER = [
    lazyload(getattr(orm.User, each.key))
    for each in inspect(orm.User).relationships
    if each.lazy == "selectin"
]
_ONE_USER = frozenset(["cookie_id", "name"])


def _one_user(state: ORMExecuteState) -> None:
    """Ask for one user, by cookie or by name, without asking for his roles, groups and shares.

    JupyterHub does that for each request, and SQLAlchemy asks for the three of them each time anew,
    although the hub has them. Who is not known yet has them asked for when they are needed.
    """
    if not state.is_select or state.is_relationship_load or state.is_column_load:
        return
    where = getattr(state.statement, "whereclause", None)
    column: Any = getattr(where, "left", None)
    if getattr(column, "table", None) is USERS and column.name in _ONE_USER:
        state.statement = state.statement.options(*_LATER)


_register_ping = orm.register_ping_connection


def _ping(engine: Engine) -> None:
    """JupyterHub asks before each transaction whether the database is still there. A file is."""
    if engine.dialect.name != "sqlite":
        _register_ping(engine)


def install() -> None:
    """Ask the hub's database less: one question for a request of a person, not five. Idempotent."""
    orm.register_ping_connection = _ping
    if not event.contains(Session, "do_orm_execute", _one_user):
        event.listen(Session, "do_orm_execute", _one_user)
