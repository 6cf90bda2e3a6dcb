"""docs/reference/cli.md: every command with its arguments and options, as the command line itself declares them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

from docs._generate.fields import table


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name (``channel run``), in the order of `hub --help`."""
    from hub.cli.app import COMMANDS, _load

    for name in COMMANDS:
        yield from _leaves(name, _load(name))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for sub, one in inner.items():
        yield from _leaves(f"{name} {sub}", one)


def options_of(command: Any) -> list[Any]:
    """The command's own options; those that stand behind every command are left out."""
    return [
        one
        for one in command.params
        if one.param_type_name == "option" and getattr(one, "rich_help_panel", None) != _everywhere()
    ]


def _everywhere() -> str:
    from hub.cli.app import GLOBAL_PANEL

    return GLOBAL_PANEL


def global_options() -> list[Any]:
    """The options that stand behind every command."""
    from hub.cli.app import _global_options

    return _global_options()


def globals_reference() -> str:
    """A table of the options that every command takes."""
    return _table(global_options()) + "\n"


def reference() -> str:
    """Every command."""
    from hub.cli.app import COMMANDS

    parts = []
    panel = ""
    for name, command in commands():
        entry = COMMANDS[name.partition(" ")[0]]
        if entry.panel != panel:
            panel = entry.panel
            parts.append(f"## {panel}")
        parts.append(f"### hub {name}")
        parts.append(f"```text\n{usage(name, command)}\n```")
        parts.append(_words(command.help or command.short_help or ""))
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        shown = [[f"`{_metavar(one)}`", one.help or ""] for one in arguments if one.help]
        if shown:
            parts.append(table(["argument", "what it is"], shown))
        if options := options_of(command):
            parts.append(_table(options))
    return "\n\n".join(parts) + "\n"


def usage(name: str, command: Any) -> str:
    """One line: what stands behind the command."""
    parts = [f"hub {name}"]
    for one in command.params:
        if one.param_type_name == "argument":
            parts.append(_metavar(one) if one.required else f"[{_metavar(one)}]")
    for one in options_of(command):
        told = _option(one)
        parts.append(told if one.required else f"[{told}]")
    return " ".join(parts)


def _metavar(one: Any) -> str:
    return str(one.metavar or one.name.upper()).strip("[]")


def _option(one: Any) -> str:
    name = one.opts[0]
    if one.secondary_opts:
        return f"{name}/{one.secondary_opts[0]}"
    if one.is_flag:
        return str(name)
    return f"{name} {one.metavar or _kind(one)}"


def _kind(one: Any) -> str:
    """What stands for the value: the choices of an enumeration, NUMBER, or the option's own name."""
    annotation = one.type_descriptor.annotation
    annotation = next(iter(get_args(annotation)), annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(choice.value) for choice in annotation)
    return "NUMBER" if annotation in (int, float) else str(one.name).upper()


def _table(options: list[Any]) -> str:
    rows = [[f"`{_option(one)}`", _words(one.help or "") + _default(one)] for one in options]
    return table(["option", "what it does"], rows)


def _default(one: Any) -> str:
    has_one = one.default not in (None, False, (), []) and "default" not in (one.help or "")
    return f" Default: {one.default}." if has_one else ""


def _words(text: str) -> str:
    """Help as running text; its paragraphs stay."""
    return "\n\n".join(" ".join(part.split()) for part in text.replace("``", "`").split("\n\n"))
