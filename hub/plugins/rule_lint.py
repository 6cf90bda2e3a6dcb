"""Refuses a rule whose key can never repeat: it would count to one for ever, and nobody would learn why it says nothing.

Two things are made up that differ in nothing but what is each one's own (id, numbers, times a minute apart). A rule that gathers
several of them must give both a key in common; only a rule that judges each by itself (its subject is the kind) need not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import BaseModel

from hub.model.case import Case
from hub.model.codes import (
    AnomalyType,
    Anonymity,
    BusinessClass,
    DemandStatus,
    DemandType,
    InspectionKind,
    Level,
    Nature,
    OrderState,
    RatingLevel,
    ReporterType,
    Trait,
    Urgency,
    WarningState,
    Watch,
)
from hub.model.demand import DemandFacts
from hub.model.inspection import Finding, Inspection
from hub.model.monitor import MonitorEvent
from hub.model.rating import Rating
from hub.model.warning import OrderView, WarningFacts
from hub.sdk.rules import Seen, WarningRule

# A Tuesday at noon: a minute later it is the same day, week and month wherever one looks from.
_NOON = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
# Words of several kinds of trouble, so that a rule that goes by words has something to find.
_WORDS = "窗口排队太久，多次反映无人处理，已联系媒体，群众准备集体上访，拖欠工资，工作人员收红包"


def key_fault(rule: WarningRule) -> str | None:
    """Why no key of this rule could ever repeat, or None. Whatever the rule raises comes through."""
    for kind in ("demand", *rule.observes):
        # A case's number is its own, too.
        if rule.subject in (kind, "case_no") or kind not in _SAMPLES:
            continue
        for one, other in _SAMPLES[kind]():
            first, second = (set(_keys(rule, kind, fact)) for fact in (one, other))
            if first and second and first.isdisjoint(second):
                return (
                    f"its key can never repeat: two of kind {kind} that differ only in their ids, numbers and times have no key in "
                    f"common (expected one, for its subject is {rule.subject!r}); build the key of what they share, such as reporter, "
                    "matter, place, item or organisation"
                )
    return None


def _keys(rule: WarningRule, kind: str, fact: Any) -> Iterable[str]:
    return rule.keys(fact) if kind == "demand" else rule.observed_keys(fact)


@cache
def _demands() -> tuple[tuple[DemandFacts, DemandFacts], ...]:
    def make(number: int, demand_type: DemandType, channel: str, watch: Watch) -> DemandFacts:
        at = _NOON + timedelta(minutes=number)
        return DemandFacts(
            demand_id=f"01LINT{number:020d}",
            demand_no=f"41152120260310{number:06d}",
            channel=channel,
            instance=channel,
            watch=watch,
            nature=Nature.VOICED,
            source_no=f"LINT{number}",
            submitted_at=at,
            received_at=at,
            demand_type=demand_type,
            status=DemandStatus.PENDING,
            urgency=Urgency.CRITICAL,
            anonymity=Anonymity.OPEN,
            title=_WORDS[:10],
            text=_WORDS,
            reporter_key="lint:somebody",
            reporter_type=ReporterType.PERSON,
            matter_id="01LINTMATTER",
            category="劳动保障",
            region_code="411521100201",
            place_id="lint-place",
            item_code="4100001",
            item_name="事项",
            case_no="LINT-CASE",
            target_org="单位",
            business_class=BusinessClass.CONDUCT,
            declared_group_size=30,
            labels=("廉政", "舆情", "群诉隐患"),
        )

    shapes = [
        (kind, channel, watch)
        for kind in DemandType
        for channel, watch in (("hotline", Watch.DISCERN), ("unresolved_window", Watch.INSIGHT))
    ]
    return tuple((make(1, *shape), make(2, *shape)) for shape in shapes)


def _seen(kind: str, watch: Watch | None, one: BaseModel, other: BaseModel) -> tuple[tuple[Seen, Seen], ...]:
    first, second = (
        Seen(kind, f"01LINT{number:020d}", "lint", _NOON + timedelta(minutes=number), watch, what)
        for number, what in ((1, one), (2, other))
    )
    return ((first, second),)


def _observed(kind: str, model: type[BaseModel], watch: Watch | None = Watch.MONITOR, **fields: Any) -> Any:
    @cache
    def pair() -> tuple[tuple[Seen, Seen], ...]:
        made = []
        for number in (1, 2):
            given = {
                name: value(number) if callable(value) else value
                for name, value in fields.items()
                if name in model.model_fields
            }
            made.append(model(**given))
        return _seen(kind, watch, made[0], made[1])

    return pair


def _at(number: int) -> datetime:
    return _NOON + timedelta(minutes=number)


_SHARED: dict[str, Any] = {
    "source_no": lambda number: f"LINT{number}",
    "item_code": "4100001",
    "item_name": "事项",
    "window_no": "7",
    "post": "受理岗",
    "device_no": "D7",
    "organisation": "单位",
    "organisation_code": "lint-org",
    "region_code": "411521100201",
    "centre": "县政务服务中心",
    "area": "A区",
    "staff_no": None,
}
_SAMPLES: dict[str, Any] = {
    "demand": _demands,
    "case": _observed(
        "case",
        Case,
        **{**_SHARED, "case_no": lambda number: f"LINT{number}"},
        applied_at=_at,
        accepted_at=_at,
        due_at=_at,
    ),
    "rating": _observed("rating", Rating, **_SHARED, rated_at=_at, level=RatingLevel(1), text=_WORDS),
    "inspection": _observed(
        "inspection", Inspection, Watch.OBSERVE, **_SHARED, inspection_kind=InspectionKind.DAILY, began_at=_at
    ),
    "finding": _observed(
        "finding",
        Finding,
        Watch.OBSERVE,
        **_SHARED,
        inspection_kind=InspectionKind.DAILY,
        found_at=_at,
        text=_WORDS,
        traits=tuple(Trait),
        rectify_by=_at,
    ),
    "monitor_event": _observed(
        "monitor_event",
        MonitorEvent,
        **_SHARED,
        occurred_at=_at,
        anomaly=AnomalyType.TIME,
        level=Level.SERIOUS,
        rule_code="T1",
    ),
    "warning": _observed(
        "warning",
        WarningFacts,
        None,
        **_SHARED,
        warning_id=lambda number: f"LINT{number}",
        warning_no=lambda number: f"LINT{number}",
        rule_id="T01",
        level=Level.SERIOUS,
        state=WarningState.ISSUED,
        issued_at=_at,
        subject="case",
        key=lambda number: f"LINT{number}",
    ),
    "order": _observed(
        "order",
        OrderView,
        None,
        **_SHARED,
        order_id=lambda number: f"LINT{number}",
        order_no=lambda number: f"LINT{number}",
        origin="warning",
        origin_id=lambda number: f"LINT{number}",
        role="host",
        level=Level.SERIOUS,
        state=OrderState.CREATED,
        routed_by="table",
        revision=1,
        created_at=_at,
        due_at=_at,
    ),
}
