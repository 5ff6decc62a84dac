"""Complaints that are about a task."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("complaints") as complaints:
        complaints.add_column(sa.Column("task", sa.String(300), nullable=False, server_default=""))
