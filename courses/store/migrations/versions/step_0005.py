"""Deadlines of persons and groups; what late work costs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime()


def upgrade() -> None:
    # Late work of assignments that are there is taken or refused, as it was.
    with op.batch_alter_table("assignments") as assignments:
        assignments.add_column(
            sa.Column("penalty_per_day", sa.Double(), nullable=False, server_default="0")
        )
        assignments.add_column(
            sa.Column("grace_minutes", sa.Integer(), nullable=False, server_default="0")
        )
    op.create_table(
        "course_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_course_groups"),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name="fk_course_groups_course_id"),
        sa.UniqueConstraint("course_id", "name", name="uq_course_groups_course_id_name"),
    )
    op.create_table(
        "group_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_group_members"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["course_groups.id"], name="fk_group_members_group_id"
        ),
        sa.UniqueConstraint("group_id", "user", name="uq_group_members_group_id_user"),
    )
    op.create_index("ix_group_members_user", "group_members", ["user"])
    op.create_table(
        "extensions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(255), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("given_by", sa.String(255), nullable=False),
        sa.Column("given", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_extensions"),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name="fk_extensions_assignment_id"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["course_groups.id"], name="fk_extensions_group_id"),
        sa.UniqueConstraint("assignment_id", "user", name="uq_extensions_assignment_id_user"),
        sa.UniqueConstraint(
            "assignment_id", "group_id", name="uq_extensions_assignment_id_group_id"
        ),
        sa.CheckConstraint('("user" IS NULL) <> (group_id IS NULL)', name="ck_extensions_whom"),
    )
