"""What was judged while a rule was missing, broken or another finds its way back before it, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import text

from hub.builtin.rules import RULES
from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.pipeline import reevaluate
from hub.pipeline.reevaluate import Span
from hub.runtime.doctor import Finding, State
from hub.runtime.doctor import work as doctor
from hub.sdk.rules import ObservationRule
from hub.seal import KeyRing
from hub.store import reach
from hub.store.engine import Store
from tests.integration.test_evaluate_rules_apart import PerDemand
from tests.support.desk import Desk, record
from tests.support.judging import COUNTY, County, plugins_with

OF_DEMANDS = sum(not issubclass(rule, ObservationRule) for rule in RULES)
PHONE = "13812340001"


class Later(PerDemand):
    """The rule that comes, goes and comes back."""

    rule_id = "T02"


class LaterStill(Later):
    """The same, judging otherwise."""

    version = "2"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def install(county: County, *rules: Any) -> None:
    """From now on these rules are there, beside the hub's own."""
    county.deps = replace(county.deps, plugins=plugins_with(*rules))


def an_hour_of(county: County, *texts: str) -> list[Any]:
    """Demands that come in and are judged by the rules that are there; an hour goes by."""
    demands = [county.demand(text=words) for words in texts]
    county.judged(*demands)
    county.clock.advance(3_600)
    return demands


def put_back(county: County, **options: Any) -> int:
    """How many demands wait again, each once a rule; judged afterwards."""
    count = reevaluate.run(county.deps, **options).counts["demands"]
    county.evaluate()
    return count


def missed(county: County) -> dict[str, int]:
    """How many demands each rule has missed, as the doctor counts them."""
    with county.store.begin() as connection:
        judges = {rule_id: entry.cls.version for rule_id, entry in county.deps.plugins.rules.items()}
        now = county.clock.now()
        return {
            rule_id: count
            for rule_id, one in reach.missed(connection, now, judges).items()
            if (count := reach.count(connection, one, now, most=1_000))
        }


def numbers(county: County) -> list[str]:
    return sorted(no for one in county.signals(rule="T02") for no in one.nos)


def test_demands_that_were_judged_before_a_rule_came_are_judged_by_it_after_they_were_put_back(
    county: County,
) -> None:
    early = an_hour_of(county, "甲", "乙", "丙")
    install(county, Later)
    late = an_hour_of(county, "丁")
    assert numbers(county) == [one.source_no for one in late]
    assert put_back(county) >= 3
    assert numbers(county) == sorted(one.source_no for one in (*early, *late))


def test_putting_back_what_was_missed_a_second_time_finds_nothing_to_do(county: County) -> None:
    an_hour_of(county, "甲", "乙")
    install(county, Later)
    put_back(county)
    before = county.rows("SELECT * FROM signal ORDER BY signal_id")
    assert put_back(county) == 0
    assert missed(county) == {}
    assert county.rows("SELECT * FROM signal ORDER BY signal_id") == before


def test_a_rule_that_was_away_has_missed_what_came_in_between_and_no_more(county: County) -> None:
    install(county, Later)
    an_hour_of(county, "甲", "乙")
    install(county)
    between = an_hour_of(county, "丙", "丁", "戊")
    install(county, Later)
    an_hour_of(county, "己")
    assert set(numbers(county)).isdisjoint(one.source_no for one in between)
    assert missed(county) == {"T02": 3}
    assert put_back(county) == 3
    assert len(numbers(county)) == 6


def test_a_demand_that_was_changed_while_a_rule_was_away_is_put_back_too(county: County) -> None:
    install(county, Later)
    (first, _) = an_hour_of(county, "甲", "乙")
    install(county)
    county.judged(county.demand(no=first.source_no, text="甲甲"))
    county.clock.advance(3_600)
    install(county, Later)
    an_hour_of(county, "丙")
    assert put_back(county) == 1


