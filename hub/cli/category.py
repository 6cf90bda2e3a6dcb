"""`hub category list | unmapped | waiting | match | rejudge`, and `hub demand categorize`: what demands are about."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from hub.cli.door import Limit, door_of


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_categories)
    group.command("unmapped")(unmapped)
    group.command("waiting")(waiting)
    group.command("match")(match)
    group.command("rejudge")(rejudge)
    app.add_typer(
        group, name="category", help="Categories 诉求领域分类: the catalogue, and what waits for a person."
    )


def list_categories(
    ctx: typer.Context,
    area: Annotated[str | None, typer.Option("--l1", metavar="NAME", help="Only of this area.")] = None,
) -> None:
    """List the catalogue that stands, with how many demands each category has; --json shows words and other names too."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import categories

    with door.rows() as (hub, connection):
        judge = hub.pipeline_deps.categories.current(connection)
        numbers = categories.counted(connection)
    entries = [one for one in judge.catalogue.entries.values() if area is None or one.l1 == area]
    document = {
        "catalogue": judge.catalogue.name,
        "model": judge.model_name or None,
        "categories": [
            {**one.model_dump(mode="json"), "demands": numbers.get(one.code, 0)} for one in entries
        ],
    }

    def tell() -> None:
        out.table(
            ["code", "area", "category", "demands", "words", "other names"],
            [
                (one.code, one.l1, one.name, numbers.get(one.code, 0), len(one.words), "、".join(one.sources))
                for one in entries
            ],
            right=["demands", "words"],
            whole=["code"],
        )
        out.say(f"{judge.catalogue.name}; decided by {judge.model_name or 'the words of the catalogue'}.")

    door.answer(document, tell)


def unmapped(ctx: typer.Context, limit: Limit = 50) -> None:
    """List what sources call their categories and the catalogue does not know; add them as `sources` of a category."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import categories

    with door.rows() as (_, connection):
        found = categories.unmapped(connection, limit)

    def tell() -> None:
        if not found:
            out.say("Nothing is unmapped: the catalogue knows all that sources said.")
            return
        out.table(
            ["as the source says", "demands", "channels"],
            [(one["said"], one["demands"], "、".join(one["instances"])) for one in found],
            right=["demands"],
        )

    door.answer({"unmapped": found}, tell)


def waiting(ctx: typer.Context, limit: Limit = 20) -> None:
    """List demands whose category a person is to decide (待人工), with the likeliest one."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import categories

    with door.rows() as (hub, connection):
        entries = hub.pipeline_deps.categories.current(connection).catalogue.entries
        found = categories.waiting(connection, limit)
    for one in found:
        likely = entries.get(one["suggested"] or "")
        one["likeliest"] = likely.name if likely is not None else None

    def tell() -> None:
        if not found:
            out.say("No demand waits for its category.")
            return
        out.table(
            ["demand", "submitted", "likeliest", "title"],
            [(one["demand_no"], one["submitted_at"], one["likeliest"], one["title"]) for one in found],
            whole=["demand", "submitted"],
        )
        out.say("`hub demand categorize NO CATEGORY --by NAME` decides; the next training learns from it.")
        out.newest(found, limit)

    door.answer({"waiting": found}, tell)


def match(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was said; '-' reads it from stdin.")],
    said: Annotated[
        str | None,
        typer.Option("--category", metavar="NAME", help="What the source itself calls its category."),
    ] = None,
) -> None:
    """Show which category a text gets, by what, and why; nothing is stored. Exit code 1 when a person would have to decide."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store.categories import Said

    words = sys.stdin.read() if text == "-" else text
    with door.rows() as (hub, connection):
        judge = hub.pipeline_deps.categories.current(connection)
    decided = judge.decide(Said("", "", words, said))
    reasons = judge.reasons(words, decided)
    document = {**decided._asdict(), "reasons": reasons}

    def tell() -> None:
        likely = judge.catalogue.entries.get(decided.suggested or "")
        out.fields(
            [
                ("category", decided.l2 or "待人工"),
                ("area", decided.l1),
                ("code", decided.code),
                ("likeliest", likely and likely.name),
                ("by", decided.decided_version),
                ("margin", decided.margin),
                ("words", list(reasons)),
            ]
        )

    door.answer(document, tell)
    if decided.l2 is None:
        raise typer.Exit(1)


def rejudge(
    ctx: typer.Context,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who answers for it; default: your account's name."),
    ] = None,
) -> None:
    """Judge the category of all that is stored again, but for what people decided; after an upgrade that brought other words."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor
    from hub.pipeline import category_models as step

    with door.hub() as hub:
        hub.renew_keys()
        waiting = step.rejudge(hub.pipeline_deps, by or actor())
    door.answer(
        {"waiting": waiting},
        lambda: out.say(
            f"{waiting} stored demands have their category judged again: `hub run once --step evaluate`, or `hub serve`."
        ),
    )


def categorize(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NO", help="From `hub demand list`.")],
    category: Annotated[
        str, typer.Argument(metavar="CATEGORY", help="Code or name, from `hub category list`.")
    ],
    by: Annotated[
        str,
        typer.Option("--by", metavar="NAME", help="Who decides; kept with the demand and in the audit log."),
    ],
) -> None:
    """Decide what a demand is about; no source, word or model overwrites that. The same decision again changes nothing."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import category_models as step

    with door.hub() as hub:
        hub.renew_keys()
        try:
            done = step.confirm(hub.pipeline_deps, number, category, by)
        except ValueError as exc:
            raise typer.BadParameter(f"--by: {exc}") from None

    def tell() -> None:
        stands = "is" if done.new else "was already"
        out.say(f"Demand {done.demand_no} {stands} {done.l1} / {done.l2} ({done.code}), confirmed.")

    door.answer(asdict(done), tell)
