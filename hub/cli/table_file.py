"""Tables as CSV files that spreadsheets open: whole or not at all, readable by their owner alone, no formula from strangers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

import typer

from hub.errors import Code, ConfigError


def check_target(file: Path, *, force: bool, as_json: bool) -> None:
    """Passes only where the file may be written; ``-`` is stdout.

    Raises:
        BadParameter: It exists and is not to be replaced, or stdout is taken by ``--json``.
    """
    if str(file) != "-" and file.exists() and not force:
        raise typer.BadParameter(f"{file} exists; --force replaces it, or give another name")
    if str(file) == "-" and as_json:
        raise typer.BadParameter("--json prints its own document on stdout: give a file's name")


def write_table(file: Path, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Writes a table; returns how many rows.

    Args:
        file: Replaced as a whole; ``-`` is stdout.
        heads: Headings.
        rows: Cells in the order of the headings.

    Raises:
        ConfigError: It cannot be written there.
    """
    import sys

    if str(file) == "-":
        return _write_rows(sys.stdout, heads, rows)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise _unwritable(file, exc) from exc
    try:
        # The mark at the start is what spreadsheets need to read UTF-8.
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as stream:
            count = _write_rows(stream, heads, rows)
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


def _write_rows(stream: TextIO, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    import csv

    writer = csv.writer(stream)
    writer.writerow(heads)
    count = 0
    for row in rows:
        writer.writerow([_plain(value) for value in row])
        count += 1
    return count


def _plain(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: its text comes from strangers."""
    return f"'{value}" if value[:1] in "=+-@\t\r" else value
