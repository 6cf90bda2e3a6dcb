"""Rules on whole weeks: `WeeklyRule` judges all series of a week at once, and tells what it found series by series.

Thousands of series are judged every week, so that which of them alarms depends on the others (false discoveries), and a late demand
judges its week anew. The hub keeps the verdicts; `evaluate` makes episodes of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hub.model.demand import DemandFacts
from hub.model.series import SeriesKind, counts, county_day, monday_of, series, series_of, start_of
from hub.model.warning import SignalDraft
from hub.sdk.rules import AffectedKey, History, WarningRule

if TYPE_CHECKING:
    from hub.detect.dense import DenseCounts

SERIES: Final = "series"
"""Subject of a rule whose keys are series (`hub.model.series`)."""

WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """What was found of one series in one week.

    Attributes:
        series: As `hub.model.series.series` names it.
        week: Its Monday.
        observed: Cases counted.
        expected: Cases expected; None where the method has no expectation.
        upper: The largest count that is still no surprise; None as ``expected``.
        p_value: Chance of that many or more, were nothing the matter; None where the method has none.
        q_value: Share of false ones among all alarms of the week as improbable as this one; None where that is not controlled.
        alarm: Whether it is to be told; else it is kept for whoever asks why not.
        method: Who judged.
        detail: What explains it further: texts, numbers and lists, no personal data.
    """

    series: str
    week: date
    observed: float
    expected: float | None
    upper: float | None
    p_value: float | None
    q_value: float | None
    alarm: bool
    method: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class WeekCounts:
    """All that a week is judged by; nothing of what came after it.

    Attributes:
        week: Monday of the judged week, which is over.
        weekly: By kind, whole weeks up to and including the judged one; the keys are all that had a case by then.
        region_days: Demands by region and day in those weeks: key -> ascending (day, cases).
        residents: Region -> 常住人口, where it is known.
        spots: Town -> longitude and latitude, where they are known.
        names: Region -> its name.
        groups: Region -> groups (by key) that signals of the rules in `WeeklyRule.reckons_with` told of in the 30 days that end with the week.
    """

    week: date
    weekly: Mapping[SeriesKind, DenseCounts]
    region_days: Mapping[str, Sequence[tuple[date, int]]]
    residents: Mapping[str, int]
    spots: Mapping[str, tuple[float, float]]
    names: Mapping[str, str]
    groups: Mapping[str, int]

    @property
    def end(self) -> date:
        """The day after the week."""
        return self.week + WEEK


@dataclass(frozen=True, slots=True)
class WeekFindings:
    """What a rule found in one week.

    Attributes:
        verdicts: Series beyond what was expected, alarm or not; each once.
        series: How many series were judged.
        notes: What could not be judged, and why; shown to people, so no personal data.
    """

    verdicts: Sequence[SeriesVerdict]
    series: int
    notes: Mapping[str, Any] = field(default_factory=dict)


class WeeklyRule(WarningRule):
    """One rule on whole weeks.

    Attributes:
        kinds: The series that it judges; each of them that a demand belongs to is a key.
        evidence_days: The demands of so many days that end with a week are named for it.
        reckons_with: Rules whose signals `WeekCounts.groups` counts.
    """

    subject: ClassVar[str] = SERIES
    kinds: ClassVar[tuple[SeriesKind, ...]]
    evidence_days: ClassVar[int] = 7
    reckons_with: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def judge(self, week: WeekCounts) -> WeekFindings:
        """All series of one whole week.

        Deterministic, and by nothing but its argument: the same counts give the same verdicts whenever it is asked.
        """

    @abstractmethod
    def draft(self, run: Sequence[SeriesVerdict], demands: Sequence[DemandFacts]) -> SignalDraft:
        """The episode that these verdicts are: weeks of one series, one after the other, and the demands that are named for it."""

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        """The series of the rule's kinds that the demand belongs to; none of praise and of urging."""
        if not counts(demand):
            return ()
        return [series(kind, key) for kind, key in series_of(demand) if kind in self.kinds]

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        """The touched weeks, and one before and after: an episode that loses its middle leaves two behind."""
        return (
            start_of(monday_of(county_day(affected.since)) - WEEK),
            start_of(monday_of(county_day(affected.until)) + 2 * WEEK),
        )

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        """The episodes that the kept verdicts are; judges nothing itself."""
        found = history.verdicts(self.rule_id, [affected.key for affected in keys])
        waiting = {
            affected.key: runs
            for affected in keys
            if (runs := _within(_runs(found.get(affected.key, ())), self.scope(affected)))
        }
        # One question for the first run of every key, one for the second …: a key has seldom more than one.
        for turn in range(max(map(len, waiting.values()), default=0)):
            asked = {key: mine[turn] for key, mine in waiting.items() if turn < len(mine)}
            named = history.demands(SERIES, {key: self._named(run) for key, run in asked.items()})
            for key, run in asked.items():
                if demands := named.get(key):
                    yield self.draft(run, demands)

    def _named(self, run: Sequence[SeriesVerdict]) -> tuple[datetime, datetime]:
        end = run[-1].week + WEEK
        first = run[0].week + WEEK - timedelta(days=self.evidence_days)
        return start_of(first), start_of(end)


def window_of(run: Sequence[SeriesVerdict]) -> tuple[datetime, datetime]:
    """The weeks of an episode as event time."""
    return start_of(run[0].week), start_of(run[-1].week + WEEK)


def _runs(verdicts: Sequence[SeriesVerdict]) -> Iterator[list[SeriesVerdict]]:
    """Alarms of one series, ascending by week, as stretches of weeks one after the other."""
    alarms = [one for one in verdicts if one.alarm]
    if not alarms:
        return
    run = alarms[:1]
    for before, after in pairwise(alarms):
        if after.week - before.week != WEEK:
            yield run
            run = []
        run.append(after)
    yield run


def _within(
    runs: Iterable[list[SeriesVerdict]], scope: tuple[datetime, datetime]
) -> list[list[SeriesVerdict]]:
    return [run for run in runs if window_of(run)[0] < scope[1] and scope[0] < window_of(run)[1]]
