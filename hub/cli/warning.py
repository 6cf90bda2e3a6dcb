"""`hub warning list | show | why`: warnings 预警, and what each rests on (P6). What people do with them: `hub.cli.warning_acts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import warning_acts as acts
from hub.cli.door import Limit, door_of
from hub.model.codes import Trait, WarningState

if TYPE_CHECKING:
    from hub.model.warning import SignalView
    from hub.pipeline.why import Recomputed, Why
    from hub.runtime.hub import Hub

_MOST_PLACES = 8


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_warnings)
    group.command("show")(show)
    group.command("why")(why)
    group.command("revoke")(acts.revoke)
    group.command("plan")(acts.plan)
    group.command("four-first")(acts.four_first)
    group.command("stage")(acts.stage)
    app.add_typer(group, name="warning", help="Warnings 预警: signals found worth a department's attention.")


def list_warnings(
    ctx: typer.Context,
    state: Annotated[WarningState | None, typer.Option("--state", help="Only in this state.")] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="ID", help="Only this rule's, such as W08.")
    ] = None,
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=3, help="Only of this level: 1, 2 or 3.")
    ] = None,
    trait: Annotated[Trait | None, typer.Option("--trait", help="Only with this trait 研判特征.")] = None,
    plan_missing: Annotated[
        bool, typer.Option("--plan-missing", help="Only those whose plan 预案 is due and not there.")
    ] = False,
    limit: Limit = 20,
) -> None:
    """List warnings, the latest issued first."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import views

    with door.rows() as (hub, connection):
        found = views.warnings(
            connection,
            state=state.value if state else None,
            rule_id=rule,
            level=level,
            trait=trait.value if trait else None,
            plan_missing=plan_missing,
            limit=limit,
        )
        now = hub.clock.now()

    def tell() -> None:
        if not found:
            narrowed = state or rule or level or trait or plan_missing
            out.say(
                "No warning fits."
                if narrowed
                else "No warning yet: `hub signal list` shows what waits for a decision."
            )
            return
        out.table(
            ["warning", "rule", "level", "state", "why"],
            [
                (
                    one["warning_no"],
                    one["rule_id"],
                    words.level(one["level"], subject=one["subject"], rule_id=one["rule_id"]),
                    _state(one),
                    one["summary"] + (f"（共{one['signals']}条苗头信息）" if one["signals"] > 1 else ""),
                )
                for one in found
            ],
            whole=["warning", "level"],
        )
        late = [one for one in found if wants_plan(one)]
        for one in late:
            passed = ", which has passed" if one["plan_due_at"] <= now else ""
            out.say(
                f"{one['warning_no']}: its plan 预案 is due by {out.moment(one['plan_due_at'])}{passed} (`hub warning plan`)."
            )
        out.newest(found, limit)

    door.answer({"warnings": found}, tell)


def _state(one: dict[str, Any]) -> str:
    from hub.cli import words

    state = words.short(words.WARNING_STATES, one["state"])
    return state if one["dispatched_at"] else f"{state}，待交办"


def wants_plan(one: dict[str, Any]) -> bool:
    """Whether a plan is due with that warning, a row of the list, and is not there."""
    return one["plan_due_at"] is not None and not one["planned"] and one["state"] == WarningState.ISSUED


def show(
    ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="NO", help="From `hub warning list`.")]
) -> None:
    """Show one warning: its signals and decisions, plan, four firsts, stage, and what was told to whom.

    What its signals rest on says `hub warning why NO`.
    """
    door = door_of(ctx)
    from hub.store import triage, views, warnings

    with door.rows() as (_, connection):
        warning_id = warnings.find(connection, number).warning_id
        (one,) = views.warnings(connection, number=number)
        ids = triage.signal_ids_of(connection, warning_id)
        document = {
            "warning": one,
            "signals": views.signals(connection, only=ids, limit=len(ids) or 1),
            "decisions": triage.decisions(connection, ids),
            "plan": triage.plan_of(connection, warning_id),
            "four_first": triage.acts_of(connection, warning_id),
            "told": views.tellings(connection, warning_id),
            "orders": views.orders_of_warning(connection, warning_id),
        }
    door.answer(document, lambda: _tell_warning(document))


