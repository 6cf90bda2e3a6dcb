"""The totals behind the counters, kept: a new process counts only what came after them.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE figure_total (
            name TEXT NOT NULL,
            upto JSONB NOT NULL,
            totals JSONB NOT NULL,
            open JSONB NOT NULL,
            settled_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT figure_total_pkey PRIMARY KEY (name)
        )
        """
    )
    op.execute(
        "COMMENT ON TABLE figure_total IS 'counters over tables that grow: all rows up to an id, counted once (P9)'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE figure_total")
