"""办件时限 (E01, E02, E03): cases that are about to go, or have gone, beyond their limit.

One rule and not three: the three cards are degrees of one thing, and a higher card revokes the lower one on the same case. The
engine lifts the level within one signal of one rule and key, and the warning with it, so that a case has one open warning whatever
becomes of it; three rules would leave the reminder standing beside the yellow card, and two orders. The card is in the label
(``E02 超期黄牌``) and in the level; setting the one rule sets all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from hub.builtin.rules.observing import (
    CaseParams,
    CaseRule,
    draft,
    just_after,
    local_time,
    recheck,
    until_known,
)
from hub.model.calendar import WorkCalendar
from hub.model.case import Case
from hub.model.case_clock import (
    CaseClock,
    Limit,
    OverdueBy,
    beyond,
    clock_of,
    start_of,
    usable,
    used_working_days,
)
from hub.model.codes import CaseKind, CaseState, Level, Stage, TermUnit
from hub.model.holding import PROVISIONAL
from hub.model.office_time import (
    LONGEST,
    before_office_time,
    day_length,
    office_time,
    shifted,
)
from hub.model.warning import SignalDraft
from hub.sdk.rules import History, Recheck, RuleParams, Seen

CARDS: Mapping[Level, str] = {
    Level.NOTICE: "E01 即将超期",
    Level.SERIOUS: "E02 超期黄牌",
    Level.GRAVE: "E03 超期红牌",
}


@dataclass(frozen=True, slots=True)
class ColourProfile:
    """When a province shows which card, in working days after the limit; negative: before it.

    Attributes:
        notice: None: a working day, or a fifth of a shorter limit, before it (`notice_at`).
        yellow: 0: from the limit on.
        red: 1: when it is over by more than one working day.

    Source: domain.md §4.2, "Colour words differ": 江苏 提醒/预警/报警 with the limit, the first and the second working day after it;
    山东 yellow one working day before the limit and red with the first after it.
    """

    notice: int | None
    yellow: int
    red: int


PROFILES: Mapping[str, ColourProfile] = {
    "jiangsu": ColourProfile(notice=None, yellow=0, red=1),
    "shandong": ColourProfile(notice=-2, yellow=-1, red=0),
}


class CaseDeadlineParams(CaseParams):
    """Parameters of E01 to E03.

    Attributes:
        profile: Whose cards (`PROFILES`).
        notice_share: Of a limit, how much may be left when it is reminded of, at most one working day.
        notice_least_hours: Office hours that are left at least when it is reminded of; never more than half of the limit.
        overdue_by: What is held against the limit: the case's end, or the end of its last step.
        auto_issue_from: From which level on a warning is issued by itself (a reminder is told and makes no order); lower ones wait on the list of signals.
    """

    profile: Literal["jiangsu", "shandong"] = "jiangsu"
    notice_share: float = Field(default=0.2, gt=0, le=1)
    notice_least_hours: float = Field(default=4, ge=0, le=24)
    overdue_by: OverdueBy = OverdueBy.END
    auto_issue_from: Level = Level.NOTICE


@dataclass(frozen=True, slots=True)
class Cards:
    """When each card of a case is shown; None: never."""

    notice: datetime | None
    yellow: datetime
    red: datetime


class CaseDeadline(CaseRule):
    """办件时限: a reminder before a case's limit ends, a yellow card when it is over, a red one when it is over by more, or over the legal limit.

    The promised limit holds, the legal one where none is promised. While a case is suspended nothing is counted. A case that ended is judged by
    what it was then: cards that warn before the limit go, breaches stay. Instant cases are E12's.

    Source: domain.md §4.2 E01, E02, E03, "Removal"; R36, R40.
    """

    rule_id: ClassVar[str] = "E01"
    title: ClassVar[str] = "办件时限"
    version: ClassVar[str] = "2"
    stage: ClassVar[Stage | None] = Stage.DURING
    Params: ClassVar[type[RuleParams]] = CaseDeadlineParams
    params: CaseDeadlineParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        if is_instant(case) or case.state is CaseState.DRAFT:
            return
        clock = clock_of(case, history.calendar, history.now, corrections_pause=self.params.corrections_pause)
        limit = clock.promised or clock.legal
        if limit is None or limit.at - (clock.started_at or limit.at) > LONGEST:
            return
        cards = self.cards(case, clock, limit, history.calendar)
        found = self.card(clock, cards)
        if found is not None:
            yield self._draft(seen, clock, limit, cards, *found, history.calendar)
        if clock.provisional and (found is not None or clock.ended_at is None):
            yield from until_known(seen.id, history, limit.at)
        if clock.ended_at is None and not clock.standing_still and self.params.overdue_by is OverdueBy.END:
            moments = (cards.notice, just_after(cards.yellow), just_after(cards.red))
            yield from recheck(seen.id, history, *moments)

    def cards(self, case: Case, clock: CaseClock, limit: Limit, calendar: WorkCalendar) -> Cards:
        """When this case's cards are shown."""
        profile = PROFILES[self.params.profile]
        began = start_of(case) or usable(case.applied_at)
        usual = notice_at(
            limit,
            began,
            calendar,
            share=self.params.notice_share,
            least=timedelta(hours=self.params.notice_least_hours),
        )

        def ahead(working_days: int) -> datetime:
            # A card that warns before the limit is not shown as a short limit begins.
            moment = shifted(limit.at, working_days, calendar)
            return usual if working_days < 0 and began is not None and moment <= began else moment

        yellow = ahead(profile.yellow)
        red = beyond(limit.at, profile.red, clock.pauses, calendar)
        if clock.legal is not None:
            red = max(min(red, clock.legal.at), yellow)
        notice = usual if profile.notice is None else ahead(profile.notice)
        return Cards(notice if notice < yellow else None, yellow, red)

    def card(self, clock: CaseClock, cards: Cards) -> tuple[Level, datetime] | None:
        """The card that the case shows, and since when; None where it shows none."""
        reached = clock.reached(self.params.overdue_by)
        if reached is None:
            return None
        profile = PROFILES[self.params.profile]
        in_hand = clock.ended_at is None
        # What is shown before the limit warns of what may still come: a case that ended shows breaches alone.
        if reached > cards.red and (in_hand or profile.red >= 0):
            return Level.GRAVE, cards.red
        if reached > cards.yellow and (in_hand or profile.yellow >= 0):
            return Level.SERIOUS, cards.yellow
        warns = in_hand and not clock.standing_still and cards.notice is not None
        if warns and cards.notice is not None and cards.notice <= clock.now <= cards.yellow:
            return Level.NOTICE, cards.notice
        return None

    def _draft(
        self,
        seen: Seen,
        clock: CaseClock,
        limit: Limit,
        cards: Cards,
        level: Level,
        since: datetime,
        calendar: WorkCalendar,
    ) -> SignalDraft:
        first = min(moment for moment in (cards.notice, cards.yellow, cards.red) if moment is not None)
        legal = clock.legal
        if level is Level.GRAVE and legal is not None and since == legal.at:
            limit = legal
        over = self._days_over(clock, limit, since, calendar)
        by = "最后环节" if self.params.overdue_by is OverdueBy.LAST_EVENT else "办结"
        if level is Level.NOTICE or since < limit.at:
            words = f"{limit.basis}即将届满"
        else:
            # Of a case in hand it is what the card needs, and by now it may be more.
            more = "以上" if clock.ended_at is None and self.params.overdue_by is OverdueBy.END else ""
            words = f"已超过{limit.basis}{f'{over}个工作日{more}' if over else ''}（按{by}时间认定）"
        profile = PROFILES[self.params.profile]
        offsets = {Level.NOTICE: 0, Level.SERIOUS: profile.yellow, Level.GRAVE: profile.red}
        unknown = "（跨入节假日安排未公布的年度，暂定）" if clock.provisional else ""
        return draft(
            seen,
            level,
            first,
            until=since,
            metric="超过时限的工作日数",
            value=float(over),
            threshold=0.0 if limit is legal else float(offsets[level]),
            summary=f"办件{words}，期限为{local_time(limit.at)}{unknown}。{CARDS[level]}。依据：{_BASIS[self.params.profile]}。",
            auto_issue=level >= self.params.auto_issue_from,
            labels=(CARDS[level], *((PROVISIONAL,) if clock.provisional else ())),
        )

    def _days_over(self, clock: CaseClock, limit: Limit, since: datetime, calendar: WorkCalendar) -> int:
        """Working days beyond the limit: of what has ended as it did, of a case in hand as its card says, whenever one looks."""
        reached = clock.reached(self.params.overdue_by)
        if self.params.overdue_by is OverdueBy.END and clock.ended_at is None:
            reached = since
        if reached is None or reached - limit.at > LONGEST:
            return 0
        return used_working_days(limit.at, reached, clock.pauses, calendar)


