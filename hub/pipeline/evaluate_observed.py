"""Evaluate, beside demands: judges cases, ratings, inspections, findings, monitor events, warnings and orders that are new or changed,
and keys whose moment has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from hub.errors import HubError
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.judging import MINUTE, Judge, Tally, spans, touched
from hub.sdk.rules import AffectedKey, Seen, WarningRule
from hub.store import config, observed_work, seen, signals
from hub.store.engine import Connection
from hub.store.observed_work import Due, ObservedWork


def batch(deps: PipelineDeps) -> Tally | None:
    """One transaction over things of one kind; None when none is due."""
    now = deps.clock.now()
    with deps.store.begin() as connection:
        jobs = observed_work.claim(connection, now, deps.settings.batch)
        if not jobs:
            return None
        if jobs[0].attempts:
            jobs = jobs[:1]  # after a failure one row at a time, so that a bad thing is soon alone
        else:
            jobs = [job for job in jobs if not job.attempts]
        tally = _ObservedJudge(deps, connection, now, jobs).judge()
        observed_work.done(connection, [job.work_id for job in jobs])
        return tally


def moments(deps: PipelineDeps) -> Tally | None:
    """One transaction over keys of one rule whose moment has come; None when none has."""
    now = deps.clock.now()
    with deps.store.begin() as connection:
        due = observed_work.due(connection, now, deps.settings.batch)
        if not due:
            return None
        mine = [one for one in due if one.rule_id == due[0].rule_id]
        if mine[0].attempts:
            mine = mine[:1]
        return _MomentJudge(
            deps, connection, now, [one for one in mine if one.attempts == mine[0].attempts]
        ).judge()


class _ObservedJudge(Judge):
    """Judges one batch of things of one kind."""

    def __init__(
        self, deps: PipelineDeps, connection: Connection, now: datetime, jobs: Sequence[ObservedWork]
    ) -> None:
        super().__init__(deps, connection, now, jobs[0].attempts)
        self.jobs, self.kind = jobs, jobs[0].kind

    def judge(self) -> Tally:
        ids = sorted({one for job in self.jobs for one in job.ids})
        self.tally.counts["observed"] = len(ids)
        settings = config.rule_settings(self.connection, self.now)
        wanted = self.jobs[0].rule_ids
        caring = [
            rule_id for rule_id, entry in self.deps.plugins.rules.items() if self.kind in entry.cls.observes
        ]
        rules = self.rules(caring if wanted is None else wanted, settings)
        things = seen.of_ids(self.connection, self.kind, ids)
        affected = self._affected(rules, things, seen.former(self.connection, self.kind, things))
        self.lock(affected, settings)
        self.judge_all(rules, affected)
        return self.tally

    def _affected(
        self, rules: Mapping[str, WarningRule], things: Sequence[Seen], former: Sequence[Seen]
    ) -> dict[str, dict[str, AffectedKey]]:
        """For each rule the keys that these things touch, touched before they changed, or have a signal under."""
        own = [rule_id for rule_id, rule in rules.items() if rule.subject == self.kind]
        known = signals.known_keys(self.connection, own, [one.id for one in things]) if own else {}
        every = [(one, one.at) for one in (*things, *former)]
        found: dict[str, dict[str, AffectedKey]] = {}
        for rule_id, rule in rules.items():
            try:
                keys = touched(self.deps, rule, rule.observed_keys, every)
            except HubError as exc:
                self.failed(rule_id, exc)
            else:
                still = known.get(rule_id, set())
                keys += [(one.id, one.at) for one in things if one.id in still]
                found[rule_id] = spans(keys)
        return found

    def in_halves(self, rule_id: str) -> None:
        for job in self.jobs:
            middle = (len(job.ids) + 1) // 2
            wait = MINUTE if len(job.ids) > 1 else self.wait()
            for half in (job.ids[:middle], job.ids[middle:]):
                if half:
                    self._later(rule_id, half, job.attempts + 1, wait)

    def put_off(self, rule_id: str, wait: timedelta, *, counted: bool = True) -> None:
        for job in self.jobs:
            self._later(rule_id, job.ids, job.attempts + counted, wait)

    def _later(self, rule_id: str, ids: Sequence[str], attempts: int, wait: timedelta) -> None:
        observed_work.requeue(self.connection, self.kind, ids, [rule_id], attempts, self.now + wait)


class _MomentJudge(Judge):
    """Judges keys of one rule whose moment has come."""

    def __init__(self, deps: PipelineDeps, connection: Connection, now: datetime, due: Sequence[Due]) -> None:
        super().__init__(deps, connection, now, due[0].attempts)
        self.due, self.rule_id = due, due[0].rule_id

    def judge(self) -> Tally:
        settings = config.rule_settings(self.connection, self.now)
        if self.rule_id in settings and not settings[self.rule_id].enabled:
            # Enabled again, it judges everything anew, and asks again for what it needs.
            observed_work.forget_rule(self.connection, self.rule_id)
            return self.tally
        rules = self.rules([self.rule_id], settings)
        if not rules:
            return self.tally
        asked = {self.rule_id: {one.key: AffectedKey(one.key, one.at, one.at) for one in self.due}}
        self.lock(asked, settings)
        # Somebody else may have seen to them while this one waited for the locks.
        still = observed_work.still_due(self.connection, self.rule_id, list(asked[self.rule_id]), self.now)
        self.tally.counts["rechecked"] = len(still)
        self.judge_all(
            rules, {self.rule_id: {key: one for key, one in asked[self.rule_id].items() if key in still}}
        )
        return self.tally

    def in_halves(self, rule_id: str) -> None:
        # Counted as failed, each is judged alone next time.
        keys = [one.key for one in self.due]
        wait = MINUTE if len(keys) > 1 else self.wait()
        observed_work.put_off(self.connection, rule_id, keys, self.now + wait)

    def put_off(self, rule_id: str, wait: timedelta, *, counted: bool = True) -> None:
        observed_work.put_off(
            self.connection, rule_id, [one.key for one in self.due], self.now + wait, counted=counted
        )
