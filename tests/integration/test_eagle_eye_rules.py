"""The eagle-eye's rules on a real database: one open warning a case, any order of arrival, several processes, a county's planted cases."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.builtin.rules import RULES
from hub.clock import COUNTY_ZONE, ManualClock
from hub.county.render import eagle_eye as render
from hub.county.world.cases import Cases
from hub.county.world.events import Events, Serials
from hub.county.world.speaking import Speaker
from hub.county.world.voices import CaseNews, RatingNews
from hub.model.calendar import ChinaCalendar
from hub.model.case import Case, Correction, Suspension, Term
from hub.model.codes import (
    CaseKind,
    CentreLevel,
    InspectionKind,
    Level,
    RatingLevel,
    SignalState,
    TermUnit,
    WarningStage,
    Watch,
)
from hub.model.inspection import Finding, Inspection
from hub.model.observation import Observation
from hub.model.rating import Rating
from hub.pipeline import reevaluate, triage, warned
from hub.pipeline.reevaluate import Span
from hub.seal import KeyRing
from hub.store.engine import Store
from hub_channel_eagle_eye.cases import case_of
from hub_channel_eagle_eye.codes import CodeTables, Device, Tables
from hub_channel_eagle_eye.fields import Fields, read_json
from hub_channel_eagle_eye.ratings import rating_of
from tests.support.judging import BUREAU, County, local, plugins_with

OWN = tuple(rule for rule in RULES if rule.observes)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(local(2026, 11, 16, 10))


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    found = County(store, ring, clock, plugins_with(own=OWN))
    found.configure()
    return found


def _set(clock: ManualClock, moment: datetime) -> None:
    clock.advance((moment - clock.now()).total_seconds())


def case(county: County, no: str = "C1", **fields: Any) -> Case:
    return Case(
        source_no=no,
        case_no=no,
        as_of=county.clock.now(),
        **{
            "applied_at": local(2026, 11, 16, 9), "accepted_at": local(2026, 11, 16, 10), "promised": Term(value=5, unit=TermUnit.WORKING_DAYS),
            "item_code": "I1", "item_name": "不动产登记", "organisation": "不动产登记中心", **fields,
        },
    )  # fmt: skip


def whole_way(county: County) -> None:
    report = county.evaluate()
    assert report.ok, report.problems
    county.triage(), county.dispatch()


@pytest.mark.requirement("R38")
@pytest.mark.requirement("R36")
def test_a_case_has_one_open_warning_whose_card_rises_with_its_limit(
    county: County, clock: ManualClock
) -> None:
    county.observe(case(county))
    whole_way(county)
    assert county.signals() == []
    seen = []
    for moment in (local(2026, 11, 23, 9, 5), local(2026, 11, 23, 17, 45), local(2026, 11, 24, 17, 45)):
        _set(clock, moment)
        whole_way(county)
        warnings = county.rows("SELECT rule_id, level FROM warning WHERE state = 'issued'")
        seen.append(
            (warnings, county.signal(rule="E01").labels[0], county.value("SELECT count(*) FROM orders"))
        )
    assert seen == [
        ([("E01", Level.NOTICE)], "E01 即将超期", 0),  # a reminder is told and orders nothing
        ([("E01", Level.SERIOUS)], "E02 超期黄牌", 1),
        ([("E01", Level.GRAVE)], "E03 超期红牌", 1),
    ]
    assert county.value("SELECT count(*) FROM recheck WHERE rule_id = 'E01'") == 0


def test_a_case_that_ends_in_time_closes_its_reminder_and_a_late_resumption_takes_a_card_back(
    county: County, clock: ManualClock
) -> None:
    stopped = Suspension(no="1", began_at=local(2026, 11, 18, 10))
    resumed = Suspension(no="2", ended_at=local(2026, 11, 20, 10))
    county.observe(case(county, "C1"), case(county, "C2"))
    _set(clock, local(2026, 11, 24, 11))
    assert county.evaluate().ok
    assert {one.level for one in county.signals(rule="E01")} == {Level.SERIOUS}
    # What was sent late: C1 ended in time, C2 had been suspended.
    county.observe(
        case(county, "C1", finished_at=local(2026, 11, 23, 16)),
        case(county, "C2", suspensions=(stopped, resumed)),
    )
    assert county.evaluate().ok
    assert [one.state for one in county.signals(rule="E01")] == [SignalState.DISMISSED, SignalState.DISMISSED]


def test_a_provisional_limit_is_said_wherever_the_signal_goes(county: County, clock: ManualClock) -> None:
    _set(clock, local(2026, 12, 31, 10))
    county.observe(case(county, accepted_at=clock.now(), promised=Term(value=1, unit=TermUnit.WORKING_DAYS)))
    _set(clock, local(2027, 2, 1, 10))
    whole_way(county)
    assert "期限暂定" in county.signal(rule="E01").labels
    (message,) = [one for one in county.messages() if b'"E01 ' in bytes(one.body)]
    assert "暂定" in json.loads(message.body)["why"]


NEW_YEAR = ChinaCalendar(
    overrides={local(2027, 1, 1, 0).date(): False}, complete_years=frozenset({2027})
)  # what was a weekday to a calendar that did not know the year is a holiday


def shown_too_early(county: County, clock: ManualClock, **fields: Any) -> Any:
    """A yellow card on the first of January, when nobody knows the holidays of the year that begins; issued and dispatched."""
    _set(clock, local(2026, 12, 31, 16, 45))
    county.observe(case(county, **{"applied_at": None, "accepted_at": clock.now(), **fields}))
    whole_way(county)
    _set(clock, local(2027, 1, 1, 18))
    whole_way(county)
    (card,) = county.rows("SELECT warning_no, rule_id, level, state FROM warning")
    assert (card.level, card.state) == (Level.SERIOUS, "issued")
    assert "期限暂定" in county.signal(rule=card.rule_id).labels
    assert county.value("SELECT count(*) FROM orders WHERE state <> 'withdrawn'") == 1
    return card


ONE_DAY: dict[str, Any] = {"applied_at": None, "promised": Term(value=1, unit=TermUnit.WORKING_DAYS)}


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("E01", ONE_DAY),
        ("E05", {"applied_at": local(2026, 12, 29, 10), "accepted_at": None, "promised": None}),
        ("E12", {"case_kind": CaseKind.INSTANT, "promised": None}),
    ],
)
def test_a_card_whose_provisional_limit_proves_wrong_is_taken_back_and_shown_again_when_the_limit_is_over(
    county: County, clock: ManualClock, rule: str, fields: dict[str, Any]
) -> None:
    card = shown_too_early(county, clock, **fields)
    assert card.rule_id == rule
    county.deps = replace(county.deps, calendar=NEW_YEAR)
    _set(clock, local(2027, 1, 3, 10))
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 1}
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    county.dispatch()
    (found,) = county.rows("SELECT state, revoked_by, revoked_why FROM warning")
    assert (found.state, found.revoked_by) == ("revoked", "system")
    assert "暂定" in found.revoked_why
    assert county.value("SELECT count(*) FROM orders WHERE state <> 'withdrawn'") == 0
    told = [json.loads(one.body) for one in county.messages()]
    assert [one["reason"] for one in told if one["type"] == "warning.revoked"] == [found.revoked_why]
    assert county.signal(rule=rule).state == SignalState.DISMISSED
    # The last moment of the true limit is over.
    _set(clock, local(2027, 1, 4, 18))
    whole_way(county)
    assert county.signal(rule=rule).state == SignalState.WARNED
    states = county.rows("SELECT state FROM warning ORDER BY warning_no")
    assert [row.state for row in states] == ["revoked", "issued"]


def test_a_card_whose_provisional_limit_proves_right_stands(county: County, clock: ManualClock) -> None:
    shown_too_early(county, clock, **ONE_DAY)
    known = ChinaCalendar(complete_years=frozenset({2027}))
    county.deps = replace(county.deps, calendar=known)
    _set(clock, local(2027, 1, 3, 10))
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    assert "期限暂定" not in county.signal(rule="E01").labels
    # What is sent late from now on takes nothing back: the card no longer rests on what was not known.
    county.observe(case(county, finished_at=local(2026, 12, 31, 17), **ONE_DAY))
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    assert county.value("SELECT state FROM warning") == "issued"


def test_a_reminder_under_a_provisional_limit_just_passes(county: County, clock: ManualClock) -> None:
    _set(clock, local(2026, 12, 30, 10))
    county.observe(
        case(
            county,
            applied_at=None,
            accepted_at=clock.now(),
            promised=Term(value=3, unit=TermUnit.WORKING_DAYS),
        )
    )
    _set(clock, local(2027, 1, 4, 15))
    whole_way(county)
    assert county.rows("SELECT level, state FROM warning") == [(Level.NOTICE, "issued")]
    county.deps = replace(county.deps, calendar=NEW_YEAR)
    _set(clock, local(2027, 1, 5, 9))
    county.observe(
        case(
            county, applied_at=None, accepted_at=local(2026, 12, 30, 10), finished_at=clock.now(),
            promised=Term(value=3, unit=TermUnit.WORKING_DAYS),
        )
    )  # fmt: skip
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    assert county.value("SELECT state FROM warning") == "issued"


def test_a_card_that_a_person_has_taken_up_is_not_taken_back_by_the_system(
    county: County, clock: ManualClock
) -> None:
    card = shown_too_early(county, clock, **ONE_DAY)
    warned.advance(county.deps, card.warning_no, WarningStage.CORRECTING, "王科长", "已核实")
    county.deps = replace(county.deps, calendar=NEW_YEAR)
    _set(clock, local(2027, 1, 3, 10))
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    assert county.value("SELECT state FROM warning") == "issued"


def test_two_processes_take_a_lapsed_card_back_once_and_one_that_holds_again_meanwhile_not_at_all(
    county: County, clock: ManualClock
) -> None:
    shown_too_early(county, clock, **ONE_DAY)
    before, county.deps = county.deps, replace(county.deps, calendar=NEW_YEAR)
    _set(clock, local(2027, 1, 3, 10))
    assert county.evaluate().ok
    # Somebody takes the calendar back before triage has looked.
    county.deps = before
    county.observe(
        case(
            county,
            accepted_at=local(2026, 12, 31, 16, 45),
            post="P1",
            **ONE_DAY,
        )
    )
    assert county.evaluate().ok
    assert county.triage().counts == {"warnings": 0, "revoked": 0}
    county.deps = replace(before, calendar=NEW_YEAR)
    _set(clock, local(2027, 1, 4, 0, 5))
    assert county.evaluate().ok
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(triage.run, [county.deps] * 3))
    assert [report.problems for report in reports] == [()] * 3
    assert sum(report.counts["revoked"] for report in reports) == 1
    assert county.value("SELECT count(*) FROM outbox WHERE event_type = 'warning.revoked'") == 1


def everything(county: County) -> list[Observation]:
    """Trouble of many kinds, each seen by a rule."""
    at = local
    term = Term(value=2, unit=TermUnit.WORKING_DAYS)
    asked = tuple(Correction(no=str(day), asked_at=at(2026, 11, day, 9, 30)) for day in (16, 17))
    ratings = [
        Rating(source_no=f"R{n:02d}", rated_at=at(2026, 11, 17, 9) + timedelta(seconds=5 * n), level=RatingLevel.VERY_GOOD, device_no="PJQ-1")
        for n in range(61)
    ]  # fmt: skip
    rounds = [
        Inspection(
            source_no=f"P{n}", inspection_kind=InspectionKind.DAILY, level=CentreLevel.TOWNSHIP, centre="龙山乡便民服务中心",
            planned_on=at(2026, 11, n, 9).date(),
        )
        for n in (9, 10)
    ]  # fmt: skip
    return [
        case(county, "K1", promised=term),
        case(county, "K2", corrections=asked, accepted_at=at(2026, 11, 16, 10)),
        case(county, "K3", window_no="A01", finished_at=at(2026, 11, 16, 10, 0), steps=()),
        Rating(source_no="B1", rated_at=at(2026, 11, 16, 9), level=RatingLevel.BAD, case_no="K3", item_code="I1"),
        *ratings,
        *rounds,
        Finding(
            source_no="F1", inspection_kind=InspectionKind.DAILY, found_at=at(2026, 11, 16, 9), text="未一次性告知", item_code="I1",
            rectify_by=at(2026, 11, 18, 17, 30),
        ),
    ]  # fmt: skip


def _fields(row: dict[str, Any]) -> Fields:
    return Fields(read_json(json.dumps(row).encode()), COUNTY_ZONE)


def observe(county: County, *things: Observation) -> None:
    """Collects these, what inspectors found through their own watch."""
    for watch in (Watch.MONITOR, Watch.OBSERVE):
        mine = [one for one in things if isinstance(one, Finding | Inspection) is (watch is Watch.OBSERVE)]
        if mine:
            county.observe(*mine, watch=watch)


def told_by(county: County) -> set[tuple[Any, ...]]:
    """What stands, without ids."""
    return {
        (one.rule_id, one.level, one.window_from, one.window_to, one.value, one.summary, one.labels and tuple(one.labels), len(one.observed))
        for one in county.signals()
        if one.state != SignalState.DISMISSED
    }  # fmt: skip


@pytest.mark.requirement("R39")
def test_whatever_came_first_the_same_signals_stand_and_run_again_nothing_is_new(
    store: Store, ring: KeyRing, clock: ManualClock, county: County
) -> None:
    things = everything(county)
    _set(clock, local(2026, 11, 26, 10))
    random.Random(7).shuffle(things)
    for one in things:
        observe(county, one)
        assert county.evaluate().ok
    stands = told_by(county)
    assert {rule for rule, *_ in stands} >= {
        "E01",
        "E06",
        "E07",
        "E13",
        "E16",
        "W11",
        "W12",
        "W13",
        "W13b",
        "I01",
        "I02",
        "R78",
    }
    observe(county, *things)
    again = county.evaluate()
    assert (again.counts["signals_new"], again.counts["signals_changed"]) == (0, 0)
    with store.begin() as connection:
        # What scores rest on lets nobody empty it; here it is empty.
        for table in ("score_freeze", "score_verdict"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.exec_driver_sql("TRUNCATE signal CASCADE")
        connection.exec_driver_sql("TRUNCATE recheck")
    clock.advance(60)
    reevaluate.run(county.deps, rule_ids=[rule.rule_id for rule in OWN], span=Span())
    assert county.evaluate().ok
    assert told_by(county) == stands


def test_four_processes_that_judge_at_once_raise_each_signal_once(county: County, clock: ManualClock) -> None:
    observe(county, *everything(county))
    _set(clock, local(2026, 11, 26, 10))
    together = threading.Barrier(4)

    def judge() -> None:
        together.wait()
        county.evaluate()

    threads = [threading.Thread(target=judge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stands = [(one.rule_id, one.key) for one in county.signals()]
    assert len(stands) == len(set(stands))
    assert county.evaluate().counts["signals_new"] == 0


@pytest.mark.requirement("R39")
def test_a_bad_rating_that_a_person_has_verified_is_a_yellow_card_with_its_order(
    county: County, clock: ManualClock
) -> None:
    rated_at = local(2026, 11, 16, 9)
    _set(clock, local(2026, 11, 16, 10))
    county.observe(
        Rating(
            source_no="B1",
            rated_at=rated_at,
            level=RatingLevel.BAD,
            organisation=str(BUREAU["name"]),
            item_code="I1",
        )
    )
    whole_way(county)
    assert county.value("SELECT count(*) FROM warning") == 0
    one = county.signal(rule="W11")
    assert one.level == Level.NOTICE
    triage.decide(county.deps, one.signal_id, "issue", "王科长", "经回访核实")
    county.dispatch()
    assert county.rows(
        "SELECT w.level, o.organisation FROM warning w JOIN orders o ON o.origin_id = w.warning_id"
    ) == [(2, "housing")]
    # Verified in time, it is told no other time when its working day is over.
    _set(clock, local(2026, 11, 18, 10))
    whole_way(county)
    assert county.value("SELECT count(*) FROM orders") == county.value("SELECT count(*) FROM warning") == 1
    assert county.value("SELECT count(*) FROM outbox") == 1


@pytest.mark.requirement("R39")
def test_a_bad_rating_that_nobody_verified_in_its_working_day_rises_and_one_found_untrue_does_not_come_back(
    county: County, clock: ManualClock
) -> None:
    _set(clock, local(2026, 11, 16, 10))
    county.observe(
        *(Rating(source_no=no, rated_at=local(2026, 11, 16, 9), level=RatingLevel.BAD) for no in ("B1", "B2"))
    )
    whole_way(county)
    untrue, other = county.signals(rule="W11")
    triage.decide(county.deps, untrue.signal_id, "dismiss", "王科长", "恶意差评")
    _set(clock, local(2026, 11, 18, 10))
    whole_way(county)
    stands = {one.signal_id: (one.state, one.level) for one in county.signals(rule="W11")}
    assert stands[other.signal_id] == ("open", Level.SERIOUS)
    assert stands[untrue.signal_id][0] == "dismissed"


@pytest.mark.requirement("R78")
@pytest.mark.parametrize("complaint_first", [False, True])
def test_a_complaint_about_an_item_and_what_an_inspection_found_there_are_one_signal_whatever_came_first(
    county: County, clock: ManualClock, complaint_first: bool
) -> None:
    _set(clock, local(2026, 11, 20, 10))
    complaint = county.demand(
        at=local(2026, 11, 19, 9), item_code="I7", item_name="不动产转移登记", phone="13812340001"
    )
    inspected = Finding(
        source_no="F7",
        inspection_kind=InspectionKind.DAILY,
        found_at=local(2026, 11, 18, 9),
        text="未一次性告知",
        item_code="I7",
    )
    if complaint_first:
        county.judged(complaint)
        assert county.signals(rule="R78") == []
        observe(county, inspected)
    else:
        observe(county, inspected)
        assert county.evaluate().ok
        assert county.signals(rule="R78") == []
        county.judged(complaint)
    assert county.evaluate().ok
    one = county.signal(rule="R78")
    assert (one.key, one.value, len(one.demand_ids), len(one.observed)) == ("item:I7", 2, 1, 1)
    assert list(one.labels) == ["六位一体", "观察", "洞察"]
    again = county.evaluate()
    assert (again.counts["signals_new"], again.counts["signals_changed"]) == (0, 0)


@pytest.mark.requirement("R46")
def test_cards_that_come_together_on_one_organisation_are_told_for_study(
    county: County, clock: ManualClock
) -> None:
    county.observe(
        *(case(county, f"C{no}", promised=Term(value=1, unit=TermUnit.WORKING_DAYS)) for no in range(5))
    )
    _set(clock, local(2026, 11, 18, 10))
    whole_way(county)
    assert county.evaluate().ok
    about = {one.key for one in county.signals(rule="W20")}
    assert about == {f"organisation:{BUREAU['code']}", "item:I1"}
    assert county.value("SELECT count(*) FROM warning WHERE rule_id = 'W20'") == 0


@pytest.mark.requirement("R46")
def test_warnings_that_are_judged_before_they_are_dispatched_count_for_one_organisation_not_for_its_name_too(
    county: County, clock: ManualClock
) -> None:
    county.observe(
        *(case(county, f"C{no}", promised=Term(value=1, unit=TermUnit.WORKING_DAYS)) for no in range(5))
    )
    _set(clock, local(2026, 11, 18, 10))
    county.evaluate()
    county.triage()
    county.evaluate()
    county.dispatch()
    county.evaluate()
    about = [one.key for one in county.signals(rule="W20")]
    assert sorted(about) == ["item:I1", f"organisation:{BUREAU['code']}"]


def test_an_order_that_nobody_answers_is_told_to_the_office_and_breeds_no_other(
    county: County, clock: ManualClock
) -> None:
    county.observe(case(county, promised=Term(value=1, unit=TermUnit.WORKING_DAYS)))
    _set(clock, local(2026, 11, 18, 10))
    whole_way(county)
    assert county.signals(rule="S02") == []
    _set(clock, local(2026, 11, 19, 17, 31))
    whole_way(county)
    (late,) = county.signals(rule="S02")
    assert (late.level, late.state) == (Level.SERIOUS, SignalState.OPEN)
    _set(clock, local(2026, 11, 23, 17, 31))
    whole_way(county)
    assert [one.level for one in county.signals(rule="S02")] == [Level.GRAVE]
    assert county.value("SELECT count(*) FROM orders") == 1


@pytest.mark.parametrize("kind", ["bad_rating", "overdue", "near_due", "corrections"])
def test_what_is_planted_in_the_simulated_county_is_seen_by_the_rules_that_should(
    county: County, clock: ManualClock, kind: str
) -> None:
    """As the county's eagle-eye writes them down, mapped by the channel that reads them."""
    speaker, rng, now = Speaker(5), random.Random(11), local(2026, 11, 25, 10)
    tables = Tables.of(CodeTables(), tuple(Device.model_validate(one) for one in render.DEVICES))
    # What is near its end is reminded of a day later.
    _set(clock, now + timedelta(days=1))
    for place in range(6):
        event, news = Events(speaker, Cases(speaker.people)).kinds[kind](rng, Serials(100 * place), now)
        told: dict[str, Observation] = {}
        for one in news:
            if isinstance(one, RatingNews):
                fields = _fields(render.rating(one))
                told[one.number] = rating_of(fields, tables, one.number)
            elif isinstance(one, CaseNews):
                told[one.number] = case_of(_fields(render.case(one)), tables, one.number, one.changed_at)
        county.observe(*told.values())
        assert county.evaluate().ok
        (number,) = {number for _, number in event.numbers}
        seen = {
            one.labels[0].split()[0] if one.rule_id == "E01" else one.rule_id
            for one in county.signals()
            if county.value(f"SELECT source_no FROM rating WHERE observation_id = '{one.observed[0].partition(':')[2]}' "
                            f"UNION SELECT case_no FROM service_case WHERE case_id = '{one.observed[0].partition(':')[2]}'") == number
        }  # fmt: skip
        assert seen & set(event.rules)