def _tell_warning(document: dict[str, Any]) -> None:
    from hub.cli import out, words

    one, plan = document["warning"], document["plan"]
    missing = f"none, due by {out.moment(one['plan_due_at'])}" if wants_plan(one) else None
    out.fields(
        [
            ("warning 预警", one["warning_no"]),
            ("rule", one["rule_id"]),
            ("level", words.level(one["level"], subject=one["subject"], rule_id=one["rule_id"])),
            ("state", _state(one)),
            ("stage", words.word(words.STAGES, one["stage"])),
            ("triage 研判", words.word(words.MANNERS, one["manner"])),
            ("traits 特征", "、".join(words.short(words.TRAITS, trait) for trait in one["traits"])),
            ("issued", f"{out.moment(one['issued_at'])} by {one['issued_by']}: {one['reason']}"),
            (
                "revoked 摘牌",
                f"{out.moment(one['revoked_at'])} by {one['revoked_by']}: {one['revoked_why']}"
                if one["revoked_at"]
                else None,
            ),
            (
                "plan 预案",
                f"{plan['text']} ({plan['owner']}, {plan['starts_on']} to {plan['due_on']})"
                if plan
                else missing,
            ),
        ]
    )
    for act in document["four_first"]:
        said = f": {act['note']}" if act["note"] else ""
        out.say(f"{words.short(words.FOUR_FIRST, act['act'])}  {out.moment(act['at'])} by {act['by']}{said}")
    for signal in document["signals"]:
        out.say(f"signal {signal['signal_id']}  {signal['rule_id']}  {signal['summary']}")
    for row in document["decisions"]:
        out.say(
            f"decision {out.moment(row['at'])}  {words.word(words.VERDICTS, row['verdict'])}, "
            f"{words.short(words.MANNERS, row['manner'])}, by {row['by']}: {row['reason']}"
        )
    _tell_told(document["told"])
    for order in document["orders"]:
        out.say(
            f"order {order['order_no']} to {order['organisation_name']} ({words.word(words.ORDER_STATES, order['state'])})"
        )


def why(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NO", help="A warning's number, or a signal's id.")],
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Let the rule judge the stored demands again; writes nothing.")
    ] = False,
) -> None:
    """Say why a warning was issued: rule and version, parameters, window, value, threshold, baseline, reporters, demands and what
    else it rests on, the words and places that they share, and what was sent to whom.

    With --recompute, exit code 1 when the same demands no longer give the same answer.
    """
    door = door_of(ctx)
    from hub.pipeline import why as step
    from hub.store import views

    with door.hub() as hub:
        found = step.why(hub.pipeline_deps, number)
        again = _again(hub, found) if recompute else None
        orders: list[dict[str, Any]] = []
        told: list[dict[str, Any]] = []
        if found.warning is not None:
            with hub.store.begin() as connection:
                orders = views.orders_of_warning(connection, found.warning.warning_id)
                told = views.tellings(connection, found.warning.warning_id)
    document: dict[str, Any] = {
        "warning": found.warning,
        "signal": _shown(found.signal),
        "others": [_shown(one) for one in found.others],
        "rule_title": found.rule_title,
        "demands": [one.model_dump(mode="json", exclude={"reporter_key"}) for one in found.demands],
        "observed": found.observed,
        "shared_words": [{"word": word, "demands": count} for word, count in found.shared_words],
        "places": [{"place": place, "demands": count} for place, count in found.places],
        "orders": orders,
        "told": told,
    }
    if again is not None:
        document["recomputed"] = {**asdict(again), "same": again.same}
        document["recomputed"].pop("draft")
    door.answer(document, lambda: _tell(found, orders, told, again))
    if again is not None and not again.same:
        raise typer.Exit(1)


