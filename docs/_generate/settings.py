"""docs/reference/settings.md: every setting of hub.yaml; docs/reference/channels/: those of a channel."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from docs._generate.fields import Row, rows_of, summary_of, table
from hub.sdk import Channel, PositionKind
from hub.settings import (
    ApiSettings,
    ChannelConfig,
    CountySettings,
    DeliverySettings,
    EvaluateSettings,
    HubSettings,
    ServeSettings,
    SuggestSettings,
)

SECTIONS: dict[str, type[BaseModel]] = {
    "county": CountySettings,
    "channels": ChannelConfig,
    "evaluate": EvaluateSettings,
    "delivery": DeliverySettings,
    "suggest": SuggestSettings,
    "serve": ServeSettings,
    "api": ApiSettings,
}

# What a field is read from has a page of its own: docs/sources-without-code.md.
MAPPING = "hub.sdk.declarative.rules"


def settings() -> Iterator[tuple[str, Row]]:
    """Every setting by its dotted name; ``NAME`` stands for a configured channel."""
    for row in rows_of(HubSettings, without=SECTIONS):
        yield row.name, row
    for section, model in SECTIONS.items():
        prefix = "channels.NAME" if section == "channels" else section
        for row in rows_of(model):
            yield f"{prefix}.{row.name}", row


def variable(name: str) -> str:
    """The environment variable that sets it."""
    return "HUB_" + name.replace(".", "__").upper()


def reference() -> str:
    """Everything on the page behind its introduction."""
    parts = []
    section = ""
    for name, row in settings():
        head = name.rpartition(".")[0]
        if head != section:
            section = head
            parts.append(f"## {head}\n\n{summary_of(SECTIONS[head.partition('.')[0]])}")
        facts = f"{row.type}; " + ("required" if row.required else f"default: {row.default}")
        if row.is_scalar:
            facts += f"; `{variable(name)}`"
        parts.append(f"### {name}\n\n{facts}\n\n{row.words}")
    return "\n\n".join(parts) + "\n"


def channel_reference(channel: type[Channel]) -> str:  # type: ignore[type-arg]
    """What a channel declares of itself, and its settings; settings that are sections follow as tables of their own."""
    streams = [
        [
            f"`{one.name}`",
            f"`{one.position_kind}`",
            f"`{one.order}`",
            f"{one.overlap_s:g} s" if one.position_kind is PositionKind.TIME else "–",
            f"{one.max_skew_s:g} s" if one.position_kind is PositionKind.TIME else "–",
        ]
        for one in channel.streams
    ]
    parts = [
        f"{channel.title}; watch {int(channel.watch)} (`{channel.watch.name.lower()}`).",
        "## Streams",
        table(["stream", "position", "order", "overlap", "largest clock skew"], streams),
        "## Settings",
        *_tables(channel.Settings, ""),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for row in rows_of(model):
        yield f"### {prefix}{row.name}\n\n{row.type}; default: {row.default}\n\n{row.words}".replace(
            "default: required", "required"
        )
    yield from _sections(model, prefix, {model})


def _sections(model: type[BaseModel], prefix: str, told: set[type[BaseModel]]) -> Iterator[str]:
    """The models among the fields' types, and those among theirs; one that stands in several places is told at its first,
    a mapping's rules on their own page."""
    for name, nested in _nested(model):
        if nested in told or nested.__module__ == MAPPING:
            continue
        told.add(nested)
        title, _, more = summary_of(nested).partition("\n\n")
        yield f"### {prefix}{name}: {title.rstrip('.')}"
        if more:
            yield more
        yield table(
            ["name", "type", "default", "what it is"],
            [[f"`{row.name}`", row.type, row.default, row.words] for row in rows_of(nested)],
        )
        yield from _sections(nested, f"{prefix}{name.partition(' = ')[0].removesuffix('.kind')}.", told)


def _nested(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Models among the fields' types; each member of a union by its ``kind``."""
    for name, field in model.model_fields.items():
        kinds = [one for one in _members(field.annotation) if issubclass(one, BaseModel)]
        for kind in kinds:
            marked = kind.model_fields.get("kind")
            if len(kinds) == 1:
                yield name, kind
            elif marked is not None and set(kind.model_fields) != {"kind"}:
                yield f"{name}.kind = {next(iter(_literals(marked.annotation)))}", kind


def _members(annotation: object) -> Iterator[type]:
    from typing import get_args

    if isinstance(annotation, type):
        yield annotation
    elif hasattr(annotation, "__args__"):
        for one in get_args(annotation):
            yield from _members(one)


def _literals(annotation: object) -> tuple[object, ...]:
    from typing import get_args

    return get_args(annotation)
