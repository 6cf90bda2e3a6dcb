"""What comes together: warnings on one organisation, post or item (W20); several watches on one item or window (R78)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, pstdev
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import MIXED, draft
from hub.builtin.rules.ratings import is_bad
from hub.builtin.rules.stretches import Stretch, whole_stretches
from hub.builtin.rules.windows import Reach, Span
from hub.model.codes import CentreLevel, DemandType, Level, Nature, WarningState, Watch
from hub.model.demand import DemandFacts
from hub.model.series import LONGEST_KEY, SeriesKind, series
from hub.model.warning import SignalDraft, WarningFacts
from hub.sdk.rules import AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen, WarningRule
from hub.sdk.weekly import SERIES

_WEEK = timedelta(weeks=1)
_BASELINE_WEEKS = 8
_BASELINE = _BASELINE_WEEKS * _WEEK


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
    version: ClassVar[str] = "2"
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

    def scope(self, affected: AffectedKey) -> Span:
        # Of what a window is compared with, the last lies eight weeks before it.
        window = self._reach(affected.key.partition(":")[0]).window
        return affected.since - window, affected.until + window + _BASELINE

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for name in ("organisation", "post", "item"):
            scopes = {
                one.key.partition(":")[2]: self.scope(one) for one in keys if one.key.startswith(f"{name}:")
            }

            def read(spans: Mapping[str, Span], name: str = name) -> dict[str, list[Seen]]:
                return {
                    value: [one for one in seen if self._counts(one.what)]
                    for value, seen in history.seen("warning", name, spans).items()
                }

            def judge(seen: Sequence[Seen], since: datetime, name: str = name) -> Iterator[Stretch]:
                return self._dense(seen, since, *self._bounds(name))

            for value, told in whole_stretches(read, scopes, self._reach(name), judge).items():
                yield from (self._draft(f"{name}:{value}", name, one) for one in told)

    def _bounds(self, name: str) -> tuple[int, int]:
        """So many warnings in so many days."""
        if name == "organisation":
            return self.params.organisation_count, self.params.organisation_days
        return self.params.narrow_count, self.params.narrow_days

    def _reach(self, name: str) -> Reach:
        return Reach(timedelta(days=self._bounds(name)[1]), before=_BASELINE)

    def _counts(self, warning: WarningFacts) -> bool:
        return (
            warning.level >= Level.SERIOUS
            and warning.state is not WarningState.REVOKED
            and warning.rule_id != self.rule_id
        )

    def _draft(self, key: str, name: str, stretch: Stretch) -> SignalDraft:
        count, days = self._bounds(name)
        usual = stretch.usual or 0.0
        return draft(
            stretch.things,
            Level.SERIOUS,
            stretch.begins,
            until=stretch.ends,
            key=key,
            metric=f"{days}日内黄牌以上预警数",
            value=float(stretch.most),
            threshold=float(count),
            baseline=usual,
            summary=f"{_ABOUT[name]}{days}日内黄牌以上预警{stretch.most}件（达到{count}件且高于自身前八周水平{usual:.1f}件即提示），转重点研判，不计扣分。",
            labels=("重点研判", "预警频次密集"),
        )

    def _dense(self, seen: Sequence[Seen], since: datetime, count: int, days: int) -> Iterator[Stretch]:
        """Stretches whose windows each hold enough, and more than the eight weeks before that window would lead one to expect.

        A stretch is told with what its fullest window holds, and with what was usual before its first.
        """
        times = [one.at for one in seen]
        first, behind, most, usual = 0, 0, 0, 0.0
        for start in range(bisect_left(times, since), len(times)):
            reach = bisect_left(times, times[start] + timedelta(days=days))
            if reach - start < count:
                continue
            expected, upper = self._usual(times[start], times, days)
            if reach - start <= upper:
                continue
            if most and start >= behind:
                yield Stretch(seen[first:behind], most, usual)
                most = 0
            if not most:
                first, usual = start, expected
            behind, most = max(behind, reach), max(most, reach - start)
        if most:
            yield Stretch(seen[first:behind], most, usual)

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


class SeveralWatches(WarningRule):
    """六位一体: two watches or more found trouble with one service item or window within a month.

    Trouble is a finding, a bad rating, or a monitor event that was not revoked (a camera's only once it is confirmed); and beside one of these what
    citizens complain of or ask help for about the item, of the latest 500. Complaints alone are the affair of other rules: an item that everybody needs has some by every
    way each month. Of a 举报 nothing is told here. Of windows only the county centre's count, since those of other centres bear the same numbers.
    Keys are ``item:…`` and ``window:…``.

    Source: domain.md §2 R78.
    """

    rule_id: ClassVar[str] = "R78"
    title: ClassVar[str] = "六位一体"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("finding", "rating", "monitor_event")
    Params: ClassVar[type[RuleParams]] = SeveralWatchesParams
    params: SeveralWatchesParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (f"item:{demand.item_code}",) if demand.item_code is not None and _complains(demand) else ()

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        if watch_of(seen) is None:
            return
        if seen.what.item_code is not None:
            yield f"item:{seen.what.item_code}"
        if seen.what.window_no is not None and _county(seen):
            yield f"window:{seen.what.window_no}"

    def scope(self, affected: AffectedKey) -> Span:
        return affected.since - self._reach.window, affected.until + self._reach.window

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for name in ("item", "window"):
            scopes = {
                one.key.partition(":")[2]: self.scope(one) for one in keys if one.key.startswith(f"{name}:")
            }

            def read(spans: Mapping[str, Span], name: str = name) -> dict[str, list[Seen]]:
                return self._trouble(name, spans, history)

            for value, told in whole_stretches(read, scopes, self._reach, self._together).items():
                yield from (self._draft(f"{name}:{value}", name, one) for one in told)

    @property
    def _reach(self) -> Reach:
        return Reach(timedelta(days=self.params.days))

    def _trouble(self, name: str, spans: Mapping[str, Span], history: History) -> dict[str, list[Seen]]:
        """What watches found, ascending by time; a camera's event and the finding that the same record left beside it are one, and the eagle-eye's."""
        found: dict[str, list[Seen]] = {}
        for kind in self.observes:
            for value, seen in history.seen(kind, name, spans).items():
                found.setdefault(value, []).extend(one for one in seen if name == "item" or _county(one))
        for value, seen in found.items():
            events = {(one.instance, one.what.source_no) for one in seen if one.kind == "monitor_event"}
            found[value] = [one for one in seen if watch_of(one) is not None and not _doubles(one, events)]
        if name == "item":
            for value, complaints in _complaints(
                {value: spans[value] for value in found if found[value]}, history
            ):
                found[value] += complaints
        return {value: sorted(seen, key=lambda one: (one.at, one.id)) for value, seen in found.items()}

    def _together(self, seen: Sequence[Seen], since: datetime) -> Iterator[Stretch]:
        """Stretches whose windows each hold enough different watches, and more than complaints; the fullest is the one that holds most."""
        inside: Counter[Watch] = Counter()
        watches = [watch for one in seen if (watch := watch_of(one)) is not None]
        first, behind, reach, found = 0, 0, 0, 0
        most: frozenset[Watch] = frozenset()
        for start, one in enumerate(seen):
            while reach < len(seen) and seen[reach].at < one.at + self._reach.window:
                inside[watches[reach]] += 1
                found += seen[reach].kind != _DEMAND
                reach += 1
            different, something = frozenset(+inside), found > 0
            inside[watches[start]] -= 1
            found -= one.kind != _DEMAND
            if len(different) < self.params.watches or not something:
                continue
            if most and start >= behind:
                yield Stretch(seen[first:behind], len(most), watches=most)
                most = frozenset()
            if not most:
                first = start
            behind, most = max(behind, reach), max(most, different, key=len)
        if most:
            yield Stretch(seen[first:behind], len(most), watches=most)

    def _draft(self, key: str, name: str, stretch: Stretch) -> SignalDraft:
        names = [_WATCHES[watch] for watch in sorted(stretch.watches)]
        complaints = [one.what for one in stretch.things if one.kind == _DEMAND]
        made = draft(
            [one for one in stretch.things if one.kind != _DEMAND],
            Level.SERIOUS if stretch.most >= 3 else Level.NOTICE,
            stretch.begins,
            until=stretch.ends,
            key=key,
            metric=f"{self.params.days}日内发现问题的察数",
            value=float(stretch.most),
            threshold=float(self.params.watches),
            summary=f"{'同一事项' if name == 'item' else '同一窗口'}{self.params.days}日内六察中有{stretch.most}察（{'、'.join(names)}）发现问题，共{len(stretch.things)}件，请合并研判。",
            labels=("六位一体", *names),
        )
        people = {one.reporter_key for one in complaints} - {None}
        ids = tuple(one.demand_id for one in complaints)
        return made.model_copy(update={"demand_ids": ids, "reporters": len(people)})


_DEMAND = "demand"


def _complains(demand: DemandFacts) -> bool:
    """Whether it tells of trouble that may be told on: a complaint, a call for help; of a 举报 nothing is."""
    return (
        demand.nature is Nature.VOICED
        and demand.demand_type is not DemandType.REPORT
        and not demand.chases_open_order
    )


def _complaints(spans: Mapping[str, Span], history: History) -> Iterator[tuple[str, list[Seen]]]:
    """What is complained of about each of these items, as things beside the others."""
    if not spans:
        return
    # History gives whole days of a series.
    asked = {
        series(SeriesKind.ITEM, value[:LONGEST_KEY]): (since, until + timedelta(days=1))
        for value, (since, until) in spans.items()
    }
    named = history.demands(SERIES, asked)
    for value, (since, until) in spans.items():
        told = named.get(series(SeriesKind.ITEM, value[:LONGEST_KEY]), ())
        yield (
            value,
            [
                Seen(_DEMAND, one.demand_id, one.instance, one.submitted_at, one.watch, one)
                for one in told
                if one.item_code == value and since <= one.submitted_at < until and _complains(one)
            ],
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


_ABOUT = {"organisation": "同一单位", "post": "同一岗位", "item": "同一事项"}
_WATCHES = {
    Watch.OBSERVE: "观察", Watch.SUPERVISE: "督察", Watch.INSIGHT: "洞察", Watch.MONITOR: "监察", Watch.VISIT: "视察",
    Watch.DISCERN: "明察",
}  # fmt: skip
