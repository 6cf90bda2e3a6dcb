"""Every way in which XML is known to misbehave is really played, and the hotline is really put to it (design §8)."""

from __future__ import annotations

import inspect
import re

import pytest

from hub.testing.hostile import Answer, Misbehaviour, Request
from hub.testing.xml import XmlHostileSource, XmlMisbehaviour
from hub_channel_hotline.settings import SoapSource
from plugins.hotline.tests.hotline_sources import SIZE, SoapPages
from plugins.hotline.tests.test_hotline_contract import TestHotlineSoap as SoapContract

NAMED = re.compile(r"\bMisbehaviour\.([A-Z_]+)")
NAMED_XML = re.compile(r"XmlMisbehaviour\.([A-Z_]+)")
SOURCE = SoapSource(kind="soap", base_url="http://h")


def request(number: int) -> Request:
    query = (
        "<Package><Body><开始时间>2000</开始时间><结束时间>2990</结束时间>"
        f"<页码>{number}</页码><每页条数>{SIZE}</每页条数></Body></Package>"
    )
    return Request(SOURCE.operation.path, {}, {}, SOURCE.operation.request({"message": query}))


def answers(misbehaviour: Misbehaviour | XmlMisbehaviour) -> list[Answer]:
    """What the source says to a reader that turns its pages, and then comes again."""
    with XmlHostileSource(SoapPages(), misbehaviour) as hostile:
        return [hostile.answer(request(number)) for number in (1, 2, 3, 4, 1, 2)]


@pytest.mark.parametrize(
    "misbehaviour", [*[one for one in Misbehaviour if one is not Misbehaviour.NONE], *XmlMisbehaviour]
)
def test_a_misbehaviour_shows_in_what_the_source_says(misbehaviour: Misbehaviour | XmlMisbehaviour) -> None:
    assert answers(misbehaviour) != answers(Misbehaviour.NONE)


def test_the_hotline_is_put_to_every_misbehaviour() -> None:
    tests = [
        test
        for name, test in inspect.getmembers(SoapContract, inspect.isfunction)
        if name.startswith("test_")
    ]
    sources = [inspect.getsource(test) for test in tests]
    # What stands in a parametrization is part of the test's source.
    assert {name for source in sources for name in NAMED.findall(source)} == {
        one.name for one in Misbehaviour
    }
    assert {name for source in sources for name in NAMED_XML.findall(source)} == {
        one.name for one in XmlMisbehaviour
    }
