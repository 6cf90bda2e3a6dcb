"""What may hold signals back at this moment, as the store has it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from hub.model.calendar import WorkCalendar
from hub.model.holding import Cause, Causes, SignalFacts, held
from hub.store import config, signals, silences
from hub.store.config import Holding
from hub.store.engine import Connection

_PAGE = 500
MOST_COUNTED = 5_000
"""A county has some hundred; a scrape must not take minutes where one has more."""


def gather(
    calendar: WorkCalendar,
    connection: Connection,
    asked: Collection[SignalFacts],
    now: datetime,
    stands: Holding | None = None,
) -> Causes:
    """Everything that could hold any of these signals: a handful of statements, however many signals are asked about.

    Args:
        stands: What the configuration says, where the caller has read it already.
    """
    stands = config.holding(connection) if stands is None else stands
    in_groups = {rule_id for group in stands.cards for rule_id in group}
    carded = [facts for facts in asked if facts.rule_id in in_groups]
    standing = silences.standing(
        connection,
        rules={rule_id for entry in stands.inhibits for rule_id in entry.source.rule_id},
        since=now - timedelta(days=max((entry.days for entry in stands.inhibits), default=0)),
        keys=[facts.key for facts in carded],
        card_rules={rule_id for facts in carded for rule_id in beside(facts.rule_id, stands.cards)},
    )
    return Causes(
        calendar=calendar,
        silences=silences.in_force(connection, now),
        mutes=stands.mutes,
        inhibits=stands.inhibits,
        cards=stands.cards,
        standing=standing,
    )


def counted(calendar: WorkCalendar, connection: Connection, now: datetime) -> dict[Cause, int]:
    """How many signals that their rules would issue by themselves each cause holds now; counts the oldest `MOST_COUNTED` at most."""
    found = dict.fromkeys(Cause, 0)
    last, looked_at = "", 0
    while looked_at < MOST_COUNTED and (ids := signals.to_issue(connection, last, (), _PAGE)):
        known = list(silences.facts(connection, ids).values())
        causes = gather(calendar, connection, known, now)
        for facts in known:
            if (hold := held(facts, causes, now)) is not None:
                found[hold.cause] += 1
        last, looked_at = ids[-1], looked_at + len(ids)
    return found


def beside(rule_id: str, cards: Collection[Collection[str]]) -> set[str]:
    """The rules that tell of the same trouble as this one at other levels, itself included; empty for a rule without such."""
    return {other for group in cards if rule_id in group for other in group}
