"""季节性 (W07): a category of which next month brings far more than a usual one, as the same month of former years did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.series import LONGEST_KEY, SeriesKind, counts, county_day, kind_of_series, series, start_of
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, AffectedKey, History, Recheck, RuleParams, WarningRule
from hub.sdk.weekly import SERIES

if TYPE_CHECKING:
    from hub.detect.season import MonthForecast

FORMER_MONTHS = 61
"""Months looked back: five former years of the month that is forecast."""
_SHOWN = 40


class SeasonParams(RuleParams):
    """Parameters of W07.

    Attributes:
        rise: The month is expected to bring so many times the mean of the last twelve.
        least: Demands expected in the month below which there is no signal.
        coverage: Chance that the month falls within the bounds that are told.
    """

    rise: float = Field(default=1.5, gt=1, le=20)
    least: float = Field(default=10.0, ge=1, le=100_000)
    coverage: float = Field(default=0.9, gt=0.5, lt=1)


class SeasonalRise(WarningRule):
    """季节性: next month is expected to bring half as many demands of a category again as a usual month.

    By the same month of two former years or more; of one alone, with low confidence, and that is said. It goes by whole months
    before the present one, so that it stands from the first of the month before; the rule asks to look again on the first of each
    month, whatever comes in. A forecast whose month is over is no signal any more.

    Source: domain.md §4.2 W07; R12; docs/detectors.md.
    """

    rule_id: ClassVar[str] = "W07"
    title: ClassVar[str] = "季节性"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = SERIES
    Params: ClassVar[type[RuleParams]] = SeasonParams
    params: SeasonParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if not demand.category or not counts(demand):
            return ()
        return (series(SeriesKind.CATEGORY_MONTH, demand.category[:LONGEST_KEY]),)

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        # A month is forecast in the one before it, by whole months: of the present month's demands nothing is to be said yet.
        if _asked_for(affected):
            return EVER
        return start_of(_months_on(county_day(affected.since), 2)), EVER[1]

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        names = [affected.key for affected in keys]
        month = county_day(history.now).replace(day=1)
        again = start_of(month_after(month))
        yield from (Recheck(name, again) for name in names)
        targets = {
            issued: wanted
            for issued in sorted({_months_on(month, -1), month, *filter(None, map(_asked_for, keys))})
            if issued <= month and (wanted := [one.key for one in keys if self._covers(one, issued, month)])
        }
        begun = history.counted_since if targets else None
        if begun is None:
            return
        first = begun if begun.day == 1 else month_after(begun)
        since = max(first, _months_on(min(targets), -FORMER_MONTHS))
        if since >= month:
            return
        rows = [
            (name, day, float(n))
            for name, cells in history.counted(sorted({*chain(*targets.values())}), since, month).items()
            for day, n in cells
        ]
        for issued, wanted in targets.items():
            if issued > since:
                yield from self._drafts(wanted, rows, since, issued)

    def _covers(self, affected: AffectedKey, issued: date, month: date) -> bool:
        """Whether this key is to be forecast as it was, or is, issued in that month: this month as the last one told it, and the next."""
        if issued not in (_months_on(month, -1), month):
            return issued == _asked_for(affected)
        return self.scope(affected)[0] < start_of(_months_on(issued, 2))

    def _drafts(
        self, names: Sequence[str], rows: Sequence[tuple[str, date, float]], since: date, issued: date
    ) -> Iterable[SignalDraft]:
        from hub.detect.dense import monthly_counts
        from hub.detect.season import SeasonSettings, forecast_month

        dense = monthly_counts(
            [row for row in rows if row[1] < issued], as_of=start_of(issued), since=since, keys=names
        )
        told = forecast_month(
            dense.counts, dense.first, as_of=issued, settings=SeasonSettings(coverage=self.params.coverage)
        )
        for place, name in enumerate(dense.keys):
            if told.expected[place] >= self.params.least and told.ratio[place] >= self.params.rise:
                last_year = next(
                    (n for key, day, n in rows if key == name and day == _months_on(told.month, -12)), 0.0
                )
                yield self._draft(name, told, place, last_year)

    def _draft(self, name: str, told: MonthForecast, place: int, last_year: float) -> SignalDraft:
        _, category = kind_of_series(name)
        expected, mean = float(told.expected[place]), float(told.monthly_mean[place])
        years = int(told.years[place])
        low = years < 2
        return SignalDraft(
            key=name,
            level=Level.NOTICE,
            window_from=start_of(told.month),
            window_to=start_of(month_after(told.month)),
            metric="预计一月诉求件数",
            value=round(expected, 3),
            threshold=round(self.params.rise * mean, 3),
            baseline=round(mean, 3),
            observed=(f"series:{name}@{told.month:%Y-%m}",),
            reporters=0,
            summary=f"“{category[:_SHOWN]}”类诉求预计{told.month:%Y年%m月}有{expected:.0f}件（{told.lower[place]:.0f}至{told.upper[place]:.0f}件），"
            f"为近12个月月均{mean:.1f}件的{expected / mean:.1f}倍；去年同月{last_year:.0f}件，依据前{years}年同月数据"
            + ("，仅一年，低置信度。" if low else "。"),
            labels=("民情月历", *(("低置信度",) if low else ())),
        )


def month_after(day: date) -> date:
    """The first day of the next month."""
    return _months_on(day, 1)


def _asked_for(affected: AffectedKey) -> date | None:
    """The month in which the forecast was issued that is asked about; None where demands are what touched the key.

    A month is asked about by its very beginning: the first of a month that has come, as this rule wants to be asked, or the window of a
    signal that somebody wants to have explained.
    """
    first = county_day(affected.since).replace(day=1)
    return _months_on(first, -1) if affected.since == start_of(first) else None


def _months_on(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
