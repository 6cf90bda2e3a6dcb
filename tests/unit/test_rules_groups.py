"""多人同诉 (W02a, W02b, W02c): people and not messages, matters and places, one signal for one group."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules.grouped import (
    LastingGroup,
    LastingGroupParams,
    SuddenGroup,
    SuddenGroupParams,
    _WeeksBefore,
)
from hub.builtin.rules.groups import strands
from hub.builtin.rules.petition import Petition, PetitionParams
from hub.builtin.rules.spring_festival import spring_festival
from hub.builtin.rules.windows import Reach, people
from hub.model.codes import DemandStatus, DemandType, Level
from hub.model.demand import DemandFacts
from hub.sdk.rules import Outline
from tests.support.kept import DAY, HOUR, START, judged, told

CELL: dict[str, Any] = {"place_id": "p1", "category": "供水服务"}
NEW_YEAR = datetime(2026, 2, 10, 4, tzinfo=UTC)  # a week before 春节
WAGES = "老板拖欠工资三个月，问了几次都说再等等"


def group(*people: str | None, every=HOUR, at=START, **fields) -> list[DemandFacts]:
    """One demand of each of these, ``every`` so long, on one matter unless told otherwise."""
    fields.setdefault("matter_id", "m1")
    fields.setdefault("matter_members", len(people))
    return [told(at + place * every, reporter_key=who, **fields) for place, who in enumerate(people)]


@pytest.mark.requirement("R28")
@pytest.mark.parametrize(("people", "signals"), [("ab", 0), ("abc", 1)])
def test_three_people_with_one_matter_within_a_day_are_a_group_and_two_are_none(people, signals) -> None:
    drafts = judged(SuddenGroup(), *group(*people))
    assert [(one.key, one.value, one.reporters) for one in drafts] == [("matter:m1", 3, 3)] * signals


@pytest.mark.requirement("R28")
def test_one_person_who_calls_ten_times_is_no_group_in_any_form() -> None:
    calls = group(*"a" * 10)
    assert judged(SuddenGroup(), *calls) == judged(LastingGroup(), *calls) == judged(Petition(), *calls) == []


@pytest.mark.requirement("R28")
def test_two_of_whom_one_calls_twice_are_two_though_a_third_comes_a_day_later() -> None:
    calls = [*group("a", "a", "b"), *group("c", at=START + 27 * HOUR)]
    assert judged(SuddenGroup(), *calls) == []
    # In a week it is five calls of three.
    week = [*group("a", "a", "b", "b", "c", every=DAY), *group("d", "e", at=START + 9 * DAY)]
    assert judged(LastingGroup(LastingGroupParams(unresolved=50)), *week) == []


@pytest.mark.requirement("R28")
def test_who_calls_again_is_counted_once_among_those_who_are_told_of() -> None:
    (draft,) = judged(SuddenGroup(), *group(*"abcab"))
    assert (draft.value, draft.reporters, len(draft.demand_ids)) == (3, 3, 5)


def test_of_those_who_left_no_name_nobody_knows_whether_they_are_two() -> None:
    assert judged(SuddenGroup(), *group("a", "b", None, None, None)) == []


@pytest.mark.parametrize(("hours", "signals"), [(11.99, 1), (12, 0)])
def test_the_third_must_come_within_twenty_four_hours_of_the_first(hours, signals) -> None:
    assert len(judged(SuddenGroup(), *group("a", "b", "c", every=hours * HOUR))) == signals


def test_urging_and_praise_make_no_group() -> None:
    people = group("a", "b")
    urging = group("c", chases_open_order=True)
    praise = group("d", demand_type=DemandType.PRAISE)
    assert judged(SuddenGroup(), *people, *urging, *praise) == []


def test_three_callers_for_thirty_households_are_told_as_more_than_thirty_and_not_as_ninety() -> None:
    callers = [*group("a", declared_group_size=30), *group("b", "c", declared_group_size=28)]
    (draft,) = judged(SuddenGroup(), *callers)
    assert (draft.value, draft.reporters) == (32, 3)


@pytest.mark.parametrize(("heads", "sudden", "petitions"), [(2, 0, 0), (3, 1, 0), (4, 1, 0), (5, 0, 1)])
def test_one_caller_who_speaks_for_others_is_told_once_by_one_rule(heads, sudden, petitions) -> None:
    one = group("a", declared_group_size=heads)
    assert len(judged(SuddenGroup(), *one)) == sudden
    assert len(judged(Petition(), *one)) == petitions
    assert judged(LastingGroup(), *one) == []


def test_people_at_one_place_with_one_kind_of_trouble_are_a_group_though_no_words_join_them() -> None:
    people = [
        told(START + place * HOUR, reporter_key=who, matter_id=f"m{who}", matter_members=1, **CELL)
        for place, who in enumerate("abc")
    ]
    (draft,) = judged(SuddenGroup(), *people)
    assert draft.key == "cell:p1|供水服务"


def test_another_place_or_another_trouble_is_another_group() -> None:
    people = [
        told(reporter_key="a", **CELL),
        told(reporter_key="b", **CELL),
        told(reporter_key="c", place_id="p2", category="供水服务"),
        told(reporter_key="d", place_id="p1", category="供电服务"),
        told(reporter_key="e", category="供水服务", region_code="411521004000"),  # a township is no place
    ]
    assert judged(SuddenGroup(), *people) == []


@pytest.mark.requirement("R28")
@pytest.mark.parametrize("field", ["place_id", "item_name", "item_code"])
@pytest.mark.parametrize(
    ("named", "sudden", "lasting"),
    [
        ("xyz", 0, 0),
        ("xx-", 1, 0),
        ("xy-", 0, 0),
        ("---", 1, 0),
        ("xxyyz", 0, 0),
        ("xxyy-", 1, 0),
        ("xxx--y", 1, 1),
    ],
)
def test_who_names_another_place_or_item_is_not_counted_with_the_others_however_alike_the_words(
    field, named, sudden, lasting
) -> None:
    people = [
        told(
            START + at * HOUR,
            reporter_key=f"r{at}",
            matter_id="m1",
            matter_members=9,
            **{field: None if name == "-" else name},
        )
        for at, name in enumerate(named)
    ]
    found = judged(SuddenGroup(), *people)
    assert len(found) == sudden
    assert len(judged(LastingGroup(), *people)) == lasting
    for draft in found:
        assert draft.value == named.count("-") + max(
            (named.count(name) for name in named if name != "-"), default=0
        )


@pytest.mark.parametrize("rule", [SuddenGroup(), LastingGroup()])
def test_a_group_is_seen_whatever_else_is_said_there_however_many_items_are_named(rule) -> None:
    people = [
        told(START + at * HOUR, reporter_key=f"r{at}", matter_id=f"m{at}", item_name=item, **CELL)
        for at, item in enumerate(("户口登记", "户口登记", None, None, "户口登记"))
    ]
    # Commoner items, two of each, within the same hours and long before.
    others = [
        told(
            START + at * HOUR / 40 - days * DAY,
            reporter_key=f"o{at}-{days}-{twice}",
            matter_id=f"n{at}-{days}-{twice}",
            item_name=f"事项{at}",
            **CELL,
        )
        for days in (0, 60)
        for at in range(40)
        for twice in range(2)
    ]
    (alone,) = judged(rule, *people)
    assert alone.value == 5
    mine = {one.demand_id for one in people}
    (among,) = [one for one in judged(rule, *people, *others) if mine & set(one.demand_ids)]
    assert among.value == 5


def test_a_group_that_its_matter_tells_is_not_told_again_by_its_place() -> None:
    at_the_place = group("a", "b", "c", **CELL)
    assert [one.key for one in judged(SuddenGroup(), *at_the_place)] == ["matter:m1"]


def test_a_caller_from_nowhere_who_completes_the_matter_silences_the_place() -> None:
    by_place = [
        *group("a", "b", **CELL),
        told(START, reporter_key="e", matter_id="m2", matter_members=1, **CELL),
    ]
    assert [one.key for one in judged(SuddenGroup(), *by_place)] == ["cell:p1|供水服务"]
    (late,) = group("c", matter_members=3)
    # Only the last one is new; the place is judged with it all the same.
    assert [one.key for one in judged(SuddenGroup(), *by_place, late, touched=[late])] == ["matter:m1"]


@pytest.mark.parametrize(
    ("at", "text", "signals"),
    [
        (NEW_YEAR, WAGES, 1),
        (NEW_YEAR, "路灯不亮", 0),
        (START, WAGES, 0),
        (NEW_YEAR - 55 * DAY, WAGES, 0),
        (NEW_YEAR + 8 * DAY, WAGES, 0),
    ],
)
def test_before_the_spring_festival_two_are_a_group_where_wages_are_unpaid(at, text, signals) -> None:
    assert len(judged(SuddenGroup(), *group("a", "b", at=at, text=text))) == signals


def test_the_table_of_spring_festivals_goes_to_2050_and_by_the_moon() -> None:
    days = [spring_festival(year) for year in range(2015, 2051)]
    for before, after in itertools.pairwise(days):
        assert before is not None
        assert after is not None
        assert (after - before).days in (353, 354, 355, 383, 384, 385)
        assert (after.month, after.day) >= (1, 21)
        assert (after.month, after.day) <= (2, 21)
    assert spring_festival(2051) is None


def test_the_table_of_spring_festivals_is_that_of_the_published_holidays() -> None:
    import chinese_calendar

    for year in range(2015, 2027):
        day = spring_festival(year)
        assert day is not None
        assert chinese_calendar.get_holiday_detail(day) == (True, "Spring Festival")


# ---- W02b


@pytest.mark.requirement("R28")
@pytest.mark.parametrize(
    ("people", "level"), [("abcd", None), ("abcde", Level.SERIOUS), ("abcdefghij", Level.GRAVE)]
)
def test_five_people_within_a_week_are_a_lasting_group_and_ten_a_grave_one(people, level) -> None:
    drafts = judged(LastingGroup(), *group(*people, every=14 * HOUR, status=DemandStatus.CLOSED))
    assert [one.level for one in drafts] == ([] if level is None else [level])


def test_a_place_that_always_has_five_a_week_is_no_news() -> None:
    usual = [
        told(
            START + week * 7 * DAY + place * DAY,
            reporter_key=f"w{week}p{place}",
            status=DemandStatus.CLOSED,
            **CELL,
        )
        for week in range(12)
        for place in range(5)
    ]
    late = [one for one in usual if one.submitted_at >= START + 60 * DAY]
    assert judged(LastingGroup(), *usual, touched=late) == []
    more = [
        told(START + 80 * DAY + place * HOUR, reporter_key=f"new{place}", status=DemandStatus.CLOSED, **CELL)
        for place in range(6)
    ]
    (draft,) = judged(LastingGroup(), *usual, *more, touched=more)
    assert draft.baseline == 5


@pytest.mark.parametrize(("status", "signals"), [(DemandStatus.IN_HAND, 1), (DemandStatus.ANSWERED, 0)])
def test_five_people_within_a_month_who_wait_for_an_answer_are_a_group(status, signals) -> None:
    people = [
        told(START + place * 7 * DAY, reporter_key=who, status=status, **CELL)
        for place, who in enumerate("abcde")
    ]
    drafts = judged(LastingGroup(), *people)
    assert len(drafts) == signals
    assert all("尚未办结" in one.summary for one in drafts)


# ---- W02c


@pytest.mark.parametrize(
    ("heads", "level"), [(4, None), (5, Level.SERIOUS), (19, Level.SERIOUS), (20, Level.GRAVE)]
)
def test_one_demand_for_five_people_is_a_petition_and_for_twenty_a_grave_one(heads, level) -> None:
    drafts = judged(Petition(), told(reporter_key="a", declared_group_size=heads))
    assert [one.level for one in drafts] == ([] if level is None else [level])


def test_petitions_on_one_matter_within_a_month_are_one_signal() -> None:
    (draft,) = judged(Petition(), *group("a", "b", every=20 * DAY, declared_group_size=9))
    assert len(draft.demand_ids) == 2


@pytest.mark.parametrize(
    "params",
    [
        lambda: SuddenGroupParams(heads=3, wage_heads=4),
        lambda: LastingGroupParams(heads=5, unresolved=5, grave=4),
        lambda: PetitionParams(heads=5, grave=4),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(params) -> None:
    with pytest.raises(ValueError, match="must not be"):
        params()


# ---- whatever comes


demands = st.lists(
    st.tuples(
        st.integers(0, 24 * 60),
        st.sampled_from([*"abcdefg", None]),
        st.sampled_from(["m1", "m2", None]),
        st.booleans(),
    ),
    max_size=25,
).map(
    lambda rows: [
        told(
            START + hours * HOUR,
            no=f"N{place:02d}",
            reporter_key=who,
            matter_id=matter,
            **(CELL if placed else {}),
        )
        for place, (hours, who, matter, placed) in enumerate(rows)
    ]
)


@given(demands, st.data())
@pytest.mark.parametrize("rule", [SuddenGroup(), LastingGroup()], ids=["W02a", "W02b"])
def test_judging_what_a_part_of_the_demands_touches_says_of_their_keys_what_judging_all_says(
    rule, all_of_them, data
) -> None:
    part = data.draw(st.lists(st.sampled_from(all_of_them), unique=True)) if all_of_them else []
    everything = judged(rule, *all_of_them)
    of_part = judged(rule, *all_of_them, touched=part)
    ids = {one.demand_id for one in part}
    assert all(one in everything for one in of_part)
    assert [one for one in everything if ids & set(one.demand_ids) and one not in of_part] == []


@given(demands)
@pytest.mark.parametrize("rule", [SuddenGroup(), LastingGroup()], ids=["W02a", "W02b"])
def test_nobody_is_told_under_a_place_while_a_matter_of_it_is_told(rule, all_of_them) -> None:
    drafts = judged(rule, *all_of_them)
    by_id = {one.demand_id: one for one in all_of_them}
    cells = [one for one in drafts if one.key.startswith("cell:")]
    for cell in cells:
        for other in drafts:
            if (
                other.key.startswith("matter:")
                and other.window_from < cell.window_to
                and cell.window_from < other.window_to
            ):
                assert other.key.removeprefix("matter:") not in {
                    by_id[one].matter_id for one in cell.demand_ids
                }


@given(demands)
@pytest.mark.parametrize("rule", [SuddenGroup(), LastingGroup()], ids=["W02a", "W02b"])
def test_more_of_the_same_persons_messages_never_make_a_group(rule, all_of_them) -> None:
    before = {one.key for one in judged(rule, *all_of_them)}
    again = [one.model_copy(update={"demand_id": f"{one.demand_id}x"}) for one in all_of_them]
    assert {one.key for one in judged(rule, *all_of_them, *again)} == before


def test_many_names_that_are_said_now_and_then_cost_what_was_said_about_them() -> None:
    """Else a busy counter with hundreds of items would cost so many times all that it heard in a year."""
    items = itertools.cycle([None, *(f"item {number}" for number in range(100))])
    year = [
        told(START + place * 4 * HOUR, **CELL, item_code=item)
        for place, item in enumerate(itertools.islice(items, 2_000))
    ]
    outlines = [Outline(*(getattr(one, name) for name in Outline._fields)) for one in year]
    looked_at = sum(len(one.places) for one in strands(outlines, Reach(DAY)))
    assert looked_at < 3 * len(year)
    silent = [told(START + place * HOUR, **CELL) for place in range(1_000)]
    named = [told(START + place * 100 * HOUR, **CELL, item_code="item") for place in range(10)]
    mixed = sorted([*silent, *named], key=lambda one: one.submitted_at)
    outlines = [Outline(*(getattr(one, name) for name in Outline._fields)) for one in mixed]
    assert max(len(one.places) for one in list(strands(outlines, Reach(DAY)))[1:]) < 60


class Looked(list[Outline]):
    """Demands that count how many of them were looked at."""

    times = 0

    def __getitem__(self, place):
        found = super().__getitem__(place)
        self.times += len(found) if isinstance(place, slice) else 1
        return found


def test_what_was_usual_before_each_window_costs_no_more_the_more_was_said_before() -> None:
    """Else a matter of some thousand demands takes longer than a rule may take, and is never told again."""
    said = [
        told(START + place * 4 * HOUR, **CELL, reporter_key=f"r{place % 7}", declared_group_size=place % 5)
        for place in range(1_000)
    ]
    every = [Outline(*(getattr(one, name) for name in Outline._fields)) for one in said]
    outlines = Looked(every)
    before = _WeeksBefore(outlines, 8)
    for one in every[::3]:  # most windows do not hold enough to be asked about
        ends = [one.submitted_at - number * 7 * DAY for number in range(9)]
        weeks = [[at for at in every if ends[no + 1] <= at.submitted_at < ends[no]] for no in range(8)]
        assert before.heads(one.submitted_at) == [people(week).heads for week in weeks]
    assert outlines.times <= 9 * len(said)
