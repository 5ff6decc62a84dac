"""Join codes, guests, and how somebody came to be enrolled."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime()


def upgrade() -> None:
    op.create_table(
        "join_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("guests_until", MOMENT, nullable=True),
        sa.Column("closed", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_join_codes"),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name="fk_join_codes_course_id"),
        sa.UniqueConstraint("code", name="uq_join_codes_code"),
    )
    op.create_index("ix_join_codes_course_id", "join_codes", ["course_id"])
    op.create_table(
        "guests",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("shown", sa.String(60), nullable=False),
        sa.Column("passphrase", sa.String(200), nullable=False),
        sa.Column("code_id", sa.Integer(), nullable=False),
        sa.Column("made", MOMENT, nullable=False),
        sa.Column("account", sa.String(64), nullable=True),
        sa.Column("closed", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_guests"),
        sa.ForeignKeyConstraint(["code_id"], ["join_codes.id"], name="fk_guests_code_id"),
        sa.UniqueConstraint("account", name="uq_guests_account"),
    )
    op.create_index("ix_guests_code_id", "guests", ["code_id"])
    with op.batch_alter_table("enrolments") as enrolments:
        enrolments.add_column(sa.Column("code_id", sa.Integer(), nullable=True))
        enrolments.create_foreign_key("fk_enrolments_code_id", "join_codes", ["code_id"], ["id"])
