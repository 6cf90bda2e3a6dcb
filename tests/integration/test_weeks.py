"""Weeks judged as a whole: the same signals in whatever order the demands came, by however many processes, run however often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from hub.builtin.rules.counts import FrequentProblem
from hub.builtin.rules.regions import BusyRegion
from hub.builtin.rules.season import SeasonalRise
from hub.clock import ManualClock
from hub.model.demand import Demand
from hub.model.place import RegionEntry
from hub.pipeline import backtest, evaluate, triage, why
from hub.pipeline.weeks import REST
from hub.sdk.weekly import SeriesVerdict, WeekCounts, WeekFindings
from hub.seal import KeyRing
from hub.store import places, signals, weeks
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, local, plugins_with

OWN = (FrequentProblem, BusyRegion, SeasonalRise)
TOWN, OTHER = "411521001000", "411521002000"
LAST = date(2026, 11, 16)
"""Monday of the last week that is over: the tests' clock stands at 23 November."""


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock, plugins_with(own=OWN))


def at(week: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    """A moment so many weeks before the last one that is over."""
    when = LAST - timedelta(weeks=week) + timedelta(days=day)
    return local(when.year, when.month, when.day, hour, minute)


def a_year_of(
    county: County, category: str, weeks: Sequence[int], *, region: str | None = TOWN
) -> list[Demand]:
    """Demands of a category, so many a week, ending with the last week that is over."""
    return [
        county.demand(
            no=f"{category}{back:02d}-{number:03d}",
            at=at(back, number % 7, 8 + number % 10, number % 60),
            category=category,
            region_code=region,
            text=f"{category}的第{number}件{back}",
        )
        for back, n in enumerate(reversed(weeks))
        for number in range(n)
    ]


def later(county: County) -> None:
    """Judges once what was judged before may be judged again."""
    county.clock.advance(REST.total_seconds())
    assert county.evaluate().ok


def told(county: County, rule: str) -> list[tuple[Any, ...]]:
    return sorted(
        (
            one.key,
            one.state,
            one.level,
            one.window_from,
            one.value,
            one.threshold,
            one.baseline,
            one.summary,
            one.labels,
            sorted(one.nos),
        )
        for one in county.signals(rule=rule)
    )


def setting(county: County, rule_id: str, **params: Any) -> None:
    county.configure({**COUNTY, "rules": [{"rule_id": rule_id, "params": params, "reason": "试运行"}]})


def verdicts(county: County, rule: str = "W05") -> list[tuple[Any, ...]]:
    return county.rows(
        "SELECT series, week, observed, expected, upper, p_value, q_value, alarm, method, detail FROM week_verdict "
        "WHERE rule_id = :rule ORDER BY 1, 2",
        rule=rule,
    )


QUIET, RISEN = [3] * 14, [3] * 13 + [30]


@pytest.mark.requirement("R31")
def test_a_week_that_is_over_is_signalled_with_observed_expected_and_upper_bound(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", RISEN), *a_year_of(county, "城市管理", QUIET))
    (one,) = [signal for signal in county.signals(rule="W05") if signal.key == "category:供水服务"]
    assert (one.value, one.level, one.historical) == (30, 1, False)
    assert one.baseline == pytest.approx(3, abs=0.5)
    assert 10 <= one.threshold < 30
    assert len(one.nos) == 30
    assert (one.window_from, one.window_to) == (local(2026, 11, 16), local(2026, 11, 23))
    assert all(words in one.summary for words in ("诉求30件", "预计", "上限", "上升900%"))


@pytest.mark.requirement("R31")
def test_the_running_week_is_not_judged_until_it_is_over(county: County) -> None:
    demands = a_year_of(county, "供水服务", RISEN)
    county.clock._now = at(0, 6, 23, 59)
    county.judged(*(one for one in demands if one.submitted_at <= county.clock.now()))
    assert told(county, "W05") == []
    county.clock.advance(120)
    assert county.evaluate().ok
    assert {row[0] for row in told(county, "W05")} == {"category:供水服务"} | {
        f"region_category:{TOWN}|供水服务"
    } & {row[0] for row in told(county, "W05")}


@pytest.mark.requirement("R31")
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_in_any_batches_gives_the_same_verdicts_and_signals(
    county: County, store: Store, ring: KeyRing, clock: ManualClock, seed: int
) -> None:
    chance = random.Random(seed)
    # Two high weeks one after the other, and a high one that stands alone.
    demands = [
        *a_year_of(county, "供水服务", [3] * 11 + [25] + [3] * 11 + [28, 45]),
        *a_year_of(county, "城市管理", [chance.randint(0, 8) for _ in range(14)], region=OTHER),
    ]
    county.judged(*demands)
    at_once = told(county, "W05"), verdicts(county)
    assert at_once[0]
    assert any(one.level == 2 for one in county.signals(rule="W05"))
    for table in ("signal", "counted", "rollup", "week_judged", "week_verdict", "evaluate_work"):
        county.rows(f"WITH gone AS (DELETE FROM {table}) SELECT 1")
    for table in ("demand", "source_record", "demand_history", "raw_record", "demand_link"):
        county.rows(f"WITH gone AS (DELETE FROM {table}) SELECT 1")
    chance.shuffle(demands)
    while demands:
        size = chance.randint(1, 120)
        county.receive(*demands[:size])
        demands = demands[size:]
        if chance.random() < 0.7:
            assert county.evaluate().ok
    later(county)
    assert told(county, "W05") == at_once[0]
    assert verdicts(county) == at_once[1]


@pytest.mark.requirement("R31")
def test_judging_again_tells_nothing_new(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", RISEN))
    before = (
        county.rows("SELECT signal_id, last_seen_at FROM signal ORDER BY 1"),
        county.rows("SELECT * FROM week_judged"),
    )
    county.clock.advance(3_600)
    report = county.evaluate()
    assert not any(report.counts.values())
    assert (
        county.rows("SELECT signal_id, last_seen_at FROM signal ORDER BY 1"),
        county.rows("SELECT * FROM week_judged"),
    ) == before


@pytest.mark.requirement("R31")
def test_late_demands_judge_their_week_and_the_weeks_after_it_anew(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", RISEN))
    assert {one.key for one in county.signals(rule="W05") if one.state == "open"} >= {"category:供水服务"}
    # What is known only now: the weeks before were as high.
    late = [
        county.demand(
            no=f"late{back}-{n}",
            at=at(back, n % 7, 12, n),
            category="供水服务",
            region_code=TOWN,
            text=f"迟到{back}{n}",
        )
        for back in range(1, 10)
        for n in range(27)
    ]
    county.judged(*late)
    later(county)
    assert not [one for one in county.signals(rule="W05") if one.state == "open"]
    assert not [one for one in verdicts(county) if one.alarm]  # type: ignore[attr-defined]


@pytest.mark.requirement("R31")
def test_demands_that_are_deleted_or_get_another_category_take_their_signal_with_them(county: County) -> None:
    demands = a_year_of(county, "供水服务", RISEN)
    county.judged(*demands)
    week = [one for one in demands if one.submitted_at >= at(0, 0, 0)]
    county.receive(*week[:15], deleted=True)
    county.receive(*(one.model_copy(update={"category": "供暖服务"}) for one in week[15:]))
    later(county)
    standing = {one.key: one.state for one in county.signals(rule="W05")}
    assert standing["category:供水服务"] == "dismissed"
    assert standing["category:供暖服务"] == "open"


def test_four_processes_judge_as_one(county: County, store: Store, ring: KeyRing, clock: ManualClock) -> None:
    demands = [*a_year_of(county, "供水服务", RISEN), *a_year_of(county, "城市管理", QUIET, region=OTHER)]
    random.Random(4).shuffle(demands)
    for start in range(0, len(demands), 12):
        county.receive(*demands[start : start + 12])
    with ThreadPoolExecutor(4) as pool:
        reports = [pool.submit(evaluate.run, county.deps) for _ in range(4)]
        assert all(report.result().ok for report in reports)
    later(county)
    by_four = told(county, "W05")
    assert len([row for row in by_four if row[0] == "category:供水服务"]) == 1
    county.rows("WITH gone AS (DELETE FROM week_judged) SELECT 1")
    assert county.evaluate().ok
    assert told(county, "W05") == by_four


def test_other_parameters_judge_the_weeks_anew(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", RISEN))
    assert told(county, "W05")
    setting(county, "W05", least=31)
    assert county.evaluate().ok
    assert not [one for one in county.signals(rule="W05") if one.state == "open"]


@pytest.mark.requirement("R32")
def test_a_region_stands_out_by_its_residents_and_new_residents_are_reckoned_with(county: County) -> None:
    demands = [
        *a_year_of(county, "供水服务", [1] * 16 + [4, 4, 4, 8]),
        *a_year_of(county, "城市管理", [4] * 20, region=OTHER),
    ]
    setting(county, "W06", alpha=None)
    county.judged(*demands)
    assert told(county, "W06") == []
    note = county.value(
        "SELECT notes->'residents_unknown' FROM week_judged WHERE rule_id = 'W06' ORDER BY week DESC LIMIT 1"
    )
    assert note == [TOWN, OTHER]

    def live(town: int, other: int) -> None:
        with county.store.begin() as connection:
            places.put(
                connection,
                [
                    RegionEntry(code="411521", name="某县"),
                    RegionEntry(code=TOWN, name="北城街道", residents=town),
                    RegionEntry(code=OTHER, name="南城街道", residents=other),
                ],
                None,
                "ops",
                county.clock.now(),
            )
        assert county.evaluate().ok

    live(10_000, 40_000)
    (one,) = county.signals(rule="W06")
    assert (one.key, one.level, one.value) == (f"region:{TOWN}", 2, 20)
    assert one.summary.startswith("北城街道截至2026年11月22日为重点区域：30日诉求20件，每千人2.00件")
    assert len(one.nos) >= 20
    live(40_000, 10_000)
    assert county.signal(rule="W06").state == "dismissed"


class Broken(FrequentProblem):
    """A weekly rule that cannot judge."""

    rule_id: ClassVar[str] = "T05"

    def judge(self, week: WeekCounts) -> WeekFindings:
        raise RuntimeError("broken")


class Nan(FrequentProblem):
    """A weekly rule that gives what no rule may give."""

    rule_id: ClassVar[str] = "T06"

    def judge(self, week: WeekCounts) -> WeekFindings:
        one = SeriesVerdict("category:供水服务", week.week, float("nan"), None, None, None, None, True, "x")
        return WeekFindings([one], 1)


def test_a_weekly_rule_that_fails_is_told_and_stops_no_other(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(Broken, Nan, own=OWN))
    county.receive(*a_year_of(county, "供水服务", RISEN))
    report = county.evaluate()
    assert {problem.where for problem in report.problems} == {"rule T05", "rule T06"}
    assert "category:供水服务" in {one.key for one in county.signals(rule="W05")}
    assert county.value("SELECT count(*) FROM week_judged WHERE rule_id LIKE 'T%'") == 0


def group_told(county: County, signal_id: str, rule_id: str, key: str, demand_ids: list[str]) -> None:
    """A signal of 多人同诉 of the last days that rests on these demands."""
    county.rows(
        "WITH made AS (INSERT INTO signal (signal_id, rule_id, rule_version, params, subject, key, state, level, historical, window_from, "
        "window_to, metric, value, threshold, demand_ids, reporters, summary, auto_issue, first_seen_at, last_seen_at) "
        "VALUES (:id, :rule, '1', '{}', 'group', :key, 'open', 2, false, :at, :at, '', 3, 3, :ids, 3, '', false, :at, :at)) SELECT 1",
        id=signal_id,
        rule=rule_id,
        key=key,
        at=at(0, 3),
        ids=demand_ids,
    )


@pytest.mark.requirement("R32")
def test_one_group_that_several_rules_tell_of_is_one_group_of_its_region(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", [2] * 10))
    ids = [
        row.demand_id
        for row in county.rows("SELECT demand_id FROM demand ORDER BY submitted_at DESC LIMIT 3")
    ]
    for rule_id in ("W02a", "W02b", "W02c"):
        group_told(county, rule_id, rule_id, "matter:1", ids)
    group_told(county, "S4", "W02a", "matter:2", ids)
    assert county.evaluate().ok
    assert told(county, "W06") == []
    group_told(county, "S5", "W02a", "cell:jx|供水服务", ids)
    assert county.evaluate().ok
    assert county.signal(rule="W06").value == 3


@pytest.mark.requirement("R32")
def test_groups_of_demands_in_a_region_are_reckoned_with_once_three_of_them_stand(county: County) -> None:
    demands = a_year_of(county, "供水服务", [2] * 10)
    county.judged(*demands)
    ids = [
        row.demand_id
        for row in county.rows("SELECT demand_id FROM demand ORDER BY submitted_at DESC LIMIT 3")
    ]
    for number in range(3):
        if number:
            assert county.evaluate().ok
            assert told(county, "W06") == []
        group_told(county, f"S{number}", "W02a", f"matter:{number}", ids)
    assert county.evaluate().ok
    one = county.signal(rule="W06")
    assert (one.key, one.metric, one.value) == (f"region:{TOWN}", "30日多人同诉起数", 3)
    assert one.labels == ["多人同诉集中", "乡镇街道", "常住人口未知"]
    county.rows("WITH gone AS (UPDATE signal SET state = 'dismissed' WHERE signal_id = 'S0') SELECT 1")
    assert county.evaluate().ok
    assert county.signal(rule="W06").state == "dismissed"


@pytest.mark.requirement("R12")
def test_a_seasonal_rise_is_signalled_in_the_month_before_by_the_calendar_alone(county: County) -> None:
    county.clock._now = local(2026, 10, 30, 12).astimezone(UTC)
    months = [(year, month) for year in (2024, 2025, 2026) for month in range(1, 13)][:34]
    county.judged(
        *(
            county.demand(
                at=local(year, month, 1 + number % 28, 10),
                category="供暖服务",
                text=f"暖气不热{year}{month}{number}",
            )
            for year, month in months
            for number in range(40 if month == 12 else 3)
        )
    )
    assert told(county, "W07") == []
    county.clock._now = local(2026, 11, 1, 0, 1).astimezone(UTC)
    assert county.evaluate().ok
    one = county.signal(rule="W07")
    assert (one.key, one.level, one.state, one.historical) == ("category_month:供暖服务", 1, "open", False)
    assert one.window_from == local(2026, 12, 1)
    assert "2026年12月有40件" in one.summary
    county.configure()
    issued = triage.decide(county.deps, one.signal_id, "issue", "王科长", "备战供暖季")
    assert issued.warning_no
    assert county.dispatch().ok
    assert county.value("SELECT count(*) FROM orders") == 0, "nobody complained yet: it is told, not ordered"
    county.clock._now = local(2027, 1, 2).astimezone(UTC)
    assert county.evaluate().ok
    assert [signal.state for signal in county.signals(rule="W07")] == ["warned"]
    assert why.recompute(county.deps, one.signal_id).same, (
        "what it said of a month that is over can be said again"
    )


@pytest.mark.requirement("R31")
def test_a_week_that_late_demands_trickle_into_is_judged_again_once_in_ten_minutes(county: County) -> None:
    def judgements() -> int:
        found: int = county.value(
            "SELECT count(DISTINCT judged_at) FROM week_judged WHERE rule_id = 'W05' AND week = :week",
            week=LAST,
        )
        return found

    county.judged(*a_year_of(county, "供水服务", QUIET))
    first = county.value("SELECT max(judged_at) FROM week_judged")
    for number in range(5):
        county.clock.advance(60)
        county.judged(
            county.demand(no=f"late{number}", at=at(0, 6, 20, number), category="供水服务", region_code=TOWN)
        )
    assert county.value("SELECT max(judged_at) FROM week_judged") == first
    later(county)
    assert county.value("SELECT max(judged_at) FROM week_judged") > first
    assert judgements() == 1


@pytest.mark.requirement("R31")
def test_weeks_of_more_than_half_a_year_ago_are_not_judged(county: County) -> None:
    county.judged(*a_year_of(county, "供水服务", [2] * 10 + [30] + [2] * 30))
    weeks = [row.week for row in county.rows("SELECT week FROM week_judged WHERE rule_id = 'W05' ORDER BY 1")]
    assert (weeks[0], weeks[-1], len(weeks)) == (LAST - timedelta(weeks=25), LAST, 26)
    assert told(county, "W05") == []


@pytest.mark.requirement("R31")
def test_a_weekly_rule_is_tried_on_history_with_other_settings_and_nothing_of_it_stays(
    county: County,
) -> None:
    county.judged(*a_year_of(county, "供水服务", [3] * 11 + [14] + [3] * 11 + [30]))
    kept = verdicts(county), county.rows("SELECT * FROM week_judged ORDER BY 1, 2")

    def weeks(**params: Any) -> list[tuple[datetime, float]]:
        found = backtest.run(county.deps, "W05", since=at(20, 0), until=county.clock.now(), params=params)
        return [
            (one.draft.window_from, one.draft.value)
            for one in found.shown
            if one.draft.key == "category:供水服务"
        ]

    assert weeks() == [(at(12, 0, 0), 14), (at(0, 0, 0), 30)]
    assert weeks(least=20) == [(at(0, 0, 0), 30)]
    assert (verdicts(county), county.rows("SELECT * FROM week_judged ORDER BY 1, 2")) == kept
    (one,) = [
        signal
        for signal in county.signals(rule="W05")
        if signal.key == "category:供水服务" and signal.value == 30
    ]
    assert why.recompute(county.deps, one.signal_id).same


def test_a_signal_that_rests_on_a_series_alone_does_not_stop_the_judging_of_weeks(county: County) -> None:
    seen = {
        "rule_version": "1",
        "params": {},
        "level": 1,
        "historical": False,
        "window_from": at(1, 0),
        "window_to": at(0, 0),
        "metric": "数",
        "value": 1.0,
        "threshold": 1.0,
        "baseline": None,
        "demand_ids": [],
        "observed": ["series:category:供水@2026-11"],
        "organisation": None,
        "reporters": 0,
        "summary": "一句话",
        "auto_issue": False,
        "labels": [],
    }
    who = {"signal_id": "S1", "rule_id": "P05", "subject": "series", "key": "category:供水"}
    with county.store.begin() as connection:
        signals.add(connection, [{**who, **seen}], county.clock.now())
        assert weeks.to_judge_again(connection, "P05", ["category:供水"], LAST) == []
