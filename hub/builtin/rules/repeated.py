"""同人多诉 (W01): one person who brings demand after demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, RuleParams, WarningRule


class RepeatedReporterParams(RuleParams):
    """Parameters of W01.

    Attributes:
        window_days: Length of the window that a person's demands are counted in.
        threshold: Demands in one window from which on there is a signal.
        grave: Demands in one window from which on the signal is grave.
    """

    window_days: int = Field(default=30, ge=1, le=366)
    threshold: int = Field(default=3, ge=2, le=1_000)
    grave: int = Field(default=6, ge=2, le=1_000)

    @model_validator(mode="after")
    def _ordered(self) -> RepeatedReporterParams:
        if self.grave < self.threshold:
            raise ValueError(f"grave ({self.grave}) must not be below threshold ({self.threshold})")
        return self


class RepeatedReporter(WarningRule):
    """同人多诉: one person brings demand after demand within a month.

    Until matters are grouped, demands on any matter count. A window is ``[t, t + window_days)`` from a demand on; windows
    that hold enough demands and share one are one episode. Urging an open order (催单) is no new demand.

    Source: domain.md §4.2 W01; R27.
    """

    rule_id: ClassVar[str] = "W01"
    title: ClassVar[str] = "同人多诉"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "reporter"
    Params: ClassVar[type[RuleParams]] = RepeatedReporterParams
    params: RepeatedReporterParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.reporter_key is None or demand.chases_open_order:
            return ()
        return (demand.reporter_key,)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        # Nearly everybody has brought fewer than that in all: their demands need not be read.
        often = history.counts(self.subject, {affected.key: EVER for affected in keys})
        spans = {key: EVER for key, count in often.items() if count >= self.params.threshold}
        for key, demands in history.demands(self.subject, spans).items():
            counted = [demand for demand in demands if not demand.chases_open_order]
            for first, behind, most in self._episodes(counted):
                yield self._draft(key, counted[first:behind], most)

    def _episodes(self, demands: Sequence[DemandFacts]) -> Iterator[tuple[int, int, int]]:
        """First place, place behind the last, and the fullest window's count of each episode; demands ascend by time."""
        span = timedelta(days=self.params.window_days)
        open_from, open_to, most = 0, 0, 0
        behind = 0
        for start, demand in enumerate(demands):
            behind = max(behind, start)
            while behind < len(demands) and demands[behind].submitted_at < demand.submitted_at + span:
                behind += 1
            if behind - start < self.params.threshold:
                continue
            if start >= open_to:
                if most:
                    yield open_from, open_to, most
                open_from, most = start, 0
            open_to, most = behind, max(most, behind - start)
        if most:
            yield open_from, open_to, most

    def _draft(self, key: str, demands: Sequence[DemandFacts], most: int) -> SignalDraft:
        days, grave = self.params.window_days, most >= self.params.grave
        return SignalDraft(
            key=key,
            level=Level.GRAVE if grave else Level.SERIOUS,
            window_from=demands[0].submitted_at,
            window_to=demands[-1].submitted_at + MOMENT,
            metric=f"同一诉求人{days}日内诉求件数",
            value=float(most),
            threshold=float(self.params.threshold),
            demand_ids=tuple(demand.demand_id for demand in demands),
            reporters=1,
            summary=f"同一诉求人在{days}日内提出诉求{most}件（达到{self.params.threshold}件即提示），共涉及诉求{len(demands)}件。",
        )
