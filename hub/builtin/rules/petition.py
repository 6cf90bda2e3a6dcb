"""联名 (W02c): one caller who speaks for many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.groups import by_subject, own_key
from hub.builtin.rules.windows import Episode, Reach, Span, Window, counted, each, people, whole_episodes
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import MOMENT, AffectedKey, History, Outline, RuleParams, WarningRule


class PetitionParams(RuleParams):
    """Parameters of W02c.

    Attributes:
        heads: People that one demand speaks for from which on there is a signal.
        grave: From which on it is grave.
        window_days: Such demands on one matter within so many days are one signal.
    """

    heads: int = Field(default=5, ge=2, le=1_000)
    grave: int = Field(default=20, ge=2, le=10_000)
    window_days: int = Field(default=30, ge=1, le=366)

    @model_validator(mode="after")
    def _ordered(self) -> PetitionParams:
        if self.grave < self.heads:
            raise ValueError(f"grave ({self.grave}) must not be below heads ({self.heads})")
        return self


class Petition(WarningRule):
    """联名: one demand that speaks for five people or more.

    Source: domain.md §4.2 W02c; R28.
    """

    rule_id: ClassVar[str] = "W02c"
    title: ClassVar[str] = "联名"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "group"
    Params: ClassVar[type[RuleParams]] = PetitionParams
    params: PetitionParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.chases_open_order or (demand.declared_group_size or 0) < self.params.heads:
            return ()
        return (own_key(demand),)

    def scope(self, affected: AffectedKey) -> Span:
        return self._reach.scope(affected)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        scopes = {affected.key: self.scope(affected) for affected in keys}
        for subject, pairs in by_subject(scopes).items():
            names = {known: key for key, known in pairs}
            mine = {known: scopes[key] for key, known in pairs}
            found = whole_episodes(history, subject, mine, self._reach, each(self._judge))
            for known, several in found.items():
                for one in several:
                    yield self._draft(names[known], one)

    @property
    def _reach(self) -> Reach:
        return Reach(timedelta(days=self.params.window_days))

    def _speaks_for_many(self, one: Outline) -> bool:
        return (one.declared_group_size or 0) >= self.params.heads

    def _judge(self, demands: Sequence[Outline]) -> Iterator[Window]:
        places = [place for place, one in enumerate(demands) if self._speaks_for_many(one)]
        speaking = [demands[place] for place in places]
        for first, behind, _ in counted(speaking, timedelta(days=self.params.window_days)):
            most = max(one.declared_group_size or 0 for one in speaking[first:behind])
            yield Window(places[first], places[behind - 1] + 1, float(most), float(self.params.heads))

    def _draft(self, key: str, episode: Episode) -> SignalDraft:
        named = [one for one in episode.demands if self._speaks_for_many(one)]
        most = episode.fullest.value
        return SignalDraft(
            key=key,
            level=Level.GRAVE if most >= self.params.grave else Level.SERIOUS,
            window_from=named[0].submitted_at,
            window_to=named[-1].submitted_at + MOMENT,
            metric="一件诉求所代表的人数（户数）",
            value=most,
            threshold=float(self.params.heads),
            demand_ids=tuple(one.demand_id for one in named),
            reporters=people(named).callers,
            summary=f"联名诉求：来诉称代表{most:.0f}人（户）（达到{self.params.heads}人（户）即提示），共涉及联名诉求{len(named)}件。",
            labels=("联名",),
        )
