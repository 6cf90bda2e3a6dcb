"""Which regions may form one cluster: a region alone, with what lies about it, or a whole parent.

A zone is a set of regions. Every way of making zones gives each region alone, too, and no set twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hub.detect.judged import Bools

MOST_REGIONS = 20
"""Regions in one zone at most: what is larger is no place that somebody can be sent to."""


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Sets of regions.

    Attributes:
        regions: Codes, in the order of the columns of ``members``.
        members: Which regions each zone holds, shape ``(zones, regions)``; no two rows alike.
    """

    regions: tuple[str, ...]
    members: Bools


def zones_by_parent(parents: Mapping[str, str | None]) -> Zones:
    """Each region alone, and all children of one parent together.

    Args:
        parents: Region to the region that it belongs to (None: to none that is scanned).
    """
    regions = tuple(parents)
    families: dict[str, list[int]] = {}
    for place, parent in enumerate(parents.values()):
        if parent is not None:
            families.setdefault(parent, []).append(place)
    return _zones(regions, families.values())


def zones_by_neighbours(neighbours: Mapping[str, Collection[str]], *, most: int = MOST_REGIONS) -> Zones:
    """Each region alone, with each neighbour, and with all regions within one step, two steps … as long as ``most`` allows.

    Args:
        neighbours: Region to the regions that it touches; who touches whom holds both ways, and unknown names are left out.
        most: Regions in one zone at most.
    """
    regions = tuple(neighbours)
    place_of = {region: place for place, region in enumerate(regions)}
    touching: list[set[int]] = [set() for _ in regions]
    for region, others in neighbours.items():
        for other in others:
            if other in place_of and other != region:
                touching[place_of[region]].add(place_of[other])
                touching[place_of[other]].add(place_of[region])
    sets: list[Collection[int]] = []
    for centre in range(len(regions)):
        if most >= 2:
            sets.extend((centre, other) for other in touching[centre])
        within, edge = {centre}, {centre}
        while edge:
            edge = set().union(*(touching[place] for place in edge)) - within
            within = within | edge
            if len(within) > most:
                break
            sets.append(within)
    return _zones(regions, sets)


def zones_by_place(
    places: Mapping[str, tuple[float, float]], *, most: int = MOST_REGIONS, degrees: bool = True
) -> Zones:
    """Each region with its nearest, second nearest … neighbour up to ``most`` regions.

    Args:
        places: Region to longitude and latitude in degrees, or to plane coordinates in any unit.
        most: Regions in one zone at most.
        degrees: Whether the coordinates are degrees: a degree of longitude is then shortened by the latitude's cosine.

    Raises:
        ValueError: A coordinate is no finite number.
    """
    regions = tuple(places)
    points = np.array(list(places.values()), dtype=np.float64).reshape(len(regions), 2)
    known = [bool(np.isfinite(point).all()) for point in points]
    if not all(known):
        bad = [region for region, ok in zip(regions, known, strict=True) if not ok]
        raise ValueError(
            f"{len(bad)} of {len(regions)} regions have no finite coordinates (the first is {bad[0]!r}): "
            f"leave them out, or give them their parent's"
        )
    if degrees and len(points):
        points = points * np.array([np.cos(np.radians(points[:, 1].mean())), 1.0])
    sets: list[Collection[int]] = []
    for point in points:
        nearest = np.argsort(((points - point) ** 2).sum(axis=1), kind="stable")[:most]
        sets.extend(nearest[:count].tolist() for count in range(2, len(nearest) + 1))
    return _zones(regions, sets)


def _zones(regions: Sequence[str], sets: Iterable[Collection[int]]) -> Zones:
    alone = [frozenset((place,)) for place in range(len(regions))]
    unique = list(dict.fromkeys([*alone, *(frozenset(some) for some in sets)]))
    members: npt.NDArray[np.bool_] = np.zeros((len(unique), len(regions)), dtype=np.bool_)
    for row, zone in enumerate(unique):
        members[row, list(zone)] = True
    return Zones(regions=tuple(regions), members=members)
