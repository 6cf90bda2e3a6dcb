"""`hub quarantine list | show | replay`: what was set aside, looked at, and sent on its way again (待核数据)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.door import Limit, Purpose, Reveal, door_of, purpose_of

Channel = Annotated[str | None, typer.Option("--channel", metavar="NAME", help="Only this channel's.")]
CodeOption = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only those set aside for this reason.")
]


_HEADS = ("编号", "渠道", "来源编号", "原因代码", "字段", "说明", "待核时间", "退回对象")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_entries)
    group.command("show")(show)
    group.command("replay")(replay)
    group.command("export")(export)
    app.add_typer(group, name="quarantine", help="Quarantine 待核数据: kept with its bytes and its reason.")


def list_entries(
    ctx: typer.Context,
    channel: Channel = None,
    code: CodeOption = None,
    settled: Annotated[bool, typer.Option("--settled", help="Those that were replayed since, too.")] = False,
    limit: Limit = 100,
) -> None:
    """List what stands in quarantine, the oldest first, and how much of each reason. Exit code 0 also when there is something."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import quarantine

    with door.rows() as (_, connection):
        found = quarantine.entries(
            connection, instance=channel, code=code, include_settled=settled, limit=limit
        )
        counts = quarantine.counts(connection)

    def tell() -> None:
        if not found:
            out.say(
                "Nothing stands in quarantine"
                + (" of that kind." if channel or code else ": every record was read.")
            )
            return
        heads = ["id", "channel", "kind", "reason", "record", "set aside"]
        rows = [
            [
                one["quarantine_id"],
                f"{one['instance']}/{one['stream']}",
                one["kind"],
                one["code"] + (f" ({one['field']})" if one["field"] else ""),
                _short(one["source_no"], 26),
                one["set_aside_at"],
            ]
            for one in found
        ]
        if settled:
            heads.append("settled")
            rows = [[*row, one["settled_as"]] for row, one in zip(rows, found, strict=True)]
        out.table(heads, rows, right=["id"], whole=["id", "set aside", "settled"])
        total = sum(one["entries"] for one in counts)
        out.say(
            f"{total} open in all; `hub quarantine show ID` says why, `hub quarantine replay` tries again after the mend."
        )

    door.answer({"entries": found, "open": counts}, tell)


def export(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Written whole or not at all; '-' is stdout.")
    ],
    channel: Channel = None,
    code: CodeOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write what stands in quarantine as a list to hand back to whoever keeps the source: record, field, reason; nobody's data (R75)."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.table_file import check_target, write_table
    from hub.store import quarantine

    check_target(file, force=force, as_json=door.as_json)
    with door.rows() as (hub, connection):
        found = quarantine.entries(connection, instance=channel, code=code, limit=1_000_000)
        returned_to = {name: one.error_return or one.owner for name, one in hub.settings.channels.items()}
    count = write_table(file, _HEADS, ([*_row(one), returned_to.get(one["instance"], "")] for one in found))
    if str(file) != "-":
        door.answer(
            {"file": str(file), "rows": count},
            lambda: out.say(f"{out.plural(count, 'row')} written to {file}."),
        )


def _row(one: dict[str, Any]) -> list[str]:
    from hub.cli import out

    return [
        str(one["quarantine_id"]),
        f"{one['instance']}/{one['stream']}",
        one["source_no"] or "",
        one["code"],
        one["field"] or "",
        one["message"],
        out.moment(one["set_aside_at"]),
    ]


def show(
    ctx: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID", help="From `hub quarantine list`.")],
    reveal: Reveal = False,
    purpose: Purpose = None,
) -> None:
    """Show one entry: why it was set aside, by which version; its bytes only with --reveal."""
    door = door_of(ctx)
    stated = purpose_of(reveal, purpose)
    from hub.cli import out
    from hub.cli.readable import readable
    from hub.cli.reveal import log_first
    from hub.store import quarantine

    with door.hub() as hub:
        with hub.store.begin() as connection:
            entry = quarantine.entry(connection, quarantine_id)
            table, row_id, sealed, media_type = quarantine.kept_bytes(connection, quarantine_id)
        body: bytes | None = None
        if stated is not None:
            log_first(hub, "quarantine.reveal", f"quarantine {quarantine_id}", stated)
            body = hub.sealer.unseal(sealed, table=table, row_id=row_id)

    def tell() -> None:
        out.fields(
            [
                ("id", entry["quarantine_id"]),
                ("channel", f"{entry['instance']}/{entry['stream']}"),
                ("kind", entry["kind"]),
                ("record", _short(entry["source_no"])),
                ("reason", entry["code"]),
                ("field", entry["field"]),
                ("message", entry["message"]),
                ("plugin", entry["plugin_version"]),
                ("run", entry["run_id"]),
                ("set aside", entry["set_aside_at"]),
                ("settled", entry["settled_as"]),
                ("replays", entry["replays"] or None),
            ]
        )
        if body is None:
            out.say(
                "Its bytes are kept and sealed: --reveal --purpose 'why' shows them, and that is written down."
            )
        else:
            out.say(f"{len(body)} bytes:")
            out.say(readable(body, media_type))

    document: dict[str, Any] = {"entry": entry}
    if body is not None:
        document["bytes"] = {"size": len(body), "base64": body, "text": readable(body, media_type)}
    door.answer(document, tell)


def replay(
    ctx: typer.Context,
    quarantine_id: Annotated[int | None, typer.Option("--id", metavar="ID", help="Only this one.")] = None,
    channel: Channel = None,
    code: CodeOption = None,
) -> None:
    """Read set-aside records again after the mend: those that can be used now are stored, the others come back.

    Whole pages are not replayed: `hub channel run NAME --since TIME` reads them again from their source. Exit code 1 when some came back.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import exit_code_of_reports, sentence, tell_problems
    from hub.cli.reveal import note
    from hub.store import quarantine

    with door.hub() as hub:
        with hub.store.begin() as connection:
            if quarantine_id is not None:
                quarantine.entry(connection, quarantine_id)  # says so where there is none
            count = quarantine.replay(
                connection, hub.clock.now(), quarantine_id=quarantine_id, instance=channel, code=code
            )
            if count:
                asked = {"id": quarantine_id, "channel": channel, "code": code}
                detail = {name: value for name, value in asked.items() if value is not None}
                note(hub, connection, "quarantine.replay", f"{count} records", detail=detail)
        report = hub.normalize() if count else None

    def tell() -> None:
        if report is None:
            out.say("Nothing to replay: no record that fits stands in quarantine.")
            return
        out.say(f"{out.plural(count, 'record')} read again; {sentence(report.records)}.")
        tell_problems(report.problems)

    door.answer({"replayed": count, "reports": [report] if report else []}, tell)
    if report is not None and (
        exit_code := exit_code_of_reports([report]) or int(bool(report.records.quarantined))
    ):
        raise typer.Exit(exit_code)


def _short(source_no: str | None, most: int = 80) -> str | None:
    """A record's number, its middle left out where it is long; one that stands under its content is named by the beginning of its hash."""
    if source_no is None or len(source_no) <= most:
        return source_no
    if source_no.startswith("sha256:"):
        return f"{source_no[:14]}…"
    # Neighbours differ in their last digits.
    return f"{source_no[: most // 2 - 1]}…{source_no[-(most // 2) :]}"
