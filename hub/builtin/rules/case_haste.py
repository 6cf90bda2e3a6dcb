"""秒批异常 (E13): decisions that come too fast for anybody to have looked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.case_deadline import is_instant
from hub.builtin.rules.observing import (
    MIXED,
    bursts,
    day_of,
    day_span,
    draft,
    local_time,
    number_of,
    window_of,
)
from hub.model.case import Case
from hub.model.case_clock import usable
from hub.model.codes import CaseResult, Level, Stage
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen


class HasteParams(RuleParams):
    """Parameters of E13.

    Attributes:
        seconds: Shorter than that from acceptance to decision is in haste.
        burst: So many decisions at one post or window ...
        burst_minutes: ... within so many minutes are in haste together.
        automatic_items: Item codes that a machine decides on.
        automatic_posts: Posts that are machines.
    """

    seconds: int = Field(default=60, ge=1, le=86_400)
    burst: int = Field(default=10, ge=2, le=10_000)
    burst_minutes: int = Field(default=5, ge=1, le=1_440)
    automatic_items: tuple[str, ...] = ()
    automatic_posts: tuple[str, ...] = ()


class ApprovedInHaste(ObservationRule):
    """秒批异常: a decision less than a minute after acceptance, or many decisions of one window within minutes.

    Instant cases, and what a machine decides, are left out: they are meant to be fast. Keys are cases (``case:01J…``), and windows
    with a day (``window:housing|A01/2026-11-20``): what was decided on that day among the cases of the 31 days before.

    Source: domain.md §4.2 E13; R36, R44.
    """

    rule_id: ClassVar[str] = "E13"
    title: ClassVar[str] = "秒批异常"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("case",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = HasteParams
    params: HasteParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        case: Case = seen.what
        decided_at = self._decided_at(case)
        if decided_at is None:
            return
        yield f"case:{seen.id}"
        if (window := window_of(seen)) is not None:
            yield f"window:{window}/{day_of(decided_at)}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        ids = {one.key.removeprefix("case:"): EVER for one in keys if one.key.startswith("case:")}
        for cases in history.seen("case", "case", ids).values():
            yield from (found for one in cases if (found := self._single(one)) is not None)
        windows = [one.key.removeprefix("window:") for one in keys if one.key.startswith("window:")]
        spans: dict[str, tuple[datetime, datetime]] = {}
        for key in windows:
            window, _, day = key.rpartition("/")
            begins, ends = day_span(day)
            number = number_of(window)
            since, until = spans.get(number, (begins, ends))
            spans[number] = (min(since, begins - _LOOK_BACK), max(until, ends))
        seen = history.seen("case", "window", spans)
        for key in windows:
            window, _, day = key.rpartition("/")
            mine = [one for one in seen.get(number_of(window), ()) if window_of(one) == window]
            yield from self._together(f"window:{key}", day, mine)

    def _single(self, seen: Seen) -> SignalDraft | None:
        case: Case = seen.what
        decided_at, accepted_at = self._decided_at(case), usable(case.accepted_at)
        if decided_at is None or accepted_at is None:
            return None
        took = (decided_at - accepted_at).total_seconds()
        if not 0 <= took < self.params.seconds:
            return None
        return draft(
            seen,
            Level.NOTICE,
            decided_at,
            key=f"case:{seen.id}",
            metric="受理到审批的秒数",
            value=took,
            threshold=float(self.params.seconds),
            summary=f"办件受理后{took:.0f}秒即作出审批决定（不足{self.params.seconds}秒），请核实是否实际审查。",
            labels=("秒批",),
        )

    def _together(self, key: str, day: str, seen: Sequence[Seen]) -> Iterator[SignalDraft]:
        decided = sorted(
            (
                (moment, one)
                for one in seen
                if (moment := self._decided_at(one.what)) and day_of(moment) == day
            ),
            key=lambda pair: (pair[0], pair[1].id),
        )
        span = timedelta(minutes=self.params.burst_minutes)
        for first, behind, most in bursts([moment for moment, _ in decided], span, self.params.burst):
            yield draft(
                [one for _, one in decided[first:behind]],
                Level.NOTICE,
                decided[first][0],
                until=decided[behind - 1][0],
                key=key,
                metric=f"{self.params.burst_minutes}分钟内审批件数",
                value=float(most),
                threshold=float(self.params.burst),
                summary=f"同一窗口{self.params.burst_minutes}分钟内审批{most}件（达到{self.params.burst}件即提示），起于{local_time(decided[first][0])}。",
                labels=("集中审批",),
            )

    def _decided_at(self, case: Case) -> datetime | None:
        """When a person decided on it; None where nobody did, or it is meant to be fast."""
        if is_instant(case) or case.result not in (None, CaseResult.GRANTED, CaseResult.DENIED):
            return None
        if case.item_code in self.params.automatic_items or case.post in self.params.automatic_posts:
            return None
        return usable(case.finished_at)


_LOOK_BACK = timedelta(days=31)
