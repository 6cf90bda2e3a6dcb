"""A long time read in pieces: each piece whole, with its pages, and then done; see `hub.sdk.declarative.readers.DayWalk`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from hub.errors import Code, HubError, SourceContractError
from hub.sdk.channel import Page, RecordProblem, Stream, Window

if TYPE_CHECKING:
    from hub.sdk.declarative.fetch import Land
    from hub.sdk.declarative.fetch_json import HttpFetcher
    from hub.sdk.declarative.readers import DayWalk

_POSITION = "walked_until"
_EMPTY_AT_ONCE = 25  # pieces without a record whose end is written down once


def walked(fetcher: HttpFetcher, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
    """Piece after piece; the last page of each, and none before it, bears the position behind the piece.

    Raises:
        SourceContractError: As the pages of one piece; or the stored position is none, or lies ahead (``position_invalid``).
    """
    walk = _walk_of(fetcher)
    since, number, empty = _beginning(fetcher, stream, window), 0, 0
    while since < window.until:
        until = min(since + timedelta(days=walk.days), window.until)
        last: Page | None = None
        try:
            for page in fetcher.bounded(since, until, land):
                if last is not None:
                    number += 1
                    yield replace(last, number=number)
                last = page if page.records else last
        except HubError:
            # What came of this piece is kept, and the piece is read again.
            if last is not None:
                yield replace(last, number=number + 1)
            raise
        empty = 0 if last is not None else empty + 1
        if last is not None or empty >= _EMPTY_AT_ONCE or until >= window.until:
            number, empty = number + 1, 0
            records = last.records if last is not None else ()
            yield Page(records, {_POSITION: until.isoformat()}, number)
        since = until
    for page in fetcher.ahead(stream, window, land):
        records = [
            one if one.problem is not None else replace(one, problem=_ahead(fetcher)) for one in page.records
        ]
        yield Page(records, number=number + 1)


def _beginning(fetcher: HttpFetcher, stream: Stream, window: Window) -> datetime:
    if window.position is None:
        if window.since is not None:
            return window.since
        first = fetcher.settings.walk_start or _walk_of(fetcher).start
        return datetime.combine(first, time(), fetcher.ctx.zone)
    stored = window.position.get(_POSITION) if isinstance(window.position, dict) else None
    try:
        moment = datetime.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        moment = None
    if (
        moment is None
        or moment.tzinfo is None
        or moment > fetcher.ctx.clock.now() + timedelta(seconds=stream.max_skew_s)
    ):
        raise SourceContractError(
            f"{fetcher.ctx.instance}: the stored position is no moment until which was read (expected {_POSITION} with an aware time "
            "that has come); set the machine's clock right, or collect the span anew with `hub channel run NAME --since`",
            code=Code.POSITION_INVALID,
        )
    return moment - timedelta(seconds=stream.overlap_s)


def _walk_of(fetcher: HttpFetcher) -> DayWalk:
    walk: DayWalk = fetcher.document.reader.walk  # type: ignore[union-attr, assignment]
    return walk


def _ahead(fetcher: HttpFetcher) -> RecordProblem:
    return RecordProblem(
        Code.POSITION_IN_FUTURE,
        f"{fetcher.ctx.instance}: the record's position lies ahead of the hub's clock (expected a time that has come); it is kept and moves no "
        "position: look at the source's clock, then replay it",
    )