def _shown(signal: SignalView) -> dict[str, Any]:
    # The token of a person says nothing to a reader, and would let lists be joined.
    return signal.model_dump(exclude={"key"} if signal.subject == "reporter" else None)


def _again(hub: Hub, found: Why) -> Recomputed:
    """What the rules of all of its signals say now, as one answer."""
    from hub.pipeline import why as step

    said = [step.recompute(hub.pipeline_deps, one.signal_id) for one in (found.signal, *found.others)]
    differs = dict.fromkeys(name for one in said for name in one.differs)
    return step.Recomputed(tuple(differs), said[0].draft)


def _tell(
    found: Why, orders: list[dict[str, Any]], told: list[dict[str, Any]], again: Recomputed | None
) -> None:
    from hub.cli import observed, out, words

    signal, warning = found.signal, found.warning
    window = f"{out.moment(signal.window_from)} to {out.moment(signal.window_to)}"
    params = ", ".join(f"{name} {value}" for name, value in sorted(signal.params.items()))
    out.say(signal.summary)
    out.say()
    out.fields(
        [
            ("warning 预警", warning.warning_no if warning else "none: the signal waits for triage 研判"),
            ("signal 苗头信息", f"{signal.signal_id} ({words.word(words.SIGNAL_STATES, signal.state)})"),
            ("rule", f"{signal.rule_id} {found.rule_title}, version {signal.rule_version}"),
            ("parameters", params or "none"),
            ("window", window),
            ("value", f"{signal.metric} = {signal.value:g}"),
            ("threshold", f"{signal.threshold:g}"),
            ("baseline", f"{signal.baseline:g}" if signal.baseline is not None else "none"),
            (
                "level",
                words.level(
                    warning.level if warning else signal.level,
                    subject=signal.subject,
                    rule_id=signal.rule_id,
                ),
            ),
            ("reporters", signal.reporters),
            ("shared words", _counted(found.shared_words)),
            ("places", _counted(found.places[:_MOST_PLACES])),
            ("historical", signal.historical or None),
            ("labels", list(signal.labels)),
            (
                "issued",
                f"{out.moment(warning.issued_at)} by {warning.issued_by}: {warning.reason}"
                if warning
                else None,
            ),
            (
                "revoked 摘牌",
                f"{out.moment(warning.revoked_at)} by {warning.revoked_by}: {warning.revoked_why}"
                if warning and warning.revoked_at
                else None,
            ),
        ]
    )
    for one in found.others:
        out.say(
            f"and signal {one.signal_id}  {one.rule_id}  {one.metric} = {one.value:g} (threshold {one.threshold:g})  {one.summary}"
        )
    out.say()
    for thing in found.observed:
        out.say(observed.line(thing))
    if found.demands:
        _tell_demands(found)
    _tell_told(told)
    for order in orders:
        out.say(
            f"order {order['order_no']} to {order['organisation_name']} ({words.word(words.ORDER_STATES, order['state'])})"
        )
    if again is not None:
        out.say()
        out.say(
            "Recomputed from the stored demands: the same answer."
            if again.same
            else f"Recomputed from the stored demands: another answer; not the same: {', '.join(again.differs)}."
        )


def _tell_demands(found: Why) -> None:
    from hub.cli import out, words

    out.table(
        ["demand", "submitted", "channel", "type", "title"],
        [
            (
                one.demand_no,
                one.submitted_at,
                one.instance,
                words.word(words.TYPES, one.demand_type),
                one.title,
            )
            for one in found.demands
        ],
    )


def _tell_told(told: list[dict[str, Any]]) -> None:
    from hub.cli import out

    for one in told:
        message = f", message {one['message_id']}" if one["message_id"] else ""
        out.say(
            f"told {one['organisation_name']} {out.moment(one['at'])} ({one['cause']}, level {one['level']}, "
            f"resting on {one['demands']}{message})"
        )


def _counted(counts: Sequence[tuple[str, int]]) -> str | None:
    return "、".join(f"{what} ×{count}" for what, count in counts) or None
