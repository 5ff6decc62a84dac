"""What is handed in is kept file by file; receipts are signed; people choose what is graded."""

import sqlalchemy as sa
from alembic import op

from courses.submissions import PackedFile, content_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime()


def upgrade() -> None:
    with op.batch_alter_table("assignments") as assignments:
        assignments.add_column(
            sa.Column("max_files", sa.Integer(), nullable=False, server_default="2000")
        )
        assignments.add_column(sa.Column("kinds", sa.JSON(), nullable=False, server_default="[]"))
    # What is there has no signed receipt yet: Store.open unpacks and signs it, since this step sees
    # neither archives nor keys.
    with op.batch_alter_table("submissions") as submissions:
        submissions.add_column(
            sa.Column("content", sa.String(64), nullable=False, server_default="")
        )
        submissions.add_column(sa.Column("receipt", sa.Text(), nullable=False, server_default=""))
        submissions.alter_column("sha256", existing_type=sa.String(64), nullable=True)
    rows = sa.table(
        "submissions",
        sa.column("id", sa.String()),
        sa.column("files", sa.JSON()),
        sa.column("content", sa.String()),
        sa.column("bytes", sa.BigInteger()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(rows.c.id, rows.c.files)).all():
        files = [PackedFile(**file) for file in row.files]
        values = {"content": content_of(files), "bytes": sum(file.bytes for file in files)}
        connection.execute(rows.update().where(rows.c.id == row.id).values(values))
    op.create_table(
        "choices",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("submission_id", sa.String(16), nullable=False),
        sa.Column("chosen", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("assignment_id", "user", name="pk_choices"),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name="fk_choices_assignment_id"
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_choices_submission_id"
        ),
    )
