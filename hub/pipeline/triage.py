"""Triage (研判): makes warnings of signals; by itself where the rule says so, else by a person's decision (R48).

A signal is not a warning: what a rule may issue by itself is verified danger; historical signals wait for a person always.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from hub.errors import Code, HubError, StateConflict, StoreError
from hub.model.codes import SignalState, WarningState
from hub.model.ids import new_ulid
from hub.model.report import Problem, Report
from hub.model.warning import Decision, SignalView, WarningView
from hub.pipeline.deps import PipelineDeps, logged
from hub.plugins import PluginFailure
from hub.store import config, observed_work, signals, warnings
from hub.store.chain import write_audit
from hub.store.engine import Connection

Verdict = Literal["issue", "dismiss"]

WARNING_PREFIX = "Y"


def run(deps: PipelineDeps) -> Report:
    """Issues every open signal that its rule lets be issued by itself; safe to run again and beside itself.

    Returns:
        Counts ``warnings``; a problem for each plugin that failed when it was told, or signal that could not be issued.

    Raises:
        StoreError: The database failed; what was committed before stands.
    """
    started_at = deps.clock.now()
    issued = 0
    problems: list[Problem] = []
    skip: set[str] = set()
    while True:
        signal_id: str | None = None
        try:
            with deps.store.begin() as connection:
                signal = _next(deps, connection, skip)
                if signal is None:
                    break
                signal_id = signal.signal_id
                skip.add(signal_id)
                warning = _issue_by_rule(deps, connection, signal)
        except StoreError:
            raise
        except HubError as exc:
            problems.append(Problem(where=f"signal {signal_id}", code=str(exc.code), message=exc.message))
            continue
        if warning is not None:
            issued += 1
            problems += _tell(deps, warning)
    report = Report(step="triage", counts={"warnings": issued}, problems=tuple(problems))
    return logged(deps, report, started_at)


def decide(deps: PipelineDeps, signal_id: str, verdict: Verdict, by: str, reason: str) -> Decision:
    """A person's decision; the same decision again changes nothing.

    Args:
        verdict: ``issue`` makes a warning, of a historical or dismissed signal too; ``dismiss`` (不属预期) ends the signal, and
            later evidence is added to it without opening it again.
        by: Who decides; kept with the signal and in the audit log.
        reason: Why; the same.

    Raises:
        NotFound: There is no such signal.
        StateConflict: It was merged into another, or is to be dismissed though its warning stands.
        ValueError: ``by`` or ``reason`` says nothing, or ``by`` is the system's own name.
    """
    if not by.strip() or by == signals.SYSTEM or not reason.strip():
        raise ValueError("a decision names the person who takes it and the reason")
    with deps.store.begin() as connection:
        signal = signals.get(connection, signal_id, lock=True)
        standing = warnings.of_signal(connection, signal_id)
        _refuse_impossible(signal, standing, verdict)
        if standing is not None:
            return Decision(signal_id=signal_id, state=signal.state, warning_no=standing.warning_no)
        if verdict == "dismiss":
            _dismiss(deps, connection, signal, by, reason)
            return Decision(signal_id=signal_id, state=SignalState.DISMISSED)
        warning = _issue(deps, connection, signal, by, reason)
    _tell(deps, warning)
    return Decision(signal_id=signal_id, state=SignalState.WARNED, warning_no=warning.warning_no)


def _refuse_impossible(signal: SignalView, standing: WarningView | None, verdict: Verdict) -> None:
    if signal.state is SignalState.MERGED:
        raise StateConflict(
            f"signal {signal.signal_id}: it was merged into {signal.merged_into} (expected one that stands by itself); decide on "
            "that one",
            code=Code.STATE_CONFLICT,
        )
    if standing is not None and verdict == "dismiss":
        raise StateConflict(
            f"signal {signal.signal_id}: warning {standing.warning_no} was issued for it (expected none); it can no longer be "
            "dismissed",
            code=Code.STATE_CONFLICT,
        )


def _next(deps: PipelineDeps, connection: Connection, skip: set[str]) -> SignalView | None:
    settings = config.rule_settings(connection, deps.clock.now())
    disabled = [rule_id for rule_id, setting in settings.items() if not setting.enabled]
    return signals.next_to_issue(connection, skip, disabled)


def _issue_by_rule(deps: PipelineDeps, connection: Connection, signal: SignalView) -> WarningView | None:
    """The warning; None when the signal's demands have grown too old since it was seen (design decision 8)."""
    times = list(signals.event_times(connection, signal.demand_ids).values())
    times += [signal.window_to] if signal.observed else []
    oldest = deps.clock.now() - timedelta(days=deps.settings.max_event_age_days)
    if not times or max(times) < oldest:
        signals.age(connection, signal.signal_id)
        return None
    return _issue(
        deps, connection, signal, signals.SYSTEM, f"rule {signal.rule_id} {signal.rule_version} auto_issue"
    )


def _issue(
    deps: PipelineDeps, connection: Connection, signal: SignalView, by: str, reason: str
) -> WarningView:
    now = deps.clock.now()
    warning = warnings.issue(
        connection,
        WarningView(
            warning_id=new_ulid(int(now.timestamp() * 1000)),
            warning_no=deps.numbers.take(WARNING_PREFIX, now, 1)[0],
            signal_id=signal.signal_id,
            rule_id=signal.rule_id,
            level=signal.level,
            state=WarningState.ISSUED,
            issued_at=now,
            issued_by=by,
            reason=reason,
        ),
    )
    signals.triage(
        connection, signal.signal_id, SignalState.WARNED, now, by=by, verdict="issue", reason=reason
    )
    observed_work.push(connection, "warning", [warning.warning_id], now)
    write_audit(
        connection,
        deps.chain.salted_digest,
        now,
        actor=by,
        action="warning.issue",
        subject=f"warning {warning.warning_no}",
        purpose=reason,
        detail={"signal": signal.signal_id, "rule": signal.rule_id, "level": int(signal.level)},
    )
    return warning


def _dismiss(deps: PipelineDeps, connection: Connection, signal: SignalView, by: str, reason: str) -> None:
    if signal.state is SignalState.DISMISSED and signal.triaged_by not in (None, signals.SYSTEM):
        return  # a person has dismissed it already: the first decision stands
    now = deps.clock.now()
    signals.triage(
        connection, signal.signal_id, SignalState.DISMISSED, now, by=by, verdict="dismiss", reason=reason
    )
    write_audit(
        connection,
        deps.chain.salted_digest,
        now,
        actor=by,
        action="signal.dismiss",
        subject=f"signal {signal.signal_id}",
        purpose=reason,
        detail={"rule": signal.rule_id},
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
