"""`hub matter list | show | suggested | confirm | refuse | merge | split`: same matter 同一诉求（并案）, and what a person decides of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Door, Limit, door_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.pipeline.deps import PipelineDeps
    from hub.pipeline.matter_desk import Done

By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who decides; kept with the matter and in the audit log.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal.")]
Number = Annotated[
    str, typer.Argument(metavar="NO", help="Of the matter, or of any demand in it; or a matter's id.")
]
Demand = Annotated[str, typer.Argument(metavar="DEMAND", help="Number from `hub matter suggested`.")]
Which = Annotated[
    str | None, typer.Option("--matter", metavar="NO", help="Which of several suggested matters.")
]

_PROTECTED = "受保护（举报、廉政）"
_WHY = {
    "join": "joined by likeness",
    "suggest": "began a matter, and a join is suggested",
    "new": "began a matter",
    "same_record": "the same record by another route",
    "kept": "stayed, though its words changed",
}
_ACTIONS = {
    "merge": "merged 并案",
    "confirm": "a suggested join confirmed",
    "refuse": "a suggested join refused",
    "split": "split 拆分",
    "regroup": "regrouped by the hub: what it says changed",
}


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_matters)
    group.command("show")(show)
    group.command("suggested")(suggested)
    group.command("confirm")(confirm)
    group.command("refuse")(refuse)
    group.command("merge")(merge)
    group.command("split")(split)
    app.add_typer(
        group, name="matter", help="Same matter 同一诉求（并案）: demands about one thing, joined and parted."
    )


def list_matters(
    ctx: typer.Context,
    least: Annotated[
        int, typer.Option("--least", min=2, help="Only those with at least so many demands.")
    ] = 2,
    protected: Annotated[
        bool | None,
        typer.Option("--protected/--open", help="Only those about 举报 or integrity, or only the others."),
    ] = None,
    limit: Limit = 20,
) -> None:
    """List matters of several demands, the latest changed first."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import matter_views

    with door.rows() as (_, connection):
        found = matter_views.matters(connection, least=least, protected=protected, limit=limit)

    def tell() -> None:
        if not found:
            narrowed = least > 2 or protected is not None
            out.say(
                "No matter fits."
                if narrowed
                else "No matter of several demands yet (`hub run once` groups what waits)."
            )
            return
        for one in found:
            span = f"{out.moment(one['first_submitted_at'])} to {out.moment(one['last_submitted_at'])}"
            counted = (
                f"{out.plural(one['demands'], 'demand')} of {out.plural(one['reporters'], 'known person')}"
            )
            out.say(f"{one['matter_no'] or one['matter_id']}  {counted}, {span}")
            out.say(f"    {_PROTECTED if one['protected'] else one['title']}")
        out.newest(found, limit)

    door.answer({"matters": found}, tell)


def show(ctx: typer.Context, number: Number, limit: Limit = 50) -> None:
    """Show a matter: its demands and why each is in it, what is suggested, and every change with its author."""
    door = door_of(ctx)
    from hub.store import matter_hands, matter_views

    with door.rows() as (_, connection):
        standing = matter_hands.find(connection, number)
        found = matter_views.matter(connection, standing.matter_id, limit=limit)
    door.answer({"matter": found}, lambda: _tell(found, limit))


def _tell(found: dict[str, Any], limit: int) -> None:
    from hub.cli import out

    out.fields(
        [
            ("matter 同一诉求", found["matter_no"]),
            ("id", found["matter_id"]),
            ("state", found["state"]),
            ("kept apart", _PROTECTED if found["protected"] else None),
            ("demands", found["demands"]),
            ("persons", found["reporters"]),
            ("first submitted", found["first_submitted_at"]),
            ("last submitted", found["last_submitted_at"]),
        ]
    )
    out.say()
    for one in found["members_listed"]:
        out.say(f"{one['demand_no']}  {out.moment(one['submitted_at'])}  {one['instance']}  {_name(one)}")
        out.say(f"    {_reason(one)}")
    out.newest(found["members_listed"], limit, "latest submitted")
    if found["suggestions"]:
        out.say()
        _tell_suggested(found["suggestions"])
    if found["changes"]:
        out.say()
    for one in found["changes"]:
        what = _ACTIONS.get(one["action"], one["action"])
        way = "" if one["other_id"] is None else " away" if one["matter_id"] == found["matter_id"] else " in"
        reason = f": {one['reason']}" if one["by"] != "hub" else ""
        out.say(
            f"{out.moment(one['at'])}  {one['by']}  {what} ({out.plural(one['demands'], 'demand')}{way}){reason}"
        )


