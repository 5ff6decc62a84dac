"""All rows of a database as lines of text, and back; the same text from SQLite and PostgreSQL.

A table is one line, ``{"table": …, "columns": […]}``, and a line for each row: its values in that
order. Tables come after those that they point to, rows in the order of their keys. A moment is
ISO 8601 in UTC; a column of JSON is the text that the database holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    select,
    type_coerce,
)

from courses.errors import BackupDamaged

_VERSION_TABLE = "alembic_version"
_AT_ONCE = 500


def tables(connection: Connection) -> list[Table]:
    """Our tables as they are, those that others point to first.

    Not as they are declared: a backup may be of an older step.
    """
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _VERSION_TABLE]


def lines(connection: Connection) -> Iterator[str]:
    """The rows of one transaction, which should see one state."""
    for table in tables(connection):
        columns = sorted(table.columns, key=lambda column: column.name)
        yield _line({"table": table.name, "columns": [column.name for column in columns]})
        query = select(*(_as_text(column) for column in columns))
        query = query.order_by(*(_in_bytes(connection, key) for key in table.primary_key))
        for row in connection.execute(query, execution_options={"yield_per": _AT_ONCE}):
            yield _line([_plain(value) for value in row])


def load(connection: Connection, text: Iterable[str]) -> int:
    """Fill empty tables of the same step; return the number of rows. Raises `BackupDamaged`."""
    there = {table.name: table for table in tables(connection)}
    total, waiting = 0, list[dict[str, Any]]()
    table, columns = None, list[Column[Any]]()

    def flush() -> None:
        if table is not None and waiting:
            connection.execute(_insert(connection, table, columns), waiting)
            waiting.clear()

    for line in text:
        found = json.loads(line)
        if isinstance(found, dict):
            flush()
            table = there.pop(found["table"], None)
            if table is None or {c.name for c in table.columns} != set(found["columns"]):
                raise BackupDamaged(f"The backup's table {found['table']} is none of its step.")
            columns = [table.columns[name] for name in found["columns"]]
        else:
            waiting.append(
                {f"_{c.name}": _value(c, v) for c, v in zip(columns, found, strict=True)}
            )
            total += 1
            if len(waiting) == _AT_ONCE:
                flush()
    flush()
    if there:
        raise BackupDamaged(f"The backup lacks the table {min(there)}.")
    if connection.dialect.name == "postgresql":
        _count_on(connection)
    return total


def _count_on(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that came with their numbers."""
    for table in tables(connection):
        for column in table.primary_key:
            if isinstance(column.type, Integer) and not column.foreign_keys:
                sequence = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
                last = select(func.max(column)).scalar_subquery()
                connection.execute(select(func.setval(sequence, func.coalesce(last, 1), last > 0)))


def _as_text(column: Column[Any]) -> Any:
    # What the database holds, not what Python makes of it: null in JSON is not NULL.
    return cast(column, Text) if isinstance(column.type, JSON) else column


def _in_bytes(connection: Connection, column: Column[Any]) -> Any:
    """An order that is the same in all databases, whatever the language of this one."""
    if connection.dialect.name == "postgresql" and isinstance(column.type, String):
        return column.collate("C")
    return column


def _insert(connection: Connection, table: Table, columns: list[Column[Any]]) -> Any:
    values: dict[str, Any] = {}
    for column in columns:
        given: Any = bindparam(f"_{column.name}", type_=column.type)
        if isinstance(column.type, JSON):
            given = bindparam(f"_{column.name}", type_=Text)
            if connection.dialect.name == "postgresql":
                given = cast(given, JSON)
            else:
                given = type_coerce(given, Text)
        values[column.name] = given
    return insert(table).values(values)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a backup cannot hold a {type(value).__name__}")


def _value(column: Column[Any], value: Any) -> object:
    if isinstance(column.type, DateTime) and value is not None:
        return datetime.fromisoformat(value)
    return value
