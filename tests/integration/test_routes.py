"""The same record by another route: linked and counted once, never dropped."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import StateConflict
from hub.model.codes import DemandStatus, DemandType
from hub.model.demand import Demand
from hub.pipeline import collect, dispatch, triage
from hub.pipeline.collect import Source
from hub.sdk.channel import ChannelSettings, RawRecord
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.seal import KeyRing
from hub.store import routes, views
from hub.store.engine import Store
from tests.support.judging import County, PlainChannel
from tests.support.scripted import Quiet

PHONE = "13812345678"
WORDS = "不动产登记窗口多次要求补材料，前后跑了四趟还是没有办成"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def through(county: County, instance: str, *demands: Demand, deleted: bool = False) -> None:
    """Collects these demands through the channel of that name, and lets the rules look."""
    collected(county, instance, *demands, deleted=deleted)
    assert county.evaluate().ok


def collected(county: County, instance: str, *demands: Demand, deleted: bool = False) -> None:
    ctx = ChannelContext(instance, lambda name: "", LocalGate(county.clock), Quiet(), county.clock)
    channel = PlainChannel(ChannelSettings(), ctx)
    channel.records = [
        RawRecord(one.source_no, one.model_dump_json().encode(), deleted=deleted) for one in demands
    ]
    (report,) = collect.run(county.collecting, Source(channel, instance, "plain 1"))
    assert report.records.quarantined == 0


def links(county: County) -> list[tuple[str, str, str]]:
    return [
        tuple(row)
        for row in county.rows(
            "SELECT d.source_no, o.source_no, l.why FROM demand_link l JOIN demand d USING (demand_id) "
            "JOIN demand o ON o.demand_id = l.same_as ORDER BY 1"
        )
    ]


def said(county: County, no: str, **fields: Any) -> Demand:
    return county.demand(no=no, **{"phone": PHONE, "text": WORDS, **fields})


@pytest.mark.requirement("R73")
@pytest.mark.parametrize("first", ["hotline", "window"])
def test_a_record_that_cites_its_order_is_the_same_as_the_order_whichever_comes_first(
    county: County, first: str
) -> None:
    order = ("hotline", said(county, "230629102133115409", text="窗口排队太久，没有人管"))
    row = ("window", said(county, "W1", assigned_no="230629102133115409"))
    for instance, demand in (order, row) if first == "hotline" else (row, order):
        through(county, instance, demand)
    assert links(county) == [("W1", "230629102133115409", "order_no")]


def test_the_same_words_of_one_person_through_two_channels_are_one_and_the_earlier_counts(
    county: County,
) -> None:
    through(county, "app", said(county, "A1", days=1))
    through(county, "portal", said(county, "P1", days=2))
    assert links(county) == [("A1", "P1", "words")]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"phone": "13987654321"}, "another person"),
        ({"text": WORDS + "，请回电"}, "other words"),
        ({"days": 9}, "long before"),
        ({"phone": None}, "nobody known"),
    ],
)
def test_what_differs_in_person_words_or_time_is_another_matter(
    county: County, other: dict[str, Any], why: str
) -> None:
    through(county, "app", said(county, "A1"))
    through(county, "portal", said(county, "P1", **other))
    assert links(county) == [], why


def test_short_words_and_one_channels_own_repeats_link_nothing(county: County) -> None:
    through(county, "app", said(county, "A1", text="请尽快处理"), said(county, "A2"), said(county, "A3"))
    through(county, "portal", said(county, "P1", text="请尽快处理"))
    assert links(county) == []


@pytest.mark.requirement("R27")
def test_what_came_by_two_routes_is_counted_once(county: County) -> None:
    for instance in ("app", "portal"):
        through(
            county,
            instance,
            said(county, f"{instance}-1", days=2),
            said(county, f"{instance}-2", days=1, text=WORDS + "又来"),
        )
    assert len(links(county)) == 2
    assert county.signals() == []
    through(county, "hotline", said(county, "H1", text="还是那件事，已经第三次反映了，没有结果"))
    assert county.signal(rule="W01").value == 3


def test_a_link_goes_when_its_record_says_otherwise_or_is_gone(county: County) -> None:
    through(county, "portal", said(county, "P1", days=2))
    through(county, "app", said(county, "A1", days=1))
    through(county, "app", said(county, "A1", days=1, text="另外一件事情，和以前说的没有关系"))
    assert links(county) == []
    through(county, "app", said(county, "A1", days=1))
    assert len(links(county)) == 1
    through(county, "app", said(county, "A1", days=1), deleted=True)
    assert links(county) == []


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(
    ("fields", "deleted"),
    [
        ({}, True),
        ({"status": DemandStatus.VOID}, False),
        ({"text": "另外一件事情，和以前说的没有关系"}, False),
    ],
    ids=["gone", "void", "says otherwise"],
)
def test_a_link_goes_with_the_record_that_counted_and_the_other_counts_from_then_on(
    county: County, fields: dict[str, Any], deleted: bool
) -> None:
    through(county, "portal", said(county, "P1", days=2))
    through(county, "app", said(county, "A1", days=1))
    for no in ("A2", "A3"):
        through(county, "app", said(county, no, text=f"还是那件事，又反映了一次没有结果{no}"))
    assert (len(links(county)), county.signal(rule="W01").value) == (1, 3)
    through(county, "portal", said(county, "P1", days=2, **fields), deleted=deleted)
    assert links(county) == []
    assert county.signal(rule="W01").value == (3 if deleted or "status" in fields else 4)


def test_of_three_routes_the_two_others_are_the_same_as_the_next_one_when_the_first_is_gone(
    county: County,
) -> None:
    for days, (instance, no) in enumerate((("hotline", "H1"), ("app", "A1"), ("portal", "P1"))):
        through(county, instance, said(county, no, days=2 - days / 2))
    assert links(county) == [("A1", "H1", "words"), ("P1", "H1", "words")]
    through(county, "hotline", said(county, "H1", days=2), deleted=True)
    assert links(county) == [("P1", "A1", "words")]


def test_a_record_that_goes_while_another_process_links_to_it_leaves_no_link(county: County) -> None:
    collected(county, "portal", said(county, "P1", days=2))
    collected(county, "app", said(county, "A1", days=1))
    ids = dict(map(tuple, county.rows("SELECT source_no, demand_id FROM demand")))

    def link(number: str) -> None:
        with county.store.begin() as connection:
            routes.link(connection, [ids[number]], county.clock.now())

    with county.store.begin() as before:
        routes.link(before, [ids["A1"]], county.clock.now())
        collected(county, "portal", said(county, "P1", days=2), deleted=True)
        after = threading.Thread(target=link, args=["P1"])
        after.start()
        after.join(0.5)
    after.join(10)
    assert links(county) == []


def test_citations_in_a_ring_link_nobody(county: County) -> None:
    through(county, "app", said(county, "A1", assigned_no="P1", text="第一件事情的全部经过"))
    through(county, "portal", said(county, "P1", assigned_no="A1", text="第二件事情的全部经过"))
    assert links(county) == []


def test_evaluating_again_changes_no_link(county: County) -> None:
    through(county, "portal", said(county, "P1", days=2))
    through(county, "app", said(county, "A1", days=1))
    before = county.rows("SELECT * FROM demand_link")
    through(county, "app", said(county, "A2", text="另外一件事情，和以前说的没有关系"))
    assert county.rows("SELECT * FROM demand_link") == before


def test_a_demand_tells_what_it_is_the_same_as_and_which_one_counts(county: County) -> None:
    through(county, "portal", said(county, "P1", days=2))
    through(county, "app", said(county, "A1", days=1))
    number = dict(map(tuple, county.rows("SELECT source_no, demand_no FROM demand")))
    with county.store.begin() as connection:
        (of_app,) = views.demand(connection, number["A1"])["routes"]
        (of_portal,) = views.demand(connection, number["P1"])["routes"]
    assert (of_app["demand_no"], of_app["counts"]) == (number["P1"], True)
    assert (of_portal["demand_no"], of_portal["counts"]) == (number["A1"], False)


# --- what is done about one is done about all


def demand_id(county: County, number: str) -> str:
    return str(county.value("SELECT demand_id FROM demand WHERE source_no = :no", no=number))


def issued(county: County) -> list[dict[str, Any]]:
    """Issues every open signal by a person's decision, dispatches, and gives the messages."""
    for one in county.signals():
        if one.state == "open":
            triage.decide(county.deps, one.signal_id, "issue", "王科长", "属未诉预期")
    assert county.dispatch().ok
    return [json.loads(bytes(row.body)) for row in county.messages()]


