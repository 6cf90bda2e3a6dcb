"""Where the rules look for groups: one trouble at one place, and what a window could not do.

Revision ID: 0013
Revises: 0016
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0016"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX demand_place_idx ON demand (place_id, submitted_at) WHERE place_id IS NOT NULL",
    """
    CREATE INDEX demand_unresolved_item_idx ON demand (coalesce(item_code, item_name), submitted_at)
    WHERE channel = 'unresolved_window'
    """,
    "CREATE INDEX demand_unresolved_org_idx ON demand (target_org, submitted_at) WHERE channel = 'unresolved_window'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for name in ("demand_place_idx", "demand_unresolved_item_idx", "demand_unresolved_org_idx"):
        op.execute(f"DROP INDEX {name}")
