"""Matters by hand: confirmed, refused, merged, split; with author, reason and history, and the step undoes none of it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import HubError, NotFound, StateConflict
from hub.model.codes import DemandType, Level
from hub.model.demand import Demand
from hub.model.warning import SignalDraft
from hub.pipeline import matter_desk
from hub.sdk.rules import EVER, MOMENT, WarningRule
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.integration.test_matters import BUS, PLANT, PLANT_TOO, matters
from tests.support.judging import County, plugins_with

WHO = {"by": "张三", "reason": "核实为同一事项"}
NEARLY: dict[str, Any] = {"title": "云栖新城门口罐车扬尘", "text": "门口每天都有水泥罐车经过，粉尘很大。"}


class TwoOfOne(WarningRule):
    """A signal from two persons on one matter."""

    rule_id, title, version, subject = "T03", "同一诉求两人", "1", "matter"
    prefix = ""

    def keys(self, demand):
        return (self.prefix + demand.matter_id,) if demand.matter_id is not None else ()

    def evaluate(self, keys, history):
        spans = {one.key.removeprefix(self.prefix): EVER for one in keys}
        for matter_id, demands in history.demands("matter", spans).items():
            key = self.prefix + matter_id
            persons = len({one.reporter_key for one in demands})
            if persons > 1:
                yield SignalDraft(
                    key=key,
                    level=Level.NOTICE,
                    window_from=demands[0].submitted_at,
                    window_to=demands[-1].submitted_at + MOMENT,
                    metric="persons",
                    value=persons,
                    threshold=2,
                    demand_ids=tuple(one.demand_id for one in demands),
                    reporters=persons,
                    summary="同一诉求",
                )


class TwoOfGroup(TwoOfOne):
    """The same as a rule tells it that judges other groups too, as the hub's own do."""

    subject, prefix = "group", "matter:"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock, plugins_with(TwoOfOne))


def number(county: County, source_no: str) -> str:
    found: str = county.value("SELECT demand_no FROM demand WHERE source_no = :no", no=source_no)
    return found


def told(county: County, **persons: Any) -> dict[str, Demand]:
    """Two matters: A and B about the plant, C about buses."""
    demands = {
        "A": county.demand(**PLANT, no="A", phone="13800000001"),
        "B": county.demand(**PLANT_TOO, no="B", phone="13800000002"),
        "C": county.demand(**BUS, no="C", phone="13800000003"),
    }
    county.judged(*demands.values())
    assert matters(county) == {"A": "A", "B": "A", "C": "C"}
    return demands


def suggestion(county: County, demand: str, matter: str) -> None:
    """A join that the hub might have suggested."""
    county.rows(
        "INSERT INTO matter_suggestion (demand_id, matter_id, state, score, seq, suggested_at) "
        "SELECT d.demand_id, o.demand_id, 'suggested', 0.6, m.seq, now() FROM demand d JOIN matter_member m USING (demand_id), demand o "
        "WHERE d.source_no = :demand AND o.source_no = :matter RETURNING 1",
        demand=demand,
        matter=matter,
    )


def live(county: County) -> list[tuple[int, list[str]]]:
    return [(one.value, one.nos) for one in county.signals() if one.state == "open"]


def test_a_merged_demand_keeps_its_reporter_and_the_rules_count_it_with_the_others(county: County) -> None:
    told(county)
    done = matter_desk.merge(county.deps, number(county, "C"), number(county, "A"), **WHO)
    assert (done.moved, done.number) == (1, number(county, "A"))
    county.evaluate()
    assert matters(county) == {"A": "A", "B": "A", "C": "A"}
    assert live(county) == [(3, ["A", "B", "C"])]
    assert county.value("SELECT count(DISTINCT reporter_key) FROM demand") == 3
    again = matter_desk.merge(county.deps, number(county, "C"), number(county, "A"), **WHO)
    assert (again.changed, again.moved) == (False, 0)


