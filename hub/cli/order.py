"""`hub order list | show`: orders 交办单, and how they travelled."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from hub.cli.door import Limit, door_of
from hub.model.codes import OrderState


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_orders)
    group.command("show")(show)
    app.add_typer(group, name="order", help="Orders 交办单: what departments were asked to do.")


def list_orders(
    ctx: typer.Context,
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="CODE", help="Only this organisation's.")
    ] = None,
    state: Annotated[OrderState | None, typer.Option("--state", help="Only in this state.")] = None,
    limit: Limit = 20,
) -> None:
    """List orders, the latest first."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import views

    with door.rows() as (_, connection):
        found = views.orders(
            connection, organisation=organisation, state=state.value if state else None, limit=limit
        )

    def tell() -> None:
        if not found:
            narrowed = organisation or state
            out.say(
                "No order fits."
                if narrowed
                else "No order yet: `hub run once` dispatches the warnings that wait (`hub warning list`)."
            )
            return
        out.table(
            ["order", "to", "level", "state", "due", "delivery"],
            [
                (
                    one["order_no"],
                    one["organisation_name"],
                    words.level(one["level"], subject=one["subject"], rule_id=one["rule_id"]),
                    words.short(words.ORDER_STATES, one["state"]),
                    one["due_at"],
                    words.short(words.MESSAGE_STATES, one["delivery"]) if one["delivery"] else None,
                )
                for one in found
            ],
            whole=["order", "level", "state", "due", "delivery"],
        )
        out.newest(found, limit)

    door.answer({"orders": found}, tell)


def show(
    ctx: typer.Context, number: Annotated[str, typer.Argument(metavar="NO", help="From `hub order list`.")]
) -> None:
    """Show one order: its origin, its demands, its deadline, and every message that carried it."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import outbox, views

    with door.rows() as (_, connection):
        found = views.order(connection, number)
        messages = outbox.list_messages(connection, order_id=found["order_id"], limit=200)
        tries = {one.message_id: outbox.message(connection, one.message_id)[2] for one in messages}

    def tell() -> None:
        provisional = (
            " (provisional: the calendar does not reach there yet)" if found["due_provisional"] else ""
        )
        origin = (
            f"warning {found['warning_no']}"
            if found["warning_no"]
            else f"{found['origin']} {found['origin_id']}"
        )
        out.fields(
            [
                ("order 交办单", found["order_no"]),
                ("organisation", f"{found['organisation_name']} ({found['organisation']}), {found['role']}"),
                ("routed by", found["routed_by"]),
                ("origin", origin),
                ("level", words.level(found["level"], subject=found["subject"], rule_id=found["rule_id"])),
                ("state", words.word(words.ORDER_STATES, found["state"])),
                ("made", found["created_at"]),
                ("due", f"{out.moment(found['due_at'])}{provisional}" if found["due_at"] else None),
                ("by", found["due_basis"]),
                ("ledger 台账", found["ledger_no"]),
            ]
        )
        for one in found["demands"]:
            out.say(f"demand {one['demand_no']}  {out.moment(one['submitted_at'])}  {one['title']}")
        for message in messages:
            state = words.word(words.MESSAGE_STATES, message.state)
            out.say(
                f"message {message.message_id}  {message.event_type}  {state}, {out.plural(len(tries[message.message_id]), 'attempt')}"
            )
            for attempt in tries[message.message_id]:
                told = attempt.code or attempt.status
                out.say(
                    f"    {out.moment(attempt.started_at)}  {attempt.outcome} ({told}, {attempt.duration_ms} ms)"
                )

    document = {
        "order": found,
        "messages": [
            {**asdict(one), "attempt_list": [asdict(attempt) for attempt in tries[one.message_id]]}
            for one in messages
        ],
    }
    door.answer(document, tell)
