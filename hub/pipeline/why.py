"""Why a warning was issued, and whether the same demands still say the same (P6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import Code, NotFound
from hub.model.codes import DemandType, SignalState
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft, SignalView, WarningView
from hub.pipeline import episodes, observed_shown
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.judging import answer_of, ready_rule
from hub.pipeline.routing import is_protected
from hub.sdk.rules import AffectedKey
from hub.store import outlines, places, signals, warnings
from hub.store.config import RuleSetting
from hub.store.engine import Connection
from hub.store.history import facts_of
from hub.text.shared import shared_words


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that explains a signal.

    Attributes:
        warning: Issued for it, or None.
        others: Where a warning was asked about: the other signals that it cites. What follows is of all of them.
        demands: Its demands, the oldest first, masked; deleted and void ones included.
        observed: What else it rests on, as `hub.pipeline.observed_shown` tells it.
        shared_words: Words that most of its demands share, and how many of them each stands in.
        places: Places and regions of its demands by name, and how many each has; the most first.
    """

    signal: SignalView
    rule_title: str
    warning: WarningView | None
    demands: tuple[DemandFacts, ...]
    others: tuple[SignalView, ...] = ()
    observed: tuple[dict[str, Any], ...] = ()
    shared_words: tuple[tuple[str, int], ...] = ()
    places: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What the rule says now, with the version of it that is installed and the parameters that the signal keeps.

    Attributes:
        differs: Names of what is not the same; ``condition`` when it no longer holds at all. Empty: the same answer.
        draft: What it says now, None when it says nothing.
    """

    differs: tuple[str, ...]
    draft: SignalDraft | None

    @property
    def same(self) -> bool:
        return not self.differs


def why(deps: PipelineDeps, number: str) -> Why:
    """Why that warning (its number) or signal (its id) stands.

    Raises:
        NotFound: There is neither a warning nor a signal of that name.
    """
    with deps.store.begin() as connection:
        others: list[SignalView] = []
        try:
            asked = warnings.find(connection, number)
            signal_id = asked.signal_id
            others = [
                one
                for one in signals.of_warning(connection, asked.warning_id)
                if one.signal_id != signal_id and one.state is not SignalState.MERGED
            ]
        except NotFound:
            asked, signal_id = None, number
        try:
            signal = signals.get(connection, signal_id)
        except NotFound:
            raise NotFound(
                f"{number!r}: no warning and no signal has it (expected a number from `hub warning list` or an id from `hub signal "
                "list`); check it",
                code=Code.NOT_FOUND,
            ) from None
        entry = deps.plugins.rules.get(signal.rule_id)
        demands = sorted(
            facts_of(connection, _of_all([signal, *others], "demand_ids"), live_only=False),
            key=lambda one: (one.submitted_at, one.demand_id),
        )
        return Why(
            signal,
            entry.cls.title if entry is not None else signal.rule_id,
            asked if asked is not None else warnings.of_signal(connection, signal_id),
            tuple(demands),
            tuple(others),
            tuple(observed_shown.shown(connection, _of_all([signal, *others], "observed"))),
            tuple(shared_words([(one.title, one.text) for one in demands if not _protected(one)])),
            tuple(_places(connection, demands)),
        )


def _of_all(cited: Sequence[SignalView], name: str) -> list[str]:
    return list(dict.fromkeys(one_id for one in cited for one_id in getattr(one, name)))


def _protected(one: DemandFacts) -> bool:
    return one.demand_type is DemandType.REPORT or is_protected(one.labels)


def _places(connection: Connection, demands: Sequence[DemandFacts]) -> list[tuple[str, int]]:
    """The place of each demand by name, or its region where no place is known."""
    known = places.named(connection, sorted({one.place_id for one in demands if one.place_id is not None}))
    regions = places.region_names(
        connection, sorted({one.region_code for one in demands if one.region_code is not None})
    )
    counts: Counter[str] = Counter()
    for one in demands:
        if one.place_id in known:
            counts[known[one.place_id]["name"]] += 1
        elif one.region_code is not None:
            counts[regions.get(one.region_code, one.region_code)] += 1
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def recompute(deps: PipelineDeps, signal_id: str) -> Recomputed:
    """Lets the rule judge a signal's key again from the stored demands; writes nothing.

    Raises:
        NotFound: There is no such signal, or its rule is not installed.
        PluginError: The rule failed.
    """
    now = deps.clock.now()
    with deps.store.begin() as connection:
        signal = signals.get(connection, signal_id)
        if signal.rule_id not in deps.plugins.rules:
            raise NotFound(
                f"rule {signal.rule_id}: no loaded plugin brings it (expected the one that raised signal {signal_id}); install it",
                code=Code.NOT_FOUND,
            )
        rule = ready_rule(deps, signal.rule_id, RuleSetting(params=signal.params))
        key = AffectedKey(signal.key, signal.window_from, signal.window_to)
        undone = connection.begin_nested()
        outlines.keep(connection, signal.demand_ids)  # what has changed, and waits to be judged again
        drafts = answer_of(deps, connection, now, rule, [key]).drafts.get(signal.key, ())
        kept = episodes.plan([signal], drafts, rule.scope(key)).kept
        undone.rollback()
    if not kept:
        return Recomputed(("condition",), None)
    draft = kept[0][1]
    seen = episodes.evidence(rule, rule.params.model_dump(mode="json"), draft, historical=signal.historical)
    return Recomputed(tuple(episodes.differences(signal, seen)), draft)
