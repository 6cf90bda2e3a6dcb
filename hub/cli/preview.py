"""`hub channel run --dry-run`: what collecting would bring, with nothing written."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from hub.cli.boundary import PROBLEMS, exit_code_of
from hub.cli.door import Door
from hub.errors import HubError

if TYPE_CHECKING:
    from hub.pipeline.collect import Source, Span
    from hub.runtime.hub import Hub
    from hub.sdk.channel import Page, RawRecord, Stream, Window

_SHOWN = 5


@dataclass
class Preview:
    """What one stream would bring."""

    stream: str
    pages: int = 0
    records: int = 0
    demands: int = 0
    types: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    first_problems: list[dict[str, str]] = field(default_factory=list)
    error: dict[str, str] | None = None
    exit_code: int = 0

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "stream": self.stream,
            "pages": self.pages,
            "records": self.records,
            "demands": self.demands,
            "types": dict(self.types),
            "rejected": dict(self.codes),
            "first_problems": self.first_problems,
            "error": self.error,
        }


def dry(door: Door, hub: Hub, name: str, span: Span) -> None:
    """Reads every stream of a channel from where it stands, normalizes, and prints counts and the first problems."""
    from hub.cli import out
    from hub.store import views

    source = hub.source(name)
    with hub.store.begin() as connection:
        positions = {row["stream"]: row["position"] for row in views.streams(connection, name)}
    found = []
    with out.progress(quiet=door.as_json) as bar:
        for stream in source.channel.streams:
            window = _window(stream, positions.get(stream.name), span, hub.clock.now())
            preview = Preview(stream.name)
            found.append(preview)
            for _ in _read(source, stream, window, preview):
                bar(f"{name}/{stream.name}", preview.records)

    def tell() -> None:
        for one in found:
            out.say(
                f"{name}/{one.stream}: {out.plural(one.records, 'record')} on {out.plural(one.pages, 'page')} give "
                f"{out.plural(one.demands, 'demand')}; nothing was written."
            )
            if one.types:
                out.say(f"  by type: {', '.join(f'{kind} {n}' for kind, n in one.types.most_common())}")
            if one.codes:
                out.say(
                    f"  would be set aside: {', '.join(f'{code} {n}' for code, n in one.codes.most_common())}"
                )
            for problem in one.first_problems:
                out.say(f"  {problem['where']} [{problem['code']}]: {problem['message']}")
            if one.error:
                out.say(f"  stopped [{one.error['code']}]: {one.error['message']}")

    door.answer({"channel": name, "dry_run": True, "streams": [one.document() for one in found]}, tell)
    worst = max((one.exit_code or (PROBLEMS if one.codes else 0) for one in found), default=0)
    if worst:
        raise typer.Exit(worst)


def _window(stream: Stream, position: Any, span: Span, now: datetime) -> Window:
    """The window that collecting would read now."""
    from hub.sdk.channel import PositionKind, Window

    until = span.until or now
    if span.since is not None:
        return Window(None, span.since, until, span.limit)
    since = None
    if isinstance(position, str) and stream.position_kind is PositionKind.TIME:
        since = datetime.fromisoformat(position) - timedelta(seconds=stream.overlap_s)
    return Window(position, since, until, span.limit)


def _read(source: Source, stream: Stream, window: Window, preview: Preview) -> Any:
    """Reads page by page, yielding after each; what ends the reading is noted, not raised: the other streams go on."""
    from hub.pipeline.collect import PAGE_TIMEOUT_S
    from hub.plugins import guarded_pages

    try:
        with closing(guarded_pages(source.channel, stream, window, timeout_s=PAGE_TIMEOUT_S)) as pages:
            for page in pages:
                _count(source, page, preview)
                yield
                if window.limit is not None and preview.records >= window.limit:
                    return
    except HubError as exc:
        preview.error = {"code": str(exc.code), "message": exc.message}
        preview.exit_code = exit_code_of(exc)


def _count(source: Source, page: Page, preview: Preview) -> None:
    from hub.errors import RecordRejected
    from hub.model.demand import Demand
    from hub.pipeline.landing import NORMALIZE_TIMEOUT_S
    from hub.plugins import normalize_batch

    preview.pages += 1
    preview.records += len(page.records)
    for record in page.records:
        if record.problem is not None:
            _note(preview, page, record, str(record.problem.code), record.problem.detail)
    sound = [record for record in page.records if record.problem is None]
    for record, said in zip(
        sound, normalize_batch(source.channel, sound, timeout_s=NORMALIZE_TIMEOUT_S), strict=True
    ):
        if isinstance(said, RecordRejected):
            _note(preview, page, record, str(said.code), said.message)
            continue
        preview.demands += len(said)
        preview.types.update(str(one.demand_type) if isinstance(one, Demand) else one.kind for one in said)


def _note(preview: Preview, page: Page, record: RawRecord, code: str, message: str) -> None:
    preview.codes[code] += 1
    if len(preview.first_problems) < _SHOWN:
        where = f"page {page.number}, record {record.source_no or 'without a number'}"
        preview.first_problems.append({"where": where, "code": code, "message": message})
