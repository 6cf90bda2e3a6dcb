"""办不成事同一事项 (W10): what the window for it hears twice in a month is no accident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar, Final

from pydantic import Field

from hub.builtin.rules.windows import Episode, Reach, Span, Window, each, slide, whole_episodes
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import MOMENT, AffectedKey, History, Outline, RuleParams, WarningRule

CHANNEL: Final = "unresolved_window"
_ITEM, _ORGANISATION = "item:", "organisation:"
_SUBJECTS = {_ITEM: "unresolved_item", _ORGANISATION: "unresolved_organisation"}


class UnresolvedAgainParams(RuleParams):
    """Parameters of W10.

    Attributes:
        window_days: Length of the window.
        people: Different people in one window from which on there is a signal.
    """

    window_days: int = Field(default=30, ge=1, le=366)
    people: int = Field(default=2, ge=2, le=1_000)


class UnresolvedAgain(WarningRule):
    """办不成事: two people within a month who could not get one service item done, or anything at one window.

    Such records are fewer than one a day, so there is no rate to compare with. Those who left no name are counted as one person
    at most. A window is told only where none of its items is: who is told under an item is not told again under its window.

    Source: domain.md §4.2 W10, §10.13.
    """

    rule_id: ClassVar[str] = "W10"
    title: ClassVar[str] = "办不成事同一事项"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "unresolved"
    Params: ClassVar[type[RuleParams]] = UnresolvedAgainParams
    params: UnresolvedAgainParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.channel != CHANNEL or demand.chases_open_order:
            return ()
        item = demand.item_code or demand.item_name
        named = ((_ITEM, item), (_ORGANISATION, demand.target_org))
        return [kind + name for kind, name in named if name]

    def scope(self, affected: AffectedKey) -> Span:
        return self._reach.scope(affected)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        for kind, subject in _SUBJECTS.items():
            scopes = {one.key.removeprefix(kind): self.scope(one) for one in keys if one.key.startswith(kind)}
            judge = self._of_item if kind == _ITEM else self._of_organisation
            for name, several in whole_episodes(history, subject, scopes, self._reach, each(judge)).items():
                for one in several:
                    yield self._draft(kind, name, one)

    @property
    def _reach(self) -> Reach:
        return Reach(timedelta(days=self.params.window_days))

    def _of_item(self, demands: Sequence[Outline]) -> Iterator[Window]:
        for first, behind in slide(demands, self._reach.window):
            people = _people(demands[first:behind])
            if people >= self.params.people:
                yield Window(first, behind, float(people), float(self.params.people))

    def _of_organisation(self, demands: Sequence[Outline]) -> Iterator[Window]:
        for window in self._of_item(demands):
            items: dict[str, list[Outline]] = {}
            for one in demands[window.first : window.behind]:
                if item := one.item_code or one.item_name:
                    items.setdefault(item, []).append(one)
            if all(_people(of_item) < self.params.people for of_item in items.values()):
                yield window

    def _draft(self, kind: str, name: str, episode: Episode) -> SignalDraft:
        fullest = episode.fullest
        what = "同一事项" if kind == _ITEM else "同一窗口（单位）"
        known = Counter(one.reporter_key for one in episode.demands if one.reporter_key is not None)
        return SignalDraft(
            key=kind + name,
            level=Level.SERIOUS,
            window_from=episode.begins,
            window_to=episode.ends + MOMENT,
            metric=f"{self.params.window_days}日内{what}办不成事人数",
            value=fullest.value,
            threshold=fullest.threshold,
            demand_ids=tuple(one.demand_id for one in episode.demands),
            reporters=len(known),
            summary=f"“办不成事”窗口{self.params.window_days}日内有{fullest.value:.0f}人反映{what}办不成"
            f"（达到{self.params.people}人即提示），共涉及诉求{len(episode.demands)}件。",
        )


def _people(demands: Sequence[Outline]) -> int:
    known = {one.reporter_key for one in demands if one.reporter_key is not None}
    return len(known) + any(one.reporter_key is None for one in demands)
