"""The category catalogue as the county's data, and which category each demand has.

A demand's category stands in a narrow row of its own: judging ten years again under a new model writes no wide row. With a new
catalogue or model every stored demand waits in `category_work` to be judged again: rows of work, claimed with SKIP LOCKED and
deleted with the work (design decision 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.model.category import CategoriesSection, CategoryEntry, resolved
from hub.store.engine import driver, text_array
from hub.store.landing import push_evaluate_work
from hub.store.tables import EMPTY_ARRAY, Id, metadata
from hub.store.work import row_dicts

category_version = Table(
    "category_version",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("categories", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    comment="each category catalogue that `hub config apply` brought, kept whole: who answers for it, since when it holds; none: "
    "the hub's own",
)

demand_category = Table(
    "demand_category",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("code", Id),
    Column("l1", Text),
    Column("l2", Text),
    Column("suggested", Id),
    Column("margin", Double),
    Column("decided_by", Text, nullable=False),
    Column("decided_version", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("person", Text),
    # What rules may have seen before, each once; '' for the source's own word, or none. Its keys are judged again.
    Column("former", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    CheckConstraint("decided_by IN ('source', 'catalogue', 'model', 'person')", name="decided_by"),
    Index("demand_category_open_idx", "demand_id", postgresql_where=text("l2 IS NULL")),
    Index("demand_category_person_idx", "demand_id", postgresql_where=text("decided_by = 'person'")),
    comment="the category of each demand, apart from its wide row: l2 is what rules see; NULL waits for a person (待人工), or the "
    "source's own word stands",
)

category_work = Table(
    "category_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    Column("demand_ids", ARRAY(Id), nullable=False),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    comment="demands whose category is to be judged again: catalogue or model changed, or somebody held them at the time",
)

# "cate": taken alone by who brings a catalogue or model, together by all who judge by those that stand. So nobody still judges by
# the old ones when the stored demands are counted that must be judged again.
_LOCK = 0x63617465
_HELD = timedelta(seconds=10)  # how long to wait for whoever holds a demand


@dataclass(frozen=True, slots=True)
class CatalogueApplied:
    """What bringing a catalogue did.

    Attributes:
        version: The version that stands now; 0 for the hub's own.
        new: Whether it is a new one.
        waiting: Stored demands whose category is judged again.
    """

    version: int = 0
    new: bool = False
    categories: int = 0
    waiting: int = 0


class Standing(NamedTuple):
    """What judges now: the catalogue's version (0 for the hub's own), and the model in use."""

    catalogue: int
    model_id: int | None


class Category(NamedTuple):
    """The category of one demand as it is decided; equal ones write nothing.

    Attributes:
        code: None where nothing decided, or the catalogue does not know what the source said.
        l1: Alone where the source named an area and no more.
        suggested: The likeliest code where a person is to decide.
        margin: How sure; None where a source or a person said so.
        decided_by: ``source``, ``catalogue``, ``model`` or ``person``.
        decided_version: Name and digest of the catalogue or model.
    """

    code: str | None
    l1: str | None
    l2: str | None
    suggested: str | None
    margin: float | None
    decided_by: str
    decided_version: str


class Said(NamedTuple):
    """What a demand says of its category: masked words, and the source's own name of it."""

    demand_id: str
    title: str
    text: str
    category: str | None


def standing(connection: Connection) -> Standing:
    """What judges now, and until this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})
    row = connection.execute(
        text(
            "SELECT (SELECT coalesce(max(version), 0) FROM category_version), "
            "(SELECT model_id FROM category_model WHERE state = 'in_use')"
        )
    ).one()
    return Standing(*row)


def alone(connection: Connection) -> None:
    """Waits until nobody judges by what stands, and keeps everybody from it until this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def load(connection: Connection, version: int) -> list[CategoryEntry]:
    """The catalogue of that version, ascending by code."""
    document: list[dict[str, Any]] = connection.execute(
        text("SELECT document FROM category_version WHERE version = :version"), {"version": version}
    ).scalar_one()
    return [CategoryEntry.model_validate(one) for one in document]


