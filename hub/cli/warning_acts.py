"""`hub warning revoke | plan | four-first | stage`: what people do with a warning 预警 that stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from hub.cli.door import door_of
from hub.cli.plans import PlanFrom, PlanOwner, PlanText, PlanTo, plan_of
from hub.model.codes import FourFirst, WarningStage

Number = Annotated[str, typer.Argument(metavar="NO", help="From `hub warning list`.")]
By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who does it; kept with the warning and in the audit log.")
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal: departments read it.")
]


def revoke(ctx: typer.Context, number: Number, by: By, reason: Reason) -> None:
    """Take a warning back (摘牌): its orders that nobody has answered are withdrawn, whoever was told is told.

    Its signals are dismissed. Again, it changes nothing.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import revoke as step

    with door.hub() as hub:
        hub.renew_keys()
        try:
            done = step.revoke(hub.pipeline_deps, number, by, reason)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --reason: {exc}") from None

    def tell() -> None:
        orders = f"; withdrawn: order {', '.join(done.orders)}" if done.orders else ""
        out.say(f"Warning {number} is revoked{orders}.")

    door.answer({"revoked": done}, tell)


def plan(
    ctx: typer.Context,
    number: Number,
    by: By,
    text: PlanText = None,
    owner: PlanOwner = None,
    starts: PlanFrom = None,
    ends: PlanTo = None,
) -> None:
    """Attach a plan 预案 to a warning: text, owner and dates. Former plans are kept; the last one stands."""
    door = door_of(ctx)
    made = plan_of(text, owner, starts, ends)
    if made is None:
        raise typer.BadParameter("give --plan, --plan-owner, --plan-from and --plan-to")
    from hub.cli import out
    from hub.pipeline import warned

    with door.hub() as hub:
        hub.renew_keys()
        try:
            new = warned.attach_plan(hub.pipeline_deps, number, made, by)
        except ValueError as exc:
            raise typer.BadParameter(f"--by: {exc}") from None
    door.answer(
        {"plan": made, "new": new},
        lambda: out.say(
            f"The plan stands with warning {number}."
            if new
            else "That plan stands with it already; nothing was changed."
        ),
    )


def four_first(
    ctx: typer.Context,
    number: Annotated[
        str | None, typer.Argument(metavar="[NO]", help="A warning; without it the counts of all are shown.")
    ] = None,
    did: Annotated[
        list[FourFirst] | None, typer.Option("--did", help="What was done; may be repeated.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who did it.")] = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="What was done, in a few words.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=["%Y-%m-%d"], metavar="DATE", help="Count from that day on; default 30 days."
        ),
    ] = None,
) -> None:
    """Note which of the four firsts 四先 was done about a warning; without a number, count them all.

    warn 先预警 stands with every warning from its issue on; step_in 先介入, find_gaps 先查缺, fill 先补位.
    """
    door = door_of(ctx)
    if number is None:
        if did or by or note:
            raise typer.BadParameter("--did, --by and --note speak of one warning: give its number")
        _count(ctx, since)
        return
    if not (did and by and note):
        raise typer.BadParameter("give --did, --by and --note: what was done, by whom, and how")
    from hub.cli import out, words
    from hub.pipeline import warned

    with door.hub() as hub:
        hub.renew_keys()
        try:
            new = warned.do_first(hub.pipeline_deps, number, did, by, note)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --note: {exc}") from None
    door.answer(
        {"four_first": [act.value for act in new]},
        lambda: out.say(
            f"Noted with warning {number}: {'、'.join(words.short(words.FOUR_FIRST, act) for act in new)}."
            if new
            else "That was noted before; nothing was changed."
        ),
    )


def _count(ctx: typer.Context, since: datetime | None) -> None:
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.clock import COUNTY_ZONE
    from hub.store import triage

    with door.rows() as (hub, connection):
        now = hub.clock.now()
        start = since.replace(tzinfo=COUNTY_ZONE) if since else now - timedelta(days=30)
        counts = triage.count_acts(connection, start, now)
    door.answer(
        {"since": start, "four_first": counts},
        lambda: out.fields(
            [
                ("since", out.moment(start)),
                *((words.word(words.FOUR_FIRST, act), n) for act, n in counts.items()),
            ]
        ),
    )


def stage(
    ctx: typer.Context,
    number: Number,
    to: Annotated[
        WarningStage, typer.Argument(metavar="STAGE", help="correcting 纠错, or supervised 督察督办.")
    ],
    by: By,
    reason: Reason,
) -> None:
    """Bring a warning to its next stage: 预警, then 纠错, then 督察督办; it never goes back."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.pipeline import warned

    with door.hub() as hub:
        hub.renew_keys()
        try:
            new = warned.advance(hub.pipeline_deps, number, to, by, reason)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --reason: {exc}") from None
    door.answer(
        {"warning_no": number, "stage": to.value, "new": new},
        lambda: out.say(
            f"Warning {number} is at {words.word(words.STAGES, to)}."
            if new
            else "It stands there already; nothing was changed."
        ),
    )
