"""Settings of rules name who answers for them, and may hold from a later day on.

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    """
    ALTER TABLE rule_params ADD COLUMN owner TEXT, ADD COLUMN taken_up_at TIMESTAMP WITH TIME ZONE
    """,
    """
    UPDATE rule_params SET taken_up_at = valid_from
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE rule_params DROP COLUMN owner, DROP COLUMN taken_up_at")
