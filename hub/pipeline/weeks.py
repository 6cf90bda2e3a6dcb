"""Weeks: judges whole weeks that are over, and again when what they were judged by has changed.

Part of evaluate, after everything that waits was counted. One process at a time, a few weeks a transaction; a rule that fails leaves
its weeks unjudged and the others' verdicts standing. Safe to run again: what stands already is not judged twice.

A change in a week judges that week and all later ones anew, for it is in their baselines. Weeks older than `JUDGED_WEEKS` keep the
verdict that they have.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Final

from hub.errors import Code, HubError, PluginError
from hub.model.report import Problem
from hub.model.series import WEEKLY, SeriesKind, county_day, monday_of, start_of
from hub.pipeline.judging import ready_rule
from hub.plugins import guard
from hub.sdk.weekly import WEEK, SeriesVerdict, WeekCounts, WeekFindings, WeeklyRule
from hub.store import config, rollups, signals, weeks, work
from hub.store.config import RuleSetting
from hub.store.engine import Connection

if TYPE_CHECKING:
    from hub.pipeline.deps import PipelineDeps

JUDGED_WEEKS: Final = 26
LOOKS_BACK: Final = 300
"""Weeks of history that a week is judged by at most: five years, half a year that is left out, and what a scan takes."""
AT_ONCE: Final = 4
REST: Final = timedelta(minutes=10)
"""Late demands trickle in: a week that was judged is judged again after so long at the earliest."""
MOST_UNFOLDED: Final = 50_000
GROUP_DAYS: Final = timedelta(days=30)

Cells = Mapping[SeriesKind, list[tuple[str, date, int]]]


def judge(deps: PipelineDeps, problems: dict[str, Problem]) -> int:
    """Judges the next weeks that wait for it.

    Args:
        problems: Gets one of each rule that failed.

    Returns:
        How many weeks were judged, a week for each rule; 0 when nothing is due or another process is at it.
    """
    now = deps.clock.now()
    ids = [
        rule_id for rule_id, entry in sorted(deps.plugins.rules.items()) if issubclass(entry.cls, WeeklyRule)
    ]
    if not ids:
        return 0
    with deps.store.begin() as connection:
        if not weeks.alone(connection):
            return 0
        running = monday_of(county_day(now))
        _settle(connection, running)
        rules = _rules(deps, connection, now, ids, problems)
        first = rollups.first_day(connection)
        if not rules or first is None:
            return 0
        due = _Due(connection, now, rules, running, _whole(first))
        turns = due.weeks()[:AT_ONCE]
        if not turns:
            return 0
        ground = _Ground(connection, turns[0][0], turns[-1][0], _whole(first))
        regions = weeks.regions(connection)
        done = 0
        for week, waiting in turns:
            counts = ground.counts(week, regions, due.groups(week))
            for rule, inputs in waiting:
                if rule.rule_id in problems:
                    continue
                done += _judge(deps, connection, rule, counts, inputs, now, problems)
        return done


def tried(
    deps: PipelineDeps, rule: WeeklyRule, since: datetime, until: datetime
) -> dict[str, list[SeriesVerdict]]:
    """What the rule would have found of the whole weeks in ``[since, until)``, by series, ascending by week; writes nothing.

    Raises:
        PluginError: The rule failed.
    """
    now = deps.clock.now()
    found: dict[str, list[SeriesVerdict]] = {}
    with deps.store.begin() as connection:
        first = rollups.first_day(connection)
        if first is None:
            return found
        week = max(monday_of(county_day(since)), _whole(first))
        last = min(monday_of(county_day(until)), monday_of(county_day(now))) - WEEK
        if last < week:
            return found
        ground = _Ground(connection, week, last, _whole(first))
        regions = weeks.regions(connection)
        groups = weeks.group_signals(connection, rule.reckons_with, start_of(week) - GROUP_DAYS)
        while week <= last:
            counts = ground.counts(week, regions, _groups(groups, week))
            for one in _asked(deps, rule, counts).verdicts:
                found.setdefault(one.series, []).append(one)
            week += WEEK
    return found


def _groups(signals_of: Sequence[tuple[datetime, str, str]], week: date) -> dict[str, int]:
    """Groups by region whose signals ended in the 30 days that end with the week; one that several rules tell of is one."""
    end = start_of(week + WEEK)
    groups = {(where, key) for at, where, key in signals_of if end - GROUP_DAYS < at <= end}
    return dict(sorted(Counter(where for where, _ in groups).items()))


def _settle(connection: Connection, running: date) -> None:
    """What changed in weeks that are over takes their verdicts away, and the differences are folded."""
    changed = rollups.earliest_new(connection, WEEKLY)
    if changed is not None and changed < running:
        weeks.forget(connection, max(monday_of(changed), running - JUDGED_WEEKS * WEEK))
        rollups.fold(connection)
    elif rollups.unfolded(connection, MOST_UNFOLDED + 1) > MOST_UNFOLDED:
        rollups.fold(connection)


def _rules(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    ids: Sequence[str],
    problems: dict[str, Problem],
) -> dict[str, WeeklyRule]:
    settings = config.rule_settings(connection, now)
    found: dict[str, WeeklyRule] = {}
    for rule_id in ids:
        setting = settings.get(rule_id, RuleSetting())
        if not setting.enabled or rule_id in problems:
            continue  # what has failed in this pass is asked again in the next one
        try:
            rule = ready_rule(deps, rule_id, setting)
        except HubError as exc:
            problems[rule_id] = _problem(rule_id, exc)
        else:
            if isinstance(rule, WeeklyRule):
                found[rule_id] = rule
    return found


def _whole(first: date) -> date:
    """The Monday of the first week that is counted as a whole."""
    return first if first.weekday() == 0 else monday_of(first) + WEEK


class _Due:
    """Which weeks wait for which rules, and by what each would be judged."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        rules: Mapping[str, WeeklyRule],
        running: date,
        first: date,
    ) -> None:
        self.connection, self.now, self.rules = connection, now, rules
        self.running, self.first = running, first
        self._regions = weeks.regions_version(connection)
        reckoned = {rule_id for rule in rules.values() for rule_id in rule.reckons_with}
        since = start_of(running - JUDGED_WEEKS * WEEK) - GROUP_DAYS
        self._signals = weeks.group_signals(connection, reckoned, since) if reckoned else []

    def groups(self, week: date) -> dict[str, int]:
        """Groups that the rules in `WeeklyRule.reckons_with` tell of, by region, in the 30 days that end with the week."""
        return _groups(self._signals, week)

    def weeks(self) -> list[tuple[date, list[tuple[WeeklyRule, str]]]]:
        """Weeks that are over and wait, ascending, each with the rules and what it would be judged by."""
        oldest = max(self.running - JUDGED_WEEKS * WEEK, self.first)
        stands = weeks.judged(self.connection, oldest)
        found = []
        week = oldest
        while week < self.running:
            waiting = []
            for rule_id, rule in self.rules.items():
                inputs = self._inputs(rule, week)
                stood, judged_at = stands.get(rule_id, {}).get(week, (None, self.now))
                rests = stood == "" and self.now < judged_at + REST
                if stood != inputs and not rests:
                    waiting.append((rule, inputs))
            if waiting:
                found.append((week, waiting))
            week += WEEK
        return found

    def _inputs(self, rule: WeeklyRule, week: date) -> str:
        """All that a verdict depends on but the counts: another digest is another judgement."""
        told = {"rule": rule.version, "params": rule.params.model_dump(mode="json")}
        if SeriesKind.REGION in rule.kinds:
            told["regions"] = self._regions
        if rule.reckons_with:
            told["groups"] = self.groups(week)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


