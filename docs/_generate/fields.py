"""The fields of a pydantic model as rows of a table: name, type, default and words, read from its JSON Schema."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


@dataclass(frozen=True)
class Row:
    """One field.

    Attributes:
        name: Dotted; ``NAME`` and ``[]`` stand for what the reader chooses.
        required: It has no default.
        schema: Its JSON Schema, references resolved.
    """

    name: str
    type: str
    default: str
    words: str
    required: bool
    schema: Mapping[str, Any]

    @property
    def is_scalar(self) -> bool:
        """Whether one text can set it, as an environment variable does."""
        return self.schema.get("type") not in ("array", "object")


def rows_of(model: type[BaseModel], *, without: Collection[str] = ()) -> tuple[Row, ...]:
    """The model's own fields, in their order, but for those named.

    Raises:
        ValueError: A field is explained nowhere.
    """
    schema = model.model_json_schema()
    explained = attributes_of(model)
    required = set(schema.get("required", ()))
    rows = []
    for name, given in schema["properties"].items():
        if name in without:
            continue
        words = plain(explained.get(name) or given.get("description") or _of_kind(name, given))
        if not words:
            raise ValueError(
                f"{model.__qualname__}.{name} is explained nowhere: give its Field a description"
            )
        resolved = _resolved(given, schema.get("$defs", {}))
        rows.append(
            Row(
                name,
                type_of(resolved),
                "required" if name in required else default_of(given, resolved),
                words,
                name in required,
                resolved,
            )
        )
    return tuple(rows)


def _of_kind(name: str, given: Mapping[str, Any]) -> str:
    return "Chooses this one." if name == "kind" and "const" in given else ""


def attributes_of(model: type) -> dict[str, str]:
    """Name -> words of the section "Attributes" in the class's docstring, and in those of its bases."""
    found: dict[str, str] = {}
    for one in reversed(inspect.getmro(model)):
        found |= _attributes_in(inspect.cleandoc(one.__doc__ or ""))
    return found


def _attributes_in(docstring: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _attribute_lines(docstring):
        if match := _ATTRIBUTE.match(line):
            name = match[1]
            found[name] = match[2]
        elif found and line.startswith("     "):
            found[name] += " " + line.strip()
    return {name: plain(words) for name, words in found.items()}


def _attribute_lines(docstring: str) -> Iterator[str]:
    _, _, behind = docstring.partition("\nAttributes:\n")
    for line in behind.splitlines():
        if line and not line.startswith("    "):
            return
        yield line


def summary_of(thing: Any) -> str:
    """What a docstring says before its first section."""
    text = inspect.getdoc(thing) or ""
    text = re.split(r"\n(?:Attributes|Args|Returns|Raises|Source):", text)[0]
    return plain(text.strip())


def plain(words: str) -> str:
    """Docstring words as Markdown: literals in single backticks."""
    return words.replace("``", "`")


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "$ref":
            found = {**_resolved(definitions[value.rpartition("/")[2]], definitions), **found}
        elif isinstance(value, Mapping) and name != "default":
            found[name] = _resolved(value, definitions)
        elif isinstance(value, list) and name in ("anyOf", "oneOf", "allOf"):
            found[name] = [_resolved(one, definitions) for one in value]
        else:
            found[name] = value
    return found


def type_of(schema: Mapping[str, Any]) -> str:
    """A type in words, with its bounds."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(type_of(one) for one in choices if one.get("type") != "null"))
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return " / ".join(_code(value) for value in schema["enum"])
    match schema.get("type"):
        case "integer":
            return "whole number" + _bounds(schema)
        case "number":
            return "number" + _bounds(schema)
        case "boolean":
            return "true or false"
        case "array":
            return f"list of {_several(schema.get('items', {}))}"
        case "object":
            return _object(schema)
        case _:
            return {"path": "path", "password": "text, secret", "date-time": "time with zone"}.get(
                schema.get("format", ""), "text"
            )


def _object(schema: Mapping[str, Any]) -> str:
    if "properties" in schema:
        return "section"
    values: object = schema.get("additionalProperties") or next(
        iter(schema.get("patternProperties", {}).values()), {}
    )
    if not isinstance(values, Mapping):
        return "names with values"
    return f"names with {_several(values)}"


def _several(schema: Mapping[str, Any]) -> str:
    kind = type_of(schema)
    return {"text": "texts", "section": "sections"}.get(kind, f"({kind})" if " " in kind else kind)


def _bounds(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    parts = [f"from {low}" if low is not None else "", f"above {above}" if above is not None else ""]
    parts += [f"up to {high}" if high is not None else ""]
    told = " ".join(part for part in parts if part)
    return f", {told}" if told else ""


def default_of(given: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """The default as YAML would write it; a dash for none."""
    value = given.get("default")
    if value is None or value == "" or value == [] or value == {}:
        return "–"
    if isinstance(value, Mapping):
        return _code(value["kind"]) if set(value) == {"kind"} else "see below"
    if isinstance(value, (list, tuple)):
        return ", ".join(_code(one) for one in value)
    return _code(value)


def _code(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str) and not value.isprintable():
        return f"`{value!r}`"
    return f"`{value}`"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)
