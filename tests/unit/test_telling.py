"""The decision to tell again, as the county takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.telling import COUNTY, Cause, Later, Policy, Seen, Tell, Told, tell_again, told_by

T0 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TOLD = Told(T0, 2, frozenset("ab"))


def seen(level: int, standing: str) -> Seen:
    return Seen(level, frozenset(standing))


def test_what_nobody_was_told_of_is_told_at_once_and_nothing_is_not() -> None:
    assert tell_again(None, seen(1, "a"), T0) == Tell(Cause.FIRST)
    assert tell_again(None, seen(1, ""), T0) is None


@pytest.mark.parametrize(("level", "answer"), [(2, None), (3, Tell(Cause.RAISED)), (1, None)])
def test_a_rise_in_level_is_told_at_once_and_a_fall_is_not(level: int, answer: object) -> None:
    assert tell_again(TOLD, seen(level, "ab"), T0 + timedelta(seconds=1)) == answer


@pytest.mark.parametrize(
    ("later", "answer"),
    [(7 * DAY - timedelta(microseconds=1), Later(T0 + 7 * DAY)), (7 * DAY, Tell(Cause.GROWN))],
)
def test_new_evidence_is_told_when_the_last_message_is_seven_days_old(
    later: timedelta, answer: object
) -> None:
    assert tell_again(TOLD, seen(2, "abc"), T0 + later) == answer


def test_what_has_not_changed_is_never_told_again() -> None:
    assert tell_again(TOLD, seen(2, "ab"), T0 + 400 * DAY) is None
    assert tell_again(TOLD, seen(2, "a"), T0 + 400 * DAY) is None
    assert tell_again(TOLD, seen(2, ""), T0 + 400 * DAY) is None


def test_evidence_that_went_and_came_back_is_no_news() -> None:
    assert tell_again(told_by(seen(2, "ab"), T0), seen(2, "ab"), T0 + 30 * DAY) is None


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sets(st.sampled_from("abcdef")), st.integers(0, 96)), max_size=40
    )
)
def test_it_settles_and_is_never_told_twice_for_one_thing_nor_oftener_than_a_rise_or_seven_days(
    steps,
) -> None:
    told, now, level = None, T0, 1
    standing: set[str] = set()
    tellings = []
    for rise, more, hours in steps:
        now += timedelta(hours=hours)
        level, standing = max(level, rise), standing | more
        state = Seen(level, frozenset(standing))
        answer = tell_again(told, state, now)
        if isinstance(answer, Tell):
            told = told_by(state, now)
            tellings.append((now, level))
        assert not isinstance(tell_again(told, state, now), Tell)
        if isinstance(answer, Later):
            assert answer.at > now
            assert tell_again(told, state, answer.at) == Tell(Cause.GROWN)
    for (at, level), (next_at, next_level) in pairwise(tellings):
        assert next_level > level or next_at - at >= COUNTY.growth_after


def test_a_policy_that_repeats_and_tells_ends_does_both() -> None:
    often = Policy(timedelta(0), repeat_after=DAY, tells_ends=True)
    a, b, none = frozenset("a"), frozenset("b"), frozenset("")
    assert tell_again(TOLD, seen(2, "ab"), T0 + DAY, often) is None
    assert tell_again(TOLD, seen(2, "ab"), T0 + DAY + timedelta(seconds=1), often) == Tell(Cause.AGAIN)
    assert tell_again(TOLD, Seen(2, a, b), T0, often) == Tell(Cause.EASED)
    assert tell_again(TOLD, Seen(2, none, TOLD.standing), T0, often) == Tell(Cause.ENDED)
    assert tell_again(Told(T0, 2, none, a), Seen(2, a), T0, often) == Tell(Cause.BACK)
