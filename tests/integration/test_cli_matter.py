"""`hub matter list | show | suggested | confirm | refuse | merge | split`, as a clerk types them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_matters import BUS, PLANT, PLANT_TOO
from tests.integration.test_matters_by_hand import NEARLY
from tests.support.desk import Desk, record

WHO = ("--by", "张三", "--reason", "核实为同一事项")
SAID = (PLANT, PLANT_TOO, BUS, NEARLY)


@pytest.fixture
def numbers(desk: Desk) -> list[str]:
    """Numbers of four demands: two about the plant, one about buses, one nearly about the plant."""
    for number, said in enumerate(SAID, 1):
        desk.portal.add(
            {**record(number, phone=f"1381234000{number}"), "bt": said["title"], "nr": said["text"]}
        )
    return _grouped(desk)


def _grouped(desk: Desk) -> list[str]:
    assert desk.hub("channel", "run", "portal").code == 0
    assert desk.hub("run", "once", "--step", "evaluate").code == 0
    listed = desk.hub("demand", "list", "--json").document["demands"]
    return [one["demand_no"] for one in sorted(listed, key=lambda one: one["source_no"])]


def matters(desk: Desk) -> list[tuple[str, int]]:
    found: list[dict[str, Any]] = desk.hub("matter", "list", "--json").document["matters"]
    return [(one["matter_no"], one["members"]) for one in found]


def test_before_anything_came_every_list_says_what_to_do(desk: Desk) -> None:
    desk.hub("migrate")
    assert "hub run once" in desk.hub("matter", "list").out
    assert "No join waits" in desk.hub("matter", "suggested").out
    assert desk.hub("matter", "suggested", "--json").document == {"suggested": []}
    missing = desk.hub("matter", "show", "nothing")
    assert (missing.code, "expected the number of a demand" in missing.err) == (1, True)


def test_a_matter_is_listed_and_shows_its_demands_and_why_they_are_in_it(
    desk: Desk, numbers: list[str]
) -> None:
    first = matters(desk)[0][0]
    assert first in numbers[:2]
    told = desk.hub("matter", "list").out
    assert f"{first}  2 demands of 2 known persons" in told
    for number in numbers[:2]:  # any demand in it names it
        shown = desk.hub("matter", "show", number).out
        assert all(one in shown for one in numbers[:2])
        assert "joined by likeness" in shown
        assert "搅拌站" in shown
        assert f"{first} (2 demands)" in desk.hub("demand", "show", number).out
    assert "No matter fits" in desk.hub("matter", "list", "--least", "9").out


def test_a_suggested_join_is_confirmed_by_name_and_once(desk: Desk, numbers: list[str]) -> None:
    (one,) = desk.hub("matter", "suggested", "--json").document["suggested"]
    assert one["demand_no"] == numbers[3]
    assert numbers[3] in desk.hub("matter", "suggested").out
    done = desk.hub("matter", "confirm", numbers[3], *WHO, "--json").document["decision"]
    assert (done["moved"], done["changed"]) == (1, True)
    assert "nothing was changed" in desk.hub("matter", "confirm", numbers[3], *WHO).out
    assert matters(desk) == [(done["number"], 3)]
    shown = desk.hub("matter", "show", numbers[3]).out
    assert "put here by 张三" in shown
    assert "核实为同一事项" in shown
    assert desk.hub("matter", "refuse", numbers[3], *WHO).code == 1


def test_a_refused_join_is_listed_no_more(desk: Desk, numbers: list[str]) -> None:
    assert "not suggested again" in desk.hub("matter", "refuse", numbers[3], *WHO).out
    assert "No join waits" in desk.hub("matter", "suggested").out


def test_matters_are_merged_and_split_and_the_history_tells_it(desk: Desk, numbers: list[str]) -> None:
    assert desk.hub("matter", "merge", numbers[2], "--into", numbers[0], *WHO).code == 0
    assert [members for _, members in matters(desk)] == [3]
    assert desk.hub("matter", "split", numbers[0], "--demand", numbers[2], *WHO).code == 0
    assert [members for _, members in matters(desk)] == [2]
    changes = desk.hub("matter", "show", numbers[0], "--json").document["matter"]["changes"]
    assert [(one["action"], one["by"]) for one in changes] == [("merge", "张三"), ("split", "张三")]
    told = desk.hub("matter", "show", numbers[0]).out
    assert "merged 并案 (1 demand in)" in told
    assert "split 拆分 (1 demand away)" in told
    assert (
        desk.hub("matter", "merge", numbers[2], "--into", numbers[0], "--by", " ", "--reason", "x").code == 2
    )


def test_of_a_protected_matter_lists_and_views_tell_no_word(desk: Desk) -> None:
    for number in (1, 2):
        desk.portal.add({**record(number, kind="4"), "bt": PLANT["title"], "nr": PLANT["text"]})
    numbers = _grouped(desk)
    assert [members for _, members in matters(desk)] == [2]
    for answer in (
        desk.hub("matter", "list"),
        desk.hub("matter", "list", "--json"),
        desk.hub("matter", "show", numbers[0]),
        desk.hub("matter", "show", numbers[0], "--json"),
    ):
        assert answer.code == 0
        assert "搅拌" not in answer.out
    assert "受保护" in desk.hub("matter", "list", "--protected").out
    assert "No matter fits" in desk.hub("matter", "list", "--open").out
