"""Grading: its runs, what came of each submission, and what the visible tests say."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime()


def upgrade() -> None:
    op.create_table(
        "grading_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("everybody", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("asked", MOMENT, nullable=False),
        sa.Column("ended", MOMENT, nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grading_runs"),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name="fk_grading_runs_assignment_id"
        ),
    )
    op.create_index("ix_grading_runs_assignment_id", "grading_runs", ["assignment_id"])
    op.create_table(
        "grading_outcomes",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("submission_id", sa.String(16), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("max_score", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("assignment_id", "user", name="pk_grading_outcomes"),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name="fk_grading_outcomes_assignment_id"
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_grading_outcomes_submission_id"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["grading_runs.id"], name="fk_grading_outcomes_run_id"),
    )
    op.create_table(
        "grading_checks",
        sa.Column("submission_id", sa.String(16), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("tests", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", name="pk_grading_checks"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_grading_checks_submission_id"
        ),
    )
