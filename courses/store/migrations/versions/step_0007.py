"""The audit says what was before and after; announcements and complaints."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime()


def upgrade() -> None:
    with op.batch_alter_table("audit") as audit:
        audit.add_column(sa.Column("subject", sa.String(255), nullable=True))
        audit.add_column(sa.Column("before", sa.JSON(), nullable=True))
        audit.add_column(sa.Column("after", sa.JSON(), nullable=True))
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
    # What was noted before says in its details whom it is about; who hands in or fetches does so
    # for oneself.
    rows = sa.table(
        "audit", sa.column("subject"), sa.column("actor"), sa.column("action"),
        sa.column("detail", sa.JSON()),
    )  # fmt: skip
    op.execute(rows.update().values(subject=rows.c.detail["user"].as_string()))
    own = rows.c.action.in_(["submit", "fetch"])
    op.execute(rows.update().where(own).values(subject=rows.c.actor))
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("written", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name="fk_announcements_course_id"),
    )
    op.create_index("ix_announcements_course_id", "announcements", ["course_id"])
    op.create_table(
        "complaints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.String(16), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("opened", MOMENT, nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_by", sa.String(255), nullable=True),
        sa.Column("closed", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_complaints"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_complaints_submission_id"
        ),
    )
    op.create_index("ix_complaints_submission_id", "complaints", ["submission_id"])
    op.create_index("ix_complaints_user", "complaints", ["user"])
