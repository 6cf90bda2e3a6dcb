"""`hub score verdict | adjust | notify | appeal | decide | freeze`: what people do about scores 考核得分."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.door import door_of
from hub.model.score import BreachVerdict, Excuse
from hub.model.score_table import ScoreKind

if TYPE_CHECKING:
    from hub.pipeline.deps import PipelineDeps

Warning_ = Annotated[str, typer.Argument(metavar="WARNING", help="A number from `hub score waiting`.")]
Month = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The county's month.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; kept, and in the audit log.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal: departments read it.")
]
Whose = Annotated[
    str | None,
    typer.Option(
        "--organisation", metavar="CODE", help="Whose breach it is, where the warning leaves it open."
    ),
]


def check_month(month: str) -> None:
    """Refuses what is no month before anything is opened."""
    from hub.model.score import month_span

    try:
        month_span(month)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from None


@contextmanager
def _acting(ctx: typer.Context) -> Iterator[PipelineDeps]:
    """A hub for one act; what the act refuses of its options is a wrong option."""
    with door_of(ctx).hub() as hub:
        hub.renew_keys()
        try:
            yield hub.pipeline_deps
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from None


def verdict(
    ctx: typer.Context,
    number: Warning_,
    by: By,
    reason: Reason,
    verified: Annotated[bool, typer.Option("--verified", help="属实: it happened, and deducts.")] = False,
    unfounded: Annotated[bool, typer.Option("--unfounded", help="不属实: it did not happen.")] = False,
    excused: Annotated[
        Excuse | None,
        typer.Option(
            "--excused",
            metavar="CAUSE",
            help="免责: system_fault 系统故障, superior 上级原因, special_procedure 特别程序, unreasonable 不合理诉求, beyond_duty 超职责, "
            "malicious 恶意.",
        ),
    ] = None,
    organisation: Whose = None,
) -> None:
    """Say whether the breach that a warning of an E or S rule tells of happened 核实; nothing deducts before it is verified.

    Former verdicts are kept, the last one counts. Again, it changes nothing.
    """
    given = [
        one
        for one, there in (
            (BreachVerdict.VERIFIED, verified),
            (BreachVerdict.UNFOUNDED, unfounded),
            (BreachVerdict.EXCUSED, excused is not None),
        )
        if there
    ]
    if len(given) != 1:
        raise typer.BadParameter("give one of --verified, --unfounded and --excused CAUSE")
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.pipeline import scoring

    with _acting(ctx) as deps:
        done = scoring.judge(deps, number, given[0], by, reason, excuse=excused, organisation=organisation)

    def tell() -> None:
        out.say(
            f"Warning {number}: {words.word(words.BREACH_VERDICTS, done.verdict)}."
            if done.new
            else "That was found before; nothing was changed."
        )
        for month in done.after_freeze:
            out.say(
                f"{month} is frozen 已冻结 and stays as it is; make it good with `hub score adjust … --corrects {month}`."
            )

    door.answer({"verdict": done}, tell)


def adjust(
    ctx: typer.Context,
    month: Month,
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Code, name or alias.")],
    kind: Annotated[ScoreKind, typer.Option("--score", help="Which of the two scores.")],
    points: Annotated[
        str, typer.Option("--points", metavar="POINTS", help="Such as 1.5 (加分) or --points=-2 (减分).")
    ],
    by: By,
    reason: Reason,
    post: Annotated[str | None, typer.Option("--post", metavar="NAME", help="One of its posts 岗位.")] = None,
    corrects: Annotated[
        str | None,
        typer.Option("--corrects", metavar="YYYY-MM", help="The frozen month that this makes good."),
    ] = None,
) -> None:
    """Add points 加分 or take some off 减分 by hand, apart from what is computed; never taken back, another one makes it good."""
    for one in filter(None, (month, corrects)):
        check_month(one)
    try:
        number = Decimal(points)
    except InvalidOperation:
        raise typer.BadParameter("--points: expected a number such as 1.5 or -2") from None
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import scoring

    with _acting(ctx) as deps:
        change = scoring.adjust(
            deps, month, organisation, kind, number, by, reason, post=post, corrects=corrects
        )
    door.answer(
        {"change": change, "month": month},
        lambda: out.say(f"Change {change} stands in {month}: {number:+} ({kind.value})."),
    )


def notify(
    ctx: typer.Context,
    month: Month,
    by: By,
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="CODE", help="Only this organisation.")
    ] = None,
) -> None:
    """Notify organisations of deductions that they have not heard of; they have 5 working days to appeal 申诉.

    Each gets the webhook `score.notified`. Again, it tells what is new alone.
    """
    check_month(month)
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import score_appeals

    with _acting(ctx) as deps:
        told = score_appeals.notify(deps, month, by, organisation=organisation)

    def tell() -> None:
        if not told:
            out.say(f"Nobody has a deduction of {month} that was not notified yet.")
        for one in told:
            unsure = (
                " (provisional 暂定: the holidays of that year are not published)" if one.provisional else ""
            )
            by_hand = (
                "" if one.message_id else "; it is not configured and gets no message: tell it by other means"
            )
            out.say(
                f"{one.organisation}: {out.plural(len(one.warning_nos), 'warning')}, appeal 申诉 by {out.moment(one.appeal_by)}{unsure}{by_hand}."
            )

    door.answer({"notified": told}, tell)


def appeal(ctx: typer.Context, number: Warning_, by: By, reason: Reason, organisation: Whose = None) -> None:
    """Enter an organisation's appeal 申诉 against a verified breach, within 5 working days after it was notified; once."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import score_appeals

    with _acting(ctx) as deps:
        done = score_appeals.appeal(deps, number, by, reason, organisation=organisation)
    said = {None: "not decided yet", True: "upheld", False: "refused"}[done.upheld]
    unsure = " (provisional 暂定)" if done.provisional else ""
    door.answer(
        {"appeal": done},
        lambda: out.say(
            f"The appeal 申诉 of {done.organisation} against {number} stands (time until {out.moment(done.appeal_by)}{unsure}); `hub score "
            "decide` decides it."
            if done.new
            else f"{done.organisation} has appealed before ({said}); nothing was changed."
        ),
    )


