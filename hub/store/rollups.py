"""How many, by week, month and day: kept up to date with what each demand and case counts as.

`counted` knows of each demand what it was counted as, so that a change takes one away here and adds one there, a demand that is
looked at twice adds nothing, and nothing is written to the demand itself. `rollup` gets the differences as rows of their own: two
processes that count in the same series never wait for each other. Who judges the weeks folds the rows of a cell into one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from hub.model.codes import DemandType
from hub.model.series import ASKING, LONGEST_KEY, Counted, SeriesKind, kind_of_series
from hub.store import categories
from hub.store.engine import driver, text_array
from hub.store.tables import Id, metadata

counted = Table(
    "counted",
    metadata,
    Column("counted_id", Id, primary_key=True),
    Column("day", Date),
    Column("category", Text),
    Column("town", Id),
    Column("village", Id),
    Column("item", Text),
    Column("asks", Boolean, nullable=False),
    Column("is_case", Boolean, nullable=False),
    Index("counted_day_idx", "day"),
    comment="what each demand and case counts as in rollup; day NULL: as nothing",
)

rollup = Table(
    "rollup",
    metadata,
    Column("kind", Text, nullable=False),
    Column("key", Id, nullable=False),
    Column("since", Date, nullable=False),
    Column("n", Integer, nullable=False),
    Column("folded", Boolean, nullable=False),
    Index("rollup_cell_idx", "kind", "key", "since"),
    Index("rollup_folded_key", "kind", "key", "since", unique=True, postgresql_where=text("folded")),
    Index("rollup_new_idx", "since", postgresql_where=text("NOT folded")),
    comment="cases by series and week, month or day: the sum of the rows of a cell; differences, folded into one row in time",
)

_ASKING = ", ".join(f"'{kind.value}'" for kind in sorted(ASKING))
_DEMAND_COUNTS = (
    f"NOT d.deleted AND d.status <> 'void' AND NOT d.chases_open_order AND d.demand_type <> '{DemandType.PRAISE.value}' "
    "AND NOT EXISTS (SELECT 1 FROM demand_link l WHERE l.demand_id = d.demand_id)"
)
_IN_TOWN = "d.region_code ~ '^[0-9]{9}([0-9]{3})?$' AND substr(d.region_code, 7, 3) <> '000'"
# Cut: a source may write a letter where a category stands, and an index holds no letters.
_ITEM = f"left(coalesce(nullif({{0}}.item_code, ''), nullif({{0}}.item_name, '')), {LONGEST_KEY})"
_COLUMNS = "counted_id, day, category, town, village, item, asks, is_case"
_OF_DEMAND = (
    f"d.demand_id, CASE WHEN {_DEMAND_COUNTS} THEN CAST(d.submitted_at AT TIME ZONE 'Asia/Shanghai' AS date) END, "
    f"nullif(left({categories.SEEN}, {LONGEST_KEY}), ''), CASE WHEN {_IN_TOWN} THEN left(d.region_code, 9) || '000' END, "
    f"CASE WHEN {_IN_TOWN} AND length(d.region_code) = 12 AND right(d.region_code, 3) <> '000' THEN d.region_code END, "
    f"{_ITEM.format('d')}, d.demand_type IN ({_ASKING}), false"
)
_OF_CASE = (
    "c.case_id, CASE WHEN NOT c.deleted THEN CAST(coalesce(c.applied_at, c.accepted_at) AT TIME ZONE 'Asia/Shanghai' AS date) END, "
    f"NULL, NULL, NULL, {_ITEM.format('c')}, false, true"
)
_ASKED = 'FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL (SELECT * FROM {0} t WHERE t.{1} = s.id COLLATE "C" OFFSET 0) {2}'
_DEMANDS = f"SELECT {_OF_DEMAND} {_ASKED.format('demand', 'demand_id', 'd')}"
_CASES = f"SELECT {_OF_CASE} {_ASKED.format('service_case', 'case_id', 'c')}"
# Each series that a row of `counted` adds one to, as `Counted.cells` has them.
_CELLS = (
    "CROSS JOIN LATERAL (VALUES "
    "('category', c.category, CAST(date_trunc('week', c.day) AS date), NOT c.is_case), "
    "('category_month', c.category, CAST(date_trunc('month', c.day) AS date), NOT c.is_case), "
    "('region_category', c.town || '|' || c.category, CAST(date_trunc('week', c.day) AS date), NOT c.is_case), "
    "('region', c.town, c.day, NOT c.is_case), ('region', c.village, c.day, NOT c.is_case), "
    "('item', c.item, CAST(date_trunc('week', c.day) AS date), NOT c.is_case), "
    "('item_month', c.item, CAST(date_trunc('month', c.day) AS date), NOT c.is_case), "
    "('asked_item', c.item, CAST(date_trunc('week', c.day) AS date), NOT c.is_case AND c.asks), "
    "('case_item_month', c.item, CAST(date_trunc('month', c.day) AS date), c.is_case)) AS v (kind, key, since, holds) "
    "WHERE c.day IS NOT NULL AND v.holds AND v.key IS NOT NULL"
)
_INTO = "INSERT INTO rollup (kind, key, since, n, folded) SELECT v.kind, v.key, v.since, count(*)"
# Whoever else counts the same demand is waited for, in the order of the ids. What is new is added up at once; of what was counted
# before, what it was counted as comes back.
_TAKE = (
    f"WITH taken AS (INSERT INTO counted AS c ({_COLUMNS}) {{0}} ORDER BY 1 ON CONFLICT (counted_id) DO UPDATE SET asks = c.asks "
    f"RETURNING {_COLUMNS}, xmax = 0 AS is_new), "
    f"added AS ({_INTO}, false FROM taken c {_CELLS} AND c.is_new GROUP BY 1, 2, 3 RETURNING 1) "
    f"SELECT {_COLUMNS}, (SELECT count(*) FROM added) FROM taken WHERE NOT is_new "
    "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, false, false, (SELECT count(*) FROM added)"
)
_TAKE_DEMANDS, _TAKE_CASES = _TAKE.format(_DEMANDS), _TAKE.format(_CASES)
_CHANGE = (
    "UPDATE counted c SET day = r.day, category = r.category, town = r.town, village = r.village, item = r.item, asks = r.asks "
    "FROM unnest(%s::text[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::bool[]) "
    f'AS r ({_COLUMNS}) WHERE c.counted_id = r.counted_id COLLATE "C"'
)
_ADD = (
    "INSERT INTO rollup (kind, key, since, n, folded) "
    "SELECT *, false FROM unnest(%s::text[], %s::text[], %s::date[], %s::int[])"
)

Cell = tuple[SeriesKind, str, date]


def count_demands(connection: Connection, demand_ids: Sequence[str]) -> int:
    """Brings the counts into line with what these demands are now, and with what they are the same as.

    Called once in a transaction, before rules are asked; may be repeated. Another process that counts one of them is waited for.

    Returns:
        How many cells changed.
    """
    return _count(connection, _TAKE_DEMANDS, _DEMANDS, demand_ids)


def count_cases(connection: Connection, case_ids: Sequence[str]) -> int:
    """The same for cases; the caller holds them (`hub.store.observed.sealed_parts`)."""
    return _count(connection, _TAKE_CASES, _CASES, case_ids)


def _count(connection: Connection, take: str, asked: str, ids: Sequence[str]) -> int:
    if not ids:
        return 0
    cursor = driver(connection).cursor()
    cursor.execute(take, (text_array(list(dict.fromkeys(ids))),))
    before: dict[str, Counted] = {}
    changed = 0
    for *was, added in cursor:
        changed = added  # the same in every row
        if was[0] is not None:
            before[was[0]] = Counted(*was)
    return changed + (_move(cursor, asked, before) if before else 0)


def _move(cursor: Any, asked: str, before: Mapping[str, Counted]) -> int:
    """Takes away what these were counted as and adds what they are, which is read only now that nobody else can count them."""
    cursor.execute(asked, (text_array(list(before)),))
    moved = [one for row in cursor if (one := Counted(*row)) != before[one.counted_id]]
    if not moved:
        return 0
    differences: Counter[Cell] = Counter()
    for one in moved:
        differences.update(one.cells())
        differences.subtract(before[one.counted_id].cells())
    cursor.execute(_CHANGE, _columns(moved))
    changed = sorted((cell, n) for cell, n in differences.items() if n)
    if changed:
        cursor.execute(
            _ADD,
            (
                [kind.value for (kind, _, _), _ in changed],
                text_array([key for (_, key, _), _ in changed]),
                [since for (_, _, since), _ in changed],
                [n for _, n in changed],
            ),
        )
    return len(changed)


def _columns(rows: Iterable[Counted]) -> tuple[Any, ...]:
    listed = list(rows)
    return (
        text_array([one.counted_id for one in listed]),
        [one.day for one in listed],
        [one.category for one in listed],
        [one.town for one in listed],
        [one.village for one in listed],
        [one.item for one in listed],
        [one.asks for one in listed],
        [one.is_case for one in listed],
    )


# ---- folding, and counting all anew

_BACKFILL = (
    f"INSERT INTO counted ({_COLUMNS}) SELECT {_OF_DEMAND} FROM demand d",
    f"INSERT INTO counted ({_COLUMNS}) SELECT {_OF_CASE} FROM service_case c",
    f"{_INTO}, true FROM counted c {_CELLS} GROUP BY 1, 2, 3",
)
_FOLD = (
    "WITH gone AS (DELETE FROM rollup WHERE NOT folded RETURNING kind, key, since, n) "
    "INSERT INTO rollup (kind, key, since, n, folded) SELECT kind, key, since, sum(n), true FROM gone GROUP BY 1, 2, 3 "
    "HAVING sum(n) <> 0 ON CONFLICT (kind, key, since) WHERE folded DO UPDATE SET n = rollup.n + excluded.n"
)


def fold(connection: Connection) -> None:
    """Makes one row of each cell's differences. One at a time: the caller holds a lock of its own."""
    driver(connection).cursor().execute(_FOLD)


