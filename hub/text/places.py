"""Where something happens: names of a gazetteer found in what was written, and one place chosen or left open.

The longest name wins; a name that is part of a longer word is none. One name may stand for places in several towns: regions
named beside it, the demand's own region, and other places of the text tell which; where they do not, it stays open.
Source: notes on text, section 4: the same text in another place is another matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from hub.model.place import PlaceEntry, PlaceKind, RegionEntry, RegionLevel, level_of, significant
from hub.text.names import DETAIL, begins_here, ends_here, joins, normal, normal_name

LONGEST_TEXT = 20_000  # characters of one field; where something happened is said before
MOST_FOUND = 500
MOST_CANDIDATES = 20
_BORDER = "\x02"
# What makes a short name whole, by kind; the first is the usual one.
_SUFFIXES: Mapping[PlaceKind, tuple[str, ...]] = {
    PlaceKind.VILLAGE: ("村", "社区", "自然村", "庄", "湾"),
    PlaceKind.ESTATE: ("小区", "花园", "家园", "苑", "社区", "公寓"),
    PlaceKind.ROAD: ("路", "街", "大道", "大街", "巷"),
    PlaceKind.SCHOOL: ("小学", "中学", "初中", "高中", "学校", "幼儿园"),
    PlaceKind.HOSPITAL: ("医院", "卫生院", "卫生室", "诊所"),
    PlaceKind.ENTERPRISE: ("公司", "集团", "厂", "合作社"),
    PlaceKind.PUBLIC: ("广场", "市场", "公园", "车站", "桥", "超市"),
    PlaceKind.OTHER: (),
}
_TOWN_SUFFIXES = ("镇", "乡", "街道")
_COMMITTEES = ("村民委员会", "居民委员会", "社区居委会", "村委会", "居委会")


class Field(StrEnum):
    """What a name was found in; the surest first."""

    ADDRESS = "address"
    TITLE = "title"
    TEXT = "text"


class Outcome(StrEnum):
    """What came of it."""

    FOUND = "found"
    OPEN = "open"  # one name, several places, and nothing tells which
    REGION = "region"  # only a town or village is named
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where something happened, as far as the words tell.

    Attributes:
        place_id: None unless the outcome is ``found``.
        region_code: Twelve digits: of the place; else of what all candidates share, or of the one region that is named.
        candidates: Ids of the places that one name stands for, when it is ``open``; ascending, at most 20.
        name: The name as it was found, in the form of `normal_name`.
        detail: House, building and door behind it: personal data, never stored in plain.
        conflict: The demand's own region is another one.
    """

    outcome: Outcome
    place_id: str | None = None
    region_code: str | None = None
    candidates: tuple[str, ...] = ()
    name: str | None = None
    field: Field | None = None
    detail: str | None = None
    conflict: bool = False


_NOTHING = Placed(Outcome.NOTHING)


class _Named(NamedTuple):
    """What one name may stand for.

    ``digits``: those of its code that say something; ``suffix``: how many of its last characters only say what it is.
    """

    place_id: str | None
    code: str
    digits: str
    kind: str
    suffix: int
    exact: str


class _Match(NamedTuple):
    start: int
    end: int
    name: str
    named: tuple[_Named, ...]

    @property
    def is_region(self) -> bool:
        return self.named[0].place_id is None


