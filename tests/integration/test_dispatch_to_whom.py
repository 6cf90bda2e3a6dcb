"""Dispatch: whom a warning goes to, and who must not see it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.builtin.rules.repeated import RepeatedReporter
from hub.builtin.rules.spoken import OpinionOrIntegrity
from hub.clock import ManualClock
from hub.model.codes import BusinessClass, DemandType
from hub.pipeline import dispatch, triage
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.dispatching import CROWD, PHONE, bodies, issued, order
from tests.support.judging import BUREAU, COUNTY, OFFICE, Bringing, County, plugins_with


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock)
    made.configure(COUNTY)
    return made


@pytest.mark.parametrize("routed", ["target", "table", "plugin", "person"])
def test_a_report_goes_to_the_handling_office_alone_and_its_message_holds_nothing_of_it(
    store: Store, ring: KeyRing, clock: ManualClock, routed: str
) -> None:
    asked: list[object] = []

    def route(facts, rule_id):
        asked.append(facts)
        return "housing"

    plugins = plugins_with(router=Bringing(route=route)) if routed == "plugin" else plugins_with()
    county = County(store, ring, clock, plugins)
    table = [{"id": "all", "matches": {"demand_type": ["report"]}, "organisation": "housing"}]
    county.configure({**COUNTY, "routing": table if routed == "table" else []})
    demand = county.demand(
        text=CROWD,
        title="举报不动产登记中心主任",
        demand_type=DemandType.REPORT,
        target_org="县自然资源局",
        category="行风政风",
        item_name="不动产转移登记",
        no="JB-1",
    )
    if routed == "person":
        county.judged(demand)
        dispatch.order_for_demand(
            county.deps, county.value("SELECT demand_id FROM demand"), "housing", "王科长"
        )
    else:
        issued(county, demand)
        county.dispatch()
    assert asked == []
    assert (order(county).organisation, order(county).routed_by) == ("office", "protected")
    sent = bytes(county.messages()[0].body).decode()
    stands = county.value("SELECT matter_text FROM ledger")
    for word in ("举报不动产", "集体上访", "自然资源", "行风", "转移登记", "JB-1"):
        assert word not in sent + stands


@pytest.mark.requirement("R70")
@pytest.mark.parametrize("by_person", [False, True])
def test_a_complaint_about_conduct_goes_to_the_handling_office_and_not_to_the_unit_complained_of(
    county: County, by_person: bool
) -> None:
    conduct = county.demand(text=CROWD, target_org="县自然资源局", business_class=BusinessClass.CONDUCT)
    if by_person:
        county.judged(conduct)
        one = county.value("SELECT demand_id FROM demand")
        dispatch.order_for_demand(county.deps, one, "housing", "王科长")
        assert dispatch.order_for_demand(county.deps, one, "housing", "王科长").organisation == "office"
    else:
        issued(county, conduct)
        county.dispatch()
    assert (order(county).organisation, order(county).routed_by) == ("office", "conduct")
    assert {row.organisation for row in county.messages()} == {"office"}


def test_one_report_among_a_persons_demands_protects_them_all(county: County) -> None:
    issued(
        county,
        county.demand(phone=PHONE, days=1, target_org="县自然资源局"),
        county.demand(phone=PHONE, days=2, target_org="县自然资源局"),
        county.demand(phone=PHONE, demand_type=DemandType.REPORT),
    )
    county.dispatch()
    assert order(county).organisation == "office"
    assert "窗口" not in bytes(county.messages()[0].body).decode()


def test_what_speaks_of_bribes_never_reaches_the_unit_whatever_it_was_warned_of_for(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(own=(RepeatedReporter, OpinionOrIntegrity)))
    county.configure()
    county.judged(
        county.demand(phone=PHONE, days=1, target_org="县自然资源局"),
        county.demand(phone=PHONE, days=2, target_org="县自然资源局"),
        county.demand(phone=PHONE, text="窗口人员索要红包才给办", target_org="县自然资源局"),
    )
    (repeated,) = [one for one in county.signals(rule="W01") if one.state == "open"]
    triage.decide(county.deps, repeated.signal_id, "issue", "王科长", "属未诉预期")
    county.dispatch()
    assert order(county).organisation == "office"
    assert "红包" not in bytes(county.messages()[0].body).decode()


BRIBE = "不动产登记窗口人员索要红包才给办"
ORGANS = [
    {"code": "jiwei", "name": "县纪委监委", "level": "county", "aliases": ["纪检监察室"]},
    {"code": "xuanchuan", "name": "县委宣传部", "level": "county"},
]
BY_LABEL = [
    {"id": "items", "priority": 20, "matches": {"channel": ["portal"]}, "organisation": "housing"},
    {"id": "integrity", "priority": 1, "matches": {"label": ["廉政"]}, "organisation": "jiwei"},
    {"id": "opinion", "priority": 2, "matches": {"label": ["舆情"]}, "organisation": "xuanchuan"},
]


def with_organs(store: Store, ring: KeyRing, clock: ManualClock, *own: type, **more: Any) -> County:
    county = County(store, ring, clock, plugins_with(own=(OpinionOrIntegrity, *own)))
    county.configure(
        {**COUNTY, "organisations": [*COUNTY["organisations"], *ORGANS], "routing": BY_LABEL, **more}
    )
    return county


def issued_by(county: County, rule: str) -> None:
    (one,) = [signal for signal in county.signals(rule=rule) if signal.state == "open"]
    triage.decide(county.deps, one.signal_id, "issue", "王科长", "属未诉预期")
    county.dispatch()


@pytest.mark.parametrize(
    ("text", "organisation", "routed_by"),
    [(BRIBE, "jiwei", "protected"), ("再不办我就发抖音曝光，已经联系记者", "xuanchuan", "table opinion")],
)
def test_what_is_about_integrity_goes_to_the_discipline_organ_and_what_is_in_public_to_the_publicity_department(
    store: Store, ring: KeyRing, clock: ManualClock, text: str, organisation: str, routed_by: str
) -> None:
    county = with_organs(store, ring, clock)
    county.judged(county.demand(text=text, target_org="县自然资源局"))
    issued_by(county, "W09")
    assert (order(county).organisation, order(county).routed_by) == (organisation, routed_by)
    assert {row.organisation for row in county.messages()} == {organisation}
    if routed_by == "protected":
        assert "红包" not in bytes(county.messages()[0].body).decode() + county.value(
            "SELECT matter_text FROM ledger"
        )


@pytest.mark.parametrize("target", ["县纪委监委", "纪检监察室"])
def test_what_speaks_of_the_discipline_organ_itself_stays_in_the_handling_office(
    store: Store, ring: KeyRing, clock: ManualClock, target: str
) -> None:
    county = with_organs(store, ring, clock)
    county.judged(county.demand(text=BRIBE, target_org=target))
    issued_by(county, "W09")
    assert (order(county).organisation, order(county).routed_by) == ("office", "protected")


def test_a_person_who_hands_in_what_speaks_of_bribes_hands_it_to_the_discipline_organ(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = with_organs(store, ring, clock)
    county.judged(county.demand(text=BRIBE, target_org="县自然资源局"))
    made = dispatch.order_for_demand(
        county.deps, county.value("SELECT demand_id FROM demand"), "housing", "王科长"
    )
    assert (made.organisation, made.routed_by) == ("jiwei", "protected")


def test_one_that_speaks_of_bribes_among_others_and_a_report_without_such_words_stay_in_the_handling_office(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = with_organs(store, ring, clock, RepeatedReporter)
    county.judged(
        *(county.demand(phone=PHONE, days=day) for day in (1, 2)), county.demand(phone=PHONE, text=BRIBE)
    )
    issued_by(county, "W01")
    assert (order(county).organisation, order(county).routed_by) == ("office", "protected")
    county.judged(county.demand(no="JB-2", demand_type=DemandType.REPORT, text="举报有人占道经营"))
    one = county.value("SELECT demand_id FROM demand WHERE source_no = 'JB-2'")
    assert dispatch.order_for_demand(county.deps, one, None, "王科长").organisation == "office"


def test_a_report_that_is_assigned_already_is_cited_to_the_handling_office_alone(county: County) -> None:
    issued(
        county,
        county.demand(
            text=CROWD, demand_type=DemandType.REPORT, assigned_no="G-9", target_org="县自然资源局"
        ),
    )
    county.dispatch()
    (body,) = bodies(county)
    assert body["organisation"] == "office"
    assert "敏感" not in body["why"]


def test_plugins_are_asked_first_then_the_table_by_priority_then_the_named_unit_then_the_office(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    answers: dict[str, str | None] = {"say": "traffic"}
    county = County(
        store, ring, clock, plugins_with(router=Bringing(route=lambda facts, rule_id: answers["say"]))
    )
    document = {
        "organisations": [
            OFFICE,
            BUREAU,
            {"code": "traffic", "name": "县交通局", "level": "county"},
            {"code": "town", "name": "宝城街道", "level": "street"},
        ],
        "routing": [
            {"id": "later", "priority": 20, "matches": {"category": ["公路管理"]}, "organisation": "traffic"},
            {
                "id": "first",
                "priority": 10,
                "matches": {"category": ["公路管理"], "region_code": ["411521001"]},
                "organisation": "town",
            },
        ],
    }
    county.configure(document)
    road = {"text": CROWD, "category": "公路管理", "target_org": " 县自然资源局"}

    def routed(**fields) -> tuple[str, str]:
        demand = county.demand(**{**road, **fields})
        county.judged(demand)
        one = county.value("SELECT demand_id FROM demand WHERE source_no = :no", no=demand.source_no)
        made = dispatch.order_for_demand(county.deps, one, None, "王科长")
        return made.organisation, made.routed_by

    assert routed() == ("traffic", "plugin")
    answers["say"] = None
    assert routed(region_code="411521001003") == ("town", "table first")
    assert routed(region_code="411521002003") == ("traffic", "table later")
    assert routed(category="其他") == ("housing", "target_org")
    assert routed(category="其他", target_org="没有这个局") == ("office", "handling_office")
    answers["say"] = "nobody"
    assert routed(region_code="411521001003") == ("town", "table first")


@pytest.mark.parametrize(
    ("matches", "fits"),
    [
        ({"rule_id": ["W08"]}, True),
        ({"rule_id": ["W01"]}, False),
        ({"label": ["群体"]}, True),
        ({"label": ["涉企"]}, False),
        ({"item_code": ["1141"]}, True),
        ({"item_code": ["141"]}, False),
        ({"channel": ["plain"]}, True),
        ({"demand_type": ["praise", "complaint"]}, True),
        ({"rule_id": ["W08"], "category": ["公路管理"]}, False),
    ],
)
def test_a_line_of_the_table_fits_when_every_condition_holds(
    store: Store, ring: KeyRing, clock: ManualClock, matches: dict[str, list[str]], fits: bool
) -> None:
    county = County(store, ring, clock)
    county.configure({**COUNTY, "routing": [{"id": "line", "matches": matches, "organisation": "housing"}]})
    issued(county, county.demand(text=CROWD, item_code="11411521MB1234567X4000715001000"))
    county.dispatch()
    assert order(county).organisation == ("housing" if fits else "office")


def test_a_plugin_that_names_nobody_known_is_reported_and_the_table_is_asked(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(router=Bringing(route=lambda facts, rule_id: "nobody")))
    county.configure(COUNTY)
    issued(county, county.demand(text=CROWD))
    report = county.dispatch()
    assert report.counts["orders"] == 1
    assert [(problem.where, problem.code) for problem in report.problems] == [
        ("hook route", "config_invalid")
    ]
