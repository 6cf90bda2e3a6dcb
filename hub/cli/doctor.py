"""`hub doctor`: looks at everything that the hub stands on, and says what to mend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import door_of

if TYPE_CHECKING:
    from hub.runtime.doctor import Examination, Finding

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="doctor")(doctor)


def doctor(
    ctx: typer.Context,
    live: Annotated[
        bool, typer.Option("--live", help="Call every configured source too; writes nothing there.")
    ] = False,
) -> None:
    """Look at everything that the hub stands on, and say what to mend.

    Settings and where each came from, plugins, channels and their secrets, the calendar, the database, disk space, keys, the
    office's configuration, and the work itself. Exit code 0 when nothing fails (warnings allowed), 1 for problems, 4 when the
    configuration must change first.
    """
    door = door_of(ctx)
    from hub.runtime import logs
    from hub.runtime.doctor import examine

    logs.configure(door.log_level or "error")
    found = examine(door.settings, live=live)
    door.answer(_document(found), lambda: _tell(found))
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _document(found: Examination) -> dict[str, Any]:
    return {
        "ok": found.exit_code == 0,
        "checks": [asdict(finding) for finding in found.findings],
        "settings": {
            name: {"value": value, "from": place} for name, (value, place) in found.settings.items()
        },
    }


def _tell(found: Examination) -> None:
    from hub.cli import out

    if found.settings:
        out.table(
            ["setting", "value", "from"],
            [(name, value, place) for name, (value, place) in found.settings.items()],
        )
        out.say()
    for finding in found.findings:
        out.say(_line(finding))
    counts = {state: sum(finding.state == state for finding in found.findings) for state in _MARKS}
    out.say()
    out.say(
        f"{out.plural(len(found.findings), 'check')}: {counts['ok']} well, {out.plural(counts['warn'], 'warning')}, "
        f"{out.plural(counts['fail'], 'failure')}."
    )


def _line(finding: Finding) -> str:
    line = f"{_MARKS[finding.state]}  {finding.name}: {finding.found}"
    return f"{line}\n      → {finding.do}" if finding.do else line
