"""Fetches the rows of a database view; see `hub.sdk.declarative.readers.View`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from hub.errors import HubError
from hub.sdk.channel import Check, CheckReport, Page, RawRecord, Stream, Window
from hub.sdk.declarative.contents import Content, JsonContent
from hub.sdk.declarative.document import SourceDocument, rules_of
from hub.sdk.declarative.fetch import CHECKED_RECORDS, DeclaredSettings, Fetcher, Land, readable
from hub.sdk.readers.sql_place import Column, Kind, SqlPlace, SqlPolicy, SqlView
from hub.sdk.readers.sql_view import SqlViewReader

_ANY: frozenset[Kind] = frozenset(("text", "integer", "number", "float", "time", "date", "boolean"))


class ViewSettings(DeclaredSettings):
    """Where one such view is.

    Attributes:
        place: The database.
        view: In place of the file's name of it, ``schema.view`` or ``view``.
        names: Column as the file names it -> its name in this database, where that is another.
        policy: What the database may be asked to bear.
    """

    place: SqlPlace
    view: str | None = Field(default=None, min_length=1, max_length=200)
    names: dict[str, str] = Field(default_factory=dict)
    policy: SqlPolicy = SqlPolicy()


class ViewFetcher(Fetcher):
    """See `hub.sdk.declarative.readers.View`."""

    Settings: ClassVar[type[DeclaredSettings]] = ViewSettings

    def __init__(self, document: SourceDocument, settings: Any, ctx: Any) -> None:
        super().__init__(document, settings, ctx)
        self._opened: SqlViewReader | None = None

    @staticmethod
    def open_record(raw: RawRecord) -> Content:
        """See `Fetcher.open_record`."""
        return JsonContent(raw.body)

    @property
    def _reader(self) -> SqlViewReader:
        if self._opened is None:
            settings: ViewSettings = self.settings
            view = view_of(self.document, settings.view, settings.names)
            self._opened = SqlViewReader(settings.place, view, self.ctx, settings.policy)
        return self._opened

    def close(self) -> None:
        """Ends the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def pages(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """Every row of the window, by update time and number."""
        for page in self._reader.pages(window, max_skew_s=stream.max_skew_s):
            yield replace(page, records=[self._landed(raw, land) for raw in page.records])

    def _landed(self, raw: RawRecord, land: Land) -> RawRecord:
        # A problem that the reader has seen stands; else number, version and position are read by the file's own rules.
        return raw if raw.problem is not None else land(raw)

    def check(self, land: Land, normalize: Callable[[RawRecord], object]) -> CheckReport:
        """The columns of the view, and some rows of the last day."""
        try:
            columns = self._reader.columns()
            rows = [self._landed(raw, land) for raw in self._reader.sample(CHECKED_RECORDS)]
        except HubError as exc:
            return CheckReport((Check("view", False, exc.message),))
        finally:
            self.close()
        return CheckReport(
            (Check("view", True, f"all of {len(columns)} columns are there"), readable(rows, normalize))
        )


def view_of(
    document: SourceDocument, name: str | None = None, names: dict[str, str] | None = None
) -> SqlView:
    """The view that a file describes: every column that a rule names, and no other."""
    rule: Any = document.reader
    position = document.record.position
    assert position is not None
    columns = dict.fromkeys(place for _, one in rules_of(document) for place in one.places)
    return SqlView(
        name=name or rule.view,
        columns=tuple(Column(name=column, kinds=_ANY) for column in columns),
        key=document.record.number.places[0],
        position=position.places[0],
        names=names or {},
    )
