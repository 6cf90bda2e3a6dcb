"""Regions and places as the county's data, and what was found of each demand's place.

A version of the gazetteer is the whole truth; each is kept. With a new one every stored demand waits in `place_work` to have its
place looked for again: rows of work, claimed with SKIP LOCKED and deleted with the work (design decision 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Double,
    Identity,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.errors import Code, ConfigError
from hub.model.place import PlaceEntry, RegionEntry, level_of, parent_of, place_faults
from hub.store.chain import canonical
from hub.store.engine import driver, text_array
from hub.store.tables import EMPTY_ARRAY, Id, metadata

gazetteer_version = Table(
    "gazetteer_version",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    Column("regions", Integer, nullable=False),
    Column("places", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    comment="each state of the tables region and place, kept whole: who brought it, and its SHA-256",
)

region = Table(
    "region",
    metadata,
    Column("code", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent", Id),
    Column("aliases", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("residents", Integer),
    comment="区划 down to the village, twelve digits: data, imported by `hub config apply` or `hub place import`",
)

place = Table(
    "place",
    metadata,
    Column("place_id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("region_code", Id, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("longitude", Double),
    Column("latitude", Double),
    comment="事发地点, the gazetteer: data, imported by `hub config apply` or `hub place import`",
)

place_work = Table(
    "place_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    Column("demand_ids", ARRAY(Id), nullable=False),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    comment="demands whose place is to be looked for again: the gazetteer changed, or somebody held them at the time",
)

# "plac": taken alone by who brings a gazetteer, together by all who place demands by the one that stands. So nobody is still
# placing by the old one when the stored demands are counted that must be placed again.
_LOCK = 0x706C6163
AT_ONCE = 500
_HELD = timedelta(seconds=10)  # how long to wait for whoever holds a demand


@dataclass(frozen=True, slots=True)
class GazetteerApplied:
    """What bringing a gazetteer did.

    Attributes:
        version: The version that stands now; 0 where there never was one.
        new: Whether it is a new one.
        waiting: Stored demands whose place is looked for again.
    """

    version: int = 0
    new: bool = False
    regions: int = 0
    places: int = 0
    waiting: int = 0


def version(connection: Connection) -> int:
    """The gazetteer that stands now, and until this transaction ends; 0 where there never was one."""
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})
    found: int = connection.execute(
        text("SELECT coalesce(max(version), 0) FROM gazetteer_version")
    ).scalar_one()
    return found


def load(connection: Connection) -> tuple[list[RegionEntry], list[PlaceEntry]]:
    """All regions and places that stand, ascending by code and id."""
    cursor = driver(connection).cursor()
    cursor.execute("SELECT code, name, aliases, residents FROM region ORDER BY code")
    # Checked when they were brought; checking a hundred thousand again would cost a second.
    regions = [
        RegionEntry.model_construct(code=code, name=name, aliases=tuple(aliases), residents=residents)
        for code, name, aliases, residents in cursor
    ]
    return regions, places(connection)


def places(connection: Connection) -> list[PlaceEntry]:
    """All places that stand, ascending by id."""
    from hub.model.place import PlaceKind

    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT place_id, name, kind, region_code, aliases, longitude, latitude FROM place ORDER BY place_id"
    )
    return [
        PlaceEntry.model_construct(
            id=row[0], name=row[1], kind=PlaceKind(row[2]), region_code=row[3], aliases=tuple(row[4]),
            longitude=row[5], latitude=row[6],
        )
        for row in cursor
    ]  # fmt: skip


def put(
    connection: Connection,
    regions: Sequence[RegionEntry] | None,
    places: Sequence[PlaceEntry] | None,
    author: str,
    now: datetime,
) -> GazetteerApplied:
    """Makes these the regions and places that stand, in the caller's transaction; bringing them again changes nothing.

    Args:
        regions: All of them, each code once; None leaves those that stand, and likewise ``places``.
        author: Who answers for it; kept with the version.

    Raises:
        ConfigError: A place lies in a region that is not among the regions.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = connection.execute(
        text("SELECT version, digest, regions, places FROM gazetteer_version ORDER BY version DESC LIMIT 1")
    ).one_or_none()
    if regions is None and places is None:
        return (
            GazetteerApplied(last.version, False, last.regions, last.places) if last else GazetteerApplied()
        )
    stood = load(connection)
    regions = sorted(regions if regions is not None else stood[0], key=lambda one: one.code)
    places = sorted(places if places is not None else stood[1], key=lambda one: one.id)
    _fit(regions, places)
    document = {
        "regions": [_plain_region(one) for one in regions],
        "places": [_plain(one, tuple(PlaceEntry.model_fields)) for one in places],
    }
    digest = sha256(canonical(document)).hexdigest()
    if last is not None and last.digest == digest:
        return GazetteerApplied(last.version, False, last.regions, last.places)
    if last is None and not regions and not places:
        return GazetteerApplied()
    _write(connection, regions, places)
    made: int = connection.execute(
        gazetteer_version.insert()
        .values(
            digest=digest,
            author=author,
            applied_at=now,
            regions=len(regions),
            places=len(places),
            document=document,
        )
        .returning(gazetteer_version.c.version)
    ).scalar_one()
    return GazetteerApplied(made, True, len(regions), len(places), _all_wait(connection))


