"""同人多诉, 反映强烈, 反复出现, 舆情与廉政, 办不成事 (W01, W03, W04, W09, W10): each border from both sides."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules.again import ComesBack, ComesBackParams
from hub.builtin.rules.intense import Intense, IntenseParams
from hub.builtin.rules.repeated import RepeatedReporter, RepeatedReporterParams
from hub.builtin.rules.spoken import OpinionOrIntegrity
from hub.builtin.rules.unresolved import UnresolvedAgain
from hub.model.codes import DemandStatus, DemandType, Level, Urgency
from hub.pipeline.routing import is_protected
from tests.support.kept import DAY, START, judged, told

CROWD, OPINION, INTEGRITY = (
    "工人准备明天到县政府门口集体上访",
    "再不处理我要在抖音曝光",
    "窗口人员索要红包才给办",
)


def again(count: int, **fields):
    """So many demands of one person, a day apart."""
    return [told(START + place * DAY, reporter_key="a", **fields) for place in range(count)]


# ---- W01


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(
    "one_matter",
    [
        {"matter_id": "m1"},
        {"place_id": "p1", "category": "供水服务"},
        {"item_name": "不动产转移登记"},
        {"item_code": "I1"},
    ],
)
@pytest.mark.parametrize(("times", "signals"), [(2, 0), (3, 1)])
def test_one_person_is_signalled_from_the_third_demand_on_one_matter(one_matter, times, signals) -> None:
    drafts = judged(RepeatedReporter(), *again(times, **one_matter))
    assert [(one.value, one.threshold, one.level) for one in drafts] == [(3, 3, Level.SERIOUS)] * signals


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(("times", "level"), [(4, None), (5, Level.SERIOUS), (6, Level.GRAVE)])
def test_one_person_is_signalled_from_the_fifth_demand_on_whatever_matters(times, level) -> None:
    drafts = judged(RepeatedReporter(), *again(times))
    assert [one.level for one in drafts] == ([] if level is None else [level])


def test_a_signal_about_one_matter_names_only_the_demands_on_it() -> None:
    mine = again(3, matter_id="m1")
    other = told(START + DAY, reporter_key="a", matter_id="m2")
    (draft,) = judged(RepeatedReporter(), *mine, other)
    assert set(draft.demand_ids) == {one.demand_id for one in mine}


def test_urging_an_open_order_is_no_new_demand() -> None:
    urging = again(5, matter_id="m1", chases_open_order=True)
    assert judged(RepeatedReporter(), *again(2, matter_id="m1"), *urging) == []


def test_the_count_slides_on_after_a_signal() -> None:
    (draft,) = judged(RepeatedReporter(), *again(4, matter_id="m1"))
    assert (draft.value, len(draft.demand_ids)) == (4, 4)


def test_an_episode_that_reaches_far_beyond_the_new_demand_is_told_whole() -> None:
    year = [told(START + place * 10 * DAY, reporter_key="a", matter_id="m1") for place in range(40)]
    (draft,) = judged(RepeatedReporter(), *year, touched=year[-1:])
    assert len(draft.demand_ids) == 40


# ---- W03


@pytest.mark.requirement("R29")
@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"text": CROWD}, None),  # 40
        ({"text": f"{CROWD}，{OPINION}"}, 60),
        ({"text": OPINION, "urgency": Urgency.CRITICAL}, 60),
        ({"text": CROWD, "urgency": Urgency.CRITICAL}, 80),
        ({"text": OPINION, "labels": ("二次回访不满意",)}, None),  # 50
        ({"text": "路灯不亮", "urgency": Urgency.CRITICAL, "labels": ("二次回访不满意",)}, 70),
    ],
)
def test_the_parts_of_intensity_are_added_up_to_sixty(fields, value) -> None:
    drafts = judged(Intense(), told(reporter_key="a", **fields))
    assert [one.value for one in drafts] == ([] if value is None else [value])
    assert all((one.level is Level.GRAVE) == (one.value >= 80) for one in drafts)


@pytest.mark.requirement("R29")
def test_each_part_is_named_and_no_word_of_the_citizen_is() -> None:
    before = told(START, reporter_key="a", matter_id="m1", matter_members=2)
    one = told(START + DAY, reporter_key="a", matter_id="m1", matter_members=2, text=f"{CROWD}，{OPINION}")
    (draft,) = judged(Intense(), before, one)
    assert "敏感词40、提及上级、信访或媒体20、同一人重复反映15" in draft.summary
    assert "上访" not in draft.summary
    assert "抖音" not in draft.summary


@pytest.mark.requirement("R29")
def test_a_group_behind_the_matter_and_the_same_person_before_are_looked_for_thirty_days_back() -> None:
    mine = {"matter_id": "m1", "matter_members": 4}
    others = [told(START, reporter_key=who, **mine) for who in "bc"]
    one = told(START + 29 * DAY, reporter_key="a", text=CROWD, **mine)
    assert [draft.value for draft in judged(Intense(), *others, one)] == [60]
    late = told(START + 31 * DAY, reporter_key="a", text=CROWD, **mine)
    assert judged(Intense(), *others, late) == []


def test_a_demand_that_comes_late_makes_the_one_after_it_intense() -> None:
    mine = {"matter_id": "m1", "matter_members": 4}
    others = [told(START, reporter_key="b", **mine)]
    one = told(START + 2 * DAY, reporter_key="a", text=CROWD, **mine)
    assert judged(Intense(), *others, one) == []
    late = told(START + DAY, reporter_key="c", **mine)
    (draft,) = judged(Intense(), *others, one, late, touched=[late])
    assert draft.demand_ids == (one.demand_id,)


def test_what_speaks_of_bribes_and_is_intense_is_kept_from_the_unit_too() -> None:
    (draft,) = judged(Intense(), told(text=f"{CROWD}，{OPINION}，{INTEGRITY}"))
    assert is_protected(draft.labels)


def test_words_that_only_surround_a_matter_never_come_to_a_signal() -> None:
    with pytest.raises(ValueError, match="must be above repeat and group"):
        IntenseParams(repeat=40, group=40, threshold=60, grave=80)


# ---- W04
MATTER: dict[str, Any] = {"matter_id": "m1", "matter_members": 3, "place_id": "p1"}


def closed(at, *, days: float, **fields):
    """A demand that was closed ``days`` later, and the state that it left."""
    known = {"reporter_key": "a", "matter_id": "m1", "matter_members": 3, "place_id": "p1"}
    one = told(at, status=DemandStatus.CLOSED, **{**known, **fields})
    return one, {one.demand_id: [("in_hand", at + days * DAY)]}


@pytest.mark.requirement("R30")
@pytest.mark.parametrize(("after_days", "signals"), [(89.9, 1), (90, 0), (-0.1, 0)])
def test_a_matter_that_is_heard_of_within_ninety_days_after_it_was_closed_has_come_back(
    after_days, signals
) -> None:
    first, former = closed(START, days=5)
    then = told(START + (5 + after_days) * DAY, reporter_key="b", **MATTER)
    drafts = judged(ComesBack(), first, then, former=former)
    assert [set(one.demand_ids) for one in drafts] == [{first.demand_id, then.demand_id}] * signals


@pytest.mark.requirement("R30")
def test_closed_and_heard_of_twice_within_a_year_has_come_back_however_long_after() -> None:
    first, former = closed(START, days=5)
    second, more = closed(START + 150 * DAY, days=5)
    third = told(START + 300 * DAY, **MATTER)
    assert judged(ComesBack(), first, second, former={**former, **more}) == []
    (draft,) = judged(ComesBack(), first, second, third, former={**former, **more})
    assert "2次以上办结后复发" in draft.summary


@pytest.mark.requirement("R30")
@pytest.mark.parametrize(("times", "signals"), [(1, 0), (2, 1)])
def test_a_demand_that_was_taken_up_again_twice_is_a_signal_by_itself(times, signals) -> None:
    one = told(status=DemandStatus.IN_HAND)
    states = [
        state
        for turn in range(times)
        for state in (("in_hand", START + turn * DAY), ("closed", START + turn * DAY))
    ]
    assert len(judged(ComesBack(), one, former={one.demand_id: states})) == signals


def test_who_asks_or_praises_again_tells_of_no_trouble_that_has_come_back() -> None:
    first, former = closed(START, days=5)
    then = told(START + 9 * DAY, demand_type=DemandType.CONSULTATION, **MATTER)
    assert judged(ComesBack(), first, then, former=former) == []


@pytest.mark.requirement("R30")
@pytest.mark.parametrize(
    ("then", "signals"),
    [
        ({"reporter_key": "b"}, 1),
        ({"reporter_key": "b", "place_id": "p2"}, 0),
        ({"reporter_key": "b", "place_id": None}, 0),  # the words alone do not say that they are neighbours
        ({"reporter_key": "a", "place_id": None}, 1),
        ({"reporter_key": "a", "place_id": "p2"}, 0),
        ({"reporter_key": "b", "category": "供水服务"}, 1),
        ({"reporter_key": "b", "category": "供电服务"}, 0),
        ({"reporter_key": "a", "category": "供电服务"}, 1),  # who reads categories errs, the person does not
        ({"reporter_key": "a", "item_name": "不动产转移登记"}, 1),
        ({"reporter_key": "a", "item_name": "户口迁移"}, 0),
    ],
)
def test_what_has_come_back_is_one_persons_or_one_places_trouble_and_about_nothing_else(
    then, signals
) -> None:
    first, former = closed(START, days=5, category="供水服务", item_name="不动产转移登记")
    again = told(START + 20 * DAY, **{**MATTER, **then})
    assert len(judged(ComesBack(), first, again, former=former)) == signals


@pytest.mark.requirement("R30")
@pytest.mark.parametrize(
    ("who", "waits_days", "named"),
    [("c", 3, 0), ("c", 14.9, 0), ("c", 15, 2), ("a", 3, 2), (None, 3, 0), ("c", 0.4, 3)],
)
def test_what_was_closed_while_a_neighbour_waited_was_not_over_but_for_the_one_who_was_told_so(
    who, waits_days, named
) -> None:
    first, former = closed(START, days=19.5)
    then = START + 20 * DAY
    # Whoever came after the closing is a return himself.
    waiting = told(then - waits_days * DAY, reporter_key="b", **MATTER)
    drafts = judged(ComesBack(), first, waiting, told(then, reporter_key=who, **MATTER), former=former)
    assert [len(one.demand_ids) for one in drafts] == ([named] if named else [])


def lived(drawn) -> tuple[list[Any], dict[str, Any]]:
    """One matter's demands, some of them closed so many days later."""
    demands, former = [], {}
    for number, (day, who, place, days) in enumerate(drawn):
        at = START + day * DAY
        status = DemandStatus.PENDING if days is None else DemandStatus.CLOSED
        one = told(at, no=f"L{number}", status=status, **{**MATTER, "reporter_key": who, "place_id": place})
        demands.append(one)
        if days is not None:
            former[one.demand_id] = [("in_hand", at + days * DAY)]
    return demands, former


