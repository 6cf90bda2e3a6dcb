"""多人同诉 (W02): several people, one trouble. A sudden burst, and a lasting one."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.groups import (
    CELL,
    MATTER,
    by_strand,
    by_subject,
    cell_key,
    matter_key,
    shared_matter_key,
)
from hub.builtin.rules.spring_festival import before_spring_festival, touches_season
from hub.builtin.rules.windows import (
    Episode,
    Judge,
    People,
    Reach,
    Span,
    Window,
    counted,
    each,
    heads_at_most,
    is_new,
    may_be_many,
    people,
    whole_episodes,
)
from hub.model.codes import DemandStatus, DemandType, Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import MOMENT, AffectedKey, History, Outline, RuleParams, WarningRule

_UNRESOLVED = frozenset(
    {
        DemandStatus.PENDING,
        DemandStatus.SUPPLEMENT,
        DemandStatus.ACCEPTED,
        DemandStatus.ASSIGNED,
        DemandStatus.IN_HAND,
    }
)
_WAGES = re.compile(
    r"欠薪|讨薪|(?:拖|克)欠[^，。；！？]{0,8}(?:工资|工钱|薪)|(?:工资|工钱|血汗钱)[^，。；！？]{0,8}(?:拖|欠|没发|不发|没给|不给|未发|没有发|没有给)|要回?(?:工资|工钱)"
)


class _Grouped(WarningRule):
    """What the two forms share: a group is told under its matter, and under its cell only where no matter tells it."""

    subject: ClassVar[str] = "group"

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.chases_open_order or demand.demand_type is DemandType.PRAISE:
            return ()
        # Alone on its matter it is a group only if it speaks for others.
        matter = matter_key(demand) if demand.declared_group_size else shared_matter_key(demand)
        return [key for key in (matter, cell_key(demand)) if key is not None]

    def related(self, keys: Sequence[AffectedKey], history: History) -> Iterable[AffectedKey]:
        # A matter that begins or ceases to speak silences the cells of its members, or lets them speak.
        touched = {one.key: one for one in keys}
        matters = [one for one in keys if one.key.startswith(MATTER)]
        scopes = {one.key.removeprefix(MATTER): self.scope(one) for one in matters}
        for matter_id, members in history.outlines("matter", scopes).items():
            matter = touched[MATTER + matter_id]
            for cell in {cell_key(one) for one in members} - {None}:
                yield AffectedKey(str(cell), matter.since, matter.until)

    def scope(self, affected: AffectedKey) -> Span:
        return self._reach.scope(affected)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        scopes = {affected.key: self.scope(affected) for affected in keys}
        found = self._episodes(scopes, history)
        cells = {key: several for key, several in found.items() if key.startswith(CELL)}
        told = self._told(cells, history)
        for key, several in found.items():
            for one in several:
                if not (key in cells and _speaks(one, told)):
                    yield self._draft(key, one)

    def _may_be_group(self, demands: Sequence[Outline]) -> bool:
        span = demands[0].submitted_at, demands[-1].submitted_at + MOMENT
        return heads_at_most(demands) >= self._least(span)

    @property
    @abstractmethod
    def _reach(self) -> Reach: ...

    @abstractmethod
    def _least(self, span: Span) -> int:
        """Fewer heads than that in this span are no group."""

    @abstractmethod
    def _judge(self, history: History) -> Judge: ...

    @abstractmethod
    def _draft(self, key: str, episode: Episode) -> SignalDraft: ...

    def _episodes(self, scopes: Mapping[str, Span], history: History) -> dict[str, list[Episode]]:
        found: dict[str, list[Episode]] = {}
        for subject, pairs in by_subject(scopes).items():
            names = {known: key for key, known in pairs}
            mine = {known: scopes[key] for key, known in pairs}
            around = self._reach.around(mine)
            heads = history.heads(subject, around)
            mine = {known: mine[known] for known, many in heads.items() if many >= self._least(around[known])}
            judge = by_strand(self._judge(history), self._reach, self._may_be_group)
            episodes = whole_episodes(history, subject, mine, self._reach, judge, counts=_is_trouble)
            found.update({names[known]: several for known, several in episodes.items()})
        return found

    def _told(self, cells: Mapping[str, Sequence[Episode]], history: History) -> dict[str, list[Episode]]:
        """The matters of these cells' demands, with what is told of them at that time."""
        scopes: dict[str, Span] = {}
        for one in (one for several in cells.values() for one in several):
            for key in {matter_key(demand) for demand in one.demands} - {None}:
                since, until = scopes.get(str(key), (one.begins, one.ends))
                scopes[str(key)] = min(since, one.begins), max(until, one.ends + MOMENT)
        return self._episodes(scopes, history) if scopes else {}


