"""Matters 同一诉求（并案): which demands are about one thing, what is suggested, and every change with its author.

A demand is put into a matter once, before rules see it, and what it was decided by stays as it was (`matter_text`). What moves it
later is a text that says something else, or a person; each such change is kept, with the matter that the demand left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from hub.model.codes import DemandType
from hub.store.engine import driver, int_array, text_array
from hub.text.matter_place import Place

# What is read of a demand to compare it; more of it is not looked at (`hub.text.matter_words`).
_TITLE_CHARS, _TEXT_CHARS = 400, 4_000
BY_STEP = "hub"


class Said(NamedTuple):
    """One demand as it is grouped: masked words, place and what stands of it.

    Attributes:
        gone: Deleted or void.
        report: It is a 举报.
        matter_id: The matter that it is in; None where it is in none.
        seq: The frozen text that it was grouped by.
        said: Digest of what it said when it was last looked at.
        held: A person put it where it is.
        matter_protected: Whether that matter is kept apart.
    """

    demand_id: str
    title: str
    text: str
    place_id: str | None
    region_code: str | None
    submitted_at: datetime
    report: bool
    labels: list[str]
    gone: bool
    matter_id: str | None
    seq: int | None
    said: bytes | None
    held: bool | None
    matter_protected: bool | None


class Put(NamedTuple):
    """One demand that was put into a matter, with what it was decided by."""

    demand_id: str
    matter_id: str
    seq: int
    submitted_at: datetime
    said: bytes
    model: str
    place_id: str | None
    region_code: str | None
    vector: bytes
    decision: Mapping[str, Any]


class Change(NamedTuple):
    """A change of a matter: the demands that left ``matter_id``, and where they are now."""

    action: str
    reason: str
    matter_id: str
    other_id: str | None
    demand_ids: Sequence[str]


def said(connection: Connection, demand_ids: Sequence[str]) -> list[Said]:
    """These demands, in the order given, each once; one that is not stored is absent."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT d.demand_id, left(d.title, %s), left(d.text, %s), d.place_id, d.region_code, d.submitted_at, d.demand_type = %s, "
        "d.labels, d.deleted OR d.status = 'void', m.matter_id, m.seq, m.said, m.held, "
        "(SELECT protected FROM matter WHERE matter_id = m.matter_id) FROM unnest(%s::text[]) WITH ORDINALITY AS k (id, at) "
        'CROSS JOIN LATERAL (SELECT * FROM demand WHERE demand_id = k.id COLLATE "C" OFFSET 0) d '
        "LEFT JOIN LATERAL (SELECT * FROM matter_member WHERE demand_id = d.demand_id OFFSET 0) m ON true ORDER BY k.at",
        (
            _TITLE_CHARS,
            _TEXT_CHARS,
            DemandType.REPORT.value,
            text_array(list(dict.fromkeys(demand_ids))),
        ),
        binary=True,
    )
    return [Said(*row) for row in cursor]