class Gazetteer:
    """The county's names, ready to be looked for.

    Args:
        regions: Villages and communities among them are places themselves; towns and the county narrow a name down.
        places: May be in the hundred thousands: some 100 bytes a character of their names are held.
    """

    def __init__(self, regions: Iterable[RegionEntry], places: Iterable[PlaceEntry]) -> None:
        import ahocorasick

        self._automaton: Any = ahocorasick.Automaton()
        regions = tuple(regions)
        self.codes = frozenset(one.code for one in regions)
        self._covers = {significant(code)[:6] for code in self.codes if level_of(code) in _BELOW}
        names: dict[str, dict[_Named, None]] = {}
        for name, named in (*_of_places(places), *_of_regions(regions)):
            names.setdefault(name, {})[named] = None
        for name, several in names.items():
            self._automaton.add_word(name, (name, _without_doubles(tuple(several))))
        self._is_empty = not names
        if names:
            self._automaton.make_automaton()

    def knows_region(self, code: str) -> bool | None:
        """Whether the table has this region; None where it does not reach, as into another county.

        Args:
            code: As `hub.model.place.is_region_code` has it.
        """
        known = significant(code)
        if len(known) < 6 or known[:6] not in self._covers:
            return None
        return known.ljust(12, "0") in self.codes

    def find(
        self, *, text: str = "", title: str = "", address: str | None = None, region_code: str | None = None
    ) -> Placed:
        """The place that these words are about.

        Args:
            text: What was said; the first 20,000 characters are read.
            address: Where it happened, in the source's words: goes before title and text.
            region_code: What the source itself says; narrows a name down and is never doubted.
        """
        if self._is_empty:
            return _NOTHING
        fields = ((Field.ADDRESS, address or ""), (Field.TITLE, title), (Field.TEXT, text))
        # One look over all; the border is a character that no text holds and no name crosses.
        whole, gaps = normal(_BORDER.join(said[:LONGEST_TEXT].replace(_BORDER, " ") for _, said in fields))
        matches = self._matches(whole, gaps)
        if not matches:
            return _NOTHING
        region = significant(region_code) if region_code else ""
        return _Choice(whole, matches, region, [field for field, _ in fields]).choose()

    def _matches(self, whole: str, gaps: frozenset[int]) -> list[_Match]:
        found: list[_Match] = []
        for end, (name, named) in self._automaton.iter(whole):
            found.append(_Match(end + 1 - len(name), end + 1, name, named))
            if len(found) >= MOST_FOUND:
                break
        if not found:
            return found
        # The longest first; what overlaps it is a part of it.
        found.sort(key=lambda one: (one.start - one.end, one.start))
        kept: list[_Match] = []
        for one in found:
            for other in kept:
                if one.start < other.end and other.start < one.end:
                    break
            else:
                kept.append(one)
        kept.sort()
        starts, ends = {one.start for one in kept}, {one.end for one in kept}
        return [one for one in kept if _stands_alone(whole, one, starts, ends, gaps)]


_BELOW = (RegionLevel.COUNTY, RegionLevel.TOWN, RegionLevel.VILLAGE)


def _stands_alone(whole: str, one: _Match, starts: set[int], ends: set[int], gaps: frozenset[int]) -> bool:
    first = one.named[0]
    begins = one.start in ends or one.start in gaps or begins_here(whole, one.start, one.name, first.suffix)
    if not begins:
        return False
    return one.end in starts or one.end in gaps or ends_here(whole, one.end, one.name, first.kind)


class _Choice:
    """Chooses among the names of one demand."""

    def __init__(self, whole: str, matches: Sequence[_Match], region: str, fields: Sequence[Field]) -> None:
        self.whole, self.matches, self.region, self.fields = whole, matches, region, fields
        self.chains = list(self._chained())

    def choose(self) -> Placed:
        for number, chain in enumerate(self.chains):
            if (mentioned := _most_telling(chain)) is None:
                continue
            left = _within_any(mentioned.named, [_codes(one) for one in chain if one.is_region])
            if not left:
                continue  # a town is named before it in which no such place is known
            return self._placed(mentioned, self._narrowed(left, number))
        return self._only_region()

    def _chained(self) -> Iterator[list[_Match]]:
        chain: list[_Match] = []
        for one in self.matches:
            if chain and not joins(self.whole, chain[-1].end, one.start):
                yield chain
                chain = []
            chain.append(one)
        if chain:
            yield chain

    def _narrowed(self, left: tuple[_Named, ...], number: int) -> tuple[_Named, ...]:
        """What remains after each sign that leaves something: the rest of the address, the demand's region, the other words."""
        signs = (
            lambda: [_codes(one, 9) for one in self.chains[number]],
            lambda: [(self.region,)] if self.region else [],
            self._said_regions,
            self._sure_places,
        )
        for told in signs:
            if len(left) == 1:
                break
            for sign in told():
                left = _within(left, sign) or left
        return left

    def _said_regions(self) -> list[tuple[str, ...]]:
        return [_codes(one) for one in self.matches if one.is_region]

    def _sure_places(self) -> list[tuple[str, ...]]:
        """The towns of the text's other places, of those that are one."""
        telling = [one for chain in self.chains if (one := _most_telling(chain)) is not None]
        return [_codes(one, 9) for one in telling if len(one.named) == 1]

    def _placed(self, mentioned: _Match, left: tuple[_Named, ...]) -> Placed:
        behind = DETAIL.match(self.whole, mentioned.end)
        known = Placed(
            Outcome.OPEN,
            name=mentioned.name,
            field=self.fields[self.whole.count(_BORDER, 0, mentioned.start)],
            detail=behind[0] if behind else None,
            conflict=all(self._conflicts(one.code, one.kind) for one in left),
        )
        if len(left) == 1:
            only = left[0]
            return replace(known, outcome=Outcome.FOUND, place_id=only.place_id, region_code=only.code)
        ids = sorted(one.place_id for one in left if one.place_id)
        shared = _shared([one.code for one in left])
        return replace(known, region_code=shared, candidates=tuple(ids[:MOST_CANDIDATES]))

    def _only_region(self) -> Placed:
        codes = {codes[0] for codes in self._said_regions() if len(codes) == 1}
        # Names within each other (a county and its town) are one; two towns leave it open.
        deepest = {one for one in codes if not any(other != one and other.startswith(one) for other in codes)}
        if len(deepest) != 1:
            return _NOTHING
        code = deepest.pop().ljust(12, "0")
        return Placed(Outcome.REGION, region_code=code, conflict=self._conflicts(code, "region"))

    def _conflicts(self, code: str, kind: str) -> bool:
        """Whether the demand's region is another; a road or an estate may reach over a village's border."""
        if not self.region:
            return False
        mine, theirs = significant(code), self.region
        if kind != PlaceKind.VILLAGE:
            mine, theirs = mine[:9], theirs[:9]
        return not (mine.startswith(theirs) or theirs.startswith(mine))


