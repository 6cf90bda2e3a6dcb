"""Fetches the rows of sheets that are dropped into a folder; see `hub.sdk.declarative.readers.Sheet`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, ClassVar

from pydantic import Field

from hub.errors import Code, ConfigError
from hub.sdk.channel import CheckReport, Order, Page, PositionKind, RawRecord, Stream, Window
from hub.sdk.declarative.contents import Content, digits_lost
from hub.sdk.declarative.document import SourceDocument, rules_of
from hub.sdk.declarative.fetch import DeclaredSettings, Fetcher, Land
from hub.sdk.declarative.mapping import RecordMapping
from hub.sdk.declarative.readers import ROW_NUMBER, Sheet
from hub.sdk.readers.files import FilesReader
from hub.sdk.readers.files_open import open_store
from hub.sdk.readers.files_policy import FileSource, FilesPolicy
from hub.sdk.readers.sheet import Column, Numbered, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import time_in

# A day and an hour with a space or a T between them need no reading of what clerks mean.
_WHOLE_TIME = re.compile(r"(?:19|20)\d\d[-/]\d{1,2}[-/]\d{1,2}[ T]\d{1,2}:\d\d")
_NEEDED = ("record.number", "fields.submitted_at", "fields.content")


class SheetSettings(DeclaredSettings):
    """Where the sheets of one source are dropped.

    Attributes:
        source: A folder of this machine, or of an SFTP server.
        files: When a file is ready, and what becomes of it.
        sheets: In place of the file's pattern of the names of the sheets to read.
        columns: More names that these sheets give to a column, by the file's own: ``{联系电话: [座机, 手机]}``.
    """

    source: FileSource
    files: FilesPolicy = FilesPolicy()
    sheets: str | None = Field(default=None, min_length=1, max_length=100)
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class SheetContent(Content):
    """A row; what a cell means is told by `hub.sdk.readers.sheet_values`."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def text(self, place: str, *, literal: bool) -> str | None:
        """See `Content.text`."""
        return self._cells.number if place == ROW_NUMBER else self._cells.text(place)

    def moment(self, place: str, zone: tzinfo, *, literal: bool) -> datetime | None:
        """Serial days, times as clerks write them, and times with a zone of their own."""
        text = self._cells.text(place)
        if text is not None and _WHOLE_TIME.match(text):
            return time_in(text, zone, field=place)
        return self._cells.moment(place, zone)

    def identifier(self, place: str, *, literal: bool) -> str | None:
        """See `Content.identifier`."""
        if place == ROW_NUMBER:
            return self._cells.number
        value, exact = self._cells.identifier(place)
        if not exact:
            raise digits_lost(place)
        return value


class SheetFetcher(Fetcher):
    """See `hub.sdk.declarative.readers.Sheet`."""

    Settings: ClassVar[type[DeclaredSettings]] = SheetSettings

    def __init__(self, document: SourceDocument, settings: Any, ctx: Any) -> None:
        super().__init__(document, settings, ctx)
        self._mapping = RecordMapping(document, self.open_record, ctx.zone)
        self._plan = self._made_plan()

    @staticmethod
    def stream(document: SourceDocument) -> Stream:
        """By the set of files that were read."""
        return Stream(document.stream.name, PositionKind.FILES, Order.ASCENDING)

    @staticmethod
    def open_record(raw: RawRecord) -> Content:
        """See `Fetcher.open_record`."""
        return SheetContent(Cells.of(raw))

    def pages(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """The rows of every file that is ready; the reader has numbered them already."""
        return self._reader().pages(window)

    def check(self, land: Land, normalize: Callable[[RawRecord], object]) -> CheckReport:
        """The way to the folder, and what the first file that is ready holds."""
        return self._reader().check()

    def _reader(self) -> FilesReader:
        policy: FilesPolicy = self.settings.files
        store = open_store(self.settings.source, policy, self.ctx)
        return FilesReader(store, policy, self.ctx, self.rows)

    def rows(self, content: bytes, name: str) -> SheetRecords:
        """The rows of one file."""
        return SheetRecords(content, self._plan, self._mapping.demands, (name,))

    def _made_plan(self) -> SheetPlan:
        rule: Any = self.document.reader
        assert isinstance(rule, Sheet)
        columns = columns_of(self.document, self.settings.columns)
        own_number = ROW_NUMBER not in self.document.record.number.places
        return SheetPlan(
            tuple(columns),
            self._number if own_number else None,
            sheets=self.settings.sheets if self.settings.sheets is not None else rule.sheets,
        )

    def _number(self, cells: Cells) -> Numbered | None:
        number = self._mapping.number_of(SheetContent(cells))
        return None if number is None else Numbered(number, own=True)


def columns_of(document: SourceDocument, more: Mapping[str, Sequence[str]] | None = None) -> list[Column]:
    """Every column that a rule names; required are those without which no row could be used.

    Raises:
        ConfigError: ``more`` names a column that no rule names (code ``config_invalid``).
    """
    aliases: Mapping[str, Sequence[str]] = getattr(document.reader, "aliases", {})
    more = more or {}
    needed: set[str] = set()
    named: dict[str, None] = {}
    for where, rule in rules_of(document):
        named.update(dict.fromkeys(place for place in rule.places if place != ROW_NUMBER))
        if where in _NEEDED and rule.column is not None and getattr(rule, "default", None) is None:
            needed.add(rule.column)
    if unknown := sorted(set(more) - set(named)):
        raise ConfigError(
            f"source {document.name}: the setting columns names {'、'.join(unknown)}, which no rule reads (expected some of "
            f"{'、'.join(named)}); correct the name in hub.yaml",
            code=Code.CONFIG_INVALID,
        )
    return [Column(name, (*aliases.get(name, ()), *more.get(name, ())), name in needed) for name in named]
