"""Leases on messages, on each PostgreSQL that the hub supports: fencing, order, fairness, what rests and what is told."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest

from hub.clock import ManualClock
from hub.errors import Code, NotFound, StateConflict
from hub.model.codes import MessageState
from hub.sdk.notify import Endpoint
from hub.sdk.signing import generate_secret
from hub.store import endpoints, leases, outbox
from hub.store.leases import Claimed, Result
from tests.db import NOW
from tests.support.delivering import Ground


@pytest.fixture
def ground(every_store, ring):
    with ExitStack() as stack:
        yield Ground(every_store, ring, ManualClock(NOW), stack)


def claim(ground: Ground, limit: int = 100, **options) -> list[Claimed]:
    settings = {"lease_s": 45.0, "per_organisation": 100, **options}
    with ground.store.begin() as connection:
        ready = endpoints.ready(connection, ["webhook"], ground.clock.now())
        return leases.claim(connection, ready, limit=limit, now=ground.clock.now(), **settings)


def ended(claimed: Claimed, state: MessageState, *, well: bool = True, **fields) -> Result:
    outcome = {MessageState.WAITING: "deferred", MessageState.FAILED: "exhausted"}.get(state, "delivered")
    return Result(claimed, state, fields.pop("outcome", outcome), NOW, 3, well=well, **fields)


def settle(ground: Ground, *results: Result) -> leases.Settled:
    with ground.store.begin() as connection:
        return leases.settle(connection, results, ground.clock.now())


def delivered(ground: Ground, *claimed: Claimed) -> leases.Settled:
    return settle(ground, *(ended(one, MessageState.DELIVERED) for one in claimed))


def place(ground: Ground, *names: str) -> None:
    for name in names:
        ground.endpoint(name, f"http://127.0.0.1:9/{name}")


def test_a_leased_message_is_nobody_elses_until_its_lease_runs_out(ground):
    place(ground, "A")
    ground.send("A")
    assert len(claim(ground)) == 1
    assert claim(ground) == []
    ground.clock.advance(60.1)
    assert len(claim(ground)) == 1


def test_a_stale_token_settles_nothing_and_its_attempt_is_kept_as_late(ground):
    place(ground, "A")
    [message_id] = ground.send("A")
    [stale] = claim(ground)
    ground.clock.advance(61)
    [current] = claim(ground)
    assert current.token > stale.token
    assert settle(ground, ended(stale, MessageState.FAILED, code="delivery_status")).accepted == (False,)
    assert ground.message(message_id).state == "waiting"
    assert delivered(ground, current).accepted == (True,)
    assert ground.message(message_id).state == "delivered"
    assert [attempt.outcome for attempt in ground.attempts(message_id)] == ["late", "delivered"]


def test_a_result_written_twice_counts_once(ground):
    place(ground, "A")
    [message_id] = ground.send("A")
    [claimed] = claim(ground)
    deferred = ended(claimed, MessageState.WAITING, next_at=NOW + timedelta(seconds=5))
    assert settle(ground, deferred).accepted == (True,)
    assert settle(ground, deferred).accepted == (False,)
    assert ground.message(message_id).attempts == 1


def test_two_transactions_at_once_never_claim_the_same_message_and_never_wait(ground):
    place(ground, "A", "B")
    ids = {*ground.send("A", 10), *ground.send("B", 10)}
    now = ground.clock.now()
    options = {"now": now, "lease_s": 45.0, "per_organisation": 5}
    with ground.store.begin() as one, ground.store.begin() as other:
        first = leases.claim(one, endpoints.ready(one, ["webhook"], now), limit=10, **options)
        second = leases.claim(other, endpoints.ready(other, ["webhook"], now), limit=10, **options)
    taken = [claimed.message_id for claimed in (*first, *second)]
    assert len(taken) == len(set(taken)) == 20
    assert set(taken) == ids


def test_messages_of_one_order_are_claimed_one_after_the_other(ground):
    place(ground, "A")
    first, second, third = ground.send("A", 3, order_id="order-1")
    [other] = ground.send("A", order_id="order-2")
    claimed = claim(ground)
    assert [one.message_id for one in claimed] == [first, other]
    delivered(ground, claimed[1])
    ground.clock.advance(5)
    settle(ground, ended(claimed[0], MessageState.WAITING, next_at=NOW + timedelta(seconds=300)))
    assert claim(ground) == [], "the first waits to be tried again, and the others behind it"
    ground.clock.advance(300)
    [again] = claim(ground)
    settle(ground, ended(again, MessageState.FAILED, code="delivery_exhausted"))
    [after] = claim(ground)
    assert (again.message_id, after.message_id) == (first, second), (
        "one that is given up blocks the rest no longer"
    )
    delivered(ground, after)
    assert [one.message_id for one in claim(ground)] == [third]


def test_places_are_shared_evenly_however_much_one_organisation_has(ground):
    place(ground, "A", "B", "C")
    ground.send("A", 500)
    ground.send("B", 3)
    ground.send("C", 500)
    claimed = claim(ground, limit=30)
    by_name = {name: sum(one.organisation == name for one in claimed) for name in "ABC"}
    assert by_name == {"A": 10, "B": 3, "C": 10}


def test_messages_that_failed_before_take_at_most_half_of_the_places(ground):
    place(ground, "DEAD", "WELL")
    ground.send("DEAD", 20)
    settle(
        ground,
        *(ended(one, MessageState.WAITING, next_at=NOW + timedelta(seconds=5)) for one in claim(ground)),
    )
    ground.send("WELL", 20)
    ground.clock.advance(5)
    claimed = claim(ground, limit=20)
    assert sum(one.organisation == "DEAD" for one in claimed) == 10
    assert sum(one.organisation == "WELL" for one in claimed) == 10


def test_the_callers_room_for_an_organisation_is_kept(ground):
    place(ground, "A", "B")
    ground.send("A", 20)
    ground.send("B", 20)
    claimed = claim(ground, rooms={"A": 0, "B": 7})
    assert {one.organisation for one in claimed} == {"B"}
    assert len(claimed) == 7


def test_a_released_message_costs_no_attempt_and_can_be_claimed_at_once(ground):
    place(ground, "A")
    [message_id] = ground.send("A")
    with ground.store.begin() as connection:
        leases.release(connection, claim(ground))
    assert ground.message(message_id).attempts == 0
    assert len(claim(ground)) == 1


def test_an_endpoint_rests_after_five_failures_in_a_row_and_then_gets_one_message(ground):
    place(ground, "A")
    ground.send("A", 8)
    claimed = claim(ground)
    failures = [
        ended(one, MessageState.WAITING, well=False, next_at=NOW + timedelta(seconds=5)) for one in claimed
    ]
    assert settle(ground, *failures[:4]).resting == frozenset()
    assert settle(ground, failures[4]).resting == {"A"}
    ground.clock.advance(29)
    assert claim(ground) == []
    ground.clock.advance(1.1)
    [probe] = claim(ground)
    assert claim(ground) == [], "while the probe is under way nobody else is let through"
    delivered(ground, probe)
    assert len(claim(ground)) == 4, "the four others that failed; three are leased still"


def test_only_one_of_two_processes_gets_the_probe(ground):
    place(ground, "A")
    ground.send("A", 8)
    settle(ground, *(ended(one, MessageState.WAITING, well=False, next_at=NOW) for one in claim(ground)))
    ground.clock.advance(31)
    now = ground.clock.now()
    options = {"limit": 10, "now": now, "lease_s": 45.0, "per_organisation": 5}
    with ground.store.begin() as one, ground.store.begin() as other:
        first = leases.claim(one, endpoints.ready(one, ["webhook"], now), **options)
        second = leases.claim(other, endpoints.ready(other, ["webhook"], now), **options)
    assert len(first) == 1
    assert second == []
    assert len(ground.attempts(first[0].message_id)) == 1, "what the other gave back costs no attempt"


def test_a_success_between_failures_keeps_the_endpoint_in_use(ground):
    place(ground, "A")
    ground.send("A", 9)
    claimed = claim(ground)
    results = [ended(one, MessageState.WAITING, well=False, next_at=NOW) for one in claimed]
    results[4] = ended(claimed[4], MessageState.DELIVERED)
    assert settle(ground, *results).resting == frozenset()


def test_a_gone_endpoint_is_disabled_unless_it_was_given_another_address_meanwhile(ground):
    place(ground, "A", "B")
    ground.send("A")
    ground.send("B")
    a, b = claim(ground)
    ground.endpoint("B", "http://127.0.0.1:9/new")
    settle(
        ground, *(ended(one, MessageState.WAITING, outcome="gone", code="delivery_gone") for one in (a, b))
    )
    with ground.store.begin() as connection:
        disabled = {view.endpoint_id: view.disabled_code for view in endpoints.list_endpoints(connection)}
    assert disabled == {"A": "delivery_gone", "B": None}


def test_a_new_address_enables_a_disabled_endpoint_and_ends_its_rest(ground):
    place(ground, "A")
    ground.send("A", 6)
    results = [ended(one, MessageState.WAITING, well=False, next_at=NOW) for one in claim(ground)]
    settle(ground, *results[:5], ended(results[5].claimed, MessageState.WAITING, outcome="gone"))
    ground.endpoint("A", "http://127.0.0.1:9/A")
    assert claim(ground) == [], "the same address again changes nothing"
    ground.endpoint("A", "http://127.0.0.1:9/other")
    assert len(claim(ground)) == 6


def test_the_second_endpoint_takes_over_from_one_that_is_disabled(ground):
    ground.endpoint("a-first", "http://127.0.0.1:9/1", organisation="A")
    ground.endpoint("a-second", "http://127.0.0.1:9/2", organisation="A")
    ground.send("A", 2)
    first, second = claim(ground)
    assert first.endpoint_id == "a-first"
    settle(
        ground,
        ended(first, MessageState.WAITING, outcome="gone"),
        ended(second, MessageState.WAITING, outcome="gone"),
    )
    assert {one.endpoint_id for one in claim(ground)} == {"a-second"}


def test_a_backlog_names_what_keeps_messages_from_being_sent(ground):
    place(ground, "A", "OFF")
    ground.send("A", 2)
    ground.send("OFF", 1)
    [lost] = ground.send("NOWHERE", 1)
    off = next(one for one in claim(ground) if one.organisation == "OFF")
    settle(ground, ended(off, MessageState.WAITING, outcome="gone"))
    with ground.store.begin() as connection:
        found = outbox.backlog(connection, ["webhook"])
    assert [(entry.organisation, entry.waiting, entry.blocked) for entry in found] == [
        ("A", 2, None),
        ("NOWHERE", 1, "endpoint_missing"),
        ("OFF", 1, "delivery_gone"),
    ]
    assert ground.message(lost).last_code == "endpoint_missing"
    assert ground.message(lost).attempts == 0


def test_an_id_that_stands_already_is_not_written_again(ground):
    with ground.store.begin() as connection:
        message = outbox.NewMessage("A", "order.created", b"{}", NOW, message_id="order-1-rev-1")
        assert outbox.enqueue(connection, [message]) == 1
        assert outbox.enqueue(connection, [message]) == 0
        assert outbox.enqueue(connection, []) == 0


def test_redelivering_begins_the_schedule_anew_and_keeps_the_attempts(ground):
    place(ground, "A")
    [message_id] = ground.send("A")
    [claimed] = claim(ground)
    settle(
        ground, ended(claimed, MessageState.FAILED, code="delivery_status", last_code="delivery_exhausted")
    )
    with ground.store.begin() as connection:
        assert [m.message_id for m in outbox.list_messages(connection, state=MessageState.FAILED)] == [
            message_id
        ]
        assert outbox.stats(connection, NOW).failed == 1
        outbox.redeliver(connection, message_id, ground.clock.now())
    view = ground.message(message_id)
    assert (view.state, view.attempts, view.settled_at) == ("waiting", 0, None)
    assert len(ground.attempts(message_id)) == 1
    [again] = claim(ground)
    with pytest.raises(StateConflict), ground.store.begin() as connection:
        outbox.redeliver(connection, message_id, ground.clock.now())
    delivered(ground, again)


def test_redelivering_what_does_not_exist_says_so(ground):
    with pytest.raises(NotFound) as caught, ground.store.begin() as connection:
        outbox.redeliver(connection, "no-such", NOW)
    assert caught.value.code is Code.NOT_FOUND


def test_all_that_was_given_up_for_one_organisation_is_delivered_again_at_a_word(ground):
    place(ground, "A", "B")
    ground.send("A", 3)
    ground.send("B", 2)
    settle(ground, *(ended(one, MessageState.FAILED) for one in claim(ground)))
    with ground.store.begin() as connection:
        assert outbox.redeliver_failed(connection, NOW, organisation="A", since=NOW) == 3
        assert outbox.redeliver_failed(connection, NOW, since=NOW + timedelta(seconds=1)) == 0
        assert outbox.redeliver_failed(connection, NOW) == 2
        assert outbox.stats(connection, NOW) == outbox.OutboxStats(5, 0, 5, NOW, NOW)


def test_lists_show_the_newest_first_and_go_on_from_the_last_one_shown(ground):
    ids = ground.send("A", 5, order_id="order-1")
    ground.send("B", 1)
    with ground.store.begin() as connection:
        first = outbox.list_messages(connection, organisation="A", limit=3)
        rest = outbox.list_messages(
            connection, organisation="A", order_id="order-1", before=first[-1].message_id
        )
    assert [m.message_id for m in (*first, *rest)] == sorted(ids, reverse=True)


def test_a_rotated_secret_signs_beside_the_former_until_that_is_dropped(ground):
    old = generate_secret()
    ground.endpoint("A", "http://127.0.0.1:9/A", old)

    def secrets() -> tuple[str, ...]:
        with ground.store.begin() as connection:
            [ready] = endpoints.ready(connection, ["webhook"], NOW)
            return ready.opened(ground.sealer).secrets

    with ground.store.begin() as connection:
        new = endpoints.rotate_secret(connection, ground.sealer, "A")
    assert secrets() == (new, old)
    with ground.store.begin() as connection:
        endpoints.drop_former_secrets(connection, ground.sealer, "A")
    assert secrets() == (new,)
    with pytest.raises(NotFound), ground.store.begin() as connection:
        endpoints.rotate_secret(connection, ground.sealer, "no-such")


def test_secrets_are_sealed_and_stand_in_no_representation(ground):
    secret = generate_secret()
    ground.endpoint("A", "http://127.0.0.1:9/A", secret)
    with ground.store.begin() as connection:
        [ready] = endpoints.ready(connection, ["webhook"], NOW)
    opened = ready.opened(ground.sealer)
    assert opened.secrets == (secret,)
    assert secret.encode() not in ready.sealed_secrets
    assert secret not in repr((ready, opened, Endpoint("A", "A", "webhook", "http://x", (secret,))))
