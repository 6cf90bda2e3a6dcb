"""How a case was handled: corrections (E06, E07), reasons for a refusal (E08), fees (E09)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import CaseRule, draft
from hub.model.case import Case
from hub.model.case_clock import end_of, usable
from hub.model.codes import CaseResult, Level, Stage
from hub.model.warning import SignalDraft
from hub.sdk.rules import History, Recheck, RuleParams, Seen

_REFUSED = {CaseResult.NOT_ACCEPTED: "不予受理", CaseResult.DENIED: "不予许可"}


class CorrectionsParams(RuleParams):
    """Parameters of E06.

    Attributes:
        times: Corrections from which on there is a signal.
    """

    times: int = Field(default=2, ge=2, le=100)


class ManyCorrections(CaseRule):
    """多次补正: material was asked for again and again; the law wants everything told at once.

    Source: domain.md §4.2 E06 (MULTI_CORRECTION); 行政许可法 32 (4); R13, R36.
    """

    rule_id: ClassVar[str] = "E06"
    title: ClassVar[str] = "多次补正"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.BEFORE
    Params: ClassVar[type[RuleParams]] = CorrectionsParams
    params: CorrectionsParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        asked = sorted(moment for one in case.corrections if (moment := usable(one.asked_at)) is not None)
        if len(asked) >= self.params.times:
            yield draft(
                seen,
                Level.SERIOUS,
                asked[0],
                until=asked[-1],
                metric="补正次数",
                value=float(len(asked)),
                threshold=float(self.params.times),
                summary=f"同一办件要求补正{len(asked)}次（达到{self.params.times}次即提示），应当一次性告知。依据：行政许可法第三十二条。",
                labels=("多次补正",),
            )


class CorrectionAfterAcceptance(CaseRule):
    """受理后补正: material was asked for after the case had been accepted as complete.

    Source: domain.md §4.2 E07 (CORRECTION_AFTER_ACCEPT); 行政许可法 32 (5); R36.
    """

    rule_id: ClassVar[str] = "E07"
    title: ClassVar[str] = "受理后补正"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.DURING

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        accepted_at = usable(case.accepted_at)
        if accepted_at is None:
            return
        late = sorted(
            moment
            for one in case.corrections
            if (moment := usable(one.asked_at)) is not None and moment > accepted_at
        )
        if late:
            yield draft(
                seen,
                Level.GRAVE,
                late[0],
                until=late[-1],
                metric="受理后补正次数",
                value=float(len(late)),
                threshold=1.0,
                summary=f"办件受理后又要求补正{len(late)}次。依据：行政许可法第三十二条（材料齐全方可受理）。",
                labels=("受理后补正",),
            )


class UnreasonedParams(RuleParams):
    """Parameters of E08.

    Attributes:
        shortest_reason: Characters that a reason has at least, spaces left out.
    """

    shortest_reason: int = Field(default=10, ge=1, le=1_000)


class UnreasonedRefusal(CaseRule):
    """不予受理、不予许可无理由: a refusal whose reason is missing, or too short to be one.

    Personal values in the reason are masked when it is counted; a mask counts as what stands there.

    Source: domain.md §4.2 E08, §3.4 (<10 字); 行政许可法 38; R36.
    """

    rule_id: ClassVar[str] = "E08"
    title: ClassVar[str] = "不予受理、不予许可无理由"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = UnreasonedParams
    params: UnreasonedParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        if case.result not in _REFUSED:
            return
        length = len("".join((case.result_reason or "").split()))
        if length < self.params.shortest_reason:
            yield draft(
                seen,
                Level.SERIOUS,
                end_of(case) or seen.at,
                metric="理由字数",
                value=float(length),
                threshold=float(self.params.shortest_reason),
                summary=f"{_REFUSED[case.result]}决定{'未说明理由' if not length else f'理由仅{length}字'}（不足{self.params.shortest_reason}字）。依据：行政许可法第三十八条。",
                labels=("无理由",),
            )


class FeesParams(RuleParams):
    """Parameters of E09.

    Attributes:
        tolerance: By what share of what is due a payment may differ.
    """

    tolerance: Decimal = Field(default=Decimal("0.05"), ge=0, lt=1)


class WrongFees(CaseRule):
    """收费异常: what was paid differs from what is due, in either direction, or something was paid for what is free.

    Too little is judged once the case has been granted: until then it may not have been paid yet. What the source does not tell is not judged.
    The difference is taken as a share of what is due, without its sign: code that forgets that fires on every correct payment.

    Source: domain.md §4.2 E09, §10.21; R36.
    """

    rule_id: ClassVar[str] = "E09"
    title: ClassVar[str] = "收费异常"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = FeesParams
    params: FeesParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        due, paid = case.fee_due, case.fee_paid
        if due is None or paid is None or due < 0:
            return
        if due == 0:
            share, wrong = (Decimal(1), True) if paid > 0 else (Decimal(0), False)
        else:
            share = abs(paid - due) / due
            settled = paid > due or (end_of(case) is not None and case.result in (None, CaseResult.GRANTED))
            wrong = settled and share > self.params.tolerance
        if wrong:
            what = "免费事项收费" if due == 0 else "多收" if paid > due else "少收"
            yield draft(
                seen,
                Level.GRAVE if due == 0 else Level.SERIOUS,
                end_of(case) or seen.at,
                metric="实收与应收之差占应收的比例",
                value=float(min(share, Decimal(1_000_000))),
                threshold=float(self.params.tolerance),
                summary=f"办件收费异常（{what}）：应收{due}元，实收{paid}元。",
                labels=(what,),
            )
