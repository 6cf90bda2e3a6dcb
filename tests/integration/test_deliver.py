"""Delivery end to end: a real outbox, real HTTP receivers, every way of answering."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from hub.builtin.webhook import WebhookNotifier
from hub.county.receivers import DepartmentReceiver, Fault
from hub.errors import Code, StoreUnavailable
from hub.model.codes import MessageState
from hub.pipeline.deliver import Deliverer
from hub.pipeline.retries import STANDARD_DELAYS_S
from hub.sdk.notify import Notifier, Receipt
from hub.sdk.signing import generate_secret
from hub.seal import KeyRing, Sealer
from hub.store import endpoints, leases, outbox
from hub.store.engine import Store

PERSONAL = b'{"phone":"13812345678","name":"\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e"}'


def test_what_waits_is_delivered_once_with_its_attempt_on_record(ground):
    receivers = {name: ground.department(name) for name in ("A", "B", "C")}
    ids = {name: ground.send(name, 40) for name in receivers}
    report = ground.run()
    assert report.counts == {"delivered": 120, "deferred": 0, "failed": 0, "late": 0, "waiting": 0}
    assert report.ok
    for name, receiver in receivers.items():
        assert receiver.effects == dict.fromkeys(ids[name], 1)
        assert len(receiver.deliveries) == 40
    [attempt] = ground.attempts(ids["A"][0])
    assert (attempt.number, attempt.endpoint_id, attempt.status, attempt.outcome) == (
        1,
        "A",
        202,
        "delivered",
    )
    assert ground.message(ids["A"][0]).settled_at == ground.clock.now()


def test_delivering_again_sends_nothing(ground):
    receiver = ground.department("A")
    ground.send("A", 5)
    ground.run()
    assert ground.run().counts["delivered"] == 0
    assert len(receiver.deliveries) == 5


def test_the_public_library_verifies_every_delivery_and_refuses_a_tampered_one(live_ground):
    receiver = live_ground.department("A")
    live_ground.send("A", 10, body='{"why":"三人同诉"}'.encode())
    live_ground.run()
    judge = Webhook(receiver.secrets[0])
    assert len(receiver.deliveries) == 10
    for delivery in receiver.deliveries:
        assert judge.verify(delivery.body, dict(delivery.headers)) == {"why": "三人同诉"}
        with pytest.raises(WebhookVerificationError):
            judge.verify(delivery.body.replace("三".encode(), "五".encode()), dict(delivery.headers))


def test_a_request_says_what_it_carries_and_nothing_about_us_but_our_name(ground):
    receiver = ground.department("A")
    [message_id] = ground.send("A")
    ground.run()
    [delivery] = receiver.deliveries
    assert {name.lower() for name, _ in delivery.headers} == {
        "host",
        "user-agent",
        "content-type",
        "content-length",
        "idempotency-key",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    assert delivery.header("content-type") == "application/json"
    assert delivery.header("idempotency-key") == delivery.header("webhook-id") == message_id


def test_while_a_secret_is_rotated_receivers_with_either_one_verify(ground):
    receiver = ground.department("A")
    old = receiver.secrets[0]
    with ground.store.begin() as connection:
        new = endpoints.rotate_secret(connection, ground.sealer, "A")
    for secrets in ((old,), (new,)):
        receiver.secrets = secrets
        ground.send("A")
        assert ground.run().counts["delivered"] == 1


def test_a_receiver_with_another_secret_refuses_and_the_message_is_tried_again(ground):
    receiver = ground.department("A")
    receiver.secrets = (generate_secret(),)
    [message_id] = ground.send("A")
    assert ground.run().counts["deferred"] == 1
    assert receiver.effects == {}
    assert ground.attempts(message_id)[0].status == 401


def test_a_failing_message_is_tried_at_the_times_of_the_schedule_and_then_given_up(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=None))
    [message_id] = ground.send("A")
    started = ground.clock.now()
    for _ in STANDARD_DELAYS_S:
        ground.run()
        view = ground.message(message_id)
        if view.state == "waiting":
            ground.clock.advance((view.next_at - ground.clock.now()).total_seconds() - 1)
            assert ground.run().counts["deferred"] == 0, "not a second before its time"
            ground.clock.advance(1)
    offsets = [(attempt.started_at - started).total_seconds() for attempt in ground.attempts(message_id)]
    assert offsets == [sum(STANDARD_DELAYS_S[: n + 1]) for n in range(10)]
    assert (view.state, view.last_code) == ("failed", "delivery_exhausted")
    assert ground.attempts(message_id)[-1].code == "delivery_status"
    assert {d.header("webhook-id") for d in receiver.deliveries} == {message_id}
    assert len({d.header("webhook-timestamp") for d in receiver.deliveries}) == 10


def test_an_operator_is_told_of_trouble_from_the_fourth_failure_and_of_what_was_given_up(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=None))
    [message_id] = ground.send("A")
    told = []
    for _ in range(10):
        told.append([problem.code for problem in ground.run().problems])
        ground.clock.advance(90_000)
    assert told[:3] == [[], [], []]
    assert told[3:9] == [["delivery_status"]] * 6
    assert told[9] == ["delivery_exhausted"]
    with ground.store.begin() as connection:
        assert [m.message_id for m in outbox.list_messages(connection, state=MessageState.FAILED)] == [
            message_id
        ]


def test_what_was_given_up_arrives_after_a_person_has_it_delivered_again(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=1))
    ground.change(schedule=type(ground.deps.schedule)(max_attempts=1))
    [message_id] = ground.send("A")
    assert ground.run().counts["failed"] == 1
    with ground.store.begin() as connection:
        outbox.redeliver(connection, message_id, ground.clock.now())
    assert ground.run().counts["delivered"] == 1
    assert receiver.effects == {message_id: 1}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_in_full_for_the_message_and_its_endpoint(ground, status):
    receiver = ground.department("A")
    receiver.script(Fault.rate_limited("10800", status=status))
    [message_id] = ground.send("A")
    ground.run()
    ground.send("A")
    ground.clock.advance(10_799)
    assert ground.run().counts["delivered"] == 0
    assert ground.message(message_id).next_at == ground.clock.now() + timedelta(seconds=1)
    ground.clock.advance(1)
    assert ground.run().counts["delivered"] == 2
    assert len(receiver.deliveries) == 3


def test_retry_after_may_be_a_date_and_holds_for_ten_hours_at_most(ground):
    receiver = ground.department("A")
    when = ground.clock.now() + timedelta(days=3)
    receiver.script(Fault.rate_limited(format_datetime(when, usegmt=True)))
    [message_id] = ground.send("A")
    ground.run()
    assert ground.message(message_id).next_at == ground.clock.now() + timedelta(hours=10)


def test_an_unreadable_retry_after_leaves_the_schedule_as_it_is(ground):
    receiver = ground.department("A")
    receiver.script(Fault.rate_limited("soon", status=503))
    [message_id] = ground.send("A")
    ground.run()
    assert ground.message(message_id).next_at == ground.clock.now() + timedelta(seconds=5)


def test_gone_disables_the_endpoint_keeps_its_messages_and_tells_the_operator(ground):
    receiver = ground.department("A")
    receiver.script(Fault.gone())
    ids = ground.send("A", 5)
    [problem] = ground.run().problems
    assert (problem.where, problem.code) == ("A", "delivery_gone")
    met = len(receiver.deliveries)
    ground.clock.advance(90_000)
    assert [p.code for p in ground.run().problems] == ["delivery_gone"]
    assert len(receiver.deliveries) == met, "a disabled endpoint is not called"
    assert ground.states(ids) == {"waiting"}
    receiver.script()
    with ground.store.begin() as connection:
        endpoints.enable(connection, "A")
    assert ground.run().counts["delivered"] == 5


def test_an_organisation_without_an_endpoint_keeps_its_messages_and_is_named_once_a_run(ground):
    ids = ground.send("A", 3)
    ground.endpoint("sms", "tel:1", organisation="A", kind="sms")
    report = ground.run()
    assert [(p.where, p.code) for p in report.problems] == [("A", "endpoint_missing")]
    assert report.counts["waiting"] == 3
    assert ground.message(ids[0]).attempts == 0
    ground.department("A")
    assert ground.run().counts["delivered"] == 3


def test_a_dead_department_delays_no_other(ground):
    dead, well = ground.department("DEAD"), ground.department("WELL")
    dead.script(Fault.hangs())
    ids = ground.send("DEAD", 200)
    ground.send("WELL", 200)
    worker = threading.Thread(target=ground.run)
    worker.start()
    try:
        assert dead.wait_for(1)
        assert well.wait_for_effects(200)
        later = ground.send("WELL", 20)
        assert well.wait_for_effects(220), "nor messages that are written while it hangs"
        assert ground.message(later[0]).message_id in well.effects
        assert not ground.attempts(ids[0]), "all the while the dead one had not answered once"
    finally:
        dead.stop()
        worker.join()
    assert well.effects.total() == 220


def test_a_department_that_fails_is_left_alone_for_a_while_and_loses_no_attempts(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=None))
    ids = ground.send("A", 300)
    ground.run()
    met = len(receiver.deliveries)
    assert 5 <= met <= 40
    assert sum(ground.message(message_id).attempts for message_id in ids) == met
    receiver.script()
    ground.clock.advance(31)
    assert ground.run().counts["delivered"] == 300
    assert receiver.effects == dict.fromkeys(ids, 1)


def test_messages_that_a_receiver_will_not_have_do_not_keep_the_others_from_it(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=20, status=422))
    ground.send("A", 40)
    assert ground.run().counts == {"delivered": 20, "deferred": 20, "failed": 0, "late": 0, "waiting": 20}


def test_messages_of_one_order_arrive_in_the_order_in_which_they_were_written(ground):
    receiver = ground.department("A")
    receiver.script(Fault.fails(times=1))
    ids = ground.send("A", 6, order_id="order-1")
    ground.run()
    assert len(receiver.deliveries) == 1, "the first failed; the others wait for it"
    ground.clock.advance(5)
    ground.run()
    assert [d.message_id for d in receiver.deliveries] == [ids[0], *ids]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_never_followed(ground, status):
    receiver, elsewhere = ground.department("A"), ground.department("B")
    receiver.script(Fault.redirects(elsewhere.url, status=status))
    [message_id] = ground.send("A")
    ground.run()
    assert elsewhere.deliveries == []
    assert ground.attempts(message_id)[0].code == "delivery_redirect"
    assert ground.message(message_id).state == "waiting"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.fails(status=500), "delivery_status"),
        (Fault.fails(status=400), "delivery_status"),
        (Fault.fails(status=404), "delivery_status"),
        (Fault.malformed(), "delivery_unreachable"),
        (Fault.drops(times=2), "delivery_unreachable"),
        (Fault.hangs(), "delivery_timeout"),
        (Fault.redirects("http://127.0.0.1/"), "delivery_redirect"),
        (Fault.gone(), "delivery_gone"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_every_failure_has_its_code_and_tells_nothing_of_the_message(ground, caplog, fault, code):
    caplog.set_level(logging.DEBUG)
    receiver = ground.department("A", timeout_s=0.2)
    receiver.script(fault)
    [message_id] = ground.send("A", body=PERSONAL)
    report = ground.run()
    [attempt] = ground.attempts(message_id)
    assert attempt.code == code
    told = repr((attempt, report, ground.message(message_id), caplog.records)) + caplog.text
    assert "13812345678" not in told
    assert "王小明" not in told
    assert receiver.secrets[0] not in told


def test_a_receiver_that_nobody_runs_is_unreachable(ground):
    receiver = ground.department("A")
    receiver.stop()
    [message_id] = ground.send("A")
    ground.run()
    assert ground.attempts(message_id)[0].code == "delivery_unreachable"


def test_a_connection_closed_without_an_answer_is_replaced_at_once(ground):
    receiver = ground.department("A")
    receiver.script(Fault.drops(times=1, after_effect=True))
    [message_id] = ground.send("A")
    assert ground.run().counts["delivered"] == 1
    assert len(ground.attempts(message_id)) == 1
    assert receiver.effects == {message_id: 1}


def test_a_slow_answer_within_the_time_limit_counts(ground):
    receiver = ground.department("A")
    receiver.script(Fault.slow(0.05))
    ground.send("A", 3)
    assert ground.run().counts["delivered"] == 3


def test_an_answer_of_a_megabyte_is_cut_off_and_the_message_counts_as_delivered(ground, httpserver):
    httpserver.expect_request("/big").respond_with_data("x" * 1_000_000, status=200)
    ground.endpoint("A", httpserver.url_for("/big"))
    [message_id] = ground.send("A")
    ground.run()
    [attempt] = ground.attempts(message_id)
    assert (attempt.outcome, attempt.detail) == ("delivered", "more than 4096 bytes")


def test_an_answer_that_claims_to_be_compressed_is_not_unpacked(ground, httpserver):
    httpserver.expect_request("/z").respond_with_data(b"no gzip", headers={"Content-Encoding": "gzip"})
    ground.endpoint("A", httpserver.url_for("/z"))
    ground.send("A")
    assert ground.run().counts["delivered"] == 1


def test_an_effect_whose_answer_was_lost_happens_once(ground):
    receiver = ground.department("A", timeout_s=0.2)
    receiver.script(Fault.hangs(times=1, after_effect=True))
    [message_id] = ground.send("A")
    assert ground.run().counts["deferred"] == 1
    ground.clock.advance(5)
    assert ground.run().counts["delivered"] == 1
    assert [d.message_id for d in receiver.deliveries] == [message_id, message_id]
    assert receiver.effects == {message_id: 1}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.0.0.1"]
)
def test_an_address_outside_the_allowed_networks_is_never_connected_to(ground, host):
    receiver = ground.department("A")
    ground.endpoint("A", f"http://{host}:{receiver.port}/webhooks/orders", *receiver.secrets)
    notifier = WebhookNotifier(ground.clock, allowed_networks=["10.0.0.0/8"])
    ground.change(notifiers={"webhook": notifier})
    [message_id] = ground.send("A")
    ground.run()
    assert receiver.deliveries == []
    assert ground.message(message_id).state == "waiting"


def test_a_name_is_connected_to_by_the_address_that_was_checked(ground):
    receiver = ground.department("A")
    ground.endpoint("A", f"http://localhost:{receiver.port}/webhooks/orders", *receiver.secrets)
    ground.send("A")
    assert ground.run().counts["delivered"] == 1


def test_a_department_without_a_trusted_certificate_gets_nothing_until_it_is_trusted(
    ground, tls_files, tmp_path
):
    certificate, context = tls_files
    receiver = ground.department("A")
    receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
    ground.endpoint("A", receiver.url.replace("http:", "https:"), *receiver.secrets)
    [message_id] = ground.send("A")
    ground.run()
    assert "certificate" in ground.attempts(message_id)[0].detail
    ground.change(notifiers={"webhook": WebhookNotifier(ground.clock, ca_file=certificate)})
    ground.clock.advance(5)
    assert ground.run().counts["delivered"] == 1


@pytest.mark.parametrize("url", ["no address", "ftp://127.0.0.1/x", "http://", "//127.0.0.1/x"])
def test_an_address_that_is_none_is_a_fault_of_configuration(ground, url):
    ground.endpoint("A", url)
    [message_id] = ground.send("A")
    ground.run()
    assert ground.attempts(message_id)[0].code == "config_invalid"


def test_a_departments_secret_that_does_not_open_stops_no_other(ground):
    ground.department("A")
    with ground.store.begin() as connection:
        foreign = endpoints.seal_secrets(Sealer(KeyRing.generate("aes")), "A", [generate_secret()])
        connection.execute(text("UPDATE endpoint SET sealed_secrets = :sealed"), {"sealed": foreign})
    ground.department("B")
    ground.send("A")
    ground.send("B")
    report = ground.run()
    assert report.counts["delivered"] == 1
    assert [(p.where, p.code) for p in report.problems] == [("A", "seal_broken")]


class Rude(Notifier):
    """A plugin's notifier that quotes what it was sent, and one that never ends."""

    kind = "rude"

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs

    async def deliver(self, endpoint, message):
        if self.hangs:
            import asyncio

            await asyncio.Event().wait()
        raise RuntimeError(message.body)


