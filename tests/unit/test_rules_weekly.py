"""高频问题 and 重点区域 on whole weeks: each side of every border, and what keeps chance from alarming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import floor
from typing import Any

import numpy as np
import pytest

from hub.builtin.rules.counts import FrequentParams, FrequentProblem
from hub.builtin.rules.regions import BusyRegion, BusyRegionParams
from hub.detect.dense import weekly_counts
from hub.model.series import WEEKLY, SeriesKind, start_of
from hub.sdk.weekly import SeriesVerdict, WeekCounts
from tests.support.kept import told as told_demand

WEEK = date(2026, 11, 16)
TOWN, OTHER, VILLAGE = "411521001000", "411521002000", "411521001201"


def week_of(
    kind: SeriesKind,
    counts: Mapping[str, Sequence[int]],
    *,
    residents: Mapping[str, int] | None = None,
    groups: Mapping[str, int] | None = None,
    spots: Mapping[str, tuple[float, float]] | None = None,
) -> WeekCounts:
    """Counts of whole weeks, the last of which is judged; a region's cases fall on the Monday."""
    length = max(map(len, counts.values()))
    first = WEEK - timedelta(weeks=length - 1)
    rows = [
        (key, WEEK - timedelta(weeks=back), n)
        for key, weeks in counts.items()
        for back, n in enumerate(reversed(weeks))
        if n
    ]
    days: dict[str, list[tuple[date, int]]] = {}
    if kind is SeriesKind.REGION:
        for key, day, n in sorted(rows):
            days.setdefault(key, []).append((day, n))
    return WeekCounts(
        week=WEEK,
        weekly={
            one: weekly_counts(
                rows if one is kind else (), as_of=start_of(WEEK + timedelta(days=7)), since=first
            )
            for one in WEEKLY
        },
        region_days=days,
        residents=residents or {},
        spots=spots or {},
        names={TOWN: "北城街道"},
        groups=groups or {},
    )


def frequent(weeks: Sequence[int], **params: Any) -> list[SeriesVerdict]:
    rule = FrequentProblem(FrequentParams(**params))
    return [one for one in rule.judge(week_of(SeriesKind.CATEGORY, {"供水": weeks})).verdicts if one.alarm]


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(("week", "alarms"), [(9, False), (10, True)])
def test_fewer_than_ten_demands_in_a_week_are_no_frequent_problem(week: int, alarms: bool) -> None:
    assert bool(frequent([0, 1] * 10 + [week])) is alarms


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(("week", "alarms"), [(29, False), (30, True)])
def test_a_frequent_problem_is_up_by_half_on_the_eight_weeks_before(week: int, alarms: bool) -> None:
    # Even weeks: spread and detector alone would call fewer too many.
    assert bool(frequent([20] * 12 + [week], alpha=0.2)) is alarms


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(("week", "alarms"), [(36, False), (37, True)])
def test_a_frequent_problem_exceeds_the_mean_by_three_standard_deviations(week: int, alarms: bool) -> None:
    weeks = [15, 25] * 6  # mean 20, standard deviation of eight 5.35: the border is 36.04
    assert bool(frequent([*weeks, week], alpha=0.2)) is alarms


def test_a_frequent_problem_tells_what_was_observed_expected_and_its_bound() -> None:
    (one,) = frequent([20] * 12 + [60])
    assert (one.observed, one.method, one.series) == (60, "ears_c2", "category:供水")
    assert one.expected == pytest.approx(20, abs=0.5)
    assert one.upper is not None
    assert 20 < one.upper < 60
    assert one.detail["threshold"] == floor(one.upper) + 1


def test_three_years_of_history_are_judged_by_farrington_and_less_by_ears() -> None:
    rng = np.random.default_rng(5)
    long, short = (rng.poisson(20, weeks).tolist() for weeks in (52 * 3 + 10, 52 * 3 - 10))
    assert [frequent([*weeks, 80])[0].method for weeks in (long, short)] == ["farrington_flexible", "ears_c2"]


def test_a_week_of_every_year_that_is_high_each_year_is_no_frequent_problem_after_three_years() -> None:
    rng = np.random.default_rng(6)
    weeks = rng.poisson(20, 52 * 5 + 1)
    for year in range(6):
        weeks[-1 - 52 * year - 3 : len(weeks) - 52 * year + 3] += 60
    weeks[-4:-1] = 20  # the season begins with this week
    assert not frequent(weeks.tolist())


def test_fewer_than_eight_weeks_of_history_are_not_judged_and_that_is_said() -> None:
    findings = FrequentProblem().judge(week_of(SeriesKind.CATEGORY, {"供水": [5] * 7 + [90]}))
    assert not findings.verdicts
    assert "不足8周" in findings.notes["short_history"]


