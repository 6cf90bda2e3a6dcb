"""What triage decided on signals, and what stands with a warning: its signals, its plans, the four firsts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from hub.model.codes import FourFirst, SignalState, Trait, TriageManner, WarningState
from hub.model.holding import TRIAGE_AT_ONCE, TRIAGE_WITHIN
from hub.model.warning import Plan
from hub.store.tables import EMPTY_ARRAY, Id, metadata
from hub.store.work import row_dicts

warning_signal = Table(
    "warning_signal",
    metadata,
    Column("signal_id", Id, ForeignKey("signal.signal_id"), primary_key=True),
    Column("warning_id", Id, ForeignKey("warning.warning_id"), nullable=False),
    Index("warning_signal_warning_idx", "warning_id"),
    comment="the one warning that a signal belongs to; after a revocation it may move to another",
)

signal_triage = Table(
    "signal_triage",
    metadata,
    Column("triage_id", BigInteger, Identity(), primary_key=True),
    # Whoever decides holds both rows locked: the keys wait for nobody.
    Column("signal_id", Id, ForeignKey("signal.signal_id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("manner", Text, nullable=False),
    Column("expected", Boolean),
    Column("traits", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("reason", Text, nullable=False),
    Column("warning_id", Id, ForeignKey("warning.warning_id")),
    Index("signal_triage_signal_idx", "signal_id", "triage_id"),
    comment="研判: every decision on every signal, never changed; the last one is the one that counts",
)

warning_act = Table(
    "warning_act",
    metadata,
    Column("warning_id", Id, ForeignKey("warning.warning_id"), primary_key=True),
    Column("act", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text),
    Index("warning_act_at_idx", "at"),
    comment="四先 (R3): which of the four was done about a warning, by whom and when",
)

warning_plan = Table(
    "warning_plan",
    metadata,
    Column("plan_id", BigInteger, Identity(), primary_key=True),
    Column("warning_id", Id, ForeignKey("warning.warning_id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("warning_plan_warning_idx", "warning_id", "plan_id"),
    comment="处置预案 (R58): each version, the last one stands",
)

DECISION_DUE = (
    f"CASE WHEN s.state = '{SignalState.OPEN.value}' AND NOT s.historical AND '{TRIAGE_AT_ONCE}' = ANY(s.labels) "
    "AND NOT EXISTS (SELECT 1 FROM signal_triage o WHERE o.signal_id = s.signal_id) "
    f"THEN s.first_seen_at + interval '{TRIAGE_WITHIN.total_seconds():.0f} seconds' END"
)
"""SQL: by when a person has to have decided on the signal ``s``; null where it may wait, or somebody has: 留观 is a decision, too."""


def join(connection: Connection, warning_id: str, signal_ids: Sequence[str]) -> None:
    """Makes these signals the warning's; the caller holds them locked and has seen that no standing warning has them."""
    for signal_id in signal_ids:
        put = insert(warning_signal).values(signal_id=signal_id, warning_id=warning_id)
        connection.execute(
            put.on_conflict_do_update(
                index_elements=[warning_signal.c.signal_id], set_={"warning_id": put.excluded.warning_id}
            )
        )


def signal_ids_of(connection: Connection, warning_id: str) -> list[str]:
    """The signals that a warning cites, ascending by id."""
    rows = connection.execute(
        select(warning_signal.c.signal_id)
        .where(warning_signal.c.warning_id == warning_id)
        .order_by(warning_signal.c.signal_id)
    )
    return list(rows.scalars())


