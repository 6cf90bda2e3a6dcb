"""The hub's own rules: 同人多诉 (W01) and 敏感突发 (W08).

They use what every plugin's author may use: `hub.sdk` and the models, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field, model_validator

from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, AffectedKey, History, RuleParams, WarningRule

if TYPE_CHECKING:
    from hub.text.lexicon import Lexicon, WordClass

MOMENT: Final = timedelta(microseconds=1)
"""Makes a half-open window out of the last moment that it must hold."""


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


class SensitiveSudden(WarningRule):
    """敏感突发: the words of one demand tell of danger to life now, of a crowd forming, or of extreme acts.

    Danger to life, told as happening now and not negated, is issued by itself; the other two go to triage within 15 minutes.

    Source: domain.md §4.2 W08, §6.7.
    """

    rule_id: ClassVar[str] = "W08"
    title: ClassVar[str] = "敏感突发"
    version: ClassVar[str] = "2"  # changes with the lexicon: the same words may be judged otherwise
    subject: ClassVar[str] = "demand"

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (demand.demand_id,) if _sensitive(demand) else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        found = history.demands(self.subject, {affected.key: EVER for affected in keys})
        for demands in found.values():
            for demand in demands:
                if classes := _sensitive(demand):
                    yield _sudden(demand, classes)


def _sudden(demand: DemandFacts, classes: Sequence[WordClass]) -> SignalDraft:
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
            *(() if danger else ("15分钟内研判",)),
            f"词库{_lexicon().version}",
        ),
    )


_CLASS_TITLES = {"safety": "人身安全", "crowd": "群体", "extreme": "极端"}


def _sensitive(demand: DemandFacts) -> list[WordClass]:
    """The classes of W08 that the demand's words hit: danger only as present and not negated, the others not negated."""
    found: set[WordClass] = set()
    # A source without titles lends its text's first words to the title: they are not weighed twice.
    for words in (demand.text,) if demand.title in demand.text else (demand.title, demand.text):
        for hit in _lexicon().hits(words):
            if hit.negated or hit.word_class.value not in _CLASS_TITLES:
                continue
            if hit.present or hit.word_class.value != "safety":
                found.add(hit.word_class)
    order = list(_CLASS_TITLES)
    return sorted(found, key=lambda word_class: order.index(word_class.value))


def _lexicon() -> Lexicon:
    # Read at the first demand, not at import; `load` keeps it for the process.
    from hub.text.lexicon import Lexicon

    return Lexicon.load()
