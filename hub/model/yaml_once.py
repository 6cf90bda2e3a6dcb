"""YAML as people's documents are read: values alone, and every name of a section once."""

from __future__ import annotations

from typing import Any

import yaml


class NameTwice(yaml.MarkedYAMLError):
    """Two values stand under one name; `problem` says which name, `problem_mark` where."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, in C where there is one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise NameTwice(None, None, f"{key.value!r} stands twice (expected once)", key.start_mark)
                seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def read_once(source: str | bytes) -> Any:
    """The document's value: of dicts, lists, texts, numbers, dates, booleans and None.

    Raises:
        NameTwice: Plain YAML would take the later of two values and silently drop the first, a section with all its channels, say.
        yaml.YAMLError: It is no YAML.
    """
    return yaml.load(source, Loader=_Loader)  # noqa: S506 - a safe loader


def fault_of(exc: yaml.YAMLError) -> str | None:
    """Where it is, and what where that quotes no value: ``line 3, column 1: 'serve' stands twice …``."""
    mark = getattr(exc, "problem_mark", None)
    if mark is None:
        return None
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: {exc.problem}" if isinstance(exc, NameTwice) else place