def notice_at(
    limit: Limit, began_at: datetime | None, calendar: WorkCalendar, *, share: float, least: timedelta
) -> datetime:
    """From when on a limit is reminded of: one working day before it, or that share of a shorter one, but not less than ``least``.

    Without the least, every limit of one day would be reminded of as it begins. Half of the limit is the most.

    Source: domain.md §4.2 E01.
    """
    day = day_length(calendar)
    whole = day / share
    if began_at is not None and timedelta() < limit.at - began_at < LONGEST:
        whole = office_time(began_at, limit.at, calendar)
    by_days = limit.term is not None and limit.term.unit is TermUnit.WORKING_DAYS
    length = limit.term.value * day if by_days and limit.term is not None else whole
    left = min(max(min(day, share * length), least), whole / 2)
    return before_office_time(limit.at, left, calendar) if left > timedelta() else limit.at


def is_instant(case: Case) -> bool:
    """Whether it is an instant case (即办件), or promises to be done at once."""
    return case.case_kind is CaseKind.INSTANT or (case.promised is not None and case.promised.value == 0)


_BASIS = {
    "jiangsu": "到期前提醒、超期黄牌、超期两日或超过法定时限红牌",
    "shandong": "到期前一个工作日黄牌、超期首日或超过法定时限红牌",
}