def _fit(regions: Sequence[RegionEntry], places: Sequence[PlaceEntry]) -> None:
    faults = list(place_faults(places, {one.code for one in regions}))
    if faults:
        more = f"; and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise ConfigError(
            f"the gazetteer cannot be brought: {'; '.join(faults[:10])}{more}; nothing was changed: bring regions and places that fit "
            "together",
            code=Code.CONFIG_INVALID,
        )


def _plain(entry: RegionEntry | PlaceEntry, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _plain_region(entry: RegionEntry) -> dict[str, Any]:
    # A region whose residents nobody told is written as it was before they could be: that is no new version.
    told = () if entry.residents is None else ("residents",)
    return _plain(entry, ("code", "name", "aliases", *told))


def _write(connection: Connection, regions: Sequence[RegionEntry], places: Sequence[PlaceEntry]) -> None:
    cursor = driver(connection).cursor()
    cursor.execute("DELETE FROM region")
    cursor.execute("DELETE FROM place")
    with cursor.copy("COPY region (code, name, level, parent, aliases, residents) FROM STDIN") as copy:
        for one in regions:
            copy.write_row(
                (
                    one.code,
                    one.name,
                    level_of(one.code).value,
                    parent_of(one.code),
                    list(one.aliases),
                    one.residents,
                )
            )
    with cursor.copy(
        "COPY place (place_id, name, kind, region_code, aliases, longitude, latitude) FROM STDIN"
    ) as copy:
        for each in places:
            copy.write_row(
                (
                    each.id,
                    each.name,
                    each.kind.value,
                    each.region_code,
                    list(each.aliases),
                    each.longitude,
                    each.latitude,
                )
            )


def _all_wait(connection: Connection) -> int:
    """Lets every stored demand wait for its place; what waited for an older gazetteer waits no longer, but for rows at work."""
    connection.execute(
        text(
            "DELETE FROM place_work WHERE work_id IN (SELECT work_id FROM place_work FOR UPDATE SKIP LOCKED)"
        )
    )
    count: int = connection.execute(
        text(
            "WITH numbered AS (SELECT demand_id, (row_number() OVER (ORDER BY demand_id) - 1) / :size AS part FROM demand), "
            "made AS (INSERT INTO place_work (demand_ids, not_before) SELECT array_agg(demand_id), timestamptz 'epoch' "
            "FROM numbered GROUP BY part RETURNING cardinality(demand_ids) AS n) SELECT coalesce(sum(n), 0)::bigint FROM made"
        ),
        {"size": AT_ONCE},
    ).scalar_one()
    return count


# ---- the demands' places


class Standing(NamedTuple):
    """What stands of one demand, and what was said of its place; ``sealed`` holds the words."""

    demand_id: str
    region_code: str | None
    region_by_place: bool
    place_id: str | None
    place_candidates: list[str] | None
    quality: list[str]
    confirmed: list[str]
    title: str
    text: str
    sealed: bytes


class Found(NamedTuple):
    """What a demand's place is from now on."""

    demand_id: str
    place_id: str | None
    place_candidates: Sequence[str] | None
    region_code: str | None
    region_by_place: bool
    quality: Sequence[str]


def claim(connection: Connection, now: datetime) -> tuple[int, list[str]] | None:
    """One row of work that is due, locked until the transaction ends: its id and its demands; None when nothing is."""
    row = connection.execute(
        text(
            "SELECT work_id, demand_ids FROM place_work WHERE not_before <= :now ORDER BY work_id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ),
        {"now": now},
    ).one_or_none()
    return (row.work_id, list(row.demand_ids)) if row is not None else None


def done(connection: Connection, work_id: int) -> None:
    """Removes a row of work, in the transaction that did it."""
    connection.execute(text("DELETE FROM place_work WHERE work_id = :id"), {"id": work_id})


def take(connection: Connection, demand_ids: Sequence[str], now: datetime) -> list[Standing]:
    """These demands, ascending and locked until the transaction ends.

    Whoever holds one may not have seen the gazetteer that stands: it waits in `place_work`, and nobody waits for a lock.
    """
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT demand_id, region_code, region_by_place, place_id, place_candidates, quality, confirmed, title, text, sealed "
        'FROM demand WHERE demand_id = ANY(%s::text[] COLLATE "C") ORDER BY demand_id FOR NO KEY UPDATE SKIP LOCKED',
        (text_array(demand_ids),),
        binary=True,
    )
    found = [Standing(*row) for row in cursor]
    if len(found) < len(held := set(demand_ids)):
        held.difference_update(one.demand_id for one in found)
        cursor.execute(
            "INSERT INTO place_work (demand_ids, not_before) SELECT array_agg(demand_id ORDER BY demand_id), %s FROM demand "
            'WHERE demand_id = ANY(%s::text[] COLLATE "C") HAVING count(*) > 0',
            (now + _HELD, text_array(sorted(held))),
        )
    return found


def write(
    connection: Connection, found: Sequence[Found], now: datetime, *, remembered: Sequence[str], by: str
) -> None:
    """Writes what was found of demands that `take` holds.

    Args:
        remembered: Those whose former state rules may have seen: it goes into the history.
        by: Who changes, for the history.
    """
    cursor = driver(connection).cursor()
    if remembered:
        cursor.execute(
            "INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed) "
            "SELECT demand_id, %s, %s, to_jsonb(d) - 'sealed', sealed FROM demand d WHERE demand_id = ANY(%s::text[] COLLATE \"C\")",
            (now, by, text_array(remembered)),
        )
    cursor.execute(
        "UPDATE demand d SET place_id = f.place_id, place_candidates = f.candidates::text[], region_code = f.region_code, "
        "region_by_place = f.by_place, quality = f.quality::text[], updated_at = %s "
        "FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[]) "
        "AS f (demand_id, place_id, candidates, region_code, by_place, quality) WHERE d.demand_id = f.demand_id",
        (
            now,
            [one.demand_id for one in found],
            [one.place_id for one in found],
            [text_array(one.place_candidates) if one.place_candidates else None for one in found],
            [one.region_code for one in found],
            [one.region_by_place for one in found],
            [text_array(one.quality) for one in found],
        ),
    )


def named(connection: Connection, place_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Name, kind and region of these places, by id; a village of the table of regions is a place too."""
    rows = connection.execute(
        text(
            "SELECT place_id, name, kind, region_code FROM place WHERE place_id = ANY(:ids) UNION ALL "
            "SELECT code, name, 'village', code FROM region WHERE code = ANY(:ids) AND level = 'village'"
        ),
        {"ids": list(place_ids)},
    )
    return {
        row.place_id: {"name": row.name, "kind": row.kind, "region_code": row.region_code} for row in rows
    }


def region_names(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    """Name of each of these regions, by code; those that the table does not have are absent."""
    rows = connection.execute(
        text("SELECT code, name FROM region WHERE code = ANY(:codes)"), {"codes": list(codes)}
    )
    return {row.code: row.name for row in rows}


def listed(
    connection: Connection, *, region_code: str | None, kind: str | None, name: str | None, limit: int
) -> list[dict[str, Any]]:
    """Places of the gazetteer by their id, narrowed down by region (with all that lies in it), kind, and part of a name."""
    rows = connection.execute(
        text(
            "SELECT p.place_id, p.name, p.kind, p.region_code, r.name AS region, p.aliases, p.longitude, p.latitude FROM place p "
            "LEFT JOIN region r ON r.code = p.region_code "
            "WHERE (CAST(:region AS text) IS NULL OR starts_with(p.region_code, :region)) "
            "AND (CAST(:kind AS text) IS NULL OR p.kind = :kind) AND (CAST(:name AS text) IS NULL OR position(:name IN p.name) > 0 "
            "OR EXISTS (SELECT 1 FROM unnest(p.aliases) AS a WHERE position(:name IN a) > 0)) ORDER BY p.place_id LIMIT :limit"
        ),
        {"region": region_code, "kind": kind, "name": name, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]


def regions_listed(connection: Connection, *, within: str | None, limit: int) -> list[dict[str, Any]]:
    """Regions by their code, narrowed down to those in one."""
    rows = connection.execute(
        text(
            "SELECT code, name, level, parent, aliases, residents FROM region "
            "WHERE CAST(:within AS text) IS NULL OR starts_with(code, :within) ORDER BY code LIMIT :limit"
        ),
        {"within": within, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]
