"""What people do about scores: verdicts, changes by hand, freezing a month. Notices and appeals: `hub.pipeline.score_appeals`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub.errors import Code, StateConflict
from hub.model.codes import WarningState
from hub.model.demand import Emitted
from hub.model.score import Breach, BreachVerdict, Excuse, month_of, month_span
from hub.model.score_table import ScoreKind
from hub.model.warning import WarningView
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.revoke import named
from hub.pipeline.score_acts import acting, is_frozen, known_code, log, verdict_ids_of
from hub.pipeline.score_month import Directory, MonthScores, compute, deducting
from hub.store import score_facts, scores, warnings
from hub.store.engine import Connection

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
    with acting(deps) as (connection, now):
        warning = warnings.find(connection, warning_no, lock=True)
        _judgeable(warning)
        directory = Directory.read(connection)
        breaches = score_facts.of_warning(connection, warning.warning_id, directory.codes)
        if organisation is not None:
            code = known_code(directory, organisation)
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
        log(deps, connection, now, by, "score.verdict", f"warning {warning_no}", reason, detail)
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
    with acting(deps) as (connection, now):
        code = known_code(Directory.read(connection), organisation)
        frozen = scores.frozen(connection, [month, *([corrects] if corrects else [])])
        if month in frozen:
            raise is_frozen(month)
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
        log(deps, connection, now, by, "score.adjust", f"score {month}", reason, detail)
    return change_id


def freeze(deps: PipelineDeps, month: str, by: str, reason: str) -> Frozen:
    """Freezes an audited month (已冻结) as it stands: later facts do not change it. Again, it changes nothing; nothing unfreezes it.

    Raises:
        StateConflict: The month is not over, a deduction was not notified, the time to appeal runs, or an appeal is not decided.
        ValueError: ``by`` or ``reason`` says nothing; no month.
    """
    named(by, reason, "a freeze")
    _, ends = month_span(month)
    with acting(deps) as (connection, now):
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
        log(deps, connection, now, by, "score.freeze", f"score {month}", reason, detail)
    return Frozen(month=month, digest=digest, holders=len(found.holders))


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


def _open_ends(connection: Connection, found: MonthScores, now: datetime) -> list[str]:
    """What keeps a month from being frozen, a sentence each."""
    ids = verdict_ids_of(connection, found.month)
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
