"""`hub signal list | show | triage`: signals 苗头信息, and a person's decision on them (研判)."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.door import Limit, door_of
from hub.model.codes import SignalState


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_signals)
    group.command("show")(show)
    group.command("triage")(triage)
    app.add_typer(group, name="signal", help="Signals 苗头信息: what the rules have seen.")


def list_signals(
    ctx: typer.Context,
    state: Annotated[SignalState | None, typer.Option("--state", help="Only in this state.")] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="ID", help="Only this rule's, such as W01.")
    ] = None,
    historical: Annotated[
        bool | None,
        typer.Option(
            "--historical/--present", help="Only about old demands, or only about present ones; default both."
        ),
    ] = None,
    limit: Limit = 20,
) -> None:
    """List signals, the latest seen first."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import views

    with door.rows() as (_, connection):
        found = views.signals(
            connection, state=state.value if state else None, rule_id=rule, historical=historical, limit=limit
        )

    def tell() -> None:
        if not found:
            narrowed = state or rule or historical is not None
            out.say(
                "No signal fits."
                if narrowed
                else "No signal: the rules have seen nothing yet (`hub run once` judges what waits)."
            )
            return
        for one in found:
            marks = [words.word(words.SIGNAL_STATES, one["state"]), words.word(words.LEVELS, one["level"])]
            marks += ["historical"] if one["historical"] else []
            marks += [f"warning {one['warning_no']}"] if one["warning_no"] else []
            out.say(f"{one['signal_id']}  {one['rule_id']}  {', '.join(marks)}")
            out.say(f"    {one['summary']}")
            out.say(
                f"    {one['metric']} {one['value']:g} (threshold {one['threshold']:g}), {out.plural(one['demands'], 'demand')}, "
                f"{out.moment(one['window_from'])} to {out.moment(one['window_to'])}"
            )
        waiting = sum(
            # What its rule would issue by itself is issued by nobody where it is about old demands.
            one["state"] == SignalState.OPEN and (one["historical"] or not one["auto_issue"])
            for one in found
        )
        if waiting:
            out.say(
                f"{waiting} of these wait for a decision: `hub signal triage ID --issue` or `--dismiss`, with --by and --reason."
            )
        out.newest(found, limit)

    door.answer({"signals": found}, tell)


def show(
    ctx: typer.Context,
    signal_id: Annotated[str, typer.Argument(metavar="ID", help="From `hub signal list`.")],
) -> None:
    """Show one signal: what a rule saw, its demands, and what a model beside the rules suggests. `hub warning why` recomputes it."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.cli.suggested import tell_suggestions
    from hub.store import signals, suggestions, views

    with door.rows() as (_, connection):
        found = signals.get(connection, signal_id)
        demands = views.demand_heads(connection, found.demand_ids)
        suggested = suggestions.of(connection, "signal", [signal_id])

    def tell() -> None:
        out.fields(
            [
                ("signal 苗头信息", found.signal_id),
                ("rule", f"{found.rule_id} {found.rule_version}"),
                ("state", words.word(words.SIGNAL_STATES, found.state)),
                ("level", words.word(words.LEVELS, found.level)),
                ("historical", found.historical or None),
                ("window", f"{out.moment(found.window_from)} to {out.moment(found.window_to)}"),
                (found.metric, f"{found.value:g} (threshold {found.threshold:g})"),
                ("reporters", found.reporters or None),
                ("labels", list(found.labels)),
                ("triaged by", found.triaged_by),
                ("reason", found.triage_reason),
            ]
        )
        out.say()
        out.say(found.summary)
        tell_suggestions(suggested)
        for one in demands:
            out.say(f"demand {one['demand_no']}  {out.moment(one['submitted_at'])}  {one['title']}")

    document = {**found.model_dump(mode="json"), "demands": demands, "suggestions": suggested}
    door.answer({"signal": document}, tell)


def triage(
    ctx: typer.Context,
    signal_id: Annotated[str, typer.Argument(metavar="ID", help="From `hub signal list`.")],
    by: Annotated[
        str,
        typer.Option("--by", metavar="NAME", help="Who decides; kept with the signal and in the audit log."),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal.")],
    issue: Annotated[bool, typer.Option("--issue", help="Make a warning of it.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is no warning (不属预期).")] = False,
) -> None:
    """Decide on a signal: issue a warning, or dismiss it. The same decision again changes nothing."""
    door = door_of(ctx)
    if issue == dismiss:
        raise typer.BadParameter("say which: --issue or --dismiss, one of the two")
    from hub.cli import out
    from hub.pipeline import triage as step

    with door.hub() as hub:
        hub.renew_keys()
        try:
            decision = step.decide(hub.pipeline_deps, signal_id, "issue" if issue else "dismiss", by, reason)
        except ValueError as exc:
            raise typer.BadParameter(f"--by and --reason: {exc}") from None

    def tell() -> None:
        if decision.warning_no:
            out.say(
                f"Warning {decision.warning_no} stands for this signal; the next dispatch sends it (`hub run once --step dispatch`)."
            )
        else:
            out.say("The signal is dismissed; later evidence is added to it without opening it again.")

    door.answer({"decision": decision}, tell)