def recount(connection: Connection) -> None:
    """Counts every demand and case anew, from nothing; whoever counts meanwhile waits."""
    cursor = driver(connection).cursor()
    cursor.execute("LOCK TABLE counted, rollup IN ACCESS EXCLUSIVE MODE")
    cursor.execute("DELETE FROM rollup")
    cursor.execute("DELETE FROM counted")
    for statement in _BACKFILL:
        cursor.execute(statement)


# ---- asking


def cells(
    connection: Connection, kinds: Iterable[SeriesKind], since: date, until: date
) -> dict[SeriesKind, list[tuple[str, date, int]]]:
    """All cells of these kinds that begin in ``[since, until)``: (key, first day, cases), ascending; nothing of what is nought."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT kind, key, since, sum(n)::int FROM rollup WHERE kind = ANY(%s::text[]) AND since >= %s AND since < %s "
        "GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3",
        ([kind.value for kind in kinds], since, until),
        binary=True,
    )
    found: dict[SeriesKind, list[tuple[str, date, int]]] = {kind: [] for kind in kinds}
    for kind, key, first, n in cursor:
        found[SeriesKind(kind)].append((key, first, n))
    return found


def cells_of(
    connection: Connection, kind: SeriesKind, keys: Sequence[str], since: date, until: date
) -> dict[str, list[tuple[date, int]]]:
    """The cells of these keys that begin in ``[since, until)``: first day and cases, ascending; nothing of what is nought."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT r.key, r.since, sum(r.n)::int FROM unnest(%s::text[]) AS k (key) CROSS JOIN LATERAL "
        '(SELECT * FROM rollup WHERE kind = %s AND key = k.key COLLATE "C" AND since >= %s AND since < %s OFFSET 0) r '
        "GROUP BY 1, 2 HAVING sum(r.n) <> 0 ORDER BY 1, 2",
        (text_array(list(dict.fromkeys(keys))), kind.value, since, until),
        binary=True,
    )
    found: dict[str, list[tuple[date, int]]] = {}
    for key, first, n in cursor:
        found.setdefault(key, []).append((first, n))
    return found