@pytest.mark.parametrize("rule", [TwoOfOne, TwoOfGroup])
def test_the_signal_of_a_merged_matter_goes_on_as_one_of_the_matter_that_it_is_part_of(
    store: Store, ring: KeyRing, clock: ManualClock, rule: type[TwoOfOne]
) -> None:
    county = County(store, ring, clock, plugins_with(rule))
    told(county)
    before = county.signal()
    matter_desk.merge(county.deps, number(county, "A"), number(county, "C"), **WHO)
    county.evaluate()
    after = county.signal()
    assert after.signal_id == before.signal_id
    stands = county.value("SELECT matter_id FROM matter WHERE state = 'open'")
    assert (after.key, after.value) == (rule.prefix + stands, 3)


def test_what_was_split_is_a_matter_of_its_own_and_the_signal_of_the_rest_ends(county: County) -> None:
    told(county)
    assert live(county) == [(2, ["A", "B"])]
    done = matter_desk.split(county.deps, number(county, "A"), [number(county, "B")], **WHO)
    assert (done.moved, done.number) == (1, number(county, "B"))
    county.evaluate()
    assert matters(county) == {"A": "A", "B": "B", "C": "C"}
    assert live(county) == []


def test_the_step_undoes_nothing_that_a_person_decided(county: County) -> None:
    demands = told(county)
    matter_desk.split(county.deps, number(county, "A"), [number(county, "B")], **WHO)
    matter_desk.merge(county.deps, number(county, "C"), number(county, "A"), **WHO)
    for changed in ("words", "other words"):
        county.clock.advance(seconds=60)
        county.judged(
            *(one.model_copy(update={"content": one.content + changed}) for one in demands.values())
        )
    county.clock.advance(seconds=60)
    county.judged(
        demands["C"].model_copy(update={"title": PLANT["title"], "content": "完全不同的另一件事：路灯不亮"})
    )
    assert matters(county) == {"A": "A", "B": "B", "C": "A"}


def test_each_change_is_kept_with_author_reason_and_time_and_stands_in_the_audit_log(county: County) -> None:
    told(county)
    matter_desk.merge(county.deps, number(county, "C"), number(county, "A"), **WHO)
    matter_desk.split(county.deps, number(county, "A"), [number(county, "C")], by="李四", reason="另一件事")
    rows = county.rows("SELECT action, by, reason, at FROM matter_change ORDER BY change_id")
    now = county.clock.now()
    assert [tuple(row) for row in rows] == [
        ("merge", "张三", "核实为同一事项", now),
        ("split", "李四", "另一件事", now),
    ]
    audit = county.rows(
        "SELECT actor, action, purpose FROM audit_log WHERE action LIKE 'matter.%' ORDER BY audit_id"
    )
    assert [tuple(row) for row in audit] == [
        ("张三", "matter.merge", "核实为同一事项"),
        ("李四", "matter.split", "另一件事"),
    ]


def test_a_confirmed_join_makes_one_matter_and_says_who_confirmed_it(county: County) -> None:
    told(county)
    suggestion(county, "C", "A")
    done = matter_desk.confirm(county.deps, number(county, "C"), **WHO)
    assert done.moved == 1
    assert matters(county) == {"A": "A", "B": "A", "C": "A"}
    row = county.rows("SELECT state, decided_by, reason FROM matter_suggestion")
    assert [tuple(one) for one in row] == [("confirmed", "张三", "核实为同一事项")]
    assert not matter_desk.confirm(county.deps, number(county, "C"), **WHO).changed
    with pytest.raises(StateConflict, match="hub matter split"):
        matter_desk.refuse(county.deps, number(county, "C"), **WHO)