def test_of_thousands_of_quiet_series_hardly_one_alarms_with_control_of_false_discoveries_and_many_without() -> (
    None
):
    rng = np.random.default_rng(1)
    quiet = {f"类别{number}": rng.poisson(8, 40).tolist() for number in range(3_000)}
    week = week_of(SeriesKind.CATEGORY, quiet)
    told = {
        share: sum(
            one.alarm
            for one in FrequentProblem(FrequentParams(false_discoveries=share, alpha=0.05, sds=0, rise=0))
            .judge(week)
            .verdicts
        )
        for share in (0.1, None)
    }
    assert told[0.1] <= 1
    assert told[None] >= 20


def region(
    counts: Mapping[str, Sequence[int]], *, given: BusyRegionParams | None = None, **others: Any
) -> dict[str, SeriesVerdict]:
    findings = BusyRegion(given or BusyRegionParams(alpha=None)).judge(
        week_of(SeriesKind.REGION, counts, **others)
    )
    return {one.series.removeprefix("region:"): one for one in findings.verdicts}


RESIDENTS = {TOWN: 10_000, OTHER: 30_000}
EVEN = [9] * 13 + [9] * 5


@pytest.mark.requirement("R32")
@pytest.mark.parametrize(("last", "busy"), [(9, False), (10, True)])
def test_a_region_needs_ten_demands_in_thirty_days(last: int, busy: bool) -> None:
    assert (TOWN in region({TOWN: [0] * 17 + [last], OTHER: [1] * 18}, residents=RESIDENTS)) is busy


@pytest.mark.requirement("R32")
@pytest.mark.parametrize(("residents", "busy"), [(20_001, False), (20_000, True)])
def test_a_region_has_twice_the_demands_of_the_county_by_its_residents(residents: int, busy: bool) -> None:
    # 40 of the county's 80: half of the demands by a quarter of the residents.
    counts = {TOWN: [0] * 17 + [40], OTHER: [0] * 17 + [40]}
    people = {TOWN: residents, OTHER: 80_000 - residents}
    assert (TOWN in region(counts, residents=people)) is busy


@pytest.mark.requirement("R32")
def test_a_county_seat_that_is_always_busy_is_not_above_its_own_past() -> None:
    always = {TOWN: [40] * 20, OTHER: [3] * 20}
    assert region(always, residents=RESIDENTS) == {}
    risen = region({**always, TOWN: [40] * 16 + [90] * 4}, residents=RESIDENTS)
    assert risen[TOWN].detail["rate"]["per_1000"] == pytest.approx(36.0)
    assert risen[TOWN].expected == pytest.approx(40 * 30 / 7)


@pytest.mark.requirement("R32")
def test_a_region_whose_residents_are_unknown_is_not_judged_by_them_and_that_is_said() -> None:
    counts = {TOWN: [0] * 17 + [400], OTHER: [1] * 18}
    findings = BusyRegion(BusyRegionParams(alpha=None)).judge(
        week_of(SeriesKind.REGION, counts, residents={OTHER: 30_000})
    )
    assert not findings.verdicts
    assert findings.notes["residents_unknown"] == [TOWN]


@pytest.mark.requirement("R32")
@pytest.mark.parametrize(("groups", "busy"), [(2, False), (3, True)])
def test_three_groups_within_thirty_days_make_a_region_busy_whoever_lives_there(
    groups: int, busy: bool
) -> None:
    found = region({TOWN: [1] * 20}, groups={TOWN: groups})
    assert (TOWN in found) is busy
    assert [(one.observed, one.upper) for one in found.values()] == ([(3, 2)] if busy else [])


@pytest.mark.requirement("R32")
def test_a_cluster_of_neighbouring_towns_is_found_by_the_scan_and_named_with_its_towns() -> None:
    rng = np.random.default_rng(3)
    codes = [f"4115210{number:02d}000" for number in range(1, 13)]
    counts = {code: rng.poisson(6, 53).tolist() for code in codes}
    for code in codes[:2]:
        counts[code][-3:] = [25, 25, 25]
    spots = {code: (114.0 + 0.1 * place, 31.0) for place, code in enumerate(codes)}
    found = region(counts, given=BusyRegionParams(), spots=spots)
    assert sorted(found) == codes[:2]
    assert found[codes[0]].method == "scan"
    assert found[codes[0]].detail["scan"]["cluster"] == ["北城街道", codes[1]]
    one = found[codes[0]]
    assert one.expected is not None
    assert one.upper is not None
    assert one.expected < one.upper < one.observed
    assert one.detail["threshold"] == one.upper + 1
    said = BusyRegion(BusyRegionParams()).draft([one], [told_demand()]).summary
    assert f"上限{one.upper:.0f}件" in said
    quiet = {code: rng.poisson(6, 53).tolist() for code in codes}
    assert region(quiet, given=BusyRegionParams(), spots=spots) == {}


def test_a_village_is_compared_with_the_county_and_not_counted_twice_in_it() -> None:
    counts = {TOWN: [0] * 17 + [40], VILLAGE: [0] * 17 + [40], OTHER: [0] * 17 + [40]}
    found = region(counts, residents={TOWN: 40_000, OTHER: 40_000, VILLAGE: 2_000})
    assert list(found) == [VILLAGE]
    assert found[VILLAGE].detail["rate"]["county_per_1000"] == 1.0
