"""`hub silence add | list | expire`: silences 静默, with author, reason and end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of

if TYPE_CHECKING:
    from hub.model.holding import SignalMatch

By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who answers for it; kept, and in the audit log.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_silences)
    group.command("expire")(expire)
    app.add_typer(group, name="silence", help="Silences 静默: what is not told for a while, by whom and why.")


def add(
    ctx: typer.Context,
    by: By,
    reason: Reason,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="When it ends, such as 2026-12-01T18:00.")
    ],
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Signals of this rule; may be repeated.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="NAME", help="Whose demands are all of it.")
    ] = None,
    organisation: Annotated[
        list[str] | None,
        typer.Option("--organisation", metavar="NAME", help="Whose demands all name it, in their own words."),
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option("--region", metavar="CODE", help="Which lie in it as a whole.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="TEXT", help="Which have this label.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="SIGNAL", help="Only this signal's rule and key, and its like to come."
        ),
    ] = None,
    level: Annotated[
        int, typer.Option("--level", min=1, max=3, help="Up to this level; what is above is told.")
    ] = 2,
) -> None:
    """Silence signals until a day at most 92 days ahead: every kind of option that is given must fit.

    They stay signals, are listed with the reason (`hub signal list --held`), and are issued when it ends if they still stand. Danger to
    life is never silenced.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import moment_of
    from hub.model.codes import Level
    from hub.pipeline import silence

    ends_at = moment_of(until, "--until")
    match = _match(
        rule_id=rule, category=category, organisation=organisation, region_code=region, label=label
    )
    with door.hub() as hub:
        hub.renew_keys()
        installed = hub.pipeline_deps.plugins.rules
        if unknown := sorted(set(match.rule_id) - set(installed)):
            raise typer.BadParameter(
                f"--rule {', '.join(unknown)}: no plugin brings it (installed: {', '.join(sorted(installed))})"
            )
        try:
            silence_id = silence.add(
                hub.pipeline_deps,
                match,
                by=by,
                reason=reason,
                ends_at=ends_at,  # type: ignore[arg-type]  # an option that is required is never None
                like_signal=like,
                max_level=Level(level),
            )
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from None
        with hub.store.begin() as connection:
            holds = silence.all_held(hub.pipeline_deps, connection)
    held = sum(hold.by == silence_id for hold in holds.values())
    door.answer(
        {"silence": {"silence_id": silence_id, "held": held}},
        lambda: out.say(
            f"Silence {silence_id} stands until {out.moment(ends_at)}; it holds {out.plural(held, 'signal')} now "
            "(`hub signal list --held`)."
        ),
    )


def _match(**given: list[str] | None) -> SignalMatch:
    from pydantic import ValidationError

    from hub.model.holding import SignalMatch

    try:
        return SignalMatch.model_validate({name: tuple(values or ()) for name, values in given.items()})
    except ValidationError as exc:
        said = exc.errors(include_input=False, include_url=False, include_context=False)[0]["msg"]
        raise typer.BadParameter(said.removeprefix("Value error, ")) from None


def list_silences(
    ctx: typer.Context,
    ended: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    limit: Limit = 100,
) -> None:
    """List silences, the newest first, each with how many signals it holds now."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import silence
    from hub.store import silences

    with door.hub() as hub:
        hub.renew_keys()
        now = hub.clock.now()
        with hub.store.begin() as connection:
            found = silences.listed(connection, now, ended=ended, limit=limit)
            counted = Counter(hold.by for hold in silence.all_held(hub.pipeline_deps, connection).values())
    shown = [{**one, "held": counted[one["silence_id"]], "ended": one["ends_at"] <= now} for one in found]

    def tell() -> None:
        if not shown:
            out.say("No silence." if ended else "No silence stands; `--all` shows those that have ended.")
            return
        for one in shown:
            state = "ended" if one["ended"] else f"holds {out.plural(one['held'], 'signal')}"
            out.say(f"{one['silence_id']}  until {out.moment(one['ends_at'])}  {state}")
            out.say(f"    {_meant(one)}; by {one['author']}: {one['reason']}")
            if one["ended_by"]:
                out.say(f"    ended by {one['ended_by']}: {one['ended_why']}")
        out.newest(shown, limit)

    door.answer({"silences": shown}, tell)


def _meant(one: dict[str, Any]) -> str:
    parts = [f"{name} {'、'.join(values)}" for name, values in sorted(one["matches"].items())]
    parts += [f"like signal {one['like_signal']}"] if one["like_signal"] else []
    return f"{', '.join(parts)}, up to level {one['max_level']}"


def expire(
    ctx: typer.Context,
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="From `hub silence list`.")],
    by: By,
    reason: Reason,
) -> None:
    """End a silence now; what it held is issued by the next triage if it still stands. Again, it changes nothing."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import silence

    with door.hub() as hub:
        hub.renew_keys()
        try:
            done = silence.expire(hub.pipeline_deps, silence_id, by, reason)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --reason: {exc}") from None
    door.answer(
        {"silence": {"silence_id": silence_id, "ended": done}},
        lambda: out.say(
            "The silence has ended: `hub run once --step triage` issues what it held."
            if done
            else "It had ended already; nothing was changed."
        ),
    )
