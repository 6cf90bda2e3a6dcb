"""What the grouping of matters looks things up in: postings, word models and counts. One process at a time writes here.

A posting list holds the newest demands of one feature within 90 days of event time, 64 of them: ten bytes each, so that a list is
one row that is read and written as a whole. What a look-up costs is set by that, however many demands are stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from struct import Struct
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from hub.errors import Code, NotFound
from hub.store.engine import driver, int_array, text_array
from hub.text.matter_place import Place
from hub.text.matter_vector import WordModel

ENTRY = Struct("<IIH")
"""One entry of a posting list: the number of a frozen text, the feature's weight in it times 100,000, the day of the event since 1970."""
WEIGHT_UNIT = 100_000
QUARTER_DAYS = 90
NO_MODEL = "none"

_LOCK = 0x6D617474  # "matt": whoever groups demands, or changes a matter by hand
Key = tuple[str, int]


class State(NamedTuple):
    """Where the grouping stands.

    Attributes:
        model: Version of the word model that the next text is weighed by.
        texts: How many texts have been counted.
        last_seq: The last number that a frozen text got.
    """

    model: str
    texts: int
    last_seq: int


class Frozen(NamedTuple):
    """A frozen text as it is compared, with the matter of its demand as it is now; ``vector`` None where the caller has it already."""

    seq: int
    demand_id: str
    matter_id: str
    place: Place
    vector: bytes | None


class Kept(NamedTuple):
    """A frozen text with what was decided on it."""

    demand_id: str
    place: Place
    vector: bytes
    decision: dict[str, Any]


def try_lock(connection: Connection) -> bool:
    """Lets nobody else change matters until the transaction ends; False when somebody else does."""
    cursor = driver(connection).cursor()
    return bool(cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()[0])


