"""Points of each task."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Feedback that is out already tells of no tasks until it is released again.
    with op.batch_alter_table("feedback") as feedback:
        feedback.add_column(sa.Column("tasks", sa.JSON(), nullable=True))
