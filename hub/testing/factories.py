"""Things to test with, built from only the fields that matter; everything else is plausible and always the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from hub.clock import COUNTY_ZONE, Clock, ManualClock
from hub.errors import Code, ConfigError
from hub.model.codes import DemandType
from hub.model.demand import Demand
from hub.sdk.channel import RawRecord
from hub.sdk.context import ChannelContext, SourceGate
from hub.sdk.gate import LocalGate

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def demand(**fields: Any) -> Demand:
    """A complaint of today without a reporter, but for the fields that are given."""
    usual: dict[str, Any] = {
        "source_no": "ZX411521202611230001",
        "submitted_at": NOW,
        "demand_type": DemandType.COMPLAINT,
        "title": "窗口迟迟没有受理",
        "content": "材料交齐以后，窗口一直没有受理，也没有说明还缺什么。",
    }
    return Demand(**{**usual, **fields})


def raw_record(
    source_no: str | None = "ZX411521202611230001", body: object = None, **fields: Any
) -> RawRecord:
    """A raw record; ``body`` is taken as it is where it is bytes, as JSON otherwise."""
    content = body if isinstance(body, bytes) else json.dumps(body or {}, ensure_ascii=False).encode()
    return RawRecord(source_no, content, **fields)


class RecordingLog:
    """A log that keeps what it was told.

    Attributes:
        events: (level, event, fields), in order.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Mapping[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        """Keeps the event."""
        self.events.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Keeps the event."""
        self.events.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        """Keeps the event."""
        self.events.append(("error", event, fields))

    def debug(self, event: str, **fields: object) -> None:
        """Keeps the event."""
        self.events.append(("debug", event, fields))


def secrets_of(values: Mapping[str, str]) -> Callable[[str], str]:
    """A secret store that knows these names and refuses every other as the hub's own does."""

    def secret(name: str) -> str:
        if name in values:
            return values[name]
        raise ConfigError(
            f"secret {name!r}: not found (known: {', '.join(sorted(values)) or 'none'}); set it in the hub's secrets",
            code=Code.SECRET_MISSING,
        )

    return secret


def channel_context(
    instance: str = "test",
    *,
    secrets: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    gate: SourceGate | None = None,
    log: Any = None,
    zone: tzinfo = COUNTY_ZONE,
) -> ChannelContext:
    """A channel's context: a clock that stands at `NOW` and moves when slept on, a gate of its own, a log that is kept."""
    clock = clock or ManualClock(NOW)
    return ChannelContext(
        instance=instance,
        secret=secrets_of(secrets or {}),
        gate=gate or LocalGate(clock),
        log=log or RecordingLog(),
        clock=clock,
        zone=zone,
    )