def lock(connection: Connection) -> None:
    """As `try_lock`, but waits."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def day_of(moment: datetime) -> int:
    """The day since 1970 of an event, within what an entry can hold."""
    return min(max((moment.astimezone(UTC) - _EPOCH).days, 0), 0xFFFF)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def state(connection: Connection) -> State:
    """Where the grouping stands; the caller holds the lock."""
    cursor = driver(connection).cursor()
    return State(*cursor.execute("SELECT model, texts, last_seq FROM matter_state").fetchone())


def keep_state(connection: Connection, now_at: State) -> None:
    """Writes where the grouping stands."""
    driver(connection).cursor().execute(
        "UPDATE matter_state SET model = %s, texts = %s, last_seq = %s", tuple(now_at)
    )


def model(connection: Connection, version: str) -> WordModel:
    """The word model of that version, as it was frozen."""
    if version == NO_MODEL:
        return WordModel(NO_MODEL)
    kept = connection.execute(
        text("SELECT counts FROM matter_model WHERE version = :version"), {"version": version}
    ).scalar_one()
    return WordModel.from_bytes(bytes(kept))


def keep_model(connection: Connection, made: WordModel, now: datetime) -> None:
    """Freezes a word model; one with the same counts stands already when a pass is done again."""
    connection.execute(
        text(
            "INSERT INTO matter_model (version, texts, made_at, counts) VALUES (:version, :texts, :now, :counts) ON CONFLICT DO NOTHING"
        ),
        {"version": made.version, "texts": made.texts, "now": now, "counts": made.to_bytes()},
    )


def keep_counts(connection: Connection, texts: int, counts: Mapping[str, int]) -> None:
    """Keeps in how many of these texts each feature stands, for the next word model."""
    driver(connection).cursor().execute(
        "INSERT INTO matter_count (texts, counts) VALUES (%s, %s)", (texts, orjson.dumps(counts))
    )


def take_counts(connection: Connection) -> Iterator[tuple[int, dict[str, int]]]:
    """What was counted since the last word model, and clears it away: (texts, feature -> texts), row by row."""
    cursor = driver(connection).cursor()
    cursor.execute("DELETE FROM matter_count RETURNING texts, counts", binary=True)
    for texts, counts in cursor:
        yield texts, orjson.loads(counts)


def postings(connection: Connection, wanted: Collection[Key]) -> dict[Key, bytes]:
    """The lists of these features, of the quarter named and of those beside it; a list that is absent is empty."""
    if not wanted:
        return {}
    cursor = driver(connection).cursor()
    order = sorted(wanted)  # so that one look into the index finds its pages where the last one left them
    # OFFSET 0 keeps the planner at one look into the index a feature.
    cursor.execute(
        "SELECT p.feature, p.quarter, p.entries FROM unnest(%s::text[], %s::int[]) AS k (feature, quarter) CROSS JOIN LATERAL "
        '(SELECT * FROM matter_posting p WHERE p.feature = k.feature COLLATE "C" '
        "AND p.quarter BETWEEN k.quarter - 1 AND k.quarter + 1 OFFSET 0) p",
        (text_array([feature for feature, _ in order]), int_array(quarter for _, quarter in order)),
        binary=True,
    )
    return {(feature, quarter): entries for feature, quarter, entries in cursor.fetchall()}


def keep_postings(connection: Connection, lists: Mapping[Key, bytes], *, there: Collection[Key]) -> None:
    """Writes these lists; ``there`` tells those that stand already, as the caller, who has the lock, has read.

    Told apart, they cost two thirds of an INSERT that looks for a conflict and locks each row before it writes it.
    """
    cursor = driver(connection).cursor()
    old, new = sorted(lists.keys() & there), sorted(lists.keys() - there)
    if old:
        cursor.execute(
            "UPDATE matter_posting p SET entries = decode(n.entries, 'hex') FROM unnest(%s::text[], %s::int[], %s::text[]) "
            'AS n (feature, quarter, entries) WHERE p.feature = n.feature COLLATE "C" AND p.quarter = n.quarter',
            _columns(lists, old),
        )
    if new:
        cursor.execute(
            "INSERT INTO matter_posting (feature, quarter, entries) SELECT feature, quarter, decode(entries, 'hex') "
            "FROM unnest(%s::text[], %s::int[], %s::text[]) AS n (feature, quarter, entries)",
            _columns(lists, new),
        )


def _columns(lists: Mapping[Key, bytes], keys: Sequence[Key]) -> tuple[str, str, str]:
    return (
        text_array([feature for feature, _ in keys]),
        int_array(quarter for _, quarter in keys),
        text_array([lists[key].hex() for key in keys]),
    )


@cache
def _entry_type() -> Any:
    import numpy as np  # who groups nothing need not load it

    return np.dtype([("seq", "<u4"), ("weight", "<u4"), ("day", "<u2")])


def rank(lists: Mapping[Key, bytes], features: Sequence[tuple[str, float]], day: int, most: int) -> list[int]:
    """Numbers of the texts that share most with these features within 90 days, as `hub.text.matter.Postings` ranks them.

    Args:
        lists: Posting lists of the day's quarter and of those beside it.
        features: Feature and weight, the heaviest first.
        day: Of the event.
        most: So many at most.
    """
    import numpy as np

    quarter = day // QUARTER_DAYS
    found = [
        (weight, lists[key])
        for feature, weight in features
        for key in ((feature, quarter - 1), (feature, quarter), (feature, quarter + 1))
        if key in lists
    ]
    if not found:
        return []
    stored: Any = np.frombuffer(b"".join([one for _, one in found]), _entry_type())
    near = np.abs(stored["day"].astype(np.int32) - day) <= QUARTER_DAYS
    seqs = stored["seq"][near]
    if not len(seqs):
        return []
    weights = np.repeat([weight for weight, _ in found], [len(one) // ENTRY.size for _, one in found])
    products = weights[near] * (stored["weight"][near] / WEIGHT_UNIT)
    order = seqs.argsort()
    ascending = seqs[order]
    first = np.concatenate(([True], ascending[1:] != ascending[:-1]))
    at = np.empty(len(seqs), np.intp)
    at[order] = first.cumsum() - 1
    newest_first = np.bincount(at, weights=products)[::-1]
    best: list[int] = ascending[first][::-1][(-newest_first).argsort(kind="stable")[:most]].tolist()
    return best


def frozen(connection: Connection, known: Mapping[int, str], unknown: Sequence[int]) -> list[Frozen]:
    """These frozen texts with the matter of their demand as it is now; one that a later text replaced is absent.

    Args:
        connection: Any.
        known: Number and demand of texts whose vector and place the caller has.
        unknown: Numbers of others.
    """
    if not known and not unknown:
        return []
    cursor = driver(connection).cursor()
    # OFFSET 0 keeps the planner at one look into the index a text.
    cursor.execute(
        "SELECT k.seq, k.demand_id, m.matter_id, NULL, NULL, NULL FROM unnest(%s::bigint[], %s::text[]) AS k (seq, demand_id) "
        'CROSS JOIN LATERAL (SELECT matter_id, seq FROM matter_member WHERE demand_id = k.demand_id COLLATE "C" OFFSET 0) m '
        "WHERE m.seq = k.seq UNION ALL "
        "SELECT t.seq, t.demand_id, m.matter_id, t.place_id, t.region_code, t.vector FROM unnest(%s::bigint[]) AS k (seq) "
        "CROSS JOIN LATERAL (SELECT seq, demand_id, place_id, region_code, vector FROM matter_text WHERE matter_text.seq = k.seq "
        "OFFSET 0) t CROSS JOIN LATERAL (SELECT matter_id, seq FROM matter_member WHERE demand_id = t.demand_id OFFSET 0) m "
        "WHERE m.seq = t.seq",
        (int_array(known), text_array(list(known.values())), int_array(unknown)),
        binary=True,
    )
    return [Frozen(row[0], row[1], row[2], Place(row[3], row[4]), row[5]) for row in cursor.fetchall()]


def kept(connection: Connection, seq: int) -> Kept:
    """One frozen text, whether a later one replaced it or not.

    Raises:
        NotFound: There is none of that number.
    """
    row = connection.execute(
        text("SELECT demand_id, place_id, region_code, vector, decision FROM matter_text WHERE seq = :seq"),
        {"seq": seq},
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"frozen text {seq}: not found (expected one of the table matter_text); check the number",
            code=Code.NOT_FOUND,
        )
    return Kept(row.demand_id, Place(row.place_id, row.region_code), bytes(row.vector), row.decision)
