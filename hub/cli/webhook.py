"""`hub webhook list | redeliver | test | enable`: how orders reach departments."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of
from hub.model.codes import MessageState

if TYPE_CHECKING:
    from hub.runtime.hub import Hub
    from hub.sdk.notify import Endpoint, Notifier, OutgoingMessage, Receipt
    from hub.store.outbox import MessageView

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="From `hub webhook list`.")]
Organisation = Annotated[
    str | None, typer.Option("--organisation", metavar="CODE", help="Only this organisation's.")
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_messages)
    group.command("redeliver")(redeliver)
    group.command("test")(test)
    group.command("enable")(enable)
    app.add_typer(
        group, name="webhook", help="Deliveries to departments: signed, at least once, each id the same."
    )


def list_messages(
    ctx: typer.Context,
    state: Annotated[
        MessageState | None, typer.Option("--state", help="Only messages in this state.")
    ] = None,
    organisation: Organisation = None,
    limit: Limit = 20,
) -> None:
    """List the endpoints of departments, and the latest messages to them. Exit code 1 when an endpoint is out of use."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import endpoints, outbox

    with door.rows() as (hub, connection):
        places = [
            one
            for one in endpoints.list_endpoints(connection)
            if organisation is None or one.organisation == organisation
        ]
        messages = outbox.list_messages(connection, state=state, organisation=organisation, limit=limit)
        stats = outbox.stats(connection, hub.clock.now())
    broken = [one for one in places if one.active and one.disabled_at is not None]

    def tell() -> None:
        if not places:
            out.say("No endpoint: name them under `endpoints:` in the document of `hub config apply`.")
        for one in places:
            out.say(f"{one.endpoint_id}  {_state(one)}")
            out.say(f"    {one.kind} to {one.organisation} at {one.url}")
        out.say()
        if not messages:
            narrowed = state or organisation
            out.say("No message fits." if narrowed else "No message yet: an order brings the first one.")
        for message in messages:
            out.say(_headline(message))
            out.say(f"    {message.event_type} to {message.organisation}, {_when(message)}")
        out.newest(messages, limit)
        out.say(f"{stats.waiting} wait, {stats.due} of them due; {stats.failed} were given up.")
        for one in broken:
            out.say(
                f"{one.endpoint_id} is out of use since {out.moment(one.disabled_at)} [{one.disabled_code}]: ask the department, then "
                f"`hub webhook test {one.endpoint_id}` and `hub webhook enable {one.endpoint_id}`."
            )

    document = {
        "endpoints": [asdict(one) for one in places],
        "messages": [asdict(one) for one in messages],
        "outbox": asdict(stats),
    }
    door.answer(document, tell)
    if broken:
        raise typer.Exit(1)


def redeliver(
    ctx: typer.Context,
    message_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One message.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Instead of one: every message that was given up.")
    ] = False,
    organisation: Organisation = None,
) -> None:
    """Have a message delivered again, from the start of its schedule; the department sees the id that it saw before."""
    door = door_of(ctx)
    if (message_id is None) != failed or (organisation is not None and not failed):
        raise typer.BadParameter(
            "name one message, or --failed for all that were given up (--organisation narrows these)"
        )
    from hub.cli import out
    from hub.cli.reveal import note
    from hub.store import outbox

    with door.hub() as hub, hub.store.begin() as connection:
        now = hub.clock.now()
        if message_id is not None:
            outbox.redeliver(connection, message_id, now)
            count = 1
        else:
            count = outbox.redeliver_failed(connection, now, organisation=organisation)
        if count:
            note(hub, connection, "webhook.redeliver", message_id or f"{count} messages")
    door.answer(
        {"redelivered": count},
        lambda: out.say(
            f"{out.plural(count, 'message')} will be delivered again: by `hub serve`, or now by `hub run once --step deliver`."
            if count
            else "Nothing to deliver again: no message was given up."
        ),
    )


def test(ctx: typer.Context, endpoint_id: EndpointId) -> None:
    """Send a signed test message to an endpoint, in use or not. Exit code 3 when it does not take it."""
    door = door_of(ctx)
    from hub.cli import out

    with door.hub() as hub:
        endpoint, message = _test_message(hub, endpoint_id)
        notifier = hub.deliver_deps.notifiers.get(endpoint.kind)
        if notifier is None:
            raise _no_notifier(endpoint)
        receipt = _send(notifier, endpoint, message)
    told = f" ({receipt.status})" if receipt.status is not None else ""
    door.answer(
        {
            "endpoint": endpoint_id,
            "message_id": message.message_id,
            "status": receipt.status,
            "duration_ms": receipt.duration_ms,
        },
        lambda: out.say(f"{endpoint_id} took the test message{told} in {receipt.duration_ms} ms."),
    )


def enable(ctx: typer.Context, endpoint_id: EndpointId) -> None:
    """Let an endpoint be called again at once: after it answered 410 Gone, or while it rests after failures."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import note
    from hub.store import endpoints

    with door.hub() as hub, hub.store.begin() as connection:
        endpoints.enable(connection, endpoint_id)
        note(hub, connection, "endpoint.enable", f"endpoint {endpoint_id}")
    door.answer({"enabled": endpoint_id}, lambda: out.say(f"{endpoint_id} is in use again."))


def _test_message(hub: Hub, endpoint_id: str) -> tuple[Endpoint, OutgoingMessage]:
    import json

    from hub.model.ids import new_ulid
    from hub.sdk.notify import Endpoint, OutgoingMessage
    from hub.store import endpoints, views

    with hub.store.begin() as connection:
        row = views.endpoint(connection, endpoint_id)
    hub.renew_keys()
    secrets = endpoints.open_secrets(hub.sealer, endpoint_id, row["sealed_secrets"])
    endpoint = Endpoint(endpoint_id, row["organisation"], row["kind"], row["url"], secrets, row["timeout_s"])
    now: datetime = hub.clock.now()
    body: dict[str, Any] = {"type": "hub.test", "schema_version": "1", "sent_at": now.isoformat()}
    return endpoint, OutgoingMessage(f"test_{new_ulid()}", "hub.test", json.dumps(body).encode(), 1)


def _send(notifier: Notifier, endpoint: Endpoint, message: OutgoingMessage) -> Receipt:
    import asyncio

    async def send() -> Receipt:
        try:
            return await notifier.deliver(endpoint, message)
        finally:
            await notifier.aclose()

    return asyncio.run(send())


def _no_notifier(endpoint: Endpoint) -> Exception:
    from hub.errors import Code, ConfigError

    return ConfigError(
        f"endpoint {endpoint.endpoint_id}: no plugin brings notifiers of kind {endpoint.kind!r} (expected one); install it or "
        "correct the kind, then run `hub config apply`",
        code=Code.CONFIG_INVALID,
    )


def _headline(message: MessageView) -> str:
    from hub.cli import out, words

    code = f", {message.last_code}" if message.last_code else ""
    attempts = out.plural(message.attempts, "attempt")
    return f"{message.message_id}  {words.word(words.MESSAGE_STATES, message.state)}, {attempts}{code}"


def _when(message: MessageView) -> str:
    from hub.cli import out

    if message.settled_at is not None:
        return f"settled {out.moment(message.settled_at)}"
    return f"made {out.moment(message.created_at)}, next attempt {out.moment(message.next_at)}"


def _state(one: Any) -> str:
    if not one.active:
        return "no longer named"
    return f"out of use [{one.disabled_code}]" if one.disabled_at is not None else "in use"
