"""Triage (研判): makes warnings of signals; by itself where the rule says so, else by a person's decision (R48).

A signal is not a warning: what a rule may issue by itself is verified danger; historical signals wait for a person always. A person
looks at one signal (个别分析) or at several together (类型化归集), which then are one warning; a signal stands in one at most (R47).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Literal

from hub.errors import Code, HubError, StateConflict, StoreError
from hub.model.codes import NEEDS_PLAN, FourFirst, Level, SignalState, Trait, TriageManner, WarningState
from hub.model.holding import TRAIT_TITLES, Causes, SignalFacts, held, higher_card, same_card, traits_of
from hub.model.ids import new_ulid
from hub.model.report import Problem, Report
from hub.model.warning import Decision, Plan, SignalView, WarningView
from hub.pipeline import holding
from hub.pipeline.deps import PipelineDeps, logged
from hub.pipeline.locking import in_one_go, lock_for_issue
from hub.pipeline.revoke import AuditLine, named, outrank, take_back_lapsed, write_all
from hub.plugins import PluginFailure
from hub.store import config, observed_work, signals, silences, telling, triage, warnings
from hub.store.engine import Connection

Verdict = Literal["issue", "dismiss", "hold"]

WARNING_PREFIX = "Y"
PLAN_WITHIN = timedelta(hours=4)
"""How long the plan of a warning of danger may come after it (R58)."""

MOST_TOGETHER = 200
_PAGE = 200


@dataclass(frozen=True, slots=True)
class _Said:
    """What is decided, and by whom."""

    by: str
    reason: str
    traits: frozenset[Trait] = frozenset()
    plan: Plan | None = None
    expected: bool | None = None


def run(deps: PipelineDeps) -> Report:
    """Issues every open signal that its rule lets be issued by itself, and that nothing holds; safe to run again and beside itself.

    Before that it takes back what was issued under a provisional limit (期限暂定) that has proved wrong.

    What is held (a silence, a mute, inhibition, a higher card, a plan that is missing) stays open, and is issued by a later run when
    the cause has ended and it still stands.

    Returns:
        Counts ``warnings`` and ``revoked``; a problem for each plugin that failed when it was told, or signal that could not be issued.

    Raises:
        StoreError: The database failed; what was committed before stands.
    """
    started_at = deps.clock.now()
    issued = 0
    revoked, problems = take_back_lapsed(deps)
    # What is gravest does not wait behind all the reminders of a long history that came in at once.
    for facts in chain(_ready(deps, Level.GRAVE), _ready(deps, Level.SERIOUS, Level.NOTICE)):
        try:
            warning = in_one_go(deps, f"signal {facts.signal_id}", partial(_issue_by_rule, deps, facts))
        except StoreError:
            raise
        except HubError as exc:
            where = f"signal {facts.signal_id}"
            problems.append(Problem(where=where, code=str(exc.code), message=exc.message))
            continue
        if warning is not None:
            issued += 1
            problems += _tell(deps, warning)
    report = Report(step="triage", counts={"warnings": issued, "revoked": revoked}, problems=tuple(problems))
    return logged(deps, report, started_at)


def _ready(deps: PipelineDeps, *levels: Level) -> Iterator[SignalFacts]:
    """The signals of these levels that may be issued now, as far as can be seen before they are locked."""
    after = ""
    while True:
        with deps.store.begin() as connection:
            ids = signals.to_issue(connection, after, _disabled(deps, connection), _PAGE, levels=levels)
            ready = _Ground.of(deps, connection, ids).free(deps.clock.now())
        if not ids:
            return
        after = ids[-1]
        yield from ready


def decide(
    deps: PipelineDeps,
    signal_id: str | Sequence[str],
    verdict: Verdict,
    by: str,
    reason: str,
    *,
    traits: Collection[Trait] = (),
    plan: Plan | None = None,
    expected: bool | None = None,
) -> Decision:
    """A person's decision on one signal, or on several together; the same decision again changes nothing.

    Args:
        signal_id: One id, or those that are looked at together: issued, they are one warning that cites them all. Where one of them
            is warned of already, the others join that warning; a plan and traits that are new stand with it.
        verdict: ``issue`` makes a warning, of a historical or dismissed signal too; ``dismiss`` (不属预期) ends the signal, and
            later evidence is added to it without opening it again; ``hold`` (留观) notes the traits and lets it wait.
        by: Who decides; kept with the signal and in the audit log.
        reason: Why; the same.
        traits: What is grave about it; those that an earlier decision, or the rule, named stand beside them.
        plan: What will be done; a warning with a trait of R57 is not issued without.
        expected: Whether it is 属于未诉预期; only what is can be issued, and nothing said it follows from the verdict.

    Raises:
        NotFound: There is no such signal.
        StateConflict: It was merged into another; it is to be dismissed though its warning stands; they stand in two warnings; a
            higher card stands on the same; a plan is missing (R58).
        ValueError: ``by`` or ``reason`` says nothing, ``by`` is the system's own name, or what is not expected is to be issued.
    """
    named(by, reason, "a decision")
    ids = [signal_id] if isinstance(signal_id, str) else list(dict.fromkeys(signal_id))
    if not 0 < len(ids) <= MOST_TOGETHER:
        raise ValueError(f"a decision is on 1 to {MOST_TOGETHER} signals, not on {len(ids)}")
    if expected is None:
        expected = {"issue": True, "dismiss": False}.get(verdict)
    if verdict == "issue" and not expected:
        raise ValueError("only what is 属于未诉预期 is issued (R48): dismiss it, or say that it is")
    said = _Said(by, reason, frozenset(traits), plan, expected)
    decision, issued = in_one_go(deps, f"signal {ids[0]}", partial(_decide, deps, ids, verdict, said))
    if issued is not None:
        _tell(deps, issued)
    return decision


def _decide(
    deps: PipelineDeps, ids: Sequence[str], verdict: Verdict, said: _Said, connection: Connection
) -> tuple[Decision, WarningView | None]:
    """What became of the signals, and the warning that was issued now."""
    issued = None
    found = _locked(deps, connection, ids)
    standing = warnings.not_revoked(connection, ids)
    _refuse_impossible(found, standing, verdict)
    if verdict != "issue":
        if not standing:
            _put_aside(deps, connection, found, verdict, said)
        state, number = signals.get(connection, ids[0]).state, standing[0].warning_no if standing else None
    elif standing:
        _join(deps, connection, standing[0], found, said)
        state, number = SignalState.WARNED, standing[0].warning_no
    else:
        issued = _issue(deps, connection, found, said, _Ground.of(deps, connection, ids))
        state, number = SignalState.WARNED, issued.warning_no
    decision = Decision(
        signal_id=ids[0], state=state, warning_no=number, signal_ids=tuple(one.signal_id for one in found)
    )
    return decision, issued


def _locked(deps: PipelineDeps, connection: Connection, ids: Sequence[str]) -> list[SignalView]:
    """These signals, ascending by id, that nobody else judges, revokes or decides on until the transaction ends."""
    seen = [signals.get(connection, one) for one in ids]
    lock_for_issue(connection, [(one.rule_id, one.key) for one in seen], config.holding(connection).cards)
    return signals.lock(connection, ids)


def _refuse_impossible(
    found: Sequence[SignalView], standing: Sequence[WarningView], verdict: Verdict
) -> None:
    for signal in found:
        if signal.state is SignalState.MERGED:
            raise _conflict(
                f"signal {signal.signal_id}: it was merged into {signal.merged_into} (expected one that stands by itself); decide "
                "on that one"
            )
    if standing and verdict == "dismiss":
        raise _conflict(
            f"signal {found[0].signal_id}: warning {standing[0].warning_no} was issued for it (expected none); it can no longer be "
            "dismissed: revoke the warning (`hub warning revoke`)"
        )
    if standing and verdict == "hold":
        raise _conflict(
            f"signal {found[0].signal_id}: warning {standing[0].warning_no} was issued for it (expected none); there is nothing to "
            "wait for"
        )
    if len(standing) > 1:
        raise _conflict(
            f"signals {', '.join(one.signal_id for one in found)}: they stand in {len(standing)} warnings, "
            f"{', '.join(one.warning_no for one in standing)} (expected one at most); revoke all but one, then decide again"
        )


def _conflict(message: str) -> StateConflict:
    return StateConflict(message, code=Code.STATE_CONFLICT)


def _disabled(deps: PipelineDeps, connection: Connection) -> list[str]:
    settings = config.rule_settings(connection, deps.clock.now())
    return [rule_id for rule_id, setting in settings.items() if not setting.enabled]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is known of signals before they are issued, and all that may hold them."""

    known: Sequence[SignalFacts]
    causes: Causes

    @classmethod
    def of(
        cls,
        deps: PipelineDeps,
        connection: Connection,
        ids: Sequence[str],
        stands: config.Holding | None = None,
    ) -> _Ground:
        facts = silences.facts(connection, ids)
        known = [facts[one] for one in ids if one in facts]
        return cls(known, holding.gather(deps.calendar, connection, known, deps.clock.now(), stands))

    def free(self, now: datetime) -> list[SignalFacts]:
        """The signals that nothing holds."""
        return [facts for facts in self.known if held(facts, self.causes, now) is None]


