"""The contract over a source without code: made of its file and of the samples beside it, without a line of the author's own.

``open311.yaml`` has its samples in ``open311.samples/``: one record's bytes each, beside it what must come of it, as for a coded channel. From the
first sound sample and the file's own words the well-behaved source is built that the contract spoils in forty ways.
"""

from __future__ import annotations

import copy
import json
import types
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast
from urllib.parse import urlencode

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import ConfigError
from hub.sdk.channel import ChannelSettings, RawRecord
from hub.sdk.declarative.channel import DeclaredChannel, channel_of
from hub.sdk.declarative.contents import steps
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.fetch_json import dotted, written
from hub.sdk.declarative.read import read_source
from hub.sdk.declarative.readers import HttpJson, HttpXml, Sheet, TimeParam
from hub.sdk.declarative.rules import AsTime, EpochParse, Sourced
from hub.sdk.readers.policy import HttpPolicy
from hub.testing.contract import ChannelContract
from hub.testing.hostile import Fields, ListPage, ListSource, Request
from hub.testing.live import HttpListContract

PAGE_SIZE = 5
ABSENT = object()
_NO_TOTAL = "the source declares no total: what is missing on a page cannot be seen"
_NO_PHONE = "the mapping reads no telephone number"
_NO_POSITION = "the mapping reads no update time"
_NO_SINCE = "the source cannot be asked for what is new: every run reads everything"


class AnySecret(Mapping[str, str]):
    """A store in which every secret is found: which ones a source names is its file's matter."""

    def __getitem__(self, name: str) -> str:
        return f"the-secret-{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


class SourceModule(pytest.Module):
    """A source's file as pytest sees it: a module with its contract."""

    def _getobj(self) -> types.ModuleType:
        module = types.ModuleType(self.path.stem)
        try:
            contract = contract_of_file(self.path)
        except ConfigError as exc:
            raise self.CollectError(exc.message) from None
        setattr(module, contract.__name__, contract)
        return module


def samples_of(file: Path) -> Path:
    """The folder with the samples of a source's file."""
    return file.with_name(f"{file.stem}.samples")


def contract_of_file(file: Path) -> type[ChannelContract]:
    """The contract class of a source without code.

    Raises:
        ConfigError: The file describes no source.
    """
    document = read_source(file)
    reader = document.reader
    members: dict[str, Any] = {
        "channel": channel_of(document),
        "samples": samples_of(file),
        "secrets": AnySecret(),
        "gaps": dict(document.contract.gaps),
    }
    base: type[ChannelContract] = DeclaredContract
    # XML that stands as text within XML is proven by its samples alone.
    is_listed = isinstance(reader, HttpJson | HttpXml) and "<>" not in reader.records
    if isinstance(reader, HttpJson | HttpXml) and is_listed and reader.paging.style != "none":
        sample = _sound_sample(file, ".json" if isinstance(reader, HttpJson) else ".xml")
        if sample is not None:
            source: DeclaredPages
            if isinstance(reader, HttpJson):
                base, source = DeclaredListContract, DeclaredPages(document, json.loads(sample))
            else:
                from hub.testing.declared_xml import DeclaredXmlContract, DeclaredXmlPages

                base, source = DeclaredXmlContract, DeclaredXmlPages(document, sample)
            members["source"] = source
            members["gaps"] = {**source.gaps, **members["gaps"]}
    elif isinstance(reader, Sheet) and (sample := _sound_sample(file, ".json")) is not None:
        from hub.testing.declared_sheet import DeclaredSheet, DeclaredSheetContract

        base, sheet = DeclaredSheetContract, DeclaredSheet(document, json.loads(sample))
        members["source"] = sheet
        members["gaps"] = {**sheet.gaps, **members["gaps"]}
    name = "Test" + "".join(part.title() for part in document.name.split("_"))
    return cast("type[ChannelContract]", type(name, (base,), members))


class DeclaredContract(ChannelContract):
    """The part that needs no source, over a source without code."""

    def make_settings(self, base_url: str) -> ChannelSettings:
        """The least settings that the reader takes."""
        return least_settings(cast("type[DeclaredChannel]", self.channel), base_url)

    def make_record(self, body: bytes) -> RawRecord:
        """A sample as the reader would hand it over."""
        return landed_sample(
            cast("type[DeclaredChannel]", self.channel), self.make_settings("http://127.0.0.1:9"), body
        )


