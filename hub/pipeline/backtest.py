"""Backtest: what a rule would have said of the demands that are stored, with these parameters; writes no signal.

Each key is judged once over all of its history, as the evaluation would. When a signal would have been seen is found by judging
its key again with the history cut off earlier and earlier: how long a department would have waited, not how long it took here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.clock import COUNTY_ZONE
from hub.errors import Code, ConfigError
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.pipeline import weeks
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.judging import answer_of, ready_rule, spans, touched
from hub.plugins import guard
from hub.sdk.rules import MOMENT, AffectedKey, ObservationRule, Seen, WarningRule
from hub.sdk.weekly import SeriesVerdict, WeeklyRule
from hub.store import config, outlines, reach, seen, signals, work
from hub.store.config import RuleSetting
from hub.store.engine import Connection
from hub.store.history import StoreHistory, facts_of

KEYS_AT_ONCE = 500
_ROWS_AT_ONCE = 20  # of work, each of some hundred demands
FEW = 20  # keys below which nothing can be said of whether they repeat

Told = Callable[[str, int], object]
Spans = Mapping[str, tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One signal that the rule would have raised.

    Attributes:
        first_at: Event time of the first thing that it rests on.
        seen_at: Event time of the thing with which the condition was met for the first time; None where the rule cannot be asked
            about a shorter history.
    """

    draft: SignalDraft
    first_at: datetime
    seen_at: datetime | None

    @property
    def delay(self) -> timedelta | None:
        """From the first thing that it rests on until it would have been seen."""
        return None if self.seen_at is None else max(timedelta(0), self.seen_at - self.first_at)


