"""Plans of danger that are due (R58) have an index of their own; a signal says since when its provisional limit has proved wrong.

States, levels and the record of triage hold what the code lists and the tables beside them know, and nothing else.

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
    "ALTER TABLE signal ADD COLUMN lapsed_at TIMESTAMP WITH TIME ZONE",
    "CREATE INDEX signal_lapsed_idx ON signal (signal_id) WHERE lapsed_at IS NOT NULL AND state = 'warned'",
    "ALTER TABLE signal ADD CONSTRAINT signal_state_check CHECK (state IN ('open', 'warned', 'dismissed', 'merged')), "
    "ADD CONSTRAINT signal_level_check CHECK (level BETWEEN 1 AND 3)",
    "ALTER TABLE warning ADD CONSTRAINT warning_state_check CHECK (state IN ('issued', 'revoked', 'closed')), "
    "ADD CONSTRAINT warning_level_check CHECK (level BETWEEN 1 AND 3)",
    "ALTER TABLE signal_triage ADD CONSTRAINT signal_triage_signal_id_fkey FOREIGN KEY (signal_id) REFERENCES signal (signal_id), "
    "ADD CONSTRAINT signal_triage_warning_id_fkey FOREIGN KEY (warning_id) REFERENCES warning (warning_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE signal_triage DROP CONSTRAINT signal_triage_signal_id_fkey, DROP CONSTRAINT signal_triage_warning_id_fkey"
    )
    op.execute("ALTER TABLE warning DROP CONSTRAINT warning_state_check, DROP CONSTRAINT warning_level_check")
    op.execute(
        "ALTER TABLE signal DROP CONSTRAINT signal_state_check, DROP CONSTRAINT signal_level_check, DROP COLUMN lapsed_at"
    )
    op.execute("DROP INDEX warning_plan_due_idx")