def keys_beside(connection: Connection, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Rule and key of every signal that stands in one warning with a signal of these (rule, key); without any, nothing."""
    named = sorted(keys)
    rows = connection.execute(
        text(
            "SELECT DISTINCT other.rule_id, other.key FROM unnest(CAST(:rules AS text[]), CAST(:keys AS text[])) AS k (rule_id, key) "
            'JOIN signal s ON s.rule_id = k.rule_id AND s.key = k.key COLLATE "C" JOIN warning_signal m ON m.signal_id = s.signal_id '
            "JOIN warning w ON w.warning_id = m.warning_id AND w.state = :state "
            "JOIN warning_signal beside ON beside.warning_id = w.warning_id JOIN signal other ON other.signal_id = beside.signal_id"
        ),
        {
            "rules": [rule_id for rule_id, _ in named],
            "keys": [key for _, key in named],
            "state": WarningState.ISSUED.value,
        },
    )
    return {(row.rule_id, row.key) for row in rows}


def note(
    connection: Connection,
    signal_ids: Iterable[str],
    now: datetime,
    *,
    by: str,
    verdict: str,
    manner: TriageManner,
    expected: bool | None,
    traits: Iterable[Trait],
    reason: str,
    warning_id: str | None = None,
) -> None:
    """Writes one decision on each of these signals."""
    said = {
        "at": now,
        "by": by,
        "verdict": verdict,
        "manner": manner.value,
        "expected": expected,
        "traits": sorted(traits),
        "reason": reason,
        "warning_id": warning_id,
    }
    connection.execute(signal_triage.insert(), [{"signal_id": one, **said} for one in signal_ids])


def decisions(connection: Connection, signal_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Every decision on these signals, the first one first."""
    rows = connection.execute(
        select(signal_triage)
        .where(signal_triage.c.signal_id.in_(list(signal_ids)))
        .order_by(signal_triage.c.triage_id)
    )
    return row_dicts(rows)


def traits_seen(connection: Connection, signal_ids: Sequence[str]) -> frozenset[Trait]:
    """The traits of the last decision on each of these signals."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT unnest(traits) FROM (SELECT DISTINCT ON (signal_id) traits FROM signal_triage "
            "WHERE signal_id = ANY(CAST(:ids AS text[])) ORDER BY signal_id, triage_id DESC) t"
        ),
        {"ids": list(signal_ids)},
    )
    known = {trait.value for trait in Trait}
    return frozenset(Trait(value) for value in rows.scalars() if value in known)


def add_plan(connection: Connection, warning_id: str, plan: Plan, now: datetime, *, by: str) -> bool:
    """Writes a new version of a warning's plan; False, and nothing written, when the last one says the same."""
    last = plan_of(connection, warning_id)
    if last is not None and Plan.model_validate({name: last[name] for name in Plan.model_fields}) == plan:
        return False
    connection.execute(
        warning_plan.insert().values(warning_id=warning_id, by=by, at=now, **plan.model_dump(mode="python"))
    )
    return True


def plan_of(connection: Connection, warning_id: str) -> dict[str, Any] | None:
    """The plan that stands with a warning, with who attached it and when, or None."""
    row = connection.execute(
        select(warning_plan)
        .where(warning_plan.c.warning_id == warning_id)
        .order_by(warning_plan.c.plan_id.desc())
        .limit(1)
    ).one_or_none()
    return dict(row._mapping) if row is not None else None


def did(
    connection: Connection,
    warning_id: str,
    acts: Collection[FourFirst],
    now: datetime,
    *,
    by: str,
    note: str | None = None,
) -> list[FourFirst]:
    """Notes which of the four firsts was done; what was noted before stays as it was. Gives those that are new."""
    if not acts:
        return []
    rows = connection.execute(
        insert(warning_act)
        .values(
            [
                {"warning_id": warning_id, "act": act.value, "at": now, "by": by, "note": note}
                for act in sorted(acts)
            ]
        )
        .on_conflict_do_nothing()
        .returning(warning_act.c.act)
    )
    return [FourFirst(act) for act in rows.scalars()]


def acts_of(connection: Connection, warning_id: str) -> list[dict[str, Any]]:
    """Which of the four firsts were done about a warning, in the order in which they were."""
    rows = connection.execute(
        select(warning_act)
        .where(warning_act.c.warning_id == warning_id)
        .order_by(warning_act.c.at, warning_act.c.act)
    )
    return row_dicts(rows)


def count_acts(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """How many warnings had each of the four firsts done in ``[since, until)``; those revoked since are left out (R3)."""
    rows = connection.execute(
        text(
            "SELECT a.act, count(*) AS n FROM warning_act a JOIN warning w USING (warning_id) "
            "WHERE a.at >= :since AND a.at < :until AND w.state <> :revoked GROUP BY a.act"
        ),
        {"since": since, "until": until, "revoked": WarningState.REVOKED.value},
    )
    counted = {row.act: row.n for row in rows}
    return {act.value: counted.get(act.value, 0) for act in FourFirst}
