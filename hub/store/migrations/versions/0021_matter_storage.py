"""What the grouping keeps is not compressed: that took a tenth of PostgreSQL's time in it, and the rows are small or soon gone.

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-26

Of what is stored nothing changes: rows of before stay as they are and are read as ever, rows written from now on are stored plain.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    # A frozen text takes 1.5 to 2.5 kB: past 2 kB each was compressed when it was written and unpacked ten times when it was read.
    "ALTER TABLE matter_text SET (toast_tuple_target = 8160)",
    # Counts stand until the next word model takes them away.
    "ALTER TABLE matter_count ALTER COLUMN counts SET STORAGE EXTERNAL",
    "ALTER TABLE matter_model ALTER COLUMN counts SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE matter_text RESET (toast_tuple_target)")
    for table in ("matter_count", "matter_model"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN counts SET STORAGE EXTENDED")
