"""Taking a warning back (摘牌): by a person with a reason, because a higher card was issued on the same, or because a provisional limit
proved wrong; its order follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from hub.errors import Code, StateConflict
from hub.model.codes import SignalState, TriageManner, WarningState
from hub.model.ids import new_ulid
from hub.model.report import Problem
from hub.model.warning import Revoked, RevokedMessage, WarningView
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.dispatch import canonical_json
from hub.pipeline.locking import in_one_go, lock_for_revoke
from hub.store import config, observed_work, orders, outbox, signals, telling, triage, warnings
from hub.store.chain import write_audit
from hub.store.engine import Connection
from hub.store.outbox import NewMessage


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line of the audit log that waits for the end of its transaction: its lock is held until the commit."""

    actor: str
    action: str
    subject: str
    purpose: str | None
    detail: dict[str, Any]


def write_all(deps: PipelineDeps, connection: Connection, now: datetime, lines: Sequence[AuditLine]) -> None:
    """Writes these lines; the last thing that a transaction does."""
    for line in lines:
        write_audit(
            connection,
            deps.chain.salted_digest,
            now,
            actor=line.actor,
            action=line.action,
            subject=line.subject,
            purpose=line.purpose,
            detail=line.detail,
        )


def named(by: str, reason: str, what: str) -> None:
    """Refuses an act that nobody answers for.

    Raises:
        ValueError: ``by`` or ``reason`` says nothing, or ``by`` is the system's own name.
    """
    if not by.strip() or by == signals.SYSTEM or not reason.strip():
        raise ValueError(f"{what} names the person who takes it and the reason")


def revoke(deps: PipelineDeps, warning_no: str, by: str, reason: str) -> Revoked:
    """A person takes a warning back; again, it changes nothing.

    Its orders that nobody has answered are withdrawn, whoever was told of it is told, and its signals are dismissed by that person:
    later evidence is added to them without opening them, and a person may still issue them anew.

    Raises:
        NotFound: There is no such warning.
        StateConflict: It was closed: what was done about it stands.
        ValueError: ``by`` or ``reason`` says nothing, or ``by`` is the system's own name.
    """
    named(by, reason, "a revocation")
    return in_one_go(deps, f"warning {warning_no}", partial(_revoke, deps, warning_no, by, reason))


def _revoke(deps: PipelineDeps, warning_no: str, by: str, reason: str, connection: Connection) -> Revoked:
    warning_id = warnings.find(connection, warning_no).warning_id
    lock_for_revoke(connection, warning_id)
    cited = triage.signal_ids_of(connection, warning_id)
    ids = [one.signal_id for one in signals.lock(connection, cited)]
    warning = warnings.find(connection, warning_no, lock=True)
    if warning.state is WarningState.CLOSED:
        raise StateConflict(
            f"warning {warning_no}: it was closed (expected one that stands); what was done about it stays as it is",
            code=Code.STATE_CONFLICT,
        )
    if warning.state is WarningState.REVOKED:
        return Revoked(warning_no=warning_no, state=WarningState.REVOKED)
    return _taken_back(deps, connection, warning, ids, by=by, reason=reason)


LAPSED = "该预警所依据的期限为暂定，节假日安排公布或办件信息补正后重新计算，预警条件不成立"


def take_back_lapsed(deps: PipelineDeps) -> tuple[int, list[Problem]]:
    """Takes back what rules issued under a provisional limit (期限暂定) that has proved wrong; safe to run again and beside itself.

    Its signals are dismissed by the system: a rule that sees the same again opens them again.

    Returns:
        How many, and a problem for each that could not be.

    Raises:
        StoreError: The database failed; what was committed before stands.
    """
    with deps.store.begin() as connection:
        numbers = warnings.lapsed(connection)
    done, problems = 0, []
    for number in numbers:
        where = f"warning {number}"
        try:
            done += in_one_go(deps, where, partial(_lapse, deps, number))
        except StateConflict as exc:
            problems.append(Problem(where=where, code=str(exc.code), message=exc.message))
    return done, problems


