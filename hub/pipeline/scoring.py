"""What people do about scores: verdicts, changes by hand, notices, appeals, freezing a month. Every act has its line in the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub.errors import Code, NotFound, StateConflict
from hub.model.calendar import working_days_due
from hub.model.codes import WarningState
from hub.model.demand import Emitted
from hub.model.ids import new_ulid
from hub.model.score import Breach, BreachVerdict, Excuse, Line, month_of, month_span
from hub.model.score_table import ScoreKind
from hub.model.warning import ScoreMessage, WarningView
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.dispatch import canonical_json
from hub.pipeline.revoke import AuditLine, named, write_all
from hub.pipeline.score_month import Directory, MonthScores, compute, deducting
from hub.store import outbox, score_facts, scores, warnings
from hub.store.engine import Connection
from hub.store.outbox import NewMessage

APPEAL_WORKING_DAYS = 5
_APPEAL_BASIS = "收到扣分告知之日起5个工作日内可申诉"
MOST_POINTS = Decimal(100)


class Verdict(Emitted):
    """What a verdict did.

    Attributes:
        new: False: the same had been found before, nothing was changed.
        after_freeze: Months of its breaches that are frozen: they stay as they are.
    """

    warning_no: str
    verdict: BreachVerdict
    excuse: Excuse | None = None
    new: bool = True
    months: tuple[str, ...] = ()
    after_freeze: tuple[str, ...] = ()


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


class Frozen(Emitted):
    """A month that is frozen; ``new`` is False where it was before."""

    month: str
    digest: str
    holders: int
    new: bool = True


def judge(
    deps: PipelineDeps,
    warning_no: str,
    verdict: BreachVerdict,
    by: str,
    reason: str,
    *,
    excuse: Excuse | None = None,
    organisation: str | None = None,
) -> Verdict:
    """A person says whether the breach that a warning tells of happened, and is to be answered for. Former verdicts are kept; the last one counts.

    What was judged is kept as it stands now: a level that rises later deducts as the lower one until somebody verifies it again.

    Args:
        deps: Any.
        warning_no: Of a standing or closed warning of an E or S rule.
        verdict: With ``excused`` goes ``excuse``, and with nothing else.
        by: Who found it.
        reason: On what grounds.
        excuse: Why it is not held against anybody.
        organisation: Whose breach it is, by code, where the warning does not say, or says it wrongly.

    Raises:
        NotFound: There is no such warning or organisation.
        StateConflict: It was revoked; or is not of a rule that can deduct; or names nobody; or an appeal against it was upheld.
        ValueError: ``by`` or ``reason`` says nothing, or verdict and excuse do not fit.
    """
    named(by, reason, "a verdict")
    if (verdict is BreachVerdict.EXCUSED) is not (excuse is not None):
        raise ValueError("a verdict names a cause exactly when it excuses")
    with _acting(deps) as (connection, now):
        warning = warnings.find(connection, warning_no, lock=True)
        _judgeable(warning)
        directory = Directory.read(connection)
        breaches = score_facts.of_warning(connection, warning.warning_id, directory.codes)
        if organisation is not None:
            code = _known(directory, organisation)
            breaches = [one.model_copy(update={"organisation": code}) for one in breaches]
        history = scores.verdicts(connection, warning.warning_id)
        _refuse(
            warning_no, verdict, breaches, scores.appeals(connection, [one["verdict_id"] for one in history])
        )
        months = tuple(sorted({month_of(one.occurred_at) for one in breaches}))
        late = tuple(sorted(scores.frozen(connection, months)))
        result = Verdict(
            warning_no=warning_no, verdict=verdict, excuse=excuse, months=months, after_freeze=late
        )
        if _same(connection, history, verdict, excuse, breaches):
            return result.model_copy(update={"new": False})
        scores.add_verdict(
            connection, warning.warning_id, verdict, excuse, breaches, now, by=by, reason=reason
        )
        detail: dict[str, Any] = {
            "verdict": verdict.value,
            "level": int(warning.level),
            "organisations": sorted({one.organisation or "" for one in breaches}),
            "months": list(months),
        }
        if excuse is not None:
            detail["excuse"] = excuse.value
        _log(deps, connection, now, by, "score.verdict", f"warning {warning_no}", reason, detail)
    return result


def adjust(
    deps: PipelineDeps,
    month: str,
    organisation: str,
    kind: ScoreKind,
    points: Decimal,
    by: str,
    reason: str,
    *,
    post: str | None = None,
    corrects: str | None = None,
) -> int:
    """A person adds points (加分) or takes some off (减分), apart from what is computed; the change's number.

    A change is never taken back: another one makes it good.

    Raises:
        NotFound: There is no such organisation.
        StateConflict: The month is frozen, or the one that it corrects is not.
        ValueError: ``by`` or ``reason`` says nothing; no month; no points, or more than 100 either way.
    """
    named(by, reason, "a change by hand")
    month_span(month)
    if not points.is_finite() or not points or abs(points) > MOST_POINTS or points.as_tuple().exponent < -2:  # type: ignore[operator]
        raise ValueError("points are a number from -100 to 100 with at most two decimals, and not 0")
    with _acting(deps) as (connection, now):
        code = _known(Directory.read(connection), organisation)
        frozen = scores.frozen(connection, [month, *([corrects] if corrects else [])])
        if month in frozen:
            raise _is_frozen(month)
        if corrects is not None and (corrects not in frozen or corrects >= month):
            raise StateConflict(
                f"month {corrects}: it is not a frozen month before {month} (expected one); change that month itself, or leave --corrects out",
                code=Code.STATE_CONFLICT,
            )
        change_id = scores.add_change(
            connection, month, code, post, kind, points, now, by=by, reason=reason, corrects=corrects
        )  # fmt: skip
        detail = {
            "organisation": code, "post": post, "score": kind.value, "points": str(points), "corrects": corrects, "change": change_id
        }  # fmt: skip
        _log(deps, connection, now, by, "score.adjust", f"score {month}", reason, detail)
    return change_id


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
    with _acting(deps) as (connection, now):
        _not_frozen(connection, month)
        directory = Directory.read(connection)
        only = _known(directory, organisation) if organisation is not None else None
        found = compute(connection, month)
        ids = _verdict_ids(connection, month)
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
    with _acting(deps) as (connection, now):
        verdict, code = _appealable(connection, warning_no, organisation)
        notice = scores.notice_of(connection, verdict["verdict_id"], code)
        if notice is None:
            raise StateConflict(
                f"warning {warning_no}: {code} has not been notified of a deduction (expected a notice before an appeal); `hub score notify` "
                "gives it",
                code=Code.STATE_CONFLICT,
            )
        _not_frozen(connection, notice["month"])
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
            _log(deps, connection, now, by, "score.appeal", f"warning {warning_no}", reason, detail)
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
    with _acting(deps) as (connection, now):
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
            _not_frozen(connection, notice["month"])
        scores.decide_appeal(connection, found[0]["appeal_id"], now, upheld=upheld, by=by, reason=reason)
        detail = {"organisation": code, "upheld": upheld}
        _log(deps, connection, now, by, "score.decide", f"warning {warning_no}", reason, detail)
    return True


def freeze(deps: PipelineDeps, month: str, by: str, reason: str) -> Frozen:
    """Freezes an audited month (已冻结) as it stands: later facts do not change it. Again, it changes nothing; nothing unfreezes it.

    Raises:
        StateConflict: The month is not over, a deduction was not notified, the time to appeal runs, or an appeal is not decided.
        ValueError: ``by`` or ``reason`` says nothing; no month.
    """
    named(by, reason, "a freeze")
    _, ends = month_span(month)
    with _acting(deps) as (connection, now):
        stands = scores.frozen(connection, [month]).get(month)
        if stands is not None:
            holders = len(stands["document"]["holders"])
            return Frozen(month=month, digest=stands["digest"], holders=holders, new=False)
        if now < ends:
            raise StateConflict(
                f"month {month}: it is not over (expected one before {month_of(now)}); freeze it when it is",
                code=Code.STATE_CONFLICT,
            )
        found = compute(connection, month)
        if open_ends := _open_ends(connection, found, now):
            raise StateConflict(
                f"month {month}: {'; '.join(open_ends)} (expected every deduction notified, its time to appeal over and every appeal "
                "decided); nothing was frozen",
                code=Code.STATE_CONFLICT,
            )
        document = found.model_dump(mode="json")
        digest = scores.add_freeze(connection, month, document, now, by=by)
        detail = {"digest": digest, "holders": len(found.holders), "table": found.table_version}
        _log(deps, connection, now, by, "score.freeze", f"score {month}", reason, detail)
    return Frozen(month=month, digest=digest, holders=len(found.holders))


# ---- what the acts share


@contextmanager
def _acting(deps: PipelineDeps) -> Iterator[tuple[Connection, datetime]]:
    """One act at a time over all processes."""
    with deps.store.begin() as connection:
        scores.alone(connection)
        yield connection, deps.clock.now()


def _log(
    deps: PipelineDeps, connection: Connection, now: datetime, by: str, action: str, subject: str, why: str | None, detail: dict[str, Any]
) -> None:  # fmt: skip
    write_all(deps, connection, now, [AuditLine(by, action, subject, why, detail)])


def _judgeable(warning: WarningView) -> None:
    if warning.state is WarningState.REVOKED:
        raise StateConflict(
            f"warning {warning.warning_no}: it was revoked (expected one that stands or was closed); it deducts nothing",
            code=Code.STATE_CONFLICT,
        )
    if not (warning.rule_id[:1] in ("E", "S") and warning.rule_id[1:2].isdigit()):
        raise StateConflict(
            f"warning {warning.warning_no}: it is of rule {warning.rule_id} (expected an E or S rule, R40); warnings of other rules deduct "
            "nothing, there is nothing to verify",
            code=Code.STATE_CONFLICT,
        )


def _refuse(
    warning_no: str, verdict: BreachVerdict, breaches: Sequence[Breach], appeals: Sequence[dict[str, Any]]
) -> None:
    if verdict is not BreachVerdict.VERIFIED:
        return
    if any(one.organisation is None for one in breaches):
        raise StateConflict(
            f"warning {warning_no}: neither it nor its order names an organisation (expected one whose breach it is); name it with "
            "--organisation",
            code=Code.STATE_CONFLICT,
        )
    if any(one["upheld"] for one in appeals):
        raise StateConflict(
            f"warning {warning_no}: an appeal against it was upheld (expected none); what was decided stands",
            code=Code.STATE_CONFLICT,
        )


def _same(
    connection: Connection, history: Sequence[dict[str, Any]], verdict: BreachVerdict, excuse: Excuse | None, breaches: Sequence[Breach]
) -> bool:  # fmt: skip
    """Whether the last verdict found the same of the same."""
    if not history or (history[-1]["verdict"], history[-1]["excuse"]) != (verdict, excuse):
        return False
    judged = score_facts.breaches_of(connection, history[-1]["verdict_id"])
    facts = ("signal_id", "level", "organisation", "occurred_at", "things")
    return [tuple(getattr(one, name) for name in facts) for one in judged] == [
        tuple(getattr(one, name) for name in facts) for one in breaches
    ]


def _known(directory: Directory, organisation: str) -> str:
    """The code of an organisation that is configured, by whatever it is called."""
    code = directory.codes.get(organisation)
    if code is None:
        raise NotFound(
            f"organisation {organisation!r}: not found or no longer in use (expected one of "
            f"{', '.join(sorted(directory.organisations)) or 'none'}); check the code",
            code=Code.NOT_FOUND,
        )
    return code


def _is_frozen(month: str) -> StateConflict:
    return StateConflict(
        f"month {month}: it is frozen (expected one that is not); make it good in a later month: `hub score adjust MONTH … --corrects {month}`",
        code=Code.STATE_CONFLICT,
    )


def _not_frozen(connection: Connection, month: str) -> None:
    if scores.frozen(connection, [month]):
        raise _is_frozen(month)


def _verdict_ids(connection: Connection, month: str) -> dict[tuple[str, str], int]:
    """(signal, warning) -> the verdict that counts."""
    return {
        (one.breach.signal_id, one.breach.warning_no): one.verdict_id
        for one in score_facts.judged(connection, *month_span(month))
    }


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


def _open_ends(connection: Connection, found: MonthScores, now: datetime) -> list[str]:
    """What keeps a month from being frozen, a sentence each."""
    ids = _verdict_ids(connection, found.month)
    deducted = [
        (code, line.warning_no, ids[line.signal_id, line.warning_no])
        for code in dict.fromkeys(one.organisation for one in found.holders)
        for line in deducting(found, code)
    ]
    untold, running, undecided = set(), set(), set()
    appeals = {
        (one["verdict_id"], one["organisation"]): one for one in scores.appeals(connection, set(ids.values()))
    }
    for code, number, verdict_id in deducted:
        notice = scores.notice_of(connection, verdict_id, code)
        if notice is None:
            untold.add(number)
        elif (verdict_id, code) in appeals:
            if appeals[verdict_id, code]["upheld"] is None:
                undecided.add(number)
        elif now <= notice["due_at"]:
            running.add(number)
    said = (
        ("deductions not notified", untold),
        ("time to appeal not over", running),
        ("appeals not decided", undecided),
    )
    return [
        f"{words}: {', '.join(sorted(numbers)[:10])}{' …' if len(numbers) > 10 else ''}"
        for words, numbers in said
        if numbers
    ]
