"""Evaluate: judges what new, changed or late demands touch, and keeps each rule's episodes as signals.

One transaction a batch of work rows. Keys are locked in one order, so that several processes evaluate beside each other and
end as one. A rule that raises or hangs is undone to its savepoint, its demands wait for it alone, and the others' results
stand; one that hung rests before it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, groupby, product

from hub.errors import Code, HubError, PluginError, SourceUnavailable, StoreError
from hub.model.codes import Level, SignalState
from hub.model.demand import DemandFacts
from hub.model.ids import new_ulid
from hub.model.report import Problem, Report
from hub.model.warning import SignalDraft, SignalView
from hub.pipeline import episodes, place
from hub.pipeline.deps import PipelineDeps, logged
from hub.plugins import RuleEntry, guard
from hub.sdk.gate import BreakerPolicy
from hub.sdk.rules import AffectedKey, WarningRule
from hub.store import config, landing, persons, reach, routes, signals, warnings, work
from hub.store.chain import write_audit
from hub.store.config import RuleSetting
from hub.store.engine import Connection
from hub.store.gate import StoreGate
from hub.store.history import StoreHistory, facts_of, former_facts, limit_statements
from hub.store.work import EvaluateWork

_UNSTORABLE = (
    "asked for, or gave, a value that the database cannot hold (a NUL character, a number out of range)"
)

MINUTE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
# A rule that hung costs its whole time limit: it rests at once, a minute first, at most an hour.
HUNG = BreakerPolicy(failures=1, open_s=60.0, longest_open_s=3600.0, probe_s=120.0)


def run(deps: PipelineDeps, *, max_batches: int | None = None) -> Report:
    """Judges every demand that waits; safe to run again and beside itself.

    Args:
        max_batches: Stop after so many transactions; None until nothing is due.

    Returns:
        Counts ``demands`` (judged, once a batch), ``placed`` (whose place was found, or is another), ``linked`` (earlier demands of which it came to light whose they are, or what they are the same as), ``signals_new``, ``signals_changed`` and ``signals_closed`` (merged ones
        included); one problem for each rule that failed.

    Raises:
        StoreError: The database failed; what was committed before stands, the rest waits.
    """
    started_at = deps.clock.now()
    total = _Tally()
    batches = 0
    while max_batches is None or batches < max_batches:
        total.counts["placed"] += place.prepare(deps)
        try:
            done = _batch(deps)
        except _RulesChanged:
            continue  # new parameters were applied in between: judge the same work under them
        if done is None:
            # A new gazetteer looks at what is stored when nothing new waits; what it changes is judged next.
            again = place.rework(deps)
            if again is None:
                break
            total.counts["placed"] += again
        else:
            total.add(done)
        batches += 1
    report = Report(step="evaluate", counts=total.counts, problems=tuple(total.problems.values()))
    return logged(deps, report, started_at)


def _batch(deps: PipelineDeps) -> _Tally | None:
    """One transaction; None when nothing is due."""
    now = deps.clock.now()
    with deps.store.begin() as connection:
        jobs = work.claim_evaluate(connection, now, deps.settings.batch)
        if not jobs:
            return None
        if jobs[0].attempts:
            jobs = jobs[:1]  # after a failure one row at a time, so that a bad demand is soon alone
        else:
            jobs = [job for job in jobs if not job.attempts]
        tally = _Judge(deps, connection, now, jobs).judge()
        work.done_evaluate(connection, [job.work_id for job in jobs])
        return tally


class _RulesChanged(Exception):
    """The settings of rules changed while the batch waited for its keys."""


@dataclass(slots=True)
class _Tally:
    """What batches did."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("demands", "placed", "linked", "signals_new", "signals_changed", "signals_closed"), 0
        )
    )
    problems: dict[str, Problem] = field(default_factory=dict)

    def add(self, other: _Tally) -> None:
        for name, count in other.counts.items():
            self.counts[name] += count
        self.problems.update(other.problems)


