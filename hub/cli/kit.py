"""`hub plugin new | test`: a channel's distribution from a template, and the proof of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from hub.cli.boundary import PROBLEMS
from hub.cli.door import door_of
from hub.cli.scaffold import Kind
from hub.errors import Code, ConfigError

LIMIT_S = 900
_SHOWN_FAILURES = 10
_SHOWN_BYTES = 4_096


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the channel: letters a-z, digits, _.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What it reads.", show_choices=True)],
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Its name for people, such as 意见箱.")
    ] = None,
    folder: Annotated[
        Path,
        typer.Option("--dir", metavar="FOLDER", help="Where the folder NAME is made.", show_default=False),
    ] = Path(),
) -> None:
    """Write a new channel as a distribution of its own, which passes its contract, lint and types as it stands.

    Nothing that exists is overwritten.
    """
    door = door_of(ctx)
    from hub.cli import out, scaffold

    shown = title if title is not None else name
    if fault := scaffold.name_fault(name):
        raise typer.BadParameter(f"{name!r} cannot be a channel's name: {fault}", param_hint="NAME")
    if fault := scaffold.title_fault(shown):
        raise typer.BadParameter(f"the title cannot be used: {fault}", param_hint="--title")
    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is no folder: make it first", param_hint="--dir")
    target = folder / name
    texts = scaffold.rendered(kind, name, shown)
    try:
        scaffold.write(target, texts)
    except FileExistsError:
        raise typer.BadParameter(
            f"{target} exists already and is left as it is: take another name, or --dir", param_hint="NAME"
        ) from None
    except OSError as exc:
        raise ConfigError(
            f"{target} cannot be written ({type(exc).__name__}: {os.strerror(exc.errno or 0)}); nothing was left there: "
            "look at the folder's rights and room",
            code=Code.CONFIG_INVALID,
        ) from exc

    def tell() -> None:
        out.say(f"{target}: a channel of the kind {kind.value}, {len(texts)} files.")
        out.say(f"  hub plugin test {target}    proves it, as it stands")
        out.say(f"  {target}/README.md    says what is yours to change")

    document = {"name": name, "kind": kind.value, "title": shown, "folder": str(target), "files": list(texts)}
    door.answer(document, tell)


def prove(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="Folder of a distribution, or the YAML file of a source without code."
        ),
    ],
    show: Annotated[bool, typer.Option("--show", help="Show what pytest says while it runs.")] = False,
) -> None:
    """Prove a channel: load it as the hub would and run its contract, a source that misbehaves in forty ways included.

    Nothing is installed and nothing but this machine is reached. Exit code 1 when something does not hold.
    """
    door = door_of(ctx)
    if not path.exists():
        raise typer.BadParameter(f"{path} does not exist", param_hint="PATH")
    if path.is_file() and path.suffix not in (".yaml", ".yml"):
        raise typer.BadParameter(
            f"{path} is neither a folder nor a file in YAML (expected a distribution or a source without code)",
            param_hint="PATH",
        )
    proof = _proved(path, show=show)
    door.answer(proof, lambda: _tell(proof))
    if not proof["ok"]:
        raise typer.Exit(PROBLEMS)


def _proved(path: Path, *, show: bool) -> dict[str, Any]:
    """The proof, from a process of its own.

    Raises:
        ConfigError: pytest is not installed.
    """
    from importlib.util import find_spec

    if find_spec("pytest") is None:
        raise ConfigError(
            "hub plugin test: pytest is not installed beside the hub (expected it: the contract is a set of tests); "
            "pip install 'weisu-hub[test]'",
            code=Code.CONFIG_MISSING,
        )
    with tempfile.TemporaryDirectory(prefix="hub-prove-") as scratch:
        report = Path(scratch) / "proof.json"
        command = [sys.executable, "-m", "hub.testing.prove", str(path), str(report)]
        said = Path(scratch) / "said"
        with said.open("wb") as log:
            ended = _run(command + ["--show"] * show, sys.stderr if show else log)
        try:
            proof: dict[str, Any] = json.loads(report.read_text("utf-8"))
        except (OSError, ValueError):
            return _cut_off(path, ended, said.read_bytes()[-_SHOWN_BYTES:].decode("utf-8", "replace"))
    return proof


def _run(command: list[str], shown: IO[Any]) -> int | None:
    """Exit code, or None where it was cut off; its whole group ends with it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=shown,
        stderr=shown,
        start_new_session=True,
    )
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _cut_off(path: Path, ended: int | None, said: str) -> dict[str, Any]:
    how = (
        f"did not end within {LIMIT_S} s and was cut off"
        if ended is None
        else f"ended with exit code {ended}"
    )
    message = f"the process that ran the contract {how} (expected a report); see what it does with --show"
    if last := said.strip().splitlines()[-1:]:
        message += f"; its last line: {last[0]}"
    failure = {"what": "the contract can be run", "where": str(path), "message": message, "test": None}
    return {
        "target": str(path),
        "kind": "distribution" if path.is_dir() else "source",
        "name": path.name,
        "version": "?",
        "channels": {},
        "contracts": [],
        "others": 0,
        "failures": [failure],
        "seconds": None,
        "ok": False,
    }


def _tell(proof: dict[str, Any]) -> None:
    from hub.cli import out

    brought = ", ".join(f"{name} {title}" for name, title in proof["channels"].items()) or "no channel"
    out.say(f"{proof['name']} {proof['version']}: brings {brought}")
    for one in proof["contracts"]:
        gaps = f", {len(one['gaps'])} known gaps" if one["gaps"] else ""
        broken = f", {one['broken']} broken" if one["broken"] else ""
        out.say(
            f"{'wrong' if one['broken'] else 'ok   '}  {one['channel']}: {one['kept']} promises of {one['base']} kept{broken}{gaps} ({one['name']})"
        )
        for test_name, reason in one["gaps"].items():
            out.say(f"       gap  {test_name}: {reason}")
    if proof["others"]:
        out.say(f"ok     {proof['others']} further tests of its own")
    # One cause may break many promises; told once, it is seen to be one.
    causes: dict[tuple[str, str], list[str]] = {}
    for failure in proof["failures"]:
        cause = (failure["where"] or proof["target"], failure["message"])
        causes.setdefault(cause, []).append(failure["what"])
    for (where, message), promises in list(causes.items())[:_SHOWN_FAILURES]:
        more = f", and {len(promises) - 1} more for the same reason" if len(promises) > 1 else ""
        out.say(f"wrong  {promises[0]}{more}")
        out.say(f"       {where}: {_first_lines(message)}")
    if len(causes) > _SHOWN_FAILURES:
        out.say(f"… and {len(causes) - _SHOWN_FAILURES} more reasons; --json shows all.")
    took = f" in {proof['seconds']} s" if proof["seconds"] is not None else ""
    if proof["ok"]:
        out.say(f"{proof['target']} holds{took}.")
        return
    first = next((one["test"] for one in proof["failures"] if one["test"]), None)
    out.say(f"{proof['target']} does not hold{took}: {len(proof['failures'])} to mend.")
    if first is not None:
        where = f"{proof['target']}/tests" if proof["kind"] == "distribution" else proof["target"]
        out.say(f"  python -m pytest {where} -k {first.partition('[')[0]}    shows the first at length")


def _first_lines(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:300]
