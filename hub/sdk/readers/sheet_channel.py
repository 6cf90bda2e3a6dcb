"""A channel whose records are rows of sheets that are dropped as files: what is left to write is its columns and its mapping."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field

from hub.errors import Code, ConfigError
from hub.sdk.channel import (
    Channel,
    ChannelSettings,
    CheckReport,
    Order,
    Page,
    PositionKind,
    Stream,
    Window,
)
from hub.sdk.context import ChannelContext
from hub.sdk.readers.files import FilesReader
from hub.sdk.readers.files_open import open_store
from hub.sdk.readers.files_policy import FilesPolicy
from hub.sdk.readers.forms_policy import HttpForms, SheetSource
from hub.sdk.readers.sheet import SheetPlan, SheetRecords

if TYPE_CHECKING:
    from hub.sdk.readers.forms_http import FormsReader


class SheetSettings(ChannelSettings):
    """What every channel of sheets is told.

    Attributes:
        source: Where files are dropped: ``{kind: folder, path: …}`` or ``{kind: sftp, …}``; or where forms are asked for: ``{kind: http, …}``.
        files: When a file is ready, and what becomes of it.
        sheets: Pattern of the names of the worksheets to read, such as ``2026*``; none for every visible one that has the header.
        columns: More names that the county's sheets give to a column, by the channel's own: ``{联系电话: [座机, 手机]}``.
    """

    source: SheetSource
    files: FilesPolicy = FilesPolicy()
    sheets: str | None = None
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)


SettingsT = TypeVar("SettingsT", bound=SheetSettings)


class SheetChannel(Channel[SettingsT]):
    """Brings `pages`, `check` and `close`; a subclass brings `plan` and `normalize`.

    Attributes:
        words: What the plan's reasons for passing over a row are called in the clerk's report, in Chinese.
    """

    streams: ClassVar[tuple[Stream, ...]] = (Stream("rows", PositionKind.FILES, Order.ASCENDING),)
    words: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: SettingsT, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._plan = self._with_settings(self.plan())
        self._reader: FilesReader | FormsReader
        if isinstance(settings.source, HttpForms):
            from hub.sdk.readers.forms_http import FormsReader

            self._reader = FormsReader(settings.source, ctx, self._plan, self.normalize)
            return
        self._reader = FilesReader(
            open_store(settings.source, settings.files, ctx),
            settings.files,
            ctx,
            lambda content, name: SheetRecords(content, self._plan, self.normalize, (name,)),
            dict(self.words),
        )

    @abstractmethod
    def plan(self) -> SheetPlan:
        """The columns, the rows' numbers and the rows that carry no demand; ``sheets`` and more aliases come from the settings."""

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """The rows of every file that is ready, or of every form; see `hub.sdk.readers.files` and `hub.sdk.readers.forms_http`."""
        return self._reader.pages(window)

    def check(self) -> CheckReport:
        """The way to the folder, whether files may be moved, and what the oldest file holds; changes nothing."""
        return self._reader.check()

    def close(self) -> None:
        """Ends the connection."""
        self._reader.close()

    def _with_settings(self, plan: SheetPlan) -> SheetPlan:
        given = self.settings.columns
        unknown = sorted(set(given) - {column.name for column in plan.columns})
        if unknown:
            raise ConfigError(
                f"channel {self.ctx.instance}: the setting columns names {'、'.join(unknown)}, which {self.name} does not know (expected some of "
                f"{'、'.join(column.name for column in plan.columns)}); correct the name",
                code=Code.CONFIG_INVALID,
            )
        columns = tuple(
            replace(column, aliases=(*column.aliases, *given.get(column.name, ()))) for column in plan.columns
        )
        limits = replace(plan.limits, file_bytes=self.settings.files.max_file_bytes)
        return replace(plan, columns=columns, sheets=self.settings.sheets, limits=limits)
