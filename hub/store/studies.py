"""What the lists of study ask of the store, and their records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from hub.model.series import LONGEST_KEY
from hub.model.study import STUDY_TITLES, Study, StudyKind
from hub.store.engine import driver, text_array

_ITEM = f"left(coalesce(nullif(item_code, ''), nullif(item_name, '')), {LONGEST_KEY})"
_WINDOW = "CASE WHEN window_no <> '' THEN concat_ws(' ', nullif(organisation, ''), window_no) END"


def keep(
    connection: Connection,
    kind: StudyKind,
    period: str,
    entries: Sequence[dict[str, Any]],
    notes: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> Study:
    """Writes the record of a list that was just made, and gives the list back with its number."""
    title = STUDY_TITLES[kind]
    study_id: int = connection.execute(
        text(
            "INSERT INTO study (kind, period, made_at, made_by, entries, document) "
            "VALUES (:kind, :period, :at, :by, :n, CAST(:document AS jsonb)) RETURNING study_id"
        ),
        {
            "kind": kind.value,
            "period": period,
            "at": now,
            "by": by,
            "n": len(entries),
            "document": Jsonb({"entries": list(entries), "notes": list(notes)}),
        },
    ).scalar_one()
    return Study(
        study_id=study_id,
        kind=kind,
        title=title,
        period=period,
        made_at=now,
        made_by=by,
        entries=tuple(entries),
        notes=tuple(notes),
    )


def kept(connection: Connection, kind: StudyKind, limit: int) -> list[Study]:
    """The lists of one kind that were made, newest first."""
    rows = connection.execute(
        text(
            "SELECT study_id, period, made_at, made_by, document FROM study WHERE kind = :kind ORDER BY study_id DESC LIMIT :limit"
        ),
        {"kind": kind.value, "limit": limit},
    )
    return [
        Study(
            study_id=row.study_id,
            kind=kind,
            title=STUDY_TITLES[kind],
            period=row.period,
            made_at=row.made_at,
            made_by=row.made_by,
            entries=tuple(row.document["entries"]),
            notes=tuple(row.document["notes"]),
        )
        for row in rows
    ]


def item_names(
    connection: Connection, items: Sequence[str], since: date, until: date, *, of_cases: bool
) -> dict[str, str]:
    """What demands, or cases, of those days call these service items; an item that none names is absent."""
    table, key = ("service_case", "case_id") if of_cases else ("demand", "demand_id")
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT k.item, n.item_name FROM unnest(%s::text[]) AS k (item) CROSS JOIN LATERAL (SELECT t.item_name FROM counted c "
        f"JOIN {table} t ON t.{key} = c.counted_id WHERE c.day >= %s AND c.day < %s AND c.is_case = %s AND c.item = k.item "
        "AND t.item_name <> '' ORDER BY c.day DESC, c.counted_id DESC LIMIT 1) n",
        (text_array(items), since, until, of_cases),
    )
    return dict(cursor.fetchall())


def first_case_day(connection: Connection) -> date | None:
    """The first day on which a case was applied for; None where none was."""
    found: date | None = connection.execute(
        text("SELECT min(day) FROM counted WHERE day IS NOT NULL AND is_case")
    ).scalar_one()
    return found


class Strain(NamedTuple):
    """How one measure of an item or a window stands in a period, and how it stood before.

    Attributes:
        subject: ``item`` or ``window``.
        key: Code or name of the item; organisation and number of the window.
        name: Of the item.
        measure: ``corrections``, ``waits``, ``bad_ratings`` or ``overdue``.
        now: Events in the period.
        before: Events in the time before.
        hours_now: Of waits their mean in the period.
        hours_before: The same for the time before.
    """

    subject: str
    key: str
    name: str | None
    measure: str
    now: int
    before: int
    hours_now: float | None
    hours_before: float | None


_STRAINS = f"""
WITH one AS (
    SELECT s.*, {_ITEM} AS item, {_WINDOW} AS windows FROM counted k JOIN service_case s ON s.case_id = k.counted_id
    WHERE k.is_case AND k.day >= %(applied_since)s
), happened AS (
    SELECT item, item_name, windows, 'corrections' AS measure, CAST(e->>'asked_at' AS timestamptz) AS at, NULL::float8 AS hours
    FROM one CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(corrections) WHEN 'array' THEN corrections ELSE '[]' END) e
    UNION ALL
    SELECT item, item_name, windows, 'waits', accepted_at, extract(epoch FROM accepted_at - applied_at) / 3600.0
    FROM one WHERE accepted_at >= applied_at
    UNION ALL
    SELECT item, item_name, windows, 'overdue', due_at, NULL FROM one WHERE coalesce(finished_at, %(until)s) > due_at
    UNION ALL
    SELECT {_ITEM}, item_name, {_WINDOW}, 'bad_ratings', rated_at, NULL FROM rating
    WHERE NOT deleted AND level <= 2 AND rated_at >= %(before)s AND rated_at < %(until)s
)
SELECT v.subject, v.key, min(v.name), h.measure, count(*) FILTER (WHERE h.at >= %(since)s), count(*) FILTER (WHERE h.at < %(since)s),
    avg(h.hours) FILTER (WHERE h.at >= %(since)s), avg(h.hours) FILTER (WHERE h.at < %(since)s)
FROM happened h CROSS JOIN LATERAL (VALUES ('item', h.item, h.item_name), ('window', h.windows, NULL)) AS v (subject, key, name)
WHERE h.at >= %(before)s AND h.at < %(until)s AND v.key IS NOT NULL GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
"""


def strains(
    connection: Connection, before: datetime, since: datetime, until: datetime, applied_since: date
) -> list[Strain]:
    """Every measure of every item and window that had an event in ``[before, until)``; the period begins with ``since``.

    Args:
        applied_since: Cases that were applied for earlier are not looked at.
    """
    cursor = driver(connection).cursor()
    cursor.execute(
        _STRAINS, {"before": before, "since": since, "until": until, "applied_since": applied_since}
    )
    return [Strain(*row) for row in cursor]
