"""Every stream that an eagle-eye may have; a configured one has those of its source."""

from __future__ import annotations

from hub.sdk import Order, PositionKind, Stream

CASES = Stream("cases", overlap_s=300.0)
RATINGS = Stream("ratings", overlap_s=300.0)
EVENTS = Stream("events", overlap_s=300.0)
EXCHANGE = Stream("exchange", order=Order.ASCENDING, overlap_s=600.0)
SUPERVISION = Stream("supervision", overlap_s=600.0)
PROCESS_EVENTS = Stream("process_events", PositionKind.FILES, Order.ASCENDING)
PUSHED_RATINGS = Stream("pushed_ratings", PositionKind.OPAQUE)

STREAMS = (CASES, RATINGS, EVENTS, EXCHANGE, SUPERVISION, PROCESS_EVENTS, PUSHED_RATINGS)
