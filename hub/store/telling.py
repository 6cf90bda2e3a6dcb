"""The notification log: what each organisation was told of each warning, and which warnings may have news.

``tell_work`` holds rows of work, claimed with SKIP LOCKED and deleted with the work (design decision 6).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)

from hub.model.telling import Told
from hub.store.tables import Id, metadata

telling = Table(
    "telling",
    metadata,
    Column("telling_id", BigInteger, Identity(), primary_key=True),
    Column("warning_id", Id, ForeignKey("warning.warning_id"), nullable=False),
    Column("organisation", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("evidence", ARRAY(Id), nullable=False),
    Column("message_id", Id),
    Index("telling_warning_idx", "warning_id", "telling_id"),
    comment="what each organisation was told of each warning, message by message: telling again is decided against the last",
)

tell_work = Table(
    "tell_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    # No foreign key: it would lock the warning's row for whoever judges one of its signals, out of the order of warnings that all take.
    Column("warning_id", Id, nullable=False),
    Column("not_before", DateTime(timezone=True), nullable=False),
    Index("tell_work_due_idx", "not_before", "work_id"),
    comment="warnings of which there may be something new to tell, once not_before has come",
)


def log(
    connection: Connection,
    warning_id: str,
    organisation: str,
    cause: str,
    level: int,
    evidence: Collection[str],
    now: datetime,
    message_id: str | None,
) -> None:
    """Notes what an organisation is told, in the transaction that writes the message."""
    connection.execute(
        telling.insert().values(
            warning_id=warning_id,
            organisation=organisation,
            at=now,
            cause=cause,
            level=level,
            evidence=sorted(evidence),
            message_id=message_id,
        )
    )


def last_told(connection: Connection, warning_id: str) -> dict[str, Told]:
    """For each organisation that was told of a warning what it knows of it."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (organisation) organisation, at, level, evidence FROM telling WHERE warning_id = :id "
            "ORDER BY organisation, telling_id DESC"
        ),
        {"id": warning_id},
    )
    return {row.organisation: Told(row.at, row.level, frozenset(row.evidence)) for row in rows}


def look_at(connection: Connection, warning_id: str, not_before: datetime) -> None:
    """Has this warning looked at for news, from that moment on."""
    connection.execute(tell_work.insert().values(warning_id=warning_id, not_before=not_before))


def look_at_signals(connection: Connection, signal_ids: Collection[str], not_before: datetime) -> None:
    """Has the warnings of these signals looked at for news."""
    connection.execute(
        text(
            "INSERT INTO tell_work (warning_id, not_before) SELECT DISTINCT warning_id, CAST(:at AS timestamptz) "
            "FROM warning_signal WHERE signal_id = ANY(CAST(:ids AS text[]))"
        ),
        {"ids": list(signal_ids), "at": not_before},
    )


def claim(connection: Connection, now: datetime, skip: Collection[str]) -> str | None:
    """A warning that is due to be looked at, its due rows of work taken away; None when none is."""
    warning_id: str | None = connection.execute(
        text(
            "SELECT warning_id FROM tell_work WHERE not_before <= :now AND NOT warning_id = ANY(CAST(:skip AS text[])) "
            "ORDER BY not_before, work_id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "skip": list(skip)},
    ).scalar_one_or_none()
    if warning_id is not None:
        connection.execute(
            text(
                "DELETE FROM tell_work WHERE work_id IN (SELECT work_id FROM tell_work WHERE warning_id = :id "
                "AND not_before <= :now FOR UPDATE SKIP LOCKED)"
            ),
            {"id": warning_id, "now": now},
        )
    return warning_id
