"""What was judged of whole weeks: which rule judged which week by what, and which series it has found to be too many.

The lists of study (研判清单) stand here too: each leaves a record, an empty one as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.sdk.weekly import WEEK, SeriesVerdict, WeekFindings
from hub.store import rollups
from hub.store.engine import driver, text_array
from hub.store.tables import EMPTY_OBJECT, Id, Moment, metadata

week_judged = Table(
    "week_judged",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("week", Date, primary_key=True),
    Column("judged_at", Moment, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("series", Integer, nullable=False),
    Column("notes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    comment="weeks that a rule has judged as a whole; inputs is empty when a count has changed that it went by",
)

week_verdict = Table(
    "week_verdict",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("series", Id, primary_key=True),
    Column("week", Date, primary_key=True),
    Column("observed", Double, nullable=False),
    Column("expected", Double),
    Column("upper", Double),
    Column("p_value", Double),
    Column("q_value", Double),
    Column("alarm", Boolean, nullable=False),
    Column("method", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Index("week_verdict_week_idx", "rule_id", "week"),
    comment="series that a rule found to be beyond what it expects of a week, whether it is an alarm or not",
)

study = Table(
    "study",
    metadata,
    Column("study_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    Index("study_kind_idx", "kind", "made_at"),
    comment="研判清单: each list that was made, whole, an empty one as well (R56)",
)

_LOCK = 0x7765656B  # "week": one process judges weeks at a time
_COLUMNS = "series, week, observed, expected, upper, p_value, q_value, alarm, method, detail"


def alone(connection: Connection) -> bool:
    """Whether nobody else judges weeks; nobody will until the transaction ends."""
    return bool(
        connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}).scalar_one()
    )


def judged(connection: Connection, since: date) -> dict[str, dict[date, tuple[str, datetime]]]:
    """Rule id -> week, from ``since`` on -> by what it was judged (nothing, where its counts have changed since then), and when."""
    found: dict[str, dict[date, tuple[str, datetime]]] = {}
    for row in connection.execute(
        text("SELECT rule_id, week, inputs, judged_at FROM week_judged WHERE week >= :since"),
        {"since": since},
    ):
        found.setdefault(row.rule_id, {})[row.week] = row.inputs, row.judged_at
    return found


def forget(connection: Connection, since: date) -> None:
    """Takes away by what the weeks from this one on were judged: their counts, or those of their baselines, have changed."""
    connection.execute(
        text("UPDATE week_judged SET inputs = '' WHERE week >= :since AND inputs <> ''"), {"since": since}
    )


def verdicts(connection: Connection, rule_id: str, series: Sequence[str]) -> dict[str, list[SeriesVerdict]]:
    """For each of these series its verdicts, ascending by week."""
    cursor = driver(connection).cursor()
    cursor.execute(
        f"SELECT {_COLUMNS} FROM unnest(%s::text[]) AS s (name) CROSS JOIN LATERAL (SELECT * FROM week_verdict v "
        'WHERE v.rule_id = %s AND v.series = s.name COLLATE "C" OFFSET 0) v ORDER BY series, week',
        (text_array(series), rule_id),
    )
    found: dict[str, list[SeriesVerdict]] = {}
    for row in cursor:
        found.setdefault(row[0], []).append(SeriesVerdict(*row))
    return found


def put(
    connection: Connection, rule_id: str, week: date, inputs: str, findings: WeekFindings, now: datetime
) -> set[str]:
    """Makes these the findings of the week; returns the series of which rules must say something else now."""
    cursor = driver(connection).cursor()
    cursor.execute(
        f"DELETE FROM week_verdict WHERE rule_id = %s AND week = %s RETURNING {_COLUMNS}", (rule_id, week)
    )
    before = {row[0]: SeriesVerdict(*row) for row in cursor}
    after = {one.series: one for one in findings.verdicts}
    cursor.executemany(
        f"INSERT INTO week_verdict (rule_id, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (rule_id, one.series, one.week, one.observed, one.expected, one.upper, one.p_value, one.q_value, one.alarm, one.method, Jsonb(dict(one.detail)))
            for one in after.values()
        ],
    )  # fmt: skip
    cursor.execute(
        "INSERT INTO week_judged (rule_id, week, judged_at, inputs, series, notes) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (rule_id, week) DO UPDATE SET judged_at = excluded.judged_at, inputs = excluded.inputs, "
        "series = excluded.series, notes = excluded.notes",
        (rule_id, week, now, inputs, findings.series, Jsonb(dict(findings.notes))),
    )
    alarms = {name for told in (before, after) for name, one in told.items() if one.alarm}
    return {name for name in alarms if before.get(name) != after.get(name)}


def to_judge_again(connection: Connection, rule_id: str, series: Collection[str], week: date) -> list[str]:
    """Demands by which a rule finds its way to each of these series: one of the week, and those of the signals that stand."""
    named = rollups.demands_of_series(connection, dict.fromkeys(series, (week, week + WEEK)), 1)
    found = {demand_ids[0] for demand_ids in named.values()}
    rows = connection.execute(
        text(
            "SELECT demand_ids FROM signal WHERE rule_id = :rule AND key = ANY(:keys) AND state <> 'merged'"
        ),
        {"rule": rule_id, "keys": sorted(series)},
    )
    found.update(row.demand_ids[0] for row in rows if row.demand_ids)
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Regions:
    """What is known of regions beside their demands.

    Attributes:
        residents: By region.
        names: By region.
        spots: The middle of a town's places, by town.
    """

    residents: Mapping[str, int]
    names: Mapping[str, str]
    spots: Mapping[str, tuple[float, float]]


def regions_version(connection: Connection) -> int:
    """Which regions stand; 0 where there never were any."""
    found: int = connection.execute(
        text("SELECT coalesce(max(version), 0) FROM gazetteer_version")
    ).scalar_one()
    return found


def regions(connection: Connection) -> Regions:
    """The regions that stand."""
    rows = connection.execute(text("SELECT code, name, residents FROM region")).all()
    spots = connection.execute(
        text(
            "SELECT left(region_code, 9) || '000' AS town, avg(longitude) AS x, avg(latitude) AS y FROM place "
            "WHERE longitude IS NOT NULL AND length(region_code) = 12 AND substr(region_code, 7, 3) <> '000' GROUP BY 1"
        )
    )
    return Regions(
        {row.code: row.residents for row in rows if row.residents is not None},
        {row.code: row.name for row in rows},
        {row.town: (row.x, row.y) for row in spots},
    )


def group_signals(
    connection: Connection, rule_ids: Collection[str], since: datetime
) -> list[tuple[datetime, str, str]]:
    """When a signal of these rules ended, a region that its demands lie in, and its key; each once, ascending.

    Only what is open or warned: what a person has dismissed was none. Several rules may tell of one group, which has one key.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT s.window_to, r.region, s.key FROM signal s JOIN counted c ON c.counted_id = ANY(s.demand_ids) "
            "CROSS JOIN LATERAL (VALUES (c.town), (c.village)) AS r (region) WHERE s.rule_id = ANY(:rules) "
            "AND s.state IN ('open', 'warned') AND s.window_to >= :since AND r.region IS NOT NULL ORDER BY 1, 2, 3"
        ),
        {"rules": sorted(rule_ids), "since": since},
    )
    return [(row.window_to, row.region, row.key) for row in rows]
