"""`hub signal list | show | triage`: signals 苗头信息, and a person's decision on them (研判)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of
from hub.cli.plans import PlanFrom, PlanOwner, PlanText, PlanTo, plan_of
from hub.model.codes import SignalState, Trait

if TYPE_CHECKING:
    from datetime import datetime

    from hub.model.holding import Hold
    from hub.model.warning import Decision


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
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=3, help="Only of this level: 1, 2 or 3.")
    ] = None,
    trait: Annotated[
        Trait | None, typer.Option("--trait", help="Only with this trait 研判特征, by triage or by the rule.")
    ] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Only what something holds back now: a silence 静默, a mute, …")
    ] = False,
    overdue: Annotated[
        bool,
        typer.Option("--overdue", help="Only what a person should have decided on by now, and nobody has."),
    ] = False,
    historical: Annotated[
        bool | None,
        typer.Option(
            "--historical/--present", help="Only about old demands, or only about present ones; default both."
        ),
    ] = None,
    limit: Limit = 20,
) -> None:
    """List signals, the latest seen first; what is held back says by what, and until when."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.model.holding import TRAIT_TITLES
    from hub.pipeline import silence
    from hub.store import signals, views

    with door.hub() as hub:
        hub.renew_keys()
        deps, now = hub.pipeline_deps, hub.clock.now()
        with hub.store.begin() as connection:
            holds = silence.all_held(deps, connection) if held else {}
            found = views.signals(
                connection,
                state=state.value if state else None,
                rule_id=rule,
                level=level,
                traits=[trait.value, TRAIT_TITLES[trait]] if trait else None,
                historical=historical,
                only=holds if held else None,
                overdue_at=now if overdue else None,
                limit=limit,
            )
            within = signals.within(connection, [one["signal_id"] for one in found], list(deps.plugins.rules))
            if not held:
                waiting = [one["signal_id"] for one in found if one["state"] == SignalState.OPEN]
                holds = silence.holds(deps, connection, waiting)
    narrowed = bool(state or rule or level or trait or held or overdue or historical is not None)

    def tell() -> None:
        if not found:
            out.say(
                "No signal fits."
                if narrowed
                else "No signal: the rules have seen nothing yet (`hub run once` judges what waits)."
            )
            return
        for one in found:
            _tell_signal(one, holds.get(one["signal_id"]), within.get(one["signal_id"]), now)
        _tell_what_waits(found, holds)
        out.newest(found, limit)

    shown = [
        {**one, "held": _plain(holds.get(one["signal_id"])), "within": within.get(one["signal_id"])}
        for one in found
    ]
    door.answer({"signals": shown}, tell)


