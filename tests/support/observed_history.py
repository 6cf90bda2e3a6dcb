"""Things beside demands in memory, answered as the store's history answers: for the tests of rules by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar
from hub.model.codes import Watch
from hub.model.demand import DemandFacts
from hub.model.series import counts, county_day, start_of
from hub.model.warning import SignalDraft
from hub.sdk.rules import AffectedKey, Recheck, Seen, WarningRule

_TIMES = {
    "case": ("applied_at", "accepted_at", "clock_started_at", "as_of"),
    "rating": ("rated_at",),
    "inspection": ("began_at",),
    "finding": ("found_at",),
    "monitor_event": ("occurred_at",),
    "warning": ("issued_at",),
    "order": ("created_at",),
}
_WATCHES = {"finding": Watch.OBSERVE, "inspection": Watch.OBSERVE, "warning": None, "order": None}
_FIELDS = {"item": "item_code", "window": "window_no", "device": "device_no", "region": "region_code"}


def thing(
    kind: str, what: Any, number: str = "T1", instance: str = "eye", watch: Watch | None = None
) -> Seen:
    """One thing, at its event time."""
    at = next((moment for name in _TIMES[kind] if (moment := getattr(what, name, None)) is not None), None)
    if at is None and (planned := getattr(what, "planned_on", None)) is not None:
        at = datetime.combine(planned, datetime.min.time(), COUNTY_ZONE)
    return Seen(
        kind,
        number,
        instance,
        (at or datetime(2026, 1, 1, tzinfo=UTC)).astimezone(UTC),
        watch or _WATCHES.get(kind, Watch.MONITOR),
        what,
    )


class InMemory:
    """Answers of `hub.sdk.rules.History` about these things."""

    def __init__(
        self,
        now: datetime,
        things: Iterable[Seen],
        calendar: Any = None,
        demands: Iterable[DemandFacts] = (),
    ) -> None:
        self.now = now
        self._demands = sorted(demands, key=lambda one: (one.submitted_at, one.demand_id))
        self.calendar = calendar if calendar is not None else ChinaCalendar()
        self._things = sorted(things, key=lambda one: (one.at, one.id))

    def seen(
        self, kind: str, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> dict[str, list[Seen]]:
        found: dict[str, list[Seen]] = {}
        for one in self._things:
            key = _key(one, subject)
            if one.kind == kind and key in spans and spans[key][0] <= one.at < spans[key][1]:
                found.setdefault(key, []).append(one)
        return found

    def demands(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> dict[str, list[DemandFacts]]:
        assert subject == "series"
        found: dict[str, list[DemandFacts]] = {}
        for one in self._demands:
            key = f"item:{one.item_code}"
            if key in spans and counts(one):
                since, until = (start_of(county_day(moment)) for moment in spans[key])
                if since <= one.submitted_at < until:
                    found.setdefault(key, []).append(one)
        return found

    def daily(
        self, kind: str, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> dict[str, Any]:
        return {
            key: sorted(Counter(one.at.astimezone(COUNTY_ZONE).date() for one in things).items())
            for key, things in self.seen(kind, subject, spans).items()
        }


def judged(
    rule: WarningRule,
    now: datetime,
    things: Sequence[Seen],
    demands: Sequence[DemandFacts] = (),
    **more: Any,
) -> tuple[list[SignalDraft], list[Recheck]]:
    """What a rule says of all the keys that these things touch."""
    keys: dict[str, AffectedKey] = {}
    touched = [
        (key, one.at) for one in things if one.kind in rule.observes for key in rule.observed_keys(one)
    ]
    for key, at in [*touched, *((key, one.submitted_at) for one in demands for key in rule.keys(one))]:
        stands = keys.get(key)
        since, until = (min(stands.since, at), max(stands.until, at)) if stands else (at, at)
        keys[key] = AffectedKey(key, since, until)
    history: Any = InMemory(now, things, demands=demands, **more)
    answers = list(rule.evaluate(list(keys.values()), history)) if keys else []
    drafts = [one for one in answers if isinstance(one, SignalDraft)]
    assert {one.key for one in answers} <= set(keys)
    for key in {told.key for told in drafts}:
        spans = sorted((told.window_from, told.window_to) for told in drafts if told.key == key)
        assert all(early[1] <= late[0] for early, late in pairwise(spans)), "overlapping drafts"
    return drafts, [one for one in answers if isinstance(one, Recheck)]


def _key(one: Seen, subject: str) -> Any:
    if subject == one.kind:
        return one.id
    if subject == "organisation":
        return getattr(one.what, "organisation_code", None) or getattr(one.what, "organisation", None)
    return getattr(one.what, _FIELDS.get(subject, subject), None)
