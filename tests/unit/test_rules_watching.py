"""窗口规范 (E17), 巡查 (I01, I02), 群诉隐患 (R53), 交办超时 (S02), 预警密集 (W20), 六位一体 (R78): each border from both sides."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from hub.builtin.rules.gathering import (
    DenseWarnings,
    DenseWarningsParams,
    SeveralWatches,
    SeveralWatchesParams,
)
from hub.builtin.rules.inspecting import GroupRisk, MissedRounds, UnrectifiedFinding
from hub.builtin.rules.orders_due import OrderOverdue
from hub.builtin.rules.window_norms import WindowNorms
from hub.clock import COUNTY_ZONE
from hub.model.codes import (
    AnomalyType,
    CentreLevel,
    DemandType,
    FindingState,
    InspectionKind,
    Level,
    Nature,
    OrderState,
    RatingLevel,
    Severity,
    Trait,
    WarningState,
    Watch,
)
from hub.model.inspection import Finding, Inspection
from hub.model.monitor import MonitorEvent
from hub.model.rating import Rating
from hub.model.warning import OrderView, WarningFacts
from hub.sdk.rules import MOMENT as MICRO
from hub.sdk.rules import AffectedKey
from tests.support.kept import told as told_demand
from tests.support.observed_history import InMemory, judged, thing

LATER = datetime(2026, 12, 24, 10, 0, tzinfo=COUNTY_ZONE)
MINUTE = timedelta(minutes=1)


def at(month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=COUNTY_ZONE)


def rated(no: str, level: int, moment: datetime = at(11, 16), **fields: Any) -> Any:  # noqa: B008
    return thing(
        "rating", Rating(source_no=no, level=RatingLevel(level), rated_at=moment, **fields), number=f"T-{no}"
    )


def levels(rule: Any, now: datetime, *things: Any) -> list[Level]:
    return [one.level for one in judged(rule, now, things)[0]]


# ---- E17


def camera(no: str = "E1", **fields: Any) -> Any:
    told = {"confirmed": True, "camera_no": "LS-C-1", "window_no": "A01", **fields}
    event = MonitorEvent(
        source_no=no, occurred_at=at(11, 16), anomaly=AnomalyType.WINDOW, level=Level.NOTICE, **told
    )
    return thing("monitor_event", event, number=f"T-{no}")


@pytest.mark.requirement("R45")
@pytest.mark.parametrize("fields", [{"confirmed": None}, {"confirmed": False}, {"revoked_at": at(11, 17)}])
def test_what_a_camera_saw_counts_only_once_a_person_has_confirmed_it_and_nobody_revoked_it(fields) -> None:
    assert levels(WindowNorms(), LATER, camera(**fields)) == []
    assert levels(WindowNorms(), LATER, camera()) == [Level.GRAVE]


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("now", "replied", "level"),
    [
        (at(11, 16, 11, 0), None, Level.NOTICE),
        (at(11, 16, 11, 1), None, Level.SERIOUS),
        (at(11, 17, 10, 0), None, Level.SERIOUS),
        (at(11, 17, 10, 1), None, Level.GRAVE),
        (at(12, 1), at(11, 16, 10, 59), Level.NOTICE),
        (at(12, 1), at(11, 16, 11, 1), Level.SERIOUS),
    ],
)
def test_a_windows_breach_is_warned_of_by_itself_and_rises_without_response_and_without_mending(
    now, replied, level
) -> None:
    (one,), _ = judged(WindowNorms(), now, [camera(replied_at=replied)])
    assert (one.level, one.auto_issue) == (level, True)


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("now", "due", "level"),
    [
        # Confirmed on the 17th, a day after: the source gives until 11 o'clock of that day to respond.
        (at(11, 17, 11), at(11, 17, 11), Level.NOTICE),
        (at(11, 17, 11, 1), at(11, 17, 11), Level.SERIOUS),
        (at(11, 18, 10), at(11, 17, 11), Level.SERIOUS),  # who was told a day later has a day to put it right
        (at(11, 18, 10, 1), at(11, 17, 11), Level.GRAVE),
        # An earlier limit than the usual one holds as well, and one before the event is none.
        (at(11, 16, 10, 31), at(11, 16, 10, 30), Level.SERIOUS),
        (at(11, 16, 11, 0), at(11, 16, 9), Level.NOTICE),
        (at(11, 16, 11, 1), at(11, 16, 9), Level.SERIOUS),
    ],
)
def test_the_time_to_respond_that_the_source_tells_goes_before_the_usual_one(now, due, level) -> None:
    (one,), moments = judged(WindowNorms(), now, [camera(reply_due_at=due)])
    assert one.level == level
    assert bool(moments) == (level is not Level.GRAVE)


@pytest.mark.parametrize(("now", "level"), [(at(11, 18, 10), Level.NOTICE), (at(11, 18, 10, 1), Level.GRAVE)])
def test_a_window_that_was_confirmed_a_day_later_is_put_right_in_time_until_the_source_s_limit(
    now, level
) -> None:
    finding = Finding(
        source_no="E1",
        inspection_kind=InspectionKind.ROUTINE,
        found_at=at(11, 16),
        window_no="A01",
        text="无人值守",
        rectify_by=at(11, 18),
    )
    event = camera(reply_due_at=at(11, 17, 11), replied_at=at(11, 17, 10, 30))
    assert levels(WindowNorms(), now, event, thing("finding", finding, number="F1")) == [level]


@pytest.mark.parametrize(
    ("state", "righted", "level"),
    [
        (FindingState.OPEN, None, Level.GRAVE),
        (FindingState.RECTIFIED, at(11, 17, 9), Level.NOTICE),
        (FindingState.RECTIFIED, at(11, 17, 11), Level.GRAVE),
    ],
)
def test_the_finding_beside_the_event_says_whether_it_was_put_right(state, righted, level) -> None:
    finding = Finding(
        source_no="E1",
        inspection_kind=InspectionKind.ROUTINE,
        found_at=at(11, 16),
        window_no="A01",
        text="无人值守",
        state=state,
        rectified_at=righted,
    )
    told = [camera(replied_at=at(11, 16, 10, 5)), thing("finding", finding, number="F1")]
    assert levels(WindowNorms(), LATER, *told) == [level]


# ---- I01


def plan(
    no: int, day: int, centre: str = "龙山乡", done: bool = False, level: CentreLevel = CentreLevel.TOWNSHIP
) -> Any:
    what = Inspection(
        source_no=f"P{no}",
        inspection_kind=InspectionKind.DAILY,
        level=level,
        centre=centre,
        planned_on=date(2026, 11, day),
        began_at=at(11, day) if done else None,
    )
    return thing("inspection", what, number=f"T-P{no}")


@pytest.mark.requirement("R9")
def test_one_missed_round_of_each_village_raises_nothing_and_two_of_one_are_rolled_up_for_the_level() -> None:
    once = [plan(no, 2, centre=f"村{no}", level=CentreLevel.VILLAGE) for no in range(300)]
    assert judged(MissedRounds(), LATER, once)[0] == []
    again = [
        plan(500, 9, centre="村1", level=CentreLevel.VILLAGE),
        plan(501, 9, centre="村2", level=CentreLevel.VILLAGE),
    ]
    (one,), _ = judged(MissedRounds(), LATER, [*once, *again])
    assert (one.key, one.value, one.level) == ("village/2026-11", 2, Level.NOTICE)
    assert len(one.observed) == 4


@pytest.mark.requirement("R9")
def test_a_round_that_took_place_or_may_still_be_made_up_for_is_not_missed() -> None:
    told = [plan(1, 2, done=True), plan(2, 3, done=True), plan(3, 4), plan(4, 10)]
    drafts, (again,) = judged(MissedRounds(), at(11, 12), told)
    assert (drafts, again.at) == ([], at(11, 13, 0))
    assert judged(MissedRounds(), again.at, told)[0]


# ---- I02, R53


def found(no: str = "F1", **fields: Any) -> Any:
    told = {"inspection_kind": InspectionKind.DAILY, "found_at": at(11, 16), "text": "未挂牌", **fields}
    return thing("finding", Finding(source_no=no, **told), number=f"T-{no}")


@pytest.mark.parametrize(
    ("now", "fields", "fires"),
    [
        (at(11, 20, 17, 30), {}, False),
        (at(11, 20, 17, 31), {}, True),
        (LATER, {"state": FindingState.RECTIFIED, "rectified_at": at(11, 20)}, False),
        (LATER, {"state": FindingState.RECTIFIED, "rectified_at": at(11, 21)}, True),
        (
            LATER,
            {"state": FindingState.REJECTED, "rectified_at": at(11, 20)},
            True,
        ),  # looked at again, and wanting
    ],
)
def test_a_finding_is_put_right_by_its_date(now, fields, fires) -> None:
    assert (
        bool(judged(UnrectifiedFinding(), now, [found(rectify_by=at(11, 20, 17, 30), **fields)])[0]) is fires
    )


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    ("fields", "fires"),
    [
        ({}, False),
        ({"previous_no": "ZC-7"}, True),
        ({"previous_no": "ZC-7", "state": FindingState.CONFIRMED}, False),
    ],
)
def test_what_one_round_found_and_the_next_finds_again_needs_no_date(fields, fires) -> None:
    told = found(inspection_kind=InspectionKind.WEEKLY, **fields)
    drafts, _ = judged(UnrectifiedFinding(), at(11, 16, 11), [told])
    assert bool(drafts) is fires
    if fires:
        assert "复查仍存在" in drafts[0].labels


@pytest.mark.requirement("R53")
@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"traits": (Trait.GROUP_RISK,)}, [Level.SERIOUS]),
        ({"traits": (Trait.GROUP_RISK,), "severity": Severity.MAJOR}, [Level.GRAVE]),
        ({"traits": (Trait.RESISTANCE, Trait.TENDENCY)}, []),
        ({}, []),
    ],
)
def test_what_may_bring_a_crowd_is_at_least_serious(fields, level) -> None:
    assert levels(GroupRisk(), LATER, found(**fields)) == level


@pytest.mark.requirement("R51")
def test_the_traits_of_a_remark_stand_in_the_labels_of_its_signal() -> None:
    told = found(traits=(Trait.GROUP_RISK, Trait.HARD_TO_COORDINATE, Trait.EMERGING))
    (one,), _ = judged(GroupRisk(), LATER, [told])
    assert one.labels == ("群诉隐患", "协调难", "苗头性")


# ---- S02


def order(no: str = "O1", **fields: Any) -> Any:
    what = OrderView(
        **{
            "order_id": no, "order_no": no, "origin": "demand", "origin_id": "D1", "organisation": "housing", "role": "host",
            "level": Level.SERIOUS, "state": OrderState.CREATED, "routed_by": "table 1", "revision": 1, "created_at": at(11, 16),
            "due_at": at(11, 17, 17, 30), **fields,
        }
    )  # fmt: skip
    return thing("order", what, number=no, instance="")


@pytest.mark.parametrize(
    ("now", "state", "found"),
    [
        (at(11, 17, 17, 30), OrderState.CREATED, []),
        (at(11, 17, 17, 31), OrderState.CREATED, [Level.SERIOUS]),
        (at(11, 17, 17, 31), OrderState.SIGNED, [Level.SERIOUS]),
        (at(11, 17, 17, 31), OrderState.ANSWERED, []),
        (at(11, 19, 17, 30), OrderState.CREATED, [Level.SERIOUS]),
        (at(11, 19, 17, 31), OrderState.CREATED, [Level.GRAVE]),
    ],
)
def test_an_order_is_answered_by_its_deadline_and_two_working_days_later_it_is_grave(
    now, state, found
) -> None:
    assert levels(OrderOverdue(), now, order(state=state)) == found


def test_an_order_made_out_of_such_a_signal_breeds_no_other() -> None:
    warning = warned("W1", at(11, 10), rule_id="S02")
    told = order(origin="warning", origin_id="W1")
    assert levels(OrderOverdue(), LATER, warning, told) == []
    assert levels(OrderOverdue(), LATER, warned("W1", at(11, 10)), told) == [Level.GRAVE]


# ---- W20


def warned(no: str, moment: datetime, level: Level = Level.SERIOUS, **fields: Any) -> Any:
    what = WarningFacts(
        **{
            "warning_id": no, "warning_no": no, "rule_id": "E01", "level": level, "state": WarningState.ISSUED,
            "issued_at": moment, "subject": "case", "key": no, "organisation": "housing", **fields,
        }
    )  # fmt: skip
    return thing("warning", what, number=no, instance="")


def five(
    state: WarningState = WarningState.ISSUED, level: Level = Level.SERIOUS, count: int = 5
) -> list[Any]:
    return [warned(f"W{day}", at(11, 9 + day), level, state=state) for day in range(count)]


@pytest.mark.requirement("R46")
@pytest.mark.parametrize(
    ("told", "fires"),
    [
        (five(count=4), False),
        (five(), True),
        (five(level=Level.NOTICE), False),
        (five(state=WarningState.REVOKED), False),
    ],
)
def test_five_cards_of_one_organisation_in_a_week_are_dense(told, fires) -> None:
    drafts, _ = judged(DenseWarnings(), LATER, told)
    assert [one.key for one in drafts] == (["organisation:housing"] if fires else [])
    if fires:
        assert "重点研判" in drafts[0].labels


@pytest.mark.requirement("R46")
def test_what_an_organisation_has_every_week_is_not_dense_for_it() -> None:
    usual = [
        warned(f"U{week}-{number}", at(11, 9) - timedelta(weeks=week, hours=-number))
        for week in range(1, 9)
        for number in range(5)
    ]
    more = [warned(f"M{number}", at(11, 10, 9, number)) for number in range(6)]
    drafts, _ = judged(DenseWarnings(), LATER, [*usual, *five()])
    # The first weeks had nothing to be compared with; the last is as all are.
    assert all(one.window_to < at(11, 2) for one in drafts)
    assert [
        one
        for one in judged(DenseWarnings(), LATER, [*usual, *five(count=5), *more])[0]
        if one.window_to > at(11, 9)
    ]


@pytest.mark.parametrize(("count", "fires"), [(2, False), (3, True)])
def test_three_cards_of_one_item_or_post_in_a_month_are_dense(count, fires) -> None:
    told = [
        warned(f"W{number}", at(11, 1 + 9 * number), organisation=None, item_code="I1", post="P1")
        for number in range(count)
    ]
    keys = {one.key for one in judged(DenseWarnings(), LATER, told)[0]}
    assert keys == ({"item:I1", "post:P1"} if fires else set())


def test_its_own_warnings_breed_no_others() -> None:
    told = [warned(f"W{day}", at(11, 9 + day), rule_id="W20") for day in range(6)]
    assert judged(DenseWarnings(), LATER, told)[0] == []


# ---- R78


@pytest.mark.requirement("R78")
def test_two_watches_that_found_trouble_with_one_item_within_a_month_raise_a_signal() -> None:
    inspected = found(item_code="I1")
    rating = rated("R1", 1, at(12, 1), item_code="I1")
    (one,), _ = judged(SeveralWatches(), LATER, [inspected, rating])
    assert (one.key, one.level, one.labels) == ("item:I1", Level.NOTICE, ("六位一体", "观察", "监察"))


@pytest.mark.requirement("R78")
@pytest.mark.parametrize(
    "others",
    [
        [found("F2", item_code="I1", found_at=at(11, 20))],  # the same watch
        [rated("R1", 5, at(12, 1), item_code="I1")],  # no trouble
        [rated("R1", 1, at(12, 17), item_code="I1")],  # more than a month later
        [rated("R1", 1, at(12, 1), item_code="I2")],  # another item
    ],
)
def test_one_watch_alone_another_item_or_a_later_month_raise_none(others) -> None:
    assert judged(SeveralWatches(), LATER, [found(item_code="I1"), *others])[0] == []


@pytest.mark.requirement("R78")
def test_a_third_watch_makes_it_serious() -> None:
    visited = thing(
        "finding",
        Finding(
            source_no="V1",
            inspection_kind=InspectionKind.VISIT,
            found_at=at(11, 18),
            text="排队",
            window_no="A01",
        ),
        number="T-V1",
        watch=Watch.VISIT,
    )
    told = [found(window_no="A01"), visited, camera(no="E9")]
    (one,), _ = judged(SeveralWatches(), LATER, told)
    assert (one.key, one.level, one.value) == ("window:A01", Level.SERIOUS, 3)


@pytest.mark.requirement("R78")
def test_a_camera_and_the_finding_that_it_left_are_one_watch() -> None:
    beside = thing(
        "finding",
        Finding(
            source_no="E1",
            inspection_kind=InspectionKind.ROUTINE,
            found_at=at(11, 16),
            text="空岗",
            window_no="A01",
        ),
        number="F1",
    )
    assert judged(SeveralWatches(), LATER, [camera(), beside])[0] == []


def test_windows_of_other_centres_bear_the_same_numbers_and_are_others() -> None:
    told = [found(window_no="A01", level=CentreLevel.TOWNSHIP), camera()]
    assert judged(SeveralWatches(), LATER, told)[0] == []


# ---- W20 and R78: whole stretches, whatever touched the key


def same_as_of_all(rule: Any, key: str, moment: datetime, *things: Any) -> int:
    """Of a key that something of that moment touched the rule says what it says of all: what it does not name in its scope is closed."""
    affected = AffectedKey(key, moment, moment)
    history: Any = InMemory(LATER, things)
    since, until = rule.scope(affected)

    def near(drafts: Any) -> list[Any]:
        return [one for one in drafts if one.window_from < until and since < one.window_to]

    said = near(rule.evaluate([affected], history))
    assert said == near(judged(rule, LATER, things)[0])
    return len(said)


@pytest.mark.requirement("R78")
def test_what_comes_late_or_changes_ends_no_signal_of_two_watches_that_stands_weeks_later() -> None:
    old = rated("R1", 1, at(9, 21), item_code="I1")
    told = [found(item_code="I1", found_at=at(11, 15)), rated("R2", 1, at(12, 3), item_code="I1")]
    for moment in (old.at, at(10, 20), at(11, 15), at(12, 20)):
        same_as_of_all(SeveralWatches(), "item:I1", moment, old, *told)
    assert same_as_of_all(SeveralWatches(), "item:I1", at(11, 15), old, *told) == 1


@pytest.mark.requirement("R78")
def test_the_length_of_the_window_of_several_watches_may_be_as_long_as_its_parameter_lets_it_be() -> None:
    rule = SeveralWatches(SeveralWatchesParams(days=92))
    told = [found(item_code="I1", found_at=at(9, 1)), rated("R1", 1, at(11, 25), item_code="I1")]
    assert judged(rule, LATER, told)[0]
    for moment in (at(9, 1), at(11, 25)):
        assert same_as_of_all(rule, "item:I1", moment, *told) == 1


@pytest.mark.requirement("R78")
def test_what_one_watch_finds_every_day_stands_in_a_signal_only_as_far_as_another_watch_is_near() -> None:
    daily = [rated(f"R{day:03}", 1, at(7, 1) + timedelta(days=day), item_code="I1") for day in range(160)]
    inspected = found(item_code="I1", found_at=at(9, 15))
    (one,) = judged(SeveralWatches(), LATER, [*daily, inspected])[0]
    assert (one.window_from, one.window_to) == (at(8, 17), at(10, 14) + MICRO)
    for moment in (at(8, 17), at(9, 15), at(10, 14)):
        assert same_as_of_all(SeveralWatches(), "item:I1", moment, inspected, *daily) == 1


@pytest.mark.requirement("R46")
def test_a_warning_that_is_revoked_late_ends_no_density_that_stands_weeks_later() -> None:
    revoked = warned("W0", at(9, 20), state=WarningState.REVOKED, organisation=None, item_code="I1")
    told = [
        warned(f"W{number}", moment, organisation=None, item_code="I1")
        for number, moment in enumerate((at(11, 10), at(11, 22), at(12, 5)), start=1)
    ]
    assert same_as_of_all(DenseWarnings(), "item:I1", revoked.at, revoked, *told) == 1


@pytest.mark.requirement("R46")
def test_a_density_may_be_counted_over_as_many_days_as_its_parameter_lets_it_be() -> None:
    rule = DenseWarnings(DenseWarningsParams(narrow_days=92))
    told = [
        warned(f"W{number}", moment, organisation=None, item_code="I1")
        for number, moment in enumerate((at(9, 1), at(10, 20), at(11, 30)))
    ]
    for moment in (at(9, 1), at(10, 20), at(11, 30)):
        assert same_as_of_all(rule, "item:I1", moment, *told) == 1


@pytest.mark.requirement("R46")
def test_a_density_that_goes_on_for_months_is_one_and_the_same_whichever_warning_touched_it() -> None:
    # Each month three times what the one before it had.
    told = [
        warned(f"W{month}-{number}", at(month, 1 + number * 25 // 3 ** (month - 8)), organisation=None, item_code="I1")
        for month in (8, 9, 10, 11)
        for number in range(3 ** (month - 8))
    ]  # fmt: skip
    assert sum(same_as_of_all(DenseWarnings(), "item:I1", one.at, *told) for one in told) > 20


@pytest.mark.requirement("R78")
def test_the_watches_that_are_named_are_those_that_were_counted() -> None:
    visited = thing(
        "finding",
        Finding(source_no="V1", inspection_kind=InspectionKind.VISIT, found_at=at(10, 1), text="排队", item_code="I1"),
        number="T-V1",
        watch=Watch.VISIT,
    )  # fmt: skip
    told = [visited, found(item_code="I1", found_at=at(10, 25)), rated("R1", 1, at(11, 20), item_code="I1")]
    (one,) = judged(SeveralWatches(), LATER, told)[0]
    assert (one.value, len(one.observed)) == (2, 3)
    assert one.labels == ("六位一体", "观察", "视察")
    assert "六察中有2察（观察、视察）" in one.summary


def complained(no: str = "D1", moment: datetime = at(11, 20), **fields: Any) -> Any:  # noqa: B008
    return told_demand(
        moment, no=no, **{"item_code": "I1", "reporter_key": no, "watch": Watch.DISCERN, **fields}
    )


@pytest.mark.requirement("R78")
def test_what_citizens_complain_of_is_a_watch_beside_what_was_found_at_the_same_item() -> None:
    inspected = found(item_code="I1")
    (one,), _ = judged(SeveralWatches(), LATER, [inspected], [complained(), complained("D2", at(11, 21))])
    assert (one.key, one.value, one.labels) == ("item:I1", 2, ("六位一体", "观察", "明察"))
    assert (one.demand_ids, one.observed, one.reporters) == (("D1", "D2"), ("finding:T-F1",), 2)
    (three,), _ = judged(
        SeveralWatches(), LATER, [inspected, rated("R1", 1, at(11, 18), item_code="I1")], [complained()]
    )
    assert (three.level, three.value) == (Level.SERIOUS, 3)


@pytest.mark.requirement("R78")
@pytest.mark.parametrize(
    "fields",
    [
        {"item_code": "I2"},
        {"item_code": None},
        {"moment": at(12, 17)},
        {"nature": Nature.UNVOICED, "demand_type": DemandType.CONSULTATION},
        {"chases_open_order": True},
        {"demand_type": DemandType.REPORT},  # nothing of a 举报 goes where the item's department may read it
    ],
)
def test_what_is_no_complaint_about_that_item_in_that_month_is_no_watch_beside_it(fields) -> None:
    assert judged(SeveralWatches(), LATER, [found(item_code="I1")], [complained(**fields)])[0] == []


@pytest.mark.requirement("R78")
def test_complaints_by_two_ways_about_an_item_where_nothing_was_found_are_no_such_signal() -> None:
    two = [complained(), complained("D2", watch=Watch.INSIGHT)]
    assert judged(SeveralWatches(), LATER, [], two)[0] == []
    assert judged(SeveralWatches(), LATER, [found(item_code="I1", found_at=at(9, 1))], two)[0] == []