class _Judge:
    """Judges one batch in the caller's transaction."""

    def __init__(
        self, deps: PipelineDeps, connection: Connection, now: datetime, jobs: Sequence[EvaluateWork]
    ) -> None:
        self.deps, self.connection, self.now, self.jobs = deps, connection, now, jobs
        self.gate = StoreGate(deps.store, deps.clock, HUNG)
        self.tally = _Tally()
        self.risen: list[tuple[str, Level]] = []
        # What a rule that was not asked, or failed, has to look at later: (demands, failures so far).
        self.parts = [(job.demand_ids, job.attempts) for job in jobs]

    def judge(self) -> _Tally:
        waiting = {demand_id for job in self.jobs for demand_id in job.demand_ids}
        # Who is one person may have come to light with these demands: then that person's others are judged with them.
        known = persons.link(self.connection, sorted(waiting), self.now, by="evaluate")
        linked = set(known.demand_ids)
        # And what came by another route as well is counted once.
        linked.update(routes.link(self.connection, sorted(waiting | linked), self.now))
        if others := sorted(linked - waiting):
            self.tally.counts["linked"] = len(others)
            self.parts.append((tuple(others), 0))
        if linked and self.jobs[0].rule_ids is not None:
            # This batch waits for some rules alone; the others look at them in a batch of their own.
            landing.push_evaluate_work(self.connection, sorted(linked), self.now)
        demand_ids = sorted(waiting | linked)
        self.tally.counts["demands"] = len(waiting)
        settings = config.rule_settings(self.connection, self.now)
        rules = self._rules(settings)
        demands = facts_of(self.connection, demand_ids, live_only=False)
        affected = self._affected(rules, demands, former_facts(self.connection, demands))
        held = {(rule_id, key) for rule_id, keys in affected.items() for key in keys}
        held.update(product(self.deps.plugins.rules, chain.from_iterable(known.owners.items())))
        signals.lock_keys(self.connection, held)
        persons.move_signals(self.connection, known.owners)
        # Only what is read under the locks counts: a change that is committed later brings work rows of its own.
        if config.rule_settings(self.connection, self.now) != settings:
            raise _RulesChanged
        for rule_id, keys in affected.items():
            if keys:
                self._judge_rule(rules[rule_id], list(keys.values()))
        self._raise_warnings()
        return self.tally

    def _rules(self, settings: dict[str, RuleSetting]) -> dict[str, WarningRule]:
        """The enabled rules that this work waits for, with their stored parameters; the others' work waits on."""
        installed = self.deps.plugins.rules
        wanted = self.jobs[0].rule_ids
        if wanted is None:
            reach.note(self.connection, self.now, judging(installed, settings))
        rules: dict[str, WarningRule] = {}
        for rule_id in sorted(installed if wanted is None else wanted):
            setting = settings.get(rule_id, RuleSetting())
            if not setting.enabled:
                continue
            try:
                if rule_id not in installed:
                    raise _not_installed(rule_id)
                self.gate.admit(_gate_name(rule_id), rate_per_s=None, burst=1)
                rules[rule_id] = ready_rule(self.deps, rule_id, setting)
            except SourceUnavailable as resting:
                self._put_off(rule_id, timedelta(seconds=resting.retry_after_s or 60.0), counted=False)
            except HubError as exc:
                self._note(rule_id, exc)
                self._put_off(rule_id, self._wait())
        return rules

    def _affected(
        self, rules: dict[str, WarningRule], demands: Sequence[DemandFacts], former: Sequence[DemandFacts]
    ) -> dict[str, dict[str, AffectedKey]]:
        """For each rule the keys that these demands touch, touched before they changed, or have a signal under."""
        own = [rule_id for rule_id, rule in rules.items() if rule.subject == "demand"]
        known = signals.known_keys(self.connection, own, [one.demand_id for one in demands]) if own else {}
        found: dict[str, dict[str, AffectedKey]] = {}
        for rule_id, rule in rules.items():
            try:
                touched = guard(
                    partial(_touched, rule, (*demands, *former)),
                    timeout_s=self.deps.rule_timeout_s,
                    what=f"rule {rule_id}: keys",
                )
            except HubError as exc:
                self._failed(rule_id, exc)
            else:
                still = known.get(rule_id, set())
                touched += [(one.demand_id, one.submitted_at) for one in demands if one.demand_id in still]
                found[rule_id] = _spans(touched)
        return found

    def _judge_rule(self, rule: WarningRule, keys: Sequence[AffectedKey]) -> None:
        """One rule's signals, in a savepoint of its own."""
        try:
            with signals.savepoint(self.connection):
                drafts = drafts_of(self.deps, self.connection, self.now, rule, keys)
                kept = self._keep(rule, keys, drafts)
        except StoreError as exc:
            if exc.code is not Code.VALUE_UNSTORABLE:
                raise
            self._failed(rule.rule_id, _wrong(f"rule {rule.rule_id}: evaluate", _UNSTORABLE))
            return
        except HubError as exc:
            self._failed(rule.rule_id, exc)
            return
        self.gate.succeeded(_gate_name(rule.rule_id))
        counts, risen = kept
        self.risen += risen
        for name, count in counts.items():
            self.tally.counts[name] += count

    def _keep(
        self, rule: WarningRule, keys: Sequence[AffectedKey], drafts: dict[str, list[SignalDraft]]
    ) -> tuple[dict[str, int], list[tuple[str, Level]]]:
        """Brings the stored signals of these keys in line with the drafts; what was done, and whose level rose."""
        latest = _latest(self.connection, rule, drafts)
        too_old = self.now - timedelta(days=self.deps.settings.max_event_age_days)
        standing = signals.standing(self.connection, rule.rule_id, [affected.key for affected in keys])
        new, risen, changed, closed = [], [], 0, 0
        for affected in keys:
            mine = drafts.get(affected.key, ())
            plan = episodes.plan(standing.get(affected.key, ()), mine, rule.scope(affected))
            seen = {
                id(draft): episodes.evidence(rule, draft, historical=latest[id(draft)] < too_old)
                for draft in mine
            }
            for draft in plan.new:
                who = {"rule_id": rule.rule_id, "subject": rule.subject, "key": affected.key}
                new.append({"signal_id": new_ulid(_ms(self.now)), **who, **seen[id(draft)]})
            for one, draft in plan.kept:
                changed += _renew(self.connection, one, seen[id(draft)], self.now)
                if one.state is SignalState.WARNED and draft.level > one.level:
                    risen.append((one.signal_id, draft.level))
            closed += _end(self.connection, plan, self.now)
        signals.add(self.connection, new, self.now)
        return {"signals_new": len(new), "signals_changed": changed, "signals_closed": closed}, risen

    def _raise_warnings(self) -> None:
        """A signal that is warned already and grew worse lifts its warning's level; there is no second warning."""
        raised = [warnings.raise_level(self.connection, *risen) for risen in sorted(self.risen)]
        # The audit log's lock comes after every row's, as in the other steps: nobody waits in a circle.
        for warning in filter(None, raised):
            write_audit(
                self.connection,
                self.deps.chain.salted_digest,
                self.now,
                actor=signals.SYSTEM,
                action="warning.raise",
                subject=f"warning {warning.warning_no}",
                detail={"level": int(warning.level)},
            )

    def _failed(self, rule_id: str, exc: HubError) -> None:
        """Notes that a rule failed on this batch and lets its demands wait for it, in halves."""
        self._note(rule_id, exc)
        if exc.code is Code.PLUGIN_TIMEOUT:
            self.gate.failed(_gate_name(rule_id))
        for demand_ids, attempts in self.parts:
            middle = (len(demand_ids) + 1) // 2
            wait = MINUTE if len(demand_ids) > 1 else self._wait()
            for half in (demand_ids[:middle], demand_ids[middle:]):
                if half:
                    work.requeue_evaluate(self.connection, half, [rule_id], attempts + 1, self.now + wait)

    def _put_off(self, rule_id: str, wait: timedelta, *, counted: bool = True) -> None:
        """Lets this batch's demands wait for a rule that was not asked."""
        for demand_ids, attempts in self.parts:
            work.requeue_evaluate(self.connection, demand_ids, [rule_id], attempts + counted, self.now + wait)

    def _wait(self) -> timedelta:
        return min(LONGEST_WAIT, MINUTE * (1 << min(self.jobs[0].attempts, 10)))

    def _note(self, rule_id: str, exc: HubError) -> None:
        self.tally.problems[rule_id] = Problem(
            where=f"rule {rule_id}", code=str(exc.code), message=exc.message
        )


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
        PluginError: It cannot be built.
    """
    cls = deps.plugins.rules[rule_id].cls
    params = config.read_params(cls, setting.params or {})
    return guard(lambda: cls(params), timeout_s=deps.rule_timeout_s, what=f"rule {rule_id}: construction")


def drafts_of(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    rule: WarningRule,
    keys: Sequence[AffectedKey],
) -> dict[str, list[SignalDraft]]:
    """What a rule sees under these keys now, by key; leave the savepoint when it raises.

    Raises:
        PluginError: The rule raised, hung, or gave what no rule may give.
        StoreError: The database failed.
    """
    what = f"rule {rule.rule_id}: evaluate"
    history = StoreHistory(connection, now)
    limit_statements(connection, deps.rule_timeout_s)
    try:
        drafts = guard(lambda: list(rule.evaluate(keys, history)), timeout_s=deps.rule_timeout_s, what=what)
    except StoreError as exc:
        if history.failed is None:
            raise _wrong(what, f"raised {type(exc).__name__} itself (expected drafts)") from None
        raise
    finally:
        history.close()
    if history.failed is not None:
        raise history.failed
    limit_statements(connection, None)
    asked = {affected.key for affected in keys}
    for draft in drafts:
        if fault := episodes.draft_fault(draft, asked):
            raise _wrong(what, fault)
    drafts.sort(key=lambda draft: draft.key)
    found = {key: list(group) for key, group in groupby(drafts, key=lambda draft: draft.key)}
    if any(episodes.overlapping(group) for group in found.values()):
        raise _wrong(what, "gave drafts of one key that overlap in time (expected one draft an episode)")
    return found


def _touched(rule: WarningRule, demands: Iterable[DemandFacts]) -> list[tuple[str, datetime]]:
    touched = []
    for demand in demands:
        for key in rule.keys(demand):
            if not isinstance(key, str) or not key:
                raise _wrong(
                    f"rule {rule.rule_id}: keys", "gave a key that is no text (expected a non-empty str)"
                )
            touched.append((key, demand.submitted_at))
    return touched


def _spans(touched: Iterable[tuple[str, datetime]]) -> dict[str, AffectedKey]:
    spans: dict[str, tuple[datetime, datetime]] = {}
    for key, at in touched:
        since, until = spans.get(key, (at, at))
        spans[key] = (min(since, at), max(until, at))
    return {key: AffectedKey(key, since, until) for key, (since, until) in sorted(spans.items())}


def _latest(
    connection: Connection, rule: WarningRule, drafts: dict[str, list[SignalDraft]]
) -> dict[int, datetime]:
    """For each draft, by its identity, when the youngest of its demands was submitted."""
    named = {demand_id for group in drafts.values() for draft in group for demand_id in draft.demand_ids}
    times = signals.event_times(connection, sorted(named)) if named else {}
    if len(times) < len(named):
        raise _wrong(f"rule {rule.rule_id}: evaluate", "named a demand that is not stored")
    return {
        id(draft): max(times[demand_id] for demand_id in draft.demand_ids)
        for group in drafts.values()
        for draft in group
    }


def _renew(connection: Connection, one: SignalView, seen: dict[str, object], now: datetime) -> bool:
    """Writes what the rule sees now of a standing signal; False when that is what stands."""
    reopen = one.state is SignalState.DISMISSED and one.triaged_by == signals.SYSTEM
    if not reopen and not episodes.differences(one, seen):
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


def _wrong(what: str, fault: str) -> PluginError:
    return PluginError(f"{what}: {fault}; mend the rule", code=Code.PLUGIN_FAILED)


def _not_installed(rule_id: str) -> PluginError:
    return PluginError(
        f"rule {rule_id}: demands wait for it, but no loaded plugin brings it (see `hub plugin list`); install or mend its "
        "plugin, or set enabled: false for it with `hub config apply`",
        code=Code.PLUGIN_BROKEN,
    )
