"""`hub audit list | export | verify`: the monitoring log 监察日志 (R42): who did or saw what, when and why; append-only, hash-chained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.door import Limit, door_of

_HEADS = ("序号", "时间", "操作人", "操作", "对象", "事由", "详情")
Action = Annotated[
    str | None,
    typer.Option(
        "--action", metavar="NAME", help="Only this action, or all that begin with it: warning, rules.run."
    ),
]
Actor = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", help="Only what this person or step did.")
]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="From then on.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    from hub.cli.ledger import verify

    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_rows)
    group.command("export")(export)
    group.command("verify")(verify)
    app.add_typer(group, name="audit", help="The monitoring log 监察日志: who did or saw what, when and why.")


def list_rows(
    ctx: typer.Context,
    action: Action = None,
    actor: Actor = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TEXT", help="Only about this, such as 'warning Y…'.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
) -> None:
    """List the log, the latest first: rule runs, warnings and their revocation, decisions, changes of settings, every look at personal data."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import moment_of
    from hub.store import views

    first, behind = moment_of(since, "--since"), moment_of(until, "--until")
    with door.rows() as (_, connection):
        found = views.audit_rows(
            connection, action=action, actor=actor, subject=subject, since=first, until=behind, limit=limit
        )

    def tell() -> None:
        if not found:
            narrowed = action or actor or subject or since or until
            out.say("No line of the log fits." if narrowed else "The log is empty: nothing was done yet.")
            return
        out.table(
            ["no", "at", "by", "action", "about", "why", "detail"],
            [
                (
                    one["audit_id"],
                    one["at"],
                    one["actor"],
                    one["action"],
                    one["subject"],
                    one["purpose"] or "",
                    _told(one["detail"]),
                )
                for one in found
            ],
            whole=["no", "at", "action"],
        )
        out.newest(found, limit)

    door.answer({"audit": found}, tell)


def export(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Written whole or not at all; '-' is stdout.")
    ],
    since: Since = None,
    until: Until = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the log, the oldest line first, as a CSV file that spreadsheets open; that it was written is a line of the log itself."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import moment_of
    from hub.cli.reveal import note
    from hub.cli.table_file import check_target, write_table
    from hub.store import views

    first, behind = moment_of(since, "--since"), moment_of(until, "--until")
    check_target(file, force=force, as_json=door.as_json)
    with door.hub() as hub:
        with hub.store.begin() as connection:
            note(hub, connection, "audit.export", "audit log")
        with hub.store.begin() as connection:
            count = write_table(
                file, _HEADS, map(_columns, views.whole_audit(connection, since=first, until=behind))
            )
    if str(file) != "-":
        door.answer(
            {"file": str(file), "rows": count},
            lambda: out.say(f"{out.plural(count, 'row')} written to {file}."),
        )


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    from hub.cli import out

    return (
        str(row["audit_id"]),
        out.moment(row["at"]),
        row["actor"],
        row["action"],
        row["subject"],
        row["purpose"] or "",
        json.dumps(row["detail"], ensure_ascii=False, sort_keys=True) if row["detail"] else "",
    )


def _told(detail: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}"
        for name, value in sorted(detail.items())
        if name != "rules"
    )
