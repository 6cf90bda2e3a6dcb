"""重点区域 (W06): a town or village with far more demands than its residents, its own past, or chance let expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil, floor, sqrt
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.series import SeriesKind, kind_of_series, series, town_of
from hub.model.warning import SignalDraft
from hub.sdk.rules import RuleParams
from hub.sdk.weekly import SeriesVerdict, WeekCounts, WeekFindings, WeeklyRule, window_of

WINDOW = timedelta(days=30)
BASELINE = timedelta(weeks=8)
GROUPS = ("W02", "W02a", "W02b", "W02c")
"""多人同诉 in all its forms."""
SCANNED_WEEKS = 53
LEAST_SCANNED_WEEKS = 13


class BusyRegionParams(RuleParams):
    """Parameters of W06.

    Attributes:
        least: Demands in 30 days below which the rate by residents is no signal.
        times_county: The rate by residents is at least so many times the county's.
        above_sds: Standard deviations (of a Poisson count) by which it exceeds what its own eight weeks before let expect.
        groups: Groups (多人同诉) in 30 days from which on there is a signal; one that several rules tell of counts once.
        alpha: Chance that the scan finds a cluster where nothing is the matter; null: no scan.
    """

    least: int = Field(default=10, ge=1, le=100_000)
    times_county: float = Field(default=2.0, ge=1, le=100)
    above_sds: float = Field(default=2.0, ge=0, le=10)
    groups: int = Field(default=3, ge=1, le=1_000)
    alpha: float | None = Field(default=0.01, gt=0, lt=0.5)


class _Found(NamedTuple):
    """What one branch found of a region."""

    observed: float
    expected: float | None
    upper: float | None
    threshold: float
    p_value: float | None
    detail: Mapping[str, Any]


class BusyRegion(WeeklyRule):
    """重点区域: at the end of a whole week a town or village stands out.

    By one of three: per 1,000 residents twice the county's demands of 30 days, ten at least, and more than its own eight weeks before
    let expect (else the county seat always fires); or three 多人同诉 within 30 days; or (towns) a cluster of the space-time permutation
    scan. Where residents are not known the first branch says nothing, and that it says nothing.

    Source: domain.md §4.2 W06; R32; docs/detectors.md.
    """

    rule_id: ClassVar[str] = "W06"
    title: ClassVar[str] = "重点区域"
    version: ClassVar[str] = "3"
    kinds: ClassVar[tuple[SeriesKind, ...]] = (SeriesKind.REGION,)
    evidence_days: ClassVar[int] = WINDOW.days
    reckons_with: ClassVar[tuple[str, ...]] = GROUPS
    Params: ClassVar[type[RuleParams]] = BusyRegionParams
    params: BusyRegionParams

    def judge(self, week: WeekCounts) -> WeekFindings:
        notes: dict[str, Any] = {}
        branches = {
            "rate": self._rates(week, notes),
            "groups": self._groups(week),
            "scan": self._clusters(week, notes),
        }
        found: dict[str, dict[str, _Found]] = {}
        for name, told in branches.items():
            for region, one in told.items():
                found.setdefault(region, {})[name] = one
        verdicts = [_verdict(region, told, week) for region, told in sorted(found.items())]
        return WeekFindings(verdicts, len(week.region_days), notes)

    def _rates(self, week: WeekCounts, notes: dict[str, Any]) -> dict[str, _Found]:
        if unknown := sorted(set(week.region_days) - set(week.residents)):
            notes["residents_unknown"] = unknown[:100]
        now = {region: _cases(days, week.end - WINDOW, week.end) for region, days in week.region_days.items()}
        towns = [region for region in now if region in week.residents and town_of(region) == region]
        # A town without a single demand has residents too.
        people = sum(n for region, n in week.residents.items() if town_of(region) == region)
        if not towns or not people:
            return {}
        if (week.end - WINDOW - BASELINE) < week.weekly[SeriesKind.REGION].first:
            notes["baseline_short"] = "完整统计不足86天，不按常住人口比较"
            return {}
        county = sum(now[region] for region in towns) / people
        found = {}
        for region, cases in now.items():
            if region not in week.residents:
                continue
            end = week.end - WINDOW
            expected = _cases(week.region_days[region], end - BASELINE, end) * (WINDOW / BASELINE)
            by_county = self.params.times_county * county * week.residents[region]
            upper = expected + self.params.above_sds * sqrt(max(expected, 1.0))
            threshold = max(float(self.params.least), ceil(by_county - 1e-9), floor(upper) + 1.0)
            if cases >= threshold:
                detail = {
                    "residents": week.residents[region],
                    "per_1000": round(1000 * cases / week.residents[region], 3),
                    "county_per_1000": round(1000 * county, 3),
                }
                found[region] = _Found(cases, expected, threshold - 1.0, threshold, None, detail)
        return found

    def _groups(self, week: WeekCounts) -> dict[str, _Found]:
        least = self.params.groups
        return {
            region: _Found(n, None, least - 1.0, least, None, {"groups": n})
            for region, n in week.groups.items()
            if n >= least and region in week.region_days
        }

    def _clusters(self, week: WeekCounts, notes: dict[str, Any]) -> dict[str, _Found]:
        if self.params.alpha is None:
            return {}
        dense = week.weekly[SeriesKind.REGION]
        towns = [place for place, key in enumerate(dense.keys) if town_of(key) == key]
        weeks = min(dense.counts.shape[1], SCANNED_WEEKS)
        if len(towns) < 2 or weeks < LEAST_SCANNED_WEEKS:
            notes["not_scanned"] = f"有诉求的乡镇街道{len(towns)}个、完整统计{weeks}周，不足以扫描聚集"
            return {}
        from hub.detect.scan import ScanSettings, scan
        from hub.detect.zones import zones_by_parent, zones_by_place

        names = [dense.keys[place] for place in towns]
        near = all(name in week.spots for name in names)
        zones = (
            zones_by_place({name: week.spots[name] for name in names})
            if near
            else zones_by_parent(dict.fromkeys(names))
        )
        told = scan(
            dense.counts[towns, -weeks:],
            zones,
            seed=week.week.toordinal(),
            settings=ScanSettings(alpha=self.params.alpha, least_cases=self.params.least),
        )
        found = {}
        for cluster in told.clusters:
            detail = {
                "cluster": [week.names.get(one, one) for one in sorted(cluster.regions)],
                "cluster_weeks": cluster.weeks,
            }
            for region in cluster.regions:
                found[region] = _Found(
                    cluster.observed,
                    cluster.expected,
                    float(cluster.upper),
                    cluster.upper + 1.0,
                    cluster.p_value,
                    detail,
                )
        return found

    def draft(self, run: Sequence[SeriesVerdict], demands: Sequence[DemandFacts]) -> SignalDraft:
        last = run[-1]
        since, until = window_of(run)
        branches = tuple(last.detail["branches"])
        _, region = kind_of_series(last.series)
        return SignalDraft(
            key=last.series,
            level=Level.SERIOUS,
            window_from=since,
            window_to=until,
            metric=_METRICS[branches[0]],
            value=last.observed,
            threshold=last.detail["threshold"],
            baseline=last.expected,
            demand_ids=tuple(one.demand_id for one in demands),
            reporters=len({one.reporter_key for one in demands} - {None}),
            summary=f"{last.detail['name']}截至{until - timedelta(seconds=1):%Y年%m月%d日}为重点区域："
            + "；".join(_said(name, last) for name in branches)
            + f"；连续{len(run)}周。",
            labels=(
                *(_BRANCHES[name] for name in branches),
                "乡镇街道" if town_of(region) == region else "村社区",
                *(("常住人口未知",) if last.detail["residents_unknown"] else ()),
            ),
        )


_METRICS = {"rate": "30日诉求件数", "groups": "30日多人同诉起数", "scan": "时空聚集诉求件数"}
_BRANCHES = {"rate": "人均诉求偏高", "groups": "多人同诉集中", "scan": "时空聚集"}


def _verdict(region: str, told: Mapping[str, _Found], week: WeekCounts) -> SeriesVerdict:
    first = next(iter(told.values()))
    detail: dict[str, Any] = {
        "branches": list(told),
        "threshold": first.threshold,
        "name": week.names.get(region, region),
        "residents_unknown": region not in week.residents,
        **{
            name: {"observed": one.observed, "expected": one.expected, "upper": one.upper, **one.detail}
            for name, one in told.items()
        },
    }
    return SeriesVerdict(
        series=series(SeriesKind.REGION, region),
        week=week.week,
        observed=float(first.observed),
        expected=first.expected,
        upper=first.upper,
        p_value=first.p_value,
        q_value=None,
        alarm=True,
        method="+".join(told),
        detail=detail,
    )


def _said(name: str, verdict: SeriesVerdict) -> str:
    one = verdict.detail[name]
    if name == "rate":
        return (
            f"30日诉求{one['observed']:.0f}件，每千人{one['per_1000']:.2f}件，全县{one['county_per_1000']:.2f}件，"
            f"按前8周预计{one['expected']:.1f}件，上限{verdict.upper or 0:.0f}件"
        )
    if name == "groups":
        return f"30日内多人同诉{one['groups']}起{_limit(one, '起')}"
    places = "、".join(one["cluster"][:5])
    return f"{places}近{one['cluster_weeks']}周诉求聚集，{one['observed']}件，预计{one['expected']:.1f}件{_limit(one, '件')}"


def _limit(one: Mapping[str, Any], unit: str) -> str:
    """The upper limit in words; a verdict that an earlier release kept tells none."""
    return f"，上限{one['upper']:.0f}{unit}" if one.get("upper") is not None else ""


def _cases(days: Sequence[tuple[date, int]], since: date, until: date) -> int:
    return sum(n for day, n in days if since <= day < until)
