"""Every way in which a list over HTTP is known to misbehave is really played, and the portal is really put to it (design §8)."""

from __future__ import annotations

import inspect
import re

import pytest

from hub.testing.hostile import Answer, HostileSource, Misbehaviour, Request
from plugins.portal.tests.portal_pages import PortalPages
from plugins.portal.tests.test_portal_contract import TestPortalContract as PortalContract

NAMED = re.compile(r"Misbehaviour\.([A-Z_]+)")
PAGES = (1, 2, 3, 4, 1, 2)


def answers(misbehaviour: Misbehaviour) -> list[Answer]:
    """What the source says to a reader that turns its pages, and then comes again."""
    source = PortalPages()
    first = Request("/api/zx/list", {"pageNum": "1", "pageSize": str(PortalPages.page_size)}, {})
    with HostileSource(source, misbehaviour) as hostile:
        return [hostile.answer(source.at_page(first, number)) for number in PAGES]


@pytest.mark.parametrize("misbehaviour", [one for one in Misbehaviour if one is not Misbehaviour.NONE])
def test_a_misbehaviour_shows_in_what_the_source_says(misbehaviour: Misbehaviour) -> None:
    assert answers(misbehaviour) != answers(Misbehaviour.NONE)


def test_the_well_behaved_source_says_the_same_every_time() -> None:
    assert answers(Misbehaviour.NONE) == answers(Misbehaviour.NONE)


def test_the_portal_is_put_to_every_misbehaviour() -> None:
    tests = [
        test
        for name, test in inspect.getmembers(PortalContract, inspect.isfunction)
        if name.startswith("test_")
    ]
    played = {name for test in tests for name in NAMED.findall(inspect.getsource(test))}
    assert played == {misbehaviour.name for misbehaviour in Misbehaviour}