def _issue_by_rule(deps: PipelineDeps, seen: SignalFacts, connection: Connection) -> WarningView | None:
    """The warning; None when something holds the signal now, or its demands have grown too old (design decision 8)."""
    stands = config.holding(connection)
    if holding.beside(seen.rule_id, stands.cards):
        lock_for_issue(connection, [(seen.rule_id, seen.key)], stands.cards)
    signal = signals.take_to_issue(connection, seen.signal_id, _disabled(deps, connection))
    if signal is None:
        return None
    ground = _Ground.of(deps, connection, [seen.signal_id], stands)
    if not ground.free(deps.clock.now()):
        return None
    times = list(signals.event_times(connection, signal.demand_ids).values())
    times += [signal.window_to] if signal.observed else []
    oldest = deps.clock.now() - timedelta(days=deps.settings.max_event_age_days)
    if not times or max(times) < oldest:
        signals.age(connection, signal.signal_id)
        return None
    said = _Said(signals.SYSTEM, f"rule {signal.rule_id} {signal.rule_version} auto_issue")
    return _issue(deps, connection, [signal], said, ground)


def _issue(
    deps: PipelineDeps, connection: Connection, found: Sequence[SignalView], said: _Said, ground: _Ground
) -> WarningView:
    """One new warning that cites these signals, with everything that it brings about."""
    now = deps.clock.now()
    ids = [one.signal_id for one in found]
    known, causes = ground.known, ground.causes
    for facts in known:
        if higher := higher_card(facts, causes):
            raise _conflict(
                f"signal {facts.signal_id}: warning {higher.warning_no} of a higher level stands on the same (expected none); that "
                "one covers it: revoke it first if it is wrong"
            )
    traits = said.traits | triage.traits_seen(connection, ids) | traits_of(_labels(found))
    danger = any(facts.danger for facts in known)
    if said.plan is None and not danger:
        _refuse_unplanned(ids, traits)
    lead = max(found, key=lambda one: (one.level, [-ord(letter) for letter in one.signal_id]))
    warning = WarningView(
        warning_id=new_ulid(int(now.timestamp() * 1000)),
        warning_no=deps.numbers.take(WARNING_PREFIX, now, 1)[0],
        signal_id=lead.signal_id,
        rule_id=lead.rule_id,
        level=_level(deps, found, said),
        state=WarningState.ISSUED,
        issued_at=now,
        issued_by=said.by,
        reason=said.reason,
        manner=_manner(found),
        traits=tuple(sorted(traits)),
        plan_due_at=now + PLAN_WITHIN if danger and said.plan is None else None,
    )
    warnings.issue(connection, warning, ids)
    _mark(connection, ids, warning, said, now)
    triage.did(connection, warning.warning_id, [FourFirst.WARN], now, by=said.by)
    observed_work.push(connection, "warning", [warning.warning_id], now)
    lines = [_line(said, "warning.issue", warning, found)]
    lower = {
        one.warning_no
        for facts in known
        for one in causes.standing
        if one.level < warning.level and same_card(facts, one.facts, causes.cards)
    }
    for number in sorted(lower):
        lines.append(outrank(deps, connection, warnings.find(connection, number, lock=True), warning, now))
    write_all(deps, connection, now, lines)
    return warning