@pytest.mark.parametrize(("hangs", "code"), [(False, "plugin_failed"), (True, "delivery_timeout")])
def test_a_notifier_that_raises_or_hangs_is_counted_and_stops_no_other(ground, hangs, code):
    ground.change(notifiers={**ground.deps.notifiers, "rude": Rude(hangs=hangs)}, grace_s=0.0, poll_s=0.05)
    ground.endpoint("R", "rude:1", timeout_s=0.1, kind="rude")
    ground.department("A")
    ids = ground.send("R", 2, body=PERSONAL)
    ground.send("A", 2)
    assert ground.run().counts["delivered"] == 2
    [attempt] = ground.attempts(ids[0])
    assert attempt.code == code
    assert "13812345678" not in repr(attempt)


class Stores(Notifier):
    """Does something with the database in the middle of a delivery."""

    kind = "stores"

    def __init__(self, act) -> None:
        self.act = act

    async def deliver(self, endpoint, message):
        self.act()
        return Receipt(200, 1, "half a character \udc80 and a NUL \x00")


def test_a_database_that_drops_every_connection_in_mid_run_costs_nothing(ground):
    def drop() -> None:
        with ground.store.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )

    ground.change(notifiers={"stores": Stores(drop)})
    ground.endpoint("A", "stores:1", kind="stores")
    ids = ground.send("A", 3)
    assert ground.run().counts["delivered"] == 3
    assert ground.states(ids) == {"delivered"}