def _name(one: dict[str, Any]) -> str:
    return "已删除" if one["deleted"] else one["title"] or _PROTECTED


def _reason(one: dict[str, Any]) -> str:
    """Why a demand is where it is, in a line."""
    parts = [
        f"put here by {one['joined_by']}"
        if one["held"] and one["joined_by"] != "hub"
        else _WHY[one["outcome"]]
    ]
    if one["outcome"] == "join":
        parts.append(f"score {one['score']:.2f}")
    if one["shared"] and one["outcome"] == "join":
        parts.append("both say " + " ".join(one["shared"][:6]))
    if one["counted_elsewhere"]:
        parts.append("not counted again")
    return ", ".join(parts)


def suggested(ctx: typer.Context, limit: Limit = 20) -> None:
    """List joins that wait for a person's decision, the surest first."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import matter_views

    with door.rows() as (_, connection):
        found = matter_views.suggested(connection, limit=limit)

    def tell() -> None:
        if not found:
            out.say("No join waits for a decision.")
            return
        _tell_suggested(found)
        out.say(
            "Right: `hub matter confirm DEMAND`; wrong: `hub matter refuse DEMAND`; with --by and --reason."
        )
        out.newest(found, limit, "surest")

    door.answer({"suggested": found}, tell)


def _tell_suggested(found: list[dict[str, Any]]) -> None:
    from hub.cli import out

    for one in found:
        out.say(f"{one['demand_no']}  {one['title'] or _PROTECTED}")
        into = f"{one['matter_no']} ({out.plural(one['members'], 'demand')})"
        out.say(f"    perhaps about the same as {into}  {one['matter_title'] or _PROTECTED}")
        words = f", both say {' '.join(one['shared'][:6])}" if one["shared"] else ""
        out.say(f"    score {one['score']:.2f}{words}")


def confirm(ctx: typer.Context, demand: Demand, by: By, reason: Reason, matter: Which = None) -> None:
    """Confirm a suggested join: the demand's matter becomes part of the suggested one; every reporter stays one."""
    from hub.pipeline import matter_desk

    _decide(door_of(ctx), lambda deps: matter_desk.confirm(deps, demand, by, reason, matter=matter), "joined")


def refuse(ctx: typer.Context, demand: Demand, by: By, reason: Reason, matter: Which = None) -> None:
    """Refuse a suggested join: it is neither made nor suggested again."""
    from hub.pipeline import matter_desk

    _decide(door_of(ctx), lambda deps: matter_desk.refuse(deps, demand, by, reason, matter=matter), "refused")


def merge(
    ctx: typer.Context,
    number: Number,
    into: Annotated[str, typer.Option("--into", metavar="NO", help="The matter that it becomes part of.")],
    by: By,
    reason: Reason,
) -> None:
    """Make one matter part of another 并案; each demand keeps its number, its reporter and its answer."""
    from hub.pipeline import matter_desk

    _decide(door_of(ctx), lambda deps: matter_desk.merge(deps, number, into, by, reason), "joined")


def split(
    ctx: typer.Context,
    number: Number,
    demands: Annotated[
        list[str], typer.Option("--demand", metavar="NO", help="A demand that leaves; may be given again.")
    ],
    by: By,
    reason: Reason,
) -> None:
    """Take demands out of a matter 拆分: they are a matter of their own, and are not put together with it again."""
    from hub.pipeline import matter_desk

    _decide(door_of(ctx), lambda deps: matter_desk.split(deps, number, demands, by, reason), "split")


def _decide(door: Door, decision: Callable[[PipelineDeps], Done], what: str) -> None:
    from hub.cli import out

    with door.hub() as hub:
        hub.renew_keys()
        try:
            done = decision(hub.pipeline_deps)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --reason: {exc}") from None

    def tell() -> None:
        if not done.changed:
            out.say(f"That was so already: matter {done.number}; nothing was changed.")
        elif what == "refused":
            out.say("Refused; it is not suggested again.")
        else:
            said = "is a matter of its own" if what == "split" else "holds them now"
            out.say(f"{out.plural(done.moved, 'demand')} moved: {done.number} {said}.")
            out.say("The rules look at them again (`hub run once --step evaluate`, or `hub serve`).")

    door.answer({"decision": asdict(done)}, tell)
