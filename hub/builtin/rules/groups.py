"""What makes demands one group: their matter, or one kind of trouble at one place.

A key says which: ``matter:<id>``, ``cell:<place>|<category>``, and ``demand:<id>`` for what no one has grouped. Whether one group
is told under its matter or its cell is the rule's affair; docs/decisions/0019-groups.md says why it is told once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hub.builtin.rules.windows import Judge, Window
from hub.model.demand import DemandFacts
from hub.sdk.rules import Outline, place_category

MATTER, CELL, DEMAND = "matter:", "cell:", "demand:"
_SUBJECTS = {MATTER: "matter", CELL: "place_category", DEMAND: "demand"}


def matter_key(demand: DemandFacts | Outline) -> str | None:
    """The key of the demand's matter; None while it has none."""
    return f"{MATTER}{demand.matter_id}" if demand.matter_id is not None else None


def cell_key(demand: DemandFacts | Outline) -> str | None:
    """The key of its kind of trouble at its place; None where either is unknown.

    The kind is the second level of the catalogue, which is what rules see. A place is a village, an estate, a road, an
    enterprise: a township is none.
    """
    if demand.place_id is None or not demand.category:
        return None
    return f"{CELL}{place_category(demand.place_id, demand.category)}"


def shared_matter_key(demand: DemandFacts) -> str | None:
    """The key of its matter where others may be on it; None for the many demands whose matter is theirs alone."""
    return None if demand.matter_members == 1 else matter_key(demand)


def same_matter(one: Outline) -> tuple[str, ...]:
    """What this demand must share with another of the same person to be on the same matter; empty: with none."""
    item = one.item_code or one.item_name
    tokens = (matter_key(one), cell_key(one), None if item is None else f"item:{item}")
    return tuple(token for token in tokens if token is not None)


def one_trouble(one: Outline, other: Outline) -> bool:
    """Whether two demands of one matter tell of one trouble: one person, or one place that is known, and nothing that parts them.

    Other items and other places part them, and other categories two people. A matter may hold demands of which nobody knows where
    they are: that their words are alike does not say that they are neighbours.
    """
    if _apart(one.item_code or one.item_name, other.item_code or other.item_name):
        return False
    if _apart(one.place_id, other.place_id):
        return False
    if one.reporter_key is not None and one.reporter_key == other.reporter_key:
        return True
    return (
        one.place_id is not None
        and one.place_id == other.place_id
        and not _apart(one.category, other.category)
    )


def strands(demands: Sequence[Outline]) -> list[Sequence[int]]:
    """The places of those among one key's demands that may tell of one trouble, ascending: all of them, unless places or items part them.

    Who says no place, or no item, may mean any: such a demand is in every strand. Looked at are the sixteen commonest places and items.
    """
    everybody: Sequence[int] = range(len(demands))
    return [
        of_item
        for at_place in _parted([one.place_id for one in demands], everybody)
        for of_item in _parted([one.item_code or one.item_name for one in demands], at_place)
    ]


def by_strand(judge: Judge) -> Judge:
    """The same judge, of each of a key's strands by itself."""

    def judged(read: Mapping[str, Sequence[Outline]]) -> dict[str, list[Window]]:
        parts: dict[str, Sequence[Outline]] = {}
        stands: dict[str, tuple[str, Sequence[int]]] = {}
        for key, demands in read.items():
            for number, places in enumerate(strands(demands)):
                name = f"{key}\0{number}"
                stands[name] = key, places
                parts[name] = demands if len(places) == len(demands) else [demands[at] for at in places]
        found: dict[str, list[Window]] = {}
        for name, windows in judge(parts).items():
            key, places = stands[name]
            found.setdefault(key, []).extend(
                replace(one, first=places[one.first], behind=places[one.behind - 1] + 1) for one in windows
            )
        return found

    return judged


def _parted(named: Sequence[str | None], among: Sequence[int]) -> list[Sequence[int]]:
    counts = Counter(name for place in among if (name := named[place]))
    if len(counts) < 2:
        return [among]
    commonest = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_STRANDS]
    return [[place for place in among if named[place] in (None, "", name)] for name in commonest]


_MOST_STRANDS = 16


def _apart(one: str | None, other: str | None) -> bool:
    """Whether both are known and differ."""
    return bool(one) and bool(other) and one != other


def own_key(demand: DemandFacts | Outline) -> str:
    """The key of the demand's matter, or its own."""
    return matter_key(demand) or f"{DEMAND}{demand.demand_id}"


def by_subject(keys: Iterable[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The keys as history asks for them: subject -> (key, what history knows it by)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for key in keys:
        kind = key[: key.index(":") + 1]
        found.setdefault(_SUBJECTS[kind], []).append((key, key[len(kind) :]))
    return found
