"""What every detector answers: observed, expected and upper bound for each key and week, and whether it could judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]


class Method(StrEnum):
    """The detectors that judge a week."""

    EARS_C1 = "ears_c1"
    EARS_C2 = "ears_c2"
    EARS_C3 = "ears_c3"
    FARRINGTON = "farrington_flexible"


class State(IntEnum):
    """Whether a key's week could be judged, and if not, why."""

    JUDGED = 0
    FEW_CASES = 1
    """Judged, but with too few cases in the last weeks to alarm whatever the bound says."""
    SHORT_HISTORY = 2
    """Fewer weeks are known than the method needs."""
    NOT_OBSERVED = 3
    """The week itself is not known (NaN)."""
    UNREADABLE = 4
    """A count is negative, infinite or no whole number."""
    NO_BOUND = 5
    """The baseline gives no bound: the method divides by its spread and it has none, or its level is past counting (1e9)."""


ANSWERED = (State.JUDGED, State.FEW_CASES)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Answers for ``keys x weeks``; all arrays have that shape.

    Attributes:
        method: Who judged.
        weeks: Places of the judged weeks in the given counts, ascending; shape ``(weeks,)``.
        observed: The counts judged; NaN where not known.
        expected: Cases a week expected from the baseline; NaN where `state` is not one of `ANSWERED`.
        upper: Largest count that is not too many; an alarm is ``observed > upper``; NaN as `expected`.
        p_value: Chance of that many or more, were nothing the matter; NaN as `expected`.
        alarm: True only where `state` is `State.JUDGED`.
        state: Values of `State`.
    """

    method: Method
    weeks: npt.NDArray[np.int64]
    observed: Floats
    expected: Floats
    upper: Floats
    p_value: Floats
    alarm: Bools
    state: States

    def of(self, key: int, week: int) -> Verdict:
        """The answer for one key and one judged week, both by their place in the arrays."""
        return Verdict(
            method=self.method,
            state=State(int(self.state[key, week])),
            observed=_number(self.observed[key, week]),
            expected=_number(self.expected[key, week]),
            upper=_number(self.upper[key, week]),
            p_value=_number(self.p_value[key, week]),
            alarm=bool(self.alarm[key, week]),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one key and one week; what is not known is None, never NaN.

    Attributes:
        method: Who judged.
        state: Whether it could be judged.
        observed: Cases counted in the week.
        expected: Cases expected.
        upper: Largest count that is not too many.
        p_value: Chance of that many or more, were nothing the matter.
        alarm: Whether the week has too many.
    """

    method: Method
    state: State
    observed: float | None
    expected: float | None
    upper: float | None
    p_value: float | None
    alarm: bool


def settle(
    method: Method,
    weeks: npt.NDArray[np.int64],
    observed: Floats,
    answers: tuple[Floats, Floats, Floats],
    state: States,
) -> Judged:
    """Answers made consistent: NaN wherever there is no answer, an alarm only where `State.JUDGED`.

    Args:
        method: Who judged.
        weeks: Shape ``(weeks,)``.
        observed: Shape ``(keys, weeks)``.
        answers: Expected, upper bound and p-value, each of that shape.
        state: Of that shape; a `State.JUDGED` whose bound is not finite becomes `State.NO_BOUND`.
    """
    expected, upper, p_value = answers
    unbounded = (state == State.JUDGED) & ~np.isfinite(upper)
    state = np.where(unbounded, np.uint8(State.NO_BOUND), state).astype(np.uint8)
    answered = np.isin(state, ANSWERED)
    nan = np.float64(np.nan)
    with np.errstate(invalid="ignore"):
        alarm = (state == State.JUDGED) & (observed > upper)
    return Judged(
        method=method,
        weeks=weeks,
        observed=observed,
        expected=np.where(answered, expected, nan),
        upper=np.where(answered, upper, nan),
        p_value=np.where(answered, p_value, nan),
        alarm=alarm,
        state=state,
    )


def quiet(judged: Judged, few: Bools) -> Judged:
    """The same answers, but no alarm where ``few`` says that there are too few cases to speak of."""
    state = np.where(few & (judged.state == State.JUDGED), np.uint8(State.FEW_CASES), judged.state).astype(
        np.uint8
    )
    return replace(judged, state=state, alarm=judged.alarm & (state == State.JUDGED))


def as_counts(counts: npt.ArrayLike) -> Floats:
    """The counts as ``keys x weeks`` of float64; one series becomes one row.

    Raises:
        ValueError: The array has more than two dimensions.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim > 2 or table.ndim == 0:
        raise ValueError(f"counts have {table.ndim} dimensions: give keys x weeks, or the weeks of one key")
    return np.atleast_2d(table)


def unreadable(counts: Floats) -> Bools:
    """Where a count is no count: negative, infinite or fractional. NaN is none of these: it is not known."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            ~np.isnan(counts) & ((counts < 0) | np.isinf(counts) | (counts != np.floor(counts)))
        )


def cases_lately(counts: Floats, weeks: npt.NDArray[np.int64], span: int) -> Floats:
    """Cases of each key in the ``span`` weeks that end with each of ``weeks``; what is not known or no count is nought."""
    cases = np.zeros((len(counts), len(weeks)))
    for column, week in enumerate(weeks):
        lately = counts[:, max(int(week) + 1 - span, 0) : int(week) + 1]
        cases[:, column] = np.where(np.isfinite(lately), np.maximum(lately, 0.0), 0.0).sum(axis=1)
    return cases


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
