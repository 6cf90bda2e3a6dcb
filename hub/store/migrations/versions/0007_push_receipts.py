"""What was answered to each push, so that one that comes again is answered again and does nothing.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE push_receipt (
            stream_id INTEGER NOT NULL,
            key_digest BYTEA NOT NULL,
            body_digest BYTEA NOT NULL,
            run_id BIGINT,
            answer JSONB NOT NULL,
            received_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT push_receipt_pkey PRIMARY KEY (stream_id, key_digest)
        )
        """
    )
    op.execute("CREATE INDEX push_receipt_received_idx ON push_receipt (received_at)")
    op.execute(
        "COMMENT ON TABLE push_receipt IS 'what was answered to each push, by the SHA-256 of its idempotency key; kept for some days'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE push_receipt")