def _is_trouble(one: Outline) -> bool:
    return is_new(one) and one.demand_type != DemandType.PRAISE


def _speaks(cell: Episode, told: Mapping[str, Sequence[Episode]]) -> bool:
    """Whether a matter with a member in the cell is told at that time."""
    matters = {matter_key(one) for one in cell.demands}
    return any(
        one.begins <= cell.ends and cell.begins <= one.ends
        for key in matters
        if key is not None
        for one in told.get(key, ())
    )


# ---- W02a


class SuddenGroupParams(RuleParams):
    """Parameters of W02a.

    Attributes:
        window_hours: Length of the window.
        heads: Different people, or people spoken for, from which on there is a signal.
        wage_heads: The same for unpaid wages in the days before 春节.
        wage_days: How many days before 春节 that holds.
        petition: One caller alone who speaks for that many is W02c's.
    """

    window_hours: int = Field(default=24, ge=1, le=168)
    heads: int = Field(default=3, ge=2, le=1_000)
    wage_heads: int = Field(default=2, ge=2, le=1_000)
    wage_days: int = Field(default=60, ge=0, le=120)
    petition: int = Field(default=5, ge=2, le=1_000)

    @model_validator(mode="after")
    def _ordered(self) -> SuddenGroupParams:
        if self.wage_heads > self.heads:
            raise ValueError(f"wage_heads ({self.wage_heads}) must not be above heads ({self.heads})")
        return self


class SuddenGroup(_Grouped):
    """多人同诉（突发）: three people with one trouble within a day; two for unpaid wages before 春节.

    People are different reporters, or those that a caller speaks for; messages are not counted. Who names another place or another
    service item than the others has another trouble, however alike the words, and is not counted with them.

    Source: domain.md §4.1 (three persons in 24 h at one place: 0.69 by chance a day, a real group seen after 8 h), §4.2 W02a; R28.
    """

    rule_id: ClassVar[str] = "W02a"
    title: ClassVar[str] = "多人同诉（突发）"
    version: ClassVar[str] = "2"
    Params: ClassVar[type[RuleParams]] = SuddenGroupParams
    params: SuddenGroupParams

    @property
    def _reach(self) -> Reach:
        return Reach(timedelta(hours=self.params.window_hours))

    def _least(self, span: Span) -> int:
        in_season = touches_season(*span, self.params.wage_days)
        return self.params.wage_heads if in_season else self.params.heads

    def _in_season(self, moment: datetime) -> bool:
        return before_spring_festival(moment, self.params.wage_days)

    def _judge(self, history: History) -> Judge:
        return lambda read: self._windows(read, history)

    def _windows(self, read: Mapping[str, Sequence[Outline]], history: History) -> dict[str, list[Window]]:
        read = {key: demands for key, demands in read.items() if may_be_many(demands)}
        found = {key: list(self._of_any(demands)) for key, demands in read.items()}
        season = {key: pairs for key, demands in read.items() if (pairs := list(self._of_season(demands)))}
        wages = _about_wages(read, season, history) if season else set()
        for key, pairs in season.items():
            for first, behind in pairs:
                who = people(one for one in read[key][first:behind] if one.demand_id in wages)
                if who.heads >= self.params.wage_heads:
                    found[key].append(
                        Window(
                            first, behind, float(who.heads), float(self.params.wage_heads), form=_WAGES_FORM
                        )
                    )
        return found

    def _of_any(self, demands: Sequence[Outline]) -> Iterator[Window]:
        for first, behind, who in self._counted(demands):
            if who.heads >= self.params.heads:
                yield Window(first, behind, float(who.heads), float(self.params.heads))

    def _of_season(self, demands: Sequence[Outline]) -> Iterator[tuple[int, int]]:
        """Windows with enough people, but only if it is about wages."""
        for first, behind, who in self._counted(demands):
            enough = self.params.wage_heads <= who.heads < self.params.heads
            if enough and self._in_season(demands[first].submitted_at):
                yield first, behind

    def _counted(self, demands: Sequence[Outline]) -> Iterator[tuple[int, int, People]]:
        for first, behind, who in counted(demands, timedelta(hours=self.params.window_hours)):
            # One caller who speaks for many is 联名, and told as that.
            if who.callers >= 2 or who.heads < self.params.petition:
                yield first, behind, who

    def _draft(self, key: str, episode: Episode) -> SignalDraft:
        hours, fullest, who = self.params.window_hours, episode.fullest, people(episode.demands)
        wages = fullest.form == _WAGES_FORM
        return _group_draft(
            key,
            episode,
            who,
            level=Level.SERIOUS,
            metric=f"{hours}小时内反映同一问题的人数",
            summary=f"{_WHAT[key.partition(':')[0]]}：{hours}小时内有{fullest.value:.0f}人反映同一问题"
            f"（达到{fullest.threshold:.0f}人即提示{'，春节前欠薪从严' if wages else ''}），{_of(episode, who)}。",
            labels=("欠薪",) if wages else (),
        )


