"""督查巡查 (I01, I02) and 群诉隐患 (R53): rounds that did not take place, findings that nobody put right, what may bring a crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import draft, just_after, recheck
from hub.clock import COUNTY_ZONE
from hub.model.case_clock import usable
from hub.model.codes import CentreLevel, FindingState, InspectionKind, Level, Severity, Trait
from hub.model.inspection import Finding, Inspection
from hub.model.office_time import at_time
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

_RIGHT = frozenset((FindingState.RECTIFIED, FindingState.CONFIRMED))
_LEVELS = {
    CentreLevel.COUNTY: "县级",
    CentreLevel.TOWNSHIP: "乡镇（街道）级",
    CentreLevel.VILLAGE: "村（社区）级",
}
_KINDS = {
    InspectionKind.WEEKLY: "周督查",
    InspectionKind.DAILY: "日巡查",
    InspectionKind.ROUTINE: "常态化巡检",
    InspectionKind.SELF_CHECK: "窗口自查",
}
_TRAITS = {
    Trait.BAD_INFLUENCE: "影响差",
    Trait.RESISTANCE: "阻力大",
    Trait.HARD_TO_COORDINATE: "协调难",
    Trait.EMERGING: "苗头性",
    Trait.TENDENCY: "倾向性",
    Trait.GROUP_RISK: "群诉隐患",
}


class MissedRoundsParams(RuleParams):
    """Parameters of I01.

    Attributes:
        times: From how many missed rounds of one kind at one centre within a month on there is a signal.
        grace_days: Days after the planned one in which a round may still be made up for, or its sheet come in.
    """

    times: int = Field(default=2, ge=2, le=31)
    grace_days: int = Field(default=2, ge=0, le=31)


class MissedRounds(ObservationRule):
    """巡查缺失: centres that missed planned rounds repeatedly within a month, rolled up for each level.

    One missed round raises nothing: else every village would raise an alarm a day. Keys are a level with a month (``township/2026-11``).

    Source: domain.md §4.2 I01; R9.
    """

    rule_id: ClassVar[str] = "I01"
    title: ClassVar[str] = "巡查缺失"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "mixed"
    observes: ClassVar[tuple[str, ...]] = ("inspection",)
    Params: ClassVar[type[RuleParams]] = MissedRoundsParams
    params: MissedRoundsParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        what: Inspection = seen.what
        if what.inspection_kind in _KINDS and what.level is not None and what.planned_on is not None:
            yield f"{what.level}/{what.planned_on:%Y-%m}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for key in (affected.key for affected in keys):
            level, _, month = key.partition("/")
            begins, ends = _month(month)
            # A round may have begun on another day than the one that was planned.
            span = (begins - timedelta(days=31), ends + timedelta(days=31))
            found = history.seen("inspection", "level", {level: span}).get(level, ())
            yield from self._judge(key, level, month, found, history)

    def _judge(
        self, key: str, level: str, month: str, found: Sequence[Seen], history: History
    ) -> Iterator[SignalDraft | Recheck]:
        planned = [
            one
            for one in found
            if one.what.planned_on is not None and f"{one.what.planned_on:%Y-%m}" == month and one.what.inspection_kind in _KINDS
        ]  # fmt: skip
        open_ = [one for one in planned if one.what.began_at is None and one.what.ended_at is None]
        missed = [one for one in open_ if self._missed_from(one.what.planned_on) <= history.now]
        times = Counter((one.what.centre, one.what.inspection_kind) for one in missed)
        again = {plan for plan, count in times.items() if count >= self.params.times}
        told = [one for one in missed if (one.what.centre, one.what.inspection_kind) in again]
        if told:
            centres = len({centre for centre, _ in again})
            kinds = "、".join(sorted({_KINDS[kind] for _, kind in again}))
            told.sort(key=lambda one: (one.what.planned_on, one.id))
            yield draft(
                told,
                Level.NOTICE,
                at_time(told[0].what.planned_on, _MIDNIGHT),
                until=at_time(told[-1].what.planned_on, _MIDNIGHT),
                key=key,
                metric="月内多次缺失巡查的中心数",
                value=float(centres),
                threshold=1.0,
                summary=f"{month}{_LEVELS[CentreLevel(level)]}有{centres}个中心多次未按计划开展{kinds}（{self.params.times}次以上），共缺{len(told)}次；本级当月计划{len(planned)}次、缺{len(missed)}次。",
                labels=("巡查缺失", _LEVELS[CentreLevel(level)]),
            )
        yield from recheck(key, history, *(self._missed_from(one.what.planned_on) for one in open_))

    def _missed_from(self, planned_on: date) -> datetime:
        return at_time(planned_on + timedelta(days=1 + self.params.grace_days), _MIDNIGHT)


class UnrectifiedFinding(ObservationRule):
    """问题未整改: a finding that was not put right by its date, or that the next round found again.

    A finding that looks at an earlier one again (``previous_no``) and is still open needs no date: it was to be right by then.

    Source: domain.md §4.2 I02; R7 (each kind of round looks again at what another found).
    """

    rule_id: ClassVar[str] = "I02"
    title: ClassVar[str] = "问题未整改"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "finding"
    observes: ClassVar[tuple[str, ...]] = ("finding",)

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if seen.what.rectify_by is not None or seen.what.previous_no is not None else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("finding", "finding", {affected.key: EVER for affected in keys})
        for one in (one for findings in found.values() for one in findings):
            yield from self._judge(one, history)

    def _judge(self, seen: Seen, history: History) -> Iterator[SignalDraft | Recheck]:
        finding: Finding = seen.what
        due, righted = usable(finding.rectify_by), _righted_at(finding)
        again = finding.previous_no is not None and finding.state not in _RIGHT
        late = due is not None and (righted if righted is not None else history.now) > due
        if again or late:
            at = seen.at if again or due is None else due
            yield draft(
                seen,
                Level.SERIOUS,
                min(at, seen.at) if again else at,
                until=at,
                metric="未按期整改的问题数",
                value=1.0,
                threshold=1.0,
                summary=f"巡查发现的问题{'复查时仍然存在' if again else '超过整改期限' + ('后才整改' if righted is not None else '仍未整改')}。",
                labels=("问题未整改", *(("复查仍存在",) if again else ())),
            )
        if due is not None and righted is None:
            yield from recheck(seen.id, history, just_after(due))


class GroupRisk(ObservationRule):
    """群诉隐患: a finding or a leader's remark that may become a complaint of many is at least a serious signal, before anybody complains.

    Source: domain.md §2 R53, R51 (the traits stand in the labels); R10 for emergencies.
    """

    rule_id: ClassVar[str] = "R53"
    title: ClassVar[str] = "群诉隐患"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "finding"
    observes: ClassVar[tuple[str, ...]] = ("finding",)

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if Trait.GROUP_RISK in seen.what.traits else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("finding", "finding", {affected.key: EVER for affected in keys})
        for one in (one for findings in found.values() for one in findings):
            if Trait.GROUP_RISK in one.what.traits:
                grave = one.what.severity in (Severity.MAJOR, Severity.EMERGENCY)
                yield draft(
                    one,
                    Level.GRAVE if grave else Level.SERIOUS,
                    one.at,
                    metric="群诉隐患",
                    value=1.0,
                    threshold=1.0,
                    summary="督查视察发现群诉隐患，请提前化解。",
                    labels=tuple(_TRAITS[trait] for trait in one.what.traits if trait in _TRAITS),
                )


def _righted_at(finding: Finding) -> datetime | None:
    """When it was put right; None while it is not, or was looked at again and found wanting."""
    if finding.state not in _RIGHT:
        return None
    return finding.rectified_at or finding.confirmed_at or finding.found_at


def _month(text: str) -> tuple[datetime, datetime]:
    begins = datetime.strptime(text, "%Y-%m").replace(tzinfo=COUNTY_ZONE)
    return begins, (begins + timedelta(days=32)).replace(day=1)


_MIDNIGHT = datetime.min.time()