def test_a_result_that_comes_after_its_lease_is_kept_as_late(ground):
    def overtake() -> None:
        ground.clock.advance(1_000)
        with ground.store.begin() as connection:
            ready = endpoints.ready(connection, ["stores"], ground.clock.now())
            options = {"limit": 9, "now": ground.clock.now(), "lease_s": 45.0, "per_organisation": 9}
            assert leases.claim(connection, ready, **options)

    ground.change(notifiers={"stores": Stores(overtake)})
    ground.endpoint("A", "stores:1", kind="stores")
    [message_id] = ground.send("A")
    assert ground.run().counts["late"] == 1
    assert ground.message(message_id).state == "waiting"


def test_nothing_is_sent_under_a_lease_that_would_end_before_the_result_is_written(ground):
    slow = iter([40.0])
    ground.change(notifiers={"stores": Stores(lambda: ground.clock.advance(next(slow, 0.0)))})
    ground.endpoint("A", "stores:1", kind="stores")
    ids = ground.send("A", 10)
    assert ground.run().counts == {"delivered": 10, "deferred": 0, "failed": 0, "late": 0, "waiting": 0}
    with ground.store.begin() as connection:
        tokens = connection.execute(text("SELECT lease_token FROM outbox ORDER BY sequence")).scalars().all()
    # A claim raises the token by one and so does a result: what was claimed twice ends at three.
    assert set(tokens) == {2, 3}
    assert {ground.message(message_id).attempts for message_id in ids} == {1}


