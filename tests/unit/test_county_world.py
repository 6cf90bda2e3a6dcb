"""The simulated county's world: the same seed says the same, nobody in it exists, and what each channel writes down means what was said."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint

import pytest

from hub.clock import SystemClock
from hub.county.render import app, eagle_eye, hotline, mailbox, portal, presubmission, unresolved, visits
from hub.county.simulated import SimulatedCounty
from hub.county.sites import SITES, channel_of, installed
from hub.county.world import flaws
from hub.county.world.batches import Batches
from hub.county.world.speaking import VOICED, Speaker
from hub.county.world.voices import CaseNews, MonitorNews, RatingNews, Voice
from hub.errors import Code, ConfigError
from hub.text.identity import read_id_no, read_phone, read_uscc

AT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


def told(batches, at, count=3):
    return [
        (one.channel, type(one).__name__, one.flaw, getattr(one, "words", None))
        for number in range(count)
        for one in batches.batch(number, at + timedelta(minutes=number)).happenings
    ]


def test_the_same_seed_says_the_same_at_any_time_of_day():
    assert Counter(told(Batches(5), AT)) == Counter(
        told(Batches(5), AT + timedelta(days=3, hours=9, seconds=17))
    )


def test_another_seed_says_something_else():
    assert Counter(told(Batches(5), AT)) != Counter(told(Batches(6), AT))


def test_nothing_reaches_a_source_before_it_was_said_or_after_the_batch():
    batches = Batches(5)
    for number in range(4):
        moment = AT + timedelta(seconds=8 * number)
        for one in batches.batch(number, moment).happenings:
            assert one.changed_at <= moment
            if isinstance(one, Voice):
                assert one.at <= one.changed_at


def test_numbers_are_nobody_elses_within_a_channel():
    batches = Batches(5)
    seen: dict[tuple[str, str], tuple[int, datetime]] = {}
    for number in range(30):
        for one in batches.batch(number, AT + timedelta(seconds=8 * number)).happenings:
            if isinstance(one, Voice):
                key = (one.channel, one.number)
                assert seen.setdefault(key, (one.person.number, one.at)) == (one.person.number, one.at)
    assert len(seen) > 500


def test_people_belong_to_nobody_and_are_told_apart():
    people = [Speaker(9).people.person(number) for number in range(0, 500_000, 250)]
    for person in people:
        assert read_phone(person.phone).form == "mobile"
        number = read_id_no(person.id_no)
        assert (number.form, number.checked) == ("id18", False)
    for field in ("phone", "id_no", "email", "account", "open_id"):
        assert len({getattr(person, field) for person in people}) == len(people)


def test_enterprises_belong_to_nobody():
    people = Speaker(9).people
    for number in range(50):
        assert read_uscc(people.enterprise(number).uscc).checked is False


def test_neighbours_share_a_household_and_strangers_do_not():
    people = Speaker(9).people
    assert people.person(40).address == people.person(43).address != people.person(44).address


def test_each_way_of_being_unusable_is_known_to_the_channels_renderer():
    for module, channel in (
        (app, "app"),
        (portal, "portal"),
        (hotline, "hotline"),
        (mailbox, "mailbox"),
        (presubmission, "presubmission_window"),
        (unresolved, "unresolved_window"),
    ):
        assert flaws.VOICES[channel] == module.FLAWS
    assert flaws.VISITS["daily"] == visits.INSPECTION_FLAWS
    assert flaws.VISITS["walk"] == visits.OBSERVER_FLAWS
    assert flaws.VISITS["visit"] == visits.LEADER_FLAWS
    assert {
        "case": eagle_eye.CASE_FLAWS,
        "rating": eagle_eye.RATING_FLAWS,
        "event": eagle_eye.EVENT_FLAWS,
    } == flaws.MONITORED


def test_the_truth_counts_each_channels_unusable_records():
    batches = Batches(5)
    batches.batch(0, AT)
    expected = {channel: len(ways) for channel, ways in flaws.VOICES.items()}
    for kind, channel in (("daily", "inspection"), ("walk", "observer"), ("visit", "leader_visit")):
        expected[channel] = len(flaws.VISITS[kind])
    expected["eagle_eye"] = sum(map(len, flaws.MONITORED.values()))
    assert batches.planted.bad == expected
    assert set(map(channel_of, SITES)) <= set(expected)


def test_the_truth_is_json_and_comes_back():
    batches = Batches(5)
    batches.batch(0, AT)
    planted = batches.planted
    assert type(planted).model_validate_json(planted.model_dump_json()) == planted
    assert {"same_person", "same_person_across", "danger", "chasing"} <= {
        event.kind for event in planted.events
    }


def test_what_was_planted_has_arrived_under_the_numbers_that_the_truth_names():
    batches = Batches(5)
    arrived = {(one.channel, one.number) for one in batches.batch(0, AT).happenings}
    for event in batches.planted.events:
        assert set(event.numbers) <= arrived, event.kind


@pytest.mark.parametrize("channel", VOICED)
def test_a_later_state_keeps_number_and_words(channel):
    import random

    speaker = Speaker(3)
    rng = random.Random(3)
    for serial in range(200):
        voice = speaker.voice(rng, channel, serial, AT)
        moment = voice.changed_at
        for state in speaker.later_states(rng, voice):
            assert (state.number, state.words, state.at) == (voice.number, voice.words, voice.at)
            assert state.changed_at > moment
            moment = state.changed_at


def test_a_cases_life_runs_forward_and_its_rating_comes_last():
    import random

    from hub.county.world.cases import CaseFate, Cases

    cases, rng = Cases(Speaker(3).people), random.Random(4)
    for serial in range(300):
        fate = CaseFate(
            late_days=rng.uniform(-3, 9), corrections=serial % 3, suspended=serial % 5 == 0, level=serial % 6
        )
        life = cases.life(rng, serial, AT, fate)
        moments = [one.changed_at for one in life]
        assert moments == sorted(moments)
        assert isinstance(life[-1], RatingNews) == bool(serial % 6)
        finished = [one for one in life if isinstance(one, CaseNews)][-1]
        assert finished.finished_at is not None
        assert len(finished.corrections) == serial % 3
    assert isinstance(cases.monitor(rng, 1, AT, None), MonitorNews)


def test_a_county_that_an_older_version_began_is_refused_by_name(tmp_path):
    (tmp_path / "county.json").write_text(
        '{"seed": 1, "began_at": "2026-11-01T00:00:00+00:00", "batches": []}'
    )
    with pytest.raises(ConfigError, match="another version") as caught:
        SimulatedCounty(tmp_path, SystemClock())
    assert caught.value.code is Code.CONFIG_INVALID


def test_a_channel_without_an_installed_plugin_has_no_site(monkeypatch):
    entries = [EntryPoint(name, "x", "hub.plugins") for name in ("portal", "no_site_for_this")]
    monkeypatch.setattr("hub.county.sites.entry_points", lambda group: entries)
    assert installed() == ("portal",)
