"""Where a course was brought in from, and at which revision."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("courses") as courses:
        courses.add_column(sa.Column("folder", sa.String(), nullable=False, server_default=""))
        courses.add_column(sa.Column("revision", sa.String(41), nullable=False, server_default=""))
