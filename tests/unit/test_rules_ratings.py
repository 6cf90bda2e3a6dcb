"""好差评 (W11, W12, W13): each border from both sides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.builtin.rules.ratings import (
    BadRating,
    BadRatingParams,
    OddRatings,
    RatedTooSoon,
    UnrectifiedRating,
)
from hub.clock import COUNTY_ZONE
from hub.model.case import Case
from hub.model.codes import (
    Level,
    RatingLevel,
)
from hub.model.lexicon import LexiconSection
from hub.model.rating import Rating
from hub.sdk.rules import MOMENT
from tests.support.observed_history import judged, thing

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


# ---- W11


@pytest.mark.requirement("R39")
@pytest.mark.parametrize(("level", "fires"), [(1, True), (2, True), (3, False), (5, False)])
def test_every_rating_of_one_or_two_is_an_event_by_itself(level, fires) -> None:
    drafts, _ = judged(BadRating(), LATER, [rated("R1", level), rated("R2", 5)])
    assert [one.key for one in drafts] == (["T-R1"] if fires else [])
    assert not any(one.auto_issue for one in drafts)


@pytest.mark.requirement("R39")
@pytest.mark.parametrize(
    ("rated_at", "due"),
    [
        (at(11, 16), at(11, 17, 17, 30)),
        (at(11, 20, 20), at(11, 23, 17, 30)),  # a Friday evening
        (
            datetime(2026, 2, 13, 10, tzinfo=COUNTY_ZONE),
            datetime(2026, 2, 14, 17, 30, tzinfo=COUNTY_ZONE),
        ),  # a Saturday that is worked
    ],
)
def test_a_bad_rating_is_a_reminder_until_its_working_day_to_be_verified_is_over(rated_at, due) -> None:
    told = rated("R1", 1, rated_at)
    (one,), (again,) = judged(BadRating(), due, [told])
    assert (one.level, again.at) == (Level.NOTICE, due + MOMENT)
    assert f"{due:%Y-%m-%d %H:%M}前核实" in one.summary
    (late,), rest = judged(BadRating(), again.at, [told])
    assert (late.level, late.window_from, rest) == (Level.SERIOUS, rated_at, [])


@pytest.mark.parametrize(
    ("words", "conduct"),
    [("排队两小时", False), ("工作人员张**推来推去", True), ("工作人员态度恶劣", True), (None, False)],
)
def test_a_bad_rating_that_speaks_of_a_person_or_of_conduct_is_no_business_matter(words, conduct) -> None:
    (one,), _ = judged(BadRating(), LATER, [rated("R1", 1, text=words)])
    assert ("非业务类" in one.labels) is conduct


def test_words_of_conduct_that_the_county_adds_or_takes_away_hold_for_ratings_too() -> None:
    lexicon = LexiconSection(words={"conduct": ("磨洋工",)}, without=("态度恶劣",))
    rule = BadRating(BadRatingParams(lexicon=lexicon))
    drafts, _ = judged(rule, LATER, [rated("R1", 1, text="窗口磨洋工"), rated("R2", 1, text="态度恶劣")])
    assert ["非业务类" in one.labels for one in drafts] == [True, False]


# ---- W12


@pytest.mark.requirement("R39")
@pytest.mark.parametrize(
    ("now", "found"),
    [
        (at(11, 23, 17, 30), []),
        (at(11, 23, 17, 31), [Level.SERIOUS]),  # five working days
        (at(12, 7, 17, 30), [Level.SERIOUS]),
        (at(12, 7, 17, 31), [Level.GRAVE]),  # fifteen
    ],
)
def test_a_bad_rating_that_nobody_put_right_is_yellow_after_five_working_days_and_red_after_fifteen(
    now, found
) -> None:
    assert levels(UnrectifiedRating(), now, rated("R1", 1, case_no="C1")) == found
    assert levels(UnrectifiedRating(), now, rated("R1", 2)) == found  # a rating of no case


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ({"level": 4, "moment": at(11, 20), "appends_to": "R1"}, []),
        ({"level": 4, "moment": at(11, 20)}, []),  # the case was rated anew
        ({"level": 2, "moment": at(11, 20), "appends_to": "R1"}, [Level.GRAVE]),
        ({"level": 4, "moment": at(11, 24), "appends_to": "R1"}, [Level.SERIOUS]),  # put right too late
        ({"level": 4, "moment": at(11, 20), "appends_to": "R7"}, [Level.GRAVE]),
        ({"level": 4, "moment": at(11, 10)}, [Level.GRAVE]),  # an earlier good one puts nothing right
    ],
)
def test_a_later_rating_says_whether_it_was_put_right(later, found) -> None:
    told = [rated("R1", 1, case_no="C1"), rated("R2", case_no="C1", **later)]
    assert levels(UnrectifiedRating(), LATER, *told) == found


# ---- W13


@pytest.mark.requirement("R46")
@pytest.mark.parametrize(("count", "fires"), [(60, False), (61, True)])
def test_more_than_sixty_best_ratings_of_one_device_in_ten_minutes_cannot_be(count, fires) -> None:
    told = [
        rated(
            f"R{number:03d}",
            5,
            at(11, 16) + timedelta(seconds=9 * number),
            device_no="PJQ-1",
            window_no="A01",
        )
        for number in range(count)
    ]
    drafts, _ = judged(OddRatings(), LATER, told)
    assert [one.key for one in drafts] == (["device:PJQ-1/2026-11-16"] if fires else [])
    assert all("重点研判" in one.labels for one in drafts)


def test_ratings_at_two_windows_of_one_number_are_not_given_at_once() -> None:
    def at_window(number: int, organisation: str) -> Any:
        moment = at(11, 16) + timedelta(seconds=4 * number)
        return rated(f"R{number:03d}", 5, moment, window_no="1", organisation=organisation)

    mixed = [at_window(number, ("龙山乡", "周党镇")[number % 2]) for number in range(100)]
    assert judged(OddRatings(), LATER, mixed)[0] == []
    both = [at_window(number, ("龙山乡", "周党镇")[number % 2]) for number in range(124)]
    keys = {one.key for one in judged(OddRatings(), LATER, both)[0]}
    assert keys == {"window:龙山乡|1/2026-11-16", "window:周党镇|1/2026-11-16"}


def test_sixty_one_good_ratings_that_are_not_the_best_or_of_two_days_are_nothing() -> None:
    good = [rated(f"R{number:03d}", 4, at(11, 16), device_no="PJQ-1") for number in range(61)]
    days = [
        rated(f"R{number:03d}", 5, at(11, 16 + number % 2) + timedelta(seconds=9 * number), window_no="A01")
        for number in range(80)
    ]
    assert judged(OddRatings(), LATER, good)[0] == []
    assert judged(OddRatings(), LATER, days)[0] == []


@pytest.mark.parametrize(("minute", "fires"), [(-1, True), (0, False)])
def test_a_rating_older_than_its_cases_acceptance_is_told_and_its_time_stays(minute, fires) -> None:
    accepted = thing("case", Case(source_no="C1", case_no="C1", accepted_at=at(11, 16)), number="K1")
    rating = rated("R1", 5, at(11, 16) + minute * MINUTE, case_no="C1")
    drafts, _ = judged(RatedTooSoon(), LATER, [accepted, rating])
    assert bool(drafts) is fires
    # Whichever of the two came last, the same key is judged.
    assert set(RatedTooSoon().observed_keys(accepted)) == set(RatedTooSoon().observed_keys(rating))
    if fires:
        assert drafts[0].window_from == rating.what.rated_at
        assert "未作调整" in drafts[0].summary


def test_cases_of_another_instance_with_the_same_number_are_other_cases() -> None:
    accepted = thing(
        "case", Case(source_no="C1", case_no="C1", accepted_at=at(11, 17)), number="K1", instance="other"
    )
    assert judged(RatedTooSoon(), LATER, [accepted, rated("R1", 5, case_no="C1")])[0] == []
