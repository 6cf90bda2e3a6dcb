"""季节性: each side of its border, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.builtin.rules.season import SeasonalRise, SeasonParams
from hub.model.series import county_day, start_of
from hub.model.warning import SignalDraft
from hub.sdk.rules import AffectedKey, Recheck

KEY = "category_month:供暖服务"


class Counted:
    """A history that knows counts alone."""

    def __init__(self, months: Sequence[int], now: datetime, *, begun: date | None = None) -> None:
        self.now = now
        last = now.date().replace(day=1)
        days = []
        for _ in months:
            last = (last - timedelta(days=1)).replace(day=1)
            days.append(last)
        self.cells = dict(zip(reversed(days), months, strict=True))
        self.counted_since = begun or min(self.cells, default=None)

    def counted(self, names: Sequence[str], since: date, until: date) -> Mapping[str, Any]:
        return {KEY: [(day, n) for day, n in sorted(self.cells.items()) if since <= day < until and n]}


def asked(
    months: Sequence[int],
    now: datetime = datetime(2026, 11, 23, 2, tzinfo=UTC),
    *,
    touched: datetime | None = None,
    **params: Any,
) -> tuple[list[SignalDraft], list[Recheck]]:
    """What the rule says of these whole months, the last of which is the one before now; on the first of the month, unless touched."""
    first = start_of(county_day(now).replace(day=1))
    key = AffectedKey(KEY, first, first) if touched is None else AffectedKey(KEY, touched, touched)
    told = list(SeasonalRise(SeasonParams(**params)).evaluate([key], Counted(months, now)))  # type: ignore[arg-type]
    return [one for one in told if isinstance(one, SignalDraft)], [
        one for one in told if isinstance(one, Recheck)
    ]


def years(december: int, count: int, usual: int = 20) -> list[int]:
    """Whole months up to October of this year; ``count`` Decembers among them."""
    return ([usual] * 11 + [december]) * count + [usual] * 10


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(("december", "rises"), [(30, False), (33, True)])
def test_a_month_that_brings_half_as_many_again_as_a_usual_one_is_told(december: int, rises: bool) -> None:
    # The mean of the last twelve months holds that December too: 20.8 and 21.1, so that the border is 31.25 and 31.6.
    drafts, _ = asked(years(december, 2))
    assert bool(drafts) is rises


@pytest.mark.requirement("R12")
def test_a_forecast_tells_expected_bounds_last_years_count_and_the_window_of_its_month() -> None:
    ((draft,), _) = asked(years(60, 3))
    assert draft.value == pytest.approx(60, rel=0.02)
    assert draft.baseline == pytest.approx((20 * 11 + 60) / 12, abs=0.001)
    assert (draft.window_from, draft.window_to) == (start_of(date(2026, 12, 1)), start_of(date(2027, 1, 1)))
    assert all(words in draft.summary for words in ("2026年12月", "去年同月60件", "依据前3年", "至"))
    assert draft.labels == ("民情月历",)


@pytest.mark.requirement("R12")
def test_one_former_year_is_told_with_low_confidence_and_none_not_at_all() -> None:
    ((draft,), _) = asked(years(60, 1))
    assert "低置信度" in draft.labels
    assert "低置信度" in draft.summary
    assert asked([20] * 8)[0] == []


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("day", [1, 20, 30])
def test_it_stands_from_the_first_of_the_month_before_and_whatever_comes_in_this_month_changes_nothing(
    day: int,
) -> None:
    ((draft,), _) = asked(years(60, 2), datetime(2026, 11, day, 4, tzinfo=UTC))
    ((other,), _) = asked(years(60, 2))
    assert draft == other


@pytest.mark.requirement("R12")
def test_the_month_that_has_begun_keeps_its_forecast_and_the_one_that_is_over_loses_it() -> None:
    months = years(60, 2)
    ((before,), _) = asked(months)
    # November has brought 20.
    (during, _) = asked([*months, 20], datetime(2026, 12, 5, tzinfo=UTC))
    assert during == [before]
    (after, _) = asked([*months, 20, 60], datetime(2027, 1, 5, tzinfo=UTC))
    assert [one.window_from for one in after] == []


@pytest.mark.requirement("R12")
def test_it_asks_to_look_again_on_the_first_of_the_next_month_even_without_a_forecast() -> None:
    _, moments = asked([20] * 3)
    assert moments == [Recheck(KEY, start_of(date(2026, 12, 1)))]


def test_a_few_demands_are_no_season() -> None:
    assert asked(years(9, 3, usual=1))[0] == []
    assert asked(years(9, 3, usual=1), least=5)[0] != []


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("touched", "told"), [(date(2026, 11, 3), 0), (date(2026, 10, 30), 1), (date(2025, 12, 5), 1)]
)
def test_a_demand_changes_no_forecast_but_of_months_after_the_next(touched: date, told: int) -> None:
    drafts, moments = asked(years(60, 2), touched=start_of(touched) + timedelta(hours=9))
    assert len(drafts) == told
    assert len(moments) == 1
