"""Several delivering processes at once, and processes that are killed in the middle: every effect once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from hub.clock import ManualClock, SystemClock
from hub.county.receivers import Fault
from hub.seal.keyfile import write_ring
from tests.db import NOW
from tests.support.delivering import Ground

DELIVER = """
import sys
from datetime import datetime
from pathlib import Path
from hub.builtin.webhook import WebhookNotifier
from hub.clock import ManualClock, SystemClock
from hub.pipeline.deliver import DeliverDeps, run
from hub.seal import KeyFile, Sealer
from hub.store.engine import Store

url, keys, now = sys.argv[1:]
clock = SystemClock() if now == "now" else ManualClock(datetime.fromisoformat(now))
store = Store(url)
deps = DeliverDeps(store, {"webhook": WebhookNotifier(clock)}, Sealer(KeyFile(Path(keys)).ring()), clock, concurrency=8)
report = run(deps)
store.close()
print(report.counts["delivered"])
"""


@pytest.fixture
def key_file(ring, tmp_path):
    path = tmp_path / "keys.json"
    write_ring(path, ring)
    return path


@pytest.fixture
def process(database_url, key_file):
    """Starts a process that delivers what is due, at the clock's time, and ends; killed at the latest with the test."""

    @contextmanager
    def started(clock, **environment):
        now = "now" if isinstance(clock, SystemClock) else clock.now().isoformat()
        running = subprocess.Popen(
            [sys.executable, "-c", DELIVER, database_url, str(key_file), now],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        try:
            yield running
        finally:
            running.kill()
            running.communicate()

    return started


@pytest.fixture
def ground_of(store, ring):
    with ExitStack() as stack:
        yield lambda clock: Ground(store, ring, clock, stack)


def test_two_processes_at_once_send_every_message_once(ground_of, process):
    clock = SystemClock()
    ground = ground_of(clock)
    receivers = {name: ground.department(name) for name in ("A", "B", "C")}
    ids = {
        name: ground.send(name, 30, order_id=f"order-{name}") + ground.send(name, 100) for name in receivers
    }
    # In the county's zone, where a careless signer is eight hours off.
    with process(clock, TZ="Asia/Shanghai") as one, process(clock, TZ="Asia/Shanghai") as other:
        counts = [int(running.communicate()[0]) for running in (one, other)]
    assert sum(counts) == 390
    for name, receiver in receivers.items():
        assert receiver.effects == dict.fromkeys(ids[name], 1)
        assert len(receiver.deliveries) == 130
        in_order = [d.message_id for d in receiver.deliveries if d.message_id in set(ids[name][:30])]
        assert in_order == ids[name][:30]
        for delivery in receiver.deliveries[::50]:
            Webhook(receiver.secrets[0]).verify(delivery.body, dict(delivery.headers))


def test_a_process_killed_between_sending_and_writing_the_result_leaves_one_effect(ground_of, process):
    clock = ManualClock(NOW)
    ground = ground_of(clock)
    receiver = ground.department("A")
    receiver.script(Fault.hangs(times=1, after_effect=True))
    [message_id] = ground.send("A")
    with process(clock) as running:
        assert receiver.wait_for(1)
        running.kill()
        running.wait()
    assert ground.run().counts["delivered"] == 0, "the dead process's lease stands"
    clock.advance(61)
    assert ground.run().counts["delivered"] == 1
    assert [d.message_id for d in receiver.deliveries] == [message_id, message_id]
    assert receiver.effects == {message_id: 1}
    assert [attempt.number for attempt in ground.attempts(message_id)] == [1]


def test_processes_killed_at_random_points_lose_nothing_and_double_no_effect(ground_of, process):
    clock = ManualClock(NOW)
    ground = ground_of(clock)
    receivers = {name: ground.department(name) for name in ("A", "B")}
    ids = {
        name: ground.send(name, 20, order_id=f"order-{name}") + ground.send(name, 200) for name in receivers
    }
    chance = random.Random(7)
    for _ in range(6):
        receiver = receivers[chance.choice("AB")]
        with process(clock) as running:
            receiver.wait_for(len(receiver.deliveries) + chance.randrange(1, 30))
            running.kill()
            running.wait()
        clock.advance(61)
    with process(clock) as running:
        out, err = running.communicate()
    assert running.returncode == 0, err.decode()
    assert int(out) > 0, "the kills left nothing to do: they came too late to prove anything"
    for name, receiver in receivers.items():
        assert receiver.effects == dict.fromkeys(ids[name], 1)
        assert ground.states(ids[name]) == {"delivered"}
        firsts = list(dict.fromkeys(d.message_id for d in receiver.deliveries))
        assert [one for one in firsts if one in set(ids[name][:20])] == ids[name][:20]


def test_one_process_whose_clock_is_behind_does_not_take_what_another_holds(ground_of):
    ground = ground_of(ManualClock(NOW))
    receiver = ground.department("A")
    ground.send("A", 3)
    behind = ground_of(ManualClock(NOW - timedelta(seconds=30)))
    assert behind.run().counts["delivered"] == 0
    assert ground.run().counts["delivered"] == 3
    assert len(receiver.deliveries) == 3
