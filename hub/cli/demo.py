"""`hub demo`: the whole way against a small simulated county on loopback."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import door_of

if TYPE_CHECKING:
    from hub.county.demo import Pass
    from hub.county.simulated import SimulatedCounty
    from hub.runtime.hub import Hub

PAUSE_S = 8.0  # between two batches of the county's voices


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="demo")(demo)


def demo(
    ctx: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Make one pass, print what happened, and exit.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of a county that begins now; the same seed says the same.")
    ] = None,
    portal_sheet: Annotated[
        Path | None,
        typer.Option(
            "--portal-sheet",
            metavar="FILE",
            help="Serve the messages of this sheet (.xlsx) through the portal instead of made-up ones.",
        ),
    ] = None,
    planted: Annotated[
        Path | None,
        typer.Option(
            "--planted",
            metavar="FILE",
            help="Write what was planted in the county so far, and which rules should see it; `hub rule test --planted` holds a rule against it.",
        ),
    ] = None,
) -> None:
    """Walk the whole way against a small simulated county: a source for every channel whose plugin is installed, twelve departments.

    Everything runs on this machine; the county's folder is `demo-N` below the hub's home, N the version of its world. A second run goes on where the first
    ended and collects only what is new. Without --once it stays up and goes on until Ctrl-C, which leaves nothing running.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.clock import SystemClock
    from hub.county.demo import one_pass, open_demo, require_demo_extra
    from hub.runtime import logs

    require_demo_extra()
    settings = door.settings().settings
    logs.configure(door.log_level or "warning", settings.log_format)
    say = out.say if not door.as_json else _silent
    home = settings.home.expanduser() / _folder(portal_sheet)
    overrides: dict[str, Any] = {"log_level": door.log_level or "warning"}
    clock = SystemClock()
    with (
        _Stoppable(clock.wake) as stopped,
        open_demo(home, clock, seed=seed, sheet=portal_sheet, overrides=overrides) as (hub, county),
    ):
        arrived = county.next_batch()
        say(f"The simulated county stands in {home} (seed {county.seed}).")
        say(_new(arrived))
        first = one_pass(hub, say)
        if planted is not None:
            planted.write_text(county.planted.model_dump_json(indent=1), encoding="utf-8")
        if door.as_json and once:
            out.write_json(first.document(county))
        if once:
            say("")
            say("Look at what is stored:")
            say(f"{_command(county)} demand list")
        else:
            _go_on(hub, county, clock, stopped, say)
    if once and (first.problems or not first.reconciles):
        raise typer.Exit(1)


def _go_on(hub: Hub, county: SimulatedCounty, clock: Any, stopped: threading.Event, say: Any) -> None:
    from hub.county.demo import one_pass

    say("")
    say("The county goes on. Look at it from another terminal:")
    say(f"{_command(county)} demand list")
    say("Ctrl-C ends it and leaves nothing running.")
    while not stopped.is_set():
        clock.sleep(PAUSE_S)
        if stopped.is_set():
            break
        arrived = county.next_batch()
        say("")
        say(_new(arrived))
        done: Pass = one_pass(hub, say)
        if done.problems:
            say("Some of it went wrong; the rest went on.")
    say("Stopped; nothing is left running.")


def _new(arrived: Mapping[str, int]) -> str:
    """What has come to the county's sources, in one line."""
    return f"New: {', '.join(f'{channel} {count}' for channel, count in sorted(arrived.items()))}."


def _command(county: SimulatedCounty) -> str:
    """How to call `hub` for this county: by the path by which it was called, for a fresh clone has it on no PATH."""
    program = sys.argv[0] if Path(sys.argv[0]).name == "hub" else "hub"
    home, config = shlex.quote(county.own["home"]), shlex.quote(str(county.config_file))
    return f"{program} --home {home} --config {config}"


def _folder(sheet: Path | None) -> str:
    """The county's folder: a sheet has one of its own, so that its messages meet no position of another county.

    So has each version of the simulated world: after an upgrade a new county begins, and the former one stays where it is.
    """
    from hub.county.simulated import WORLD

    if sheet is None:
        return f"demo-{WORLD}"
    try:
        content = sheet.read_bytes()
    except OSError as exc:
        raise typer.BadParameter(f"{sheet}: {exc.strerror}; give the path of a sheet (.xlsx)") from exc
    return f"demo-sheet-{sha256(content).hexdigest()[:8]}"


def _silent(line: str) -> None:
    """For --json, where stdout belongs to the document."""


class _Stoppable:
    """Ctrl-C and SIGTERM set an event and end the present sleep; a second one interrupts at once."""

    def __init__(self, wake: Any) -> None:
        self._wake = wake
        self._event = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> threading.Event:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        return self._event

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        if self._event.is_set():
            raise KeyboardInterrupt
        self._event.set()
        self._wake()