_LIFE = st.tuples(
    st.integers(0, 400),
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from(["p1", "p1", "p2", None]),
    st.sampled_from([None, 1, 5, 40]),
)


@pytest.mark.requirement("R30")
@given(st.lists(_LIFE, max_size=12), st.randoms(use_true_random=False))
def test_whatever_came_first_every_return_names_what_was_closed_before_it_of_one_person_or_place(
    drawn, chance
) -> None:
    demands, former = lived(drawn)
    drafts = judged(ComesBack(), *demands, former=former)
    shuffled = chance.sample(demands, len(demands))
    assert judged(ComesBack(), *shuffled, former=former) == drafts
    # Judging what one of them touches says of the matter what judging all of them says.
    for one in demands[:2]:
        assert judged(ComesBack(), *demands, touched=[one], former=former) == drafts
    by_id = {one.demand_id: one for one in demands}
    for draft in drafts:
        named = [by_id[demand_id] for demand_id in draft.demand_ids]
        for last in named[-1:]:
            assert any(
                former[one.demand_id][0][1] <= last.submitted_at
                and (
                    one.reporter_key == last.reporter_key is not None
                    or one.place_id == last.place_id is not None
                )
                for one in named
                if one.demand_id in former
            )


@given(st.lists(_LIFE, max_size=10), st.lists(st.integers(0, 400), max_size=6, unique=True))
def test_strangers_elsewhere_on_one_matter_change_nothing_of_what_has_come_back(drawn, days) -> None:
    demands, former = lived(drawn)
    strangers = [
        told(START + day * DAY, no=f"S{day}", **{**MATTER, "reporter_key": f"s{day}", "place_id": f"s{day}"})
        for day in days
    ]
    alone = judged(ComesBack(), *demands, former=former)
    assert judged(ComesBack(), *demands, *strangers, former=former) == alone


