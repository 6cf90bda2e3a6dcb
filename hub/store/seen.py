"""What rules see beside demands: things of each kind, found by their ids or by what they are about, many keys in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.model.codes import Watch
from hub.model.said import OBSERVATIONS
from hub.model.warning import OrderView, WarningFacts
from hub.sdk.rules import Seen
from hub.store.observed import CASE_TIMES, columns_of, shown_table

_CASE_AT = f"coalesce({', '.join(f't.{name}' for name in CASE_TIMES)})"
_PLANNED = "t.planned_on::timestamp AT TIME ZONE 'Asia/Shanghai'"
_CODE_OR_NAME = "coalesce(t.organisation_code, t.organisation)"

_WARNINGS = """(SELECT w.*, s.subject, s.key, w.issued_at AS updated_at, false AS deleted FROM warning w JOIN signal s USING (signal_id))"""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a kind stands.

    Attributes:
        source: Table or subquery, named ``t`` in every expression here.
        id: Its id's column.
        at: SQL of the event time.
        columns: Columns that its model is made of.
        subjects: What keys may be -> the SQL that they equal.
        make: The model out of the columns' values.
    """

    source: str
    id: str
    at: str
    columns: Sequence[str]
    subjects: Mapping[str, str]
    make: Callable[[dict[str, Any]], Any]
    instance: str = "t.instance"
    watch: str = "t.watch"


def _observation(kind: str, at: str, *, organisation: str = _CODE_OR_NAME, **subjects: str) -> _Kind:
    model, table = OBSERVATIONS[kind], shown_table(kind)
    (key,) = table.primary_key.columns
    columns = [name for name in columns_of(model) if name in table.c]

    def make(values: dict[str, Any]) -> Any:
        said = {name: value for name, value in values.items() if value is not None}
        return model.model_validate({"source_no": said.get("case_no", ""), **said})

    known = {
        "case_no": "t.case_no",
        "item": "t.item_code",
        "window": "t.window_no",
        "post": "t.post",
        "region": "t.region_code",
    }
    about = {name: sql for name, sql in known.items() if sql.removeprefix("t.") in table.c}
    return _Kind(
        table.name,
        key.name,
        at,
        columns,
        {kind: f"t.{key.name}", "organisation": organisation, **about, **subjects},
        make,
        watch="t.watch" if "watch" in table.c else str(Watch.MONITOR.value),
    )


KINDS: Mapping[str, _Kind] = {
    "case": _observation("case", _CASE_AT),
    "rating": _observation("rating", "t.rated_at", device="t.device_no"),
    "inspection": _observation(
        "inspection",
        f"coalesce(t.began_at, {_PLANNED}, t.received_at)",
        organisation="t.centre",
        level="t.level",
    ),
    "finding": _observation("finding", "t.found_at", organisation="t.organisation"),
    "monitor_event": _observation("monitor_event", "t.occurred_at"),
    "warning": _Kind(
        _WARNINGS,
        "warning_id",
        "t.issued_at",
        list(WarningFacts.model_fields),
        {
            "warning": "t.warning_id",
            "organisation": "t.organisation",
            "item": "t.item_code",
            "window": "t.window_no",
            "post": "t.post",
        },
        WarningFacts.model_validate,
        "''",
        "NULL::int",
    ),
    "order": _Kind(
        "(SELECT *, created_at AS updated_at, false AS deleted FROM orders)",
        "order_id",
        "t.created_at",
        list(OrderView.model_fields),
        {"order": "t.order_id", "organisation": "t.organisation"},
        OrderView.model_validate,
        "''",
        "NULL::int",
    ),
}


def query(kind: str, subject: str, source: str) -> str:
    """SQL of the things of a kind for the keys and spans in ``source`` (rows ``s (key, since, until)``): key, id, instance, time, columns.

    Raises:
        ValueError: There is no such kind, or it has no such subject.
    """
    known, about = _known(kind, subject)
    columns = ", ".join(f"t.{name} AS {name}" for name in known.columns)
    # OFFSET 0 keeps the planner at one look into the index a key, however many keys and things there are (P9).
    return (
        f"SELECT s.key, t.seen_id, t.seen_instance, t.seen_at, t.seen_watch, {', '.join(f't.{name}' for name in known.columns)} FROM {source} "
        f"CROSS JOIN LATERAL (SELECT t.{known.id} AS seen_id, {known.instance} AS seen_instance, {known.at} AS seen_at, {known.watch} AS seen_watch, {columns} "
        f'FROM {known.source} t WHERE {about} = s.key COLLATE "C" AND {known.at} >= s.since '
        f"AND {known.at} < s.until AND NOT t.deleted OFFSET 0) t ORDER BY s.key, t.seen_at, t.seen_id"
    )


