"""The gate's state machine; `LocalGate` plays it, and the store's gate plays the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.errors import Code, SourceUnavailable
from hub.sdk import gate
from hub.sdk.gate import BreakerPolicy, GateState, LocalGate
from tests.support.raw_http import NOW

BREAKER = BreakerPolicy(failures=3, open_s=30, longest_open_s=100, probe_s=50)


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def local(clock):
    return LocalGate(clock, BREAKER)


def _admit(local, rate=None, burst=1):
    return local.admit("portal", rate_per_s=rate, burst=burst)


def _open(local, times=3):
    for _ in range(times):
        local.failed("portal")


def test_without_a_rate_nobody_waits(local):
    assert [_admit(local) for _ in range(5)] == [0.0] * 5


def test_places_are_spaced_by_the_rate(local):
    assert [_admit(local, rate=2.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_a_burst_goes_at_once_after_a_pause_and_not_before(local, clock):
    assert [_admit(local, rate=1.0, burst=3) for _ in range(5)] == [0.0, 0.0, 0.0, 1.0, 2.0]
    clock.advance(60)
    assert [_admit(local, rate=1.0, burst=3) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 5), min_size=2, max_size=40),
)
def test_no_span_holds_more_calls_than_rate_and_burst_allow(rate, burst, pauses):
    state, now, calls = GateState(), 0.0, []
    for pause in pauses:
        now += pause
        admission = gate.admit(state, now, rate_per_s=rate, burst=burst, breaker=BREAKER)
        state = admission.state
        calls.append(now + admission.wait_s)
    for first, begin in enumerate(calls):
        for last, end in enumerate(calls[first:], start=first):
            assert last - first + 1 <= burst + (end - begin) * rate + 1e-6


def test_a_hold_keeps_everybody_away_until_its_end(local, clock):
    local.hold("portal", 40)
    local.hold("portal", 5)
    assert _admit(local) == 40
    clock.advance(39)
    assert _admit(local) == 1
    clock.advance(1)
    assert _admit(local) == 0


def test_calls_after_a_hold_are_spaced_by_the_rate_again(local):
    local.hold("portal", 10)
    assert [_admit(local, rate=1.0) for _ in range(3)] == [10.0, 11.0, 12.0]


def test_a_hold_is_a_day_long_at_most(local):
    local.hold("portal", 1e12)
    assert _admit(local) == gate.LONGEST_HOLD_S


def test_sources_do_not_know_of_each_other(local):
    _open(local)
    assert local.admit("hotline", rate_per_s=None, burst=1) == 0.0


def test_the_circuit_opens_with_the_third_failure_in_a_row_and_not_before(local):
    _open(local, 2)
    assert _admit(local) == 0.0
    local.succeeded("portal")
    _open(local, 2)
    assert _admit(local) == 0.0
    local.failed("portal")
    with pytest.raises(SourceUnavailable, match="circuit is open") as refused:
        _admit(local)
    assert refused.value.code is Code.SOURCE_CIRCUIT_OPEN
    assert refused.value.retry_after_s == 30


def test_half_open_lets_one_probe_through_and_its_success_closes_the_circuit(local, clock):
    _open(local)
    clock.advance(30)
    assert _admit(local) == 0.0
    with pytest.raises(SourceUnavailable):
        _admit(local)
    local.succeeded("portal")
    assert local.state("portal") == GateState()


def test_each_failed_probe_opens_the_circuit_for_twice_as_long_up_to_the_bound(local, clock):
    _open(local)
    for expected in (60, 100, 100):
        clock.advance(1000)
        _admit(local)
        local.failed("portal")
        with pytest.raises(SourceUnavailable) as refused:
            _admit(local)
        assert refused.value.retry_after_s == expected


def test_a_probe_whose_process_died_is_followed_by_another(local, clock):
    _open(local)
    clock.advance(30)
    _admit(local)
    clock.advance(49)
    with pytest.raises(SourceUnavailable):
        _admit(local)
    clock.advance(1)
    assert _admit(local) == 0.0


def test_a_late_failure_while_the_circuit_is_open_does_not_lengthen_it(local, clock):
    _open(local)
    clock.advance(20)
    local.failed("portal")
    clock.advance(10)
    assert _admit(local) == 0.0


def test_what_changes_nothing_returns_the_very_state():
    state = GateState()
    assert gate.succeeded(state) is state
    assert gate.hold(state, 5.0, 0.0) is not None
    assert gate.admit(state, 5.0, rate_per_s=None, burst=1, breaker=BREAKER).state is state
    held = gate.hold(state, 5.0, 10.0)
    assert gate.hold(held, 6.0, 2.0) is held


def test_a_state_survives_json_and_an_older_or_newer_version():
    state = gate.failed(gate.hold(GateState(next_at=3.5), 1.0, 9.0), 2.0, BREAKER)
    stored = json.loads(json.dumps(state.as_json()))
    assert GateState.from_json(stored) == state
    assert GateState.from_json({**stored, "of_a_later_version": 1}) == state
    assert GateState.from_json({}) == GateState()


def test_a_clock_that_was_set_back_does_not_lock_the_source_for_ever():
    state = GateState(next_at=1e9, hold_until=1e9)
    admission = gate.admit(state, 100.0, rate_per_s=1.0, burst=1, breaker=BREAKER)
    assert admission.wait_s <= gate.LONGEST_HOLD_S


# --- for those who come to us --------------------------------------------------------------------------------------


def test_whoever_comes_while_a_place_is_free_takes_it_and_whoever_must_wait_takes_none():
    state = GateState()
    waits = []
    for _ in range(10):
        decided = gate.take_now(state, 100.0, rate_per_s=2.0, burst=3)
        waits.append(decided.wait_s)
        state = decided.state

    assert waits == [0.0] * 3 + [0.5] * 7
    assert gate.take_now(state, 100.5, rate_per_s=2.0, burst=3).wait_s == 0.0


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.sampled_from([0.5, 1.0, 4.0]))
def test_never_more_are_let_in_than_rate_and_burst_allow(pauses, burst, rate):
    state, now, let_in = GateState(), 1_000.0, []
    for pause in pauses:
        now += pause
        decided = gate.take_now(state, now, rate_per_s=rate, burst=burst)
        state = decided.state
        if not decided.wait_s:
            let_in.append(now)

    for index, first in enumerate(let_in):
        for count, last in enumerate(let_in[index:], start=1):
            assert count <= burst + (last - first) * rate + 1e-6
