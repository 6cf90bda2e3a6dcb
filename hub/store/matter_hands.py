"""What a person changes of matters: rows found, moved and held; the step leaves alone what is held. The caller has the lock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from hub.errors import Code, NotFound
from hub.store.engine import text_array

_MOST_STEPS = 64
_PREFIX = "matter:"


@dataclass(frozen=True, slots=True)
class Standing:
    """One matter as it stands: ``number`` is its master demand's."""

    matter_id: str
    number: str
    state: str
    protected: bool
    members: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """A join that was suggested, and what became of it."""

    demand_id: str
    matter_id: str
    state: str


def find(connection: Connection, ref: str) -> Standing:
    """The matter that goes by that name: its id, or the number of any demand in it; of a merged one what it was merged into.

    Raises:
        NotFound: There is none.
    """
    matter_id = connection.execute(
        text(
            "SELECT coalesce((SELECT m.matter_id FROM demand d JOIN matter_member m USING (demand_id) WHERE d.demand_no = :ref), "
            "(SELECT matter_id FROM matter WHERE matter_id = :ref))"
        ),
        {"ref": ref},
    ).scalar_one()
    for _ in range(_MOST_STEPS):
        row = connection.execute(
            text(
                "SELECT m.matter_id, m.merged_into, m.state, m.protected, m.members, d.demand_no FROM matter m "
                "LEFT JOIN demand d ON d.demand_id = m.master_id WHERE m.matter_id = :id"
            ),
            {"id": matter_id},
        ).one_or_none()
        if row is None:
            break
        if row.merged_into is None:
            return Standing(
                row.matter_id, row.demand_no or row.matter_id, row.state, row.protected, row.members
            )
        matter_id = row.merged_into
    raise NotFound(
        f"matter {ref[:40]!r}: not found (expected the number of a demand that was grouped, or an id from `hub matter list`); "
        "check the number, or let the hub group what waits with `hub run once`",
        code=Code.NOT_FOUND,
    )


def demand_ids(connection: Connection, numbers: Sequence[str]) -> dict[str, str]:
    """Demand number -> id, of those that are stored."""
    rows = connection.execute(
        text("SELECT demand_no, demand_id FROM demand WHERE demand_no = ANY(:numbers)"),
        {"numbers": list(numbers)},
    )
    return {row.demand_no: row.demand_id for row in rows}


def members(connection: Connection, matter_id: str) -> list[str]:
    """The demands of a matter, ascending by id."""
    rows = connection.execute(
        text("SELECT demand_id FROM matter_member WHERE matter_id = :id ORDER BY demand_id"),
        {"id": matter_id},
    )
    return list(rows.scalars())


def move(connection: Connection, moved: Collection[str], matter_id: str, now: datetime, *, by: str) -> None:
    """Puts demands into a matter and holds them there."""
    connection.execute(
        text(
            "UPDATE matter_member SET matter_id = :matter, held = true, joined_at = :now, joined_by = :by "
            "WHERE demand_id = ANY(CAST(:ids AS text[]))"
        ),
        {"matter": matter_id, "now": now, "by": by, "ids": text_array(sorted(moved))},
    )


def hold(connection: Connection, held: Collection[str]) -> None:
    """Lets these demands stay where they are, whatever they say later."""
    connection.execute(
        text("UPDATE matter_member SET held = true WHERE demand_id = ANY(CAST(:ids AS text[]))"),
        {"ids": text_array(sorted(held))},
    )


def merged(connection: Connection, gone: str, into: str, now: datetime, *, by: str, reason: str) -> None:
    """Marks a matter as merged; what was suggested of it is suggested of the other, and what this decides is decided."""
    values = {"gone": gone, "into": into, "now": now, "by": by, "reason": reason}
    connection.execute(
        text(
            "UPDATE matter SET state = 'merged', merged_into = :into, updated_at = :now WHERE matter_id = :gone"
        ),
        values,
    )
    connection.execute(
        text(
            "UPDATE matter_suggestion s SET matter_id = :into WHERE matter_id = :gone AND NOT EXISTS "
            "(SELECT 1 FROM matter_suggestion o WHERE o.demand_id = s.demand_id AND o.matter_id = :into)"
        ),
        values,
    )
    connection.execute(
        text(
            "UPDATE matter_suggestion s SET state = 'confirmed', decided_at = :now, decided_by = :by, reason = :reason "
            "FROM matter_member m WHERE m.demand_id = s.demand_id AND m.matter_id = :into AND s.matter_id = :into "
            "AND s.state = 'suggested'"
        ),
        values,
    )


def move_signals(connection: Connection, rule_ids: Sequence[str], gone: str, into: str) -> None:
    """What was signalled of a matter is signalled of another from now on; the rules then make one of what overlaps.

    Args:
        connection: Its caller holds the keys of both (`signal_keys`).
        rule_ids: The rules whose signals are looked at.
        gone: A matter.
        into: Another.
    """
    connection.execute(
        text(
            "UPDATE signal SET key = CASE key WHEN :gone THEN :into ELSE :prefix || :into END WHERE rule_id = ANY(:rules) "
            "AND (key = :prefix || :gone OR key = :gone AND subject = 'matter')"
        ),
        {"rules": list(rule_ids), "gone": gone, "into": into, "prefix": _PREFIX},
    )


def signal_keys(matter_id: str) -> tuple[str, ...]:
    """The keys under which rules judge a matter: its id where they judge nothing else, ``matter:<id>`` where they do."""
    return matter_id, f"{_PREFIX}{matter_id}"


def open_suggestions(connection: Connection, demand_id: str) -> list[Suggested]:
    """The joins of a demand, decided ones too, the latest suggested first."""
    rows = connection.execute(
        text(
            "SELECT demand_id, matter_id, state FROM matter_suggestion WHERE demand_id = :id AND state <> 'void' "
            "ORDER BY suggested_at DESC, matter_id"
        ),
        {"id": demand_id},
    )
    return [Suggested(row.demand_id, row.matter_id, row.state) for row in rows]


def settle(
    connection: Connection, one: Suggested, verdict: str, now: datetime, *, by: str, reason: str
) -> None:
    """Writes what a person decided on a suggested join."""
    connection.execute(
        text(
            "UPDATE matter_suggestion SET state = :state, decided_at = :now, decided_by = :by, reason = :reason "
            "WHERE demand_id = :demand AND matter_id = :matter"
        ),
        {
            "state": verdict,
            "now": now,
            "by": by,
            "reason": reason,
            "demand": one.demand_id,
            "matter": one.matter_id,
        },
    )
