"""Evaluating: episodes of stored demands become signals, however and wherever they are judged (P2, P5, P6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hub.clock import ManualClock
from hub.model.codes import DemandStatus, Level
from hub.pipeline import evaluate
from hub.pipeline.why import recompute, why
from hub.sdk.channel import RawRecord
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, County

PHONE = "13812340001"
OTHER = "13812340002"
LEAK = "幸福小区煤气泄漏，味道很大，请速来处理！"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(("times", "signalled"), [(2, 0), (3, 1)])
def test_one_person_is_signalled_from_the_third_demand_in_thirty_days(
    county: County, times: int, signalled: int
) -> None:
    county.repeat(PHONE, *range(times))
    county.repeat(OTHER, 1)
    assert county.evaluate().counts["signals_new"] == signalled
    assert len(county.signals()) == signalled


@pytest.mark.parametrize(("first", "signalled"), [(30.0, 0), (30.0 - 1 / 86400, 1)])
def test_a_demand_thirty_days_before_the_last_is_out_of_the_window_and_a_second_less_is_in(
    county: County, first: float, signalled: int
) -> None:
    county.repeat(PHONE, first, 1, 0)
    county.evaluate()
    assert len(county.signals()) == signalled


@pytest.mark.parametrize(("times", "level"), [(5, Level.SERIOUS), (6, Level.GRAVE)])
def test_six_demands_in_the_window_are_grave(county: County, times: int, level: Level) -> None:
    county.repeat(PHONE, *range(times))
    county.evaluate()
    assert county.signal().level == level
    assert county.signal().value == times


@pytest.mark.requirement("R27")
def test_one_person_is_recognised_though_different_sources_know_them_by_phone_only(county: County) -> None:
    county.repeat("138-1234-0001", 1)
    county.repeat("+86 13812340001", 2)
    county.repeat("13812340001", 3)
    county.evaluate()
    assert county.signal().reporters == 1


def test_urging_an_open_order_is_no_new_demand(county: County) -> None:
    county.repeat(PHONE, 0, 1)
    county.repeat(PHONE, 2, 3, chases_open_order=True)
    county.evaluate()
    assert county.signals() == []


def test_demands_of_nobody_known_are_never_one_person(county: County) -> None:
    county.judged(*(county.demand(days=day) for day in range(5)))
    assert county.signals() == []


def test_evaluating_again_changes_nothing(county: County) -> None:
    county.repeat(PHONE, 0, 1, 2)
    county.judged(county.demand(text=LEAK))
    before = county.signals()
    assert not any(county.evaluate().counts.values())
    assert county.value("SELECT count(*) FROM evaluate_work") == 0
    _judge_everything_again(county)
    assert county.evaluate().counts == {
        "demands": 4,
        "observed": 0,
        "rechecked": 0,
        "placed": 0,
        "categorized": 0,
        "grouped": 0,
        "linked": 0,
        "signals_new": 0,
        "signals_changed": 0,
        "signals_closed": 0,
    }
    assert county.signals() == before


def _judge_everything_again(county: County, *rules: str) -> None:
    from hub.store import work

    with county.store.begin() as connection:
        work.enqueue_all_demands(connection, rules or None)


def test_a_late_demand_reopens_the_window_into_which_it_falls(county: County) -> None:
    county.repeat(PHONE, 60, 40)
    county.evaluate()
    assert county.signals() == []
    county.repeat(PHONE, 50)
    county.evaluate()
    assert county.signal().value == 3


def test_a_late_demand_that_joins_two_episodes_merges_their_signals(county: County) -> None:
    county.repeat(PHONE, 80, 79, 78)
    county.repeat(PHONE, 30, 29, 28)
    county.evaluate()
    first, second = county.signals()
    county.repeat(PHONE, 58, 55)
    report = county.evaluate()
    assert report.counts["signals_closed"] == 1
    assert county.signal().signal_id == first.signal_id
    assert len(county.signal().demand_ids) == 8
    (merged,) = [one for one in county.signals(merged=True) if one.state == "merged"]
    assert (merged.signal_id, merged.merged_into) == (second.signal_id, first.signal_id)


def test_of_two_signals_that_become_one_the_warned_one_survives(county: County) -> None:
    from hub.pipeline import triage

    county.repeat(PHONE, 80, 79, 78)
    county.repeat(PHONE, 30, 29, 28)
    county.evaluate()
    _, second = county.signals()
    triage.decide(county.deps, second.signal_id, "issue", "王科长", "属未诉预期")
    county.repeat(PHONE, 58, 55)
    county.evaluate()
    assert county.signal().signal_id == second.signal_id
    assert county.signal().state == "warned"


def test_a_demand_that_was_deleted_takes_its_signal_with_it_and_back(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    county.receive(demands[0], deleted=True)
    assert county.evaluate().counts["signals_closed"] == 1
    gone = county.signal()
    assert (gone.state, gone.triaged_by, gone.triage_reason) == (
        "dismissed",
        "system",
        "condition no longer holds",
    )
    county.receive(demands[0])
    assert county.evaluate().counts["signals_changed"] == 1
    back = county.signal()
    assert (back.signal_id, back.state, back.triaged_by) == (gone.signal_id, "open", None)


def test_a_deletion_that_says_nothing_else_closes_the_signal_too(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    county.collect([RawRecord(demands[0].source_no, b"{}", deleted=True)])
    county.evaluate()
    assert county.signal().state == "dismissed"


def test_a_void_demand_counts_no_longer(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    county.judged(demands[1].model_copy(update={"status": DemandStatus.VOID}))
    assert county.signal().state == "dismissed"


def test_a_demand_that_turns_out_to_be_somebody_elses_leaves_the_first_persons_signal(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2)
    county.repeat(OTHER, 3, 4)
    county.evaluate()
    assert county.signal().state == "open"
    moved = demands[0].model_copy(
        update={"reporter": demands[0].reporter.model_copy(update={"phone": OTHER})}
    )
    county.judged(moved)
    states = {tuple(sorted(one.nos)): one.state for one in county.signals()}
    assert sorted(states.values()) == ["dismissed", "open"]
    (left,) = [nos for nos, state in states.items() if state == "open"]
    assert moved.source_no in left


def test_a_persons_dismissal_stays_while_evidence_grows(county: County) -> None:
    from hub.pipeline import triage

    county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "dismiss", "王科长", "已当面答复")
    county.repeat(PHONE, 0.5)
    assert county.evaluate().counts["signals_changed"] == 1
    one = county.signal()
    assert (one.state, one.triaged_by, len(one.demand_ids)) == ("dismissed", "王科长", 4)


def test_what_a_person_dismissed_stays_dismissed_when_the_condition_goes_and_comes_back(
    county: County,
) -> None:
    from hub.pipeline import triage

    demands = county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "dismiss", "王科长", "已当面答复")
    for deleted in (True, False):
        county.receive(demands[0], deleted=deleted)
        county.evaluate()
        assert (county.signal().state, county.signal().triaged_by) == ("dismissed", "王科长")


def test_a_rise_of_a_warned_signal_lifts_its_warning_and_makes_no_second_one(county: County) -> None:
    from hub.pipeline import triage

    county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "属未诉预期")
    county.repeat(PHONE, 3, 4, 5)
    county.evaluate()
    assert county.signal().level == Level.GRAVE
    assert county.value("SELECT level FROM warning") == Level.GRAVE
    assert county.value("SELECT count(*) FROM audit_log WHERE action = 'warning.raise'") == 1


@pytest.mark.parametrize(("age", "historical"), [(90.0, False), (90.001, True)])
def test_an_episode_is_historical_once_its_latest_demand_is_older_than_ninety_days(
    county: County, age: float, historical: bool
) -> None:
    county.repeat(PHONE, age, age + 1, age + 2)
    county.evaluate()
    assert county.signal().historical is historical


def test_one_young_demand_makes_an_old_episode_present(county: County) -> None:
    county.repeat(PHONE, 95, 94, 93)
    county.evaluate()
    assert county.signal().historical
    county.repeat(PHONE, 70, 71)
    county.evaluate()
    assert not county.signal().historical


def test_danger_to_life_is_grave_names_the_emergency_numbers_and_quotes_no_word_of_the_text(
    county: County,
) -> None:
    county.judged(county.demand(text=LEAK, phone=PHONE))
    one = county.signal(rule="W08")
    assert (one.level, one.auto_issue, one.value) == (Level.GRAVE, True, 1.0)
    assert "110/119/120" in one.summary
    assert "煤气" not in one.summary
    assert "人身安全" in one.labels


def test_a_past_accident_raises_no_sudden_signal(county: County) -> None:
    county.judged(county.demand(text="去年我们楼发生过燃气泄漏，物业到现在也没装报警器"))
    assert county.signals() == []


def test_a_crowd_goes_to_triage_and_is_not_issued_by_itself(county: County) -> None:
    county.judged(county.demand(text="工资不发，工人们准备明天集体上访，在县政府门口拉横幅"))
    one = county.signal(rule="W08")
    assert (one.level, one.auto_issue) == (Level.SERIOUS, False)
    assert "15分钟内研判" in one.labels


def test_words_that_an_edit_took_out_close_the_signal(county: County) -> None:
    demand = county.demand(text=LEAK)
    county.judged(demand)
    assert county.judged(demand.model_copy(update={"content": "已处理，谢谢"})).counts["signals_closed"] == 1
    assert county.signal().state == "dismissed"


def test_a_corrected_time_keeps_the_signal_of_its_demand(county: County) -> None:
    demand = county.demand(text=LEAK)
    county.judged(demand)
    before = county.signal()
    county.judged(demand.model_copy(update={"submitted_at": demand.submitted_at - timedelta(hours=3)}))
    assert county.signal().signal_id == before.signal_id
    assert county.signal().window_from == before.window_from - timedelta(hours=3)


def test_two_processes_evaluating_at_once_end_as_one(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = County(store, ring, clock, batch=1)
    phones = [f"138123400{number:02d}" for number in range(12)]
    for day in range(4):  # each page touches every person: every batch wants the same keys
        county.receive(*(county.demand(days=day, phone=phone) for phone in phones))
        county.receive(*(county.demand(days=day + 0.5, phone=phone, text=LEAK) for phone in reversed(phones)))
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(evaluate.run, [county.deps] * 3))
    assert all(report.ok for report in reports)
    assert sum(report.counts["demands"] for report in reports) == 96
    repeated = county.signals(rule="W01")
    assert len(repeated) == len({one.key for one in repeated}) == 12
    assert {(one.value, len(one.demand_ids), one.state) for one in repeated} == {(8.0, 8, "open")}
    assert len(county.signals(rule="W08")) == 48
    assert county.value("SELECT count(*) FROM evaluate_work") == 0


def test_a_crash_in_the_middle_of_a_batch_leaves_everything_to_be_done_again(
    county: County, monkeypatch
) -> None:
    county.repeat(PHONE, 0, 1, 2)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("hub.store.work.done_evaluate", crash)
        county.evaluate()
    assert county.signals() == []
    assert county.evaluate().counts["signals_new"] == 1


def test_a_signal_says_why_and_recomputing_it_gives_the_same_answer(county: County) -> None:
    county.repeat(PHONE, 0, 1, 2)
    county.judged(county.demand(text=LEAK))
    for one in county.signals():
        told = why(county.deps, one.signal_id)
        assert told.signal.params == one.params
        assert len(told.demands) == len(one.demand_ids)
        assert recompute(county.deps, one.signal_id).same


def test_recomputing_under_later_parameters_uses_those_that_the_signal_keeps(county: County) -> None:
    county.configure(COUNTY)
    county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    one = county.signal()
    county.configure({**COUNTY, "rules": [{"rule_id": "W01", "params": {"threshold": 5}, "reason": "试行"}]})
    assert recompute(county.deps, one.signal_id).same


def test_recomputing_tells_what_is_no_longer_the_same(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2, 3)
    county.evaluate()
    one = county.signal()
    county.receive(demands[0], deleted=True)  # not evaluated again yet
    assert "value" in recompute(county.deps, one.signal_id).differs
    county.receive(demands[1], deleted=True)
    assert recompute(county.deps, one.signal_id).differs == ("condition",)


def test_a_run_that_judged_something_is_kept_and_one_that_found_nothing_is_not(county: County) -> None:
    county.repeat(PHONE, 0)
    assert county.evaluate().run_id is not None
    assert county.evaluate().run_id is None
    assert county.value("SELECT count(*) FROM run WHERE step = 'evaluate'") == 1


def test_signals_of_one_batch_are_numbered_by_rule_and_key_and_not_by_chance(county: County) -> None:
    for number in range(12):
        county.repeat(f"138123456{number + 10}", 0, 1, 2)
    county.evaluate()
    keys = [row.key for row in county.rows("SELECT key FROM signal WHERE rule_id = 'W01' ORDER BY signal_id")]
    assert len(keys) == 12
    assert keys == sorted(keys)
    rules = [row.rule_id for row in county.rows("SELECT rule_id FROM signal ORDER BY signal_id")]
    assert rules == sorted(rules)
