"""docs/reference/hooks.md and docs/reference/rules.md: what plugins may bring, and the rules that the hub itself brings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from docs._generate.fields import plain, rows_of, summary_of, table
from hub.sdk.hookspecs import PROJECT, HubSpec
from hub.sdk.rules import WarningRule

_FAMILIES = {
    "configure": "told once to every plugin, also to one that is registered later",
    "register": "asked once of all, when the plugins are loaded",
    "provide": "the first answer that is not None counts; the hub's own comes last",
    "on": "told and not heard: what it answers or raises changes nothing",
    "route": "the first answer that is not None counts; the hub's own comes last",
}


def hooks() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every hook of the hub, in the order of its specification."""
    for name, function in vars(HubSpec).items():
        if not name.startswith("_") and hasattr(function, f"{PROJECT}_spec"):
            yield name, function


def hooks_reference() -> str:
    """Every hook with its signature."""
    parts = []
    for name, function in hooks():
        options = getattr(function, f"{PROJECT}_spec")
        called = _FAMILIES[name.partition("_")[0]]
        assert bool(options["firstresult"]) == ("first answer" in called), name
        parts.append(f"### {name}\n\n```text\n{_signature(name, function)}\n```")
        parts.append(f"{plain(inspect.getdoc(function) or '')} ({called[0].upper()}{called[1:]}.)")
    return "\n\n".join(parts) + "\n"


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    given = [one for one in signature.parameters.values() if one.name != "self"]
    shown = str(signature.replace(parameters=given)).replace("'", "")
    # Three brackets in a row would end a block of cog.
    for generic in ("Channel", "Classifier"):
        shown = shown.replace(f"{generic}[Any]", generic)
    return f"{name}{shown}"


def rules() -> list[type[WarningRule]]:
    """The rules that the hub itself brings."""
    from hub.builtin.plugin import register_rules

    return list(register_rules())


def rules_reference() -> str:
    """Every rule of the hub's own, with its parameters."""
    parts = []
    for rule in rules():
        parts.append(f"### {rule.rule_id} {rule.title}")
        parts.append(f"Version `{rule.version}`; judges every `{rule.subject}` by itself.")
        words = summary_of(rule).removeprefix(f"{rule.title}: ")
        parts.append(words[0].upper() + words[1:])
        rows = rows_of(rule.Params) if rule.Params.model_fields else ()
        if rows:
            parts.append(
                table(
                    ["parameter", "type", "default", "what it is"],
                    [[f"`{row.name}`", row.type, row.default, row.words] for row in rows],
                )
            )
        else:
            parts.append("It has no parameters.")
    return "\n\n".join(parts) + "\n"
