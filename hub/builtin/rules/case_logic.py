"""时间逻辑异常 (E16): times that cannot be, steps or documents that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import CaseRule, draft
from hub.model.case import Case
from hub.model.codes import CaseResult, Level, Stage
from hub.model.warning import SignalDraft
from hub.sdk.rules import History, Recheck, RuleParams, Seen


class ContradictionParams(RuleParams):
    """Parameters of E16.

    Attributes:
        documents: Whether a source tells the numbers of its documents, so that a missing one means something.
        tolerance_s: By how many seconds times may contradict each other: a source writes them one after the other.
        shortest_opinion: How many characters the opinion of a step has at least; 0: the source tells none.
    """

    documents: bool = False
    tolerance_s: int = Field(default=60, ge=0, le=86_400)
    shortest_opinion: int = Field(default=0, ge=0, le=1_000)


class Contradiction(CaseRule):
    """时间逻辑异常: times that cannot be, steps or documents that are missing. Times are told as they came: nothing is shifted.

    Source: domain.md §4.2 E16 (seven codes); R36, R46.
    """

    rule_id: ClassVar[str] = "E16"
    title: ClassVar[str] = "时间逻辑异常"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = ContradictionParams
    params: ContradictionParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        found = [*_times_against(case, timedelta(seconds=self.params.tolerance_s)), *self._missing(case)]
        if found:
            yield draft(
                seen,
                Level.NOTICE,
                seen.at,
                metric="逻辑异常情形数",
                value=float(len(found)),
                threshold=1.0,
                summary=f"办件数据存在逻辑异常：{'、'.join(found)}。请核实，不得改动时间。",
                labels=("重点研判", *found),
            )

    def _missing(self, case: Case) -> Iterator[str]:
        finished = case.finished_at is not None
        if finished and not case.steps:
            yield "缺少办理环节"
        if self.params.documents:
            if case.accepted_at is not None and case.accept_doc_no is None:
                yield "缺少受理文书"
            if finished and case.result in _DECIDED and case.result_doc_no is None:
                yield "缺少决定文书"
        shortest = self.params.shortest_opinion
        if any(
            step.ended_at is not None and len((step.opinion or "").strip()) < shortest for step in case.steps
        ):
            yield "办理意见过短"


_DECIDED = (CaseResult.GRANTED, CaseResult.DENIED)


def _times_against(case: Case, tolerance: timedelta) -> Iterator[str]:
    applied, accepted, finished = case.applied_at, case.accepted_at, case.finished_at

    def before(one: datetime | None, other: datetime | None) -> bool:
        return one is not None and other is not None and other - one > tolerance

    if before(accepted, applied):
        yield "受理早于申请"
    if before(finished, accepted) and case.result is not CaseResult.NOT_ACCEPTED:
        yield "办结早于受理"
    if any(before(step.began_at or step.ended_at, applied) for step in case.steps):
        yield "环节早于申请"
    if any(before(finished, step.ended_at) for step in case.steps):
        yield "办结早于最后环节"
    if any(before(one.ended_at, one.began_at) for one in case.steps):
        yield "环节的结束早于开始"
    if any(before(one.ended_at, one.began_at) for one in case.suspensions):
        yield "挂起的结束早于开始"
