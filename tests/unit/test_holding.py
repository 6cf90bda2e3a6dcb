"""What holds a signal back: each cause on both sides of its border, and danger by none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar
from hub.model.codes import Level
from hub.model.holding import (
    DANGER,
    Cause,
    Causes,
    InhibitEntry,
    MuteEntry,
    SignalFacts,
    SignalMatch,
    Silence,
    Standing,
    covering,
    held,
    next_opening,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 10:00 in the county
CALENDAR = ChinaCalendar()
TOWN = SignalFacts("S1", "W06", "place", "k", Level.SERIOUS, category="供水", region="411521004")


def silence(**changes) -> Silence:
    fields = {
        "silence_id": "Q1",
        "match": SignalMatch(rule_id=("W06",)),
        "max_level": Level.SERIOUS,
        "author": "王科长",
        "reason": "管网改造",
        "ends_at": NOW + timedelta(hours=1),
        **changes,
    }
    return Silence(**fields)


def causes(**changes) -> Causes:
    return Causes(CALENDAR, **changes)


def county_wide(**changes) -> Standing:
    source = SignalFacts("S0", "W05", "category", "c", Level.SERIOUS, category="供水", region="411521")
    return Standing("Y1", changes.pop("level", Level.SERIOUS), replace(source, **changes), NOW)


INHIBIT = InhibitEntry(
    id="county-over-towns",
    source=SignalMatch(rule_id=("W05",)),
    target=SignalMatch(rule_id=("W06", "W02")),
    equal=("category",),
    within="region",
    reason="全县预警已发出",
)


def cause_of(facts: SignalFacts, given: Causes, now: datetime = NOW) -> Cause | None:
    hold = held(facts, given, now)
    return hold.cause if hold is not None else None


@pytest.mark.parametrize(
    ("one", "covered"),
    [
        (silence(), True),
        (silence(ends_at=NOW), False),
        (silence(match=SignalMatch(rule_id=("W05",))), False),
        (silence(match=SignalMatch(category=("供水", "供电"))), True),
        (silence(match=SignalMatch(category=("供电",))), False),
        (silence(match=SignalMatch(rule_id=("W06",), category=("供电",))), False),
        (silence(match=SignalMatch(region_code=("411521",))), True),
        (silence(match=SignalMatch(region_code=("411521004000",))), True),
        (silence(match=SignalMatch(region_code=("411521005",))), False),
        (silence(match=SignalMatch(organisation=("县水务局",))), False),
        (silence(max_level=Level.NOTICE), False),
        (silence(like=("W06", "k")), True),
        (silence(like=("W06", "other")), False),
    ],
)
def test_a_silence_covers_what_fits_all_that_it_names_until_it_ends(one: Silence, covered: bool) -> None:
    assert (cause_of(TOWN, causes(silences=[one])) is Cause.SILENCED) is covered


def test_of_several_silences_the_one_that_ends_last_is_named() -> None:
    hold = held(
        TOWN, causes(silences=[silence(), silence(silence_id="Q2", ends_at=NOW + timedelta(days=2))]), NOW
    )
    assert hold is not None
    assert (hold.by, hold.until, hold.reason) == ("Q2", NOW + timedelta(days=2), "王科长：管网改造")


@pytest.mark.parametrize(
    ("source", "target", "inhibited"),
    [
        (county_wide(), TOWN, True),
        (county_wide(category="供电"), TOWN, False),
        (county_wide(category=None), replace(TOWN, category=None), False),
        (county_wide(region="411521004"), TOWN, True),
        (county_wide(region="411521005"), TOWN, False),
        (county_wide(), replace(TOWN, region=None), False),
        (county_wide(region=None), TOWN, False),
        (county_wide(), replace(TOWN, level=Level.GRAVE), False),
        (county_wide(level=Level.GRAVE), replace(TOWN, level=Level.GRAVE), True),
        (county_wide(), replace(TOWN, rule_id="W01"), False),
        (county_wide(rule_id="W07"), TOWN, False),
        (county_wide(signal_id="S1"), TOWN, False),
    ],
)
def test_a_county_wide_warning_inhibits_its_towns_of_the_same_category_and_no_higher_level(
    source: Standing, target: SignalFacts, inhibited: bool
) -> None:
    assert (cause_of(target, causes(inhibits=[INHIBIT], standing=[source])) is Cause.INHIBITED) is inhibited


@pytest.mark.parametrize(
    ("age", "inhibited"), [(timedelta(days=7) - timedelta(seconds=1), True), (timedelta(days=7), False)]
)
def test_a_warning_inhibits_no_longer_than_its_evidence_is_young(age: timedelta, inhibited: bool) -> None:
    source = replace(county_wide(), changed_at=NOW - age)
    assert (cause_of(TOWN, causes(inhibits=[INHIBIT], standing=[source])) is not None) is inhibited


@pytest.mark.parametrize(("mine", "inhibited"), [("ab", True), ("abd", False), ("", False)])
def test_a_matter_inhibits_a_signal_whose_demands_are_all_its_own(mine: str, inhibited: bool) -> None:
    entry = INHIBIT.model_copy(update={"equal": (), "within": "demands"})
    source = county_wide(evidence=frozenset("abc"), region=None)
    target = replace(TOWN, evidence=frozenset(mine), region=None)
    assert (cause_of(target, causes(inhibits=[entry], standing=[source])) is not None) is inhibited


def mute(**changes) -> MuteEntry:
    return MuteEntry.model_validate(
        {
            "id": "office",
            "matches": {"rule_id": ["W06"]},
            "days": "working",
            "hours": ["09:00-12:00", "13:30-17:30"],
            "reason": "工作时间内提示",
            **changes,
        }
    )


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=COUNTY_ZONE)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (at(2026, 11, 23, 10, 0), None),
        (at(2026, 11, 23, 12, 0), at(2026, 11, 23, 13, 30)),
        (at(2026, 11, 23, 8, 59), at(2026, 11, 23, 9, 0)),
        (at(2026, 11, 20, 17, 30), at(2026, 11, 23, 9, 0)),  # Friday evening
        (at(2026, 2, 14, 18, 0), at(2026, 2, 24, 9, 0)),  # the last working day before 春节
        (at(2026, 2, 14, 10, 0), None),  # a Saturday on which offices work
        (at(2026, 2, 18, 10, 0), at(2026, 2, 24, 9, 0)),
    ],
)
def test_a_mute_lasts_until_offices_open_by_the_countys_calendar(
    now: datetime, opens: datetime | None
) -> None:
    hold = held(TOWN, causes(mutes=[mute()]), now)
    assert (hold.until if hold else None) == opens


def test_a_mute_by_days_alone_lasts_until_the_next_working_day_begins() -> None:
    assert next_opening(mute(hours=[]), at(2026, 11, 21, 15, 0), CALENDAR) == at(2026, 11, 23, 0, 0)
    assert next_opening(mute(hours=[]), at(2026, 11, 23, 23, 0), CALENDAR) == at(2026, 11, 23, 23, 0)


def test_what_is_above_a_mutes_level_is_told_at_any_hour() -> None:
    night = at(2026, 11, 23, 23, 0)
    assert cause_of(replace(TOWN, level=Level.GRAVE), causes(mutes=[mute()]), night) is None
    assert cause_of(TOWN, causes(mutes=[mute()]), night) is Cause.MUTED


def test_a_calendar_without_a_working_day_mutes_nothing_for_ever() -> None:
    class Closed(ChinaCalendar):
        def is_working_day(self, day) -> bool:
            return False

    assert next_opening(mute(), NOW, Closed()) == NOW


@given(
    st.sampled_from(list(Level)),
    st.lists(st.sampled_from(("热点敏感", "wide", "其他")), max_size=3),
    st.integers(0, 24 * 14),
)
def test_danger_to_life_is_held_by_nothing(level: Level, labels: list[str], hours: int) -> None:
    everything = causes(
        silences=[silence(max_level=Level.GRAVE, ends_at=NOW + timedelta(days=90))],
        mutes=[mute(max_level=3)],
        inhibits=[INHIBIT],
        cards=[("W05", "W06")],
        standing=[county_wide(level=Level.GRAVE), county_wide(level=Level.GRAVE, subject="place", key="k")],
    )
    danger = replace(TOWN, level=level, labels=(DANGER, *labels), auto_issue=True)
    now = NOW + timedelta(hours=hours)
    assert held(danger, everything, now) is None
    assert held(replace(danger, auto_issue=False), everything, NOW) is not None


@pytest.mark.parametrize(
    ("codes", "region"),
    [
        (["411521004001"], "411521004001"),
        (["411521004001", "411521004002"], "411521004"),
        (["411521004000", "411521005"], "411521"),
        (["411521", "411521004"], "411521"),
        (["411521004", None], None),
        (["411521004", "420100"], None),
        (["nonsense"], None),
        ([], None),
    ],
)
def test_the_region_of_a_signal_is_the_smallest_that_holds_all_of_its_demands(codes, region) -> None:
    assert covering(codes) == region


@pytest.mark.parametrize(
    "entry",
    [
        {"matches": {}},
        {"days": "all", "hours": []},
        {"hours": ["17:00-09:00"]},
        {"hours": ["25:00-26:00"]},
        {"hours": ["9-12"]},
        {"matches": {"region_code": ["41152x"]}},
    ],
)
def test_a_mute_that_says_nothing_or_nonsense_is_refused(entry) -> None:
    with pytest.raises(ValidationError):
        mute(**entry)


@pytest.mark.parametrize(
    "change",
    [{"source": SignalMatch()}, {"target": SignalMatch(category=("供水",))}, {"equal": (), "within": None}],
)
def test_an_inhibition_names_its_rules_and_what_binds_the_two(change) -> None:
    with pytest.raises(ValidationError):
        InhibitEntry.model_validate({**INHIBIT.model_dump(), **change})
