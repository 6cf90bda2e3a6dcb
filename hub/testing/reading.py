"""Reads a channel as the hub does, without a database: what came, how it ended, and where the position would stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.errors import HubError, RecordRejected
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.plugins import guarded_pages, normalize_batch
from hub.sdk.channel import Channel, Order, Page, PositionKind, RawRecord, Stream, Window

PAGE_TIMEOUT_S = 120.0
RECORD_TIMEOUT_S = 30.0


@dataclass
class Reading:
    """One run over one stream.

    Attributes:
        pages: In their order.
        error: Why it ended early; None where the whole window was read.
    """

    pages: list[Page] = field(default_factory=list)
    error: HubError | None = None

    @property
    def records(self) -> list[RawRecord]:
        """Of all pages, in their order."""
        return [record for page in self.pages for record in page.records]

    @property
    def numbers(self) -> set[str]:
        """Numbers of the records that were landed under their key."""
        return {record.source_no for record in self.records if record.source_no and record.problem is None}

    @property
    def set_aside(self) -> list[RawRecord]:
        """Records whose key or position could not be read."""
        return [record for record in self.records if record.problem is not None]


class Reader:
    """A channel's stream over several runs; keeps the position between them by the hub's own rules."""

    def __init__(self, channel: Channel[Any], stream: Stream | None = None) -> None:
        self.channel = channel
        self.stream = stream or channel.streams[0]
        self.position: Any | None = None

    def run(self, *, until: datetime | None = None, stop_after: int | None = None) -> Reading:
        """Reads what is new.

        Args:
            until: Upper bound of the window; the channel's own clock by default.
            stop_after: Ends after that many pages, as a killed process does: what was yielded stays, the position of a stream
                that is not ascending does not move.
        """
        reading = Reading()
        window = self._window(until or self.channel.ctx.clock.now())
        reached: list[Any] = []
        pages = guarded_pages(self.channel, self.stream, window, timeout_s=PAGE_TIMEOUT_S)
        try:
            for page in pages:
                reading.pages.append(page)
                reached.append(self._reached(page))
                if self.stream.order is Order.ASCENDING:
                    self._move(reached[-1])
                if stop_after is not None and len(reading.pages) >= stop_after:
                    pages.close()
                    return reading
        except HubError as exc:
            reading.error = exc
            return reading
        for position in reached:
            self._move(position)
        return reading

    def _window(self, until: datetime) -> Window:
        since = None
        if self.position is not None and self.stream.position_kind is PositionKind.TIME:
            since = datetime.fromisoformat(self.position) - timedelta(seconds=self.stream.overlap_s)
        return Window(self.position, since, until, durable=True)

    def _reached(self, page: Page) -> Any | None:
        if self.stream.position_kind is not PositionKind.TIME:
            return page.position
        horizon = self.channel.ctx.clock.now() + timedelta(seconds=self.stream.max_skew_s)
        moments = [
            record.position_at
            for record in page.records
            if record.problem is None and record.position_at is not None and record.position_at <= horizon
        ]
        return max(moments).isoformat() if moments else None

    def _move(self, position: Any | None) -> None:
        if position is None:
            return
        if self.stream.position_kind is not PositionKind.TIME or self.position is None:
            self.position = position
        else:
            self.position = max(
                self.position, position, key=lambda text: datetime.fromisoformat(text).timestamp()
            )


def said_by(channel: Channel[Any], raw: RawRecord) -> tuple[Demand | Observation, ...]:
    """What one record says, through the hub's own boundary.

    Raises:
        RecordRejected: The record is set aside; ``code`` is ``normalize_failed`` where the channel raised anything else.
    """
    (said,) = normalize_batch(channel, [raw], timeout_s=RECORD_TIMEOUT_S)
    if isinstance(said, RecordRejected):
        raise said
    return said


def demands_of(channel: Channel[Any], raw: RawRecord) -> tuple[Demand, ...]:
    """The demands among what one record says; raises as `said_by`."""
    return tuple(one for one in said_by(channel, raw) if isinstance(one, Demand))
