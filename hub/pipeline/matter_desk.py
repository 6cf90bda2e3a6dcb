"""Matters by hand: a suggested join is confirmed or refused, two matters are merged, one is split; each with author and reason.

Whoever is moved keeps what he said: a merged demand stays a demand of its own, with its reporter, its number and its answer. What
a person decided the step does not undo. The rules look again at all that was moved, and at the matter that it left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from hub.errors import Code, NotFound, StateConflict
from hub.model.ids import new_ulid
from hub.pipeline.deps import PipelineDeps
from hub.store import landing, matter_hands, matter_index, matters, signals
from hub.store.chain import write_audit
from hub.store.engine import Connection
from hub.store.matter_hands import Standing, Suggested
from hub.store.matters import BY_STEP, Change

_AT_ONCE = 500  # demands of one work row


@dataclass(frozen=True, slots=True)
class Done:
    """What a decision did.

    Attributes:
        matter_id: The matter that it ended in.
        number: Of that matter's master demand.
        moved: How many demands are in another matter than before.
        changed: False where the same had been decided already.
    """

    matter_id: str
    number: str
    moved: int = 0
    changed: bool = True


def confirm(deps: PipelineDeps, number: str, by: str, reason: str, *, matter: str | None = None) -> Done:
    """A suggested join is right: the matter that the demand is in becomes part of the suggested one.

    Args:
        number: Of the demand.
        by: Who decides; kept with the matter and in the audit log.
        reason: Why; the same.
        matter: Which of several suggestions; by a number or an id, as `hub.store.matter_hands.find` understands it.

    Raises:
        NotFound: There is no such demand, or nothing was suggested of it.
        StateConflict: It was refused before, or several joins are suggested and ``matter`` says not which.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    _named(by, reason)
    with deps.store.begin() as connection:
        matter_index.lock(connection)
        one = _suggestion(connection, number, matter)
        if one.state == "refused":
            raise StateConflict(
                f"demand {number}: this join was refused before (expected one that waits); merge the two matters with "
                "`hub matter merge` if it is right after all",
                code=Code.STATE_CONFLICT,
            )
        own, other = matter_hands.find(connection, number), matter_hands.find(connection, one.matter_id)
        now = deps.clock.now()
        if own.matter_id == other.matter_id:
            if one.state == "suggested":
                matter_hands.settle(connection, one, "confirmed", now, by=by, reason=reason)
            matter_hands.hold(connection, [one.demand_id])
            return Done(other.matter_id, other.number, changed=one.state == "suggested")
        return _merge(deps, connection, own, other, by, reason, now, action="confirm")


def refuse(deps: PipelineDeps, number: str, by: str, reason: str, *, matter: str | None = None) -> Done:
    """A suggested join is wrong: the step neither joins the demand to that matter nor suggests it again; as `confirm`."""
    _named(by, reason)
    with deps.store.begin() as connection:
        matter_index.lock(connection)
        one = _suggestion(connection, number, matter)
        own = matter_hands.find(connection, number)
        if one.state == "confirmed":
            raise StateConflict(
                f"demand {number}: this join was confirmed before (expected one that waits); take the demand out again with "
                "`hub matter split`",
                code=Code.STATE_CONFLICT,
            )
        if one.state == "refused":
            return Done(own.matter_id, own.number, changed=False)
        now = deps.clock.now()
        matter_hands.settle(connection, one, "refused", now, by=by, reason=reason)
        change = Change("refuse", reason, one.matter_id, None, [one.demand_id])
        matters.changed(connection, change, now, by=by)
        _audit(deps, connection, now, by, "refuse", own, reason, {"matter": one.matter_id})
        return Done(own.matter_id, own.number)


def merge(deps: PipelineDeps, gone: str, into: str, by: str, reason: str) -> Done:
    """All demands of one matter become members of another; the same again changes nothing.

    Raises:
        NotFound: There is no such matter.
        StateConflict: One of them is protected (举报, 廉政) and the other is not.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    _named(by, reason)
    with deps.store.begin() as connection:
        matter_index.lock(connection)
        one, other = matter_hands.find(connection, gone), matter_hands.find(connection, into)
        if one.matter_id == other.matter_id:
            return Done(other.matter_id, other.number, changed=False)
        return _merge(deps, connection, one, other, by, reason, deps.clock.now(), action="merge")


def split(deps: PipelineDeps, matter: str, numbers: Sequence[str], by: str, reason: str) -> Done:
    """These demands leave their matter and are one of their own.

    Raises:
        NotFound: There is no such matter, or no such demand.
        StateConflict: Not all of them are in the matter, or nothing would be left in it.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    _named(by, reason)
    with deps.store.begin() as connection:
        matter_index.lock(connection)
        one = matter_hands.find(connection, matter)
        chosen = matter_hands.demand_ids(connection, numbers)
        if missing := sorted(set(numbers) - chosen.keys()):
            raise NotFound(
                f"demand {missing[0][:40]!r}: not found (expected numbers from `hub matter show {one.number}`); check the number",
                code=Code.NOT_FOUND,
            )
        leaving, members = set(chosen.values()), set(matter_hands.members(connection, one.matter_id))
        if not leaving <= members or leaving == members:
            raise StateConflict(
                f"matter {one.number}: {len(leaving & members)} of its {len(members)} demands were chosen, and "
                f"{len(leaving - members)} that are not in it (expected some of it, and not all); choose from "
                f"`hub matter show {one.number}`",
                code=Code.STATE_CONFLICT,
            )
        now = deps.clock.now()
        made = new_ulid(int(now.timestamp() * 1000))
        _lock_keys(deps, connection, (one.matter_id, made))
        matters.begin(connection, [(made, "", one.protected)], now)  # `_moved` finds its master
        # Those that stay are held like those that leave: what a person has parted, the step does not put together again.
        matter_hands.hold(connection, members - leaving)
        _moved(connection, Change("split", reason, one.matter_id, made, sorted(leaving)), now, by)
        new = matter_hands.find(connection, made)
        _audit(deps, connection, now, by, "split", one, reason, {"new": made, "demands": len(leaving)})
        return Done(made, new.number, len(leaving))


