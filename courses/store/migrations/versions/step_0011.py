"""How an assignment is graded, and what it takes to pass."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("assignments") as assignments:
        assignments.add_column(sa.Column("grading", sa.JSON(), nullable=False, server_default="{}"))
