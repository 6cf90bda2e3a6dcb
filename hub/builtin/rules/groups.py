"""What makes demands one group: their matter, or one kind of trouble at one place.

A key says which: ``matter:<id>``, ``cell:<place>|<category>``, and ``demand:<id>`` for what no one has grouped. Whether one group
is told under its matter or its cell is the rule's affair; docs/decisions/0019-groups.md says why it is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
