"""A channel whose pages a test writes down: what the source would have sent, page by page, fault by fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hub.clock import Clock
from hub.errors import Code, RecordRejected
from hub.model.codes import DemandType, Watch
from hub.model.demand import Demand, Reporter
from hub.model.observation import Observation
from hub.pipeline.collect import Source
from hub.sdk.channel import Channel, ChannelSettings, Page, RawRecord, Stream, Window
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.sdk.values import version_of_time

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
Script = Callable[[Window], Iterator[Page]]


class Quiet:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def _note(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    info = warning = error = debug = _note


def record(no: str, *, minute: int = 0, version: int | None = None, **fields: Any) -> RawRecord:
    """One record of the scripted source, ``minute`` minutes after `START`; ``version`` counts minutes as well."""
    at = START + timedelta(minutes=minute)
    body = json.dumps(
        {"no": no, "at": at.isoformat(), "text": "窗口排队时间太长", **fields}, ensure_ascii=False
    )
    moment = START + timedelta(minutes=minute if version is None else version)
    return RawRecord(no, body.encode(), version=version_of_time(moment), position_at=moment)


class ScriptedChannel(Channel[ChannelSettings]):
    """Yields what its script yields; a record whose ``bad`` field is set is rejected by normalizing."""

    name = "scripted"
    title = "测试渠道"
    watch = Watch.INSIGHT
    streams: ClassVar[tuple[Stream, ...]] = (Stream("main"),)
    script: Script

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        return self.script(window)

    def normalize(self, raw: RawRecord) -> Sequence[Demand | Observation]:
        read = json.loads(raw.body)
        if read.get("bad"):
            raise RecordRejected("field 'bad' is set (expected none)", code=Code.FIELD_INVALID, field="bad")
        if read.get("crash"):
            raise ValueError("a fault of the plugin")
        return [
            Demand(
                source_no=read["no"],
                submitted_at=datetime.fromisoformat(read["at"]),
                demand_type=DemandType.COMPLAINT,
                content=read["text"],
                item_name=read.get("item"),
                reporter=Reporter(phone=read.get("phone"), name=read.get("name")),
            )
        ]


def source(
    script: Script,
    clock: Clock,
    *,
    stream: Stream | None = None,
    deferred: bool = False,
    instance: str = "county",
) -> Source:
    """A ready source that plays ``script``; ``stream`` replaces the plain one."""
    ctx = ChannelContext(instance, lambda name: "", LocalGate(clock), Quiet(), clock)
    channel = ScriptedChannel(ChannelSettings(), ctx)
    channel.script = script
    if stream is not None:
        channel.streams = (stream,)  # type: ignore[misc]
    return Source(channel, instance, "scripted 1", deferred)


def played(*pages: Sequence[RawRecord]) -> Script:
    """A script that yields these pages, whatever the window."""
    return lambda window: (
        Page(list(records), number=number) for number, records in enumerate(pages, start=1)
    )