def _join(
    deps: PipelineDeps,
    connection: Connection,
    warning: WarningView,
    found: Sequence[SignalView],
    said: _Said,
) -> None:
    """Signals that are not yet the warning's become so."""
    ids = set(triage.signal_ids_of(connection, warning.warning_id))
    joining = [one for one in found if one.signal_id not in ids]
    if not joining:
        _add_to(deps, connection, warning, found, said)
        return
    if warning.state is not WarningState.ISSUED:
        raise _conflict(
            f"warning {warning.warning_no}: it was closed (expected one that stands); issue the other signals by themselves"
        )
    now = deps.clock.now()
    new = [one.signal_id for one in joining]
    traits = (
        said.traits
        | frozenset(warning.traits)
        | triage.traits_seen(connection, new)
        | traits_of(_labels(joining))
    )
    if said.plan is None and triage.plan_of(connection, warning.warning_id) is None:
        _refuse_unplanned(new, traits - frozenset(warning.traits))
    triage.join(connection, warning.warning_id, new)
    level = max(warning.level, _level(deps, joining, said))
    warnings.enlarge(connection, warning.warning_id, level, traits, TriageManner.GROUPED)
    grown = warning.model_copy(update={"level": level, "manner": TriageManner.GROUPED})
    _mark(connection, new, grown, said, now)
    telling.look_at(connection, warning.warning_id, now)
    observed_work.push(connection, "warning", [warning.warning_id], now)
    write_all(deps, connection, now, [_line(said, "warning.join", grown, joining)])


