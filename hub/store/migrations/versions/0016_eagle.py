"""Looks into cases, ratings, findings and monitor events by what they are about: rules about cases ask for them.

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CASE_AT = "coalesce(applied_at, accepted_at, clock_started_at, as_of, updated_at)"

# Written out in full and never edited after a release: later tables come with later revisions.
# Rules' keys compare in the collation "C": an index of another collation is read from end to end. No table is rewritten.
COLLATED = {
    "case_part": ("item_code", "window_no", "organisation_code", "organisation"),
    "service_case": ("item_code", "window_no", "organisation_code", "organisation"),
    "rating": ("item_code", "window_no", "device_no", "organisation_code", "organisation"),
    "inspection": ("item_code", "window_no"),
    "finding": ("item_code", "window_no", "organisation"),
    "monitor_event": ("item_code", "window_no", "organisation_code", "organisation"),
}
INDEXES = {
    "service_case_no_idx": "service_case (case_no)",
    "service_case_organisation_idx": f"service_case ((coalesce(organisation_code, organisation)), ({CASE_AT}))",
    "rating_item_idx": "rating (item_code, rated_at) WHERE item_code IS NOT NULL",
    "rating_device_idx": "rating (device_no, rated_at) WHERE device_no IS NOT NULL",
    "finding_window_idx": "finding (window_no, found_at) WHERE window_no IS NOT NULL",
    "finding_item_idx": "finding (item_code, found_at) WHERE item_code IS NOT NULL",
    "monitor_event_window_idx": "monitor_event (window_no, occurred_at) WHERE window_no IS NOT NULL",
    "monitor_event_item_idx": "monitor_event (item_code, occurred_at) WHERE item_code IS NOT NULL",
}


def upgrade() -> None:
    _collate("C")
    for name, on in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {on}")


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    _collate("default")


def _collate(collation: str) -> None:
    for table, columns in COLLATED.items():
        changes = ", ".join(f'ALTER COLUMN {column} TYPE TEXT COLLATE "{collation}"' for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
