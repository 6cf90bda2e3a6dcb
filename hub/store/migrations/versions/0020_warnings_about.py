"""Whom and what a warning is about stands in its row: rules that count warnings find them by an index, however many there are.

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    """
    ALTER TABLE warning
        ADD COLUMN organisation TEXT COLLATE "C",
        ADD COLUMN item_code TEXT COLLATE "C",
        ADD COLUMN window_no TEXT COLLATE "C",
        ADD COLUMN post TEXT COLLATE "C"
    """,
    """
    UPDATE warning w SET organisation = f.organisation, item_code = f.item_code, window_no = f.window_no, post = f.post
    FROM (
        SELECT x.warning_id, coalesce(o.organisation, t.organisation) AS organisation,
            coalesce(c.item_code, d.item_code) AS item_code, c.window_no, c.post
        FROM warning x JOIN signal s USING (signal_id)
        LEFT JOIN LATERAL (SELECT organisation FROM orders WHERE origin = 'warning' AND origin_id = x.warning_id
            ORDER BY order_id DESC LIMIT 1) o ON true
        LEFT JOIN LATERAL (SELECT organisation FROM telling WHERE warning_id = x.warning_id AND message_id IS NOT NULL
            ORDER BY telling_id DESC LIMIT 1) t ON true
        LEFT JOIN service_case c ON c.case_id = substr(s.observed[1], 6) AND s.observed[1] LIKE 'case:%'
        LEFT JOIN demand d ON d.demand_id = s.demand_ids[1]
    ) f WHERE f.warning_id = w.warning_id
    """,
    # The gravest is dispatched first.
    "DROP INDEX warning_undispatched_idx",
    "CREATE INDEX warning_undispatched_idx ON warning (level DESC, warning_id) WHERE dispatched_at IS NULL",
    "CREATE INDEX warning_organisation_idx ON warning (organisation, issued_at) WHERE organisation IS NOT NULL",
    "CREATE INDEX warning_item_idx ON warning (item_code, issued_at) WHERE item_code IS NOT NULL",
    "CREATE INDEX warning_window_idx ON warning (window_no, issued_at) WHERE window_no IS NOT NULL",
    "CREATE INDEX warning_post_idx ON warning (post, issued_at) WHERE post IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX warning_undispatched_idx")
    op.execute("CREATE INDEX warning_undispatched_idx ON warning (warning_id) WHERE dispatched_at IS NULL")
    op.execute(
        "ALTER TABLE warning DROP COLUMN organisation, DROP COLUMN item_code, DROP COLUMN window_no, DROP COLUMN post"
    )
