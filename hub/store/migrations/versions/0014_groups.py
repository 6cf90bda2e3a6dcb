"""Where the rules look for groups: one trouble at one place, and what a window could not do.

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE demand_cell (
        demand_id TEXT COLLATE "C" NOT NULL,
        cell TEXT COLLATE "C" NOT NULL,
        submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        heads INTEGER NOT NULL,
        CONSTRAINT demand_cell_pkey PRIMARY KEY (demand_id)
    )
    """,
    """
    COMMENT ON TABLE demand_cell IS 'place and category of each demand that has both, as one key: where the rules look for one trouble at one place'
    """,
    """
    INSERT INTO demand_cell (demand_id, cell, submitted_at, heads)
    SELECT d.demand_id, d.place_id || '|' || coalesce(c.l2, d.category), d.submitted_at, coalesce(d.declared_group_size, 1)
    FROM demand d LEFT JOIN demand_category c ON c.demand_id = d.demand_id
    WHERE d.place_id IS NOT NULL AND coalesce(c.l2, d.category) <> ''
    """,
    "CREATE INDEX demand_cell_cell_idx ON demand_cell (cell, submitted_at) INCLUDE (heads)",
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
    op.execute("DROP TABLE demand_cell")
    for name in ("demand_unresolved_item_idx", "demand_unresolved_org_idx"):
        op.execute(f"DROP INDEX {name}")