class DeclaredListContract(HttpListContract, DeclaredContract):
    """The whole contract, over a source that is read page by page over HTTP."""

    def make_impatient_settings(self, base_url: str) -> ChannelSettings:
        """As `make_settings`, with a second for an answer."""
        return least_settings(
            cast("type[DeclaredChannel]", self.channel), base_url, http=HttpPolicy(deadline_s=1.0, tries=1)
        )


_USUAL: Mapping[str, Mapping[str, Any]] = {
    "mail": {
        "host": "127.0.0.1",
        "port": 9,
        "user": "box",
        "password_secret": "mail.password",
        "security": "plain",
    },
    "sheet": {"source": {"kind": "folder", "path": "/nowhere/that/is"}},
    "sql_view": {
        "place": {
            "dialect": "postgresql",
            "host": "127.0.0.1",
            "port": 9,
            "database": "source",
            "user": "reader",
            "password": "view.password",
        }
    },
}


def least_settings(channel: type[DeclaredChannel], base_url: str, **more: Any) -> ChannelSettings:
    """Settings with which the channel can be built."""
    usual = _USUAL.get(channel.document.reader.kind, {"base_url": base_url, "page_size": PAGE_SIZE})
    return channel.Settings.model_validate({**usual, **more})


def landed_sample(channel: type[DeclaredChannel], settings: Any, body: bytes) -> RawRecord:
    """A record's bytes, landed as the channel's own pages would."""
    kind = channel.document.reader.kind
    if kind == "mail":
        from hub.sdk.readers.mail import MAIL
        from hub.sdk.readers.mail_parse import source_no

        return RawRecord(source_no(body), body, media_type=MAIL)
    if kind == "sheet":
        return RawRecord(_row_number(body), body)
    from hub.testing.factories import channel_context

    return channel(settings, channel_context(secrets=AnySecret())).landed(RawRecord(None, body))