def daily_query(kind: str, subject: str, source: str) -> str:
    """SQL of how many things of a kind fall on each day of the county, for keys and spans as in `query`: key, day, count.

    Raises:
        ValueError: As `query`.
    """
    known, about = _known(kind, subject)
    return (
        f"SELECT s.key, t.day, count(*) FROM {source} CROSS JOIN LATERAL (SELECT ({known.at} AT TIME ZONE 'Asia/Shanghai')::date AS day "
        f'FROM {known.source} t WHERE {about} = s.key COLLATE "C" AND {known.at} >= s.since '
        f"AND {known.at} < s.until AND NOT t.deleted OFFSET 0) t GROUP BY 1, 2 ORDER BY 1, 2"
    )


def seen(kind: str, row: Sequence[Any]) -> Seen:
    """The thing in a row of `query`, its key left out."""
    known = _kind(kind)
    number, instance, at, watch, *values = row
    what = known.make(dict(zip(known.columns, values, strict=True)))
    return Seen(kind, number, instance, at, Watch(watch) if watch is not None else None, what)


def of_ids(connection: Connection, kind: str, ids: Sequence[str]) -> list[Seen]:
    """These things as they stand now, the deleted included, ascending by id."""
    known = _kind(kind)
    columns = ", ".join(f"t.{name}" for name in known.columns)
    rows = connection.execute(
        text(
            f"SELECT t.{known.id}, {known.instance}, {known.at}, {known.watch}, {columns} FROM {known.source} t "
            f"WHERE t.{known.id} = ANY(CAST(:ids AS text[])) ORDER BY t.{known.id}"
        ),
        {"ids": list(ids)},
    )
    return [seen(kind, row) for row in rows]


def former(connection: Connection, kind: str, now: Sequence[Seen]) -> list[Seen]:
    """What these things were before, so that the keys that they left are judged again; of a case, what its parts were."""
    if kind not in OBSERVATIONS or not now:
        return []
    by_id = {one.id: one for one in now}
    if kind == "case":
        statement = (
            "SELECT c.case_id AS id, h.was FROM service_case c JOIN case_part p USING (instance, case_no) "
            "JOIN observation_history h ON h.kind = 'case' AND h.observation_id = p.observation_id "
            "WHERE c.case_id = ANY(CAST(:ids AS text[]))"
        )
    else:
        statement = (
            "SELECT observation_id AS id, was FROM observation_history "
            f"WHERE kind = '{kind}' AND observation_id = ANY(CAST(:ids AS text[]))"
        )
    known = _kind(kind)
    found = []
    for row in connection.execute(text(statement), {"ids": sorted(by_id)}):
        one = by_id[row.id]
        was = known.make({name: row.was.get(name) for name in known.columns})
        if was != one.what:
            found.append(replace(one, what=was))
    return found


def ids_between(
    connection: Connection, kinds: Sequence[str], since: datetime, until: datetime
) -> Iterator[tuple[str, list[str]]]:
    """Things of these kinds that were received or changed in ``[since, until)``: kind and up to 5,000 ids at a time."""
    for kind in kinds:
        known = _kind(kind)
        after = ""
        while True:
            rows = connection.execute(
                text(
                    f"SELECT t.{known.id} FROM {known.source} t WHERE t.updated_at >= :since AND t.updated_at < :until "
                    f"AND t.{known.id} > :after ORDER BY t.{known.id} LIMIT 5000"
                ),
                {"since": since, "until": until, "after": after},
            ).all()
            if not rows:
                break
            yield kind, [row[0] for row in rows]
            after = rows[-1][0]


def _known(kind: str, subject: str) -> tuple[_Kind, str]:
    known = _kind(kind)
    if subject not in known.subjects:
        raise ValueError(
            f"of kind {kind} history knows the subjects {sorted(known.subjects)}, not {subject!r}: correct the rule"
        )
    return known, known.subjects[subject]


def _kind(kind: str) -> _Kind:
    if kind not in KINDS:
        raise ValueError(f"history knows the kinds {sorted(KINDS)}, not {kind!r}: correct the rule")
    return KINDS[kind]
