"""监察规则设置: a rule's settings are versions with author, owner, reason and validity, and take effect without redeploy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hub.builtin.rules.case_deadline import CaseDeadline
from hub.builtin.rules.repeated import RepeatedReporter
from hub.cli.rule_told import tell_backtest
from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.pipeline import backtest
from hub.seal import KeyRing
from hub.store import config
from hub.store.engine import Store
from tests.integration.test_evaluate_observed import Overdue, case
from tests.integration.test_evaluate_rules_apart import PerDemand
from tests.support.desk import Desk
from tests.support.judging import COUNTY, County, plugins_with

PHONE = "13812345678"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def setting(**fields: Any) -> dict[str, Any]:
    return {**COUNTY, "rules": [{"rule_id": "W01", "reason": "第11次调度会", **fields}]}


@pytest.mark.requirement("R37")
def test_settings_that_are_to_hold_later_take_effect_on_their_day_and_judge_everything_then(
    county: County, clock: ManualClock
) -> None:
    county.repeat(PHONE, 0, 1)
    county.evaluate()
    later = clock.now() + timedelta(days=2)
    county.configure(setting(params={"threshold": 2}, valid_from=later.isoformat(), owner="县督查室"))
    county.evaluate()
    assert county.signals(rule="W01") == []
    # What comes in between is judged by what holds then, and again on the day.
    county.judged(county.demand(phone="13900000001"), county.demand(phone="13900000001"))
    clock.advance(2 * 86_400 + 1)
    county.evaluate()
    assert [one.params["threshold"] for one in county.signals(rule="W01")] == [2, 2]
    assert county.rows("SELECT author, owner, reason FROM rule_params") == [
        ("ops", "县督查室", "第11次调度会")
    ]
    assert not any(county.evaluate().counts.values())


def test_applying_a_document_again_makes_no_version_and_another_day_makes_one(
    county: County, clock: ManualClock
) -> None:
    later = clock.now() + timedelta(days=9)
    county.configure(setting(params={"threshold": 2}, valid_from=later.isoformat()))
    county.configure(setting(params={"threshold": 2}, valid_from=later.isoformat()))
    assert county.value("SELECT count(*) FROM rule_params") == 1
    sooner = clock.now() + timedelta(days=3)
    county.configure(setting(params={"threshold": 2}, valid_from=sooner.isoformat()))
    assert county.rows("SELECT version, valid_from FROM rule_params ORDER BY 1") == [(1, later), (2, sooner)]


@pytest.mark.requirement("R37")
def test_a_setting_that_was_to_hold_later_and_is_brought_forward_judges_what_is_stored_at_once(
    county: County, clock: ManualClock
) -> None:
    county.repeat(PHONE, 0, 1)
    county.evaluate()
    later = clock.now() + timedelta(days=9)
    county.configure(setting(params={"threshold": 2}, valid_from=later.isoformat()))
    applied = county.configure(setting(params={"threshold": 2}))
    assert applied.rejudged == ("W01",)
    county.evaluate()
    assert [one.params["threshold"] for one in county.signals(rule="W01")] == [2]


def test_a_setting_that_was_to_hold_later_and_is_given_up_before_judges_nothing_again(
    county: County, clock: ManualClock
) -> None:
    county.configure(setting(params={"threshold": 4}))
    later = clock.now() + timedelta(days=9)
    county.configure(setting(params={"threshold": 2}, valid_from=later.isoformat()))
    assert county.configure(setting(params={"threshold": 4})).rejudged == ()


def test_another_owner_is_a_version_and_judges_nothing_again(county: County) -> None:
    county.configure(setting(params={"threshold": 2}))
    county.evaluate()
    again = county.configure(setting(params={"threshold": 2}, owner="县督查室"))
    assert again.rejudged == ()
    with county.store.begin() as connection:
        assert [one["owner"] for one in config.versions(connection, "W01")] == ["县督查室", None]


def test_a_rule_whose_key_never_repeats_is_refused_when_it_is_to_judge(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    class Stuck(PerDemand):
        subject: ClassVar[str] = "matter"

    county = County(store, ring, clock, plugins_with(Stuck))
    county.receive(county.demand())
    report = county.evaluate()
    (problem,) = report.problems
    assert problem.where == "rule T01"
    assert "its key can never repeat" in problem.message


def test_a_backtest_says_what_the_evaluation_says_and_when_it_would_have_been_seen(county: County) -> None:
    county.repeat(PHONE, 20, 15, 12, 1)
    county.judged(county.demand(phone="13900000001"))
    now = county.clock.now()
    found = backtest.run(county.deps, "W01", since=now - timedelta(days=60), until=now + timedelta(days=1))
    (one,) = found.shown
    stands = county.signal(rule="W01")
    assert (one.draft.window_from, one.draft.value, list(one.draft.demand_ids)) == (
        stands.window_from,
        stands.value,
        stands.demand_ids,
    )
    assert one.delay == timedelta(days=8)
    assert (found.looked_at, found.keys, found.repeated) == (5, 2, 1)
    assert sum(found.weeks.values()) == 1
    assert not found.never_repeats(county.deps.plugins.rules["W01"].cls())
    stricter = backtest.run(
        county.deps,
        "W01",
        since=now - timedelta(days=60),
        until=now + timedelta(days=1),
        params={"threshold": 5},
    )
    assert stricter.shown == []
    # Nothing was written by either.
    assert county.value("SELECT count(*) FROM signal") == 1
    assert county.value("SELECT count(*) FROM rule_params") == 0


def test_a_backtest_counts_what_is_stored_and_waits_to_be_judged(county: County) -> None:
    county.repeat(PHONE, 5, 4, 3)
    now = county.clock.now()
    found = backtest.run(county.deps, "W01", since=now - timedelta(days=60), until=now + timedelta(days=1))
    assert [len(one.draft.demand_ids) for one in found.shown] == [3]
    assert county.signals() == []
    county.judged()
    assert len(county.signals(rule="W01")) == 1


def test_a_backtest_of_cases_looks_at_what_was_observed(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(Overdue))
    county.observe(case(county, due_h=-72), case(county, "C2", due_h=-1), case(county, "C3", due_h=5))
    now = clock.now()
    found = backtest.run(county.deps, "T21", since=now - timedelta(days=9), until=now + timedelta(days=9))
    assert found.by_level == {Level.SERIOUS: 1, Level.GRAVE: 1}
    assert found.auto_issued == 2
    assert county.value("SELECT count(*) FROM recheck") == 0


def test_keys_of_which_none_was_touched_twice_are_told(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    class ByPhrase(PerDemand):
        subject: ClassVar[str] = "matter"

        def keys(self, demand: DemandFacts) -> Iterable[str]:
            return (demand.text,)

        def evaluate(self, keys: Any, history: Any) -> Iterable[Any]:
            return ()

    county = County(store, ring, clock, plugins_with(ByPhrase))
    county.receive(*(county.demand(text=f"第{number}件") for number in range(25)))
    found = backtest.run(
        county.deps, "T01", since=clock.now() - timedelta(days=1), until=clock.now() + timedelta(days=1)
    )
    assert (found.keys, found.repeated) == (25, 0)
    assert found.never_repeats(ByPhrase())


def test_an_unknown_rule_is_named_with_those_that_are_there(county: County) -> None:
    with pytest.raises(ConfigError, match="'W99'.*W01"):
        backtest.run(county.deps, "W99", since=county.clock.now(), until=county.clock.now())


def test_the_commands_show_rules_their_changes_and_what_one_would_have_said(
    desk: Desk, tmp_path: Path
) -> None:
    listed = desk.hub("rule", "list", "--json").document["rules"]
    assert {one["rule_id"] for one in listed} >= {"W01", "W08"}
    told = desk.hub("rule", "list").out.splitlines()
    assert told[0].split() == ["rule", "title", "judges", "stage", "settings", "signals", "warnings"]
    (deadline,) = [line for line in told if line.startswith("E01 ")]
    assert deadline.split() == ["E01", "办件时限", "case", "事中", "defaults", "0", "0"]
    before = desk.hub("rule", "show", "W01")
    assert "were never set" in before.out
    assert desk.hub("rule", "show", "W99").code != 0
    nothing = desk.hub("rule", "test", "W01")
    assert (nothing.code, "Nothing that it cares for is stored" in nothing.out) == (0, True)
    for wrong in (("--param", "threshold"), ("--since", "2026-02-01", "--until", "2026-01-01")):
        assert desk.hub("rule", "test", "W01", *wrong).code == 2
    refused = desk.hub("rule", "test", "W01", "--param", "threshold=1")
    assert (refused.code, "threshold" in refused.err) == (4, True)
    planted = tmp_path / "planted.json"
    planted.write_text("{}")
    document = desk.hub("rule", "test", "W01", "--planted", str(planted), "--json").document
    assert document["planted"]["events"] == 0
    planted.write_text(json.dumps({"events": 7}))
    assert desk.hub("rule", "test", "W01", "--planted", str(planted)).code == 2


def test_a_backtest_calls_the_levels_of_cases_cards_and_those_of_demands_by_their_own_names(
    capsys: pytest.CaptureFixture[str], county: County, clock: ManualClock
) -> None:
    now = clock.now()
    for rule, level, card in (
        (CaseDeadline, Level.GRAVE, "3 红牌"),
        (RepeatedReporter, Level.SERIOUS, "2 较重"),
    ):
        draft = SignalDraft(
            key="k", level=level, window_from=now - timedelta(days=1), window_to=now, metric="数", value=1, threshold=1,
            demand_ids=("d",), reporters=1, summary="一句话",
        )  # fmt: skip
        found = backtest.Backtest(rule.rule_id, {}, now - timedelta(days=7), now, looked_at=1, keys=1)
        found.shown, found.weeks = [backtest.Shown(draft, now, now)], {now: 1}
        tell_backtest(found, rule, None, stuck=False, limit=1)
        assert capsys.readouterr().out.count(card) == 2
