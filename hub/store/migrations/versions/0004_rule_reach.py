"""How far back each rule has judged, so that what came past it can be put before it.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rule_reach (
            rule_id TEXT NOT NULL,
            rule_version TEXT NOT NULL,
            absent BOOLEAN DEFAULT false NOT NULL,
            missed_since TIMESTAMP WITH TIME ZONE,
            missed_until TIMESTAMP WITH TIME ZONE,
            why TEXT,
            CONSTRAINT rule_reach_pkey PRIMARY KEY (rule_id)
        )
        """
    )
    op.execute(
        "COMMENT ON TABLE rule_reach IS 'in which span of time demands were judged without a rule, or by another version of it'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE rule_reach")
