"""Signals: one row an episode of one rule and key; evidence follows the demands, triage is a person's or the rule's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zlib import crc32

import orjson
import psycopg
from sqlalchemy import ColumnElement, Connection, and_, select, text
from sqlalchemy.exc import DBAPIError

from hub.errors import Code, NotFound, StoreError
from hub.model.codes import Level, SignalState
from hub.model.warning import SignalView
from hub.store.engine import driver, explain, text_array
from hub.store.tables import signal
from hub.store.telling import look_at_signals
from hub.store.triage import warning_signal

SYSTEM = "system"
GONE = "condition no longer holds"

EVIDENCE = (
    "rule_version",
    "params",
    "level",
    "historical",
    "window_from",
    "window_to",
    "metric",
    "value",
    "threshold",
    "baseline",
    "demand_ids",
    "observed",
    "organisation",
    "reporters",
    "summary",
    "auto_issue",
    "labels",
)
"""The columns that follow the stored demands; the others say who the signal is and what triage made of it."""

_LOCK_SPACE = 0x5347  # first key of the two-key advisory lock; the second is a bucket of keys
_BUCKETS = 1024  # bounds the lock table, however many keys a batch has

Evidence = Mapping[str, Any]


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """What is done within is undone when the block raises; the transaction goes on.

    Raises:
        StoreError: The database refused something within.
    """
    try:
        with connection.begin_nested():
            yield
    except (DBAPIError, psycopg.Error, UnicodeEncodeError) as exc:
        raise explain(exc) from exc


def lock_keys(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Lets nobody else judge these (rule id, key) until the transaction ends.

    Every process takes its buckets in the same order, so that two never wait for each other.
    """
    buckets = sorted({crc32(f"{rule_id}\0{key}".encode()) % _BUCKETS for rule_id, key in keys})
    lock_buckets(connection, _LOCK_SPACE, buckets)


def lock_buckets(connection: Connection, space: int, buckets: Sequence[int]) -> None:
    """Takes advisory locks one after the other, in the order given, until the transaction ends."""
    connection.execute(
        text("SELECT count(pg_advisory_xact_lock(:space, b)) FROM unnest(CAST(:buckets AS int[])) AS b"),
        {"space": space, "buckets": list(buckets)},
    )


