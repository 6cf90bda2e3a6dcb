"""What was answered to each push: kept in the transaction that lands its records, asked when the same push comes again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Table, select, text
from sqlalchemy.dialects.postgresql import JSONB

from hub.store.tables import Moment, metadata

push_receipt = Table(
    "push_receipt",
    metadata,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("body_digest", LargeBinary, nullable=False),
    Column("run_id", BigInteger),
    Column("answer", JSONB, nullable=False),
    Column("received_at", Moment, nullable=False),
    Index("push_receipt_received_idx", "received_at"),
    comment="what was answered to each push, by the SHA-256 of its idempotency key; kept for some days",
)

# Each push takes out more than it brings in, so that the table stays as small as its keeping asks.
_FORGOTTEN_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """An earlier push under the same key."""

    body_digest: bytes
    answer: dict[str, Any]


def take_stream(connection: Connection, stream_id: int, *, wait_s: float) -> None:
    """Takes the stream's row until the transaction ends, or gives up: one source's page holds it no longer than that.

    Raises:
        StoreUnavailable: Somebody else held it for ``wait_s`` seconds (code ``stream_busy``); raised by `Store.begin`.
    """
    connection.execute(
        text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{int(wait_s * 1000)}ms"}
    )
    connection.execute(
        text("SELECT 1 FROM stream_state WHERE stream_id = :stream FOR UPDATE"), {"stream": stream_id}
    )
    connection.execute(text("SELECT set_config('lock_timeout', '0', true)"))


def find_receipt(connection: Connection, stream_id: int, key_digest: bytes) -> Receipt | None:
    """What was answered under that key; the caller holds the stream's row, so that nobody else is at the same push."""
    row = connection.execute(
        select(push_receipt.c.body_digest, push_receipt.c.answer).where(
            push_receipt.c.stream_id == stream_id, push_receipt.c.key_digest == key_digest
        )
    ).one_or_none()
    return Receipt(row.body_digest, row.answer) if row is not None else None


def keep_receipt(
    connection: Connection,
    stream_id: int,
    key_digest: bytes,
    body_digest: bytes,
    run_id: int | None,
    answer: dict[str, Any],
    now: datetime,
) -> None:
    """Keeps the answer beside what it speaks of, in one transaction with it."""
    connection.execute(
        push_receipt.insert().values(
            stream_id=stream_id,
            key_digest=key_digest,
            body_digest=body_digest,
            run_id=run_id,
            answer=answer,
            received_at=now,
        )
    )


def forget_receipts(connection: Connection, before: datetime) -> None:
    """Takes out some of what was answered before that moment."""
    connection.execute(
        text(
            "DELETE FROM push_receipt WHERE (stream_id, key_digest) IN (SELECT stream_id, key_digest FROM push_receipt "
            "WHERE received_at < :before ORDER BY received_at LIMIT :some FOR UPDATE SKIP LOCKED)"
        ),
        {"before": before, "some": _FORGOTTEN_AT_ONCE},
    )
