"""Demands in memory, answered as the store's history answers: ground for the tests of rules by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hub.model.codes import Anonymity, DemandStatus, DemandType, Nature, Urgency, Watch
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, AffectedKey, FormerState, Outline, WarningRule, place_category

START = datetime(2026, 5, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_numbers = count(1)


def told(at: datetime = START, **fields: Any) -> DemandFacts:
    """A demand with only the fields that matter; nobody known, on no matter, nowhere."""
    no = fields.pop("no", None) or f"D{next(_numbers):05d}"
    return DemandFacts(
        **{
            "demand_id": no,
            "demand_no": no,
            "channel": "plain",
            "instance": "plain",
            "watch": Watch.INSIGHT,
            "nature": Nature.VOICED,
            "source_no": no,
            "submitted_at": at,
            "received_at": at,
            "demand_type": DemandType.COMPLAINT,
            "status": DemandStatus.PENDING,
            "urgency": Urgency.NORMAL,
            "anonymity": Anonymity.OPEN,
            "title": "",
            "text": "",
            **fields,
        }
    )


class Kept:
    """The history of these demands; ``former`` are the states that some have left, by id."""

    def __init__(
        self, *demands: DemandFacts, former: Mapping[str, Sequence[tuple[str, datetime]]] | None = None
    ) -> None:
        self._demands = sorted(demands, key=lambda one: (one.submitted_at, one.demand_id))
        self._former = former or {}
        self.now = START

    def demands(self, subject, spans):
        found: dict[str, list[DemandFacts]] = {}
        for one in self._demands:
            key = _key(subject, one)
            if key is not None and key in spans and spans[key][0] <= one.submitted_at < spans[key][1]:
                found.setdefault(key, []).append(one)
        return found

    def outlines(self, subject, spans):
        return {
            key: [Outline(*(getattr(one, name) for name in Outline._fields)) for one in several]
            for key, several in self.demands(subject, spans).items()
        }

    def words(self, demand_ids):
        found = self.demands("demand", dict.fromkeys(demand_ids, EVER))
        return {one.demand_id: (one.title, one.text) for several in found.values() for one in several}

    def counts(self, subject, spans):
        return {key: len(several) for key, several in self.demands(subject, spans).items()}

    def heads(self, subject, spans):
        return {
            key: len({one.reporter_key for one in several if one.reporter_key})
            + max((one.declared_group_size or 0 for one in several), default=0)
            for key, several in self.demands(subject, spans).items()
        }

    def at_most(self, spans):
        return self.counts("reporter", spans)

    def former_states(self, demand_ids):
        return {
            demand_id: [FormerState(*state) for state in self._former[demand_id]]
            for demand_id in demand_ids
            if demand_id in self._former
        }


def _key(subject: str, one: DemandFacts) -> str | None:
    if subject == "place_category":
        return place_category(one.place_id, one.category) if one.place_id and one.category else None
    if subject.startswith("unresolved_"):
        item = one.item_code or one.item_name
        name = item if subject == "unresolved_item" else one.target_org
        return name if one.channel == "unresolved_window" else None
    names = {"reporter": "reporter_key", "demand": "demand_id", "matter": "matter_id"}
    value: str | None = getattr(one, names[subject])
    return value


def judged(
    rule: WarningRule, *demands: DemandFacts, touched: Sequence[DemandFacts] | None = None, **history: Any
) -> list[SignalDraft]:
    """What the rule says when these are new, or only those ``touched``; as the evaluation asks it."""
    kept: Any = Kept(*demands, **history)
    moments: dict[str, list[datetime]] = {}
    for one in demands if touched is None else touched:
        for key in rule.keys(one):
            moments.setdefault(key, []).append(one.submitted_at)
    keys = [AffectedKey(key, min(times), max(times)) for key, times in sorted(moments.items())]
    for more in list(rule.related(keys, kept)):
        moments.setdefault(more.key, []).extend((more.since, more.until))
    keys = [AffectedKey(key, min(times), max(times)) for key, times in sorted(moments.items())]
    drafts = [one for one in rule.evaluate(keys, kept) if isinstance(one, SignalDraft)]
    return sorted(drafts, key=lambda draft: (draft.key, draft.window_from))
