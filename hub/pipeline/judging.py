"""Judging: what becomes of a rule's answer about some keys; the same for demands, for other things, and for moments that have come.

One rule's answer stands or falls by itself: a rule that raises or hangs is undone to its savepoint, what it was asked about waits
for it alone, and the others' results stand; one that hung rests before it is tried again.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Any, TypeVar

from hub.errors import Code, HubError, PluginError, SourceUnavailable, StoreError
from hub.model.codes import Level, SignalState
from hub.model.ids import ascending_ulids
from hub.model.report import Problem
from hub.model.warning import SignalDraft, SignalView
from hub.pipeline import episodes
from hub.pipeline.deps import PipelineDeps
from hub.plugins import RuleEntry, guard
from hub.plugins.rule_lint import key_fault
from hub.sdk.gate import BreakerPolicy
from hub.sdk.rules import AffectedKey, Recheck, RuleParams, WarningRule
from hub.sdk.weekly import SeriesVerdict
from hub.store import config, observed_work, signals, warnings
from hub.store.chain import write_audit
from hub.store.config import RuleSetting
from hub.store.engine import Connection
from hub.store.gate import StoreGate
from hub.store.history import StoreHistory, limit_statements
from hub.store.outlines import Outlines

_UNSTORABLE = (
    "asked for, or gave, a value that the database cannot hold (a NUL character, a number out of range)"
)

MINUTE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
# A rule that hung costs its whole time limit: it rests at once, a minute first, at most an hour.
HUNG = BreakerPolicy(failures=1, open_s=60.0, longest_open_s=3600.0, probe_s=120.0)

# Rules with their parameters whose keys were looked at, the latest of them: a class is not asked again every batch.
_LINTED: deque[tuple[type[WarningRule], RuleParams]] = deque(maxlen=200)

Asked = Mapping[str, Mapping[str, AffectedKey]]
FactT = TypeVar("FactT")


class RulesChanged(Exception):
    """The settings of rules changed while the batch waited for its keys."""


@dataclass(slots=True)
class Tally:
    """What batches did."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            (
                "demands",
                "observed",
                "rechecked",
                "placed",
                "categorized",
                "grouped",
                "linked",
                "signals_new",
                "signals_changed",
                "signals_closed",
            ),
            0,
        )
    )
    problems: dict[str, Problem] = field(default_factory=dict)

    def took(self, counts: Mapping[str, int]) -> None:
        """Adds these counts."""
        for name, count in counts.items():
            self.counts[name] += count

    def add(self, other: Tally) -> None:
        """Adds what another batch did."""
        self.took(other.counts)
        self.problems.update(other.problems)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule says about the keys that it was asked about: drafts by key, and when it wants to judge a key again."""

    drafts: Mapping[str, Sequence[SignalDraft]]
    moments: Mapping[str, datetime]


class Judge(ABC):
    """Judges one batch in the caller's transaction; subclasses say what waits again when a rule fails."""

    def __init__(self, deps: PipelineDeps, connection: Connection, now: datetime, attempts: int) -> None:
        self.deps, self.connection, self.now, self.attempts = deps, connection, now, attempts
        self.gate = StoreGate(deps.store, deps.clock, HUNG)
        self.tally = Tally()
        self.outlines = Outlines(connection)
        # What a batch finds is decided on and dispatched in one order, by rule and key, however often it is judged from the start.
        self.signal_ids = ascending_ulids(_ms(now))
        self.risen: list[tuple[str, Level]] = []

    @abstractmethod
    def put_off(self, rule_id: str, wait: timedelta, *, counted: bool = True) -> None:
        """Lets the whole batch wait for a rule that was not asked, or cannot be."""

    @abstractmethod
    def in_halves(self, rule_id: str) -> None:
        """Lets the batch wait for a rule that failed on it, in parts, so that what it cannot judge is soon alone."""

    def rules(self, rule_ids: Iterable[str], settings: Mapping[str, RuleSetting]) -> dict[str, WarningRule]:
        """Those of these rules that are enabled, with their stored parameters; the batch waits for one that cannot be built."""
        installed = self.deps.plugins.rules
        found: dict[str, WarningRule] = {}
        for rule_id in sorted(rule_ids):
            setting = settings.get(rule_id, RuleSetting())
            if not setting.enabled:
                continue
            try:
                if rule_id not in installed:
                    raise _not_installed(rule_id)
                self.gate.admit(_gate_name(rule_id), rate_per_s=None, burst=1)
                found[rule_id] = ready_rule(self.deps, rule_id, setting)
            except SourceUnavailable as resting:
                self.put_off(rule_id, timedelta(seconds=resting.retry_after_s or 60.0), counted=False)
            except HubError as exc:
                self.note(rule_id, exc)
                self.put_off(rule_id, self.wait())
        return found

    def lock(
        self, asked: Asked, settings: Mapping[str, RuleSetting], more: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Takes the locks of all keys. Only what is read under them counts: a later change brings work rows of its own.

        Raises:
            RulesChanged: The settings are not those that the keys were found by.
        """
        signals.lock_keys(
            self.connection, chain(((rule_id, key) for rule_id, keys in asked.items() for key in keys), more)
        )
        if config.rule_settings(self.connection, self.now) != settings:
            raise RulesChanged

    def judge_all(self, rules: Mapping[str, WarningRule], asked: Asked) -> None:
        """Lets each rule judge its keys; then lifts the warnings of signals that grew worse."""
        for rule_id, keys in asked.items():
            if keys:
                self._judge_rule(rules[rule_id], list(keys.values()))
        self._raise_warnings()

    def _judge_rule(self, rule: WarningRule, keys: Sequence[AffectedKey]) -> None:
        """One rule's signals, in a savepoint of its own."""
        try:
            with signals.savepoint(self.connection):
                answer = answer_of(self.deps, self.connection, self.now, rule, keys, outlines=self.outlines)
                counts, risen = self._keep(rule, keys, answer)
        except StoreError as exc:
            if exc.code is not Code.VALUE_UNSTORABLE:
                raise
            self.failed(rule.rule_id, wrong(f"rule {rule.rule_id}: evaluate", _UNSTORABLE))
            return
        except HubError as exc:
            self.failed(rule.rule_id, exc)
            return
        self.gate.succeeded(_gate_name(rule.rule_id))
        self.risen += risen
        for name, count in counts.items():
            self.tally.counts[name] += count

    def _keep(
        self, rule: WarningRule, keys: Sequence[AffectedKey], answer: Answer
    ) -> tuple[dict[str, int], list[tuple[str, Level]]]:
        """Brings the stored signals of these keys in line with the drafts; what was done, and whose level rose."""
        latest = _latest(self.connection, rule, answer.drafts)
        too_old = self.now - timedelta(days=self.deps.settings.max_event_age_days)
        asked = [affected.key for affected in keys]
        standing = signals.standing(self.connection, rule.rule_id, asked)
        new, risen, lapsed, changed, closed = [], [], [], 0, 0
        # Of most keys nothing was said, and nothing is.
        told = [one for one in keys if one.key in answer.drafts or one.key in standing]
        params, scopes = _of_rule(self.deps, rule, told) if told else ({}, [])
        for affected, scope in zip(told, scopes, strict=True):
            mine = answer.drafts.get(affected.key, ())
            plan = episodes.plan(standing.get(affected.key, ()), mine, scope)
            seen = {
                id(draft): episodes.evidence(rule, params, draft, historical=latest[id(draft)] < too_old)
                for draft in mine
            }
            for draft in plan.new:
                who = {"rule_id": rule.rule_id, "subject": rule.subject, "key": affected.key}
                new.append({"signal_id": next(self.signal_ids), **who, **seen[id(draft)]})
            for one, draft in plan.kept:
                changed += _renew(self.connection, one, seen[id(draft)], self.now)
                if one.state is SignalState.WARNED and draft.level > one.level:
                    risen.append((one.signal_id, draft.level))
            closed += _end(self.connection, plan, self.now)
            lapsed += [one.signal_id for one in plan.lapsed]
        signals.add(self.connection, new, self.now)
        signals.lapse(self.connection, lapsed, self.now)
        observed_work.set_moments(self.connection, rule.rule_id, asked, answer.moments)
        return {"signals_new": len(new), "signals_changed": changed, "signals_closed": closed}, risen

    def _raise_warnings(self) -> None:
        """A signal that is warned already and grew worse lifts its warning's level; there is no second warning."""
        if self.risen:
            # All of them first, in the order that everybody takes: two that judge signals of the same warnings meet at the first.
            warnings.not_revoked(self.connection, [signal_id for signal_id, _ in self.risen])
        raised = [warnings.raise_level(self.connection, *risen) for risen in sorted(self.risen)]
        # The audit log's lock comes after every row's, as in the other steps: nobody waits in a circle.
        for warning in filter(None, raised):
            observed_work.push(self.connection, "warning", [warning.warning_id], self.now)
            write_audit(
                self.connection,
                self.deps.chain.salted_digest,
                self.now,
                actor=signals.SYSTEM,
                action="warning.raise",
                subject=f"warning {warning.warning_no}",
                detail={"level": int(warning.level)},
            )

    def failed(self, rule_id: str, exc: HubError) -> None:
        """Notes that a rule failed on this batch and lets it wait for the rule."""
        self.note(rule_id, exc)
        if exc.code is Code.PLUGIN_TIMEOUT:
            self.gate.failed(_gate_name(rule_id))
        self.in_halves(rule_id)

    def wait(self) -> timedelta:
        """How long to wait after so many failures."""
        return min(LONGEST_WAIT, MINUTE * (1 << min(self.attempts, 10)))

    def note(self, rule_id: str, exc: HubError) -> None:
        """Tells in the report that a rule failed."""
        self.tally.problems[rule_id] = Problem(
            where=f"rule {rule_id}", code=str(exc.code), message=exc.message
        )


def touched(
    deps: PipelineDeps,
    rule: WarningRule,
    keys: Callable[[FactT], Iterable[str]],
    facts: Iterable[tuple[FactT, datetime]],
) -> list[tuple[str, datetime]]:
    """The keys that a rule names for each of these facts, with the fact's event time.

    Raises:
        PluginError: It raised, hung, or gave a key that is none.
    """
    what = f"rule {rule.rule_id}: keys"

    def ask() -> list[tuple[str, datetime]]:
        found = []
        for fact, at in facts:
            for key in keys(fact):
                if not isinstance(key, str) or not key:
                    raise wrong(what, "gave a key that is no text (expected a non-empty str)")
                found.append((key, at))
        if not storable("".join(key for key, _ in found)):
            raise wrong(what, "gave a key that cannot be stored (expected no NUL and no half of a character)")
        return found

    return guard(ask, timeout_s=deps.rule_timeout_s, what=what)


def storable(words: str) -> bool:
    """Whether the database can hold this text: PostgreSQL knows no NUL, and UTF-8 no half of a character."""
    if words.isascii():
        return "\0" not in words
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in words


def judging(installed: Mapping[str, RuleEntry], settings: Mapping[str, RuleSetting]) -> dict[str, str]:
    """Rule id -> version of the rules that judge what is new: installed, and not disabled."""
    return {
        rule_id: entry.cls.version
        for rule_id, entry in sorted(installed.items())
        if settings.get(rule_id, RuleSetting()).enabled
    }


def ready_rule(deps: PipelineDeps, rule_id: str, setting: RuleSetting) -> WarningRule:
    """An instance of an installed rule with these settings.

    Raises:
        ConfigError: It refuses the parameters.
        PluginError: It cannot be built, or no key of it could ever repeat.
    """
    cls = deps.plugins.rules[rule_id].cls
    params = config.read_params(cls, setting.params or {})
    rule = guard(lambda: cls(params), timeout_s=deps.rule_timeout_s, what=f"rule {rule_id}: construction")
    if (cls, params) not in _LINTED:
        fault = guard(lambda: key_fault(rule), timeout_s=deps.rule_timeout_s, what=f"rule {rule_id}: keys")
        if fault is not None:
            raise wrong(f"rule {rule_id}", fault)
        _LINTED.append((cls, params))
    return rule


def answer_of(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    rule: WarningRule,
    keys: Sequence[AffectedKey],
    *,
    tried: Mapping[str, Sequence[SeriesVerdict]] | None = None,
    outlines: Outlines | None = None,
) -> Answer:
    """What a rule sees under these keys now; leave the savepoint when it raises.

    Args:
        tried: Of a weekly rule: its verdicts with these settings, instead of those that are kept.
        outlines: What the batch's rules have read of matters, places and reporters.

    Raises:
        PluginError: The rule raised, hung, or gave what no rule may give.
        StoreError: The database failed.
    """
    what = f"rule {rule.rule_id}: evaluate"
    history = StoreHistory(connection, now, deps.calendar, tried=tried, outlines=outlines)
    limit_statements(connection, deps.rule_timeout_s)
    try:
        given = guard(lambda: list(rule.evaluate(keys, history)), timeout_s=deps.rule_timeout_s, what=what)
    except StoreError as exc:
        if history.failed is None:
            raise wrong(what, f"raised {type(exc).__name__} itself (expected drafts)") from None
        raise
    finally:
        history.close()
    if history.failed is not None:
        raise history.failed
    limit_statements(connection, None)
    asked = {affected.key for affected in keys}
    return Answer(_drafts(what, given, asked), _moments(what, given, asked, now))


def _drafts(what: str, given: Sequence[object], asked: set[str]) -> dict[str, list[SignalDraft]]:
    drafts: list[SignalDraft] = []
    for draft in given:
        if isinstance(draft, Recheck):
            continue
        if fault := episodes.draft_fault(draft, asked):
            raise wrong(what, fault)
        assert isinstance(draft, SignalDraft)
        drafts.append(draft)
    drafts.sort(key=lambda draft: draft.key)
    found = {key: list(group) for key, group in groupby(drafts, key=lambda draft: draft.key)}
    if any(episodes.overlapping(group) for group in found.values()):
        raise wrong(what, "gave drafts of one key that overlap in time (expected one draft an episode)")
    return found


def _of_rule(
    deps: PipelineDeps, rule: WarningRule, keys: Sequence[AffectedKey]
) -> tuple[dict[str, Any], list[tuple[datetime, datetime]]]:
    """The rule's parameters as they are kept, and what its judgement of each key covers: asked of the plugin behind its guard."""
    what = f"rule {rule.rule_id}: scope"
    params, scopes = guard(
        lambda: (rule.params.model_dump(mode="json"), [rule.scope(one) for one in keys]),
        timeout_s=deps.rule_timeout_s,
        what=what,
    )
    if not all(_is_span(one) for one in scopes):
        raise wrong(what, "gave no span (expected two aware times, the earlier first)")
    try:
        json.dumps(params, allow_nan=False)
    except ValueError:
        raise wrong(
            f"rule {rule.rule_id}: parameters", "hold no finite number (expected what JSON can say)"
        ) from None
    return params, scopes


def _is_span(given: object) -> bool:
    if not isinstance(given, tuple) or len(given) != 2:
        return False
    return all(isinstance(one, datetime) and one.tzinfo is not None for one in given) and given[0] <= given[1]


def _moments(what: str, given: Sequence[object], asked: set[str], now: datetime) -> dict[str, datetime]:
    moments: dict[str, datetime] = {}
    for one in given:
        if not isinstance(one, Recheck):
            continue
        if one.key not in asked or one.at.tzinfo is None:
            raise wrong(what, "wants to judge a key again that it was not asked about, or at a naive time")
        if one.at <= now:
            raise wrong(
                what,
                "wants to judge a key again at a moment that has passed (expected one after history.now)",
            )
        moments[one.key] = min(moments.get(one.key, one.at), one.at)
    return moments


def spans(touched: Iterable[tuple[str, datetime]]) -> dict[str, AffectedKey]:
    """Each key once, with the earliest and latest time that touches it."""
    found: dict[str, tuple[datetime, datetime]] = {}
    for key, at in touched:
        known = found.get(key)
        if known is None:
            found[key] = at, at
        elif at < known[0]:
            found[key] = at, known[1]
        elif at > known[1]:
            found[key] = known[0], at
    return {key: AffectedKey(key, *span) for key, span in sorted(found.items())}


def _latest(
    connection: Connection, rule: WarningRule, drafts: Mapping[str, Sequence[SignalDraft]]
) -> dict[int, datetime]:
    """For each draft, by its identity, when the youngest of what it rests on happened: its window tells it of what is no demand."""
    every = [draft for group in drafts.values() for draft in group]
    named = {demand_id for draft in every for demand_id in draft.demand_ids}
    times = signals.event_times(connection, sorted(named)) if named else {}
    if len(times) < len(named):
        raise wrong(f"rule {rule.rule_id}: evaluate", "named a demand that is not stored")
    return {
        id(draft): max(
            [
                *(times[demand_id] for demand_id in draft.demand_ids),
                *([draft.window_to] if draft.observed else ()),
            ]
        )
        for draft in every
    }


def _renew(connection: Connection, one: SignalView, seen: dict[str, object], now: datetime) -> bool:
    """Writes what the rule sees now of a standing signal; False when that is what stands."""
    reopen = one.state is SignalState.DISMISSED and one.triaged_by == signals.SYSTEM
    if not reopen and one.lapsed_at is None and not episodes.differences(one, seen):
        return False
    signals.renew(connection, one.signal_id, seen, now, reopen=reopen)
    return True


def _end(connection: Connection, plan: episodes.Plan, now: datetime) -> int:
    """Merges and closes what the plan says; how many."""
    for other, survivor in plan.merged:
        signals.merge(connection, other.signal_id, survivor.signal_id)
    for one in plan.closed:
        signals.triage(
            connection,
            one.signal_id,
            SignalState.DISMISSED,
            now,
            by=signals.SYSTEM,
            verdict="dismiss",
            reason=signals.GONE,
        )
    return len(plan.merged) + len(plan.closed)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _gate_name(rule_id: str) -> str:
    return f"rule:{rule_id}"


def wrong(what: str, fault: str) -> PluginError:
    """A rule that breaks its contract."""
    return PluginError(f"{what}: {fault}; mend the rule", code=Code.PLUGIN_FAILED)


def _not_installed(rule_id: str) -> PluginError:
    return PluginError(
        f"rule {rule_id}: demands wait for it, but no loaded plugin brings it (see `hub plugin list`); install or mend its "
        "plugin, or set enabled: false for it with `hub config apply`",
        code=Code.PLUGIN_BROKEN,
    )
