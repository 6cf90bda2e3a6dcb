"""Organisations hear of deductions, and appeal (申诉): notice, five working days, a person's decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.errors import Code, NotFound, StateConflict
from hub.model.calendar import working_days_due
from hub.model.codes import WarningState
from hub.model.demand import Emitted
from hub.model.ids import new_ulid
from hub.model.score import BreachVerdict, Line, month_span
from hub.model.warning import ScoreMessage
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.dispatch import canonical_json
from hub.pipeline.revoke import AuditLine, named, write_all
from hub.pipeline.score_acts import acting, known_code, log, not_frozen, verdict_ids_of
from hub.pipeline.score_month import Directory, compute, deducting
from hub.store import outbox, score_facts, scores, warnings
from hub.store.engine import Connection
from hub.store.outbox import NewMessage

APPEAL_WORKING_DAYS = 5
_APPEAL_BASIS = "收到扣分告知之日起5个工作日内可申诉"


class Notified(Emitted):
    """One organisation that was notified of deductions."""

    organisation: str
    warning_nos: tuple[str, ...]
    appeal_by: datetime
    provisional: bool
    message_id: str | None


class Appealed(Emitted):
    """An appeal as it stands."""

    warning_no: str
    organisation: str
    appeal_by: datetime
    provisional: bool
    new: bool = True
    upheld: bool | None = None


def notify(deps: PipelineDeps, month: str, by: str, *, organisation: str | None = None) -> list[Notified]:
    """Notifies organisations of deductions that they have not heard of; from that day on they have five working days to appeal.

    Again, it tells what is new alone. An organisation that is not configured gets no message: its notice is noted, and given by other means.

    Raises:
        NotFound: There is no such organisation.
        StateConflict: The month is frozen.
        ValueError: ``by`` names nobody; no month.
    """
    named(by, month, "a notice")
    month_span(month)
    with acting(deps) as (connection, now):
        not_frozen(connection, month)
        directory = Directory.read(connection)
        only = known_code(directory, organisation) if organisation is not None else None
        found = compute(connection, month)
        ids = verdict_ids_of(connection, month)
        heard = {
            (one["organisation"], verdict)
            for one in scores.notices(connection, month)
            for verdict in one["verdict_ids"]
        }
        told, lines = [], []
        for code in dict.fromkeys(one.organisation for one in found.holders):
            new = [
                line
                for line in deducting(found, code)
                if (code, ids[line.signal_id, line.warning_no]) not in heard
            ]
            if not new or only not in (None, code):
                continue
            done = _tell(
                deps,
                connection,
                now,
                month,
                code,
                directory,
                new,
                by,
                {ids[one.signal_id, one.warning_no] for one in new},
            )
            told.append(done)
            detail = {
                "organisation": code, "warnings": list(done.warning_nos), "appeal_by": done.appeal_by.isoformat(),
                "provisional": done.provisional, "message": done.message_id,
            }  # fmt: skip
            lines.append(AuditLine(by, "score.notify", f"score {month}", None, detail))
        write_all(deps, connection, now, lines)
    return told


def appeal(
    deps: PipelineDeps, warning_no: str, by: str, reason: str, *, organisation: str | None = None
) -> Appealed:
    """An organisation appeals (申诉) against what was verified, within five working days after it was notified; once.

    Raises:
        NotFound: There is no such warning or organisation.
        StateConflict: Nothing was verified or notified; the time is over; the month is frozen.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    named(by, reason, "an appeal")
    with acting(deps) as (connection, now):
        verdict, code = _appealable(connection, warning_no, organisation)
        notice = scores.notice_of(connection, verdict["verdict_id"], code)
        if notice is None:
            raise StateConflict(
                f"warning {warning_no}: {code} has not been notified of a deduction (expected a notice before an appeal); `hub score notify` "
                "gives it",
                code=Code.STATE_CONFLICT,
            )
        not_frozen(connection, notice["month"])
        provisional = "，该期限跨入节假日安排未公布的年度，为暂定" if notice["due_provisional"] else ""
        if now > notice["due_at"]:
            raise StateConflict(
                f"warning {warning_no}: the time to appeal ended {notice['due_at'].isoformat()}{provisional} (expected an appeal by then); "
                "a mistake is made good by a change by hand (`hub score adjust`)",
                code=Code.STATE_CONFLICT,
            )
        new = scores.add_appeal(connection, verdict["verdict_id"], code, now, by=by, reason=reason)
        (stands,) = [
            one for one in scores.appeals(connection, [verdict["verdict_id"]]) if one["organisation"] == code
        ]
        if new:
            detail = {"organisation": code, "month": notice["month"]}
            log(deps, connection, now, by, "score.appeal", f"warning {warning_no}", reason, detail)
    return Appealed(
        warning_no=warning_no, organisation=code, appeal_by=notice["due_at"], provisional=notice["due_provisional"], new=new,
        upheld=stands["upheld"],
    )  # fmt: skip


