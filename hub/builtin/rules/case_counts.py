"""How many cases: refusals above what is usual (E11), silence and surges of an item or organisation (E15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import MIXED, draft, number_of, organisation_of, recheck, window_of
from hub.clock import COUNTY_ZONE
from hub.model.case import Case
from hub.model.codes import CaseResult, Level, Stage
from hub.model.office_time import DAY, at_time, local_day, shifted, working_days_in
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

_REFUSED = frozenset((CaseResult.NOT_ACCEPTED, CaseResult.DENIED, CaseResult.SENT_BACK))
_BASELINE_MONTHS = 3


class RefusalsParams(RuleParams):
    """Parameters of E11.

    Attributes:
        least: Refusals in a month from which on there may be a signal.
        times: How many times the share of the three months before.
        sds: How many standard deviations above what that share would give, as chance has it; else every tenth small window has its month.
    """

    least: int = Field(default=5, ge=2, le=10_000)
    times: float = Field(default=2.0, gt=1, le=100)
    sds: float = Field(default=2.0, ge=0, le=10)


class ManyRefusals(ObservationRule):
    """退件异常: in a month an item or a window refused or sent back twice as large a share of its cases as in the three months before.

    Without cases in each of those months there is nothing to compare with, and no signal. Keys are items and windows with a month
    (``item:411521…/2026-11``), judged when something is refused and once more when the month is over; a case belongs to the month of its application.

    Source: domain.md §4.2 E11; R13, R36.
    """

    rule_id: ClassVar[str] = "E11"
    title: ClassVar[str] = "退件异常"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("case",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = RefusalsParams
    params: RefusalsParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        case: Case = seen.what
        if case.result not in _REFUSED:
            return
        month = _month_of(seen.at)
        # A late refusal also changes what the following months are compared with.
        for later in range(_BASELINE_MONTHS + 1):
            for name, value in (("item", case.item_code), ("window", window_of(seen))):
                if value is not None:
                    yield f"{name}:{value}/{_shift_month(month, later)}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for key in sorted({affected.key for affected in keys}):
            about, _, month = key.rpartition("/")
            name, _, value = about.partition(":")
            begins, ends = _month_span(month)
            if begins > history.now:
                continue
            since, _ = _month_span(_shift_month(month, -_BASELINE_MONTHS))
            asked = value if name == "item" else number_of(value)
            seen = history.seen("case", name, {asked: (since, ends)}).get(asked, ())
            if name == "window":
                seen = [one for one in seen if window_of(one) == value]
            yield from self._judge(key, name, month, begins, seen)
            yield from recheck(key, history, ends)

    def _judge(
        self, key: str, name: str, month: str, begins: datetime, seen: Sequence[Seen]
    ) -> Iterator[SignalDraft]:
        before = [one for one in seen if one.at < begins]
        now = [one for one in seen if one.at >= begins]
        refused = [one for one in now if one.what.result in _REFUSED]
        months = {_month_of(one.at) for one in before}
        if len(months) < _BASELINE_MONTHS or len(refused) < self.params.least:
            return
        usual = sum(one.what.result in _REFUSED for one in before) / len(before)
        share = len(refused) / len(now)
        expected = usual * len(now)
        if share >= self.params.times * usual and len(refused) > expected + self.params.sds * sqrt(expected):
            yield draft(
                refused,
                Level.SERIOUS,
                refused[0].at,
                until=refused[-1].at,
                key=key,
                metric="当月退件（不予受理、不予许可、退件）占比",
                value=share,
                threshold=self.params.times * usual,
                baseline=usual,
                summary=f"{month}{'同一事项' if name == 'item' else '同一窗口'}退件{len(refused)}件，占{share:.0%}，前三个月为{usual:.1%}（达到{self.params.times:g}倍且{self.params.least}件即提示）。",
                labels=("退件异常",),
            )


class VolumeParams(RuleParams):
    """Parameters of E15.

    Attributes:
        silent_working_days: So many whole working days without a case are a silence.
        usual_a_day: Cases a working day that it had at least in the eight weeks before.
        surge: A week with that many times the mean of the eight weeks before is a surge.
    """

    silent_working_days: int = Field(default=10, ge=2, le=250)
    usual_a_day: float = Field(default=1.0, gt=0)
    surge: float = Field(default=3.0, gt=1, le=100)


@dataclass(frozen=True, slots=True)
class _Episode:
    """A silence or a surge; ``evidence`` is the day whose cases it rests on."""

    silent: bool
    first: date
    last: date
    evidence: date
    value: float
    threshold: float
    usual: float


class OddVolume(ObservationRule):
    """办件量异常: an item or organisation that had cases every day has had none for ten working days (体外循环), or three times as many.

    Weeks are those of the calendar; a week is compared with the eight before it, by working days,
    and with less than six weeks of cases there is nothing to compare with. Keys are ``item:…`` and ``organisation:…``.

    Source: domain.md §4.2 E15; R36, R46.
    """

    rule_id: ClassVar[str] = "E15"
    title: ClassVar[str] = "办件量异常"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("case",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = VolumeParams
    params: VolumeParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        if seen.what.item_code is not None:
            yield f"item:{seen.what.item_code}"
        if (organisation := organisation_of(seen.what)) is not None:
            yield f"organisation:{organisation}"

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        return affected.since - _REACH, EVER[1]

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for name in ("item", "organisation"):
            mine = {one.key.partition(":")[2]: one for one in keys if one.key.startswith(f"{name}:")}
            # Far enough back for what the first episodes in reach are compared with.
            spans = {
                value: (one.since - _REACH - 24 * _WEEK, history.now + MOMENT) for value, one in mine.items()
            }
            for value, counts in history.daily("case", name, spans).items():
                yield from self._judge(mine[value], name, dict(counts), history)

    def _judge(
        self, affected: AffectedKey, name: str, counts: dict[date, int], history: History
    ) -> Iterator[SignalDraft | Recheck]:
        since = local_day(affected.since - _REACH)
        days = sorted(counts)
        episodes = [
            *self._silences(days, counts, since, history),
            *self._surges(counts, since, history),
        ]
        for one in episodes:
            value = affected.key.partition(":")[2]
            begins = at_time(one.evidence, _MIDNIGHT)
            things = history.seen("case", name, {value: (begins, begins + DAY)}).get(value, ())
            if things:
                yield self._draft(affected.key, name, one, things[:_SHOWN])
        if days:
            silent_from = shifted(
                at_time(days[-1], _MIDNIGHT), self.params.silent_working_days + 1, history.calendar
            )
            yield from recheck(affected.key, history, silent_from)

    def _draft(self, key: str, name: str, one: _Episode, things: Sequence[Seen]) -> SignalDraft:
        about = "同一事项" if name == "item" else "同一单位"
        if one.silent:
            words = f"{about}自{one.first}起连续{one.value:.0f}个工作日以上没有办件，此前日均{one.usual:.1f}件，请核实是否体外循环。"
        else:
            words = (
                f"{about}{one.first}所在周办件{one.value:.0f}件，按此前八周同等工作日应为{one.usual:.1f}件。"
            )
        return draft(
            things,
            Level.NOTICE,
            at_time(one.first, _MIDNIGHT),
            until=at_time(one.last + DAY, _MIDNIGHT) - MOMENT,
            key=key,
            metric="无办件的工作日数" if one.silent else "一周办件数",
            value=one.value,
            threshold=one.threshold,
            baseline=one.usual,
            summary=words,
            labels=("重点研判", "办件量中断" if one.silent else "办件量激增"),
        )

    def _silences(
        self, days: Sequence[date], counts: dict[date, int], since: date, history: History
    ) -> Iterator[_Episode]:
        today = local_day(history.now)
        for last, following in pairwise([*days, today]):
            # Whole days without a case: today is not over yet.
            first, until = last + DAY, following - DAY
            gap = working_days_in(last, until, history.calendar)
            if until < since or gap < self.params.silent_working_days:
                continue
            begins = last - 8 * _WEEK
            usual = sum(count for day, count in counts.items() if begins < day <= last)
            worked = working_days_in(begins, last, history.calendar)
            if worked and usual / worked >= self.params.usual_a_day and _lasted(counts, last + DAY):
                # As long as it lasts the answer is the same whenever one looks: the limit, not the days that go by.
                over = following in counts
                yield _Episode(
                    silent=True,
                    first=first,
                    last=until if over else first,
                    evidence=last,
                    value=float(gap if over else self.params.silent_working_days),
                    threshold=float(self.params.silent_working_days),
                    usual=usual / worked,
                )

    def _surges(self, counts: dict[date, int], since: date, history: History) -> Iterator[_Episode]:
        weeks: dict[date, int] = {}
        for day, count in counts.items():
            monday = day - DAY * day.weekday()
            weeks[monday] = weeks.get(monday, 0) + count
        for monday, count in sorted(weeks.items()):
            if monday + 6 * DAY < since:
                continue
            worked = working_days_in(monday - 8 * _WEEK - DAY, monday - DAY, history.calendar)
            here = working_days_in(monday - DAY, monday + 6 * DAY, history.calendar) or 1
            before = sum(weeks.get(monday - number * _WEEK, 0) for number in range(1, 9))
            usual = before / worked * here if worked else 0.0
            enough = usual / here >= self.params.usual_a_day and count >= self.params.surge * usual
            if enough and _lasted(counts, monday):
                day = min(day for day in counts if monday <= day < monday + _WEEK)
                # One day stands for the week: a silence may begin or end in it, and two episodes of one key never overlap.
                yield _Episode(
                    silent=False,
                    first=day,
                    last=day,
                    evidence=day,
                    value=float(count),
                    threshold=self.params.surge * usual,
                    usual=usual,
                )


def _lasted(counts: dict[date, int], until: date) -> bool:
    """Whether at least six of the eight weeks before that day had a case: what has only begun has no usual number yet."""
    weeks = {(until - day - DAY) // _WEEK for day in counts if until - 8 * _WEEK <= day < until}
    return len(weeks) >= 6


_WEEK = timedelta(weeks=1)
_REACH = timedelta(days=90)
_SHOWN = 50
_MIDNIGHT = datetime.min.time()


def _month_of(moment: datetime) -> str:
    return f"{moment.astimezone(COUNTY_ZONE):%Y-%m}"


def _shift_month(month: str, by: int) -> str:
    year, number = map(int, month.split("-"))
    year, number = divmod(year * 12 + number - 1 + by, 12)
    return f"{year:04d}-{number + 1:02d}"


def _month_span(month: str) -> tuple[datetime, datetime]:
    begins, ends = (
        datetime.strptime(one, "%Y-%m").replace(tzinfo=COUNTY_ZONE) for one in (month, _shift_month(month, 1))
    )
    return begins, ends
