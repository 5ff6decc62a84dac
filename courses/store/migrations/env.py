"""alembic's entry: with the caller's connection, or a throw-away database for ``revision``."""

from alembic import context
from sqlalchemy import Connection

from courses.store.database import connect
from courses.store.migrations import upgrade
from courses.store.migrations.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with connect("sqlite://").begin() as scratch:
        upgrade(scratch)
        run(scratch)
