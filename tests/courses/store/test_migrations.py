"""The tables' history, run on both databases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from postgres_server import PostgresServer
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    MetaData,
    Numeric,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from courses.errors import SetupError
from courses.store import Store, migrations, submissions
from courses.store.courses import all_courses
from courses.store.database import connect, migrate, reading, sqlite_url, version
from courses.store.migrations.tables import metadata

# What a column may hold, where any value of its type won't do.
CONTENT = {
    ("courses", "offers"): ["cpu-small"],
    ("courses", "timezone"): "Europe/Oslo",
    ("courses", "classes"): [],
    ("courses", "datasets"): [],
    ("courses", "environment"): None,
    ("assignments", "late"): "refuse",
    ("assignments", "grading"): {},
    ("enrolments", "role"): "student",
    ("submissions", "files"): [{"path": "a.ipynb", "bytes": 2, "sha256": "f" * 64}],
    ("submissions", "bytes"): 2,
    ("audit", "action"): "submit",
    ("extensions", "user"): None,
}
# What a step gives to rows that had none.
GIVEN = {("audit", "subject")}


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return found


STEPS = [each.revision for each in ScriptDirectory.from_config(config()).walk_revisions()][::-1]


def test_migrations_from_nothing_give_the_declared_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.tables.values():
            names = {each["name"] for each in found.get_unique_constraints(table.name)}
            assert names >= {
                str(each.name)
                for each in table.constraints
                if type(each).__name__ == "UniqueConstraint"
            }


def test_the_newest_step_is_the_one_that_is_named() -> None:
    assert STEPS[-1] == migrations.HEAD


@pytest.fixture
def bare_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    if database == "sqlite":
        return sqlite_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(server.new())


def test_rows_of_each_step_come_through_the_later_ones(
    bare_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old classroom is brought up to date step by step, with rows from before each."""
    engine = connect(bare_url)
    kept: dict[str, list[dict[str, Any]]] = {}
    for number, step in enumerate(STEPS, start=1):
        monkeypatch.setattr(migrations, "HEAD", step)
        monkeypatch.setattr(migrations, "upgrade", upgrade)
        migrate(engine)
        with engine.begin() as connection:
            assert version(connection) == step
            check(connection, kept)
            fill(connection, number, kept)
    monkeypatch.undo()
    with reading(engine) as session:
        found = all_courses(session)
        assert [each.title for each in found] == [f"title {n:02}" for n in range(1, len(STEPS) + 1)]
        assert submissions.of_course(session, found[0].slug)[0].receipt.user == "user 01"
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("DELETE FROM courses"))
    engine.dispose()


def upgrade(connection: Connection) -> None:
    """As `migrations.upgrade`, to an older step."""
    found = config()
    found.attributes["connection"] = connection
    command.upgrade(found, migrations.HEAD)


def fill(connection: Connection, number: int, kept: dict[str, list[dict[str, Any]]]) -> None:
    """A row in each table, which points to the others."""
    made: dict[str, dict[str, Any]] = {}
    for table in _tables(connection):
        values = {
            column.name: _value(table, column, number, made)
            for column in table.columns
            if not (column.primary_key and column.autoincrement and not column.foreign_keys)
            or isinstance(column.type, String)
        }
        done = connection.execute(table.insert().values(values).returning(*table.columns))
        made[table.name] = dict(done.mappings().one())
        kept.setdefault(table.name, []).append(made[table.name])


def check(connection: Connection, kept: dict[str, list[dict[str, Any]]]) -> None:
    """All rows are there, with what they held."""
    tables = {table.name: table for table in _tables(connection)}
    for name, rows in kept.items():
        table = tables[name]
        key = list(table.primary_key.columns)
        for row in rows:
            query = select(table).where(*(column == row[column.name] for column in key))
            now = connection.execute(query).mappings().one()
            still = {column for column in row if (name, column) not in GIVEN and column in now}
            assert {column: now[column] for column in still} == {
                column: row[column] for column in still
            }


def _tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _value(table: Table, column: Any, number: int, made: dict[str, dict[str, Any]]) -> Any:
    if (table.name, column.name) in CONTENT:
        return CONTENT[table.name, column.name]
    for key in column.foreign_keys:
        there = key.column.table.name in made
        return made[key.column.table.name][key.column.name] if there else None
    if isinstance(column.type, JSON):
        return {"a": [number, None, "é"]}
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, DateTime):
        return datetime(2026, 1, 1, 12, 0, number, 123456)  # noqa: DTZ001  as it is stored
    if isinstance(column.type, String):
        return f"{column.name} {number:02}"[: column.type.length]
    return number + 0.5 if isinstance(column.type, Numeric) else number


def test_a_classroom_of_a_newer_version_is_left_alone(store: Store, tmp_path: Path) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SetupError, match=r"was used by a newer version of Lesesal \(step 9999; "):
        Store.open(store.engine.url.render_as_string(), tmp_path / "blobs")
