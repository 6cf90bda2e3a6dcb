"""`hub plugin list | new | test`: what is installed, what each plugin brings, and which are broken and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from hub.cli import kit
from hub.cli.door import door_of

if TYPE_CHECKING:
    from hub.plugins import PluginInfo


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_plugins)
    group.command("new")(kit.new)
    group.command("test")(kit.prove)
    app.add_typer(group, name="plugin", help="Plugins: channels, rules and notifiers that others bring.")


def list_plugins(ctx: typer.Context) -> None:
    """List every installed plugin; a broken one is named with its reason. Exit code 1 when any is broken."""
    door = door_of(ctx)
    from hub.cli import out

    with door.hub(schema=False) as hub:
        plugins = hub.plugins
        found = plugins.list()
        broken = plugins.broken

    def tell() -> None:
        out.table(
            ["plugin", "state", "distribution", "brings"],
            [
                (
                    one.name,
                    one.state,
                    f"{one.distribution} {one.version}",
                    _brought(one),
                )
                for one in found
            ],
        )
        for one in broken:
            out.say()
            out.say(f"{one.name} is broken [{one.code}]: {one.message}")
        if not any(one.channels for one in found):
            out.say()
            out.say("No channel is installed: install one, such as `pip install ./plugins/portal`.")

    door.answer(
        {
            "plugins": [asdict(one) for one in found],
            "broken": [{**asdict(one), "code": str(one.code)} for one in broken],
        },
        tell,
    )
    if broken:
        raise typer.Exit(1)


def _brought(one: PluginInfo) -> str:
    brought = (
        ("channel", one.channels),
        ("rule", one.rules),
        ("notifier", one.notifiers),
        ("classifier", one.classifiers),
    )
    parts = [f"{what} {', '.join(names)}" for what, names in brought if names]
    return "; ".join(parts) or ", ".join(one.hooks) or "nothing"
