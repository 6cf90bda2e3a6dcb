"""The space-time permutation scan: where, and since which week, more cases lie together than chance puts there.

It needs no population: a zone's share of the cases of the last weeks is compared with its share of all, given how many cases
each week and each region has. What the whole county has more of in a week is no cluster. How rare the best cluster is, is
found by dealing the weeks out to the regions at random many times.

Source: Kulldorff, Heffernan, Hartman, Assunção and Mostashari 2005, PLoS Medicine 2:e59.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from hub.detect.judged import Bools, Floats, as_counts, unreadable
from hub.detect.zones import Zones

Counts = npt.NDArray[np.int64]

_MOST_CASES = 10_000_000
_SAME = 1e-9
"""Ratios as near as that are the same: a dealing that equals the map itself must count as one that is as good."""
_TINY = 1e-300
_PAST_COUNTING = 1e18
_CELLS_AT_ONCE = 4_000_000
"""Windows times replicas reckoned together: some 100 MB."""


class ScanState(IntEnum):
    """Whether the map could be scanned."""

    SCANNED = 0
    TOO_FEW_CASES = 1
    """Fewer cases in the last weeks than a cluster must have."""
    SHORT_HISTORY = 2
    """Fewer than two weeks are given: nothing to compare the last with."""
    TOO_MANY_CASES = 3
    """More cases than a county can have (ten million): something else was counted."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """What is searched for.

    Attributes:
        longest_weeks: A cluster lasts so many weeks at most, and always into the last week.
        replicas: How often the weeks are dealt out at random; the least p-value is ``1 / (replicas + 1)``.
        least_cases: Cases that a cluster must have.
        largest_share: A zone with more than that share of all cases is no cluster but the county.
        alpha: Clusters with a larger p-value are not told.
        most: Clusters told at most.

    Raises:
        ValueError: A setting that nothing can be searched with.
    """

    longest_weeks: int = 8
    replicas: int = 999
    least_cases: int = 5
    largest_share: float = 0.5
    alpha: float = 0.05
    most: int = 10

    def __post_init__(self) -> None:
        if min(self.longest_weeks, self.replicas, self.least_cases, self.most) < 1:
            raise ValueError(f"{self}: longest_weeks, replicas, least_cases and most are at least 1")
        if not (0.0 < self.largest_share <= 1.0 and 0.0 < self.alpha <= 1.0):
            raise ValueError(f"{self}: largest_share and alpha are shares: give more than 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Regions with more cases in the last weeks than their share.

    Attributes:
        regions: Their codes, in the order of the zones' regions.
        weeks: How many weeks it lasts, the last one among them.
        observed: Cases in it.
        expected: Cases that its share of the regions and of the weeks would give.
        upper: Most cases in it that would not have been told: as good a window comes by chance more often than ``alpha``.
        log_likelihood_ratio: How much better "a cluster here" explains the counts.
        p_value: Chance of a best cluster as good somewhere on the map, were nothing the matter.
    """

    regions: tuple[str, ...]
    weeks: int
    observed: int
    expected: float
    upper: int
    log_likelihood_ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found.

    Attributes:
        state: Whether it could scan.
        clusters: Best first; no region is in two.
        left_out: Regions with a count that is unknown or no count; they are in no cluster.
        cases: Cases scanned.
        windows: Zones times lengths searched.
    """

    state: ScanState
    clusters: tuple[Cluster, ...]
    left_out: tuple[str, ...]
    cases: int
    windows: int


def scan(counts: npt.ArrayLike, zones: Zones, *, seed: int, settings: ScanSettings | None = None) -> Scan:
    """Clusters of the last weeks; the same counts, zones and seed give the same answer.

    Args:
        counts: ``regions x weeks`` of whole weeks, in the order of ``zones.regions``; a year is a good length.
        zones: What may be a cluster.
        seed: Of the random dealing. numpy may deal otherwise in a later version: p-values then move within their error.
        settings: What is searched for.

    Raises:
        ValueError: The counts have other regions than the zones.
    """
    settings = settings or ScanSettings()
    table = as_counts(counts)
    if len(table) != len(zones.regions):
        raise ValueError(
            f"counts have {len(table)} regions and the zones {len(zones.regions)}: give a row for each, in their order"
        )
    bad: Bools = np.asarray((unreadable(table) | np.isnan(table)).any(axis=1))
    left_out = tuple(region for region, out in zip(zones.regions, bad, strict=True) if out)
    readable = np.where(bad[:, None], 0.0, table)
    if readable.sum() > _MOST_CASES:
        return Scan(ScanState.TOO_MANY_CASES, (), left_out, int(min(readable.sum(), _PAST_COUNTING)), 0)
    whole = readable.astype(np.int64)
    lengths = min(settings.longest_weeks, whole.shape[1] - 1)
    cases = int(whole.sum())
    if lengths < 1:
        return Scan(ScanState.SHORT_HISTORY, (), left_out, cases, 0)
    # Newest week first, so that a running sum gives every length at once.
    recent = whole[:, : -lengths - 1 : -1]
    if recent.sum() < settings.least_cases:
        return Scan(ScanState.TOO_FEW_CASES, (), left_out, cases, 0)
    of_region = whole.sum(axis=1)
    inhabited = ~(zones.members & bad).any(axis=1) & (
        zones.members @ of_region <= settings.largest_share * cases
    )
    score = _Score(zones.members[inhabited], of_region, recent.sum(axis=0), settings.least_cases)
    at_once = max(1, _CELLS_AT_ONCE // max(score.expected.size, 1))
    dealings = dealt_weeks(
        of_region, recent.sum(axis=0), seed=seed, replicas=settings.replicas, at_once=at_once
    )
    best = np.concatenate([score.best(dealt) for dealt in dealings])
    clusters = _clusters(score, recent, best, zones.regions, settings)
    return Scan(ScanState.SCANNED, clusters, left_out, cases, score.expected.size)


def _clusters(
    score: _Score, recent: Counts, best: Floats, regions: tuple[str, ...], settings: ScanSettings
) -> tuple[Cluster, ...]:
    """The best windows, each from regions that no better one has."""
    ratios, inside = (found[0] for found in score.of(recent[None]))
    clusters: list[Cluster] = []
    taken = np.zeros(len(regions), dtype=np.bool_)
    told_from = _told_from(best, settings.alpha)
    for window in np.argsort(-ratios, axis=None, kind="stable"):
        zone, length = np.unravel_index(window, ratios.shape)
        ratio = ratios[zone, length]
        p_value = float((1 + (best >= ratio - _SAME).sum()) / (1 + len(best)))
        if ratio <= 0 or p_value > settings.alpha or len(clusters) == settings.most:
            break
        members = score.members[zone]
        if (members & taken).any():
            continue
        taken |= members
        clusters.append(
            Cluster(
                regions=tuple(region for region, held in zip(regions, members, strict=True) if held),
                weeks=int(length) + 1,
                observed=int(inside[zone, length]),
                expected=float(score.expected[zone, length]),
                upper=score.upper(int(zone), int(length), int(inside[zone, length]), told_from),
                log_likelihood_ratio=float(ratio),
                p_value=p_value,
            )
        )
    return tuple(clusters)


def _told_from(best: Floats, alpha: float) -> float:
    """The ratio that a window must exceed to be told: one of the replicas' best; none where even chance's least is told."""
    # Told is what at most so many replicas equal: their next one is just too good.
    equalled = int(np.floor(alpha * (1 + len(best)) + _SAME)) - 1
    descending = np.sort(best)[::-1]
    if equalled < 0:
        return float(np.inf)
    return float(descending[equalled]) if equalled < len(descending) else 0.0


class _Score:
    """The likelihood ratio of every window, for many dealings of the weeks at once."""

    def __init__(self, members: Bools, of_region: Counts, of_week: Counts, least_cases: int) -> None:
        self.members = members
        self.least_cases = least_cases
        self.cases = int(of_region.sum())
        self.expected: Floats = np.outer(members @ of_region, of_week.cumsum()) / self.cases
        self._members = members.astype(np.float64)
        numbers = np.arange(self.cases + 1, dtype=np.float64)
        self._own_log = numbers * np.log(np.maximum(numbers, 1.0))
        self._log_inside = np.log(np.maximum(self.expected, _TINY))
        self._log_outside = np.log(np.maximum(self.cases - self.expected, _TINY))

    def of(self, recent: Counts) -> tuple[Floats, Counts]:
        """Ratios and cases of ``dealings x zones x lengths``, of weeks given as ``dealings x regions x lengths``, newest first."""
        # Whole numbers below 2**53: exact in floating point.
        inside = np.matmul(self._members, recent.cumsum(axis=2).astype(np.float64)).astype(np.int64)
        outside = self.cases - inside
        ratio = self._own_log[inside] + self._own_log[outside]
        ratio -= inside * self._log_inside + outside * self._log_outside
        return np.where((inside > self.expected) & (inside >= self.least_cases), ratio, 0.0), inside

    def upper(self, zone: int, length: int, observed: int, told_from: float) -> int:
        """The most cases below ``observed`` with which a window's ratio stays within that one."""
        inside = np.arange(observed + 1)
        ratio = self._own_log[inside] + self._own_log[self.cases - inside]
        ratio -= (
            inside * self._log_inside[zone, length] + (self.cases - inside) * self._log_outside[zone, length]
        )
        counts = (inside > self.expected[zone, length]) & (inside >= self.least_cases)
        return int(inside[~(counts & (ratio > 0) & (ratio > told_from + _SAME))].max())

    def best(self, recent: Counts) -> Floats:
        """The best window's ratio of each dealing."""
        ratios, _ = self.of(recent)
        return np.asarray(ratios.reshape(len(ratios), -1).max(axis=1, initial=0.0))


def dealt_weeks(
    of_region: Counts, of_week: Counts, *, seed: int, replicas: int, at_once: int = 1
) -> Iterator[Counts]:
    """Weeks' cases dealt out to the regions at random, none getting more than it has in all, every week keeping its own.

    Args:
        of_region: Cases of each region in all weeks, of which those dealt out are a part.
        of_week: Cases of each week dealt out.
        seed: Of the random numbers.
        replicas: How often.
        at_once: Replicas in a batch.

    Yields:
        Batches of ``replicas x regions x weeks``.
    """
    random = np.random.default_rng(seed)
    for start in range(0, replicas, at_once):
        table = np.empty((min(at_once, replicas - start), len(of_region), len(of_week)), dtype=np.int64)
        for weeks in table:
            left = of_region.copy()
            for week, cases in enumerate(of_week):
                weeks[:, week] = random.multivariate_hypergeometric(left, int(cases), method="marginals")
                left -= weeks[:, week]
        yield table
