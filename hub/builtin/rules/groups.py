"""What makes demands one group: their matter, or one kind of trouble at one place.

A key says which: ``matter:<id>``, ``cell:<place>|<category>``, and ``demand:<id>`` for what no one has grouped. Whether one group
is told under its matter or its cell is the rule's affair; docs/decisions/0019-groups.md says why it is told once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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
    one of their own. A strand reaches no farther than what bears on windows with a demand that names its place or item, and is
    several where none bears on both: so what becomes of a window is the same, however much more was read, and a name that is said
    now and then costs no more than what was said about it.
    """
    at_place, of_item = [one.place_id or None for one in demands], [_item(one) or None for one in demands]
    if len({*at_place}) == len({*of_item}) == 1:  # as most do, all of them name the same, or nothing
        yield Strand(range(len(demands)), ())
        return
    for place, here in _parted(demands, range(len(demands)), at_place, reach):
        for item, mine in _parted(demands, here, of_item, reach):
            said = [names for name, names in ((place, at_place), (item, of_item)) if name is not None]
            if mine:
                named = (
                    [number for number, at in enumerate(mine) if names[at] is not None] for names in said
                )
                yield Strand(mine, tuple(named))


def _parted(
    demands: Sequence[Outline], among: Sequence[int], said: Sequence[str | None], reach: Reach
) -> Iterator[tuple[str | None, Sequence[int]]]:
    """Those of ``among`` that say nothing; then, for each name that is said, those that bear on windows with who says it."""
    silent: list[int] = []
    by_name: dict[str, list[int]] = {}
    for at in among:
        name = said[at]
        (silent if name is None else by_name.setdefault(name, [])).append(at)
    yield None, silent
    times = [demands[at].submitted_at for at in silent]
    for name, named in sorted(by_name.items()):
        for run in _runs(demands, named, reach):
            since, until = _bearing(demands, run, reach)
            first = bisect_left(times, since)
            yield name, sorted((*silent[first : bisect_left(times, until, lo=first)], *run))


def by_strand(judge: Judge, reach: Reach, enough: Callable[[Sequence[Outline]], bool]) -> Judge:
    """The same judge, of each of a key's strands by itself; those that do not hold ``enough`` are not looked at."""

    def judged(read: Mapping[str, Sequence[Outline]]) -> dict[str, list[Window]]:
        parts: dict[str, Sequence[Outline]] = {}
        stands: dict[str, tuple[str, Strand]] = {}
        for key, demands in read.items():
            for number, strand in enumerate(strands(demands, reach)):
                whole = len(strand.places) == len(demands)
                mine = demands if whole else [demands[at] for at in strand.places]
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


def _runs(demands: Sequence[Outline], named: Sequence[int], reach: Reach) -> Iterator[Sequence[int]]:
    """These demands, parted where nothing bears on windows with those before and on windows with those after."""
    run = [named[0]]
    for at in named[1:]:
        if demands[at].submitted_at - demands[run[-1]].submitted_at >= 2 * reach.window + reach.before:
            yield run
            run = []
        run.append(at)
    yield run


def _bearing(demands: Sequence[Outline], named: Sequence[int], reach: Reach) -> tuple[datetime, datetime]:
    """When what bears on a window with one of these is submitted."""
    since = demands[named[0]].submitted_at - reach.window - reach.before
    return since, demands[named[-1]].submitted_at + reach.window


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
