"""舆情、廉政 (W09): words that belong to somebody else than the unit they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from hub.builtin.rules.words import ReadsWords, Sensitive
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History

OPINION, INTEGRITY = "舆情", "廉政"
"""Labels; `hub.pipeline.routing` keeps what bears the second from every unit but the handling office."""

_GOES_TO = {OPINION: "宣传、网信部门", INTEGRITY: "纪检监察机关"}
_CLASSES = {"opinion": OPINION, "integrity": INTEGRITY}


class OpinionOrIntegrity(ReadsWords):
    """舆情、廉政: a demand says that it is, or will be, in public, or speaks of bribes and favours.

    The first is for 宣传 and 网信, the second for 纪检 and never for the unit that it speaks of: the summary names neither unit
    nor words.

    Source: domain.md §4.2 W09, §6.7; design P8.
    """

    rule_id: ClassVar[str] = "W09"
    title: ClassVar[str] = "舆情、廉政"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "demand"

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (demand.demand_id,) if _labels(self.sensitive(demand)) else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        for demands in history.demands(self.subject, {one.key: EVER for one in keys}).values():
            for demand in demands:
                if labels := _labels(self.sensitive(demand)):
                    yield _draft(demand, labels, self.lexicon.version)


def _labels(sensitive: Sensitive) -> tuple[str, ...]:
    found = {_CLASSES.get(word_class.value) for word_class in sensitive.classes}
    return tuple(label for label in (OPINION, INTEGRITY) if label in found)


def _draft(demand: DemandFacts, labels: Sequence[str], version: str) -> SignalDraft:
    to = "、".join(_GOES_TO[label] for label in labels)
    kept = "，不得转交被反映单位" if INTEGRITY in labels else ""
    return SignalDraft(
        key=demand.demand_id,
        level=Level.SERIOUS,
        window_from=demand.submitted_at,
        window_to=demand.submitted_at + MOMENT,
        metric="命中敏感词类别数",
        value=float(len(labels)),
        threshold=1.0,
        demand_ids=(demand.demand_id,),
        reporters=0 if demand.reporter_key is None else 1,
        summary=f"诉求内容涉及{'、'.join(labels)}，请研判后转{to}{kept}。",
        labels=(*labels, f"词库{version}"),
    )