def known_keys(
    connection: Connection, rule_ids: Collection[str], keys: Collection[str]
) -> dict[str, set[str]]:
    """For each of these rules those of the keys that have a signal, whatever its state."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT rule_id, key FROM unnest(CAST(:rules AS text[])) AS r (rule_id) CROSS JOIN LATERAL "
            "(SELECT key FROM signal s WHERE s.rule_id = r.rule_id AND s.key = ANY(CAST(:keys AS text[])) OFFSET 0) s"
        ),
        {"rules": sorted(rule_ids), "keys": text_array(sorted(keys))},
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.rule_id, set()).add(row.key)
    return found


def within(connection: Connection, signal_ids: Collection[str], rule_ids: Collection[str]) -> dict[str, str]:
    """For each of these that is open, the signal of these rules that tells more of the same key: all of its demands and, where two name the same, the older one.

    Of several the one with most demands; none of a lower level, and none that was dismissed or merged. It hides nothing.
    """
    rows = connection.execute(
        text(
            "SELECT s.signal_id, o.signal_id AS of FROM signal s CROSS JOIN LATERAL (SELECT o.signal_id "
            "FROM unnest(CAST(:rules AS text[])) AS r (rule_id) CROSS JOIN LATERAL "
            "(SELECT * FROM signal o WHERE o.rule_id = r.rule_id AND o.key = s.key OFFSET 0) o "
            "WHERE o.signal_id <> s.signal_id AND o.subject = s.subject AND o.state IN ('open', 'warned') AND o.level >= s.level "
            "AND s.demand_ids <@ o.demand_ids AND (NOT o.demand_ids <@ s.demand_ids OR o.signal_id < s.signal_id) "
            "ORDER BY cardinality(o.demand_ids) DESC, o.signal_id LIMIT 1) o "
            "WHERE s.signal_id = ANY(CAST(:ids AS text[])) AND s.state = 'open' AND s.demand_ids <> '{}'"
        ),
        {"ids": sorted(signal_ids), "rules": sorted(rule_ids)},
    )
    return {row.signal_id: row.of for row in rows}


def labelled(
    connection: Connection, rule_ids: Collection[str], label: str, demand_ids: Collection[str]
) -> set[str]:
    """Those of these demands of which an open or warned signal of these rules, about it alone, bears the label."""
    rows = connection.execute(
        text(
            "SELECT s.key FROM unnest(CAST(:rules AS text[])) AS r (rule_id) CROSS JOIN LATERAL "
            "(SELECT key FROM signal s WHERE s.rule_id = r.rule_id AND s.key = ANY(CAST(:keys AS text[])) "
            "AND s.state IN ('open', 'warned') AND :label = ANY(s.labels) OFFSET 0) s"
        ),
        {"rules": sorted(rule_ids), "keys": sorted(demand_ids), "label": label},
    )
    return set(rows.scalars())


def standing(connection: Connection, rule_id: str, keys: Collection[str]) -> dict[str, list[SignalView]]:
    """For each key its signals that were not merged into another, the oldest first; locked until the transaction ends."""
    rows = connection.execute(
        select(signal)
        .where(
            signal.c.rule_id == rule_id,
            signal.c.key == text("ANY(CAST(:keys AS text[]))").bindparams(keys=text_array(sorted(keys))),
            signal.c.state != SignalState.MERGED,
        )
        .order_by(signal.c.signal_id)
        .with_for_update()
    )
    found: dict[str, list[SignalView]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(_view(row))
    return found


def add(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Writes new open signals; each row has ``signal_id``, ``rule_id``, ``subject``, ``key`` and its `EVIDENCE`.

    Raises:
        StoreError: A row holds what no column can (half a character, a number out of range).
    """
    if rows:
        # One text for all: the driver writes a row's lists in Python, which costs more than the statement.
        try:
            told = orjson.dumps(list(rows), default=_plain_time).decode()
        except orjson.JSONEncodeError:
            raise StoreError(
                "a signal cannot be stored as it is (half a character, a number out of range, or a type that JSON has no word for); "
                "nothing of its rule was kept; mend the rule",
                code=Code.VALUE_UNSTORABLE,
            ) from None
        driver(connection).cursor().execute(_ADD, (SignalState.OPEN.value, now, now, told))


def _plain_time(value: object) -> str:
    """A time of a class of its own, as libraries of calendars give them."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError


_NEW = ", ".join(("signal_id", "rule_id", "subject", "key", *EVIDENCE))
_ADD = (
    f"INSERT INTO signal ({_NEW}, state, first_seen_at, last_seen_at) "
    f"SELECT {_NEW}, %s, %s, %s FROM json_populate_recordset(NULL::signal, %s::json)"
)


def renew(
    connection: Connection, signal_id: str, evidence: Evidence, now: datetime, *, reopen: bool = False
) -> None:
    """Writes what the rule sees now; ``reopen`` undoes the system's own dismissal. Of what was warned there may be news to tell."""
    values: dict[str, Any] = {**evidence, "last_seen_at": now, "lapsed_at": None}
    if reopen:
        values |= {
            "state": SignalState.OPEN.value,
            "triaged_at": None,
            "triaged_by": None,
            "triage_verdict": None,
            "triage_reason": None,
        }
    state = connection.execute(
        signal.update().where(signal.c.signal_id == signal_id).values(**values).returning(signal.c.state)
    ).scalar_one()
    if state == SignalState.WARNED:
        look_at_signals(connection, [signal_id], now)


def lapse(connection: Connection, signal_ids: Sequence[str], now: datetime) -> None:
    """Notes that what these are warned of, under a limit that was provisional, does not hold."""
    if signal_ids:
        connection.execute(
            signal.update().where(signal.c.signal_id.in_(list(signal_ids))).values(lapsed_at=now)
        )


def reopen(connection: Connection, signal_ids: Sequence[str]) -> None:
    """Lets signals wait again, as if nobody had decided on them."""
    connection.execute(
        signal.update()
        .where(signal.c.signal_id.in_(list(signal_ids)))
        .values(
            state=SignalState.OPEN.value,
            triaged_at=None,
            triaged_by=None,
            triage_verdict=None,
            triage_reason=None,
        )
    )


def merge(connection: Connection, signal_id: str, into: str) -> None:
    """Marks a signal as one with another; what triage said of it stays with it."""
    connection.execute(
        signal.update()
        .where(signal.c.signal_id == signal_id)
        .values(state=SignalState.MERGED.value, merged_into=into)
    )