class _Ground:
    """The counts of all weeks up to the last that is judged now, read once."""

    def __init__(self, connection: Connection, earliest: date, last: date, first: date) -> None:
        self.first = first
        since = max(first, earliest - LOOKS_BACK * WEEK)
        self._cells: Cells = rollups.cells(connection, WEEKLY, since, last + WEEK)

    def counts(self, week: date, regions: weeks.Regions, groups: Mapping[str, int]) -> WeekCounts:
        """What the week is judged by: nothing of what came after it, and no series that had no case by then."""
        from hub.detect.dense import weekly_counts

        since = max(self.first, week - LOOKS_BACK * WEEK)
        upto = {
            kind: [row for row in rows if since <= row[1] < week + WEEK] for kind, rows in self._cells.items()
        }
        days: dict[str, list[tuple[date, int]]] = {}
        for key, day, n in upto[SeriesKind.REGION]:
            days.setdefault(key, []).append((day, n))
        return WeekCounts(
            week=week,
            weekly={
                kind: weekly_counts(rows, as_of=start_of(week + WEEK), since=since)
                for kind, rows in upto.items()
            },
            region_days=days,
            residents=regions.residents,
            spots=regions.spots,
            names=regions.names,
            groups=groups,
        )


def _judge(
    deps: PipelineDeps,
    connection: Connection,
    rule: WeeklyRule,
    counts: WeekCounts,
    inputs: str,
    now: datetime,
    problems: dict[str, Problem],
) -> int:
    """One week by one rule, in a savepoint of its own; the rule is asked again of every series of which it says something else now."""
    try:
        with signals.savepoint(connection):
            findings = _asked(deps, rule, counts)
            changed = weeks.put(connection, rule.rule_id, counts.week, inputs, findings, now)
            if changed:
                again = weeks.to_judge_again(connection, rule.rule_id, changed, counts.week)
                work.enqueue_evaluate(connection, again, [rule.rule_id])
    except HubError as exc:
        problems[rule.rule_id] = _problem(rule.rule_id, exc)
        return 0
    return 1


def _asked(deps: PipelineDeps, rule: WeeklyRule, counts: WeekCounts) -> WeekFindings:
    """What the rule finds in the week; raises PluginError when it raises, hangs, or gives what no rule may give."""
    found = guard(
        partial(rule.judge, counts), timeout_s=deps.rule_timeout_s, what=f"rule {rule.rule_id}: judge"
    )
    return _fitting(rule, counts, found)


def _fitting(rule: WeeklyRule, counts: WeekCounts, findings: object) -> WeekFindings:
    """The findings, when a rule may have given them; raises PluginError otherwise."""
    fault = None
    if not isinstance(findings, WeekFindings):
        fault = f"gave a {type(findings).__name__} (expected a hub.sdk.weekly.WeekFindings)"
    elif len({one.series for one in findings.verdicts}) < len(findings.verdicts):
        fault = "gave two verdicts on one series (expected one)"
    elif any(one.week != counts.week for one in findings.verdicts):
        fault = "gave a verdict on another week than it was asked about"
    elif any(
        not isfinite(value or 0.0)
        for one in findings.verdicts
        for value in (one.observed, one.expected, one.upper, one.p_value, one.q_value)
    ):
        fault = "gave a number that is not finite"
    if fault is not None or not isinstance(findings, WeekFindings):
        raise PluginError(f"rule {rule.rule_id}: judge: {fault}; mend the rule", code=Code.PLUGIN_FAILED)
    return findings


def _problem(rule_id: str, exc: HubError) -> Problem:
    return Problem(where=f"rule {rule_id}", code=str(exc.code), message=exc.message)
