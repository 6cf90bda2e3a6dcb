"""What makes demands one group: their matter, or one kind of trouble at one place.

A key says which: ``matter:<id>``, ``cell:<place>|<category>``, and ``demand:<id>`` for what no one has grouped. Whether one group
is told under its matter or its cell is the rule's affair; docs/decisions/0019-groups.md says why it is told once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.builtin.rules.windows import Judge, Reach, Window
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
    item = _item(one)
    tokens = (matter_key(one), cell_key(one), None if item is None else f"item:{item}")
    return tuple(token for token in tokens if token is not None)


def one_trouble(one: Outline, other: Outline) -> bool:
    """Whether two demands of one matter tell of one trouble: one person, or one place that is known, and nothing that parts them.

    Other items and other places part them, and other categories two people. A matter may hold demands of which nobody knows where
    they are: that their words are alike does not say that they are neighbours.
    """
    if _apart(_item(one), _item(other)):
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


@dataclass(frozen=True, slots=True)
class Strand:
    """Those among one key's demands that may tell of one trouble: no two of them name different places, or different items.

    Attributes:
        places: Where they stand among the key's demands, ascending.
        named: For the place and the item that the strand is of, the numbers of those of `places` that name it: a window that
            holds none of them is another strand's.
    """

    places: Sequence[int]
    named: tuple[Sequence[int], ...]

    def whole(self, window: Window) -> Window | None:
        """The window among all of the key's demands; None where it is another strand's."""
        for named in self.named:
            at = bisect_left(named, window.first)
            if at == len(named) or named[at] >= window.behind:
                return None
        return replace(window, first=self.places[window.first], behind=self.places[window.behind - 1] + 1)


def strands(demands: Sequence[Outline], reach: Reach) -> Iterator[Strand]:
    """The strands of these demands, which ascend by time.

    Who says no place, or no item, may mean any: such a demand is in every strand that it is near to, and those who say neither are
    one of their own. A strand reaches no farther than what bears on windows with a demand that names its place or item: so what
    becomes of a window is the same, however much more was read.
    """
    at_place, of_item = [one.place_id or None for one in demands], [_item(one) or None for one in demands]
    for place in (None, *_names(at_place)):
        here: Sequence[int] = [at for at, said in enumerate(at_place) if said is None or said == place]
        of_place = [at for at in here if at_place[at] is not None]
        if place is not None:
            here = _near(demands, here, of_place, reach)
        for item in (None, *_names(of_item[at] for at in here)):
            mine: Sequence[int] = [at for at in here if of_item[at] is None or of_item[at] == item]
            if item is not None:
                mine = _near(demands, mine, [at for at in mine if of_item[at] is not None], reach)
            numbers = range(len(mine))
            named = (
                () if place is None else [number for number in numbers if at_place[mine[number]] is not None],
                () if item is None else [number for number in numbers if of_item[mine[number]] is not None],
            )
            if mine:
                yield Strand(mine, tuple(one for one in named if one != ()))


def by_strand(judge: Judge, reach: Reach, enough: Callable[[Sequence[Outline]], bool]) -> Judge:
    """The same judge, of each of a key's strands by itself; those that do not hold ``enough`` are not looked at."""

    def judged(read: Mapping[str, Sequence[Outline]]) -> dict[str, list[Window]]:
        parts: dict[str, Sequence[Outline]] = {}
        stands: dict[str, tuple[str, Strand]] = {}
        for key, demands in read.items():
            for number, strand in enumerate(strands(demands, reach)):
                mine = [demands[at] for at in strand.places]
                if enough(mine):
                    name = f"{key}\0{number}"
                    parts[name], stands[name] = mine, (key, strand)
        found: dict[str, list[Window]] = {}
        for name, windows in judge(parts).items():
            key, strand = stands[name]
            found.setdefault(key, []).extend(filter(None, map(strand.whole, windows)))
        return found

    return judged


def _item(one: Outline) -> str | None:
    return one.item_code or one.item_name


def _names(said: Iterable[str | None]) -> list[str]:
    return sorted({one for one in said if one is not None})


def _near(
    demands: Sequence[Outline], among: Sequence[int], named: Sequence[int], reach: Reach
) -> Sequence[int]:
    """Those of ``among`` that bear on a window with one of ``named``."""
    since = demands[named[0]].submitted_at - reach.window - reach.before
    until = demands[named[-1]].submitted_at + reach.window
    return [at for at in among if since <= demands[at].submitted_at < until]


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
