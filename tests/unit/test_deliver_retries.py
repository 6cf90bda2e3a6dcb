"""When a message is tried again, when it is given up, and what an attempt says about its endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Code, ConfigError, DeliveryDeferred, DeliveryRefused
from hub.model.codes import MessageState
from hub.pipeline.retries import STANDARD_DELAYS_S, Ended, RetrySchedule, arrived, failed
from hub.sdk.notify import Receipt
from hub.store.leases import Claimed, Result

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def ended(attempts: int = 0) -> Ended:
    claimed = Claimed(
        "m", 1, "A", "order.created", b"{}", attempts, 1, NOW + timedelta(minutes=1), "a", "http://a"
    )
    return Ended(claimed, NOW, NOW, 5)


def judged(
    exc: Exception, attempts: int = 0, *, schedule: RetrySchedule | None = None, chance: float = 0.0
) -> Result:
    return failed(ended(attempts), exc, schedule or RetrySchedule(), lambda: chance)


def deferred(status: int | None = 500, retry_after_s: float | None = None) -> DeliveryDeferred:
    return DeliveryDeferred("no", code=Code.DELIVERY_STATUS, status=status, retry_after_s=retry_after_s)


def test_the_standard_schedule_has_ten_attempts_over_seventy_five_hours_and_a_half():
    assert len(STANDARD_DELAYS_S) == RetrySchedule().max_attempts == 10
    assert sum(STANDARD_DELAYS_S) / 3600 == pytest.approx(75.6, abs=0.03)


@given(attempts=st.integers(1, 9), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_only_adds_and_at_most_a_fifth(attempts, chance):
    plain, delay_s = STANDARD_DELAYS_S[attempts], RetrySchedule().delay_s(attempts, chance)
    assert delay_s is not None
    assert plain <= delay_s <= plain * 1.2


@pytest.mark.parametrize(("attempts", "state"), [(8, MessageState.WAITING), (9, MessageState.FAILED)])
def test_a_message_is_given_up_with_its_tenth_failure(attempts, state):
    assert judged(deferred(), attempts).state is state


def test_a_schedule_may_be_longer_than_its_delays():
    schedule = RetrySchedule(delays_s=(0, 5), max_attempts=4, jitter=0)
    assert [schedule.delay_s(n, 0.0) for n in (1, 2, 3, 4)] == [5, 5, 5, None]


@pytest.mark.parametrize(("asked_s", "waits_s"), [(None, 5), (3.0, 5), (3_600.0, 3_600)])
def test_the_later_of_schedule_and_retry_after_holds(asked_s, waits_s):
    assert judged(deferred(429, asked_s)).next_at == NOW + timedelta(seconds=waits_s)


@pytest.mark.parametrize(
    ("status", "asked_s", "hold_s"),
    [(429, None, 60), (429, 7.0, 7), (503, 7.0, 7), (503, None, 0), (500, None, 0)],
)
def test_an_endpoint_that_is_overloaded_is_left_alone(status, asked_s, hold_s):
    assert judged(deferred(status, asked_s)).hold_s == hold_s


@pytest.mark.parametrize(
    ("status", "well"),
    [
        (None, False),
        (500, False),
        (503, False),
        (302, False),
        (401, False),
        (404, False),
        (429, False),
        (400, True),
        (422, True),
    ],
)
def test_only_an_answer_about_the_message_itself_speaks_for_the_endpoint(status, well):
    assert judged(deferred(status)).well is well


def test_a_refusal_gives_the_message_up_at_once():
    result = judged(DeliveryRefused("never", code=Code.DELIVERY_REFUSED))
    assert (result.state, result.outcome, result.well) == (MessageState.FAILED, "refused", True)


@pytest.mark.parametrize("attempts", [0, 9, 30])
def test_gone_keeps_the_message_however_often_it_was_tried(attempts):
    result = judged(DeliveryRefused("gone", code=Code.DELIVERY_GONE, status=410), attempts)
    assert (result.state, result.outcome, result.next_at, result.well) == (
        MessageState.WAITING,
        "gone",
        None,
        None,
    )


def test_what_is_given_up_keeps_its_own_code_beside_that_of_the_last_failure():
    result = judged(deferred(), 9)
    assert (result.code, result.last_code, result.outcome) == (
        "delivery_status",
        "delivery_exhausted",
        "exhausted",
    )


def test_another_familys_error_is_tried_again_under_its_code():
    assert judged(ConfigError("no secret", code=Code.SECRET_MISSING)).code == "secret_missing"


def test_of_a_foreign_exception_only_its_name_is_kept():
    result = judged(ValueError("王小明 13812345678"))
    assert (result.code, result.detail) == ("plugin_failed", "ValueError")


def test_what_is_kept_of_an_answer_can_be_stored():
    result = arrived(ended(), Receipt(202, 3, "a\x00b\udc80" + "x" * 1_000))
    assert result.detail is not None
    assert "\x00" not in result.detail
    assert len(result.detail.encode()) <= 300