def decide(
    ctx: typer.Context,
    number: Warning_,
    by: By,
    reason: Reason,
    upheld: Annotated[bool, typer.Option("--upheld", help="成立: the deduction is excluded.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="不成立: the deduction stays.")] = False,
    organisation: Whose = None,
) -> None:
    """Decide on an appeal 申诉. Again, it changes nothing."""
    if upheld is refused:
        raise typer.BadParameter("give one of --upheld and --refused")
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import score_appeals

    with _acting(ctx) as deps:
        new = score_appeals.decide(deps, number, upheld, by, reason, organisation=organisation)
    word = "upheld 成立: the deduction is excluded" if upheld else "refused 不成立: the deduction stays"
    door.answer(
        {"warning_no": number, "upheld": upheld, "new": new},
        lambda: out.say(
            f"The appeal against {number} is {word}."
            if new
            else "It was decided so before; nothing was changed."
        ),
    )


def freeze(ctx: typer.Context, month: Month, by: By, reason: Reason) -> None:
    """Freeze an audited month 已冻结: later facts are listed and change nothing. It cannot be undone.

    Every deduction must be notified, its time to appeal over and every appeal decided.
    """
    check_month(month)
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import scoring

    with _acting(ctx) as deps:
        done = scoring.freeze(deps, month, by, reason)
    door.answer(
        {"frozen": done},
        lambda: out.say(
            f"{month} is frozen 已冻结: {done.holders} scored, digest {done.digest}."
            if done.new
            else f"{month} was frozen before, digest {done.digest}; nothing was changed."
        ),
    )
