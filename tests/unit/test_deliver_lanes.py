"""Who is sent to next: turns, windows, and the places that are kept for first attempts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hub.pipeline.lanes import FIRST_WINDOW, Lanes
from hub.store.leases import Claimed

LATER = datetime(2026, 11, 24, tzinfo=UTC)


def message(number: int, organisation: str = "A", *, attempts: int = 0) -> Claimed:
    return Claimed(f"m{number}", number, organisation, "t", b"", attempts, 1, LATER, organisation, "")


def filled(places: int, **counts: int) -> Lanes:
    lanes = Lanes(places)
    for organisation, count in counts.items():
        for number in range(count):
            lanes.add(message(number, organisation))
    return lanes


def take_all(lanes: Lanes) -> list[Claimed]:
    taken = []
    while (claimed := lanes.take()) is not None:
        taken.append(claimed)
    return taken


def test_an_unknown_organisation_gets_two_places_and_one_more_with_each_quick_answer():
    lanes = filled(32, A=50)
    first = take_all(lanes)
    assert len(first) == FIRST_WINDOW == 2
    lanes.ended(first[0], well=True, quick=True)
    assert len(take_all(lanes)) == 2
    lanes.ended(first[1], well=True, quick=False)
    assert len(take_all(lanes)) == 1


def test_no_organisation_gets_more_than_half_of_the_places():
    lanes = filled(8, A=500)
    for _ in range(100):
        for claimed in take_all(lanes):
            lanes.ended(claimed, well=True, quick=True)
    assert len(take_all(lanes)) == 4


def test_a_failure_narrows_an_organisation_to_one_place():
    lanes = filled(32, A=50)
    for claimed in take_all(lanes):
        lanes.ended(claimed, well=False, quick=True)
    assert len(take_all(lanes)) == 1


def test_organisations_take_turns():
    lanes = filled(4, A=50, B=50, C=50, D=50)
    assert Counter(claimed.organisation for claimed in take_all(lanes)) == dict.fromkeys("ABCD", 1)


def test_messages_that_failed_before_leave_half_of_the_places_free():
    lanes = Lanes(8)
    for number in range(20):
        lanes.add(message(number, f"R{number}", attempts=1))
    assert len(take_all(lanes)) == 4
    lanes.add(message(99, "NEW"))
    assert [claimed.message_id for claimed in take_all(lanes)] == ["m99"]


def test_one_place_still_serves_both_kinds():
    lanes = Lanes(1)
    lanes.add(message(1, attempts=1))
    lanes.add(message(2))
    for expected in ("m1", "m2"):
        [claimed] = take_all(lanes)
        assert claimed.message_id == expected
        lanes.ended(claimed, well=True, quick=True)


def test_what_is_dropped_is_never_taken():
    lanes = filled(32, A=5, B=5)
    taken = take_all(lanes)
    assert len(lanes.drop("A")) == 3
    assert lanes.drop("unknown") == []
    assert len(lanes.drop_all()) == 3
    assert (lanes.queued, lanes.in_flight, lanes.held) == (0, len(taken), len(taken))
    for claimed in taken:
        lanes.ended(claimed, well=True, quick=True)
    assert take_all(lanes) == []


@given(
    places=st.integers(1, 10),
    messages=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 2)), max_size=60),
    answers=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1),
)
def test_every_message_is_taken_exactly_once_whatever_the_answers(places, messages, answers):
    lanes = Lanes(places)
    for number, (organisation, attempts) in enumerate(messages):
        lanes.add(message(number, organisation, attempts=attempts))
    seen: list[str] = []
    step = 0
    while lanes.held:
        taken = take_all(lanes)
        assert 0 < len(taken) <= places
        assert lanes.in_flight == len(taken)
        for claimed in taken:
            well, quick = answers[step % len(answers)]
            step += 1
            seen.append(claimed.message_id)
            lanes.ended(claimed, well=well, quick=quick)
    assert sorted(seen) == sorted(f"m{number}" for number in range(len(messages)))