def put(
    connection: Connection,
    section: CategoriesSection | None,
    own: Sequence[CategoryEntry],
    digest: str,
    author: str,
    now: datetime,
) -> CatalogueApplied:
    """Makes the section's catalogue the one that stands, in the caller's transaction; bringing it again changes nothing.

    Args:
        section: Checked by `hub.model.category.category_faults`; None leaves what stands.
        own: The hub's own catalogue.
        digest: Of the whole catalogue that the section makes.
        author: Who answers for it; kept with the version.
    """
    alone(connection)
    last = connection.execute(
        text("SELECT version, digest, categories FROM category_version ORDER BY version DESC LIMIT 1")
    ).one_or_none()
    if section is None or (last is not None and last.digest == digest):
        return CatalogueApplied(last.version, False, last.categories) if last else CatalogueApplied()
    entries = resolved(section, own)
    version: int = connection.execute(
        category_version.insert()
        .values(
            digest=digest,
            author=author,
            valid_from=now,
            categories=len(entries),
            document=[one.model_dump(mode="json") for one in entries],
        )
        .returning(category_version.c.version)
    ).scalar_one()
    return CatalogueApplied(version, True, len(entries), all_wait(connection))


def all_wait(connection: Connection) -> int:
    """Lets every stored demand wait for its category that no person confirmed; what waited already waits no longer for that."""
    connection.execute(
        text(
            "DELETE FROM category_work WHERE work_id IN (SELECT work_id FROM category_work FOR UPDATE SKIP LOCKED)"
        )
    )
    count: int = connection.execute(
        text(
            "WITH numbered AS (SELECT demand_id, (row_number() OVER (ORDER BY demand_id) - 1) / 500 AS part FROM demand d "
            "WHERE NOT EXISTS (SELECT 1 FROM demand_category c WHERE c.demand_id = d.demand_id AND c.decided_by = 'person')), "
            "made AS (INSERT INTO category_work (demand_ids, not_before) SELECT array_agg(demand_id), timestamptz 'epoch' "
            "FROM numbered GROUP BY part RETURNING cardinality(demand_ids) AS n) SELECT coalesce(sum(n), 0)::bigint FROM made"
        )
    ).scalar_one()
    return count


# ---- the demands' categories