def _add_to(
    deps: PipelineDeps,
    connection: Connection,
    warning: WarningView,
    found: Sequence[SignalView],
    said: _Said,
) -> None:
    """A plan or a trait that was not said of the warning before stands with it from now on; all else stands already."""
    more = said.traits - frozenset(warning.traits)
    if warning.state is not WarningState.ISSUED or not (more or said.plan is not None):
        return
    now = deps.clock.now()
    planned = said.plan is not None and triage.add_plan(
        connection, warning.warning_id, said.plan, now, by=said.by
    )
    if more and triage.plan_of(connection, warning.warning_id) is None:
        _refuse_unplanned([warning.signal_id], more)
    if not (more or planned):
        return
    traits = more | frozenset(warning.traits)
    warnings.enlarge(connection, warning.warning_id, warning.level, traits, warning.manner)
    triage.note(
        connection,
        [one.signal_id for one in found],
        now,
        by=said.by,
        verdict="issue",
        manner=warning.manner,
        expected=said.expected,
        traits=traits,
        reason=said.reason,
        warning_id=warning.warning_id,
    )
    grown = warning.model_copy(update={"traits": tuple(sorted(traits))})
    write_all(deps, connection, now, [_line(said, "warning.amend", grown, found)])


def _level(deps: PipelineDeps, found: Sequence[SignalView], said: _Said) -> Level:
    """The level of a warning of these signals: a person who issues one whose rule waits for that has verified it."""
    levels = [one.level for one in found]
    if said.by != signals.SYSTEM:
        rules = (deps.plugins.rules.get(one.rule_id) for one in found)
        levels += [rule.cls.verified_level for rule in rules if rule is not None and rule.cls.verified_level]
    return max(levels)


def _mark(
    connection: Connection, ids: Sequence[str], warning: WarningView, said: _Said, now: datetime
) -> None:
    """Writes on each signal, and in the record of triage, that the warning cites it; and the plan that came with it."""
    for signal_id in ids:
        signals.triage(
            connection, signal_id, SignalState.WARNED, now, by=said.by, verdict="issue", reason=said.reason
        )
    triage.note(
        connection,
        ids,
        now,
        by=said.by,
        verdict="issue",
        manner=warning.manner,
        expected=said.expected,
        traits=warning.traits or said.traits,
        reason=said.reason,
        warning_id=warning.warning_id,
    )
    if said.plan is not None:
        triage.add_plan(connection, warning.warning_id, said.plan, now, by=said.by)


