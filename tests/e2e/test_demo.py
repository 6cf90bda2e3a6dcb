"""The demo: the whole way on seeded input, its figures against the planted truth, and nothing personal anywhere in plain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from hub.clock import SystemClock
from hub.county.demo import Pass, one_pass, open_demo
from hub.county.simulated import WORLD, SimulatedCounty
from hub.county.sites import SITES, channel_of, installed
from hub.county.world.batches import Batches
from hub.county.world.people import Person
from hub.metrics.collector import HubCollector
from hub.runtime.hub import Hub

SEED = 11


@dataclass
class Walked:
    """A demo after its first pass, with everything still running."""

    hub: Hub
    county: SimulatedCounty
    first: Pass
    arrived: dict[str, int]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    home = tmp_path_factory.mktemp("demo")
    with open_demo(home / "county", SystemClock(), seed=SEED) as (hub, county):
        arrived = county.next_batch()
        first = one_pass(hub)
        yield Walked(hub, county, first, arrived)


def dumped(hub: Hub) -> dict[str, bytes]:
    """Every table's rows as bytes; binary values as they are, so that text inside them is found."""
    found = {}
    with hub.store.begin() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ).scalars()
        for table in list(tables):
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
            found[table] = b"\n".join(_plain(value) for row in rows for value in row)
    return found


def _plain(value: Any) -> bytes:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    return json.dumps(value, ensure_ascii=False, default=str).encode()


def traces(person: Person) -> list[bytes]:
    return [trace.encode() for trace in (person.phone, person.id_no, person.email, person.name)]


def seen_by_rules(walked: Walked) -> dict[str, list[set[str]]]:
    """Rule -> the numbers of the demands of each of its signals."""
    with walked.hub.store.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT g.rule_id, array_agg(d.source_no) FROM signal g JOIN demand d ON d.demand_id = ANY(g.demand_ids) GROUP BY g.signal_id, g.rule_id"
            )
        ).all()
    found: dict[str, list[set[str]]] = {}
    for rule, numbers in rows:
        found.setdefault(rule, []).append(set(numbers))
    return found


def planted_for(walked: Walked, rule: str) -> list[set[str]]:
    """The numbers of each planted event that the rule should see, as far as a channel that is installed brought them."""
    return [
        {number for channel, number in event.numbers if channel in walked.county.sites}
        for event in walked.county.planted.events
        if rule in event.rules and event.must_fire
    ]


def test_every_channel_reconciles_and_quarantine_holds_exactly_the_planted_bad_records(
    walked: Walked,
) -> None:
    assert walked.first.reconciles
    assert walked.first.problems == []
    quarantined = {name: counts.quarantined for name, counts in walked.first.channels.items()}
    assert quarantined == walked.county.planted.bad
    assert all(counts.collected and counts.stored for counts in walked.first.channels.values())


def test_what_is_said_to_be_new_is_what_is_collected_where_a_source_lists_its_records(walked: Walked) -> None:
    collected = {name: counts.collected for name, counts in walked.first.channels.items()}

    for channel in {"app", "portal", "hotline", "eagle_eye", "mailbox"} & set(installed()):
        assert walked.arrived[channel] == collected[channel], channel


def test_every_channel_that_is_installed_has_its_site(walked: Walked) -> None:
    assert set(walked.county.sites) == set(installed())
    assert set(walked.first.channels) == set(walked.county.sites) <= set(SITES)
    notice = {"portal", "app", "mailbox", "hotline", "eagle_eye", "presubmission_window", "unresolved_window"}
    channels = {channel_of(instance) for instance in walked.first.channels}
    assert notice | {"inspection", "observer", "leader_visit"} == channels
    assert {"mailbox", "mailbox_web"} <= set(walked.first.channels)


def test_signals_name_exactly_the_planted_persons_and_the_planted_dangers(walked: Walked) -> None:
    seen = seen_by_rules(walked)
    for rule in ("W01", "W08"):
        found = seen[rule]
        planted = planted_for(walked, rule)
        assert sorted(map(sorted, found)) == sorted(map(sorted, planted)), rule


def test_look_alikes_are_planted_and_none_of_them_is_signalled(walked: Walked) -> None:
    look_alikes = [event for event in walked.county.planted.events if not event.must_fire]
    assert {event.kind for event in look_alikes} >= {"chasing", "shared_phone", "alarming_words"}
    seen = seen_by_rules(walked)
    for event in look_alikes:
        numbers = {number for _, number in event.numbers}
        assert [rule for rule in event.rules if any(numbers & found for found in seen[rule])] == [], (
            event.kind
        )