def _merge(
    deps: PipelineDeps,
    connection: Connection,
    gone: Standing,
    into: Standing,
    by: str,
    reason: str,
    now: datetime,
    *,
    action: str,
) -> Done:
    if gone.protected != into.protected:
        raise StateConflict(
            f"matter {gone.number} cannot become part of {into.number}: one of them is about a 举报 or integrity and is kept apart, "
            "the other is not (expected two of one kind); leave them as they are, for of what is protected nothing may show elsewhere",
            code=Code.STATE_CONFLICT,
        )
    moved = matter_hands.members(connection, gone.matter_id)
    _lock_keys(deps, connection, (gone.matter_id, into.matter_id))
    _moved(connection, Change(action, reason, gone.matter_id, into.matter_id, moved), now, by)
    matter_hands.merged(connection, gone.matter_id, into.matter_id, now, by=by, reason=reason)
    matter_hands.move_signals(connection, list(deps.plugins.rules), gone.matter_id, into.matter_id)
    matters.recount(connection, [gone.matter_id, into.matter_id], now)
    detail = {"into": into.matter_id, "demands": len(moved)}
    _audit(deps, connection, now, by, action, gone, reason, detail)
    return Done(into.matter_id, matter_hands.find(connection, into.matter_id).number, len(moved))


def _moved(connection: Connection, change: Change, now: datetime, by: str) -> None:
    """Moves the demands of a change, keeps it, and lets the rules look at them again."""
    assert change.other_id is not None
    matter_hands.move(connection, change.demand_ids, change.other_id, now, by=by)
    matters.changed(connection, change, now, by=by)
    matters.recount(connection, [change.matter_id, change.other_id], now)
    for start in range(0, len(change.demand_ids), _AT_ONCE):
        landing.push_evaluate_work(connection, change.demand_ids[start : start + _AT_ONCE], now)


def _lock_keys(deps: PipelineDeps, connection: Connection, matter_ids: Iterable[str]) -> None:
    """No rule judges these matters while they change."""
    keys = [key for matter_id in matter_ids for key in matter_hands.signal_keys(matter_id)]
    signals.lock_keys(connection, product(deps.plugins.rules, keys))


def _suggestion(connection: Connection, number: str, matter: str | None) -> Suggested:
    ids: Collection[str] = matter_hands.demand_ids(connection, [number]).values()
    found = [one for demand_id in ids for one in matter_hands.open_suggestions(connection, demand_id)]
    if matter is not None:
        wanted = matter_hands.find(connection, matter).matter_id
        found = [one for one in found if matter_hands.find(connection, one.matter_id).matter_id == wanted]
    waiting = [one for one in found if one.state == "suggested"]
    if len(waiting) > 1:
        raise StateConflict(
            f"demand {number}: {len(waiting)} joins are suggested (expected one); say which with --matter, from "
            "`hub matter suggested`",
            code=Code.STATE_CONFLICT,
        )
    if not found:
        raise NotFound(
            f"demand {number[:40]!r}: no join is suggested of it (expected one from `hub matter suggested`); check the number, or "
            "merge two matters with `hub matter merge`",
            code=Code.NOT_FOUND,
        )
    return (waiting or found)[0]


def _named(by: str, reason: str) -> None:
    if not by.strip() or by == BY_STEP or not reason.strip():
        raise ValueError("a decision names the person who takes it and the reason")


def _audit(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    by: str,
    action: str,
    matter: Standing,
    reason: str,
    detail: dict[str, object],
) -> None:
    write_audit(
        connection,
        deps.chain.salted_digest,
        now,
        actor=by,
        action=f"matter.{action}",
        subject=f"matter {matter.matter_id}",
        purpose=reason,
        detail=detail,
    )
