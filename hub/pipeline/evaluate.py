"""Evaluate: judges what new, changed or late demands touch, and keeps each rule's episodes as signals.

One transaction a batch of work rows. Keys are locked in one order, so that several processes evaluate beside each other and
end as one. What else was observed, and keys whose moment has come, are judged after the demands (`hub.pipeline.evaluate_observed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, product

from hub.errors import HubError
from hub.model.demand import DemandFacts
from hub.model.report import Report
from hub.pipeline import evaluate_observed, matter, place, related, weeks
from hub.pipeline.deps import PipelineDeps, logged
from hub.pipeline.judging import MINUTE, Judge, RulesChanged, Tally, judging, spans, touched
from hub.sdk.rules import AffectedKey, WarningRule
from hub.store import config, landing, outlines, persons, reach, rollups, routes, signals, work
from hub.store.chain import write_audit
from hub.store.engine import Connection
from hub.store.history import facts_of, former_facts
from hub.store.work import EvaluateWork


def run(deps: PipelineDeps, *, max_batches: int | None = None) -> Report:
    """Judges everything that waits; safe to run again and beside itself.

    Args:
        max_batches: Stop after so many transactions; None until nothing is due.

    Returns:
        Counts ``demands`` (judged, once a batch), ``observed`` (cases, ratings and the like, likewise), ``rechecked`` (keys whose
        moment had come), ``placed`` (whose place was found, or is another), ``categorized`` (whose category was, likewise),
        ``grouped`` (put into a matter, or into another), ``linked`` (earlier demands of which it came to light whose they are, or what
        they are the same as), ``signals_new``, ``signals_changed`` and ``signals_closed`` (merged ones included); one problem for each rule that failed.

    Raises:
        StoreError: The database failed; what was committed before stands, the rest waits.
    """
    started_at = deps.clock.now()
    total = Tally()
    batches = 0
    with deps.store.begin() as connection:
        config.take_up(
            connection, {name: entry.cls for name, entry in deps.plugins.rules.items()}, started_at
        )
    while max_batches is None or batches < max_batches:
        total.took(place.prepare(deps))
        total.counts["grouped"] += matter.prepare(deps)
        try:
            done = _batch(deps) or evaluate_observed.batch(deps) or evaluate_observed.moments(deps)
        except RulesChanged:
            continue  # new parameters were applied in between: judge the same work under them
        if done is None:
            # A new gazetteer, catalogue or model looks at what is stored when nothing new waits; what it changes is judged next.
            again = place.rework(deps)
            if again is None and not weeks.judge(deps, total.problems):
                break
            total.took(again or {})
        else:
            total.add(done)
        batches += 1
    report = Report(step="evaluate", counts=total.counts, problems=tuple(total.problems.values()))
    _write_down(deps, report)
    return logged(deps, report, started_at)


def _write_down(deps: PipelineDeps, report: Report) -> None:
    """A line of the audit log for a run that judged anything: by which rules, in which version, and what came of it (R42)."""
    if not any(report.counts[name] for name in ("demands", "observed", "rechecked")):
        return
    now = deps.clock.now()
    with deps.store.begin() as connection:
        settings = config.rule_settings(connection, now)
        detail: dict[str, object] = {name: count for name, count in report.counts.items() if count}
        detail["rules"] = {
            rule_id: f"{version}/{settings[rule_id].version if rule_id in settings else 0}"
            for rule_id, version in judging(deps.plugins.rules, settings).items()
        }
        if report.problems:
            detail["failed"] = sorted({problem.where for problem in report.problems})
        write_audit(
            connection,
            deps.chain.salted_digest,
            now,
            actor=signals.SYSTEM,
            action="rules.run",
            subject="evaluate",
            detail=detail,
        )


def _batch(deps: PipelineDeps) -> Tally | None:
    """One transaction; None when no demand is due."""
    now = deps.clock.now()
    with deps.store.begin() as connection:
        jobs = work.claim_evaluate(connection, now, deps.settings.batch)
        if not jobs:
            return None
        if jobs[0].attempts:
            jobs = jobs[:1]  # after a failure one row at a time, so that a bad demand is soon alone
        else:
            jobs = [job for job in jobs if not job.attempts]
        with deps.store.begin() as apart:
            outlines.keep(apart, sorted({demand_id for job in jobs for demand_id in job.demand_ids}))
        tally = _DemandJudge(deps, connection, now, jobs).judge()
        work.done_evaluate(connection, [job.work_id for job in jobs])
        return tally


class _DemandJudge(Judge):
    """Judges one batch of demands."""

    def __init__(
        self, deps: PipelineDeps, connection: Connection, now: datetime, jobs: Sequence[EvaluateWork]
    ) -> None:
        super().__init__(deps, connection, now, jobs[0].attempts)
        self.jobs = jobs
        # What a rule that was not asked, or failed, has to look at later: (demands, failures so far).
        self.before_locks = outlines.Outlines(connection)
        self.parts = [(job.demand_ids, job.attempts) for job in jobs]

    def judge(self) -> Tally:
        waiting = {demand_id for job in self.jobs for demand_id in job.demand_ids}
        # Who is one person may have come to light with these demands: then that person's others are judged with them.
        known = persons.link(self.connection, sorted(waiting), self.now, by="evaluate")
        linked = set(known.demand_ids)
        # And what came by another route as well is counted once.
        linked.update(routes.link(self.connection, sorted(waiting | linked), self.now))
        if linked:
            outlines.keep(self.connection, sorted(linked))
            # Others may judge a group of theirs meanwhile and not see yet what has come to light: so they are judged once more,
            # by every rule, when it is committed.
            landing.push_evaluate_work(self.connection, sorted(linked), self.now, prepared=True)
        if others := sorted(linked - waiting):
            self.tally.counts["linked"] = len(others)
            self.parts.append((tuple(others), 0))
        demand_ids = sorted(waiting | linked)
        if self.jobs[0].rule_ids is None:
            rollups.count_demands(self.connection, demand_ids)
        self.tally.counts["demands"] = len(waiting)
        settings = config.rule_settings(self.connection, self.now)
        installed, wanted = self.deps.plugins.rules, self.jobs[0].rule_ids
        if wanted is None:
            reach.note(self.connection, self.now, judging(installed, settings))
        rules = self.rules(installed if wanted is None else wanted, settings)
        demands = facts_of(self.connection, demand_ids, live_only=False)
        affected = self._affected(rules, demands, former_facts(self.connection, demands))
        self.lock(affected, settings, product(installed, chain.from_iterable(known.owners.items())))
        persons.move_signals(self.connection, known.owners)
        self.judge_all(rules, affected)
        return self.tally

    def _affected(
        self,
        rules: Mapping[str, WarningRule],
        demands: Sequence[DemandFacts],
        former: Sequence[DemandFacts],
    ) -> dict[str, dict[str, AffectedKey]]:
        """For each rule the keys that these demands touch, touched before they changed, or have a signal under."""
        own = [rule_id for rule_id, rule in rules.items() if rule.subject == "demand"]
        known = signals.known_keys(self.connection, own, [one.demand_id for one in demands]) if own else {}
        every = [(one, one.submitted_at) for one in (*demands, *former)]
        found: dict[str, dict[str, AffectedKey]] = {}
        for rule_id, rule in rules.items():
            try:
                keys = touched(self.deps, rule, rule.keys, every)
            except HubError as exc:
                self.failed(rule_id, exc)
            else:
                still = known.get(rule_id, set())
                keys += [(one.demand_id, one.submitted_at) for one in demands if one.demand_id in still]
                self._with_related(rule, spans(keys), found)
        return found

    def _with_related(
        self, rule: WarningRule, keys: dict[str, AffectedKey], found: dict[str, dict[str, AffectedKey]]
    ) -> None:
        """Notes a rule's keys and those that turn on what touched them; a rule that fails at these has none."""
        try:
            found[rule.rule_id] = related.keys_with(
                self.deps, self.connection, self.now, rule, keys, self.before_locks
            )
        except HubError as exc:
            self.failed(rule.rule_id, exc)

    def in_halves(self, rule_id: str) -> None:
        for demand_ids, attempts in self.parts:
            middle = (len(demand_ids) + 1) // 2
            wait = MINUTE if len(demand_ids) > 1 else self.wait()
            for half in (demand_ids[:middle], demand_ids[middle:]):
                if half:
                    work.requeue_evaluate(self.connection, half, [rule_id], attempts + 1, self.now + wait)

    def put_off(self, rule_id: str, wait: timedelta, *, counted: bool = True) -> None:
        for demand_ids, attempts in self.parts:
            work.requeue_evaluate(self.connection, demand_ids, [rule_id], attempts + counted, self.now + wait)