def _most_telling(chain: Sequence[_Match]) -> _Match | None:
    """The last name of an address says most, unless it is a road's: 江淮路128号锦绣花园."""
    places = [one for one in chain if not one.is_region]
    exact = [one for one in places if one.named[0].kind != PlaceKind.ROAD]
    telling = exact or places
    return telling[-1] if telling else None


def _codes(match: _Match, digits: int = 12) -> tuple[str, ...]:
    return tuple([named.digits[:digits] for named in match.named])


def _within(left: tuple[_Named, ...], regions: tuple[str, ...]) -> tuple[_Named, ...]:
    return tuple([one for one in left if one.code.startswith(regions)])


def _within_any(left: tuple[_Named, ...], signs: Sequence[tuple[str, ...]]) -> tuple[_Named, ...]:
    for sign in signs:
        left = _within(left, sign)
    return left


def _shared(codes: Sequence[str]) -> str | None:
    """The region of twelve digits, a county at the widest, in which all of these lie."""
    for digits in (12, 9, 6):
        if len({code[:digits] for code in codes}) == 1:
            return codes[0][:digits].ljust(12, "0")
    return None


def _of_places(places: Iterable[PlaceEntry]) -> Iterator[tuple[str, _Named]]:
    for place in places:
        digits = significant(place.region_code)
        for said in (place.name, *place.aliases):
            exact = normal_name(said)
            for name, suffix in _forms(exact, _SUFFIXES[place.kind]):
                yield name, _Named(place.id, place.region_code, digits, place.kind.value, suffix, exact)


def _of_regions(regions: Sequence[RegionEntry]) -> Iterator[tuple[str, _Named]]:
    for region in regions:
        village, digits = level_of(region.code) is RegionLevel.VILLAGE, significant(region.code)
        suffixes = _SUFFIXES[PlaceKind.VILLAGE][:2] if village else _TOWN_SUFFIXES
        for said in (region.name, *region.aliases):
            for exact in _without_committee(normal_name(said)) if village else (normal_name(said),):
                for name, suffix in _forms(exact, suffixes):
                    kind = PlaceKind.VILLAGE.value if village else "region"
                    yield (
                        name,
                        _Named(region.code if village else None, region.code, digits, kind, suffix, exact),
                    )


def _without_committee(name: str) -> tuple[str, ...]:
    """A village's name as people say it: the table has 上河村村民委员会."""
    for committee in _COMMITTEES:
        bare = name.removesuffix(committee)
        if bare != name and bare:
            rank = "村" if "村" in committee else "社区"
            return (name, bare if bare.endswith(rank) else bare + rank)
    return (name,)


def _forms(exact: str, suffixes: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The forms under which a name is looked for; one of one or two characters only with what makes it whole."""
    own = next((suffix for suffix in suffixes if exact.endswith(suffix) and len(exact) > len(suffix)), "")
    if len(exact) > 2:
        yield exact, len(own)
    else:
        yield from ((exact + suffix, len(suffix)) for suffix in suffixes if suffix != own)


def _without_doubles(several: tuple[_Named, ...]) -> tuple[_Named, ...]:
    """What a name may stand for, each once: a place goes before a village of the table with its name and code.

    Where a place and a town bear one name, the town is what narrows down and the place is what is meant: the places stay.
    """
    places = [one for one in several if one.place_id is not None and one.place_id != one.code]
    held = {(one.code, one.exact) for one in places}
    villages = [one for one in several if one.place_id == one.code and (one.code, one.exact) not in held]
    found = {one.place_id: one for one in (*places, *villages)}
    return tuple(sorted(found.values())) if found else several
