"""What a database can fail with, as the sentences of `courses.errors`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from courses.errors import Busy, CourseError, Malformed, NoSpace, Unavailable
from courses.language import gettext as _

# PostgreSQL's codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DISK_FULL = "53100"
_LOCKED = ("55P03", "40001", "40P01")
_NO_TABLE = "42P01"


@contextmanager
def sentences() -> Iterator[None]:
    """Raise what people can act on instead of SQLAlchemy's errors; others pass.

    `NoSpace`; `Busy`, when a lock or a connection did not become free in time; `Malformed`, when a
    value does not fit; `Unavailable`, when the database went away. After `Unavailable` it is not
    known whether a transaction that was being committed is there.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise Busy from error
    except UnicodeEncodeError as error:  # half of a character, which JSON can spell
        raise _does_not_fit() from error
    except DBAPIError as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise sentence from error


def is_without_tables(error: DBAPIError) -> bool:
    """Whether the database is one in which nobody has made our tables."""
    if _postgres_code(error):
        return _postgres_code(error) == _NO_TABLE
    return "no such table" in str(error.orig)


def _sentence(error: DBAPIError) -> CourseError | None:
    sqlite = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite is not None:
        return _sqlite_sentence(sqlite & 0xFF)
    code = _postgres_code(error)
    if code == _DISK_FULL:
        return NoSpace()
    if code in _LOCKED:
        return Busy()
    if isinstance(error, DataError):
        return _does_not_fit()
    # Lost, refused, shutting down, starting up, no connection left, no such database: what a
    # person who waits sees of them is the same.
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(
            _("The classroom's database does not answer just now. Wait a moment and try again.")
        )
    return None


def _does_not_fit() -> Malformed:
    return Malformed(
        _("Something in the request is too long, or has characters that cannot be stored.")
    )


def _sqlite_sentence(code: int) -> CourseError | None:
    if code == sqlite3.SQLITE_FULL:
        return NoSpace()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy()
    return None


def _postgres_code(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
