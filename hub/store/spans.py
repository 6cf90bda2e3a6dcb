"""Keys and the spans in which they are asked about, as rows of a statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.store.engine import text_array

Span = tuple[datetime, datetime]
Spans = Mapping[str, Span]


def asked(spans: Spans) -> tuple[str, tuple[Any, ...]]:
    """The keys and their spans as rows ``s (key, since, until)``; one span that all share is sent once."""
    if len(different := set(spans.values())) == 1:
        since, until = different.pop()
        source = "(SELECT key, %s::timestamptz AS since, %s::timestamptz AS until FROM unnest(%s::text[]) AS k (key)) s"
        return source, (since, until, text_array(list(spans)))
    # Moments go as whole microseconds in one text: writing a time for each key as the driver does cost as much as its look-up.
    froms, tos = _microseconds(spans, 0), _microseconds(spans, 1)
    source = (
        "(SELECT key, 'epoch'::timestamptz + since * interval '1 microsecond' AS since, "
        "'epoch'::timestamptz + until * interval '1 microsecond' AS until "
        "FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS k (key, since, until)) s"
    )
    return source, (text_array(list(spans)), froms, tos)


def _microseconds(spans: Spans, end: int) -> str:
    return "{" + ",".join([str((span[end] - _EPOCH) // _MICROSECOND) for span in spans.values()]) + "}"


_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
