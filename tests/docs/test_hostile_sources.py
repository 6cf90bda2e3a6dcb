"""The page of hostile sources shows every case that the contract plays, and the hub loses nothing silently in any of them."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from hub.testing.hostile import Misbehaviour
from tests.docs.pages import ROOT, text_of

PAGE = Path("docs/hostile-sources.md")
CASES = [case.name for case in Misbehaviour]


@pytest.fixture
def bench(monkeypatch):
    """What the script is made of; it stands beside it, in no package of ours."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield tuple(import_module(f"hostile.{name}") for name in ("cases", "judge", "report"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "hostile"]:
        del sys.modules[name]


def test_the_page_and_the_script_have_the_contracts_cases_in_its_order(bench):
    cases, _, report = bench

    assert [case.name for case in cases.WHY] == CASES
    assert list(report.cells_of(text_of(PAGE), 0)) == CASES


def test_the_hub_is_right_or_loud_in_every_case_of_the_page(bench):
    _, _, report = bench

    assert set(report.cells_of(text_of(PAGE), 0).values()) == {"right", "loud"}


def test_every_peer_has_a_verdict_in_every_case_of_the_page(bench):
    _, _, report = bench

    for column in (1, 2, 3):
        told = report.cells_of(text_of(PAGE), column)
        assert list(told) == CASES
        assert set(told.values()) <= {"right", "loud", "silent", "no end"}


def test_what_the_page_shows_of_a_case_is_the_contracts_own_sentence(bench):
    cases, _, _ = bench

    page = text_of(PAGE)
    assert [case.name for case in Misbehaviour if cases.sentence(case) not in page] == []


def kept(judge, *numbers, words="x", aside=()):
    return judge.Kept([judge.Row(number, "2026", words) for number in numbers], aside)


def source(*numbers):
    return [{"zxbh": number, "gxsj": "2026", "nr": "x"} for number in numbers]


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (("well", ("1", "2")), ("well", ("1", "2")), "right"),
        (("well", ("1",)), ("well", ("1",)), "silent"),
        (("well", ("1",)), ("well", ("1", "2")), "silent"),
        (("well", ("1", "2", "2")), ("well", ("1", "2", "2")), "silent"),
        (("error", ("1",)), ("well", ("1", "2")), "loud"),
        (("error", ("1",)), ("well", ("1",)), "silent"),
        (("error", ("1",)), ("error", ("1",)), "loud"),
        (("well", ("1", "2")), ("error", ("1", "2")), "loud"),
        (("limit", ("1",)), None, "no end"),
        (("error", ("1",)), ("limit", ("1",)), "no end"),
    ],
)
def test_two_runs_are_judged_by_what_stands_there_and_by_what_was_said(bench, first, second, verdict):
    _, judge, _ = bench
    none = Misbehaviour.NONE

    def run(told):
        ended, numbers = told
        return ended, judge.faults(kept(judge, *numbers), source("1", "2"), "1", none, moving=False)

    assert judge.judge(none, run(first), run(second) if second else None).verdict == verdict


def test_only_the_spoilt_record_may_be_set_aside(bench):
    _, judge, _ = bench
    undated = Misbehaviour.POSITION_NOT_A_DATE

    def none(*numbers, special):
        found = kept(judge, *numbers, aside=("position_unreadable",))
        return judge.faults(found, source("1", "2"), special, undated, moving=False).none

    assert none("1", special="2")
    assert not none("1", special="1")
    kept_back = judge.faults(kept(judge, "1", aside=("x",)), source("1", "2"), "2", undated, moving=False)
    assert (
        judge.judge(undated, ("well", kept_back), ("well", kept_back)).found == "all 2, 1 of them set aside"
    )


def test_words_that_are_not_the_citizens_count_as_garbled(bench):
    _, judge, _ = bench

    found = judge.faults(kept(judge, "1", words="�"), source("1"), "1", Misbehaviour.NONE, moving=False)

    assert found.garbled == 1