def triage(
    connection: Connection,
    signal_id: str,
    state: SignalState,
    now: datetime,
    *,
    by: str,
    verdict: str,
    reason: str,
) -> None:
    """Writes what triage made of a signal."""
    connection.execute(
        signal.update()
        .where(signal.c.signal_id == signal_id)
        .values(
            state=state.value, triaged_at=now, triaged_by=by, triage_verdict=verdict, triage_reason=reason
        )
    )


def age(connection: Connection, signal_id: str) -> None:
    """Marks a signal as historical: its demands have grown too old while it waited."""
    connection.execute(signal.update().where(signal.c.signal_id == signal_id).values(historical=True))


def get(connection: Connection, signal_id: str, *, lock: bool = False) -> SignalView:
    """One signal; with ``lock`` nobody else changes it until the transaction ends.

    Raises:
        NotFound: There is none of that id.
    """
    statement = select(signal).where(signal.c.signal_id == signal_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise NotFound(
            f"signal {signal_id!r}: not found (expected an id from `hub signal list`); check the id",
            code=Code.NOT_FOUND,
        )
    return _view(row)


def lock(connection: Connection, signal_ids: Sequence[str]) -> list[SignalView]:
    """These signals, ascending by id, locked until the transaction ends; one that does not exist is absent."""
    rows = connection.execute(
        select(signal)
        .where(signal.c.signal_id.in_(list(signal_ids)))
        .order_by(signal.c.signal_id)
        .with_for_update()
    )
    return [_view(row) for row in rows]


def taken(connection: Connection, signal_ids: Sequence[str]) -> bool:
    """Locks these signals until the transaction ends, without waiting; False when somebody else holds one of them."""
    rows = connection.execute(
        select(signal.c.signal_id)
        .where(signal.c.signal_id.in_(list(signal_ids)))
        .order_by(signal.c.signal_id)
        .with_for_update(skip_locked=True)
    )
    return len(rows.all()) == len(set(signal_ids))


def of_warning(connection: Connection, warning_id: str) -> list[SignalView]:
    """The signals that a warning cites, ascending by id."""
    rows = connection.execute(
        select(signal)
        .join(warning_signal, warning_signal.c.signal_id == signal.c.signal_id)
        .where(warning_signal.c.warning_id == warning_id)
        .order_by(signal.c.signal_id)
    )
    return [_view(row) for row in rows]


def to_issue(
    connection: Connection,
    after: str,
    disabled_rules: Collection[str],
    limit: int,
    *,
    levels: Collection[Level] = tuple(Level),
) -> list[str]:
    """Open signals of these levels that their rules let be issued by themselves, ascending by id, behind that one."""
    rows = connection.execute(
        select(signal.c.signal_id)
        .where(_may_issue(disabled_rules), signal.c.level.in_(levels), signal.c.signal_id > after)
        .order_by(signal.c.signal_id)
        .limit(limit)
    )
    return list(rows.scalars())


def take_to_issue(
    connection: Connection, signal_id: str, disabled_rules: Collection[str]
) -> SignalView | None:
    """That signal, locked, if its rule still lets it be issued; None also when somebody else holds it."""
    row = connection.execute(
        select(signal)
        .where(signal.c.signal_id == signal_id, _may_issue(disabled_rules))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return _view(row) if row is not None else None


def _may_issue(disabled_rules: Collection[str]) -> ColumnElement[bool]:
    return and_(
        signal.c.state == SignalState.OPEN,
        signal.c.auto_issue,
        ~signal.c.historical,
        signal.c.rule_id.not_in(list(disabled_rules)),
    )


def event_times(connection: Connection, demand_ids: Sequence[str]) -> dict[str, datetime]:
    """For each of these demands when it was submitted, aware UTC; a demand that does not stand is absent."""
    rows = connection.execute(
        text(
            "SELECT d.demand_id, d.submitted_at FROM unnest(CAST(:ids AS text[])) AS s (id) CROSS JOIN LATERAL "
            '(SELECT demand_id, submitted_at FROM demand WHERE demand_id = s.id COLLATE "C" OFFSET 0) d'
        ),
        {"ids": text_array(sorted(set(demand_ids)))},
    )
    return {row.demand_id: row.submitted_at for row in rows}


def _view(row: Any) -> SignalView:
    return SignalView.model_validate(dict(row._mapping))
