"""From a file in YAML to a `SourceDocument`; every fault is told with its path and its line."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hub.errors import Code, ConfigError
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.lines import Lined

_SHOWN = 12


def read_source(path: Path) -> SourceDocument:
    """The source that the file describes.

    Raises:
        ConfigError: It cannot be read, or says what no source can be (code ``config_invalid``); every fault with its path and line.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ConfigError(
            f"{path}: the file of a source cannot be read ({type(exc).__name__}); name one that is there under `sources:` in hub.yaml",
            code=Code.CONFIG_INVALID,
        ) from None
    return source_in(content, path.name)


def source_in(content: bytes | str, name: str) -> SourceDocument:
    """As `read_source`, of a file's content; ``name`` stands in messages."""
    lined = Lined(content, name)
    if not isinstance(lined.value, dict):
        raise lined.fault(1, "no names with values (expected `hub_source: 1`, `name:`, `reader:` and so on)")
    try:
        return SourceDocument.model_validate(lined.value)
    except ValidationError as exc:
        faults = [
            f"line {line}: {told}" if line is not None else told
            for line, told in sorted(_faults(exc, lined), key=_by_line)
        ]
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ConfigError(
            f"{name}: {'; '.join(faults[:_SHOWN])}{more}; correct them there, `hub plugin test {name}` proves it",
            code=Code.CONFIG_INVALID,
        ) from None


def _by_line(fault: tuple[int | None, str]) -> int:
    return fault[0] or 0


def _faults(exc: ValidationError, lined: Lined) -> Iterator[tuple[int | None, str]]:
    for error in exc.errors(include_input=False, include_url=False):
        path = [step for step in error["loc"] if step != "[key]"]
        where = lined.known(path)
        told = str(error["msg"]).removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            told = _no_such_name(str(path[-1]))
        elif error["type"] == "missing":
            told = "is missing (expected a value)"
        elif error["type"] == "union_tag_not_found":
            told = "kind is missing (expected one that says what it is)"
        yield lined.line(path), f"{where}: {told}" if where else told


def _no_such_name(name: str) -> str:
    places: dict[str, str] = {}
    for known, under in _names(SourceDocument, "the file itself", set()):
        places.setdefault(known, under)
    if name in places:
        return f"there is no such name here (it stands elsewhere, such as under {places[name]!r})"
    near = get_close_matches(name, places, 1)
    return "there is no such name" + (f" (did you mean {near[0]!r}?)" if near else "")


def _names(model: type[BaseModel], under: str, seen: set[type]) -> Iterator[tuple[str, str]]:
    """Every name that may stand somewhere in the file, with the name under which it may stand."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name, under
        for inner in _models_in(field.annotation):
            yield from _names(inner, field.alias or name, seen)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
