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

# What stands was judged by the versions that its signals name; of rules without a signal nothing is known.
SEED = """
INSERT INTO rule_reach (rule_id, rule_version, why)
SELECT DISTINCT ON (rule_id) rule_id, rule_version, 'seeded' FROM signal ORDER BY rule_id, last_seen_at DESC, signal_id DESC
"""


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
    op.execute(SEED)


def downgrade() -> None:
    op.execute("DROP TABLE rule_reach")