def test_a_year_of_cycles_is_not_shorter_than_a_return() -> None:
    with pytest.raises(ValueError, match="must not be below reopened_days"):
        ComesBackParams(reopened_days=90, cycle_days=60)


@pytest.mark.parametrize("who", [None, "r1"], ids=["neighbours", "one person"])
def test_a_matter_of_thousands_is_not_held_against_itself_one_by_one(who) -> None:
    """Else the rule runs out of its time on it, rests, and is silent about all others, too."""
    calls = [
        told(
            START + number * DAY / 10,
            matter_id="m1",
            reporter_key=who or f"r{number}",
            place_id=None if who else "p1",
            category="噪声扰民",
            status=DemandStatus.CLOSED if number % 2 else DemandStatus.PENDING,
        )
        for number in range(3_000)
    ]
    began = process_time()
    (draft,) = judged(ComesBack(), *calls, touched=calls[-1:])
    assert len(draft.demand_ids) > 2_900
    assert process_time() - began < 4.0  # a tenth of that; each against each took nine seconds and more


# ---- W09


@pytest.mark.parametrize(
    ("text", "labels", "protected"),
    [
        (OPINION, ["舆情"], False),
        (INTEGRITY, ["廉政"], True),
        (f"{INTEGRITY}，{OPINION}", ["舆情", "廉政"], True),
        ("路灯不亮", None, False),
    ],
)
def test_public_opinion_and_integrity_each_have_their_label_and_integrity_never_reaches_the_unit(
    text, labels, protected
) -> None:
    drafts = judged(OpinionOrIntegrity(), told(text=text, target_org="县自然资源局"))
    assert [list(one.labels[:-1]) for one in drafts] == ([] if labels is None else [labels])
    for one in drafts:
        assert is_protected(one.labels) == protected
        assert ("不得转交被反映单位" in one.summary) == protected
        assert "自然资源" not in one.summary


