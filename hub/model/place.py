"""Regions (区划) and places (事发地点): what the county says of where things are, as data (design decision 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from hub.model.demand import Emitted

MOST_REGIONS = 100_000
MOST_PLACES = 200_000
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
PlaceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
# Where each level's digits end. Source: domain.md §6.6: 2 + 2 + 2 + 3 + 3.
_ENDS = (2, 4, 6, 9, 12)


class RegionLevel(StrEnum):
    """省 / 市 / 县区 / 乡镇街道 / 村社区."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    TOWN = "town"
    VILLAGE = "village"


class PlaceKind(StrEnum):
    """What a place is: 村庄, 小区, 道路, 学校, 医院, 企业, 公共场所, 其他."""

    VILLAGE = "village"
    ESTATE = "estate"
    ROAD = "road"
    SCHOOL = "school"
    HOSPITAL = "hospital"
    ENTERPRISE = "enterprise"
    PUBLIC = "public"
    OTHER = "other"


def significant(code: str) -> str:
    """The digits of a region code that say something: ``411521004000`` is ``411521004``, ``411521`` stays.

    Two regions lie in each other when one's significant digits begin with the other's.

    Args:
        code: 2, 4, 6, 9 or 12 digits, as `is_region_code` has it.
    """
    for end in _ENDS:
        if not code[end:].strip("0"):
            return code[:end]
    return code


def is_region_code(value: str) -> bool:
    """Whether the text is shaped like a region code: 2, 4, 6, 9 or 12 ASCII digits that begin with no zero, no level skipped."""
    if len(value) not in _ENDS or not (value.isascii() and value.isdecimal()) or value[0] == "0":
        return False
    parts = [value[start:end] for start, end in zip((0, *_ENDS), _ENDS, strict=False) if end <= len(value)]
    empty = [not part.strip("0") for part in parts]
    # A city's digits may be empty before a county's (省直辖县 have 90), a town's may not before a village's.
    return not any(before and not after for before, after in pairwise(empty[2:]))


def level_of(code: str) -> RegionLevel:
    """The level that a full code of twelve digits stands for."""
    return tuple(RegionLevel)[_ENDS.index(len(significant(code)))]


def parent_of(code: str) -> str | None:
    """The code, of twelve digits, of the region in which this one lies; None for a province."""
    known = significant(code)
    above = _ENDS.index(len(known))
    return known[: _ENDS[above - 1]].ljust(12, "0") if above else None


def _full(code: str) -> str:
    if not is_region_code(code):
        raise ValueError("is no region code: expected 2, 4, 6, 9 or 12 digits such as 411521004000")
    return code.ljust(12, "0")


RegionCode = Annotated[str, StringConstraints(strip_whitespace=True, max_length=12), AfterValidator(_full)]
"""A region's code, brought to twelve digits."""


class RegionEntry(Emitted):
    """One region of 统计用区划代码.

    Attributes:
        code: Twelve digits; 2, 4, 6 or 9 are filled up with zeros.
        level: None: as the code says it.
        parent: None: the code's own beginning. Another one is a fault: the code and the tree must agree.
        aliases: Other names under which people speak of it.
        residents: 常住人口; None where it is not known. Rates by residents (W06) leave a region without it out.
    """

    code: RegionCode
    name: Name
    level: RegionLevel | None = None
    parent: RegionCode | None = None
    aliases: tuple[Name, ...] = Field(default=(), max_length=20)
    residents: int | None = Field(default=None, ge=1, le=100_000_000)

    @model_validator(mode="after")
    def _agrees(self) -> RegionEntry:
        if self.level is not None and self.level is not level_of(self.code):
            raise ValueError(f"is a {level_of(self.code)} by its code, and a {self.level} by its level")
        if self.parent is not None and self.parent != parent_of(self.code):
            raise ValueError(
                f"lies in {parent_of(self.code)} by its code, and in {self.parent} by its parent"
            )
        return self


class PlaceEntry(Emitted):
    """One place of the gazetteer.

    Attributes:
        id: The county's own, and stable: demands keep it.
        region_code: Where it lies, down to the village or community where that is known.
        aliases: Other names under which people speak of it.
        longitude: In degrees, GCJ-02; ``latitude`` likewise; both or none.
    """

    id: PlaceId
    name: Name
    kind: PlaceKind = PlaceKind.OTHER
    region_code: RegionCode
    aliases: tuple[Name, ...] = Field(default=(), max_length=20)
    longitude: float | None = Field(default=None, ge=73, le=136)
    latitude: float | None = Field(default=None, ge=3, le=54)

    @model_validator(mode="after")
    def _both(self) -> PlaceEntry:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("has one coordinate: name both or none")
        return self


def region_faults(regions: Collection[RegionEntry]) -> Iterable[str]:
    """What does not fit together in a table of regions, one sentence each.

    The topmost level may hang in the air: a county's table need not name its province.
    """
    codes = Counter(one.code for one in regions)
    yield from (f"regions: code {code!r} stands {n} times: leave one" for code, n in codes.items() if n > 1)
    top = min((len(significant(code)) for code in codes), default=0)
    for code in codes:
        parent = parent_of(code)
        if len(significant(code)) > top and parent not in codes:
            yield f"regions: {code} lies in {parent}, which is not among the regions: add it or correct the code"


def place_faults(places: Collection[PlaceEntry], region_codes: Collection[str]) -> Iterable[str]:
    """What does not fit in a gazetteer: ids that stand twice, and regions that nobody knows where any are known."""
    counted = Counter(one.id for one in places)
    yield from (
        f"places: id {one!r} stands {n} times: each must be unique" for one, n in counted.items() if n > 1
    )
    if not region_codes:
        return
    known = set(region_codes)
    for one in places:
        if one.region_code not in known:
            yield f"place {one.id!r}: region {one.region_code} is not among the regions: add it or correct the code"
