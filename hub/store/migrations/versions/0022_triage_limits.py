"""Plans of danger that are due (R58) have an index of their own; a signal says since when its provisional limit has proved wrong.

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    "CREATE INDEX warning_plan_due_idx ON warning (plan_due_at) WHERE plan_due_at IS NOT NULL AND state = 'issued'",
    "ALTER TABLE signal ADD COLUMN lapsed_at TIMESTAMP WITH TIME ZONE",
    "CREATE INDEX signal_lapsed_idx ON signal (signal_id) WHERE lapsed_at IS NOT NULL AND state = 'warned'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE signal DROP COLUMN lapsed_at")
    op.execute("DROP INDEX warning_plan_due_idx")
