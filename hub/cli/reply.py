"""`hub reply list | send | retry`: what travels back to the platforms that demands came from (签收, 退回, 延期, 办结)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hub.cli.door import Limit, door_of
from hub.model.codes import ReplyKind, ReplyState


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_replies)
    group.command("send")(send)
    group.command("retry")(retry)
    app.add_typer(group, name="reply", help="Replies to a demand's own platform: 签收, 退回, 延期, 办结.")


def list_replies(
    ctx: typer.Context,
    state: Annotated[ReplyState | None, typer.Option("--state", help="Only in this state.")] = None,
    demand: Annotated[
        str | None, typer.Option("--demand", metavar="NO", help="Only about this demand.")
    ] = None,
    limit: Limit = 20,
) -> None:
    """List replies, the latest made first; what they say is sealed."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import replies

    with door.rows() as (_, connection):
        found = replies.listed(connection, state=state, number=demand, limit=limit)

    def tell() -> None:
        if not found:
            out.say("No reply fits." if state or demand else "No reply yet: `hub reply send` makes one.")
            return
        out.table(
            ["reply", "made", "demand", "kind", "state", "result"],
            [
                (
                    one["reply_id"],
                    one["made_at"],
                    one["demand_no"],
                    words.word(words.REPLY_KINDS, one["kind"]),
                    words.word(words.REPLY_STATES, one["state"]),
                    one["detail"] or one["reference"],
                )
                for one in found
            ],
            whole=["made", "demand"],
        )
        out.newest(found, limit)

    door.answer({"replies": found}, tell)


def send(
    ctx: typer.Context,
    demand: Annotated[str, typer.Argument(metavar="NO", help="From `hub demand list`.")],
    kind: Annotated[ReplyKind, typer.Option("--kind", help="What is told.")],
    text: Annotated[
        str,
        typer.Option(
            "--text",
            metavar="TEXT",
            help="The reason (return, extend) or the public answer (close), for the citizen's eyes; '-' reads it from stdin.",
        ),
    ] = "",
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=VALUE", help="What else this platform wants; may be repeated."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Idempotency key: sending twice under one key replies once.  Default: a new one.",
        ),
    ] = None,
) -> None:
    """Write a reply into the outbox; `hub serve`, the DAG hub_reply or `hub run once --step reply` tells the platform."""
    door = door_of(ctx)
    words_told = sys.stdin.read().strip() if text == "-" else text.strip()
    if kind is not ReplyKind.SIGN and not words_told:
        raise typer.BadParameter(
            f"--text is empty (expected the {'public answer' if kind is ReplyKind.CLOSE else 'reason'})"
        )
    given = _fields(fields or [])
    _check_key(key)
    from hub.cli import out
    from hub.cli.reveal import actor, note
    from hub.errors import Code, ConfigError
    from hub.pipeline import reply
    from hub.store import replies

    with door.hub() as hub:
        hub.renew_keys()
        with hub.store.begin() as connection:
            about = replies.target(connection, demand)
            channel = hub.source(about.instance).channel
            if not channel.takes_replies():
                raise ConfigError(
                    f"demand {about.demand_no} came through {about.instance}, and channel {channel.name} takes no replies (expected one that "
                    "brings reply()); answer on that platform itself",
                    code=Code.REPLY_NOT_OFFERED,
                )
            is_new = reply.put(
                hub.reply_deps,
                connection,
                about,
                kind,
                words_told,
                by=actor(),
                fields=given,
                idempotency_key=key,
            )
            if is_new:
                note(hub, connection, "reply.send", f"demand {about.demand_no}", detail={"kind": str(kind)})

    def tell() -> None:
        if is_new:
            out.say(
                f"Reply {kind} about {about.demand_no} waits for {about.instance}; `hub reply list` follows it."
            )
        else:
            out.say(f"A reply under key {key} stands already; nothing was added.")

    door.answer({"demand_no": about.demand_no, "kind": str(kind), "new": is_new}, tell)


def retry(
    ctx: typer.Context,
    replies_given: Annotated[list[int], typer.Argument(metavar="REPLY...", help="From `hub reply list`.")],
) -> None:
    """Tell replies that were refused or given up once more, under the same key."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import replies

    with door.hub() as hub, hub.store.begin() as connection:
        count = replies.again(connection, replies_given, hub.clock.now())
    door.answer(
        {"waiting": count}, lambda: out.say(f"{out.plural(count, 'reply', 'replies')} will be told again.")
    )


def _fields(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    wrong = [name for name, sign, _ in pairs if not sign or not name.strip()]
    if wrong:
        raise typer.BadParameter(f"--field {wrong[0]!r} has no '=' (expected NAME=VALUE)")
    return {name.strip(): value for name, _, value in pairs}


def _check_key(key: str | None) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    if key is not None and (not 1 <= len(key) <= 64 or set(key) - allowed):
        raise typer.BadParameter("--key is no key (expected 1 to 64 of a-z, 0-9, '_' and '-')")
