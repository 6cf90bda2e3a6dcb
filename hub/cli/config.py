"""`hub config apply | show`: the office's data as versions, and the settings of a process with their origins."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.door import door_of


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("apply")(apply)
    group.command("show")(show)
    app.add_typer(
        group, name="config", help="Organisations, routing and rules as versions; settings and their origins."
    )


def apply(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="YAML: organisations, endpoints, routing, rules, categories."),
    ],
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who answers for it; default: your account's name."),
    ] = None,
) -> None:
    """Make the document the whole truth, as a new version; applying it again changes nothing.

    What it no longer names is no longer in use. A rule whose parameters changed judges every stored demand again. Secrets are named there, never written there.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor
    from hub.errors import Code, ConfigError

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "no UTF-8"
        raise ConfigError(
            f"{file} cannot be read ({why}; expected a YAML file); correct the path or the file",
            code=Code.CONFIG_MISSING,
        ) from exc
    with door.hub() as hub:
        done = hub.apply_config(text, by or actor(), str(file))

    def tell() -> None:
        if not done.new:
            changed = "rules that came since take it up" if done.rejudged else "nothing was changed"
            out.say(f"Version {done.version} holds this document already; {changed}.")
        else:
            out.say(f"Version {done.version} stands.")
        if done.rejudged:
            out.say(
                f"Every stored demand waits for {', '.join(done.rejudged)} again: `hub run once --step evaluate`, or `hub serve`."
            )
        if done.catalogue.new:
            out.say(
                f"Category catalogue {done.catalogue.version} stands: {done.catalogue.categories} categories; "
                f"{done.catalogue.waiting} stored demands have theirs judged again."
            )
        if done.scores.new:
            out.say(
                f"Deduction table {done.scores.version} of scores stands, from {done.scores.from_month} on."
            )
        if done.renewed_secrets:
            out.say(f"Secrets read for {', '.join(done.renewed_secrets)}.")

    door.answer(asdict(done), tell)


def show(ctx: typer.Context) -> None:
    """Show the settings that are in force and where each came from; secrets are not shown. Opens no database."""
    door = door_of(ctx)
    from hub.cli import out

    loaded = door.settings()
    flat = dict(_flat(loaded.settings.model_dump(mode="json")))
    settings = {
        name: {"value": value, "from": _origin(loaded.origins, name)} for name, value in sorted(flat.items())
    }

    def tell() -> None:
        out.table(
            ["setting", "value", "from"],
            [(name, one["value"], one["from"]) for name, one in settings.items()],
        )
        where = loaded.config_path or "no hub.yaml (none in this folder, none named)"
        out.say(f"Read: {where}.")

    door.answer({"settings": settings, "file": loaded.config_path and str(loaded.config_path)}, tell)


def _flat(values: dict[str, Any], prefix: str = "") -> Any:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _origin(origins: dict[str, str], name: str) -> str:
    """The place that set a setting, or the section that it stands in."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if place := origins.get(".".join(parts[:length])):
            return place
    return "default"
