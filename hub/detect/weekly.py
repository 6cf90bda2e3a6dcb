"""One week of many keys judged: the method that each key's history allows, a least number of cases, few false discoveries.

Thousands of keys are judged every week; at one alarm in a hundred by chance, hundreds would be false. So an alarm must pass its method's
bound, have enough cases to speak of, and stand among the week's p-values as Benjamini and Hochberg ask.

Source: Benjamini and Hochberg 1995, JRSS B 57:289; domain.md §4.1 for the need of a least count.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from hub.detect.baseline import WEEK_DAYS
from hub.detect.ears import EarsSettings, ears
from hub.detect.farrington import FarringtonSettings, farrington
from hub.detect.judged import ANSWERED, Bools, Floats, Method, State, States, Verdict, as_counts, cases_lately
from hub.detect.pooled import pooled_p_values


@dataclass(frozen=True, slots=True)
class WeeklySettings:
    """How one week of many keys is judged.

    Attributes:
        farrington: For keys that know at least its ``least_years`` years.
        ears: For the others.
        least_cases: No alarm with fewer cases than that in the last `least_cases_weeks`, the judged one among them.
        least_cases_weeks: See `least_cases`.
        false_discoveries: Share of false ones among a week's alarms, at most, on average; None: not controlled.
        pooled: P-values of keys with a short history by the spread that all such keys have in common (`hub.detect.pooled`), for keys of
            one kind; else by Student's t, which among thousands of keys lets none alarm.

    Raises:
        ValueError: The share of false discoveries is no share.
    """

    farrington: FarringtonSettings = field(default_factory=FarringtonSettings)
    ears: EarsSettings = field(default_factory=lambda: EarsSettings(alpha=0.01, calibrated=True))
    least_cases: int = 5
    least_cases_weeks: int = 4
    false_discoveries: float | None = 0.1
    pooled: bool = False

    def __post_init__(self) -> None:
        if self.false_discoveries is not None and not 0.0 < self.false_discoveries < 1.0:
            raise ValueError(
                f"false_discoveries is {self.false_discoveries}: give a share between 0 and 1, or None for no control"
            )


@dataclass(frozen=True, slots=True, eq=False)
class WeekJudged:
    """One week's answers; every array has shape ``(keys,)``.

    Attributes:
        monday: First day of the judged week.
        by_farrington: Whether Farrington's method answered; else EARS did.
        ears: Which form of EARS.
        observed: Cases of the week; NaN where not known.
        expected: Cases expected; NaN where not judged.
        upper: Largest count that is not too many; NaN where not judged.
        p_value: Chance of that many or more, were nothing the matter; NaN where not judged.
        q_value: Share of false alarms among all with a p-value as small; NaN where not judged.
        beyond: Whether the count is beyond its bound, whatever the least count and the other keys say.
        alarm: Beyond the bound, enough cases, and within the share of false discoveries.
        state: Values of `State`.
    """

    monday: date
    by_farrington: Bools
    ears: Method
    observed: Floats
    expected: Floats
    upper: Floats
    p_value: Floats
    q_value: Floats
    beyond: Bools
    alarm: Bools
    state: States

    def of(self, key: int) -> Verdict:
        """The answer for one key, by its place."""
        number = {
            name: None if np.isnan(getattr(self, name)[key]) else float(getattr(self, name)[key])
            for name in ("observed", "expected", "upper", "p_value")
        }
        return Verdict(
            method=Method.FARRINGTON if self.by_farrington[key] else self.ears,
            state=State(int(self.state[key])),
            alarm=bool(self.alarm[key]),
            **number,
        )


def judge_week(
    counts: npt.ArrayLike, first_monday: date, week: int | None = None, settings: WeeklySettings | None = None
) -> WeekJudged:
    """One whole week of every key, each by the best method that its history allows.

    Args:
        counts: ``keys x weeks`` of whole weeks (`hub.detect.dense.weekly_counts`); NaN where not known.
        first_monday: First day of week 0.
        week: Place of the week to judge; the last when None.
        settings: How strict.

    Raises:
        ValueError: There is no such week.
    """
    settings = settings or WeeklySettings()
    table = as_counts(counts)
    week = table.shape[1] - 1 if week is None else week
    if not 0 <= week < table.shape[1]:
        raise ValueError(f"week {week} is none of the {table.shape[1]} weeks given: count from 0")
    table = table[:, : week + 1]
    judged = _by_history(table, week, first_monday, settings)
    if settings.pooled:
        short = ~judged.by_farrington & np.isin(judged.state, ANSWERED)
        judged = replace(judged, p_value=_pooled(table, week, short, judged.p_value))
    few = cases_lately(table, np.array([week]), settings.least_cases_weeks)[:, 0] < settings.least_cases
    state = np.where(few & (judged.state == State.JUDGED), np.uint8(State.FEW_CASES), judged.state).astype(
        np.uint8
    )
    with np.errstate(invalid="ignore"):
        beyond = np.isin(state, ANSWERED) & (judged.observed > judged.upper)
    q_value = false_discovery_share(judged.p_value)
    alarm = beyond & (state == State.JUDGED)
    if settings.false_discoveries is not None:
        with np.errstate(invalid="ignore"):
            alarm &= q_value <= settings.false_discoveries
    return replace(judged, q_value=q_value, beyond=beyond, alarm=alarm, state=state)


def _pooled(table: Floats, week: int, short: Bools, p_value: Floats) -> Floats:
    found = p_value.copy()
    if short.any():
        found[short] = pooled_p_values(table[short], week)
    return found


def false_discovery_share(p_values: Floats) -> Floats:
    """Benjamini and Hochberg's adjusted p-values; NaN stays NaN and counts as no test."""
    tested = np.flatnonzero(~np.isnan(p_values))
    q_values = np.full(len(p_values), np.nan)
    ascending = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[ascending] * len(ascending) / np.arange(1, len(ascending) + 1)
    q_values[ascending] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values


def _by_history(table: Floats, week: int, first_monday: date, settings: WeeklySettings) -> WeekJudged:
    """Each key's answer by the method that its history allows; the rest is filled in by the caller."""
    long = farrington(table, first_monday, [week], settings.farrington)
    short = ears(table, [week], settings.ears)
    by_farrington = long.state[:, 0] != State.SHORT_HISTORY

    def chosen(name: str) -> Floats:
        return np.asarray(np.where(by_farrington, getattr(long, name)[:, 0], getattr(short, name)[:, 0]))

    return WeekJudged(
        monday=first_monday + timedelta(days=week * WEEK_DAYS),
        by_farrington=by_farrington,
        ears=settings.ears.method,
        observed=chosen("observed"),
        expected=chosen("expected"),
        upper=chosen("upper"),
        p_value=chosen("p_value"),
        q_value=np.full(len(table), np.nan),
        beyond=np.zeros(len(table), dtype=np.bool_),
        alarm=np.zeros(len(table), dtype=np.bool_),
        state=np.where(by_farrington, long.state[:, 0], short.state[:, 0]).astype(np.uint8),
    )
