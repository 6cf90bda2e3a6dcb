"""Every way in which a list over HTTP or a sheet is known to misbehave is really played, and channels are really put to it (design §8)."""

from __future__ import annotations

import inspect
import re

import pytest

from hub.testing.hostile import Answer, HostileSource, Misbehaviour, Request
from hub.testing.hostile_sheets import SheetMisbehaviour, spoilt
from plugins.portal.tests.portal_pages import PortalPages
from plugins.portal.tests.test_portal_contract import TestPortalContract as PortalContract
from plugins.unresolved_window.tests.test_unresolved_contract import TestUnresolvedContract as SheetsContract
from plugins.unresolved_window.tests.test_unresolved_contract import UnresolvedSheet

NAMED = re.compile(r"Misbehaviour\.([A-Z][A-Z_0-9]+)")
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


def played_by(contract: type) -> set[str]:
    """Names of the misbehaviours that a contract's tests play, in their lines or as their parameters."""
    played: set[str] = set()
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("test_"):
            played |= set(NAMED.findall(inspect.getsource(test)))
            for mark in getattr(test, "pytestmark", ()):
                played |= set(NAMED.findall(str(mark.args)))
    return played


def test_the_portal_is_put_to_every_misbehaviour() -> None:
    assert played_by(PortalContract) == {misbehaviour.name for misbehaviour in Misbehaviour}


@pytest.mark.parametrize(
    "misbehaviour", [one for one in SheetMisbehaviour if one is not SheetMisbehaviour.NONE]
)
def test_a_sheets_misbehaviour_shows_in_its_bytes(misbehaviour: SheetMisbehaviour) -> None:
    source = UnresolvedSheet()
    assert spoilt(source, misbehaviour) != spoilt(source, SheetMisbehaviour.NONE)
    assert spoilt(source, misbehaviour) == spoilt(source, misbehaviour)


def test_channels_of_sheets_are_put_to_every_misbehaviour() -> None:
    assert played_by(SheetsContract) == {misbehaviour.name for misbehaviour in SheetMisbehaviour}
