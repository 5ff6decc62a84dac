"""The tables' history, one step a file in ``versions/``, run by `courses.store.Store.open`.

A new step: change the tables, then
``alembic -c courses/store/migrations/alembic.ini revision --autogenerate -m "what changed"``,
and set `HEAD`. A test compares the tables that the steps make with those that the classes declare.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The newest step. Here as a constant, so that a process that has nothing to do does not import
# alembic to find that out.
HEAD = "0013"


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the missing steps inside the transaction that the connection is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
