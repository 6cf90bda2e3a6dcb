"""A channel made of a file: everything that a coded channel does, it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from hub.errors import Code, ConfigError
from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk.channel import Channel, CheckReport, Page, RawRecord, Stream, Window
from hub.sdk.context import ChannelContext
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.fetch import DeclaredSettings, Fetcher, fetcher_of
from hub.sdk.declarative.mapping import RecordMapping


class DeclaredChannel(Channel[DeclaredSettings]):
    """One source without code; a class of its own is made for each file by `channel_of`.

    Attributes:
        document: The file.
        fetcher: What fetches for its reader kind.
    """

    Settings: ClassVar[type[DeclaredSettings]] = DeclaredSettings
    document: ClassVar[SourceDocument]
    fetcher: ClassVar[type[Fetcher]]

    def __init__(self, settings: DeclaredSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        document = _with_maps(self.document, settings.maps, ctx.instance)
        self._fetcher = self.fetcher(document, settings, ctx)
        self._mapping = RecordMapping(document, self.fetcher.open_record, ctx.zone)

    def landed(self, raw: RawRecord) -> RawRecord:
        """The record as it is collected: under its number, with version and position."""
        return self._mapping.landed(raw)

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """See `Channel.pages`."""
        return self._fetcher.pages(stream, window, self._mapping.landed)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """What the record says by the rules of the file."""
        return self._mapping.demands(raw)

    def check(self) -> CheckReport:
        """Asks the live source for a little and reads it; writes nothing."""
        return self._fetcher.check(self._mapping.landed, self._mapping.demands)

    def close(self) -> None:
        """Releases connections."""
        self._fetcher.close()


def channel_of(document: SourceDocument) -> type[DeclaredChannel]:
    """The channel class that a file stands for."""
    fetcher = fetcher_of(document.reader.kind)
    members = {
        "__doc__": f"The source without code {document.name} ({document.title}).",
        "__module__": __name__,
        "name": document.name,
        "title": document.title,
        "watch": Watch[document.watch.upper()],
        "Settings": fetcher.Settings,
        "streams": (fetcher.stream(document),),
        "document": document,
        "fetcher": fetcher,
    }
    made: type[DeclaredChannel] = type(f"Declared_{document.name}", (DeclaredChannel,), members)
    return made


def _with_maps(
    document: SourceDocument, maps: Mapping[str, Mapping[str, Any]], instance: str
) -> SourceDocument:
    """The document with further codes in its maps.

    Raises:
        ConfigError: A name is no field that has a map, or a code is none of ours (code ``config_invalid``).
    """
    if not maps:
        return document
    told: dict[str, Any] = document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, codes in maps.items():
        rule: Any = told["fields"]
        for step in name.split("."):
            rule = rule.get(step) if isinstance(rule, dict) else None
        if not isinstance(rule, dict) or not isinstance(rule.get("map"), dict):
            known = sorted(
                field for field, one in told["fields"].items() if isinstance(one, dict) and "map" in one
            )
            raise ConfigError(
                f"channel {instance}: settings.maps names {name!r}, which has no map in source {document.name} (expected one of "
                f"{', '.join(known) or 'none'}); correct it in hub.yaml",
                code=Code.CONFIG_INVALID,
            )
        rule["map"] = {**rule["map"], **codes}
    try:
        return SourceDocument.model_validate(told)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"] if step != "fields")
        raise ConfigError(
            f"channel {instance}: settings.maps: {where}: {first['msg']}; correct it in hub.yaml",
            code=Code.CONFIG_INVALID,
        ) from None
