"""Collect: reads a channel's streams page by page; each page commits at once, and the position with it where it may.

A page's records, their demands, the run's counts and the position are one transaction (P1). The plugin gets a frozen window
and never sees a position that it could move (design decision 5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hub.clock import Clock
from hub.errors import Code, HubError, SourceContractError, StateConflict, StoreError
from hub.model.codes import RunState
from hub.model.report import Counts, Problem, Report
from hub.pipeline.arrivals import MAX_BATCH, checked, set_aside, storable
from hub.pipeline.intake import Intake, Origin
from hub.pipeline.landing import Lander
from hub.plugins import guarded_pages
from hub.sdk.channel import Channel, Order, Page, PositionKind, RawRecord, Stream, Window
from hub.store import landing as store
from hub.store import runs
from hub.store.engine import Store
from hub.store.numbers import Numbers
from hub.store.partitions import ensure_months, month_of
from hub.text.redact import without_numbers

PAGE_TIMEOUT_S = 600.0
# A set of files done, with a hash for each of a hundred thousand, fits in.
MAX_POSITION_BYTES = 16 << 20
_NUL = re.compile(
    r"(?<!\\)(?:\\\\)*\\u0000"
)  # as JSON writes it, and not a backslash that somebody wrote before "u0000"

Progress = Callable[[str, Counts], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class CollectDeps:
    """What collecting needs; put together by `hub.runtime`."""

    store: Store
    intake: Intake
    numbers: Numbers
    clock: Clock


@dataclass(frozen=True, slots=True)
class Source:
    """One configured channel, ready to be read."""

    channel: Channel[Any]
    instance: str
    plugin_version: str
    deferred: bool = False  # land only; `hub.pipeline.normalize` reads the records later


@dataclass(frozen=True, slots=True)
class Span:
    """What an operator asked for; with ``since`` the stream's own position stays where it is (backfill)."""

    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


