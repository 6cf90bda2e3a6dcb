"""`hub ledger list | export | verify`: the ledger 未诉诉求登记台账, and the hash chains that hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.door import Limit, door_of

_HEADS = ("编号", "登记时间", "来源", "涉及事项", "转办部门", "交办单号", "处理结果")
_ORIGINS = {"warning": "预警", "demand": "诉求", "finding": "巡查发现", "matter": "同一诉求"}
Year = Annotated[int | None, typer.Option("--year", metavar="YYYY", help="Only this year's.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_rows)
    group.command("export")(export)
    group.command("verify")(verify)
    app.add_typer(
        group, name="ledger", help="The ledger 未诉诉求登记台账: one row a matter that was handed in."
    )


def list_rows(ctx: typer.Context, year: Year = None, limit: Limit = 20) -> None:
    """List the ledger's rows, the latest first."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import views

    with door.rows() as (_, connection):
        found = views.ledger_rows(connection, year=year, limit=limit)

    def tell() -> None:
        if not found:
            out.say("The ledger has no row yet: one is opened with the first order of each matter.")
            return
        out.table(
            ["no", "registered", "from", "matter 涉及事项", "to 转办部门", "state"],
            [
                (
                    f"{one['year']}-{one['seq_no']}",
                    one["registered_at"],
                    _ORIGINS.get(one["origin"], one["origin"]),
                    one["matter_text"],
                    one["organisations"],
                    [words.word(words.ORDER_STATES, state) for state in one["states"]],
                )
                for one in found
            ],
            whole=["no", "registered", "from"],
        )
        out.newest(found, limit)

    door.answer({"ledger": found}, tell)


def export(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Written whole or not at all; '-' is stdout.")
    ],
    year: Year = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the ledger as a CSV file that spreadsheets open; readable by you alone, and written down in the audit log."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import note
    from hub.cli.table_file import check_target, write_table
    from hub.store import views

    check_target(file, force=force, as_json=door.as_json)
    with door.hub() as hub:
        with hub.store.begin() as connection:
            note(hub, connection, "ledger.export", f"ledger {year or 'whole'}")
        with hub.store.begin() as connection:
            rows = map(_columns, views.whole_ledger(connection, year=year))
            count = write_table(file, _HEADS, rows)
    if str(file) != "-":
        door.answer(
            {"file": str(file), "rows": count},
            lambda: out.say(f"{out.plural(count, 'row')} written to {file}."),
        )


def verify(ctx: typer.Context) -> None:
    """Walk the hash chains of the ledger and the audit log. Exit code 1 when a row was changed, removed or put in."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.seal import ChainSalt
    from hub.store import chain, views

    with door.hub() as hub:
        salt = ChainSalt(hub.keys.ring())
        with hub.store.begin() as connection:
            lengths = views.chain_lengths(connection)
            faults = chain.verify(connection, salt.matches)

    def tell() -> None:
        for fault in faults:
            out.say(fault)
        told = f"{out.plural(lengths['ledger'], 'row')} of the ledger and {lengths['audit_log']} of the audit log"
        if faults:
            out.say(
                f"{out.plural(len(faults), 'fault')} in {told}: compare with a backup, and find out who wrote there."
            )
        else:
            out.say(f"{told} verify.")

    door.answer({"ok": not faults, "rows": lengths, "faults": faults}, tell)
    if faults:
        raise typer.Exit(1)


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    from hub.cli import out, words

    return (
        f"{row['year']}-{row['seq_no']}",
        out.moment(row["registered_at"]),
        _ORIGINS.get(row["origin"], row["origin"]),
        row["matter_text"],
        "、".join(row["organisations"]),
        "、".join(row["orders"]),
        "、".join(words.word(words.ORDER_STATES, state) for state in row["states"]),
    )
