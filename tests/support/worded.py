"""Rules for tests that see one demand each, by a word in its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, WarningRule


class Worded(WarningRule):
    """Sees the demands whose text holds its word."""

    rule_id = "X01"
    title = "测试规则"
    version = "1"
    subject = "demand"
    word = "黄牌"
    level = Level.SERIOUS
    auto_issue = True
    labels: tuple[str, ...] = ()

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (demand.demand_id,) if self.word in demand.text else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        for demands in history.demands(self.subject, {key.key: EVER for key in keys}).values():
            for demand in demands:
                if self.word in demand.text:
                    yield SignalDraft(
                        key=demand.demand_id,
                        level=self.level,
                        window_from=demand.submitted_at,
                        window_to=demand.submitted_at + MOMENT,
                        metric="命中",
                        value=1.0,
                        threshold=1.0,
                        demand_ids=(demand.demand_id,),
                        reporters=1,
                        summary=f"{self.title}：命中“{self.word}”。",
                        auto_issue=self.auto_issue,
                        labels=self.labels,
                    )


def worded(
    rule_id: str,
    word: str,
    level: Level = Level.SERIOUS,
    *,
    auto_issue: bool = True,
    labels: tuple[str, ...] = (),
) -> type[WarningRule]:
    """A rule of that id for that word."""
    return type(
        rule_id,
        (Worded,),
        {"rule_id": rule_id, "word": word, "level": level, "auto_issue": auto_issue, "labels": labels},
    )
