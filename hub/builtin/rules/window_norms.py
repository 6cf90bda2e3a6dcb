"""窗口规范 (E17): what a camera saw at a window, once a person has confirmed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.observing import draft, just_after, local_time, recheck
from hub.model.codes import AnomalyType, FindingState, Level, Stage
from hub.model.monitor import MonitorEvent
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

_RIGHT = frozenset((FindingState.RECTIFIED, FindingState.CONFIRMED))


class WindowNormsParams(RuleParams):
    """Parameters of E17.

    Attributes:
        reply_hours: Within which the window's organisation has to respond, round the clock, where the source tells no time limit.
        rectify_hours: Within which it has to be put right; the same.
    """

    reply_hours: int = Field(default=1, ge=1, le=720)
    rectify_hours: int = Field(default=24, ge=1, le=720)

    @model_validator(mode="after")
    def _ordered(self) -> WindowNormsParams:
        if self.rectify_hours < self.reply_hours:
            raise ValueError(
                f"rectify_hours ({self.rectify_hours}) must not be below reply_hours ({self.reply_hours})"
            )
        return self


class WindowNorms(ObservationRule):
    """窗口规范: nobody at the window, a telephone in hand, a queue too long; it counts only once a person has confirmed the snapshot.

    A reminder at once, a yellow card without a response within an hour, a red one when it is not put right within a day; where the source tells until when
    (反馈时限, 整改时限), that holds: a snapshot that is confirmed a day later is not late at once when the source counts from then on.
    That it was put right says the finding that stands beside the event; without one, the response. An event that was revoked (摘牌) counts no more.

    Source: domain.md §4.2 E17, §1.8 (1 小时响应、24 小时整改); R45.
    """

    rule_id: ClassVar[str] = "E17"
    title: ClassVar[str] = "窗口规范"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = "monitor_event"
    observes: ClassVar[tuple[str, ...]] = ("monitor_event",)
    stage: ClassVar[Stage | None] = Stage.DURING
    Params: ClassVar[type[RuleParams]] = WindowNormsParams
    params: WindowNormsParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if counts(seen.what) else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("monitor_event", "monitor_event", {affected.key: EVER for affected in keys})
        for one in (one for events in found.values() for one in events):
            if counts(one.what):
                yield from self._judge(one, history)

    def _judge(self, seen: Seen, history: History) -> Iterable[SignalDraft | Recheck]:
        event: MonitorEvent = seen.what
        since = event.occurred_at
        replied = event.replied_at
        finding = _finding_beside(seen, history)
        righted = replied if finding is None else _righted_at(finding)
        reply_by, right_by = self._limits(event, finding)
        level, until, why = Level.NOTICE, since, "已经人工核实"
        if (replied if replied is not None else history.now) > reply_by:
            level, until, why = Level.SERIOUS, reply_by, f"{local_time(reply_by)}前未响应"
        if (righted if righted is not None else history.now) > right_by:
            level, until, why = Level.GRAVE, right_by, f"{local_time(right_by)}前未整改"
        things = [seen] if finding is None else [finding, seen]
        yield draft(
            things,
            level,
            since,
            key=seen.id,
            until=until,
            metric="响应与整改超时项数",
            value=float(level - Level.NOTICE),
            threshold=0.0,
            summary=f"窗口规范问题（{event.rule_code or '视频监察'}）：{why}。",
            auto_issue=True,
            labels=("窗口规范",),
        )
        yield from recheck(
            seen.id,
            history,
            just_after(reply_by) if replied is None else None,
            just_after(right_by) if righted is None else None,
        )

    def _limits(self, event: MonitorEvent, finding: Seen | None) -> tuple[datetime, datetime]:
        """Until when it has to be responded to and put right; a source's limit that lies before the event is none."""
        since = event.occurred_at
        reply, rectify = timedelta(hours=self.params.reply_hours), timedelta(hours=self.params.rectify_hours)
        told = event.reply_due_at
        reply_by = told if told is not None and told > since else since + reply
        told = finding.what.rectify_by if finding is not None else None
        if told is not None and told > since:
            return reply_by, max(told, reply_by)
        # Who has longer to respond was told later, and has longer to put it right.
        return reply_by, max(since, reply_by - reply) + rectify


def counts(event: MonitorEvent) -> bool:
    """Whether it is a window's breach that a person has confirmed, and nobody revoked."""
    camera = event.anomaly is AnomalyType.WINDOW or event.camera_no is not None
    return camera and event.confirmed is True and event.revoked_at is None


def _finding_beside(seen: Seen, history: History) -> Seen | None:
    """The finding that the same record left beside the event; it has its number and its moment."""
    window = seen.what.window_no
    if window is None:
        return None
    span = (seen.at, seen.at + MOMENT)
    found = history.seen("finding", "window", {window: span}).get(window, ())
    return next(
        (one for one in found if one.instance == seen.instance and one.what.source_no == seen.what.source_no),
        None,
    )


def _righted_at(finding: Seen) -> datetime | None:
    if finding.what.state not in _RIGHT:
        return None
    moment: datetime | None = finding.what.rectified_at or finding.what.confirmed_at
    # Put right, nobody says when: not held against it.
    return moment if moment is not None else finding.at
