"""What rules count of each demand, in one narrow row; the cells go into it.

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE demand_outline (
        demand_id TEXT COLLATE "C" NOT NULL,
        submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        channel TEXT NOT NULL,
        demand_type TEXT NOT NULL,
        status TEXT NOT NULL,
        urgency SMALLINT NOT NULL,
        reporter_key TEXT COLLATE "C",
        declared_group_size INTEGER,
        chases_open_order BOOLEAN NOT NULL,
        category TEXT,
        place_id TEXT COLLATE "C",
        item_code TEXT,
        item_name TEXT,
        target_org TEXT,
        matter_id TEXT COLLATE "C",
        cell TEXT COLLATE "C",
        counts BOOLEAN NOT NULL,
        CONSTRAINT demand_outline_pkey PRIMARY KEY (demand_id)
    )
    """,
    "COMMENT ON TABLE demand_outline IS 'what rules count of each demand, in one narrow row, as it was when it was last judged'",
    """
    INSERT INTO demand_outline
    SELECT d.demand_id, d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key,
        d.declared_group_size, d.chases_open_order, coalesce(c.l2, d.category), d.place_id, d.item_code, d.item_name, d.target_org,
        m.matter_id, CASE WHEN coalesce(c.l2, d.category) <> '' THEN d.place_id || '|' || coalesce(c.l2, d.category) END,
        NOT d.deleted AND d.status <> 'void' AND l.demand_id IS NULL
    FROM demand d LEFT JOIN demand_category c USING (demand_id) LEFT JOIN matter_member m USING (demand_id)
    LEFT JOIN demand_link l USING (demand_id)
    ORDER BY d.demand_id
    """,
    "CREATE INDEX demand_outline_matter_idx ON demand_outline (matter_id, submitted_at) WHERE counts",
    """
    CREATE INDEX demand_outline_cell_idx ON demand_outline (cell, submitted_at) INCLUDE (declared_group_size)
    WHERE counts AND cell IS NOT NULL
    """,
    """
    CREATE INDEX demand_outline_reporter_idx ON demand_outline (reporter_key, submitted_at)
    WHERE counts AND reporter_key IS NOT NULL
    """,
    "DROP TABLE demand_cell",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        """
        CREATE TABLE demand_cell (
            demand_id TEXT COLLATE "C" NOT NULL,
            cell TEXT COLLATE "C" NOT NULL,
            submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
            heads INTEGER NOT NULL,
            CONSTRAINT demand_cell_pkey PRIMARY KEY (demand_id)
        )
        """
    )
    op.execute(
        "INSERT INTO demand_cell SELECT demand_id, cell, submitted_at, coalesce(declared_group_size, 1) FROM demand_outline "
        "WHERE cell IS NOT NULL"
    )
    op.execute("CREATE INDEX demand_cell_cell_idx ON demand_cell (cell, submitted_at) INCLUDE (heads)")
    op.execute("DROP TABLE demand_outline")