def decide(
    deps: PipelineDeps,
    warning_no: str,
    upheld: bool,
    by: str,
    reason: str,
    *,
    organisation: str | None = None,
) -> bool:
    """A person decides on an appeal; upheld, the deduction is excluded. False: it had been decided so before.

    Raises:
        NotFound: There is no such warning or organisation.
        StateConflict: There is no appeal; it was decided otherwise; the month is frozen.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    named(by, reason, "a decision on an appeal")
    with acting(deps) as (connection, now):
        verdict, code = _appealable(connection, warning_no, organisation)
        found = [
            one for one in scores.appeals(connection, [verdict["verdict_id"]]) if one["organisation"] == code
        ]
        if not found:
            raise StateConflict(
                f"warning {warning_no}: {code} has not appealed against its last verdict (expected an appeal); `hub score appeal` enters one",
                code=Code.STATE_CONFLICT,
            )
        if found[0]["upheld"] is not None:
            if found[0]["upheld"] is upheld:
                return False
            raise StateConflict(
                f"warning {warning_no}: the appeal was {'upheld' if found[0]['upheld'] else 'refused'} (expected one that is not decided); "
                "a new verdict, or a change by hand, makes good what was wrong",
                code=Code.STATE_CONFLICT,
            )
        notice = scores.notice_of(connection, verdict["verdict_id"], code)
        if notice is not None:
            not_frozen(connection, notice["month"])
        scores.decide_appeal(connection, found[0]["appeal_id"], now, upheld=upheld, by=by, reason=reason)
        detail = {"organisation": code, "upheld": upheld}
        log(deps, connection, now, by, "score.decide", f"warning {warning_no}", reason, detail)
    return True


def _tell(
    deps: PipelineDeps, connection: Connection, now: datetime, month: str, code: str, directory: Directory, lines: Sequence[Line], by: str,
    verdict_ids: set[int],
) -> Notified:  # fmt: skip
    due = working_days_due(now, APPEAL_WORKING_DAYS, deps.calendar, _APPEAL_BASIS)
    message_id = None
    if code in directory.organisations:
        message_id = f"msg_{new_ulid(int(now.timestamp() * 1000))}"
        body = ScoreMessage(
            month=month,
            organisation=code,
            organisation_name=directory.name(code),
            lines=tuple(
                {
                    "warning_no": one.warning_no,
                    "rule": one.rule_id,
                    "level": int(one.level),
                    "occurred_at": one.occurred_at.isoformat(),
                    "case_nos": list(one.case_nos),
                    "points": str(one.points),
                    "deducted": str(one.deducted),
                }
                for one in lines
            ),
            appeal_by=due.at,
            appeal_basis=due.basis,
            appeal_provisional=due.provisional,
            contact=deps.contact or None,
            created_at=now,
        )
        outbox.enqueue(connection, [NewMessage(code, body.type, canonical_json(body), now, None, message_id)])
    scores.add_notice(
        connection, month, code, verdict_ids, now, due.at, provisional=due.provisional, by=by, message_id=message_id
    )  # fmt: skip
    numbers = tuple(dict.fromkeys(one.warning_no for one in lines))
    return Notified(
        organisation=code, warning_nos=numbers, appeal_by=due.at, provisional=due.provisional, message_id=message_id
    )  # fmt: skip


def _appealable(
    connection: Connection, warning_no: str, organisation: str | None
) -> tuple[dict[str, Any], str]:
    """The last verdict on a warning, which must have verified it, and whose breach it is."""
    warning = warnings.find(connection, warning_no, lock=True)
    history = scores.verdicts(connection, warning.warning_id)
    if (
        not history
        or history[-1]["verdict"] != BreachVerdict.VERIFIED
        or warning.state is WarningState.REVOKED
    ):
        raise StateConflict(
            f"warning {warning_no}: no breach of it is verified (expected a verified one); it deducts nothing",
            code=Code.STATE_CONFLICT,
        )
    codes = {one.organisation for one in score_facts.breaches_of(connection, history[-1]["verdict_id"])} - {
        None
    }
    if organisation is not None:
        organisation = Directory.read(connection).codes.get(organisation, organisation)
        codes &= {organisation}
    if len(codes) != 1:
        raise NotFound(
            f"warning {warning_no}: {'several organisations' if codes else 'no such organisation'} stand in what was verified (expected one); "
            "name it with --organisation",
            code=Code.NOT_FOUND,
        )
    (code,) = codes
    return history[-1], str(code)