@dataclass(slots=True)
class Backtest:
    """What a rule would have said.

    Attributes:
        looked_at: Demands and other things whose keys were asked for.
        keys: Different keys that they touch.
        repeated: Keys that more than one of them touches.
        shown: Signals with an end in the span, in the order of their windows.
        weeks: Monday (county zone) -> signals whose window began in that week; weeks without one are there too.
    """

    rule_id: str
    params: dict[str, Any]
    since: datetime
    until: datetime
    looked_at: int = 0
    keys: int = 0
    repeated: int = 0
    shown: list[Shown] = field(default_factory=list)
    weeks: dict[datetime, int] = field(default_factory=dict)

    @property
    def by_level(self) -> dict[Level, int]:
        return dict(sorted(Counter(one.draft.level for one in self.shown).items()))

    @property
    def auto_issued(self) -> int:
        """How many the rule would issue by itself."""
        return sum(one.draft.auto_issue for one in self.shown)

    @property
    def median_delay(self) -> timedelta | None:
        delays = sorted(one.delay for one in self.shown if one.delay is not None)
        return delays[len(delays) // 2] if delays else None

    def never_repeats(self, rule: WarningRule) -> bool:
        """Whether the rule gathers things under keys of which none was ever touched twice: it could hardly say anything."""
        own = rule.subject in ("demand", "case_no", *rule.observes)
        return not own and self.keys >= FEW and self.repeated == 0


def run(
    deps: PipelineDeps,
    rule_id: str,
    *,
    since: datetime,
    until: datetime,
    params: Mapping[str, Any] | None = None,
    told: Told = lambda what, done: None,
) -> Backtest:
    """What the rule would have said of what happened in ``[since, until)``, with older history behind it.

    Args:
        params: Instead of those that hold now; what is not named keeps the rule's default.

    Raises:
        ConfigError: No plugin brings the rule, or it refuses the parameters.
        PluginError: The rule failed, or no key of it can ever repeat.
        StoreError: The database failed.
    """
    if rule_id not in deps.plugins.rules:
        known = ", ".join(sorted(deps.plugins.rules)) or "none"
        raise ConfigError(
            f"rule {rule_id!r}: no plugin brings it (installed: {known}); correct the id, or install its plugin",
            code=Code.CONFIG_INVALID,
        )
    now = deps.clock.now()
    with deps.store.begin() as connection:
        setting = config.rule_settings(connection, now).get(rule_id, RuleSetting())
    rule = ready_rule(deps, rule_id, setting if params is None else RuleSetting(params=params))
    found = Backtest(rule_id, rule.params.model_dump(mode="json"), since, until)
    _bring_in_line(deps)
    affected = _touched(deps, rule, found, told)
    tried = weeks.tried(deps, rule, since, until) if isinstance(rule, WeeklyRule) else None
    for start in range(0, len(affected), KEYS_AT_ONCE):
        part = affected[start : start + KEYS_AT_ONCE]
        with deps.store.begin() as connection, signals.savepoint(connection):
            for draft in _drafts(deps, connection, now, rule, part, tried):
                if since < draft.window_to and draft.window_from < until:
                    found.shown.append(_shown(deps, connection, now, rule, draft))
        told("keys judged", min(start + KEYS_AT_ONCE, len(affected)))
    found.shown.sort(key=lambda one: (one.draft.window_from, one.draft.key))
    found.weeks = _weeks(found)
    return found


def _bring_in_line(deps: PipelineDeps) -> None:
    """Lets the rule count what is stored and still waits to be judged: its narrow rows say what the evaluation will write anyway."""
    after = -1
    while True:
        with deps.store.begin() as connection:
            rows = work.waiting_demands(connection, after, _ROWS_AT_ONCE)
            if not rows:
                return
            outlines.keep(connection, sorted({one for _, ids in rows for one in ids}))
        after = rows[-1][0]


def _touched(deps: PipelineDeps, rule: WarningRule, found: Backtest, told: Told) -> list[AffectedKey]:
    times: Counter[str] = Counter()
    keys: list[tuple[str, datetime]] = []
    for facts in _facts(deps, rule, found):
        of_demands = [(one, one.submitted_at) for one in facts if isinstance(one, DemandFacts)]
        of_others = [(one, one.at) for one in facts if isinstance(one, Seen)]
        named = touched(deps, rule, rule.keys, of_demands)
        named += touched(deps, rule, rule.observed_keys, of_others)
        found.looked_at += len(facts)
        times.update(key for key, _ in named)
        keys += named
        told("things looked at", found.looked_at)
    found.keys, found.repeated = len(times), sum(count > 1 for count in times.values())
    return list(spans(keys).values())


def _facts(deps: PipelineDeps, rule: WarningRule, found: Backtest) -> Iterator[Sequence[DemandFacts | Seen]]:
    """What happened in the span and the rule cares for, some thousands at a time."""
    with deps.store.connect() as reading:
        if not isinstance(rule, ObservationRule):
            for ids in reach.ids_submitted(reading, found.since, found.until):
                with deps.store.begin() as connection:
                    yield facts_of(connection, ids)
        for kind, ids in seen.ids_between(reading, rule.observes, reach.EVER, _FAR):
            with deps.store.begin() as connection:
                things = seen.of_ids(connection, kind, ids)
            yield [one for one in things if not one.deleted and found.since <= one.at < found.until]


def _drafts(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    rule: WarningRule,
    keys: Sequence[AffectedKey],
    tried: Mapping[str, Sequence[SeriesVerdict]] | None,
) -> list[SignalDraft]:
    answer = answer_of(deps, connection, now, rule, keys, tried=tried)
    return [draft for key in sorted(answer.drafts) for draft in answer.drafts[key]]


def _shown(
    deps: PipelineDeps, connection: Connection, now: datetime, rule: WarningRule, draft: SignalDraft
) -> Shown:
    if isinstance(rule, WeeklyRule):
        return Shown(draft, draft.window_from, draft.window_to)  # once its week was over
    times = sorted(
        [
            *signals.event_times(connection, draft.demand_ids).values(),
            *_times_observed(connection, draft.observed),
        ]
    )
    first = times[0] if times else draft.window_from
    key = AffectedKey(draft.key, draft.window_from, draft.window_to)
    seen_at = None
    # The more it rests on, the later: halves tell the first moment at which the rule would have said anything of it.
    low, high = 0, len(times) - 1
    while low <= high:
        middle = (low + high) // 2
        history = CutHistory(StoreHistory(connection, now, deps.calendar), times[middle] + MOMENT)
        says = _says(deps, rule, key, history, draft)
        if history.whole:
            return Shown(draft, first, None)
        if says:
            seen_at, high = times[middle], middle - 1
        else:
            low = middle + 1
    return Shown(draft, first, seen_at)


def _says(
    deps: PipelineDeps, rule: WarningRule, key: AffectedKey, history: CutHistory, draft: SignalDraft
) -> bool:
    given = guard(
        lambda: list(rule.evaluate([key], history)),
        timeout_s=deps.rule_timeout_s,
        what=f"rule {rule.rule_id}: evaluate",
    )
    return any(
        isinstance(one, SignalDraft)
        and one.window_from < draft.window_to
        and draft.window_from < one.window_to
        for one in given
    )


def _times_observed(connection: Connection, refs: Collection[str]) -> list[datetime]:
    by_kind: dict[str, list[str]] = {}
    for ref in refs:
        kind, _, number = ref.partition(":")
        by_kind.setdefault(kind, []).append(number)
    return [
        one.at
        for kind, ids in by_kind.items()
        if kind in seen.KINDS
        for one in seen.of_ids(connection, kind, ids)
    ]


def _weeks(found: Backtest) -> dict[datetime, int]:
    count = Counter(_monday(one.draft.window_from) for one in found.shown)
    if not found.shown:
        return {}
    weeks, week, last = {}, min(count), _monday(max(one.draft.window_from for one in found.shown))
    while week <= last:
        weeks[week] = count[week]
        week += timedelta(days=7)
    return weeks


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(COUNTY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


_FAR = datetime(9000, 1, 1, tzinfo=COUNTY_ZONE)


class CutHistory:
    """History as it was known by a moment of event time: what happened later is not there.

    Attributes:
        whole: The rule has asked something that cannot be cut off (what weeks were judged to be, say).
    """

    _BY_SPANS = frozenset(
        ("demands", "outlines", "heads", "at_most", "counts", "distinct_reporters", "weekly", "seen")
    )

    def __init__(self, history: StoreHistory, until: datetime) -> None:
        self._history, self._until = history, until
        self.whole = False

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._history, name)
        if name in ("calendar", "words"):  # the words of those that it was told of
            return asked
        if name not in self._BY_SPANS:
            self.whole = True
            return asked

        def cut(*arguments: Any, **named: Any) -> Any:
            # The spans are the last argument of every question.
            *others, asked_spans = arguments
            return asked(*others, self._cut(asked_spans), **named)

        return cut

    @property
    def now(self) -> datetime:
        return self._until

    def _cut(self, asked_spans: Spans) -> dict[str, tuple[datetime, datetime]]:
        return {
            key: (since, min(until, self._until))
            for key, (since, until) in asked_spans.items()
            if since < self._until
        }
