"""Courses have hours with a reservation or a QOS."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Courses that are there have none.
    with op.batch_alter_table("courses") as courses:
        courses.add_column(sa.Column("classes", sa.JSON(), nullable=False, server_default="[]"))