_WAGES_FORM = "wages"


def _about_wages(
    read: Mapping[str, Sequence[Outline]],
    windows: Mapping[str, Iterable[tuple[int, int]]],
    history: History,
) -> set[str]:
    """Those of the windows' demands that tell of unpaid wages, by their words."""
    asked = {
        one.demand_id
        for key, pairs in windows.items()
        for first, behind in pairs
        for one in read[key][first:behind]
    }
    return {
        demand_id for demand_id, said in history.words(sorted(asked)).items() if any(map(_WAGES.search, said))
    }


# ---- W02b


class LastingGroupParams(RuleParams):
    """Parameters of W02b.

    Attributes:
        window_days: Length of the window.
        heads: Different people, or people spoken for, in one window from which on there may be a signal …
        baseline_weeks: … if they are more, too, than the mean of so many weeks before it …
        deviations: … and so many standard deviations.
        unresolved_days: Length of the window in which demands that are not answered yet are counted.
        unresolved: People behind such demands from which on there is a signal.
        grave: People, counted either way, from which on it is grave.
    """

    window_days: int = Field(default=7, ge=2, le=31)
    heads: int = Field(default=5, ge=2, le=1_000)
    baseline_weeks: int = Field(default=8, ge=4, le=52)
    deviations: float = Field(default=3.0, ge=0.0, le=10.0)
    unresolved_days: int = Field(default=30, ge=2, le=92)
    unresolved: int = Field(default=5, ge=2, le=1_000)
    grave: int = Field(default=10, ge=2, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> LastingGroupParams:
        if self.grave < min(self.heads, self.unresolved):
            raise ValueError(
                f"grave ({self.grave}) must not be below heads ({self.heads}) and unresolved ({self.unresolved})"
            )
        return self


class _WeeksBefore:
    """How many people there were in each of some weeks before a moment; asked of moments that ascend, it looks at no demand twice.

    Args:
        demands: Ascending by time.
        weeks: So many weeks.
    """

    def __init__(self, demands: Sequence[Outline], weeks: int) -> None:
        self._demands, self._times = demands, [one.submitted_at for one in demands]
        self._weeks = [People() for _ in range(weeks)]
        self._ends = [0] * (
            weeks + 1
        )  # the place behind each week's last demand; behind those that are before all weeks, too

    def heads(self, until: datetime) -> list[int]:
        """The latest week first; a moment that is earlier than one before is not asked about."""
        for number, was in enumerate(self._ends):
            now = bisect_left(self._times, until - number * _WEEK, lo=was)
            for one in self._demands[was:now]:
                if number < len(self._weeks):
                    self._weeks[number].add(one)
                if number:
                    self._weeks[number - 1].remove(one)
            self._ends[number] = now
        return [week.heads for week in self._weeks]


_WEEK = timedelta(weeks=1)


class LastingGroup(_Grouped):
    """多人同诉（持续）: five people with one trouble within a week and more than its usual, or five unanswered within a month.

    The usual is what the eight weeks before the window held, person by person: a place that always has five is no news. Who names
    another place or another service item than the others is not counted with them.

    Source: domain.md §4.1 (five in seven days and mean + 3 sd at one place: 0.31 by chance a day, a real group seen after 17 h), §4.2
    W02b; R28.
    """

    rule_id: ClassVar[str] = "W02b"
    title: ClassVar[str] = "多人同诉（持续）"
    version: ClassVar[str] = "2"
    Params: ClassVar[type[RuleParams]] = LastingGroupParams
    params: LastingGroupParams

    @property
    def _reach(self) -> Reach:
        params = self.params
        longest = timedelta(days=max(params.window_days, params.unresolved_days))
        return Reach(longest, before=timedelta(weeks=params.baseline_weeks))

    def _least(self, span: Span) -> int:
        return min(self.params.heads, self.params.unresolved)

    def _judge(self, history: History) -> Judge:
        return each(self._windows)

    def _windows(self, demands: Sequence[Outline]) -> Iterator[Window]:
        params = self.params
        if len(demands) < 2:
            return
        before = _WeeksBefore(demands, params.baseline_weeks)
        for first, behind, who in counted(demands, timedelta(days=params.window_days)):
            if who.callers > 1 and who.heads >= params.heads:  # one alone is 联名
                mean, bound = self._usual(before.heads(demands[first].submitted_at))
                # Where every week is alike there is no deviation, and as many as ever are no news.
                if who.heads >= bound and who.heads > mean:
                    yield Window(first, behind, float(who.heads), max(float(params.heads), bound), mean)
        places = [place for place, one in enumerate(demands) if one.status in _UNRESOLVED]
        waiting = [demands[place] for place in places]
        for first, behind, who in counted(waiting, timedelta(days=params.unresolved_days)):
            if who.callers > 1 and who.heads >= params.unresolved:
                yield Window(
                    places[first],
                    places[behind - 1] + 1,
                    float(who.heads),
                    float(params.unresolved),
                    form=_WAITING,
                )

    def _usual(self, heads: Sequence[int]) -> tuple[float, float]:
        """Mean, and mean plus deviations, of the people in the weeks before."""
        mean = sum(heads) / len(heads)
        spread = sqrt(sum((count - mean) ** 2 for count in heads) / (len(heads) - 1))
        return mean, mean + self.params.deviations * spread

    def _draft(self, key: str, episode: Episode) -> SignalDraft:
        params, fullest, who = self.params, episode.fullest, people(episode.demands)
        waiting = fullest.form == _WAITING
        days = params.unresolved_days if waiting else params.window_days
        what = f"{days}日内反映同一问题{'且尚未办结' if waiting else ''}的人数"
        usual = (
            "" if fullest.baseline is None else f"，前{params.baseline_weeks}周周均{fullest.baseline:.1f}人"
        )
        return _group_draft(
            key,
            episode,
            who,
            level=Level.GRAVE if fullest.value >= params.grave else Level.SERIOUS,
            metric=what,
            summary=f"{_WHAT[key.partition(':')[0]]}：{what}为{fullest.value:.0f}人"
            f"（达到{round(fullest.threshold, 1):g}人即提示{usual}），{_of(episode, who)}。",
        )


_WAITING = "waiting"
_WHAT = {"matter": "同一诉求", "cell": "同一地点同类诉求", "demand": "同一诉求"}


def _of(episode: Episode, who: People) -> str:
    return f"共涉及诉求{len(episode.demands)}件、诉求人{who.callers}人"


def _group_draft(
    key: str,
    episode: Episode,
    who: People,
    *,
    level: Level,
    metric: str,
    summary: str,
    labels: tuple[str, ...] = (),
) -> SignalDraft:
    fullest = episode.fullest
    return SignalDraft(
        key=key,
        level=level,
        window_from=episode.begins,
        window_to=episode.ends + MOMENT,
        metric=metric,
        value=fullest.value,
        threshold=fullest.threshold,
        baseline=fullest.baseline,
        demand_ids=tuple(one.demand_id for one in episode.demands),
        reporters=who.callers,
        summary=summary,
        labels=labels,
    )