def test_each_warning_is_told_or_becomes_an_order_and_is_delivered_once(walked: Walked) -> None:
    totals = walked.first.totals
    planted = len(planted_for(walked, "W01")) + len(planted_for(walked, "W08"))
    assert planted == 4 <= totals["orders"] <= totals["warnings"] == totals["delivered"] <= totals["signals"]
    effects = [count for receiver in walked.county.receivers.values() for count in receiver.effects.values()]
    assert effects == [1] * totals["delivered"]


def test_the_public_library_verifies_every_delivery_and_refuses_a_tampered_one(walked: Walked) -> None:
    seen = 0
    for receiver in walked.county.receivers.values():
        verifier = Webhook(receiver.secrets[0])
        for delivery in receiver.deliveries:
            headers = {name.lower(): value for name, value in delivery.headers}
            assert verifier.verify(delivery.body, headers)["type"] in ("order.created", "warning.issued")
            with pytest.raises(WebhookVerificationError):
                verifier.verify(delivery.body.replace(b"n", b"m", 1), headers)
            seen += 1
    assert seen == walked.first.totals["delivered"] >= 4


def test_no_table_holds_a_reporters_phone_id_name_or_address_in_plain(walked: Walked) -> None:
    people = walked.county.people
    assert len(people) > 200
    leaks = [
        (table, kind)
        for table, content in dumped(walked.hub).items()
        for person in people
        for kind, trace in zip(("phone", "id_no", "email", "name"), traces(person), strict=True)
        if trace in content
    ]
    assert leaks == []


def test_neither_server_log_nor_metrics_nor_messages_hold_a_reporters_data(walked: Walked) -> None:
    registry = CollectorRegistry()
    registry.register(HubCollector(walked.hub))
    places = {"metrics": generate_latest(registry)}
    places |= {str(file): file.read_bytes() for file in (walked.county.home / "hub").rglob("*.log")}
    places |= {
        f"delivery to {code}": delivery.body
        for code, receiver in walked.county.receivers.items()
        for delivery in receiver.deliveries
    }
    assert b"hub_" in places["metrics"]
    leaks = [
        place
        for place, content in places.items()
        for person in walked.county.people
        if any(trace in content for trace in traces(person))
    ]
    assert leaks == []


def hub_command(home: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        env=environment | {"HUB_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def people_of(county: Path, seed: int) -> list[Person]:
    """Everybody whose data has reached this county so far."""
    memory = json.loads((county / "county.json").read_text(encoding="utf-8"))
    batches = Batches(seed)
    for number, moment in enumerate(memory["batches"]):
        batches.batch(number, datetime.fromisoformat(moment))
    return list(batches.truth.people.values())


def leaks(person: Person, printed: str) -> bool:
    return any(trace in printed.encode() for trace in traces(person))


def test_a_second_run_of_the_command_collects_only_what_is_new(tmp_path: Path) -> None:
    documents = []
    for _ in range(2):
        worker = hub_command(tmp_path, "demo", "--once", "--seed", "3", "--json", "--log-level", "debug")
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
        documents.append(json.loads(out))
        assert [
            person.name for person in people_of(tmp_path / f"demo-{WORLD}", 3) if leaks(person, out + err)
        ] == []
    first, second = documents
    assert all(first["totals"][name] for name in ("signals", "warnings", "orders", "delivered"))
    assert set(first["channels"]) == set(second["channels"]) == set(installed())
    for channel in first["channels"]:
        assert 0 < second["channels"][channel]["stored"] < first["channels"][channel]["stored"]
    # What was warned of in the first run is delivered by the first alone.
    received = [
        message
        for file in (tmp_path / f"demo-{WORLD}").glob("received-*.txt")
        for message in file.read_text("ascii").split()
    ]
    delivered = [document["totals"]["delivered"] for document in documents]
    assert delivered[1] < delivered[0]
    assert len(received) == len(set(received)) == sum(delivered)
    assert all(document["reconciles"] for document in documents)


def test_ctrl_c_ends_the_demo_and_leaves_nothing_running(tmp_path: Path) -> None:
    worker = hub_command(tmp_path, "demo", start_new_session=True)
    assert worker.stdout is not None
    lines = []
    for line in worker.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    worker.send_signal(signal.SIGINT)
    out, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert "nothing is left running" in out
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout
    assert left == ""
