"""同人多诉 (W01): one person who brings demand after demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.groups import same_matter
from hub.builtin.rules.windows import Episode, Reach, Span, Window, each, slide, whole_episodes
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import MOMENT, AffectedKey, History, Outline, RuleParams, WarningRule


class RepeatedReporterParams(RuleParams):
    """Parameters of W01.

    Attributes:
        window_days: Length of the window that a person's demands are counted in.
        threshold: Demands on one matter in one window from which on there is a signal.
        any_matter: Demands on any matters in one window from which on there is one.
        grave: Demands in one window, counted either way, from which on the signal is grave.
    """

    window_days: int = Field(default=30, ge=1, le=366)
    threshold: int = Field(default=3, ge=2, le=1_000)
    any_matter: int = Field(default=5, ge=2, le=1_000)
    grave: int = Field(default=6, ge=2, le=1_000)

    @model_validator(mode="after")
    def _ordered(self) -> RepeatedReporterParams:
        if self.any_matter < self.threshold:
            raise ValueError(f"any_matter ({self.any_matter}) must not be below threshold ({self.threshold})")
        if self.grave < self.threshold:
            raise ValueError(f"grave ({self.grave}) must not be below threshold ({self.threshold})")
        return self


class RepeatedReporter(WarningRule):
    """同人多诉: one person brings demand after demand on one matter, or very many on any, within a month.

    Two demands of one person are on one matter when they were grouped as one, tell one kind of trouble at one place, or ask for
    the same service item. A window is ``[t, t + window_days)`` from a demand on; windows that hold enough demands
    and share one are one episode. Urging an open order (催单) is no new demand.

    Source: domain.md §4.2 W01; R27.
    """

    rule_id: ClassVar[str] = "W01"
    title: ClassVar[str] = "同人多诉"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = "reporter"
    Params: ClassVar[type[RuleParams]] = RepeatedReporterParams
    params: RepeatedReporterParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.reporter_key is None or demand.chases_open_order:
            return ()
        return (demand.reporter_key,)

    def scope(self, affected: AffectedKey) -> Span:
        return self._reach.scope(affected)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        scopes = {affected.key: self.scope(affected) for affected in keys}
        # Nearly everybody has brought fewer than that: their demands need not be read.
        often = history.at_most(self._reach.around(scopes))
        scopes = {key: scopes[key] for key, count in often.items() if count >= self.params.threshold}
        found = whole_episodes(history, self.subject, scopes, self._reach, each(self._judge))
        return [self._draft(key, one) for key, several in found.items() for one in several]

    @property
    def _reach(self) -> Reach:
        return Reach(timedelta(days=self.params.window_days))

    def _judge(self, demands: Sequence[Outline]) -> Iterator[Window]:
        matters = [same_matter(one) for one in demands]
        inside: Counter[str] = Counter()
        reached = 0
        for first, behind in slide(demands, timedelta(days=self.params.window_days)):
            inside.update(token for tokens in matters[reached:behind] for token in tokens)
            reached = behind
            if behind - first >= self.params.threshold:
                yield from self._window(first, behind, max(inside.values(), default=0))
            inside.subtract(matters[first])
            inside = +inside if len(inside) > 4 * (behind - first) + 8 else inside

    def _window(self, first: int, behind: int, on_one: int) -> Iterator[Window]:
        params = self.params
        # Of equal counts the first is told: all of them are on one matter then.
        if on_one >= params.threshold:
            yield Window(first, behind, float(on_one), float(params.threshold), form=_ON_ONE)
        if behind - first >= params.any_matter:
            yield Window(first, behind, float(behind - first), float(params.any_matter), form=_ON_ANY)

    def _draft(self, key: str, episode: Episode) -> SignalDraft:
        days, fullest = self.params.window_days, episode.fullest
        demands = episode.demands if fullest.form == _ON_ANY else self._on_one(episode.demands)
        what = "" if fullest.form == _ON_ANY else "就同一事项"
        return SignalDraft(
            key=key,
            level=Level.GRAVE if fullest.value >= self.params.grave else Level.SERIOUS,
            window_from=demands[0].submitted_at,
            window_to=demands[-1].submitted_at + MOMENT,
            metric=f"同一诉求人{days}日内{what}诉求件数",
            value=fullest.value,
            threshold=fullest.threshold,
            demand_ids=tuple(one.demand_id for one in demands),
            reporters=1,
            summary=f"同一诉求人在{days}日内{what}提出诉求{fullest.value:.0f}件（达到{fullest.threshold:.0f}件即提示），"
            f"共涉及诉求{len(demands)}件。",
        )

    def _on_one(self, demands: Sequence[Outline]) -> list[Outline]:
        """Those on a matter of which one window holds enough."""
        enough: set[str] = set()
        for first, behind in slide(demands, timedelta(days=self.params.window_days)):
            counts = Counter(token for one in demands[first:behind] for token in same_matter(one))
            enough.update(token for token, count in counts.items() if count >= self.params.threshold)
        return [one for one in demands if not enough.isdisjoint(same_matter(one))]


_ON_ONE, _ON_ANY = "on_one", "on_any"
