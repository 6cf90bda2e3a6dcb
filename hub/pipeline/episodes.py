"""Which stored signal each draft of a rule is: pure, so that it gives the same answer however the demands came in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Any

from hub.model.codes import Level, SignalState
from hub.model.holding import PROVISIONAL
from hub.model.warning import SignalDraft, SignalView
from hub.sdk.rules import WarningRule
from hub.store.signals import EVIDENCE, SYSTEM

Span = tuple[datetime, datetime]

_RANK = {SignalState.WARNED: 0, SignalState.OPEN: 1, SignalState.DISMISSED: 2}


@dataclass(slots=True)
class Plan:
    """What becomes of the signals of one rule and key."""

    new: list[SignalDraft] = field(default_factory=list)
    kept: list[tuple[SignalView, SignalDraft]] = field(default_factory=list)
    merged: list[tuple[SignalView, SignalView]] = field(
        default_factory=list
    )  # (the one that ends, the survivor)
    closed: list[SignalView] = field(default_factory=list)
    lapsed: list[SignalView] = field(default_factory=list)


def plan(standing: Sequence[SignalView], drafts: Sequence[SignalDraft], scope: Span) -> Plan:
    """Matches one key's drafts with its signals that were not merged.

    A draft and a signal that overlap in time, or share a demand or what else they rest on, are one. Of several signals for one draft the warned one
    survives, else an open one, else the oldest; the others are merged into it, unless they belong to another draft too.
    An open signal within ``scope`` that no draft names is closed. One that is warned of stands: what was said was so when it was said.
    A card that said itself that its limit was provisional has lapsed; a reminder before the limit has ordered nothing, and just passes.
    """
    result = Plan()
    taken: set[str] = set()
    ordered = sorted(drafts, key=lambda draft: (draft.window_from, draft.window_to))
    for draft in ordered:
        fitting = [one for one in standing if one.signal_id not in taken and _same(one, draft)]
        if not fitting:
            result.new.append(draft)
            continue
        survivor = min(fitting, key=_rank)
        taken.add(survivor.signal_id)
        result.kept.append((survivor, draft))
        for other in fitting:
            if other is not survivor and not any(_same(other, d) for d in ordered if d is not draft):
                taken.add(other.signal_id)
                result.merged.append((other, survivor))
    gone = [
        one
        for one in standing
        if one.signal_id not in taken and one.window_from < scope[1] and scope[0] < one.window_to
    ]
    result.closed = [one for one in gone if one.state is SignalState.OPEN]
    result.lapsed = [
        one
        for one in gone
        if one.state is SignalState.WARNED
        and one.level > Level.NOTICE
        and PROVISIONAL in one.labels
        and one.lapsed_at is None
    ]
    return result


def _same(one: SignalView, draft: SignalDraft) -> bool:
    if one.window_from < draft.window_to and draft.window_from < one.window_to:
        return True
    return not (
        set(one.demand_ids).isdisjoint(draft.demand_ids) and set(one.observed).isdisjoint(draft.observed)
    )


def _rank(one: SignalView) -> tuple[int, bool, datetime, datetime, str]:
    return _RANK[one.state], one.triaged_by == SYSTEM, one.first_seen_at, one.window_from, one.signal_id


def evidence(
    rule: WarningRule, params: Mapping[str, Any], draft: SignalDraft, *, historical: bool
) -> dict[str, Any]:
    """What a signal keeps of a draft, with the rule's version and all of its parameters, as they are written (P6)."""
    seen = dict(draft)
    del seen["key"]
    seen["level"] = int(draft.level)
    for name in ("demand_ids", "observed", "labels"):
        seen[name] = list(seen[name])
    return {**seen, "rule_version": rule.version, "params": params, "historical": historical}


def differences(one: SignalView, seen: Mapping[str, Any]) -> list[str]:
    """The names of what a signal keeps and what is seen now do not agree on, in the order of `EVIDENCE`."""
    return [name for name in EVIDENCE if _plain(getattr(one, name)) != _plain(seen[name])]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def draft_fault(draft: object, keys: Collection[str]) -> str | None:
    """Why this is no draft that a rule may give for these keys, or None."""
    if not isinstance(draft, SignalDraft):
        return f"gave a {type(draft).__name__} (expected a hub.model.warning.SignalDraft or a hub.sdk.rules.Recheck)"
    if draft.key not in keys:
        return "gave a draft for a key that it was not asked about"
    if draft.window_from >= draft.window_to:
        return "gave a draft whose window is empty (expected window_from before window_to)"
    if not all(isfinite(value) for value in (draft.value, draft.threshold, draft.baseline or 0.0)):
        return "gave a draft whose value, threshold or baseline is no finite number"
    return None


def overlapping(drafts: Sequence[SignalDraft]) -> bool:
    """Whether two drafts of one key overlap in time."""
    ordered = sorted(drafts, key=lambda draft: draft.window_from)
    return any(later.window_from < earlier.window_to for earlier, later in pairwise(ordered))