def _lapse(deps: PipelineDeps, warning_no: str, connection: Connection) -> bool:
    """Whether the warning was taken back: not when it holds again, or somebody has taken it up or back meanwhile."""
    warning_id = warnings.find(connection, warning_no).warning_id
    lock_for_revoke(connection, warning_id)
    cited = triage.signal_ids_of(connection, warning_id)
    ids = [one.signal_id for one in signals.lock(connection, cited)]
    warning = warnings.find(connection, warning_no, lock=True)
    if warning_no not in warnings.lapsed(connection):
        return False
    _taken_back(deps, connection, warning, ids, by=signals.SYSTEM, reason=LAPSED)
    return True


def _taken_back(
    deps: PipelineDeps,
    connection: Connection,
    warning: WarningView,
    signal_ids: Sequence[str],
    *,
    by: str,
    reason: str,
) -> Revoked:
    """Revokes a warning and dismisses its signals; the caller holds all of them."""
    now = deps.clock.now()
    withdrawn, line = take_back(deps, connection, warning, now, by=by, why=reason)
    for signal_id in signal_ids:
        signals.triage(
            connection, signal_id, SignalState.DISMISSED, now, by=by, verdict="dismiss", reason=reason
        )
    triage.note(
        connection,
        signal_ids,
        now,
        by=by,
        verdict="dismiss",
        manner=TriageManner.GROUPED if len(signal_ids) > 1 else TriageManner.INDIVIDUAL,
        expected=False,
        traits=warning.traits,
        reason=reason,
        warning_id=warning.warning_id,
    )
    write_all(deps, connection, now, [line])
    return Revoked(warning_no=warning.warning_no, state=WarningState.REVOKED, orders=withdrawn)


def outrank(
    deps: PipelineDeps, connection: Connection, lower: WarningView, higher: WarningView, now: datetime
) -> AuditLine:
    """A higher card stands on the same: the lower one is taken back, and its signals wait, held, as if it had never been issued.

    The caller holds the keys of all that it cites (`hub.pipeline.locking`).
    """
    ids = triage.signal_ids_of(connection, lower.warning_id)
    why = f"同一对象已发出更高等级预警 {higher.warning_no}"
    _, line = take_back(
        deps, connection, lower, now, by=signals.SYSTEM, why=why, replaced_by=higher.warning_no
    )
    signals.reopen(connection, ids)
    return line


def take_back(
    deps: PipelineDeps,
    connection: Connection,
    warning: WarningView,
    now: datetime,
    *,
    by: str,
    why: str,
    replaced_by: str | None = None,
) -> tuple[tuple[str, ...], AuditLine]:
    """Revokes one warning with its orders and tells whoever was told; the orders withdrawn, and what the audit log is to say."""
    warnings.revoke(connection, warning.warning_id, now, by=by, why=why)
    withdrawn = {one.organisation: one for one in orders.withdraw(connection, "warning", warning.warning_id)}
    known = config.organisations(connection)
    messages = []
    for organisation in sorted({*withdrawn, *telling.last_told(connection, warning.warning_id)}):
        order = withdrawn.get(organisation)
        body = RevokedMessage(
            warning_no=warning.warning_no,
            organisation=organisation,
            organisation_name=known[organisation].name if organisation in known else organisation,
            order_no=order.order_no if order else None,
            revision=order.revision if order else None,
            replaced_by=replaced_by,
            reason=why,
            contact=deps.contact or None,
            created_at=now,
        )
        message_id = f"msg_{new_ulid(int(now.timestamp() * 1000))}"
        messages.append(
            NewMessage(
                organisation,
                body.type,
                canonical_json(body),
                now,
                order.order_id if order else None,
                message_id,
            )
        )
    outbox.enqueue(connection, messages)
    # Rules that count warnings, or watch orders, look at them again.
    observed_work.push(connection, "warning", [warning.warning_id], now)
    if withdrawn:
        observed_work.push(connection, "order", [one.order_id for one in withdrawn.values()], now)
    numbers = tuple(one.order_no for one in withdrawn.values())
    detail: dict[str, Any] = {"why": why, "orders": list(numbers)}
    if replaced_by is not None:
        detail["replaced_by"] = replaced_by
    line = AuditLine(by, "warning.revoke", f"warning {warning.warning_no}", why, detail)
    return numbers, line
