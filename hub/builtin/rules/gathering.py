"""What comes together: warnings on one organisation, post or item (W20); several watches on one item or window (R78)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, pstdev
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import MIXED, bursts, draft
from hub.builtin.rules.ratings import is_bad
from hub.model.codes import CentreLevel, Level, WarningState, Watch
from hub.model.warning import SignalDraft, WarningFacts
from hub.sdk.rules import AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

_WEEK = timedelta(weeks=1)
_BASELINE_WEEKS = 8


class DenseWarningsParams(RuleParams):
    """Parameters of W20.

    Attributes:
        organisation_count: Warnings on one organisation ...
        organisation_days: ... within so many days.
        narrow_count: Warnings on one post or item ...
        narrow_days: ... within so many days.
        sds: How many standard deviations above the mean of its eight weeks before that has to be.
    """

    organisation_count: int = Field(default=5, ge=2, le=10_000)
    organisation_days: int = Field(default=7, ge=1, le=92)
    narrow_count: int = Field(default=3, ge=2, le=10_000)
    narrow_days: int = Field(default=30, ge=1, le=92)
    sds: float = Field(default=3.0, ge=0, le=10)


class DenseWarnings(ObservationRule):
    """预警频次密集: more yellow and red warnings on one organisation, post or item than are usual for it. For study; it deducts nothing.

    Keys are ``organisation:…``, ``post:…`` and ``item:…``. Its own warnings and revoked ones do not count.

    Source: domain.md §4.2 W20; R46.
    """

    rule_id: ClassVar[str] = "W20"
    title: ClassVar[str] = "预警频次密集"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("warning",)
    Params: ClassVar[type[RuleParams]] = DenseWarningsParams
    params: DenseWarningsParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        warning: WarningFacts = seen.what
        if warning.rule_id == self.rule_id:
            return
        about = (("organisation", warning.organisation), ("post", warning.post), ("item", warning.item_code))
        yield from (f"{name}:{value}" for name, value in about if value is not None)

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        return affected.since - _REACH, affected.until + _REACH

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for name in ("organisation", "post", "item"):
            mine = {one.key.partition(":")[2]: one for one in keys if one.key.startswith(f"{name}:")}
            spans = {
                value: (one.since - _REACH - _BASELINE_WEEKS * _WEEK, one.until + _REACH)
                for value, one in mine.items()
            }
            for value, seen in (history.seen("warning", name, spans) if spans else {}).items():
                yield from self._judge(mine[value], name, [one for one in seen if self._counts(one.what)])

    def _counts(self, warning: WarningFacts) -> bool:
        return (
            warning.level >= Level.SERIOUS
            and warning.state is not WarningState.REVOKED
            and warning.rule_id != self.rule_id
        )

    def _judge(self, affected: AffectedKey, name: str, seen: Sequence[Seen]) -> Iterator[SignalDraft]:
        broad = name == "organisation"
        count = self.params.organisation_count if broad else self.params.narrow_count
        days = self.params.organisation_days if broad else self.params.narrow_days
        since = affected.since - _REACH
        times = [one.at for one in seen]
        recent = [one for one in seen if one.at >= since]
        for first, behind, most, usual in self._dense([one.at for one in recent], times, days, count):
            told = recent[first:behind]
            yield draft(
                told,
                Level.SERIOUS,
                told[0].at,
                until=told[-1].at,
                key=affected.key,
                metric=f"{days}日内黄牌以上预警数",
                value=float(most),
                threshold=float(count),
                baseline=usual,
                summary=f"{_ABOUT[name]}{days}日内黄牌以上预警{most}件（达到{count}件且高于自身前八周水平{usual:.1f}件即提示），转重点研判，不计扣分。",
                labels=("重点研判", "预警频次密集"),
            )

    def _dense(
        self, recent: Sequence[datetime], times: Sequence[datetime], days: int, count: int
    ) -> Iterator[tuple[int, int, int, float]]:
        """Stretches whose windows each hold enough, and more than the eight weeks before that window would lead one to expect.

        Yields:
            First place, place behind the last, how many the fullest window holds, and what was usual before the first.
        """
        first, behind, most, usual = 0, 0, 0, 0.0
        for start, moment in enumerate(recent):
            reach = bisect_left(recent, moment + timedelta(days=days))
            if reach - start < count:
                continue
            expected, upper = self._usual(moment, times, days)
            if reach - start <= upper:
                continue
            if most and start >= behind:
                yield first, behind, most, usual
                most = 0
            if not most:
                first, usual = start, expected
            behind, most = max(behind, reach), max(most, reach - start)
        if most:
            yield first, behind, most, usual

    def _usual(self, first: datetime, times: Sequence[datetime], days: int) -> tuple[float, float]:
        """What the eight weeks before would lead one to expect of so many days, and the bound above it."""
        bounds = [bisect_left(times, first - number * _WEEK) for number in range(_BASELINE_WEEKS + 1)]
        weeks = [later - earlier for later, earlier in pairwise(bounds)]
        share = days / 7
        usual = fmean(weeks) * share
        return usual, usual + self.params.sds * pstdev(weeks) * share**0.5


class SeveralWatchesParams(RuleParams):
    """Parameters of R78.

    Attributes:
        days: Within which ...
        watches: ... so many different watches found trouble with one item or window.
    """

    days: int = Field(default=30, ge=1, le=92)
    watches: int = Field(default=2, ge=2, le=6)


class SeveralWatches(ObservationRule):
    """六位一体: two watches or more found trouble with one service item or window within a month.

    Trouble is a finding, a bad rating, or a monitor event that was not revoked (a camera's only once it is confirmed). Of windows only the county
    centre's count, since those of other centres bear the same numbers. Keys are ``item:…`` and ``window:…``.

    Source: domain.md §2 R78.
    """

    rule_id: ClassVar[str] = "R78"
    title: ClassVar[str] = "六位一体"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("finding", "rating", "monitor_event")
    Params: ClassVar[type[RuleParams]] = SeveralWatchesParams
    params: SeveralWatchesParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        if watch_of(seen) is None:
            return
        if seen.what.item_code is not None:
            yield f"item:{seen.what.item_code}"
        if seen.what.window_no is not None and _county(seen):
            yield f"window:{seen.what.window_no}"

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        return affected.since - _REACH, affected.until + _REACH

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for name in ("item", "window"):
            mine = {one.key.partition(":")[2]: one for one in keys if one.key.startswith(f"{name}:")}
            spans = {value: (one.since - _REACH, one.until + _REACH) for value, one in mine.items()}
            found: dict[str, list[Seen]] = {value: [] for value in mine}
            for kind in self.observes if mine else ():
                for value, seen in history.seen(kind, name, spans).items():
                    found[value] += [one for one in seen if name == "item" or _county(one)]
            for value, seen in found.items():
                yield from self._judge(mine[value], name, seen)

    def _judge(self, affected: AffectedKey, name: str, seen: Sequence[Seen]) -> Iterator[SignalDraft]:
        events = {(one.instance, one.what.source_no) for one in seen if one.kind == "monitor_event"}
        # A camera's event and the finding that the same record left beside it are one thing, and the eagle-eye's.
        told = sorted(
            (one for one in seen if watch_of(one) is not None and not _doubles(one, events)),
            key=lambda one: (one.at, one.id),
        )
        span = timedelta(days=self.params.days)
        for first, behind, _ in bursts([one.at for one in told], span, 2):
            things = told[first:behind]
            most = _most_watches(things, span)
            if len(most) < self.params.watches:
                continue
            names = "、".join(_WATCHES[watch] for watch in sorted(most))
            yield draft(
                things,
                Level.SERIOUS if len(most) >= 3 else Level.NOTICE,
                things[0].at,
                until=things[-1].at,
                key=affected.key,
                metric=f"{self.params.days}日内发现问题的察数",
                value=float(len(most)),
                threshold=float(self.params.watches),
                summary=f"{'同一事项' if name == 'item' else '同一窗口'}{self.params.days}日内有{len(most)}个渠道（{names}）发现问题，共{len(things)}件，请合并研判。",
                labels=("六位一体", *(_WATCHES[watch] for watch in sorted(most))),
            )


def watch_of(seen: Seen) -> Watch | None:
    """Which watch found trouble there; None where it is none."""
    if seen.kind == "rating" and not is_bad(seen.what):
        return None
    if seen.kind == "monitor_event":
        unconfirmed = seen.what.camera_no is not None and not seen.what.confirmed
        if unconfirmed or seen.what.revoked_at is not None:
            return None
    return seen.watch


def _county(seen: Seen) -> bool:
    return seen.kind != "finding" or seen.what.level in (None, CentreLevel.COUNTY)


def _doubles(seen: Seen, events: set[tuple[str, str]]) -> bool:
    return seen.kind == "finding" and (seen.instance, seen.what.source_no) in events


def _most_watches(things: Sequence[Seen], span: timedelta) -> set[Watch]:
    """The watches in the window that holds most different ones."""
    best: set[Watch] = set()
    for place, one in enumerate(things):
        here = {
            watch
            for other in things[place:]
            if other.at < one.at + span and (watch := watch_of(other)) is not None
        }
        best = here if len(here) > len(best) else best
    return best


_REACH = timedelta(days=60)
_ABOUT = {"organisation": "同一单位", "post": "同一岗位", "item": "同一事项"}
_WATCHES = {
    Watch.OBSERVE: "观察", Watch.SUPERVISE: "督察", Watch.INSIGHT: "洞察", Watch.MONITOR: "监察", Watch.VISIT: "视察",
    Watch.DISCERN: "明察",
}  # fmt: skip