def test_a_lease_shorter_than_writing_a_result_may_take_is_refused(ground):
    ground.change(lease_s=10.0)
    with pytest.raises(ValueError):
        ground.run()


def test_a_stop_finishes_what_is_under_way_and_gives_back_the_rest(ground):
    receiver = ground.department("A")
    receiver.script(Fault.slow(0.2))
    ids = ground.send("A", 16)
    deliverer = Deliverer(ground.deps, until_empty=False)
    reports = []
    worker = threading.Thread(target=lambda: reports.append(deliverer.run()))
    worker.start()
    assert receiver.wait_for(1)
    deliverer.stop()
    worker.join()
    assert reports[0].counts["delivered"] == len(receiver.deliveries) < 16
    receiver.script()
    assert ground.run().counts["delivered"] == 16 - reports[0].counts["delivered"]
    assert receiver.effects == dict.fromkeys(ids, 1)
    assert len(receiver.deliveries) == 16, "nothing was sent twice, and nothing waited for a lease to end"


def test_a_deliverer_that_goes_on_takes_up_new_messages_when_it_is_told(ground):
    receiver = ground.department("A")
    ground.change(poll_s=600.0)
    deliverer = Deliverer(ground.deps, until_empty=False)
    worker = threading.Thread(target=deliverer.run)
    worker.start()
    try:
        for round_ in (1, 2):
            ground.send("A")
            while not receiver.wait_for_effects(round_, timeout_s=0.2):
                deliverer.wake()
    finally:
        deliverer.stop()
        worker.join()
    assert receiver.effects.total() == 2