def test_what_still_waits_when_a_rule_goes_counts_as_missed(county: County) -> None:
    install(county, Later)
    an_hour_of(county, "甲")
    county.receive(county.demand(text="乙"))
    county.clock.advance(86_400)
    install(county)
    county.evaluate()
    county.clock.advance(3_600)
    install(county, Later)
    assert missed(county) == {"T02": 1}


def test_another_version_of_a_rule_has_missed_everything(county: County) -> None:
    install(county, Later)
    an_hour_of(county, "甲", "乙")
    install(county, LaterStill)
    assert missed(county) == {"T02": 2}
    assert put_back(county) == 2
    assert {one.rule_version for one in county.signals(rule="T02")} == {"2"}
    assert len(numbers(county)) == 2


def test_a_hub_that_has_just_begun_has_missed_nothing(county: County) -> None:
    install(county, Later)
    county.configure({**COUNTY, "rules": [{"rule_id": "W01", "params": {"threshold": 2}, "reason": "试行"}]})
    an_hour_of(county, "甲", "乙")
    assert missed(county) == {}


def test_a_rule_that_was_disabled_and_is_enabled_again_has_missed_nothing(county: County) -> None:
    install(county, Later)
    an_hour_of(county, "甲")
    off = {"rule_id": "T02", "enabled": False, "reason": "试停"}
    county.configure({**COUNTY, "rules": [off]})
    an_hour_of(county, "乙")
    with pytest.raises(ConfigError, match="enabled: true"):
        reevaluate.run(county.deps, rule_ids=["T02"])
    county.configure({**COUNTY, "rules": [{**off, "enabled": True}]})
    county.evaluate()
    assert missed(county) == {}
    assert len(numbers(county)) == 2


def test_judging_everything_again_doubles_no_signal_and_brings_no_old_one_to_life(county: County) -> None:
    county.configure()
    county.repeat(PHONE, 1, 2, 3)
    county.repeat("13812340002", 3_000, 3_001, 3_002)
    county.judged(county.demand(text="楼下着火了，快来人"))
    county.triage()
    before = county.rows("SELECT * FROM signal ORDER BY signal_id")
    assert sorted(one.historical for one in before) == [False, False, True]
    county.clock.advance(60)
    assert put_back(county, span=Span()) == 7 * len(county.deps.plugins.rules)
    county.triage()
    after = county.rows("SELECT * FROM signal ORDER BY signal_id")
    assert [(one.signal_id, one.state, one.historical, one.demand_ids) for one in after] == [
        (one.signal_id, one.state, one.historical, one.demand_ids) for one in before
    ]
    assert county.value("SELECT count(*) FROM warning") == 1


def test_a_span_puts_back_what_was_received_in_it_for_the_rules_that_are_named(county: County) -> None:
    begun = county.clock.now()
    an_hour_of(county, "甲")
    an_hour_of(county, "乙", "丙")
    second = begun + timedelta(hours=1)
    waits = reevaluate.run(county.deps, rule_ids=["W08"], span=Span(since=second))
    assert waits.counts == {"demands": 2, "observed": 0, "rules": 1}
    assert county.rows("SELECT rule_ids, cardinality(demand_ids) FROM evaluate_work") == [(["W08"], 2)]


def test_what_is_new_is_judged_before_years_that_are_judged_again(county: County) -> None:
    an_hour_of(county, "甲", "乙")
    reevaluate.run(county.deps, span=Span())
    county.receive(county.demand(text="楼下着火了，快来人"))
    from hub.pipeline import evaluate

    evaluate.run(county.deps, max_batches=1)
    assert [one.rule_id for one in county.signals()] == ["W08"]
    assert county.value("SELECT count(*) FROM evaluate_work WHERE rule_ids IS NOT NULL") > 0


