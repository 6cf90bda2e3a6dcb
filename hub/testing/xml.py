"""`XmlContract`: what a channel must keep that reads a list in XML or SOAP, well-behaved and otherwise.

Every case of `hub.testing.live.HttpListContract` holds, over XML; on top of them come the cases that only XML has: entities that
explode, a bare ``&`` in one record, a check that does not fit, a fault in HTTP 500.
"""

from __future__ import annotations

import json
import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import pytest

from hub.clock import ManualClock
from hub.errors import Code, RecordRejected
from hub.sdk.channel import Channel
from hub.testing.contract import PLANTED_PHONE, sealed_fields
from hub.testing.factories import NOW, channel_context
from hub.testing.hostile import Answer, Fields, HostileSource, ListPage, ListSource, Misbehaviour
from hub.testing.live import HttpListContract, clock
from hub.testing.reading import Reader, said_by

BOMB = f'<!DOCTYPE z [<!ENTITY a "{"ha" * 5_000}"><!ENTITY b "{"&a;" * 5_000}">]>'
SECRET_FILE = '<!DOCTYPE z [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
CPU_LIMIT_S = 20.0


class XmlMisbehaviour(Enum):
    """What the source does wrong in its XML; the value says it in words."""

    ENTITY_BOMB = "page 2 brings entities that grow to 50 million characters"
    EXTERNAL_ENTITY = "page 2 brings an entity that names a file of the reader's machine"
    DEEP_NESTING = "one record holds ten thousand elements in each other"
    WRONG_CHECK = "the check of page 2 does not fit its body"
    FAULT = "page 2 is a SOAP fault that blames the caller, in HTTP 500, every time"
    FAULT_ONCE = "page 2 is a SOAP fault of the server, in HTTP 500, the first time"
    BARE_AMPERSAND = "one record's text holds a bare &"
    CONTROL_CHARACTER = "one record's text holds a control character"
    UNCLOSED_ELEMENT = "one record's text holds a tag that nobody closes"
    RENAMED_RECORDS = "the records' element has another name, and no total is declared"
    PREFIXED = "records and their fields have a prefix and a namespace"
    CDATA = "every field is CDATA"
    LINES = "lines end with CR LF, and spaces stand between the elements"


class XmlListSource(ListSource):
    """How a well-behaved source in XML looks: written once by a channel's author.

    Attributes:
        record_tag: Local name of a record's element.
        checked: Whether the source puts a check beside its body.
    """

    content_type: ClassVar[str] = "text/xml;charset=UTF-8"
    record_tag: ClassVar[str]
    checked: ClassVar[bool] = False

    @abstractmethod
    def package(self, records: str | None, page: ListPage) -> str:
        """The document around these records (XML, as they are; None: the element around them is missing), its check included."""

    def wrap(self, package: str) -> str:
        """The document as it is sent; a SOAP service puts it into an envelope."""
        return package

    def record_xml(self, fields: Fields) -> str:
        """One record."""
        inside = "".join(element(name, value) for name, value in fields.items())
        return f"<{self.record_tag}>{inside}</{self.record_tag}>"

    def fault(self, kind: str) -> str:
        """A SOAP fault of that kind, ``Client`` or ``Server``."""
        return (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
            f"<faultcode>s:{kind}</faultcode><faultstring>出错了</faultstring></s:Fault></s:Body></s:Envelope>"
        )

    def render(self, page: ListPage) -> str:
        """See `ListSource.render`."""
        return self.wrap(self.package(self.records_xml(page), page))

    def records_xml(self, page: ListPage) -> str | None:
        """All records of a page."""
        return None if page.records is None else "".join(map(self.record_xml, page.records))


