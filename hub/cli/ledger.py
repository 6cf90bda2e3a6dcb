"""`hub ledger list | export | verify`: the ledger 未诉诉求登记台账, and the hash chains that hold it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from hub.cli.door import Limit, door_of
from hub.errors import Code, ConfigError

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
    if str(file) != "-" and file.exists() and not force:
        raise typer.BadParameter(f"{file} exists; --force replaces it, or give another name")
    if str(file) == "-" and door.as_json:
        raise typer.BadParameter("--json prints its own document on stdout: give a file's name")
    from hub.cli import out
    from hub.cli.reveal import note
    from hub.store import views

    with door.hub() as hub:
        with hub.store.begin() as connection:
            note(hub, connection, "ledger.export", f"ledger {year or 'whole'}")
        with hub.store.begin() as connection:
            count = _write(file, views.whole_ledger(connection, year=year))
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


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    import sys

    if str(file) == "-":
        return _write_rows(sys.stdout, rows)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise _unwritable(file, exc) from exc
    try:
        # The mark at the start is what spreadsheets need to read UTF-8.
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as stream:
            count = _write_rows(stream, rows)
        beside.replace(file)
    except OSError as exc:
        raise _unwritable(file, exc) from exc
    finally:
        beside.unlink(missing_ok=True)
    return count


def _unwritable(file: Path, exc: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be written ({exc.strerror}; expected a folder that this user may write, with room left); "
        "choose another place",
        code=Code.CONFIG_INVALID,
    )


def _write_rows(stream: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    import csv

    writer = csv.writer(stream)
    writer.writerow(_HEADS)
    count = 0
    for row in rows:
        writer.writerow([_plain(value) for value in _columns(row)])
        count += 1
    return count


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


def _plain(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: its text comes from strangers."""
    return f"'{value}" if value[:1] in "=+-@\t\r" else value