def _put_aside(
    deps: PipelineDeps,
    connection: Connection,
    found: Sequence[SignalView],
    verdict: Verdict,
    said: _Said,
) -> None:
    """Dismisses signals, or notes that they wait on; what a person has said of one already is not said again."""
    now = deps.clock.now()
    left = _not_dismissed(found) if verdict == "dismiss" else _not_said(connection, found, verdict, said)
    if not left:
        return
    if verdict == "dismiss":
        for one in left:
            signals.triage(
                connection,
                one.signal_id,
                SignalState.DISMISSED,
                now,
                by=said.by,
                verdict=verdict,
                reason=said.reason,
            )
    triage.note(
        connection,
        [one.signal_id for one in left],
        now,
        by=said.by,
        verdict=verdict,
        manner=_manner(found),
        expected=said.expected,
        traits=said.traits,
        reason=said.reason,
    )
    detail = {"traits": sorted(said.traits), "manner": _manner(found).value}
    lines = [
        AuditLine(
            said.by,
            f"signal.{verdict}",
            f"signal {one.signal_id}",
            said.reason,
            {"rule": one.rule_id, **detail},
        )
        for one in left
    ]
    write_all(deps, connection, now, lines)


def _not_dismissed(found: Sequence[SignalView]) -> list[SignalView]:
    """Those that no person has dismissed already: the first decision stands."""
    return [
        one
        for one in found
        if one.state is not SignalState.DISMISSED or one.triaged_by in (None, signals.SYSTEM)
    ]


def _not_said(
    connection: Connection, found: Sequence[SignalView], verdict: Verdict, said: _Said
) -> list[SignalView]:
    """Those of which the last decision is another."""
    if gone := [one for one in found if one.state is not SignalState.OPEN]:
        raise _conflict(
            f"signal {gone[0].signal_id}: it is {gone[0].state} (expected open); it does not wait for anything"
        )
    last = {row["signal_id"]: row for row in triage.decisions(connection, [one.signal_id for one in found])}
    return [one for one in found if not _said_before(last.get(one.signal_id), verdict, said)]


def _said_before(last: dict[str, object] | None, verdict: Verdict, said: _Said) -> bool:
    return last is not None and (last["verdict"], last["by"], last["reason"], last["traits"]) == (
        verdict,
        said.by,
        said.reason,
        sorted(said.traits),
    )


def _manner(found: Sequence[SignalView]) -> TriageManner:
    return TriageManner.GROUPED if len(found) > 1 else TriageManner.INDIVIDUAL


def _labels(found: Sequence[SignalView]) -> list[str]:
    return [label for one in found for label in one.labels]


def _refuse_unplanned(ids: Sequence[str], traits: Collection[Trait]) -> None:
    if calls := sorted(set(traits) & NEEDS_PLAN):
        raise _conflict(
            f"signal {ids[0]}: {'、'.join(TRAIT_TITLES[trait] for trait in calls)} calls for a plan before a warning is issued (R58: "
            "expected its text, its owner, from when and until when; found none); give --plan, --plan-owner, --plan-from and --plan-to"
        )


def _line(said: _Said, action: str, warning: WarningView, found: Sequence[SignalView]) -> AuditLine:
    return AuditLine(
        said.by,
        action,
        f"warning {warning.warning_no}",
        said.reason,
        {
            "signal": warning.signal_id,
            "signals": [one.signal_id for one in found],
            "rule": warning.rule_id,
            "level": int(warning.level),
            "manner": warning.manner.value,
            "traits": sorted(warning.traits),
            "plan": said.plan is not None,
        },
    )


def _tell(deps: PipelineDeps, warning: WarningView) -> list[Problem]:
    """Tells plugins of a warning that was committed; a crash before this leaves them untold or, after it, told again."""
    results = deps.plugins.call_each(
        "on_warning_issued",
        warning_no=warning.warning_no,
        rule_id=warning.rule_id,
        level=int(warning.level),
    )
    return [
        Problem(where=f"plugin {name}", code=str(result.code), message=result.message)
        for name, result in results
        if isinstance(result, PluginFailure)
    ]
