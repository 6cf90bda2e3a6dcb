"""A county over time: in order, in bounded memory, as large as asked for, by season and holiday, with every planted event in it."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from hub.clock import COUNTY_ZONE
from hub.county.world.places import Places
from hub.county.world.rhythm import is_working_day, moment_on, on_day
from hub.county.world.speaking import Speaker
from hub.county.world.subjects import ITEM_SUBJECTS, TOWN_SUBJECTS, of_category, town_subject
from hub.county.world.voices import CaseNews, RatingNews, Visit, Voice
from hub.county.world.words import say
from hub.county.world.world import A_YEAR, SHARES, Scale, World

START = date(2025, 11, 24)
SMALL = Scale(demands_a_day=12, cases_a_day=6, planted=0.4)


@pytest.fixture(scope="module")
def lived():
    world = World(7, START, 120, SMALL)
    return world, list(world.stream())


def demands(happenings):
    return {(one.channel, one.number) for one in happenings if isinstance(one, Voice)}


def test_the_stream_runs_forward_and_ends_with_its_last_day(lived):
    _, happenings = lived
    moments = [one.changed_at for one in happenings]
    assert moments == sorted(moments)
    assert moments[0].astimezone(COUNTY_ZONE).date() >= START
    assert moments[-1].astimezone(COUNTY_ZONE).date() <= START + timedelta(days=119)


def test_the_same_seed_scale_and_start_say_the_same_and_another_seed_does_not(lived):
    again = list(World(7, START, 120, SMALL).stream())
    assert again == lived[1]
    assert list(World(8, START, 120, SMALL).stream()) != again


def test_what_waits_does_not_grow_with_the_length_of_the_time():
    waiting = []
    world = World(7, START, 150, SMALL)
    stream = world.stream()
    for day in range(60, 150, 30):
        for one in stream:
            if one.changed_at.astimezone(COUNTY_ZONE).date() >= START + timedelta(days=day):
                break
        waiting.append(world.unfinished)
    assert max(waiting) < 2 * min(waiting) + 200


def test_as_many_demands_are_heard_as_were_asked_for_and_the_hotline_has_most(lived):
    _, happenings = lived
    heard = Counter(channel for channel, _ in demands(happenings))
    assert 0.85 < sum(heard.values()) / (120 * SMALL.demands_a_day) < 1.3
    assert heard.most_common(1)[0][0] == "hotline"
    assert set(heard) == set(SHARES)


def test_orders_are_sent_again_at_each_change_of_their_state(lived):
    states = Counter(one.number for one in lived[1] if isinstance(one, Voice) and one.channel == "hotline")
    assert sum(count > 2 for count in states.values()) > len(states) / 4


def test_some_records_arrive_days_after_they_were_said(lived):
    first: dict[tuple[str, str], Voice] = {}
    for one in lived[1]:
        if isinstance(one, Voice):
            first.setdefault((one.channel, one.number), one)
    late = [one for one in first.values() if one.changed_at - one.at > timedelta(hours=2)]
    assert 0 < len(late) < len(first) / 20


def test_every_planted_record_is_given_out_and_the_truth_counts_what_is_unusable(lived):
    world, happenings = lived
    told = {(one.channel, one.number) for one in happenings}
    end = START + timedelta(days=120)
    for event in world.planted.events:
        if event.until.astimezone(COUNTY_ZONE).date() < end:
            assert set(event.numbers) <= told, event.kind
    kinds = Counter(event.kind for event in world.planted.events)
    assert set(A_YEAR) <= set(kinds)
    assert world.planted.bad == dict(sorted(Counter(one.channel for one in happenings if one.flaw).items()))


def test_look_alikes_are_marked_as_such(lived):
    by_mark = {
        must: {event.kind for event in lived[0].planted.events if event.must_fire is must and event.rules}
        for must in (True, False)
    }
    assert by_mark[False] == {"chasing", "shared_phone", "alarming_words"}
    assert not by_mark[True] & by_mark[False]


def test_halls_are_closed_on_holidays_and_open_on_make_up_days(lived):
    days = {one.at.astimezone(COUNTY_ZONE).date() for one in lived[1] if isinstance(one, Visit)}
    assert days
    assert all(is_working_day(day) for day in days)
    assert is_working_day(date(2026, 2, 14))
    assert not is_working_day(date(2026, 2, 17))
    assert (
        on_day("unresolved_window", date(2026, 2, 17)),
        on_day("unresolved_window", date(2026, 2, 14)),
    ) == (0.0, 1.0)


def test_nearly_every_rating_is_a_good_one_and_belongs_to_a_case(lived):
    ratings = [one for one in lived[1] if isinstance(one, RatingNews)]
    cases = {one.number for one in lived[1] if isinstance(one, CaseNews)}
    assert {one.case_no for one in ratings} <= cases
    planted = {number for event in lived[0].planted.of("bad_rating") for _, number in event.numbers}
    unplanned = [one for one in ratings if one.number not in planted]
    assert sum(one.level <= 2 for one in unplanned) < len(unplanned) / 50


def test_the_peak_hour_has_about_a_seventh_of_the_hotlines_day():
    rng = random.Random(1)
    hours = Counter(moment_on(rng, "hotline", START).hour for _ in range(20_000))
    assert 0.10 < hours.most_common(1)[0][1] / 20_000 < 0.18


def test_heating_is_complained_of_in_winter_and_not_in_summer():
    rng = random.Random(1)
    months = {
        month: Counter(town_subject(rng, month).category for _ in range(10_000))["供暖服务"]
        for month in (1, 7)
    }
    assert months[1] > 5 * months[7]
    assert sum(of_category("供暖服务").in_month(month) for month in range(1, 13)) == pytest.approx(
        12 * 292, rel=0.05
    )


def test_categories_come_by_the_weights_of_the_notices_source():
    rng = random.Random(1)
    seen = Counter(town_subject(rng, 4).category for _ in range(40_000))
    total = sum(one.in_month(4) for one in TOWN_SUBJECTS)
    for subject in sorted(TOWN_SUBJECTS, key=lambda one: -one.weight)[:8]:
        assert seen[subject.category] / 40_000 == pytest.approx(subject.in_month(4) / total, rel=0.12)


def test_three_seats_have_nearly_half_and_some_places_are_loud():
    places, rng = Places(5), random.Random(1)
    drawn = Counter(places.any(rng) for _ in range(20_000))
    seats = sum(count for place, count in drawn.items() if place.town in ("宝城街道", "龙山街道", "丽水街道"))
    assert 0.30 < seats / 20_000 < 0.75
    assert drawn.most_common(1)[0][1] > 10 * 20_000 / len(places.all)
    assert len(places.all) > 250
    assert all(len(place.code) == 12 and place.code.startswith("411521") for place in places.all)


def test_one_demand_of_six_is_about_what_was_told_at_its_place_within_forty_days():
    """As elsewhere: 19 % of what a county's hotline hears comes from an address that it has heard of (domain.md §4.2, 象州)."""
    world = World(11, START, 40, Scale(demands_a_day=120, cases_a_day=0, planted=0))
    told = [
        one for one in world.stream() if isinstance(one, Voice) and one.changed_at == one.at and one.thing
    ]
    at_places = Counter((one.place.code, one.thing) for one in told)
    assert 0.10 < sum(count for count in at_places.values() if count > 1) / len(told) < 0.22
    # No village is as loud as a town, and no title is everybody's.
    assert Counter(one.place for one in told).most_common(1)[0][1] / 40 < 4
    assert Counter(one.title for one in told).most_common(1)[0][1] / len(told) < 0.02


def test_words_hang_on_hundreds_of_skeletons_and_hardly_any_two_are_alike():
    speaker, rng = Speaker(5), random.Random(1)
    said = [
        say(
            rng,
            rng.choice((*TOWN_SUBJECTS, *ITEM_SUBJECTS)),
            speaker.places.any(rng),
            speaker.people.anybody(rng),
        )
        for _ in range(3_000)
    ]
    frames = {(one.skeleton[0], *one.skeleton[3:]) for one in said}
    assert len(frames) > 1_000
    assert len({one.words for one in said}) > 2_900
    assert not [one for one in said if "{" in one.words + one.title]
