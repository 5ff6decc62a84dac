"""Courses may name an environment of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Courses that are there run in what the site has for all.
    with op.batch_alter_table("courses") as courses:
        courses.add_column(sa.Column("environment", sa.JSON(), nullable=True))
