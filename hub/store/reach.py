"""How far back each rule has judged: which demands were judged while it was not there, or was another (design decision 6).

Work rows are deleted with the work, so a rule that comes later finds no trace of what the others judged without it. One row
a rule keeps the span of time in which demands came past it; the evaluation notes when its set of rules changes, and
`hub demand reevaluate` puts back what lies in the span.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Table, Text, select, text
from sqlalchemy.dialects.postgresql import insert

from hub.model.ids import first_ulid
from hub.store.tables import Moment, metadata

rule_reach = Table(
    "rule_reach",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("rule_version", Text, nullable=False),
    Column("absent", Boolean, nullable=False, server_default=text("false")),
    Column("missed_since", Moment),
    Column("missed_until", Moment),
    Column("why", Text),
    comment="in which span of time demands were judged without a rule, or by another version of it",
)

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = 0x72656163  # "reac": one process at a time changes the rows
# A page's transaction that is under way when a rule goes shows nothing yet; its demands were received a little before.
_UNSEEN = timedelta(minutes=1)


class Why(StrEnum):
    """Why a rule has not judged some demands."""

    NEW = "new"
    BACK = "back"
    VERSION = "version"
    SEEDED = "seeded"  # nothing was missed; the row was made of the rule's signals when the table came


@dataclass(frozen=True, slots=True)
class Reach:
    """What one rule has missed.

    Attributes:
        version: Of the rule's logic, as it judged last.
        absent: Nobody brings the rule now, or it is disabled: what is judged goes past it.
        since: From when on demands came past it; None where none did.
        until: To when; None while it is absent, and where none did.
        why: None where nothing was missed; ``seeded`` until the first evaluation that is noted.
    """

    rule_id: str
    version: str
    absent: bool = False
    since: datetime | None = None
    until: datetime | None = None
    why: Why | None = None


def note(connection: Connection, now: datetime, judging: Mapping[str, str], *, whole: bool = True) -> None:
    """Writes down what changes when these rules judge from now on, in the transaction in which they do; seldom anything.

    Args:
        judging: Rule id -> version, of the rules that are installed and enabled.
        whole: Every other rule is absent; False where this process judges nothing itself.
    """
    if not _changed(reaches(connection), judging, now, None, whole=whole):
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    oldest = connection.execute(
        text("SELECT min(not_before) FROM evaluate_work WHERE rule_ids IS NULL")
    ).scalar_one()
    for one in _changed(reaches(connection), judging, now, oldest, whole=whole):
        _put(connection, one)


def missed(connection: Connection, now: datetime, judging: Mapping[str, str]) -> dict[str, Reach]:
    """Each rule that has missed something, as it stands if these rules judge from now on; writes nothing."""
    known = reaches(connection)
    known.update({one.rule_id: one for one in _changed(known, judging, now, None, whole=True)})
    return {rule_id: one for rule_id, one in sorted(known.items()) if one.since is not None}


def made_good(connection: Connection, reach: Reach) -> None:
    """What the rule had missed waits for it now; what it has missed since then stays noted."""
    connection.execute(
        rule_reach.update()
        .where(
            rule_reach.c.rule_id == reach.rule_id,
            rule_reach.c.missed_since == reach.since,
            rule_reach.c.missed_until == reach.until,
        )
        .values(missed_since=None, missed_until=None, why=None)
    )


def all_waits(connection: Connection, judging: Mapping[str, str]) -> None:
    """Every stored demand waits for these rules: they have missed nothing."""
    if _nothing_noted(reaches(connection)):
        return  # the first evaluation notes every rule
    for rule_id, version in judging.items():
        _put(connection, Reach(rule_id, version))


def count(connection: Connection, reach: Reach, now: datetime, *, most: int) -> int:
    """How many demands a rule has missed; counts up to ``most``."""
    found = 0
    for ids in ids_between(connection, reach.since or now, reach.until or now, limit=most):
        found += len(ids)
        if found >= most:
            return most
    return found


def ids_between(
    connection: Connection, since: datetime, until: datetime, *, limit: int = 5_000
) -> Iterator[Sequence[str]]:
    """Demands first received, or changed, in ``[since, until)``: up to ``limit`` ids at a time, each part asked for when it is needed.

    Reads along the demands' ids, which sort by the time of receipt, and the newest part of the history, never everything.
    """
    first, behind = first_ulid(_ms(since)), first_ulid(_ms(until))
    after = ""
    while ids := _fetched(connection, _RECEIVED, first=first, behind=behind, after=after, limit=limit):
        yield [row.demand_id for row in ids]
        after = ids[-1].demand_id
    if since <= EVER:
        return  # whatever was changed was received in the span
    place = connection.execute(
        text("SELECT coalesce(max(history_id), 0) FROM demand_history WHERE replaced_at < :before"),
        {"before": since - timedelta(hours=1)},
    ).scalar_one()
    while rows := _fetched(
        connection, _CHANGED, first=first, since=since, until=until, after=place, limit=limit
    ):
        yield sorted({row.demand_id for row in rows})
        place = rows[-1].history_id


def ids_submitted(
    connection: Connection, since: datetime, until: datetime, *, limit: int = 5_000
) -> Iterator[Sequence[str]]:
    """Demands submitted in ``[since, until)``, along their ids; up to ``limit`` ids at a time. Reads everything that is stored once."""
    after = ""
    while ids := _fetched(connection, _SUBMITTED, since=since, until=until, after=after, limit=limit):
        yield [row.demand_id for row in ids]
        after = ids[-1].demand_id


def reaches(connection: Connection) -> dict[str, Reach]:
    """Every rule that ever judged, or was missed."""
    return {
        row.rule_id: Reach(
            row.rule_id,
            row.rule_version,
            row.absent,
            row.missed_since,
            row.missed_until,
            Why(row.why) if row.why else None,
        )
        for row in connection.execute(select(rule_reach))
    }


# ---- the change of a set of rules, pure


def _changed(
    known: Mapping[str, Reach],
    judging: Mapping[str, str],
    now: datetime,
    oldest: datetime | None,
    *,
    whole: bool,
) -> list[Reach]:
    """The rows that are other than they were; ``oldest`` is since when the oldest demand waits that all rules must judge."""
    if _nothing_noted(known):
        # Who was there before nobody knows: what can be told is that a rule's signals are of another version.
        found = [
            _first_seen(known.get(rule_id), rule_id, version, now) for rule_id, version in judging.items()
        ]
        away = [_gone(one, now) for rule_id, one in known.items() if rule_id not in judging]
        return [*found, *(away if whole else ())]
    found = [_arrived(known.get(rule_id), rule_id, version, now) for rule_id, version in judging.items()]
    if whole:
        gone = min(now, oldest or now) - _UNSEEN
        found += [_gone(one, gone) for rule_id, one in known.items() if rule_id not in judging]
    return [one for one in found if one != known.get(one.rule_id)]


def _nothing_noted(known: Mapping[str, Reach]) -> bool:
    return all(one.why is Why.SEEDED for one in known.values())


def _first_seen(was: Reach | None, rule_id: str, version: str, now: datetime) -> Reach:
    if was is None or was.version == version:
        return Reach(rule_id, version)
    return Reach(rule_id, version, since=EVER, until=now, why=Why.VERSION)


def _arrived(was: Reach | None, rule_id: str, version: str, now: datetime) -> Reach:
    if was is None:
        return Reach(rule_id, version, since=EVER, until=now, why=Why.NEW)
    if was.version != version:
        return Reach(rule_id, version, since=EVER, until=now, why=Why.VERSION)
    return replace(was, absent=False, until=now) if was.absent else was


def _gone(was: Reach, at: datetime) -> Reach:
    if was.absent:
        return was
    since = min(was.since or at, at)
    return replace(
        was,
        absent=True,
        since=max(since, EVER),
        until=None,
        why=Why.BACK if was.why in (None, Why.SEEDED) else was.why,
    )


def waits_for(reaches: Collection[Reach], rule_ids: Collection[str] | None) -> list[Reach]:
    """Those of these rules, or of all, that are there again and have missed something."""
    return [
        one
        for one in reaches
        if one.since is not None and not one.absent and (rule_ids is None or one.rule_id in rule_ids)
    ]


def _put(connection: Connection, one: Reach) -> None:
    values = {
        "rule_version": one.version,
        "absent": one.absent,
        "missed_since": one.since,
        "missed_until": one.until,
        "why": one.why,
    }
    connection.execute(
        insert(rule_reach)
        .values(rule_id=one.rule_id, **values)
        .on_conflict_do_update(index_elements=[rule_reach.c.rule_id], set_=values)
    )


_RECEIVED = text(
    "SELECT demand_id FROM demand WHERE demand_id >= :first AND demand_id < :behind AND demand_id > :after "
    "ORDER BY demand_id LIMIT :limit"
)
_SUBMITTED = text(
    "SELECT demand_id FROM demand WHERE demand_id > :after AND submitted_at >= :since AND submitted_at < :until "
    "ORDER BY demand_id LIMIT :limit"
)
_CHANGED = text(
    "SELECT history_id, demand_id FROM demand_history WHERE history_id > :after AND replaced_at >= :since "
    "AND replaced_at < :until AND demand_id < :first ORDER BY history_id LIMIT :limit"
)


def _fetched(connection: Connection, statement: Any, **values: Any) -> Sequence[Any]:
    return connection.execute(statement, values).all()


def _ms(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))
