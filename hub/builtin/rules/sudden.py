"""敏感突发 (W08): words of danger, of a crowd, of extreme acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from hub.builtin.rules.words import ReadsWords, Sensitive
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.holding import TRIAGE_AT_ONCE
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History

if TYPE_CHECKING:
    from hub.text.lexicon import WordClass


class SensitiveSudden(ReadsWords):
    """敏感突发: the words of one demand tell of danger to life now, of a crowd forming, or of extreme acts.

    Danger to life, told as happening now and not negated, is issued by itself; the other two go to triage within 15 minutes.

    Source: domain.md §4.2 W08, §6.7.
    """

    rule_id: ClassVar[str] = "W08"
    title: ClassVar[str] = "敏感突发"
    version: ClassVar[str] = "3"  # changes with the lexicon: the same words may be judged otherwise
    subject: ClassVar[str] = "demand"

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (demand.demand_id,) if _mine(self.sensitive(demand)) else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        found = history.demands(self.subject, {affected.key: EVER for affected in keys})
        for demands in found.values():
            for demand in demands:
                if classes := _mine(self.sensitive(demand)):
                    yield _sudden(demand, classes, self.lexicon.version)


def _sudden(demand: DemandFacts, classes: Sequence[WordClass], version: str) -> SignalDraft:
    from hub.text.lexicon import WordClass

    danger = WordClass.SAFETY in classes
    names = "、".join(_CLASS_TITLES[word_class.value] for word_class in classes)
    if danger:
        summary = f"诉求内容命中敏感词类别：{names}，且为正在发生。请值班人员先拨打110/119/120核实处置，再按本预警办理。"
    else:
        summary = f"诉求内容命中敏感词类别：{names}。请在15分钟内研判。"
    return SignalDraft(
        key=demand.demand_id,
        level=Level.GRAVE if danger else Level.SERIOUS,
        window_from=demand.submitted_at,
        window_to=demand.submitted_at + MOMENT,
        metric="命中敏感词类别数",
        value=float(len(classes)),
        threshold=1.0,
        demand_ids=(demand.demand_id,),
        reporters=0 if demand.reporter_key is None else 1,
        summary=summary,
        auto_issue=danger,
        labels=(
            *(_CLASS_TITLES[word_class.value] for word_class in classes),
            *(() if danger else (TRIAGE_AT_ONCE,)),
            f"词库{version}",
        ),
    )


_CLASS_TITLES = {"safety": "人身安全", "crowd": "群体", "extreme": "极端"}


def _mine(sensitive: Sensitive) -> list[WordClass]:
    """The classes of W08 that the demand's words hit: danger only as present and not negated, the others not negated."""
    order = list(_CLASS_TITLES)
    mine = [word_class for word_class in sensitive.classes if word_class.value in _CLASS_TITLES]
    return sorted(mine, key=lambda word_class: order.index(word_class.value))
