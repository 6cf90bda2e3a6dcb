"""Fetches a list of records over HTTP and XML; see `hub.sdk.declarative.readers.HttpXml`."""

from __future__ import annotations

from typing import ClassVar, cast

from lxml import etree

from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord
from hub.sdk.declarative.contents import Content, invalid, steps
from hub.sdk.declarative.fetch_json import HttpFetcher, dotted, envelope_of
from hub.sdk.declarative.follow import Answered
from hub.sdk.declarative.readers import HttpXml
from hub.sdk.readers.xml import Refused, parse_xml, text_of, xml_records

MEDIA_TYPE = "application/xml"


class XmlContent(Content):
    """A record in XML; a place is the way down by local names, with ``@`` before an attribute's.

    Raises:
        RecordRejected: The bytes are no XML element in UTF-8 (code ``record_unreadable``).
    """

    def __init__(self, body: bytes) -> None:
        try:
            self._root = parse_xml(body.decode("utf-8"))
        except (Refused, UnicodeDecodeError) as exc:
            reason = exc.reason if isinstance(exc, Refused) else "broken characters"
            raise RecordRejected(
                f"record: {reason} (expected one XML element in UTF-8); look at its kept bytes with `hub quarantine show` and ask the "
                "source's keeper",
                code=Code.RECORD_UNREADABLE,
            ) from None

    def text(self, place: str, *, literal: bool) -> str | None:
        """See `Content.text`."""
        found: list[etree._Element] = [self._root]
        for step in (place,) if literal else steps(place):
            if step.startswith("@"):
                return None if not found else _attribute(found[0], step[1:])
            if step.isdecimal():
                found = found[int(step) : int(step) + 1]
            else:
                if len(found) > 1:
                    raise invalid(place, f"{len(found)} elements (expected one)", "name one by its number")
                found = [
                    child
                    for parent in found
                    for child in parent.iterchildren(tag=etree.Element)
                    if _local(child) == step
                ]
        if not found:
            return None
        if len(found) > 1 or len(found[0]):
            kind = f"{len(found)} elements" if len(found) > 1 else "elements inside"
            raise invalid(place, f"{kind} (expected one text)", "mend the path")
        return text_of(found[0])


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _attribute(element: etree._Element, name: str) -> str | None:
    for key, value in element.attrib.items():
        if etree.QName(str(key)).localname == name:
            return str(value)
    return None


class XmlFetcher(HttpFetcher):
    """See `hub.sdk.declarative.readers.HttpXml`."""

    media_type: ClassVar[str] = MEDIA_TYPE

    @staticmethod
    def open_record(raw: RawRecord) -> Content:
        """See `Fetcher.open_record`."""
        return XmlContent(raw.body)

    def _answered(self, path: str, params: dict[str, object], label: str) -> Answered:
        rule = cast(HttpXml, self._rule)
        found = self.reader.read(
            "GET",
            path,
            lambda body: xml_records(
                body,
                at=dotted(rule.records),
                total_at=dotted(rule.total) if rule.total is not None else None,
                envelope=envelope_of(rule.envelope),
            ),
            params=params,
            headers={"Accept": "application/xml, text/xml, */*;q=0.5"},
            label=label,
        )
        return Answered(found, self.reader.url(path))
