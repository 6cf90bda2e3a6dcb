"""Dispatch: from a warning to an order with its ledger row and its message, once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.errors import ConfigError, NotFound, StateConflict
from hub.model.codes import Level, Urgency
from hub.pipeline import dispatch, triage
from hub.seal import KeyRing
from hub.store import chain, warnings
from hub.store.engine import Store
from tests.support.dispatching import CROWD, LEAK, PHONE, bodies, issued, order
from tests.support.judging import COUNTY, County, local

# --- dispatch


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock)
    made.configure(COUNTY)
    return made


@pytest.mark.requirement("R72")
def test_a_warning_becomes_an_order_with_its_ledger_row_and_its_message_once(county: County) -> None:
    issued(
        county,
        county.demand(text=CROWD, title="集体讨薪", item_name=None, target_org="不动产登记中心", phone=PHONE),
    )
    assert county.dispatch().counts == {"orders": 1, "messages": 1}
    assert county.dispatch().counts == {"orders": 0, "messages": 0}
    made = order(county)
    assert (made.origin, made.organisation, made.routed_by, made.state) == (
        "warning",
        "housing",
        "target_org",
        "created",
    )
    assert made.order_no.startswith("J411521")
    ((year, seq_no, watch, matter),) = county.rows("SELECT year, seq_no, watch, matter_text FROM ledger")
    assert (year, seq_no, watch) == (2026, 1, 3)
    assert "集体讨薪" in matter
    assert county.value("SELECT count(*) FROM ledger_order WHERE order_id = :id", id=made.order_id) == 1
    ((row,), (body,)) = county.messages(), bodies(county)
    assert (row.organisation, row.event_type, row.order_id) == ("housing", "order.created", made.order_id)
    assert row.message_id.startswith("msg_")
    assert body["order_no"] == made.order_no
    assert body["demands"][0]["title"] == "集体讨薪"
    assert body["contact"] == "0376-2170000"
    assert (
        bytes(row.body)
        == json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    )


def test_a_message_holds_nothing_that_finds_the_person(county: County) -> None:
    issued(
        county,
        county.demand(
            text=f"我叫欧阳建国，电话{PHONE}，{CROWD}",
            phone=PHONE,
            name="欧阳建国",
            title="欧阳建国反映",
            target_org="县自然资源局",
        ),
    )
    county.dispatch()
    body = bytes(county.messages()[0].body).decode()
    key = county.value("SELECT reporter_key FROM demand")
    assert key is not None
    for secret in (PHONE, "欧阳建国", key, county.value("SELECT demand_id FROM demand")):
        assert secret not in body


@pytest.mark.requirement("R68")
@pytest.mark.parametrize(
    ("handed_over", "due", "provisional"),
    [
        (local(2026, 2, 13, 17, 0), local(2026, 2, 14, 17, 30), False),
        (local(2026, 2, 13, 18, 30), local(2026, 2, 14, 17, 30), False),
        (local(2026, 2, 14, 0, 30), local(2026, 2, 24, 17, 30), False),
        (local(2026, 2, 14, 23, 59), local(2026, 2, 24, 17, 30), False),
        (local(2026, 2, 18, 9, 0), local(2026, 2, 24, 17, 30), False),
        (local(2026, 12, 30, 9, 0), local(2026, 12, 31, 17, 30), False),
        (local(2026, 12, 31, 9, 0), local(2027, 1, 1, 17, 30), True),
    ],
)
def test_an_order_is_due_at_the_close_of_the_next_working_day(
    store: Store, ring: KeyRing, handed_over, due, provisional: bool
) -> None:
    county = County(store, ring, ManualClock(handed_over))
    county.configure(COUNTY)
    issued(county, county.demand(text=CROWD))
    county.dispatch()
    made = order(county)
    assert (made.due_at, made.due_provisional) == (due, provisional)
    assert made.due_basis.startswith("R68")
    assert bodies(county)[0]["due_provisional"] is provisional


@pytest.mark.requirement("R73")
def test_what_its_platform_has_assigned_makes_no_order_but_a_warning_that_cites_it(county: County) -> None:
    deadline = local(2026, 11, 30, 17, 30)
    issued(
        county,
        county.demand(
            text=CROWD, assigned_no="250912101108115409", deadline_at=deadline, target_org="县自然资源局"
        ),
    )
    assert county.dispatch().counts == {"orders": 0, "messages": 1}
    assert county.rows("SELECT 1 FROM orders") == county.rows("SELECT 1 FROM ledger") == []
    (body,) = bodies(county)
    assert (body["type"], body["organisation"]) == ("warning.issued", "housing")
    assert body["cited"][0]["assigned_no"] == "250912101108115409"
    assert body["cited"][0]["deadline_at"] == deadline.isoformat()
    assert county.dispatch().counts == {"orders": 0, "messages": 0}


@pytest.mark.requirement("R73")
def test_of_several_demands_only_those_that_nobody_has_in_hand_stand_in_the_order(county: County) -> None:
    mine = [county.demand(days=day, phone=PHONE) for day in (1, 2)]
    issued(county, *mine, county.demand(phone=PHONE, no="G1", assigned_no="G-77"))
    county.dispatch()
    assert county.rows(
        "SELECT d.source_no FROM order_demand JOIN demand d USING (demand_id) ORDER BY 1"
    ) == sorted([(one.source_no,) for one in mine])
    (body,) = bodies(county)
    assert [one["assigned_no"] for one in body["cited"]] == ["G-77"]


@pytest.mark.requirement("R73")
def test_a_demand_that_stands_in_an_order_of_ours_is_cited_by_the_next_warning(county: County) -> None:
    demands = [county.demand(days=1, phone=PHONE, text=LEAK), county.demand(days=2, phone=PHONE)]
    county.judged(*demands)
    county.triage()
    county.dispatch()
    first = order(county)
    issued(county, county.demand(phone=PHONE))
    county.dispatch()
    second = json.loads(bytes(county.messages()[-1].body))
    assert [one["order_no"] for one in second["cited"]] == [first.order_no]
    assert len(second["demands"]) == 2


@pytest.mark.requirement("R73")
def test_two_warnings_of_one_demand_dispatched_at_once_make_one_order_about_it(county: County) -> None:
    for number in range(6):
        phone = f"1391234567{number}"
        county.receive(*(county.demand(days=day, phone=phone, text=LEAK) for day in range(3)))
    county.evaluate()
    county.triage()
    for one in county.signals(rule="W01"):
        triage.decide(county.deps, one.signal_id, "issue", "王科长", "属未诉预期")
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(dispatch.run, [county.deps] * 3))
    assert all(report.ok for report in reports), [report.problems for report in reports]
    assert county.value("SELECT count(*) FROM order_demand") == 18
    assert county.value("SELECT count(DISTINCT demand_id) FROM order_demand") == 18
    orders = county.value("SELECT count(*) FROM orders")
    assert sum(report.counts["orders"] for report in reports) == orders
    assert county.rows("SELECT seq_no FROM ledger ORDER BY 1") == [(n,) for n in range(1, orders + 1)]
    assert county.value("SELECT count(*) FROM outbox") == 24


def test_without_a_handling_office_a_warning_waits_and_says_so_while_others_go(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock)
    county.rows(
        "INSERT INTO organisation (code, name, level, config_version) VALUES ('housing', '县自然资源局', 'county', 1) RETURNING 1"
    )
    issued(county, county.demand(text=CROWD), county.demand(text=CROWD, target_org="县自然资源局"))
    report = county.dispatch()
    assert report.counts == {"orders": 1, "messages": 1}
    assert [problem.code for problem in report.problems] == ["config_missing"]
    county.configure(COUNTY)
    assert county.dispatch().counts == {"orders": 1, "messages": 1}


@pytest.mark.parametrize("judged_between", [True, False])
def test_danger_that_its_source_took_away_before_the_dispatch_and_brings_back_is_warned_of_again(
    county: County, judged_between: bool
) -> None:
    demand = county.demand(text=LEAK, days=0.01)
    county.judged(demand)
    assert county.triage().counts["warnings"] == 1
    county.receive(demand, deleted=True)
    if judged_between:
        county.evaluate()
    assert county.dispatch().counts == {"orders": 0, "messages": 0}
    assert county.value("SELECT state FROM warning") == "revoked"
    county.evaluate()
    assert county.triage().counts["warnings"] == 0
    assert county.signal().state == "dismissed"
    county.judged(demand.model_copy(update={"content": f"{LEAK}！"}))
    assert county.triage().counts["warnings"] == 1
    assert county.dispatch().counts == {"orders": 1, "messages": 1}


def test_a_warning_whose_demands_are_gone_is_revoked_and_makes_nothing(county: County) -> None:
    demand = county.demand(text=CROWD)
    issued(county, demand)
    county.receive(demand, deleted=True)
    assert county.dispatch().counts == {"orders": 0, "messages": 0}
    assert county.value("SELECT state FROM warning") == "revoked"


def test_a_dispatch_of_many_passes_over_those_alone_that_wait_on(county: County, monkeypatch) -> None:
    passed: list[int] = []
    ask = warnings.next_undispatched

    def asked(connection, skip):
        passed.append(len(skip))
        return ask(connection, skip)

    issued(county, *(county.demand(text=CROWD) for _ in range(5)))
    monkeypatch.setattr(warnings, "next_undispatched", asked)
    assert county.dispatch().counts == {"orders": 5, "messages": 5}
    assert passed == [0] * 6


def test_of_two_warned_signals_that_became_one_only_one_makes_an_order(county: County) -> None:
    county.repeat(PHONE, 80, 79, 78)
    county.repeat(PHONE, 30, 29, 28)
    issued(county)
    county.repeat(PHONE, 58, 55)
    county.evaluate()
    county.dispatch()
    assert county.value("SELECT count(*) FROM orders") == 1
    assert county.value("SELECT count(*) FROM order_demand") == 8
    assert sorted(county.rows("SELECT state FROM warning")) == [("issued",), ("revoked",)]


def test_a_crash_in_the_middle_of_a_dispatch_leaves_nothing_of_it(county: County, monkeypatch) -> None:
    issued(county, county.demand(text=CROWD))

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("hub.store.outbox.enqueue", "hub.store.warnings.dispatched", "hub.store.orders.register"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(place, crash)
            county.dispatch()
        for table in ("orders", "ledger", "outbox", "order_demand"):
            assert county.value(f"SELECT count(*) FROM {table}") == 0, (place, table)
    assert county.dispatch().counts == {"orders": 1, "messages": 1}
    assert county.value("SELECT max(seq_no) FROM ledger") == 1


# --- an order straight from a demand


def test_an_order_from_a_demand_is_made_once(county: County) -> None:
    county.judged(county.demand(urgency=Urgency.CRITICAL))
    demand_id = county.value("SELECT demand_id FROM demand")
    first = dispatch.order_for_demand(county.deps, demand_id, "housing", "王科长")
    assert dispatch.order_for_demand(county.deps, demand_id, "housing", "王科长") == first
    assert dispatch.order_for_demand(county.deps, demand_id, None, "李科长") == first
    assert (first.organisation, first.routed_by, first.level) == ("housing", "person 王科长", Level.GRAVE)
    assert county.value("SELECT count(*) FROM ledger") == county.value("SELECT count(*) FROM outbox") == 1
    with pytest.raises(StateConflict, match=first.order_no):
        dispatch.order_for_demand(county.deps, demand_id, "office", "王科长")


@pytest.mark.requirement("R73")
def test_a_demand_that_its_platform_has_assigned_gets_no_order(county: County) -> None:
    county.judged(county.demand(assigned_no="G-1"))
    with pytest.raises(StateConflict, match="G-1"):
        dispatch.order_for_demand(
            county.deps, county.value("SELECT demand_id FROM demand"), "housing", "王科长"
        )
    assert county.value("SELECT count(*) FROM orders") == 0


def test_an_order_needs_a_demand_and_an_organisation_that_stand(county: County) -> None:
    county.judged(county.demand())
    with pytest.raises(NotFound, match="hub demand list"):
        dispatch.order_for_demand(county.deps, "01NOSUCH", None, "王科长")
    with pytest.raises(NotFound, match="expected one of housing, office"):
        dispatch.order_for_demand(
            county.deps, county.value("SELECT demand_id FROM demand"), "nobody", "王科长"
        )


def test_an_order_that_needs_the_missing_handling_office_is_refused(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock)
    county.judged(county.demand())
    with pytest.raises(ConfigError, match="hub config apply"):
        dispatch.order_for_demand(county.deps, county.value("SELECT demand_id FROM demand"), None, "王科长")


# --- the ledger


@pytest.mark.requirement("R66")
def test_the_ledger_counts_without_a_gap_and_verifies(county: County) -> None:
    issued(county, *(county.demand(text=CROWD) for _ in range(5)))
    county.dispatch()
    assert county.rows("SELECT year, seq_no FROM ledger ORDER BY 1, 2") == [(2026, n) for n in range(1, 6)]
    assert faults(county) == []


def faults(county: County) -> list[str]:
    with county.store.begin() as connection:
        return chain.verify(connection, county.deps.chain.matches)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE ledger SET matter_text = '无' WHERE seq_no = 2", "ledger 2026/2: its content"),
        ("UPDATE ledger SET hash = hash_prev WHERE seq_no = 2", "ledger 2026/2: the chain is broken"),
        ("DELETE FROM ledger WHERE seq_no = 2", "ledger 2026/3: the chain is broken"),
        ("DELETE FROM ledger WHERE seq_no = 3", "the ledger has no row for its matter"),
        ("UPDATE ledger SET seq_no = 9 WHERE seq_no = 3", "ledger 2026/9: the numbers are not without a gap"),
        ("DELETE FROM audit_log WHERE audit_id = 2", "audit_log 3: the chain is broken"),
        ("UPDATE audit_log SET actor = '张三' WHERE audit_id = 2", "audit_log 2: its content"),
    ],
)
def test_tampering_past_the_triggers_is_found(county: County, statement: str, found: str) -> None:
    issued(county, *(county.demand(text=CROWD) for _ in range(3)))
    county.dispatch()
    with county.store.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert any(found in fault for fault in faults(county)), faults(county)


def test_a_new_year_begins_at_one_in_the_countys_own_time(store: Store, ring: KeyRing) -> None:
    clock = ManualClock(local(2026, 12, 31, 23, 59))
    county = County(store, ring, clock)
    county.configure(COUNTY)
    issued(county, county.demand(text=CROWD))
    county.dispatch()
    clock.advance(120)
    issued(county, county.demand(text=CROWD))
    county.dispatch()
    late = County(
        store, ring, ManualClock(clock.now() - timedelta(minutes=5))
    )  # another process, its clock behind
    issued(late, late.demand(text=CROWD, no="LATE"))
    late.dispatch()
    assert county.rows("SELECT year, seq_no FROM ledger ORDER BY 1, 2") == [(2026, 1), (2027, 1), (2027, 2)]
    assert faults(county) == []