def _plain(hold: Hold | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    return {"cause": hold.cause.value, "by": hold.by, "reason": hold.reason, "until": hold.until}


def _tell_signal(one: dict[str, Any], hold: Hold | None, within: str | None, now: datetime) -> None:
    from hub.cli import observed, out, words

    level = words.level(one["level"], subject=one["subject"], rule_id=one["rule_id"])
    marks = [words.word(words.SIGNAL_STATES, one["state"]), level]
    marks += ["historical"] if one["historical"] else []
    marks += [words.short(words.MANNERS, one["manner"])] if one["manner"] else []
    marks += [f"warning {one['warning_no']}"] if one["warning_no"] else []
    out.say(f"{one['signal_id']}  {one['rule_id']}  {', '.join(marks)}")
    out.say(f"    {one['summary']}")
    out.say(
        f"    {one['metric']} {one['value']:g} (threshold {one['threshold']:g}), {observed.rests_on(one['demands'], one['observed'])}, "
        f"{out.moment(one['window_from'])} to {out.moment(one['window_to'])}"
    )
    if one["traits"]:
        out.say(f"    traits 特征: {'、'.join(words.short(words.TRAITS, trait) for trait in one['traits'])}")
    if (due := one["decision_due_at"]) is not None:
        out.say(f"    to be decided on 研判 by {out.moment(due)}{', which has passed' if due <= now else ''}")
    if within is not None:
        out.say(f"    all of its demands are in {within}, too: decide on both on one line 归集")
    if hold is not None:
        until = f", until {out.moment(hold.until)}" if hold.until else ""
        out.say(f"    held: {words.word(words.HELD, hold.cause)} ({hold.reason}{until})")


def _tell_what_waits(found: list[dict[str, Any]], holds: dict[str, Hold]) -> None:
    from hub.cli import out

    waiting = sum(
        # What its rule would issue by itself is issued by nobody where it is about old demands.
        one["state"] == SignalState.OPEN and (one["historical"] or not one["auto_issue"])
        for one in found
    )
    if waiting:
        out.say(
            f"{waiting} of these wait for a decision: `hub signal triage ID --issue`, `--dismiss` or `--hold`, with --by and --reason."
        )
    if back := sum(one["signal_id"] in holds for one in found):
        out.say(
            f"{back} of these are held back, and are issued when what holds them ends if they still stand."
        )


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
                ("level", words.level(found.level, subject=found.subject, rule_id=found.rule_id)),
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

    # The token of a person says nothing to a reader, and would let lists be joined.
    shown = found.model_dump(mode="json", exclude={"key"} if found.subject == "reporter" else None)
    document = {**shown, "demands": demands, "suggestions": suggested}
    door.answer({"signal": document}, tell)


def triage(
    ctx: typer.Context,
    signal_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="From `hub signal list`; several are one warning (类型化归集)."),
    ],
    by: Annotated[
        str,
        typer.Option("--by", metavar="NAME", help="Who decides; kept with the signal and in the audit log."),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; nothing personal.")],
    issue: Annotated[bool, typer.Option("--issue", help="Make a warning of it (属于未诉预期).")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is no warning (不属预期).")] = False,
    hold: Annotated[bool, typer.Option("--hold", help="Let it wait, with its traits noted (留观).")] = False,
    trait: Annotated[
        list[Trait] | None, typer.Option("--trait", help="What is grave about it 研判特征; may be repeated.")
    ] = None,
    plan: PlanText = None,
    plan_owner: PlanOwner = None,
    plan_from: PlanFrom = None,
    plan_to: PlanTo = None,
) -> None:
    """Decide on a signal, or on several together: issue one warning, dismiss, or hold.

    The same decision again changes nothing. With the traits wide 社会影响面宽, sensitive 热点敏感, knotty 棘手难点 or latent 可能存在隐患 a
    warning needs its plan first.
    """
    door = door_of(ctx)
    if issue + dismiss + hold != 1:
        raise typer.BadParameter("say which: --issue, --dismiss or --hold, one of the three")
    made = plan_of(plan, plan_owner, plan_from, plan_to)
    if made is not None and not issue:
        raise typer.BadParameter("--plan goes with --issue: a plan stands with a warning")
    from hub.pipeline import triage as step

    with door.hub() as hub:
        hub.renew_keys()
        try:
            decision = step.decide(
                hub.pipeline_deps,
                signal_ids,
                "issue" if issue else "dismiss" if dismiss else "hold",
                by,
                reason,
                traits=trait or (),
                plan=made,
            )
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from None
    door.answer({"decision": decision}, lambda: _tell_decision(decision))


def _tell_decision(decision: Decision) -> None:
    from hub.cli import out

    several = len(decision.signal_ids) > 1
    if decision.warning_no:
        these = f"these {len(decision.signal_ids)} signals together" if several else "this signal"
        out.say(
            f"Warning {decision.warning_no} stands for {these}; the next dispatch sends it (`hub run once --step dispatch`)."
        )
    elif decision.state is SignalState.DISMISSED:
        out.say(
            f"The {'signals are' if several else 'signal is'} dismissed; later evidence is added without opening "
            f"{'them' if several else 'it'} again."
        )
    else:
        out.say("What was seen is noted; it waits on, and is listed with its traits.")