def test_a_refused_join_is_neither_made_nor_suggested_again(county: County) -> None:
    demands = told(county)
    suggestion(county, "C", "A")
    matter_desk.refuse(county.deps, number(county, "C"), **WHO)
    assert not matter_desk.refuse(county.deps, number(county, "C"), **WHO).changed
    county.clock.advance(seconds=60)
    # Now it says the very same as A.
    county.judged(demands["C"].model_copy(update={"title": PLANT["title"], "content": PLANT["text"]}))
    assert matters(county)["C"] == "C"
    assert county.rows("SELECT state FROM matter_suggestion") == [("refused",)]
    with pytest.raises(StateConflict, match="hub matter merge"):
        matter_desk.confirm(county.deps, number(county, "C"), **WHO)


def test_the_step_suggests_what_is_nearly_sure_and_a_person_confirms_it(county: County) -> None:
    county.judged(county.demand(**PLANT, no="A"), county.demand(**NEARLY, no="B"))
    assert county.rows("SELECT state FROM matter_suggestion") == [("suggested",)]
    assert matters(county) == {"A": "A", "B": "B"}
    matter_desk.confirm(county.deps, number(county, "B"), **WHO)
    assert matters(county) == {"A": "A", "B": "A"}


def test_what_is_protected_is_not_merged_with_what_others_see(county: County) -> None:
    told(county)
    county.judged(county.demand(**PLANT, no="R", demand_type=DemandType.REPORT))
    with pytest.raises(StateConflict, match="kept apart"):
        matter_desk.merge(county.deps, number(county, "R"), number(county, "A"), **WHO)
    assert matters(county)["R"] == "R"


def test_two_suggestions_of_one_demand_are_told_apart_by_their_matter(county: County) -> None:
    told(county)
    county.judged(county.demand(title="路灯", text="村口路灯不亮，晚上看不见路", no="D"))
    suggestion(county, "D", "A")
    suggestion(county, "D", "C")
    with pytest.raises(StateConflict, match="--matter"):
        matter_desk.confirm(county.deps, number(county, "D"), **WHO)
    matter_desk.refuse(county.deps, number(county, "D"), matter=number(county, "C"), **WHO)
    matter_desk.confirm(county.deps, number(county, "D"), **WHO)
    assert matters(county)["D"] == "A"


def test_what_was_suggested_of_a_merged_matter_is_suggested_of_the_one_that_it_is_part_of(
    county: County,
) -> None:
    told(county)
    county.judged(county.demand(title="路灯", text="村口路灯不亮，晚上看不见路", no="D"))
    suggestion(county, "D", "C")
    matter_desk.merge(county.deps, number(county, "C"), number(county, "A"), **WHO)
    matter_desk.confirm(county.deps, number(county, "D"), **WHO)
    assert matters(county)["D"] == "A"


def _split(county: County, *source_nos: str) -> None:
    matter_desk.split(county.deps, number(county, "A"), [number(county, no) for no in source_nos], **WHO)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda county: _split(county, "A", "B"), StateConflict),
        (lambda county: _split(county, "C"), StateConflict),
        (lambda county: matter_desk.split(county.deps, number(county, "A"), ["no such"], **WHO), NotFound),
        (lambda county: matter_desk.merge(county.deps, "no such", number(county, "A"), **WHO), NotFound),
        (lambda county: matter_desk.confirm(county.deps, number(county, "A"), **WHO), NotFound),
        (
            lambda county: matter_desk.confirm(county.deps, number(county, "A"), by=" ", reason="x"),
            ValueError,
        ),
        (
            lambda county: matter_desk.confirm(county.deps, number(county, "A"), by="hub", reason="x"),
            ValueError,
        ),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(county: County, attempt, error) -> None:
    told(county)
    before = county.rows("SELECT * FROM matter_member ORDER BY demand_id")
    with pytest.raises(error) as caught:
        attempt(county)
    if isinstance(caught.value, HubError):
        assert "expected" in caught.value.message
    assert county.rows("SELECT * FROM matter_member ORDER BY demand_id") == before
    assert county.rows("SELECT * FROM matter_change") == []