def test_many_demands_wait_in_rows_of_a_bounded_size(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    county.receive(*[county.demand() for _ in range(1_203)])
    with county.store.begin() as connection:
        connection.execute(text("DELETE FROM evaluate_work"))
    county.clock.advance(60)
    monkeypatch.setattr(reevaluate, "_AT_ONCE", 1_000)
    told: list[int] = []
    reevaluate.run(
        county.deps, rule_ids=["W08"], span=Span(), told=lambda rules, demands: told.append(demands)
    )
    assert told == [1_000, 1_203]
    sizes = county.rows("SELECT cardinality(demand_ids) FROM evaluate_work ORDER BY work_id")
    assert sorted(size for (size,) in sizes) == [203, 500, 500]


def test_a_rule_that_nobody_brings_is_named_with_those_that_are_there(county: County) -> None:
    with pytest.raises(ConfigError, match=r"'T09': no plugin brings it \(installed: W01, "):
        reevaluate.run(county.deps, rule_ids=["T09"])


def doctor_s_lines(county: County) -> list[Finding]:
    class Looking:
        clock = county.clock
        plugins = county.deps.plugins

    with county.store.begin() as connection:
        return list(doctor.rules(Looking(), connection))  # type: ignore[arg-type]


def test_the_doctor_says_how_many_demands_came_past_a_rule_and_what_to_type(county: County) -> None:
    (well,) = doctor_s_lines(county)
    assert (well.name, well.state) == ("rules", State.OK)
    install(county, Later)
    an_hour_of(county, "甲", "乙")
    install(county)
    an_hour_of(county, "丙")
    (away,) = doctor_s_lines(county)
    assert away.name == "rule T02"
    assert "1 demand was judged without it" in away.found
    assert "install or mend its plugin" in away.do
    install(county, Later)
    an_hour_of(county, "丁")
    (back,) = doctor_s_lines(county)
    assert "was away for a while and is back" in back.found
    assert back.do.startswith("`hub demand reevaluate --rule T02`")
    put_back(county)
    assert [one.state for one in doctor_s_lines(county)] == [State.OK]


def test_the_command_says_what_it_did_and_is_written_to_the_audit_log(desk: Desk) -> None:
    for number in (1, 2):
        desk.portal.add(record(number))
    assert desk.hub("channel", "run", "portal").code == 0
    assert desk.hub("run", "once").code == 0
    nothing = desk.hub("demand", "reevaluate")
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out.startswith("No rule has missed a demand: nothing to do.")
    again = desk.hub("demand", "reevaluate", "--all", "--rule", "W08", "--json")
    assert again.document["reports"][0]["counts"] == {"demands": 2, "observed": 0, "rules": 1}
    shown = desk.hub("demand", "reevaluate", "--since", "2020-01-01")
    assert shown.out.startswith(f"{2 * OF_DEMANDS} demands wait for {len(RULES)} rules again: `hub serve`")
    wrong = desk.hub("demand", "reevaluate", "--rule", "W99")
    assert wrong.code == 4
    assert "no plugin brings it" in wrong.err
    backwards = desk.hub("demand", "reevaluate", "--since", "2026-02-01", "--until", "2026-01-01")
    assert backwards.code == 2
    noted = desk.rows(
        "SELECT subject, detail FROM audit_log WHERE action = 'demand.reevaluate' ORDER BY audit_id"
    )
    assert [row[0] for row in noted] == ["all rules", "W08", "all rules"]


def test_an_upgrade_tells_the_version_of_a_rule_from_its_signals_and_calls_no_rule_new(
    county: County,
) -> None:
    install(county, Later)
    an_hour_of(county, "甲", "乙")
    revision = import_module("hub.store.migrations.versions.0004_rule_reach")
    with county.store.begin() as connection:
        connection.execute(text("DELETE FROM rule_reach"))
        connection.execute(text(revision.SEED))
    assert missed(county) == {}
    install(county, LaterStill)
    assert missed(county) == {"T02": 2}
    assert put_back(county) == 2  # as the doctor bids, before anything else was judged
    assert {one.rule_version for one in county.signals(rule="T02")} == {"2"}
    assert missed(county) == {}
