"""Courses that name datasets."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("courses") as courses:
        courses.add_column(sa.Column("datasets", sa.JSON(), nullable=False, server_default="[]"))