def element(name: str, value: object) -> str:
    """A field as an element: a list is several of it, an object its members, null an empty one."""
    if isinstance(value, list):
        return "".join(element(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(element(inner, one) for inner, one in value.items())}</{name}>"
    return f"<{name}>{'' if value is None else escape(str(value))}</{name}>"


class XmlHostileSource(HostileSource):
    """`HostileSource` that also misbehaves in ways that only XML has."""

    source: XmlListSource

    def __init__(
        self,
        source: XmlListSource,
        misbehaviour: Misbehaviour | XmlMisbehaviour = Misbehaviour.NONE,
        **more: Any,
    ) -> None:
        self.spoils = misbehaviour if isinstance(misbehaviour, XmlMisbehaviour) else None
        super().__init__(
            source, Misbehaviour.NONE if isinstance(misbehaviour, XmlMisbehaviour) else misbehaviour, **more
        )

    def behave(self) -> None:
        """See `HostileSource.behave`."""
        super().behave()
        self.spoils = None

    def _spoilt_answer(self, page: ListPage) -> Answer:
        if self.spoils is None:
            return super()._spoilt_answer(page)
        match self.spoils:
            case XmlMisbehaviour.FAULT if page.number == 2:
                return self._fault("Client")
            case XmlMisbehaviour.FAULT_ONCE if page.number == 2 and self._once("second"):
                return self._fault("Server")
            case XmlMisbehaviour.RENAMED_RECORDS:
                page = replace(page, total=None)
        records = self._spoilt_records(self.source.records_xml(page) or "")
        package = self.source.package(records, page)
        if page.number == 2:
            package = self._spoilt_package(package)
        return Answer(self.source.wrap(package).encode(), content_type=self.source.content_type)

    def _fault(self, kind: str) -> Answer:
        return Answer(self.source.fault(kind).encode(), status=500, content_type=self.source.content_type)

    def _spoilt_records(self, records: str) -> str:
        tag, source = self.source.record_tag, self.source
        inside = (
            {
                XmlMisbehaviour.BARE_AMPERSAND: "张三 & 李四",
                XmlMisbehaviour.CONTROL_CHARACTER: "坏\x0b字",
                XmlMisbehaviour.UNCLOSED_ELEMENT: "<br>没有结束",
                XmlMisbehaviour.DEEP_NESTING: "<a>" * 10_000 + "</a>" * 10_000,
            }.get(self.spoils)
            if self.spoils is not None
            else None
        )
        if inside is not None:
            return self._with_text(records, inside)
        match self.spoils:
            case XmlMisbehaviour.RENAMED_RECORDS:
                return re.sub(rf"(</?){tag}\b", rf"\1{tag}New", records)
            case XmlMisbehaviour.PREFIXED:
                named = re.sub(r"<(/?)([^\s/>!?]+)", r"<\1q:\2", records)
                return named.replace(f"<q:{tag}>", f'<q:{tag} xmlns:q="urn:q">')
            case XmlMisbehaviour.CDATA:
                return re.sub(r">([^<>]+)<", r"><![CDATA[\1]]><", records)
            case XmlMisbehaviour.LINES:
                return "\r\n  ".join(re.split(rf"(?<=</{source.record_tag}>)", records))
            case _:
                return records

    def _with_text(self, records: str, inside: str) -> str:
        """The citizen's words of the spoilt record replaced by this, as it is."""
        key, text = self.source.key, self.source.text
        ours = re.compile(
            rf"(<{key}>{re.escape(self.special)}</{key}>(?:(?!</{self.source.record_tag}>).)*?<{text}>)[^<]*(</{text}>)",
            re.DOTALL,
        )
        return ours.sub(lambda found: f"{found[1]}{inside}{found[2]}", records)

    def _spoilt_package(self, package: str) -> str:
        match self.spoils:
            case XmlMisbehaviour.ENTITY_BOMB | XmlMisbehaviour.EXTERNAL_ENTITY:
                doctype = BOMB if self.spoils is XmlMisbehaviour.ENTITY_BOMB else SECRET_FILE
                named = re.sub(rf"(<{self.source.text}>)[^<]*", r"\1&b;", package)
                return re.sub(r"^(<\?xml[^>]*\?>)?", lambda found: found[0] + doctype, named, count=1)
            case XmlMisbehaviour.WRONG_CHECK:
                return package.replace("窗口", "窗囗")
            case _:
                return package


class XmlContract(HttpListContract):
    """For channels that read a list page by page in XML, over plain HTTP or SOAP."""

    source: ClassVar[XmlListSource]

    @contextmanager
    def playing(self, misbehaviour: Enum, **more: Any) -> Iterator[tuple[XmlHostileSource, Reader]]:
        """See `HttpListContract.playing`."""
        assert isinstance(misbehaviour, Misbehaviour | XmlMisbehaviour)
        with XmlHostileSource(self.source, misbehaviour, **more) as source:
            drips = misbehaviour is Misbehaviour.SLOW_DRIP
            settings = (self.make_impatient_settings if drips else self.make_settings)(source.url)
            channel = self.channel(settings, channel_context(secrets=self.secrets, clock=ManualClock(NOW)))
            try:
                yield source, Reader(channel, self._stream_of(channel))
            finally:
                channel.close()

    # --- what is another thing in XML ----------------------------------------------------------------------------

    def test_words_instead_of_records_are_loud(self) -> None:
        self.loud(Misbehaviour.NOT_JSON, Code.PAGE_NOT_XML, Code.PAGE_SHAPE)

    # --- hostile documents ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("bomb", [XmlMisbehaviour.ENTITY_BOMB, XmlMisbehaviour.EXTERNAL_ENTITY])
    def test_entities_are_refused_and_cost_nothing(self, bomb: XmlMisbehaviour) -> None:
        began = time.process_time()
        reading = self.loud(bomb, Code.XML_DOCTYPE)
        assert time.process_time() - began < CPU_LIMIT_S
        assert reading.numbers, "the page before the bomb was not kept"

    @pytest.mark.parametrize(
        "spoils",
        [
            XmlMisbehaviour.BARE_AMPERSAND,
            XmlMisbehaviour.UNCLOSED_ELEMENT,
            XmlMisbehaviour.DEEP_NESTING,
        ],
    )
    def test_one_record_that_is_no_xml_is_set_aside_with_its_bytes_and_no_other(
        self, spoils: XmlMisbehaviour
    ) -> None:
        with self.playing(spoils) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers == source.numbers - {source.special}
            ((spoilt, problem),) = {(one.body, one.problem) for one in reading.set_aside}
            assert problem is not None
            assert problem.code is Code.RECORD_UNREADABLE
            assert source.special.encode() in spoilt

    def test_a_control_character_in_one_record_is_left_out_or_the_record_is_set_aside(self) -> None:
        with self.playing(XmlMisbehaviour.CONTROL_CHARACTER) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert len(reading.numbers) + len(reading.set_aside) == len(source.numbers)
            assert reading.numbers >= source.numbers - {source.special}
            if source.special in reading.numbers:
                assert self.words(self.said(reader, reading, source.special)[0])[1] == "坏字"

    def test_a_record_that_was_no_xml_comes_once_it_is(self) -> None:
        with self.playing(XmlMisbehaviour.BARE_AMPERSAND) as (source, reader):
            reader.run()
            source.behave()
            clock(reader).advance(600)
            source.resend(source.special, clock(reader).now())
            assert source.special in reader.run().numbers

    def test_records_under_another_name_are_never_taken_for_none(self) -> None:
        self.loud(XmlMisbehaviour.RENAMED_RECORDS, Code.PAGE_SHAPE)

    def test_a_check_that_does_not_fit_is_loud(self) -> None:
        if self.source.checked:
            self.loud(XmlMisbehaviour.WRONG_CHECK, Code.PAGE_CHECK)

    def test_a_fault_that_blames_the_caller_is_loud(self) -> None:
        self.loud(XmlMisbehaviour.FAULT, Code.SOURCE_ENVELOPE, Code.SOURCE_STATUS)

    def test_a_fault_of_the_server_that_passes_is_tried_again(self) -> None:
        self.whole(XmlMisbehaviour.FAULT_ONCE)

    @pytest.mark.parametrize("form", [XmlMisbehaviour.PREFIXED, XmlMisbehaviour.CDATA, XmlMisbehaviour.LINES])
    def test_another_form_of_the_same_document_says_the_same(self, form: XmlMisbehaviour) -> None:
        _, other, reader = self.whole(form)
        _, right, _ = self.whole(Misbehaviour.NONE)
        assert self.texts(reader, other) == self.texts(reader, right)

    # --- one record ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "null",
            "0",
            "-1",
            "1.38E+10",
            "x" * 5_000,
            "&lt;&amp;&gt;",
            "<a/>",
            "<a>b</a>",
            "<![CDATA[]]>",
            "<!-- -->",
        ],
    )
    def test_an_element_that_holds_something_else_is_set_aside_or_read_right(
        self, offline: Channel[Any], value: str
    ) -> None:
        for sample, text in self._documents():
            for name in _fields_of(text):
                self._judge(offline, _with_field(text, name, value), f"{sample}: {name} = {value[:20]}")

    def test_an_element_that_is_missing_or_doubled_is_set_aside_or_read_right(
        self, offline: Channel[Any]
    ) -> None:
        for sample, text in self._documents():
            for name in _fields_of(text):
                whole = _whole_field(text, name)
                self._judge(offline, text.replace(whole, "", 1).encode(), f"{sample} without {name}")
                self._judge(
                    offline, text.replace(whole, whole * 2, 1).encode(), f"{sample} with {name} twice"
                )

    def test_the_reporters_number_stands_in_sealed_fields_alone(self, offline: Channel[Any]) -> None:
        if self.personal is None:
            return
        planted = 0
        for _, text in self._documents():
            if self.personal in _fields_of(text):
                spoilt = _with_field(text, self.personal, PLANTED_PHONE)
                for demand in offline.normalize(self.make_record(spoilt)):
                    dumped = demand.model_dump(mode="json")
                    planted += PLANTED_PHONE in json.dumps(dumped)
                    closed = sealed_fields(demand)
                    assert PLANTED_PHONE not in json.dumps(
                        {name: dumped[name] for name in dumped.keys() - closed}
                    )
        assert planted, f"no sample's {self.personal!r} reached the reporter"

    def test_an_element_that_nobody_knows_changes_nothing(self, offline: Channel[Any]) -> None:
        for sample, text in self._documents():
            end = text.rindex("</")
            more = f"{text[:end]}<新增字段><a>1</a></新增字段>{text[end:]}"
            assert self._said(offline, more.encode()) == self._said(offline, text.encode()), sample

    def test_the_error_for_an_element_shows_nothing_of_it(self, offline: Channel[Any]) -> None:
        words = "张三丰"
        for sample, text in self._documents():
            for name in _fields_of(text):
                for value in (words, PLANTED_PHONE, f"<{words}>{PLANTED_PHONE}</{words}>"):
                    rejected = self._rejection(offline, _with_field(text, name, value))
                    told = rejected.message if rejected is not None else ""
                    assert words not in told, f"{sample}: {name}"
                    assert PLANTED_PHONE not in told, f"{sample}: {name}"

    @pytest.mark.parametrize("doctype", [BOMB, SECRET_FILE])
    def test_a_stored_record_with_a_doctype_is_set_aside(self, offline: Channel[Any], doctype: str) -> None:
        for _, text in self._documents():
            with pytest.raises(RecordRejected) as caught:
                said_by(offline, self.make_record(f"{doctype}{text}".encode()))
            assert caught.value.code is Code.RECORD_UNREADABLE

    def _documents(self) -> list[tuple[str, str]]:
        """Sound samples in XML."""
        found = [
            (path.name, body.decode().strip())
            for path, body in self._sound().items()
            if body.lstrip().startswith(b"<")
        ]
        assert found, "no sample is XML"
        return found


_FIELD = re.compile(r"<([^\s/>!?]+)[^<>]*>(?:<!\[CDATA\[.*?\]\]>|[^<])*</\1>", re.DOTALL)


def _fields_of(text: str) -> Sequence[str]:
    return list(dict.fromkeys(found[1] for found in _FIELD.finditer(text)))


def _whole_field(text: str, name: str) -> str:
    return next(found[0] for found in _FIELD.finditer(text) if found[1] == name)


def _with_field(text: str, name: str, value: str) -> bytes:
    return text.replace(_whole_field(text, name), f"<{name}>{value}</{name}>", 1).encode()