@pytest.mark.requirement("R73")
def test_what_a_platform_has_assigned_by_one_route_gets_no_order_by_another(county: County) -> None:
    county.configure()
    through(county, "portal", said(county, "P1", days=2))
    through(county, "hotline", said(county, "H1", days=1, assigned_no="230629102133115409"))
    with pytest.raises(StateConflict, match="230629102133115409"):
        dispatch.order_for_demand(county.deps, demand_id(county, "P1"), None, "王科长")
    for no in ("P2", "P3"):
        through(county, "portal", said(county, no, text=f"还是那件事，又反映了一次没有结果{no}"))
    (body,) = issued(county)
    number = county.value("SELECT demand_no FROM demand WHERE source_no = 'P1'")
    assert body["cited"] == [{"demand_no": number, "assigned_no": "230629102133115409"}]
    assert sorted(one["source_no"] for one in body["demands"]) == ["P2", "P3"]


@pytest.mark.requirement("R73")
def test_an_order_about_a_record_is_the_order_about_it_by_every_route(county: County) -> None:
    county.configure()
    through(county, "portal", said(county, "P1", days=2))
    through(county, "app", said(county, "A1", days=1))
    first = dispatch.order_for_demand(county.deps, demand_id(county, "A1"), None, "王科长")
    assert dispatch.order_for_demand(county.deps, demand_id(county, "P1"), None, "李科长") == first
    assert county.value("SELECT count(*) FROM ledger") == 1


def test_what_is_a_report_by_one_route_is_protected_by_every_route(county: County) -> None:
    county.configure()
    through(county, "portal", said(county, "P1", days=2, target_org="县自然资源局"))
    through(county, "hotline", said(county, "H1", days=1, demand_type=DemandType.REPORT))
    made = dispatch.order_for_demand(county.deps, demand_id(county, "P1"), "housing", "王科长")
    assert (made.organisation, made.routed_by) == ("office", "protected")
    assert WORDS not in bytes(county.messages()[0].body).decode()
