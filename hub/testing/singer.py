"""Any channel as a Singer tap, so that the Singer SDK's own standard tap tests, and any Singer target, can be run over it.

    class TapPortal(ChannelTap):
        name = "tap-portal"
        channel = PortalChannel

    TestPortalAsTap = get_tap_test_class(TapPortal, config={"settings": {"base_url": url}})

Needs singer-sdk. It stands here and in no channel, for a channel sees the SDK alone, and what reads a channel as the hub does stands above it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any, ClassVar

from singer_sdk import Stream as SingerStream
from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.helpers.types import Context

from hub.clock import SystemClock
from hub.errors import Code, RecordRejected, SourceContractError
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.model.said import kind_of
from hub.plugins import guarded_pages, normalize_batch
from hub.sdk.channel import Channel, PositionKind, RawRecord, Stream, Window
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.testing.factories import secrets_of

PAGE_TIMEOUT_S = 600.0
RECORD_TIMEOUT_S = 30.0


def _schema(*, by_time: bool) -> dict[str, Any]:
    """What a record has; ``changed_at`` of streams that are read by time alone."""
    changed = th.Property(
        "changed_at", th.DateTimeType, required=True, description="The record's update time."
    )
    schema: dict[str, Any] = th.PropertiesList(
        th.Property("source_no", th.StringType, required=True, description="The source's own number."),
        *((changed,) if by_time else ()),
        th.Property("version", th.StringType, description="Compares as text the way the record's states do."),
        th.Property(
            "deleted", th.BooleanType, required=True, description="The source says that the record is gone."
        ),
        th.Property("kind", th.StringType, description="What the record says: a demand, a case and so on."),
        th.Property(
            "said",
            th.ArrayType(th.ObjectType(additional_properties=True)),
            required=True,
            description="All that it says, as the hub's schemas have it.",
        ),
    ).to_dict()
    return schema


class ChannelStream(SingerStream):
    """One stream of a channel; a record is what the channel makes of it, under its number."""

    primary_keys = ("source_no",)

    def __init__(self, tap: ChannelTap, stream: Stream) -> None:
        by_time = stream.position_kind is PositionKind.TIME
        super().__init__(tap, schema=_schema(by_time=by_time), name=stream.name)
        self._read = stream
        self._channel_tap = tap
        if by_time:
            self.replication_key = "changed_at"

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Every record behind the bookmark; records that are set aside make the reading fail once all others are through."""
        channel = self._channel_tap.made()
        aside: dict[str, int] = {}
        try:
            for page in guarded_pages(
                channel, self._read, self._window(channel, context), timeout_s=PAGE_TIMEOUT_S
            ):
                sound = [record for record in page.records if record.problem is None]
                for record in page.records:
                    if record.problem is not None:
                        aside[record.problem.code] = aside.get(record.problem.code, 0) + 1
                for record, said in zip(
                    sound, normalize_batch(channel, sound, timeout_s=RECORD_TIMEOUT_S), strict=True
                ):
                    if isinstance(said, RecordRejected):
                        aside[said.code] = aside.get(said.code, 0) + 1
                    else:
                        yield _row(record, said)
        finally:
            channel.close()
        if aside:
            told = ", ".join(f"{code} {count}" for code, count in sorted(aside.items()))
            raise SourceContractError(
                f"{self.tap_name}: stream {self.name}: {sum(aside.values())} records set aside ({told}; expected none); the others were written: mend the "
                "channel's mapping, or collect them with the hub, which keeps them",
                code=Code.RECORD_UNREADABLE,
            )

    def _window(self, channel: Channel[Any], context: Context | None) -> Window:
        """From the bookmark, less the stream's overlap."""
        reached = self.get_starting_timestamp(context) if self.replication_key else None
        since = None if reached is None else reached.astimezone(UTC) - timedelta(seconds=self._read.overlap_s)
        position = None if reached is None else reached.astimezone(UTC).isoformat()
        return Window(position, since, channel.ctx.clock.now())


class ChannelTap(Tap):
    """A channel with its settings, behind Singer's command line. A subclass sets ``name`` and ``channel``."""

    name = "tap-hub"
    channel: ClassVar[type[Channel[Any]]]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("instance", th.StringType, default="tap", description="Name of the channel in messages."),
        th.Property(
            "settings",
            th.ObjectType(additional_properties=True),
            required=True,
            description="The channel's settings, as hub.yaml has them.",
        ),
        th.Property(
            "secrets",
            th.ObjectType(additional_properties=th.StringType),
            secret=True,
            description="Name of a secret -> its value.",
        ),
        th.Property(
            "start_date",
            th.DateTimeType,
            description="Records that changed before are not asked for; of streams read by time.",
        ),
    ).to_dict()

    def discover_streams(self) -> list[ChannelStream]:
        """The channel's streams; nothing is asked of the source."""
        channel = self.made()  # what it offers may rest on its settings
        channel.close()
        return [ChannelStream(self, stream) for stream in channel.streams]

    def made(self) -> Channel[Any]:
        """The channel, connected as the configuration says."""
        config: Mapping[str, Any] = self.config
        clock = SystemClock()
        context = ChannelContext(
            instance=str(config.get("instance") or self.name),
            secret=secrets_of(config.get("secrets") or {}),
            gate=LocalGate(clock),
            log=_Words(self.logger),
            clock=clock,
        )
        return self.channel(self.channel.Settings.model_validate(config["settings"]), context)


class _Words:
    """A channel's log in the words of the tap's own, which go to standard error."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, event: str, **fields: object) -> None:
        """See `hub.sdk.context.Log`."""
        self._logger.info("%s %s", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """See `hub.sdk.context.Log`."""
        self._logger.warning("%s %s", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """See `hub.sdk.context.Log`."""
        self._logger.error("%s %s", event, fields)

    def debug(self, event: str, **fields: object) -> None:
        """See `hub.sdk.context.Log`."""
        self._logger.debug("%s %s", event, fields)


def _row(record: RawRecord, said: Sequence[Demand | Observation]) -> dict[str, Any]:
    changed = record.position_at
    return {
        "source_no": record.source_no,
        **({} if changed is None else {"changed_at": changed.astimezone(UTC).isoformat()}),
        "version": record.version,
        "deleted": record.deleted,
        "kind": kind_of(said[0]) if said else None,
        "said": [one.model_dump(mode="json", exclude_defaults=True) for one in said],
    }