def claim(connection: Connection, now: datetime) -> tuple[int, list[str]] | None:
    """One row of work that is due, locked until the transaction ends: its id and its demands; None when nothing is."""
    row = connection.execute(
        text(
            "SELECT work_id, demand_ids FROM category_work WHERE not_before <= :now ORDER BY work_id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ),
        {"now": now},
    ).one_or_none()
    return (row.work_id, list(row.demand_ids)) if row is not None else None


def done(connection: Connection, work_id: int) -> None:
    """Removes a row of work, in the transaction that did it."""
    connection.execute(text("DELETE FROM category_work WHERE work_id = :id"), {"id": work_id})


def take(connection: Connection, demand_ids: Sequence[str]) -> dict[str, Category]:
    """What stands of these demands, locked until the transaction ends; absent where nothing does, or somebody else holds it."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT demand_id, code, l1, l2, suggested, margin, decided_by, decided_version FROM demand_category "
        'WHERE demand_id = ANY(%s::text[] COLLATE "C") ORDER BY demand_id FOR UPDATE SKIP LOCKED',
        (text_array(demand_ids),),
    )
    return {row[0]: Category(*row[1:]) for row in cursor}


def said(connection: Connection, demand_ids: Sequence[str]) -> list[Said]:
    """What these demands say now, ascending. Ask after `take`: then nobody writes the category of an older text over a newer's."""
    cursor = driver(connection).cursor()
    cursor.execute(
        'SELECT demand_id, title, text, category FROM demand WHERE demand_id = ANY(%s::text[] COLLATE "C") ORDER BY demand_id',
        (text_array(demand_ids),),
        binary=True,
    )
    return [Said(*row) for row in cursor]


def write(
    connection: Connection,
    judged: Mapping[str, Category],
    stood: Mapping[str, Category],
    now: datetime,
    *,
    seen: bool,
) -> list[str]:
    """Writes what was judged of demands that `take` was asked for; returns those of which rules will see another category.

    What somebody else wrote in the meantime waits in `category_work`, and nobody waits for a lock.

    Args:
        stood: What `take` gave.
        seen: Rules may have seen those that had no row yet.
    """
    changed = {one: judged[one] for one in sorted(judged) if one in stood and judged[one] != stood[one]}
    other = [
        one for one, category in changed.items() if category[2] != stood[one].l2
    ]  # by l2, for that is what rules see
    if changed:
        rows = [(one, *category) for one, category in changed.items()]
        _store(connection, rows, now, former=set(other))
    fresh = {one: judged[one] for one in sorted(judged) if one not in stood}
    made = _insert(connection, [(one, *category) for one, category in fresh.items()], now, seen=seen)
    if held := sorted(fresh.keys() - made):
        wait(connection, held, now + _HELD)
    return sorted([*other, *(one for one in made if fresh[one].l2 is not None)])


_COLUMNS = "demand_id, code, l1, l2, suggested, margin, decided_by, decided_version"
_TYPES = "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::text[], %s::text[]"


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _store(
    connection: Connection, rows: Sequence[tuple[Any, ...]], now: datetime, *, former: set[str]
) -> None:
    driver(connection).cursor().execute(
        "UPDATE demand_category c SET code = j.code, l1 = j.l1, l2 = j.l2, suggested = j.suggested, margin = j.margin, "
        "decided_by = j.decided_by, decided_version = j.decided_version, decided_at = %s, person = NULL, "
        "former = CASE WHEN j.other AND NOT coalesce(c.l2, '') = ANY(c.former) THEN c.former || coalesce(c.l2, '') ELSE c.former END "
        f'FROM unnest({_TYPES}, %s::bool[]) AS j ({_COLUMNS}, other) WHERE c.demand_id = j.demand_id COLLATE "C"',
        (now, *_columns(rows), [row[0] in former for row in rows]),
    )


def _insert(
    connection: Connection, rows: Sequence[tuple[Any, ...]], now: datetime, *, seen: bool
) -> set[str]:
    if not rows:
        return set()
    cursor = driver(connection).cursor()
    # In one order, so that two who insert the same demands wait for each other one way only.
    cursor.execute(
        f"INSERT INTO demand_category ({_COLUMNS}, decided_at, former) SELECT {_COLUMNS}, %s, "
        f"CASE WHEN %s AND l2 IS NOT NULL THEN '{{\"\"}}'::text[] ELSE '{{}}' END "
        f"FROM unnest({_TYPES}) AS j ({_COLUMNS}) ORDER BY demand_id ON CONFLICT (demand_id) DO NOTHING RETURNING demand_id",
        (now, seen, *_columns(rows)),
    )
    return {row[0] for row in cursor}


def wait(connection: Connection, demand_ids: Sequence[str], not_before: datetime) -> None:
    """Lets these demands wait for their category."""
    driver(connection).cursor().execute(
        "INSERT INTO category_work (demand_ids, not_before) VALUES (%s::text[], %s)",
        (text_array(demand_ids), not_before),
    )


def confirm(
    connection: Connection, demand_id: str, entry: CategoryEntry, version: str, person: str, now: datetime
) -> bool:
    """Writes a person's decision, which nothing but another person's overwrites; False where it stands already.

    Args:
        version: Name and digest of the catalogue out of which the person chose.
        person: Who answers for it.
    """
    # The row first, so that no step is judging it meanwhile.
    connection.execute(
        text(
            "INSERT INTO demand_category (demand_id, decided_by, decided_version, decided_at) VALUES (:id, 'source', '', :now) "
            "ON CONFLICT (demand_id) DO NOTHING"
        ),
        {"id": demand_id, "now": now},
    )
    written = connection.execute(
        text(
            "UPDATE demand_category SET former = CASE WHEN l2 IS DISTINCT FROM :l2 AND NOT coalesce(l2, '') = ANY(former) "
            "THEN former || coalesce(l2, '') ELSE former END, code = :code, l1 = :l1, l2 = :l2, suggested = NULL, margin = NULL, "
            "decided_by = 'person', decided_version = :version, decided_at = :now, person = :person "
            "WHERE demand_id = :id AND NOT (decided_by = 'person' AND code = :code AND l2 = :l2 AND l1 = :l1)"
        ),
        {
            "id": demand_id,
            "code": entry.code,
            "l1": entry.l1,
            "l2": entry.name,
            "version": version,
            "now": now,
            "person": person,
        },
    )
    return written.rowcount > 0


def seen_again(connection: Connection, demand_ids: Sequence[str], now: datetime) -> None:
    """Lets the rules look again at demands of which the category changed."""
    push_evaluate_work(connection, demand_ids, now)


# ---- what rules and screens see

SEEN = "coalesce((SELECT c.l2 FROM demand_category c WHERE c.demand_id = d.demand_id AND c.l2 IS NOT NULL), d.category)"
"""The category that rules see of a row ``d`` of `demand`: as it was decided, else the source's own word."""


def formers(connection: Connection, demand_ids: Sequence[str]) -> dict[str, list[str | None]]:
    """What rules may have seen these demands' categories to be before, by id; most are absent."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT c.demand_id, c.former, d.category FROM demand_category c JOIN demand d USING (demand_id) "
        "WHERE c.demand_id = ANY(%s::text[] COLLATE \"C\") AND c.former <> '{}' ORDER BY c.demand_id",
        (text_array(demand_ids),),
    )
    return {row[0]: [one or row[2] for one in row[1]] for row in cursor}


def shown(connection: Connection, demand_id: str) -> dict[str, Any] | None:
    """The row of one demand; None where its category was not judged yet."""
    row = connection.execute(
        text(f"SELECT {_COLUMNS}, decided_at, person FROM demand_category WHERE demand_id = :id"),
        {"id": demand_id},
    ).one_or_none()
    return dict(row._mapping) if row is not None else None


def unmapped(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """What sources call their categories and no catalogue knows, with how many demands and instances, the commonest first."""
    rows = connection.execute(
        text(
            "SELECT d.category AS said, count(*) AS demands, array_agg(DISTINCT d.instance ORDER BY d.instance) AS instances "
            "FROM demand_category c JOIN demand d USING (demand_id) "
            "WHERE c.l2 IS NULL AND c.l1 IS NULL AND c.decided_by = 'source' AND d.category IS NOT NULL "
            "GROUP BY d.category ORDER BY count(*) DESC, d.category LIMIT :limit"
        ),
        {"limit": limit},
    )
    return row_dicts(rows)


def waiting(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Demands whose category a person is to decide (待人工), the latest received first, with the likeliest code."""
    rows = connection.execute(
        text(
            "SELECT d.demand_no, d.submitted_at, d.instance, d.title, c.suggested, c.margin, c.decided_by FROM demand_category c "
            "JOIN demand d USING (demand_id) WHERE c.l2 IS NULL AND c.decided_by <> 'source' AND NOT d.deleted "
            "ORDER BY c.demand_id DESC LIMIT :limit"
        ),
        {"limit": limit},
    )
    return row_dicts(rows)


def counted(connection: Connection) -> dict[str, int]:
    """How many demands have each code."""
    rows = connection.execute(
        text("SELECT code, count(*) AS n FROM demand_category WHERE code IS NOT NULL GROUP BY code")
    )
    return {row.code: row.n for row in rows}
