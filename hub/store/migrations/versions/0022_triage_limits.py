"""What is late in triage is found by an index of its own: plans of danger that are due (R58).

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
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX warning_plan_due_idx")
