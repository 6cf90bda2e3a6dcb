"""Demands that came by another route as well.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    """
    CREATE TABLE demand_link (
        demand_id TEXT COLLATE "C" NOT NULL,
        same_as TEXT COLLATE "C" NOT NULL,
        why TEXT NOT NULL,
        linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT demand_link_pkey PRIMARY KEY (demand_id)
    )
    """,
    """
    CREATE INDEX demand_link_same_as_idx ON demand_link (same_as)
    """,
    """
    COMMENT ON TABLE demand_link IS 'demands that came by another route as well: rules count the one that they are the same as'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    op.execute("CREATE INDEX demand_assigned_idx ON demand (assigned_no) WHERE assigned_no IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX demand_assigned_idx")
    op.execute("DROP TABLE demand_link")