def first_day(connection: Connection) -> date | None:
    """The first day on which a demand counts; None where none does."""
    found: date | None = connection.execute(
        text("SELECT min(day) FROM counted WHERE day IS NOT NULL AND NOT is_case")
    ).scalar_one()
    return found


def earliest_new(connection: Connection, kinds: Iterable[SeriesKind]) -> date | None:
    """The first day of the earliest cell of these kinds that changed since the last folding; None where none did."""
    found: date | None = connection.execute(
        text("SELECT min(since) FROM rollup WHERE NOT folded AND kind = ANY(:kinds)"),
        {"kinds": [kind.value for kind in kinds]},
    ).scalar_one()
    return found


def unfolded(connection: Connection, most: int) -> int:
    """How many differences wait to be folded; looks at ``most`` at most."""
    found: int = connection.execute(
        text("SELECT count(*) FROM (SELECT 1 FROM rollup WHERE NOT folded LIMIT :most) n"), {"most": most}
    ).scalar_one()
    return found


_BELONGS: Mapping[SeriesKind, str] = {
    SeriesKind.CATEGORY: "c.category = k.key",
    SeriesKind.CATEGORY_MONTH: "c.category = k.key",
    SeriesKind.REGION_CATEGORY: "c.town = split_part(k.key, '|', 1) AND c.category = substr(k.key, 14)",
    SeriesKind.REGION: "(c.town = k.key OR c.village = k.key)",
    SeriesKind.ITEM: "c.item = k.key",
    SeriesKind.ITEM_MONTH: "c.item = k.key",
    SeriesKind.ASKED_ITEM: "c.item = k.key AND c.asks",
}