def _row_number(body: bytes) -> str:
    """The number that the reader of sheets has put into a row."""
    try:
        return str(json.loads(body)["_"]["number"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "sample"


def _sound_sample(file: Path, ending: str) -> bytes | None:
    """The first sample with that ending that gives demands and is a record by itself."""
    folder = samples_of(file)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix != ending or not path.with_suffix(".demands.json").exists():
            continue
        content = path.read_bytes()
        if ending != ".json" or _is_object(content):
            return content
    return None


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class FollowedPage(ListPage):
    """A page that tells what is behind it; None at the end."""

    behind: str | None = None


class Way(NamedTuple):
    """What a cursor of such a source holds: the number of its page, and the rank of the record before it."""

    number: int
    after: str | None = None

    def written(self) -> str:
        """Opaque to whoever follows it, with the characters that an address must escape."""
        return b64encode(json.dumps(self).encode()).decode()

    @classmethod
    def read(cls, cursor: str | None) -> Way:
        """What such a cursor says; the first page where there is none."""
        return cls(*json.loads(b64decode(cursor))) if cursor else cls(1)


class DeclaredPages(ListSource):
    """How the source that a file describes answers when it is well.

    A record here is flat: the places of number, position, text and telephone, and whatever else the hostile source puts beside them; `render`
    puts them where they belong in a copy of the sample.
    """

    page_size: ClassVar[int] = PAGE_SIZE

    def __init__(self, document: SourceDocument, sample: Mapping[str, Any]) -> None:
        self._reader = cast(HttpJson | HttpXml, document.reader)
        self._sample = dict(sample)
        self._parse: AsTime | None = None
        self._literal = set[str]()
        self.key = self._place(document.record.number)  # type: ignore[misc]
        self.text = self._place(document.fields.content)  # type: ignore[misc]
        phone = document.fields.reporter.phone
        self.phone = self._place(phone) if phone is not None else "telephone-of-nobody"  # type: ignore[misc]
        position = document.record.position
        if position is not None:
            self._parse = position.parse
        self.position = self._place(position) if position is not None else "time-of-nothing"  # type: ignore[misc]
        self._version = document.record.version
        if self._version is not None and self._version.column is not None:
            self._literal.add(self._version.column)
        self._own = (self.key, self.position, self.text, self.phone)
        self.gaps = dict(_gaps(document))

    def _place(self, rule: Sourced) -> str:
        if rule.column is not None:
            self._literal.add(rule.column)
        return rule.places[0]

    def record(self, index: int, moment: datetime) -> Fields:
        """See `ListSource.record`."""
        return {
            self.key: f"A{index:09d}",
            self.position: self.moment_text(moment),
            self.text: f"第{index}次来，窗口仍然没有人。",
            self.phone: f"138{index:08d}",
        }

    def moment_text(self, moment: datetime) -> Any:
        """See `ListSource.moment_text`."""
        return _written_at(moment, self._parse)

    def at_page(self, request: Request, number: int) -> Request:
        """See `ListSource.at_page`."""
        paging = self._reader.paging
        if paging.is_followed:
            told: object = Way(number).written()
        else:
            told = (
                (number - 1) * self._size(request) if paging.style == "offset" else number - 1 + paging.first
            )
        return Request(request.path, {**request.query, paging.number: str(told)}, request.headers)

    def _size(self, request: Request) -> int:
        paging = self._reader.paging
        # A source that takes no wish has a size of its own.
        return int(request.query.get(paging.size, paging.page_size)) if paging.size else PAGE_SIZE

    def page(self, request: Request, records: Sequence[Fields], *, newest_first: bool) -> ListPage:
        """See `ListSource.page`."""
        paging, size = self._reader.paging, self._size(request)
        found = [one for one in records if self._is_asked_for(one, request)]
        if self._reader.until is None:
            found.sort(key=lambda one: str(one.get(self.key, "")))  # what the file's query must ask for
        if newest_first:
            found.reverse()
        total = len(found) if self._reader.total is not None else None
        if paging.is_followed:
            return self._followed(request, found, total, size, newest_first=newest_first)
        told = int(request.query.get(paging.number, 0))
        number = told // size + 1 if paging.style == "offset" else told - paging.first + 1
        return ListPage(found[(number - 1) * size : number * size], total, number, size)

    def _followed(
        self, request: Request, found: list[Fields], total: int | None, size: int, *, newest_first: bool
    ) -> ListPage:
        """A page behind the record that the cursor names, wherever that record stands by now."""
        way = Way.read(request.query.get(self._reader.paging.number))
        if way.after is None:
            start = (way.number - 1) * size
        else:
            passed = [
                self._rank(one) >= way.after if newest_first else self._rank(one) <= way.after
                for one in found
            ]
            start = sum(passed)
        records = found[start : start + size]
        behind = None
        if start + size < len(found):
            behind = Way(way.number + 1, self._rank(records[-1])).written()
        if behind is not None and self._reader.paging.style == "next":
            behind = "?" + urlencode({**request.query, self._reader.paging.number: behind})
        return FollowedPage(records, total, way.number, size, behind)

    def _rank(self, record: Fields) -> str:
        number = str(record.get(self.key, ""))
        return number if self._reader.until is None else f"{record[self.position]} {number}"

    def headers(self, page: ListPage) -> Mapping[str, str]:
        """See `ListSource.headers`."""
        paging = self._reader.paging
        behind = page.behind if isinstance(page, FollowedPage) else None
        if behind is None or paging.style != "next" or paging.next is not None:
            return {}
        return {"Link": f'<?first>; rel="first", <{behind}>; title="further"; rel="last next"'}

    def _is_asked_for(self, record: Fields, request: Request) -> bool:
        written_at = str(record[self.position])
        for param, after in ((self._reader.since, True), (self._reader.until, False)):
            border = request.query.get(param.name) if param is not None else None
            if border is None or param is None:
                continue
            moment = self._moment(written_at)
            if moment is None:
                # What is no time sorts behind every time.
                if after:
                    continue
                return False
            asked = _asked(param, border)
            if moment < asked if after else moment > asked:
                return False
        return True

    def _moment(self, text: str) -> datetime | None:
        try:
            if isinstance(self._parse, EpochParse):
                return datetime.fromtimestamp(int(text) / (1_000 if self._parse.unit == "ms" else 1), UTC)
            forms = self._parse.forms if self._parse is not None else ()
            moment = datetime.strptime(text, forms[0]) if forms else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=COUNTY_ZONE)

    def render(self, page: ListPage) -> str:
        """See `ListSource.render`."""
        assert isinstance(self._reader, HttpJson)
        listed = None if page.records is None else [self._whole(one) for one in page.records]
        document: Any = listed
        for name in reversed(dotted(self._reader.records)):
            document = {name: document}
        if self._reader.total is not None and page.total is not None:
            _put(document, dotted(self._reader.total), page.total)
        if self._reader.envelope is not None:
            _put(document, dotted(self._reader.envelope.code), self._reader.envelope.ok[0])
        if isinstance(page, FollowedPage) and self._reader.paging.next is not None:
            _put(document, steps(self._reader.paging.next), page.behind)
            if self._reader.paging.more is not None:
                _put(document, steps(self._reader.paging.more), page.behind is not None)
        return json.dumps(document, ensure_ascii=False)

    def _whole(self, record: Fields) -> dict[str, Any]:
        whole = copy.deepcopy(self._sample)
        for place, value in self._places_of(record):
            path = (place,) if place in self._literal else steps(place)
            if value is ABSENT:
                _drop(whole, path)
            else:
                _put(whole, path, value)
        return {**whole, **self._foreign(record)}

    def _places_of(self, record: Fields) -> Iterator[tuple[str, Any]]:
        """Each place of the sample that this record has its own value for; `ABSENT` where it has none."""
        for place in self._own:
            yield place, record.get(place, ABSENT)
        moment = self._moment(str(record.get(self.position)))
        if self._version is not None and moment is not None:
            # A record that is sent again has a new version too.
            by_time = self._version.as_ == "time"
            yield (
                self._version.places[0],
                _written_at(moment, self._version.parse) if by_time else int(moment.timestamp()),
            )

    def _foreign(self, record: Fields) -> Fields:
        """Fields that nobody knows."""
        return {name: value for name, value in record.items() if name not in self._own}

    def refusal(self) -> str:
        """See `ListSource.refusal`."""
        document: dict[str, Any] = {}
        envelope = self._reader.envelope
        _put(document, dotted(envelope.code) if envelope is not None else ("code",), _refused(envelope))
        return json.dumps(document)


def _written_at(moment: datetime, parse: AsTime | None) -> Any:
    """A moment as the source writes it."""
    if isinstance(parse, EpochParse):
        return int(moment.timestamp()) * (1_000 if parse.unit == "ms" else 1)
    forms = parse.forms if parse is not None else ()
    return written(forms[0], moment, COUNTY_ZONE) if forms else moment.astimezone(COUNTY_ZONE).isoformat()


def _refused(envelope: Any) -> Any:
    return envelope.again[0] if envelope is not None and envelope.again else 500


def _asked(param: TimeParam, border: str) -> datetime:
    """The moment that a parameter says, as the source reads it."""
    if param.form in ("epoch_s", "epoch_ms"):
        return datetime.fromtimestamp(int(border) / (1_000 if param.form == "epoch_ms" else 1), UTC)
    is_iso = param.form in ("iso", "iso_z")
    moment = datetime.fromisoformat(border) if is_iso else datetime.strptime(border, param.form)  # noqa: DTZ007
    return moment if moment.tzinfo else moment.replace(tzinfo=COUNTY_ZONE)


def _put(document: Any, path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        if isinstance(document, list):
            document = document[int(step)]
        else:
            document = document.setdefault(step, {})
    document[int(path[-1]) if isinstance(document, list) else path[-1]] = value


def _drop(document: Any, path: Sequence[str]) -> None:
    for step in path[:-1]:
        document = document[int(step)] if isinstance(document, list) else document.get(step, {})
    if isinstance(document, dict):
        document.pop(path[-1], None)


def _gaps(document: SourceDocument) -> Iterator[tuple[str, str]]:
    """What a source of this kind cannot keep, whatever its author does."""
    reader = cast(HttpJson | HttpXml, document.reader)
    if reader.total is None:
        yield "test_records_that_the_total_counts_and_no_page_holds_are_loud", _NO_TOTAL
        yield "test_a_total_without_records_is_loud", _NO_TOTAL
        if reader.until is not None:
            yield "test_a_record_that_leaves_the_window_while_it_is_read_hides_no_other", _NO_TOTAL
    if document.fields.reporter.phone is None:
        yield "test_a_masked_telephone_number_stays_as_it_came", _NO_PHONE
    if document.record.position is None:
        yield "test_a_position_that_is_no_date_sets_its_record_aside_and_no_other", _NO_POSITION
    if reader.since is None:
        yield "test_a_later_run_reads_what_was_added_and_not_everything_again", _NO_SINCE
