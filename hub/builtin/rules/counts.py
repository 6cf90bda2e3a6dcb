"""高频问题 (W05): a category with far more demands in a week than its own history lets expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.series import WITHIN, SeriesKind, kind_of_series, series
from hub.model.warning import SignalDraft
from hub.sdk.rules import RuleParams
from hub.sdk.weekly import WEEK, SeriesVerdict, WeekCounts, WeekFindings, WeeklyRule, window_of

if TYPE_CHECKING:
    from hub.detect.dense import DenseCounts
    from hub.detect.weekly import WeekJudged

BASELINE_WEEKS = 8
_SHOWN = 40
_DAY = timedelta(days=1)


class FrequentParams(RuleParams):
    """Parameters of W05.

    Attributes:
        least: Demands in the week below which there is no signal.
        sds: Standard deviations of the eight weeks before by which the week exceeds their mean.
        rise: Share by which it exceeds their mean.
        alpha: Chance that a week in which nothing is the matter passes the detector's bound.
        false_discoveries: Share of false ones among a week's alarms of one kind of series, on average; null: not controlled.
        serious_weeks: Weeks one after the other from which on the signal is 较重.
    """

    least: int = Field(default=10, ge=1, le=10_000)
    sds: float = Field(default=3.0, ge=0, le=10)
    rise: float = Field(default=0.5, ge=0, le=10)
    alpha: float = Field(default=0.01, gt=0, lt=0.5)
    false_discoveries: float | None = Field(default=0.1, gt=0, lt=1)
    serious_weeks: int = Field(default=2, ge=1, le=52)


class FrequentProblem(WeeklyRule):
    """高频问题: a category has far more demands in a whole week than before, in the county or in a town.

    The week must have enough demands, exceed the eight weeks before by a rise and by their spread, and be beyond the bound of its detector:
    EARS C2 below three years of history, Farrington's flexible method from then on. Of a week's alarms few are false: the county's
    categories are one family, the towns' another.

    Source: domain.md §4.2 W05; R31; docs/detectors.md.
    """

    rule_id: ClassVar[str] = "W05"
    title: ClassVar[str] = "高频问题"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[SeriesKind, ...]] = (SeriesKind.CATEGORY, SeriesKind.REGION_CATEGORY)
    Params: ClassVar[type[RuleParams]] = FrequentParams
    params: FrequentParams

    def judge(self, week: WeekCounts) -> WeekFindings:
        found: list[SeriesVerdict] = []
        judged = 0
        notes: dict[str, Any] = {}
        for kind in self.kinds:
            dense = week.weekly[kind]
            judged += len(dense.keys)
            if dense.counts.shape[1] <= BASELINE_WEEKS:
                notes["short_history"] = (
                    f"已有完整统计{max(dense.counts.shape[1] - 1, 0)}周，不足{BASELINE_WEEKS}周，本周不判"
                )
                continue
            if len(dense.keys):
                found.extend(self._beyond(kind, dense, week))
        return WeekFindings(found, judged, notes)

    def _beyond(self, kind: SeriesKind, dense: DenseCounts, week: WeekCounts) -> Iterator[SeriesVerdict]:
        import numpy as np

        from hub.detect.ears import EarsSettings
        from hub.detect.farrington import FarringtonSettings
        from hub.detect.weekly import WeeklySettings, judge_week

        settings = WeeklySettings(
            farrington=FarringtonSettings(alpha=self.params.alpha),
            ears=EarsSettings(alpha=self.params.alpha, calibrated=True),
            false_discoveries=self.params.false_discoveries,
            pooled=True,
        )
        judged = judge_week(dense.counts, dense.first, settings=settings)
        before = dense.counts[:, -BASELINE_WEEKS - 1 : -1]
        mean, sd = before.mean(axis=1), before.std(axis=1, ddof=1)
        # The smallest whole number of demands that every condition calls too many.
        threshold = np.maximum.reduce(
            [
                np.full(len(mean), float(self.params.least)),
                np.ceil(mean + self.params.sds * sd - 1e-9),
                np.ceil(mean * (1.0 + self.params.rise) - 1e-9),
                np.where(np.isnan(judged.upper), np.inf, np.floor(judged.upper) + 1.0),
            ]
        )
        enough = judged.observed >= threshold
        for place in np.flatnonzero(judged.beyond & enough):
            yield self._verdict(
                kind, dense.keys[place], judged, int(place), float(threshold[place]), float(mean[place]), week
            )

    def _verdict(
        self,
        kind: SeriesKind,
        key: str,
        judged: WeekJudged,
        place: int,
        threshold: float,
        mean: float,
        week: WeekCounts,
    ) -> SeriesVerdict:
        one = judged.of(place)
        return SeriesVerdict(
            series=series(kind, key),
            week=week.week,
            observed=one.observed or 0.0,
            expected=one.expected,
            upper=one.upper,
            p_value=one.p_value,
            q_value=float(judged.q_value[place]),
            alarm=one.alarm,
            method=one.method.value,
            detail={"threshold": threshold, "mean": mean, "name": _name(kind, key, week)},
        )

    def draft(self, run: Sequence[SeriesVerdict], demands: Sequence[DemandFacts]) -> SignalDraft:
        most = max(run, key=lambda one: (one.observed, one.week))
        serious = len(run) >= self.params.serious_weeks
        since, until = window_of(run)
        kind, _ = kind_of_series(most.series)
        mean = most.detail["mean"]
        rise = (
            f"较前{BASELINE_WEEKS}周均值{mean:.1f}件上升{most.observed / mean - 1:.0%}"
            if mean
            else f"前{BASELINE_WEEKS}周没有诉求"
        )
        return SignalDraft(
            key=most.series,
            level=Level.SERIOUS if serious else Level.NOTICE,
            window_from=since,
            window_to=until,
            metric="一周诉求件数",
            value=most.observed,
            threshold=most.detail["threshold"],
            baseline=most.expected,
            demand_ids=tuple(one.demand_id for one in demands),
            reporters=len({one.reporter_key for one in demands} - {None}),
            summary=f"{most.detail['name']}在{most.week:%Y年%m月%d日}至{most.week + WEEK - _DAY:%m月%d日}一周有诉求{most.observed:.0f}件，"
            f"预计{most.expected or 0:.1f}件，上限{most.upper or 0:.0f}件，{rise}；连续{len(run)}周偏高。",
            labels=("全县" if kind is SeriesKind.CATEGORY else "乡镇街道", most.method),
        )


def _name(kind: SeriesKind, key: str, week: WeekCounts) -> str:
    if kind is SeriesKind.CATEGORY:
        return f"全县“{key[:_SHOWN]}”类"
    region, _, category = key.partition(WITHIN)
    return f"{week.names.get(region, region)}“{category[:_SHOWN]}”类"