def demands_of(
    connection: Connection, kind: SeriesKind, spans: Mapping[str, tuple[date, date]], most: int
) -> dict[str, list[str]]:
    """For each key the demands that it counts on days in its span ``[since, until)``, the latest ``most``, ascending by day and id."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT k.key, c.counted_id FROM unnest(%s::text[], %s::date[], %s::date[]) AS k (key, since, until) CROSS JOIN LATERAL "
        "(SELECT counted_id, day FROM counted c WHERE c.day >= k.since AND c.day < k.until AND NOT c.is_case "
        f"AND {_BELONGS[kind]} ORDER BY c.day DESC, c.counted_id DESC LIMIT %s) c ORDER BY k.key, c.day, c.counted_id",
        (
            text_array(list(spans)),
            [since for since, _ in spans.values()],
            [until for _, until in spans.values()],
            most,
        ),
    )
    found: dict[str, list[str]] = {}
    for key, demand_id in cursor:
        found.setdefault(key, []).append(demand_id)
    return found


def demands_of_series(
    connection: Connection, spans: Mapping[str, tuple[date, date]], most: int
) -> dict[str, list[str]]:
    """`demands_of` for series of several kinds."""
    found: dict[str, list[str]] = {}
    for kind, names in _by_kind(spans).items():
        told = demands_of(connection, kind, {key: spans[name] for key, name in names.items()}, most)
        found.update((names[key], demand_ids) for key, demand_ids in told.items())
    return found


def cells_of_series(
    connection: Connection, names: Iterable[str], since: date, until: date
) -> dict[str, list[tuple[date, int]]]:
    """`cells_of` for series of several kinds."""
    found: dict[str, list[tuple[date, int]]] = {}
    for kind, named in _by_kind(names).items():
        told = cells_of(connection, kind, list(named), since, until)
        found.update((named[key], rows) for key, rows in told.items())
    return found


def _by_kind(names: Iterable[str]) -> dict[SeriesKind, dict[str, str]]:
    """For each kind its keys, and the series' name of each."""
    found: dict[SeriesKind, dict[str, str]] = {}
    for name in names:
        kind, key = kind_of_series(name)
        found.setdefault(kind, {})[key] = name
    return found