def of(connection: Connection, demand_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
    """The matter of each demand that is in one, and whether it is kept apart."""
    rows = connection.execute(
        text(
            "SELECT m.demand_id, m.matter_id, (SELECT protected FROM matter WHERE matter_id = m.matter_id) AS protected "
            "FROM matter_member m WHERE m.demand_id = ANY(:ids)"
        ),
        {"ids": list(demand_ids)},
    )
    return {row.demand_id: (row.matter_id, row.protected) for row in rows}


def refused(connection: Connection, demand_ids: Collection[str]) -> set[tuple[str, str]]:
    """The joins (demand id, matter id) that a person has refused."""
    rows = connection.execute(
        text(
            "SELECT demand_id, matter_id FROM matter_suggestion WHERE demand_id = ANY(:ids) AND state = 'refused'"
        ),
        {"ids": list(demand_ids)},
    )
    return {(row.demand_id, row.matter_id) for row in rows}


def put(connection: Connection, rows: Sequence[Put], now: datetime, *, by: str = BY_STEP) -> None:
    """Writes frozen texts and the matter of their demands."""
    cursor = driver(connection).cursor()
    with cursor.copy(
        "COPY matter_text (seq, demand_id, model, place_id, region_code, vector, decision, decided_at) FROM STDIN"
    ) as copy:
        for one in rows:
            copy.write_row(
                (
                    one.seq,
                    one.demand_id,
                    one.model,
                    one.place_id,
                    one.region_code,
                    one.vector,
                    Jsonb(one.decision),
                    now,
                )
            )
    cursor.execute(
        "INSERT INTO matter_member (demand_id, matter_id, seq, submitted_at, said, joined_at, joined_by) "
        "SELECT demand_id, matter_id, seq, submitted_at, decode(said, 'hex'), %s, %s "
        "FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]::timestamptz[], %s::text[]) "
        "AS n (demand_id, matter_id, seq, submitted_at, said) ON CONFLICT (demand_id) DO UPDATE SET "
        "seq = excluded.seq, submitted_at = excluded.submitted_at, said = excluded.said, matter_id = excluded.matter_id, "
        "joined_at = CASE WHEN matter_member.matter_id = excluded.matter_id THEN matter_member.joined_at ELSE excluded.joined_at END, "
        "joined_by = CASE WHEN matter_member.matter_id = excluded.matter_id THEN matter_member.joined_by ELSE excluded.joined_by END, "
        "held = matter_member.held AND matter_member.matter_id = excluded.matter_id",
        (
            now,
            by,
            text_array([one.demand_id for one in rows]),
            text_array([one.matter_id for one in rows]),
            int_array(one.seq for one in rows),
            text_array([one.submitted_at.isoformat() for one in rows]),
            text_array([one.said.hex() for one in rows]),
        ),
    )


def begin(connection: Connection, rows: Sequence[tuple[str, str, bool]], now: datetime) -> None:
    """New matters of one member each: (matter id, demand id, whether it is kept apart)."""
    driver(connection).cursor().execute(
        "INSERT INTO matter (matter_id, master_id, state, protected, members, created_at, updated_at) "
        "SELECT matter_id, master_id, 'open', protected, 1, %s, %s FROM unnest(%s::text[], %s::text[], %s::bool[]) "
        "AS n (matter_id, master_id, protected)",
        (
            now,
            now,
            text_array([row[0] for row in rows]),
            text_array([row[1] for row in rows]),
            [row[2] for row in rows],
        ),
    )


def grown(connection: Connection, more: Mapping[str, int], now: datetime) -> None:
    """So many members more for each of these matters."""
    driver(connection).cursor().execute(
        "UPDATE matter m SET members = m.members + g.more, updated_at = %s FROM unnest(%s::text[], %s::int[]) AS g (matter_id, more) "
        'WHERE m.matter_id = g.matter_id COLLATE "C"',
        (now, text_array(list(more)), list(more.values())),
    )


def recount(connection: Connection, matter_ids: Collection[str], now: datetime) -> None:
    """Members and master of these matters anew; one that its last member left is ``left``, the master is the first submitted."""
    driver(connection).cursor().execute(
        "UPDATE matter m SET members = c.members, master_id = coalesce(c.master_id, m.master_id), updated_at = %s, "
        "state = CASE WHEN c.members = 0 THEN CASE WHEN m.state = 'merged' THEN 'merged' ELSE 'left' END ELSE 'open' END, "
        "merged_into = CASE WHEN c.members = 0 THEN m.merged_into END "
        "FROM (SELECT k.id, count(x.demand_id) AS members, CASE WHEN bool_or(x.demand_id = o.master_id) THEN min(o.master_id) "
        "ELSE (array_agg(x.demand_id ORDER BY d.submitted_at, d.demand_id))[1] END AS master_id "
        "FROM unnest(%s::text[]) AS k (id) JOIN matter o ON o.matter_id = k.id "
        "LEFT JOIN matter_member x ON x.matter_id = k.id LEFT JOIN demand d ON d.demand_id = x.demand_id GROUP BY k.id) c "
        'WHERE m.matter_id = c.id COLLATE "C"',
        (now, text_array(sorted(matter_ids))),
    )


def suggest(connection: Connection, rows: Sequence[tuple[str, str, float, int]], now: datetime) -> None:
    """Joins for a person to confirm: (demand id, matter id, score, number of the frozen text); decided ones stay as decided."""
    driver(connection).cursor().execute(
        "INSERT INTO matter_suggestion (demand_id, matter_id, state, score, seq, suggested_at) "
        "SELECT demand_id, matter_id, 'suggested', score, seq, %s "
        "FROM unnest(%s::text[], %s::text[], %s::float8[], %s::bigint[]) AS n (demand_id, matter_id, score, seq) "
        "ON CONFLICT (demand_id, matter_id) DO UPDATE SET score = excluded.score, seq = excluded.seq, state = 'suggested', "
        "suggested_at = excluded.suggested_at WHERE matter_suggestion.state IN ('suggested', 'void')",
        (
            now,
            text_array([row[0] for row in rows]),
            text_array([row[1] for row in rows]),
            [row[2] for row in rows],
            [row[3] for row in rows],
        ),
    )


def void_suggestions(connection: Connection, demand_ids: Collection[str], now: datetime) -> None:
    """What was suggested of these demands no longer holds: they say something else, or are somewhere else."""
    connection.execute(
        text(
            "UPDATE matter_suggestion SET state = 'void', decided_at = :now, decided_by = :by "
            "WHERE demand_id = ANY(:ids) AND state = 'suggested'"
        ),
        {"ids": list(demand_ids), "now": now, "by": BY_STEP},
    )


def changed(connection: Connection, change: Change, now: datetime, *, by: str) -> int:
    """Keeps a change, and for each demand the matter that it left; returns the change's number."""
    change_id: int = connection.execute(
        text(
            "INSERT INTO matter_change (at, by, action, reason, matter_id, other_id, demand_ids) "
            "VALUES (:now, :by, :action, :reason, :matter, :other, CAST(:demands AS text[])) RETURNING change_id"
        ),
        {
            "now": now,
            "by": by,
            "action": change.action,
            "reason": change.reason,
            "matter": change.matter_id,
            "other": change.other_id,
            "demands": text_array(sorted(change.demand_ids)),
        },
    ).scalar_one()
    if change.other_id is not None:
        connection.execute(
            text(
                "INSERT INTO matter_left (demand_id, matter_id, change_id) "
                "SELECT unnest(CAST(:demands AS text[])), :matter, :change"
            ),
            {
                "demands": text_array(sorted(change.demand_ids)),
                "matter": change.matter_id,
                "change": change_id,
            },
        )
    return change_id


def places_of(
    connection: Connection, matter_ids: Collection[str], *, but: Collection[str] = ()
) -> dict[str, set[Place]]:
    """Where the members of these matters are, without these demands; the nowhere of those that name no place is left out."""
    if not matter_ids:
        return {}
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT DISTINCT m.matter_id, t.place_id, t.region_code FROM matter_member m JOIN matter_text t ON t.seq = m.seq "
        "WHERE m.matter_id = ANY(%s::text[]) AND (t.place_id IS NOT NULL OR t.region_code IS NOT NULL) "
        "AND m.demand_id <> ALL(%s::text[])",
        (text_array(sorted(matter_ids)), text_array(sorted(but))),
    )
    found: dict[str, set[Place]] = {}
    for matter_id, place_id, region_code in cursor:
        found.setdefault(matter_id, set()).add(Place(place_id, region_code))
    return found


def has_others(connection: Connection, matter_id: str, *, but: Collection[str]) -> bool:
    """Whether a matter has a member that is none of these demands."""
    return bool(
        connection.execute(
            text(
                "SELECT EXISTS (SELECT 1 FROM matter_member WHERE matter_id = :matter AND demand_id <> ALL(CAST(:but AS text[])))"
            ),
            {"matter": matter_id, "but": text_array(sorted(but))},
        ).scalar_one()
    )
