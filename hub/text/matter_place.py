"""Whether two demands are at one place: what the gazetteer and the regions say, else the names in their texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from hub.text.matter_packed import Likeness, Packed
from hub.text.matter_vector import Vector
from hub.text.matter_words import akin, share_a_name


class Nearness(StrEnum):
    """Whether two demands are at one place."""

    SAME = "same"
    UNKNOWN = "unknown"
    DIFFERENT = "different"


class Place(NamedTuple):
    """Where a demand is, as far as it was resolved.

    Attributes:
        place_id: Of the gazetteer; None when no place was found.
        region_code: Administrative code, digits; trailing zeros say that lower levels are open.
    """

    place_id: str | None = None
    region_code: str | None = None


_NAMED = 0.5
_HARDLY_NAMED = 0.25


def near(one: Vector, other: Vector | Packed, likeness: Likeness, *, named: bool) -> Nearness:
    """Whether two texts are of one place, by the regions, lines and names in them.

    Args:
        one: A text.
        other: Another; the order makes no difference.
        likeness: Of the two.
        named: Whether `one_name` finds a place that both name.
    """
    if regions_apart(one.regions, other.regions):
        return Nearness.DIFFERENT
    title, other_title = one.places[: one.title_places], other.places[: other.title_places]
    if _lines_apart(title, other_title):
        return Nearness.DIFFERENT
    if likeness.names >= (_HARDLY_NAMED if named else _NAMED):
        return Nearness.SAME
    if title and other_title and likeness.names < _HARDLY_NAMED and not _any_akin(title, other_title):
        return Nearness.DIFFERENT
    return Nearness.UNKNOWN


def one_name(one: Vector, other: Vector | Packed) -> bool:
    """Whether the title of one text and the other text, title or body, both have a name of a place."""
    return share_a_name(one.places[: one.title_places], other.places) or share_a_name(
        other.places[: other.title_places], one.places
    )


def places_apart(one: Place, other: Place) -> bool:
    """Whether two places that were resolved are not one: two entries of the gazetteer, or regions neither within the other."""
    if one.place_id is not None and other.place_id is not None:
        return one.place_id != other.place_id
    return _regions_apart(one.region_code, other.region_code)


def one_place(one: Place, other: Place) -> bool:
    """Whether the gazetteer found one place in both."""
    return one.place_id is not None and one.place_id == other.place_id


_LINE = re.compile(r"\d+(?:路|号线|国道|省道)\Z")


def _lines_apart(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two titles name lines of buses, railways or roads by number, and none in common."""
    lines = {one for one in some if one[0].isdigit() and _LINE.match(one)}
    if not lines:
        return False
    other_lines = {one for one in others if one[0].isdigit() and _LINE.match(one)}
    return bool(lines) and bool(other_lines) and lines.isdisjoint(other_lines)


def _any_akin(some: Sequence[str], others: Sequence[str]) -> bool:
    return any(akin(one, other) for one in some for other in others)


def _regions_apart(one: str | None, other: str | None) -> bool:
    """Whether neither region lies within the other."""
    if not one or not other:
        return False
    short, long = sorted((_without_open_levels(one), _without_open_levels(other)), key=len)
    return not long.startswith(short)


def _without_open_levels(code: str) -> str:
    """The code up to its lowest level that says something: 411521100000 is 411521100, a township."""
    for length, level in ((12, 3), (9, 3), (6, 2), (4, 2)):
        if len(code) == length and code.endswith("0" * level):
            code = code[:-level]
    return code


_MASKED = re.compile(r"[A-Z]\d{0,2}[市县区]\Z")


@lru_cache(maxsize=4_096)
def regions_apart(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether the regions that two texts name have nothing in common.

    A masked city holds its districts (``A市`` holds ``A3区``). Of other names only those of one level are compared: which
    county lies in which city is not known here.
    """
    if not some or not others:
        return False
    masked = [[one for one in regions if _MASKED.match(one)] for regions in (some, others)]
    if all(masked):
        return not any(_holds(one, other) or _holds(other, one) for one in masked[0] for other in masked[1])
    for level in "市县区":
        named, other_named = (
            {one for one in regions if one.endswith(level) and not _MASKED.match(one)}
            for regions in (some, others)
        )
        if named and other_named and named.isdisjoint(other_named):
            return True
    return False


def _holds(outer: str, inner: str) -> bool:
    return outer == inner or (len(outer) == 2 and outer[-1] == "市" and outer[0] == inner[0])
