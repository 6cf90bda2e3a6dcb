"""Silences, and what is known of signals that something may hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.errors import Code, NotFound
from hub.model.codes import Level, WarningState
from hub.model.holding import SignalFacts, SignalMatch, Silence, Standing, covering
from hub.store.tables import Id, metadata, signal
from hub.store.work import row_dicts

silence = Table(
    "silence",
    metadata,
    Column("silence_id", Id, primary_key=True),
    Column("matches", JSONB, nullable=False),
    Column("like_signal", Id, ForeignKey("signal.signal_id")),
    Column("max_level", SmallInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("ended_by", Text),
    Column("ended_why", Text),
    Index("silence_ends_idx", "ends_at"),
    comment="what a person wants to hear nothing of until ends_at, which a person may bring forward",
)

# Warnings that may inhibit are young, by their entry's `days`, so that there are few; this bounds a county gone wild.
MOST_STANDING = 2_000

_FACTS = """
SELECT s.signal_id, s.rule_id, s.subject, s.key, s.level, s.labels, s.auto_issue, s.demand_ids, s.observed, s.organisation, s.last_seen_at,
    d.categories, d.organisations, d.regions
FROM signal s CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT category) AS categories, array_agg(DISTINCT target_org) AS organisations,
        array_agg(DISTINCT region_code) AS regions
    FROM demand WHERE demand_id = ANY(s.demand_ids)
) d
"""


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A silence to be written; `hub.model.holding.Silence` says what its parts mean."""

    silence_id: str
    match: SignalMatch
    like_signal: str | None
    max_level: Level
    author: str
    reason: str
    ends_at: datetime


def add(connection: Connection, made: NewSilence, now: datetime) -> None:
    """Writes a silence."""
    connection.execute(
        silence.insert().values(
            silence_id=made.silence_id,
            matches=made.match.model_dump(mode="json", exclude_defaults=True),
            like_signal=made.like_signal,
            max_level=int(made.max_level),
            author=made.author,
            reason=made.reason,
            created_at=now,
            ends_at=made.ends_at,
        )
    )


def end(connection: Connection, silence_id: str, now: datetime, *, by: str, why: str) -> bool:
    """Ends a silence now; False when it had ended already.

    Raises:
        NotFound: There is none of that id.
    """
    row = connection.execute(
        select(silence.c.ends_at).where(silence.c.silence_id == silence_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"silence {silence_id!r}: not found (expected an id from `hub silence list --all`); check the id",
            code=Code.NOT_FOUND,
        )
    if row.ends_at <= now:
        return False
    connection.execute(
        silence.update()
        .where(silence.c.silence_id == silence_id)
        .values(ends_at=now, ended_by=by, ended_why=why)
    )
    return True


def in_force(connection: Connection, now: datetime) -> list[Silence]:
    """The silences that have not ended, each with what the signal that it names goes by now."""
    rows = connection.execute(
        text(
            "SELECT q.*, s.rule_id, s.key FROM silence q LEFT JOIN signal s ON s.signal_id = q.like_signal WHERE q.ends_at > :now "
            "ORDER BY q.silence_id"
        ),
        {"now": now},
    )
    return [
        Silence(
            row.silence_id,
            SignalMatch.model_validate(row.matches),
            Level(row.max_level),
            row.author,
            row.reason,
            row.ends_at,
            (row.rule_id, row.key) if row.like_signal is not None else None,
        )
        for row in rows
    ]


def listed(
    connection: Connection, now: datetime, *, ended: bool = False, limit: int = 100
) -> list[dict[str, Any]]:
    """Silences, the newest first; those that have ended only when asked for."""
    rows = connection.execute(
        text(
            "SELECT * FROM silence WHERE :ended OR ends_at > :now ORDER BY created_at DESC, silence_id DESC LIMIT :limit"
        ),
        {"now": now, "ended": ended, "limit": limit},
    )
    return row_dicts(rows)


def facts(connection: Connection, signal_ids: Collection[str]) -> dict[str, SignalFacts]:
    """What is known of these signals, by id."""
    if not signal_ids:
        return {}
    rows = connection.execute(
        text(f"{_FACTS} WHERE s.signal_id = ANY(CAST(:ids AS text[]))"), {"ids": list(signal_ids)}
    )
    return {row.signal_id: _facts(row) for row in rows}


def standing(
    connection: Connection,
    *,
    rules: Collection[str] = (),
    since: datetime | None = None,
    keys: Iterable[str] = (),
    card_rules: Collection[str] = (),
    most: int = MOST_STANDING,
) -> list[Standing]:
    """The warnings that stand and may hold others, one entry for each of their signals.

    Args:
        rules, since: Those whose signal is one of these rules' and has changed since.
        keys, card_rules: And those of these rules about one of these keys, however old: they come first.
        most: So many at most.
    """
    named = sorted(set(keys))
    if not rules and not (named and card_rules):
        return []
    rows = connection.execute(
        text(
            f"SELECT f.*, w.warning_no, w.level AS warning_level FROM ({_FACTS} WHERE s.state = 'warned' AND "
            "((s.rule_id = ANY(CAST(:rules AS text[])) AND s.last_seen_at > CAST(:since AS timestamptz)) "
            "OR (s.rule_id = ANY(CAST(:cards AS text[])) AND s.key = ANY(CAST(:keys AS text[]))))) f "
            "JOIN warning_signal m USING (signal_id) JOIN warning w ON w.warning_id = m.warning_id AND w.state = :state "
            "ORDER BY f.rule_id = ANY(CAST(:cards AS text[])) AND f.key = ANY(CAST(:keys AS text[])) DESC, w.warning_id DESC, f.signal_id "
            "LIMIT :most"
        ),
        {
            "rules": sorted(rules),
            "since": since,
            "cards": sorted(card_rules),
            "keys": named,
            "state": WarningState.ISSUED.value,
            "most": most,
        },
    )
    return [Standing(row.warning_no, Level(row.warning_level), _facts(row), row.last_seen_at) for row in rows]


def open_ids(connection: Connection, after: str | None, limit: int) -> list[str]:
    """Signals that wait, the latest first, before that id."""
    statement = select(signal.c.signal_id).where(signal.c.state == "open").order_by(signal.c.signal_id.desc())
    if after is not None:
        statement = statement.where(signal.c.signal_id < after)
    return list(connection.execute(statement.limit(limit)).scalars())


def _facts(row: Any) -> SignalFacts:
    return SignalFacts(
        signal_id=row.signal_id,
        rule_id=row.rule_id,
        subject=row.subject,
        key=row.key,
        level=Level(row.level),
        labels=tuple(row.labels),
        auto_issue=row.auto_issue,
        category=_alike(row.categories),
        organisation=row.organisation or _alike(row.organisations),
        region=covering(row.regions or ()),
        evidence=frozenset((*row.demand_ids, *row.observed)),
    )


def _alike(values: Sequence[str | None] | None) -> str | None:
    """The one value that all have, else None."""
    return values[0] if values is not None and len(values) == 1 else None