def run(
    deps: CollectDeps,
    source: Source,
    span: Span = Span(),
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> list[Report]:
    """Collects every stream of one configured channel, one after the other; a failing stream does not stop the next.

    Args:
        stop: Asked after each page; once it says yes, the run ends as at a limit and no further stream is begun.

    Returns:
        One report a stream, in the channel's order.
    """
    reports: list[Report] = []
    for stream in source.channel.streams:
        if stop is not None and stop():
            break
        reports.append(_Collector(deps, source, stream, span, progress, stop).run())
    return reports


class _Collector:
    def __init__(
        self,
        deps: CollectDeps,
        source: Source,
        stream: Stream,
        span: Span,
        progress: Progress | None,
        stop: Stop | None,
    ) -> None:
        self.deps = deps
        self.source = source
        self.stream = stream
        self.span = span
        self.progress = progress
        self.stop = stop
        self.origin = Origin(0, source.instance, type(source.channel).name, type(source.channel).watch)
        self.counts = Counts()
        self.codes: dict[str, int] = {}
        self.pages = 0
        self.problems: list[Problem] = []
        self.months: set[tuple[int, int]] = set()

    @property
    def where(self) -> str:
        return f"{self.source.instance}/{self.stream.name}"

    def run(self) -> Report:
        deps, source = self.deps, self.source
        with deps.store.begin() as connection:
            row = runs.open_stream(connection, source.instance, self.stream.name, self.origin.channel)
        self.origin = replace(self.origin, stream_id=row.stream_id)
        with runs.alone_on(deps.store, row.stream_id) as alone:
            if not alone:
                return Report(step="collect", subject=self.where, counts={"busy": 1})
            with deps.store.begin() as connection:
                # Read again: another process may have moved it before we got the lock.
                row = runs.open_stream(connection, source.instance, self.stream.name, self.origin.channel)
                run_id = runs.start_run(
                    connection,
                    "collect",
                    deps.clock.now(),
                    instance=source.instance,
                    stream=self.stream.name,
                    stream_id=row.stream_id,
                    position=row.position,
                    plugin_version=source.plugin_version,
                )
            return self._read(run_id, row.position)

    def _read(self, run_id: int, stored: Any | None) -> Report:
        lander = Lander(
            self.source.channel,
            self.origin,
            self.deps.intake,
            self.deps.numbers,
            run_id=run_id,
            plugin_version=self.source.plugin_version,
            deferred=self.source.deferred,
        )
        tracker = _Position(self.stream, stored, self.where, moves=self.span.since is None)
        state = RunState.DONE
        whole = False
        try:
            window = self._window(stored)
            pages = guarded_pages(self.source.channel, self.stream, window, timeout_s=PAGE_TIMEOUT_S)
            with closing(pages):
                whole = self._land_all(lander, tracker, pages)
            if whole and tracker.final_differs():
                self._commit_position(run_id, tracker.final())
                tracker.committed = tracker.final()
        except StoreError as exc:
            # The database itself failed: nothing more can be written, not even the run's end.
            self._note(exc)
            if not isinstance(exc, StateConflict):
                raise
            state = RunState.ABANDONED
        except HubError as exc:
            state = RunState.FAILED
            self._note(exc)
            if isinstance(exc, SourceContractError) and exc.body:
                self._keep_page(run_id, exc)
        position = tracker.committed
        with self.deps.store.begin() as connection:
            runs.finish_run(
                connection,
                run_id,
                self.deps.clock.now(),
                state,
                counts={f"code_{code}": count for code, count in sorted(self.codes.items())},
                problems=self.problems,
                position=position,
            )
        return Report(
            step="collect",
            subject=self.where,
            run_id=run_id,
            records=self.counts,
            counts=dict(sorted(self.codes.items())),
            problems=tuple(self.problems),
            pages=self.pages,
            position=position,
        )

    def _window(self, stored: Any | None) -> Window:
        until = self.span.until or self.deps.clock.now()
        if self.span.since is not None:
            return Window(None, self.span.since, until, self.span.limit, durable=True)
        since = None
        if stored is not None and self.stream.position_kind is PositionKind.TIME:
            since = self._reached_before(stored) - timedelta(seconds=self.stream.overlap_s)
        return Window(stored, since, until, self.span.limit, durable=True)

    def _reached_before(self, stored: Any) -> datetime:
        moment = _read_time(stored, self.where)
        now = self.deps.clock.now()
        if moment > now + timedelta(seconds=self.stream.max_skew_s):
            # Every window would be empty, and every run a success, until that moment comes.
            raise SourceContractError(
                f"{self.where}: the stored position {moment.isoformat()} lies ahead of the hub's clock ({now.isoformat()}; expected "
                f"at most {self.stream.max_skew_s:g} s ahead); set the machine's clock right, or collect the span anew with "
                "`hub channel run NAME --since`",
                code=Code.POSITION_INVALID,
            )
        return moment

    def _land_all(self, lander: Lander, tracker: _Position, pages: Any) -> bool:
        """Lands page by page; False when the operator's limit, or the process's end, cut the window short."""
        for page in pages:
            horizon = self.deps.clock.now() + timedelta(seconds=self.stream.max_skew_s)
            arrived = [checked(record, self.stream, horizon, self.where) for record in page.records]
            reached = tracker.reached(page, arrived)
            for start in range(0, max(1, len(arrived)), MAX_BATCH):
                batch = arrived[start : start + MAX_BATCH]
                last = start + MAX_BATCH >= len(arrived)
                self._land(lander, tracker, batch, reached if last else None, count_page=last)
            if self.progress is not None:
                self.progress(self.where, self.counts)
            if self.span.limit is not None and self.counts.collected >= self.span.limit:
                return False
            if self.stop is not None and self.stop():
                return False
        return True

    def _land(
        self,
        lander: Lander,
        tracker: _Position,
        batch: list[RawRecord],
        position: _Move | None,
        *,
        count_page: bool,
    ) -> None:
        try:
            self._land_once(lander, tracker, batch, position, count_page=count_page)
        except StoreError as exc:
            if exc.code is not Code.VALUE_UNSTORABLE:
                raise
            if len(batch) == 1:
                if batch[0].problem is not None:
                    raise
                self._land_once(
                    lander,
                    tracker,
                    [storable(set_aside(batch[0], exc.code, exc.message))],
                    position,
                    count_page=count_page,
                )
                return
            # One record holds what the database cannot: halve until it stands alone, so that it stops no other (P5).
            middle = len(batch) // 2
            self._land(lander, tracker, batch[:middle], None, count_page=False)
            self._land(lander, tracker, batch[middle:], position, count_page=count_page)

    def _land_once(
        self,
        lander: Lander,
        tracker: _Position,
        batch: list[RawRecord],
        position: _Move | None,
        *,
        count_page: bool,
    ) -> None:
        now = self.deps.clock.now()
        self._ready(now)
        with self.deps.store.begin() as connection:
            store.fence(connection, self.origin.stream_id, lander.run_id)
            outcome = lander.land(connection, batch, now)
            runs.add_progress(connection, lander.run_id, now, outcome.counts, pages=1 if count_page else 0)
            if position is not None:
                runs.move_position(connection, self.origin.stream_id, position.value, now)
        if position is not None:
            tracker.committed = position.value
        self.counts += outcome.counts
        self.pages += 1 if count_page else 0
        for code, count in outcome.codes.items():
            self.codes[code] = self.codes.get(code, 0) + count

    def _ready(self, now: datetime) -> None:
        # In a transaction of its own: a page that fails must not take the month's partition away with it.
        if month_of(now) not in self.months:
            with self.deps.store.begin() as connection:
                ensure_months(connection, now)
            self.months.add(month_of(now))

    def _commit_position(self, run_id: int, position: Any) -> None:
        """Moves the position of a stream that does not ascend, now that the whole window was read."""
        with self.deps.store.begin() as connection:
            store.fence(connection, self.origin.stream_id, run_id)
            runs.move_position(connection, self.origin.stream_id, position, self.deps.clock.now())

    def _keep_page(self, run_id: int, exc: SourceContractError) -> None:
        body = exc.body or b""
        row = {
            "kind": "page",
            "stream_id": self.origin.stream_id,
            "run_id": run_id,
            "code": str(exc.code),
            "message": without_numbers(exc.message),
            "plugin_version": self.source.plugin_version,
            "sealed_page": self.deps.intake.sealer.seal(body, table="quarantine", row_id=f"run:{run_id}"),
            "set_aside_at": self.deps.clock.now(),
        }
        with self.deps.store.begin() as connection:
            store.set_aside(connection, [row])

    def _note(self, exc: HubError) -> None:
        self.problems.append(
            Problem(where=self.where, code=str(exc.code), message=without_numbers(exc.message))
        )


@dataclass(frozen=True, slots=True)
class _Move:
    """Where a page takes its stream's position; ``value`` None: back to the beginning."""

    value: Any | None


class _Position:
    """Where a stream's position may go: computed by the hub from what was read, never by the plugin alone."""

    def __init__(self, stream: Stream, stored: Any | None, where: str, *, moves: bool) -> None:
        self.stream = stream
        self.where = where
        self.moves = moves
        self.committed = stored
        self._stored = stored
        self._ascending = stream.order is Order.ASCENDING
        self._latest: datetime | None = None
        self._greatest = _parse_time(stored) if stream.position_kind is PositionKind.TIME else None
        self._last_json: Any | None = None

    def reached(self, page: Page, records: list[RawRecord]) -> _Move | None:
        """The position that may commit with this page, or None: only an ascending stream moves before its end.

        Raises:
            SourceContractError: The plugin's position is no JSON that can be stored (code ``position_invalid``).
        """
        if self.stream.position_kind is not PositionKind.TIME:
            if page.position is None:
                return None
            self._last_json = _checked_json(page.position, f"{self.where}: page {page.number}")
            return _Move(page.position) if self._ascending and self.moves else None
        times = [
            record.position_at
            for record in records
            if record.problem is None and record.position_at is not None
        ]
        if not times:
            return None
        kept_order = self._in_order(times)
        self._greatest = max(times) if self._greatest is None else max(self._greatest, *times)
        if self._ascending and not kept_order:
            # The stream does not keep what it declares: what came before this page may not be all, so that the position
            # goes back to where the run began and waits for the window's end.
            self._ascending = False
            return _Move(self._stored) if self.moves and self.committed != self._stored else None
        if not (self._ascending and self.moves):
            return None
        return _Move(self._greatest.astimezone(UTC).isoformat())

    def _in_order(self, times: list[datetime]) -> bool:
        before = self._latest
        self._latest = max(times) if before is None else max(before, *times)
        run = times if before is None else [before, *times]
        return all(earlier <= later for earlier, later in pairwise(run))

    def final(self) -> Any | None:
        """The position after the whole window."""
        if self.stream.position_kind is not PositionKind.TIME:
            return self._last_json if self._last_json is not None else self._stored
        return self._greatest.astimezone(UTC).isoformat() if self._greatest is not None else None

    def final_differs(self) -> bool:
        """Whether the end of the window moves the position any further."""
        final = self.final()
        return self.moves and final is not None and final != self.committed


def _checked_json(position: Any, where: str) -> Any:
    """The position, if the database can keep it as it is."""
    try:
        # Not ASCII alone: half a character then fails here, as it would in the database.
        text = json.dumps(position, ensure_ascii=False, allow_nan=False)
        fault = "a NUL character" if _NUL.search(text) else None
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as exc:
        fault, size = f"a value that is no JSON ({type(exc).__name__})", 0
    if fault is None and size > MAX_POSITION_BYTES:
        fault = f"{size:,} bytes"
    if fault is None:
        return position
    raise SourceContractError(
        f"{where}: the position given by the channel holds {fault} (expected JSON of at most {MAX_POSITION_BYTES:,} bytes that "
        "PostgreSQL can keep); nothing of this page was kept; mend the channel's pages()",
        code=Code.POSITION_INVALID,
    )


def _parse_time(stored: Any | None) -> datetime | None:
    try:
        return datetime.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        return None


def _read_time(stored: Any, where: str) -> datetime:
    moment = _parse_time(stored)
    if moment is None or moment.tzinfo is None:
        raise SourceContractError(
            f"{where}: the stored position is no aware time (expected ISO 8601 with a zone); "
            "set it right, or collect the span anew with `hub channel run NAME --since`",
            code=Code.POSITION_INVALID,
        )
    return moment