# ---- W10


WINDOW: dict[str, Any] = {"channel": "unresolved_window"}


@pytest.mark.parametrize(("people", "signals"), [("ab", 1), ("aa", 0)])
def test_two_people_within_a_month_who_could_not_get_one_item_done_are_a_signal(people, signals) -> None:
    rows = [
        told(START + place * 20 * DAY, reporter_key=who, item_name="不动产转移登记", **WINDOW)
        for place, who in enumerate(people)
    ]
    assert [one.key for one in judged(UnresolvedAgain(), *rows)] == ["item:不动产转移登记"] * signals


def test_two_items_at_one_window_are_told_under_the_window_and_one_item_is_not_told_twice() -> None:
    rows = [told(reporter_key=who, item_name=f"事项{who}", target_org="综合窗口", **WINDOW) for who in "ab"]
    assert [one.key for one in judged(UnresolvedAgain(), *rows)] == ["organisation:综合窗口"]
    same = [told(reporter_key=who, item_name="事项", target_org="综合窗口", **WINDOW) for who in "ab"]
    assert [one.key for one in judged(UnresolvedAgain(), *same)] == ["item:事项"]


def test_those_who_left_no_name_at_the_window_are_one_person_at_most() -> None:
    nobody = [told(item_name="事项", **WINDOW) for _ in range(3)]
    assert judged(UnresolvedAgain(), *nobody) == []
    assert len(judged(UnresolvedAgain(), *nobody, told(reporter_key="a", item_name="事项", **WINDOW))) == 1


def test_other_channels_are_nothing_to_that_window() -> None:
    assert judged(UnresolvedAgain(), *[told(reporter_key=who, item_name="事项") for who in "ab"]) == []


def test_counting_on_any_matter_below_counting_on_one_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be below threshold"):
        RepeatedReporterParams(threshold=4, any_matter=3)
