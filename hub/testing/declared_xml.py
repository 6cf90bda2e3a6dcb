"""The contract over a source without code that is written in XML."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from lxml import etree

from hub.sdk.declarative.contents import steps
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.fetch_json import dotted
from hub.sdk.declarative.readers import HttpXml
from hub.testing.declared import ABSENT, DeclaredListContract, DeclaredPages
from hub.testing.hostile import Fields, ListPage
from hub.testing.xml import XmlContract, XmlListSource

_PLACE = "records-stand-here"


class DeclaredXmlContract(XmlContract, DeclaredListContract):
    """The whole contract of XML, over a source without code that is read page by page over HTTP."""

    source: ClassVar[XmlListSource]


class DeclaredXmlPages(DeclaredPages, XmlListSource):
    """How the source that a file describes answers when it is well; records are made of the first sample's element."""

    content_type: ClassVar[str] = "text/xml;charset=UTF-8"

    def __init__(self, document: SourceDocument, sample: bytes) -> None:
        super().__init__(document, {})
        self._element = etree.fromstring(sample, etree.XMLParser(resolve_entities=False, no_network=True))
        self.record_tag = etree.QName(self._element).localname  # type: ignore[misc]

    def render(self, page: ListPage) -> str:
        """See `ListSource.render`."""
        return XmlListSource.render(self, page)

    def record_xml(self, fields: Fields) -> str:
        """See `XmlListSource.record_xml`."""
        return etree.tostring(self._record_element(fields), encoding="unicode", with_tail=False)

    def package(self, records: str | None, page: ListPage) -> str:
        """See `XmlListSource.package`."""
        reader = cast(HttpXml, self._reader)
        path = dotted(reader.records)
        root = etree.Element(_name(path[0]))
        if reader.envelope is not None:
            _down(root, dotted(reader.envelope.code)[1:]).text = str(reader.envelope.ok[0])
        if reader.total is not None and page.total is not None:
            _down(root, dotted(reader.total)[1:]).text = str(page.total)
        if records is None:
            if len(path) <= 2:
                root.tag = "answer"  # a list that is null: the element around the records is not there
            return etree.tostring(root, encoding="unicode")
        _down(root, path[1:-1]).append(etree.Element(_PLACE))
        return etree.tostring(root, encoding="unicode").replace(f"<{_PLACE}/>", records)

    def _record_element(self, record: Fields) -> etree._Element:
        element = copy.deepcopy(self._element)
        for place, value in self._places_of(record):
            path = (place,) if place in self._literal else steps(place)
            if value is ABSENT:
                for found in element.xpath("/".join(f"*[local-name()='{step}']" for step in path)):
                    found.getparent().remove(found)
            else:
                _fill(_down(element, path), value)
        for name, value in self._foreign(record).items():
            _fill(etree.SubElement(element, name), value)
        return element

    def refusal(self) -> str:
        """See `ListSource.refusal`."""
        return "<error><code>500</code></error>"


def _name(step: str) -> str:
    return "any" if step == "*" else step


def _down(element: etree._Element, path: Sequence[str]) -> etree._Element:
    """The element at that path, made where it is not there."""
    for step in path:
        found = [
            child for child in element if isinstance(child.tag, str) and etree.QName(child).localname == step
        ]
        element = found[0] if found else etree.SubElement(element, _name(step))
    return element


def _fill(element: etree._Element, value: Any) -> None:
    for child in list(element):
        element.remove(child)
    element.text = None
    if isinstance(value, list | tuple):
        for one in value:
            _fill(etree.SubElement(element, "p"), one)
    elif isinstance(value, dict):
        for name, one in value.items():
            _fill(etree.SubElement(element, name), one)
    elif value is not None:
        element.text = str(value)