def test_no_more_messages_are_taken_up_than_were_asked_for(ground):
    receiver = ground.department("A")
    ground.send("A", 10)
    assert ground.run(limit=4).counts["delivered"] == 4
    assert len(receiver.deliveries) == 4


def test_whoever_listens_is_told_of_each_end_and_may_raise(ground):
    told = []

    def listen(message_id: str, organisation: str, state: str) -> None:
        told.append((message_id, organisation, state))
        raise ValueError(message_id)

    ground.change(on_settled=listen, schedule=type(ground.deps.schedule)(max_attempts=1))
    a, b = ground.department("A"), ground.department("B")
    b.script(Fault.fails())
    ids = [*ground.send("A"), *ground.send("B")]
    report = ground.run()
    assert sorted(told) == sorted([(ids[0], "A", "delivered"), (ids[1], "B", "failed")])
    assert Code.PLUGIN_FAILED in {problem.code for problem in report.problems}
    assert a.effects.total() == 1


def test_a_receiver_that_is_started_again_knows_the_messages_that_had_their_effect(ground, tmp_path):
    secret, file = generate_secret(), tmp_path / "effects"
    with DepartmentReceiver("A", secret, effects_file=file, clock=ground.clock) as receiver:
        ground.endpoint("A", receiver.url, secret)
        [message_id] = ground.send("A")
        ground.run()
    with DepartmentReceiver("A", secret, effects_file=file, clock=ground.clock) as receiver:
        ground.endpoint("A", receiver.url, secret)
        with ground.store.begin() as connection:
            outbox.redeliver(connection, message_id, ground.clock.now())
        assert ground.run().counts["delivered"] == 1
        assert len(receiver.deliveries) == 1
        assert receiver.effects == {message_id: 1}
    assert file.read_text().split() == [message_id]


def test_a_database_that_is_away_ends_the_run_with_what_to_do(ground):
    away = Store("postgresql+psycopg://nobody:x@127.0.0.1:9/none")
    ground.change(store=away)
    with pytest.raises(StoreUnavailable) as caught:
        ground.run()
    away.close()
    assert caught.value.code is Code.STORE_UNAVAILABLE
