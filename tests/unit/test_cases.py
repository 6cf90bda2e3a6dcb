"""Cases are put together from what several records say of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.case import Case, CaseStep, Correction, Suspension, merge_cases
from hub.model.codes import CaseState

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def part(no: str, **fields: Any) -> Case:
    return Case(source_no=no, case_no="C1", **fields)


steps = st.builds(
    CaseStep,
    no=st.sampled_from("123"),
    name=st.none() | st.sampled_from(["受理", "审批"]),
    began_at=st.none() | st.integers(0, 9).map(at),
    ended_at=st.none() | st.integers(0, 9).map(at),
)
parts = st.lists(
    st.builds(
        part,
        st.text("abcdef", min_size=1, max_size=4),
        as_of=st.none() | st.integers(0, 9).map(at),
        item_name=st.none() | st.sampled_from(["不动产登记", "食品经营许可"]),
        state=st.none() | st.sampled_from(CaseState),
        steps=st.lists(steps, max_size=3).map(tuple),
        deleted=st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.source_no,
)


@given(parts, st.randoms())
def test_the_order_in_which_parts_come_changes_nothing(found: list[Case], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert merge_cases(shuffled) == merge_cases(found)


@given(parts)
def test_a_case_put_together_says_what_it_says_when_it_is_its_only_part(found: list[Case]) -> None:
    merged = merge_cases(found)
    assert merge_cases([merged]) == merged


def test_of_each_field_the_latest_part_that_says_anything_holds() -> None:
    merged = merge_cases(
        [
            part("b", as_of=at(5), state=CaseState.HANDLING),
            part("a", as_of=at(1), state=CaseState.APPLIED, item_name="不动产登记"),
            part("c", as_of=at(9)),
        ]
    )
    assert (merged.state, merged.item_name, merged.as_of) == (CaseState.HANDLING, "不动产登记", at(9))


def test_the_end_of_a_step_may_come_with_a_record_of_its_own() -> None:
    merged = merge_cases(
        [
            part("a", as_of=at(1), steps=(CaseStep(no="2", began_at=at(1)), CaseStep(no="1", name="受理"))),
            part("b", as_of=at(2), steps=(CaseStep(no="2", ended_at=at(2)),)),
        ]
    )
    assert merged.steps == (
        CaseStep(no="2", began_at=at(1), ended_at=at(2)),
        CaseStep(no="1", name="受理"),
    )


def test_suspensions_and_corrections_of_all_parts_stand_in_the_order_of_their_beginning() -> None:
    merged = merge_cases(
        [
            part("a", suspensions=(Suspension(no="s2", began_at=at(8)),)),
            part("b", suspensions=(Suspension(no="s1", began_at=at(3)),), corrections=(Correction(no="c"),)),
        ]
    )
    assert [one.no for one in merged.suspensions] == ["s1", "s2"]
    assert [one.no for one in merged.corrections] == ["c"]


def test_steps_of_which_only_the_end_is_told_stand_in_the_order_of_time() -> None:
    ends = [
        part(f"P{no}", steps=(CaseStep(no=no, ended_at=at(minute)),))
        for no, minute in (("9", 1), ("1", 5), ("4", 3))
    ]
    assert [step.no for step in merge_cases(ends).steps] == ["9", "4", "1"]


def test_a_case_is_gone_when_all_its_parts_are() -> None:
    gone = part("a", item_name="不动产登记", deleted=True)
    assert merge_cases([gone]).deleted
    assert not merge_cases([gone, part("b")]).deleted
    assert merge_cases([gone, part("b")]).item_name is None


@pytest.mark.parametrize("wrong", [[], [part("a"), Case(source_no="b", case_no="C2")]])
def test_parts_of_no_case_or_of_two_are_refused(wrong: list[Case]) -> None:
    with pytest.raises(ValueError, match="all of one case_no"):
        merge_cases(wrong)
