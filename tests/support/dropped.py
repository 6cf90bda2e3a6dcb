"""A channel whose rows come from dropped files, as small as one can be, for tests of the readers of files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.codes import DemandType, Watch
from hub.model.demand import Demand
from hub.sdk import Channel, ChannelSettings, Order, PositionKind, Stream
from hub.sdk.readers.files import FilesReader
from hub.sdk.readers.files_open import open_store
from hub.sdk.readers.files_policy import FileSource, FilesPolicy
from hub.sdk.readers.sheet import Column, Numbered, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_values import Cells
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader
from tests.support.sheets import text

HEAD = ["编号", "日期", "事项"]
PLAN = SheetPlan(
    (Column("编号"), Column("日期", (), True), Column("事项", (), True)),
    number=lambda cells: Numbered(cells.text("编号") or "", own=True) if cells.text("编号") else None,
)


class DroppedSettings(ChannelSettings):
    source: FileSource
    files: FilesPolicy = FilesPolicy(stable_s=0)


class DroppedChannel(Channel[DroppedSettings]):
    name = "dropped"
    title = "文件"
    watch = Watch.INSIGHT
    Settings = DroppedSettings
    streams = (Stream("rows", PositionKind.FILES, Order.ASCENDING),)

    def __init__(self, settings, ctx):
        super().__init__(settings, ctx)
        store = open_store(settings.source, settings.files, ctx)
        self.reader = FilesReader(
            store,
            settings.files,
            ctx,
            lambda content, name: SheetRecords(content, PLAN, self.normalize, (name,)),
        )

    def pages(self, stream, window):
        return self.reader.pages(window)

    def normalize(self, raw):
        cells = Cells.of(raw)
        moment = cells.moment("日期", COUNTY_ZONE)
        return (
            Demand(
                source_no=cells.number or "",
                submitted_at=moment or NOW,
                demand_type=DemandType.HELP,
                content=cells.text("事项") or "无",
            ),
        )

    def check(self):
        return self.reader.check()

    def close(self):
        self.reader.close()


class Dropped:
    """A reader over such a channel, with a clock of its own.

    Attributes:
        reader: Keeps the position between runs.
    """

    def __init__(self, source: dict[str, Any], secrets: dict[str, str] | None = None, **files: Any) -> None:
        self.clock = ManualClock(NOW)
        self.settings = DroppedSettings.model_validate({"source": source, "files": {"stable_s": 0, **files}})
        self.context = channel_context(secrets=secrets, clock=self.clock)
        self.reader = Reader(DroppedChannel(self.settings, self.context))

    @property
    def events(self) -> list[str]:
        return [event for _, event, _ in self.context.log.events]  # type: ignore[attr-defined]

    def again(self) -> None:
        """A new process: another object of the channel, the position as it was kept."""
        position = json.loads(json.dumps(self.reader.position))
        self.reader = Reader(DroppedChannel(self.settings, self.context))
        self.reader.position = position

    def run(self, **more: Any) -> Any:
        return self.reader.run(**more)


def rows(*numbers: object, day: str = "2026-06-23") -> bytes:
    """A sheet with a row for each number."""
    return text([HEAD, *[[number, day, f"第{number}件"] for number in numbers]])


def drop(folder: Path, name: str, content: bytes, *, changed_s: float | None = None) -> Path:
    """Puts a file there, changed a day ago."""
    path = folder / name
    path.write_bytes(content)
    at = NOW.timestamp() - 86_400 if changed_s is None else changed_s
    os.utime(path, (at, at))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
