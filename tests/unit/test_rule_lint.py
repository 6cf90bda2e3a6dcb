"""A rule whose key can never repeat is refused before it judges anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from hub.builtin.rules import RULES
from hub.model.demand import DemandFacts
from hub.plugins.rule_lint import key_fault
from hub.sdk.rules import ObservationRule, Seen, WarningRule


class Counting(WarningRule):
    """Counts by whatever a test says."""

    rule_id: ClassVar[str] = "T01"
    title: ClassVar[str] = "测试"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "matter"
    of: ClassVar[Any] = None

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (type(self).of(demand),)

    def evaluate(self, keys: Any, history: Any) -> Iterable[Any]:
        return ()


class Watching(ObservationRule):
    """Counts what was observed by whatever a test says."""

    rule_id: ClassVar[str] = "T02"
    title: ClassVar[str] = "测试"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "window"
    observes: ClassVar[tuple[str, ...]] = (
        "case",
        "rating",
        "finding",
        "inspection",
        "monitor_event",
        "warning",
        "order",
    )
    of: ClassVar[Any] = None

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (type(self).of(seen),)

    def evaluate(self, keys: Any, history: Any) -> Iterable[Any]:
        return ()


@pytest.mark.parametrize(
    "of",
    [
        lambda demand: demand.demand_id,
        lambda demand: f"{demand.category}|{demand.source_no}",
        lambda demand: demand.submitted_at.isoformat(),
        lambda demand: f"{demand.text}{demand.demand_no}",
    ],
)
def test_a_key_that_holds_what_is_each_demands_own_is_refused_and_named(of: Any) -> None:
    fault = key_fault(type("Stuck", (Counting,), {"of": staticmethod(of)})())
    assert fault is not None
    assert fault.startswith("its key can never repeat: two of kind demand")
    assert "'matter'" in fault


@pytest.mark.parametrize(
    "of",
    [
        lambda demand: demand.matter_id,
        lambda demand: f"{demand.category}|{demand.place_id}",
        lambda demand: f"{demand.region_code}|{demand.submitted_at:%G-%V}",
        lambda demand: demand.text,
    ],
)
def test_a_key_that_demands_share_is_taken(of: Any) -> None:
    assert key_fault(type("Sound", (Counting,), {"of": staticmethod(of)})()) is None


def test_a_rule_that_judges_each_by_itself_need_not_repeat() -> None:
    class Alone(Counting):
        subject: ClassVar[str] = "demand"
        of: ClassVar[Any] = staticmethod(lambda demand: demand.demand_id)

    assert key_fault(Alone()) is None


def test_a_key_of_what_was_observed_is_looked_at_for_every_kind() -> None:
    stuck = type("Stuck", (Watching,), {"of": staticmethod(lambda seen: f"7|{seen.id}")})
    assert "two of kind case" in (key_fault(stuck()) or "")
    for kind in Watching.observes:
        only = type(
            "Only",
            (Watching,),
            {"of": staticmethod(lambda seen, kind=kind: f"7|{seen.id if seen.kind == kind else ''}")},
        )
        assert f"two of kind {kind}" in (key_fault(only()) or "")
    assert key_fault(type("Sound", (Watching,), {"of": staticmethod(lambda seen: "7")})()) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_the_hubs_own_rules_pass(rule: type[WarningRule]) -> None:
    assert key_fault(rule()) is None
