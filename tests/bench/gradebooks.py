"""Whether two gradebooks of nbgrader's say the same, row for row, whatever their ids are."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from nbgrader.api import Base

# Whose ids are names and not drawn.
NAMED = {"course", "student"}


def rows(gradebook: Path, people: Collection[str] | None = None) -> Counter[tuple[Any, ...]]:
    """All rows of all tables: the table's name, and each column's name and value.

    In the place of a reference stands the row that it names. With ``people``, rows about other
    students are left out.
    """
    tables = {table.name: table for table in Base.metadata.sorted_tables}
    with closing(sqlite3.connect(f"file:{gradebook}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        there = {
            name: {row["id"]: row for row in connection.execute(f"SELECT * FROM {name}")}
            for name in tables
        }
    described: dict[tuple[str, str], tuple[Any, ...]] = {}

    def describe(name: str, id_: str) -> tuple[Any, ...]:
        if (name, id_) not in described:
            parts: list[Any] = [name]
            for column in tables[name].columns:
                value = there[name][id_][column.name]
                for key in column.foreign_keys:
                    # nbgrader's own course is in no row where the configuration names none.
                    if value in there[key.column.table.name]:
                        value = describe(key.column.table.name, value)
                if column.name != "id" or column.foreign_keys or name in NAMED:
                    parts.append((column.name, value))
            described[name, id_] = tuple(parts)
        return described[name, id_]

    found = [describe(name, id_) for name in tables for id_ in there[name]]
    if people is not None:
        students = {id_: describe("student", id_) for id_ in there["student"]}
        others = {row for id_, row in students.items() if id_ not in people}
        found = [row for row in found if not _mentions(row, others)]
    return Counter(found)


def differences(one: Path, other: Path, people: Collection[str] | None = None) -> list[str]:
    """What is in one of two gradebooks only, a few words each; empty when they are equal."""
    left, right = rows(one, people), rows(other, people)
    return sorted(
        [f"- {row}" for row in (left - right).elements()]
        + [f"+ {row}" for row in (right - left).elements()]
    )


def _mentions(row: tuple[Any, ...], others: Collection[tuple[Any, ...]]) -> bool:
    return row in others or any(
        _mentions(value, others) for __, value in row[1:] if isinstance(value, tuple)
    )
