"""`hub warning list | why`: warnings 预警, and what each rests on (P6)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of
from hub.model.codes import WarningState

if TYPE_CHECKING:
    from hub.pipeline.why import Recomputed, Why


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_warnings)
    group.command("why")(why)
    app.add_typer(group, name="warning", help="Warnings 预警: signals found worth a department's attention.")


def list_warnings(
    ctx: typer.Context,
    state: Annotated[WarningState | None, typer.Option("--state", help="Only in this state.")] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="ID", help="Only this rule's, such as W08.")
    ] = None,
    limit: Limit = 20,
) -> None:
    """List warnings, the latest issued first."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import views

    with door.rows() as (_, connection):
        found = views.warnings(connection, state=state.value if state else None, rule_id=rule, limit=limit)

    def tell() -> None:
        if not found:
            out.say(
                "No warning fits."
                if state or rule
                else "No warning yet: `hub signal list` shows what waits for a decision."
            )
            return
        out.table(
            ["warning", "rule", "level", "state", "why"],
            [
                (
                    one["warning_no"],
                    one["rule_id"],
                    words.word(words.LEVELS, one["level"]),
                    words.short(words.WARNING_STATES, one["state"])
                    if one["dispatched_at"]
                    else f"{words.short(words.WARNING_STATES, one['state'])}，待交办",
                    one["summary"],
                )
                for one in found
            ],
            whole=["warning", "level"],
        )
        out.newest(found, limit)

    door.answer({"warnings": found}, tell)


def why(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NO", help="A warning's number, or a signal's id.")],
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Let the rule judge the stored demands again; writes nothing.")
    ] = False,
) -> None:
    """Say why a warning was issued: rule and version, parameters, window, value, threshold, baseline, demands.

    With --recompute, exit code 1 when the same demands no longer give the same answer.
    """
    door = door_of(ctx)
    from hub.pipeline import why as step
    from hub.store import views

    with door.hub() as hub:
        found = step.why(hub.pipeline_deps, number)
        again = step.recompute(hub.pipeline_deps, found.signal.signal_id) if recompute else None
        orders: list[dict[str, Any]] = []
        if found.warning is not None:
            with hub.store.begin() as connection:
                orders = views.orders_of_warning(connection, found.warning.warning_id)
    document: dict[str, Any] = {
        "warning": found.warning,
        # The token of a person says nothing to a reader, and would let lists be joined.
        "signal": found.signal.model_dump(exclude={"key"} if found.signal.subject == "reporter" else None),
        "rule_title": found.rule_title,
        "demands": [one.model_dump(mode="json", exclude={"reporter_key"}) for one in found.demands],
        "orders": orders,
    }
    if again is not None:
        document["recomputed"] = {**asdict(again), "same": again.same}
        document["recomputed"].pop("draft")
    door.answer(document, lambda: _tell(found, orders, again))
    if again is not None and not again.same:
        raise typer.Exit(1)


def _tell(found: Why, orders: list[dict[str, Any]], again: Recomputed | None) -> None:
    from hub.cli import out, words

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
            ("level", words.word(words.LEVELS, warning.level if warning else signal.level)),
            ("reporters", signal.reporters),
            ("historical", signal.historical or None),
            ("labels", list(signal.labels)),
            (
                "issued",
                f"{out.moment(warning.issued_at)} by {warning.issued_by}: {warning.reason}"
                if warning
                else None,
            ),
        ]
    )
    out.say()
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
