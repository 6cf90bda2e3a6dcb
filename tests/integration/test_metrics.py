"""Metrics: every figure exact, from the database alone, at a cost that history does not raise."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from hub.clock import ManualClock
from hub.metrics.catalog import METRICS
from hub.metrics.collector import HubCollector
from hub.runtime.hub import Hub
from hub.scheduler import Scheduler, run_once
from hub.store import quarantine
from hub.store.engine import Store
from hub.store.figures import TOTALS, FigureReader
from hub.store.growing import Growing, kept_rows
from hub.store.migrate import HEAD
from tests.db import NOW
from tests.support.hubs import county_hub, scripted_hub
from tests.support.left_out import find_program
from tests.support.scripted import played, record

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(hub: Hub, *extra: Any) -> Samples:
    """Every sample of a scrape by name and sorted labels."""
    page = HubCollector(hub, *extra).page({})
    assert page.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
    }


def one(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def total(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (sample, found), value in samples.items()
        if sample == name and labels.items() <= dict(found).items()
    )


def count(store: Store, statement: str) -> float:
    with store.begin() as connection:
        return float(connection.execute(text(statement)).scalar_one())


@pytest.fixture
def plain_hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    pages = played(
        [record("A1"), record("A2"), record("A3", bad=True)], [record("A1"), record("B1", minute=9)]
    )
    with scripted_hub(database_url, tmp_path, {"window": pages}, clock=ManualClock(NOW)) as hub:
        yield hub


def test_a_county_s_day_gives_every_metric_of_the_catalog_figures_that_the_tables_confirm(
    database_url: str, tmp_path: Path
) -> None:
    with county_hub(database_url, tmp_path / "county") as (hub, _):
        run_once(hub)
        samples = scraped(hub, Scheduler(hub).metrics)
        store = hub.store
        assert one(samples, "hub_database_up") == 1
        assert (
            total(samples, "hub_records_collected_total")
            == count(store, "SELECT sum(collected) FROM run")
            > 0
        )
        assert total(samples, "hub_records") == total(samples, "hub_records_collected_total")
        assert total(samples, "hub_records", outcome="stored") == count(
            store, "SELECT count(*) FROM raw_record WHERE outcome = 'stored'"
        )
        assert total(samples, "hub_quarantine_open") == count(store, "SELECT count(*) FROM quarantine")
        streams = sum(len(source.channel.streams) for source in hub.sources()[0].values())
        assert streams > 2
        assert total(samples, "hub_runs_total", step="collect", state="done") == streams
        assert total(samples, "hub_run_duration_seconds_count", step="collect") == streams
        assert total(samples, "hub_signals_total") == count(store, "SELECT count(*) FROM signal") > 0
        assert total(samples, "hub_signals_open") == count(
            store, "SELECT count(*) FROM signal WHERE state = 'open'"
        )
        issued = count(store, "SELECT count(*) FROM warning")
        assert total(samples, "hub_warnings_total") == total(samples, "hub_warnings_open") == issued > 0
        # What rests on cases, ratings or findings alone was received with no demand.
        rests = count(
            store,
            "SELECT count(*) FROM warning JOIN signal USING (signal_id) WHERE cardinality(demand_ids) > 0",
        )
        assert total(samples, "hub_warning_delay_seconds_count", since="received") == rests > 0
        assert total(samples, "hub_warning_delay_seconds_count", since="submitted") == rests
        assert total(samples, "hub_orders_total") == count(store, "SELECT count(*) FROM orders") > 0
        assert total(samples, "hub_orders_open", state="created") == total(samples, "hub_orders_total")
        delivered = count(store, "SELECT count(*) FROM outbox WHERE state = 'delivered'")
        assert total(samples, "hub_delivery_attempts_total", outcome="delivered") == delivered > 0
        assert total(samples, "hub_delivery_latency_seconds_count") == delivered
        assert total(samples, "hub_delivery_attempt_duration_seconds_count", outcome="delivered") == delivered
        assert total(samples, "hub_pending", step="deliver") == total(
            samples, "hub_outbox_messages", state="waiting"
        )
        assert one(samples, "hub_channel_interval_seconds", instance="portal") == 5
        assert one(samples, "hub_keys", purpose="seal", state="active") == 1
        assert total(samples, "hub_plugins", state="loaded") >= 3
        assert total(samples, "hub_plugins", state="broken") == 0
        newest = count(
            store, "SELECT extract(epoch FROM max(finished_at)) FROM run WHERE instance = 'portal'"
        )
        last = total(samples, "hub_last_success_timestamp_seconds", instance="portal")
        assert last == pytest.approx(newest)
        assert 0 < total(samples, "hub_last_run_timestamp_seconds", instance="portal") <= last
        assert total(samples, "hub_stream_position_timestamp_seconds", instance="portal") > 0
        assert total(samples, "hub_database_size_bytes") > 1_000_000
        assert total(samples, "hub_loop_up") == 0  # a scheduler that was not started
        assert total(samples, "hub_loop_passes_total") == 0
        assert one(samples, "hub_build_info", version="0.1.0", sdk="1.0", schema=HEAD) == 1


EXPECTED = {
    "hub_build_info", "hub_database_up", "hub_database_size_bytes", "hub_sealed_values", "hub_keys", "hub_plugins",
    "hub_plugin_failures_total", "hub_channel_interval_seconds", "hub_last_run_timestamp_seconds",
    "hub_last_success_timestamp_seconds", "hub_stream_position_timestamp_seconds", "hub_runs_total", "hub_runs_running",
    "hub_run_duration_seconds", "hub_records_collected_total", "hub_records", "hub_push_requests_total", "hub_push_duration_seconds",
    "hub_push_bytes_total", "hub_circuit_open", "hub_quarantine_open",
    "hub_pending", "hub_pending_oldest_timestamp_seconds", "hub_signals_total", "hub_signals_open", "hub_signals_held", "hub_signals_overdue", "hub_warnings_total",
    "hub_warnings_open", "hub_warnings_plan_overdue", "hub_warning_delay_seconds", "hub_orders_total", "hub_orders_open", "hub_outbox_messages",
    "hub_endpoints_disabled", "hub_delivery_attempts_total", "hub_delivery_attempt_duration_seconds",
    "hub_delivery_latency_seconds", "hub_loop_up", "hub_loop_passes_total", "hub_loop_errors_total",
    "hub_loop_last_pass_timestamp_seconds",
}  # fmt: skip


def test_a_scrape_names_exactly_the_metrics_of_the_catalog(plain_hub: Hub) -> None:
    run_once(plain_hub)
    body = HubCollector(plain_hub, Scheduler(plain_hub).metrics).page({}).body.decode()
    assert set(re.findall(r"^# TYPE (\S+) ", body, re.MULTILINE)) == EXPECTED
    assert {metric.name for metric in METRICS} == EXPECTED


def test_labels_come_from_configuration_and_code_lists_never_from_records(plain_hub: Hub) -> None:
    run_once(plain_hub)
    allowed = {label for metric in METRICS for label in metric.labels} | {"le"}
    personal = {"A1", "A2", "A3", "B1"}
    for _, labels in scraped(plain_hub):
        assert {name for name, _ in labels} <= allowed
        assert not personal & {value for _, value in labels}


def test_records_move_between_outcomes_long_after_their_run_and_the_figures_follow(plain_hub: Hub) -> None:
    clock = plain_hub.clock
    assert isinstance(clock, ManualClock)
    run_once(plain_hub)
    collector = HubCollector(plain_hub)
    reader = FigureReader(plain_hub.store)

    def outcomes() -> dict[str, float]:
        found: dict[str, float] = {}
        for (step, *_), values in reader.read(clock.now())["runs"].items():
            if step == "collect":
                for name, value in zip(
                    ("stored", "duplicate", "quarantined", "pending"), values[2:6], strict=True
                ):
                    found[name] = found.get(name, 0.0) + value
        return found

    assert outcomes() == {"stored": 3, "duplicate": 1, "quarantined": 1, "pending": 0}
    clock.advance(30 * 86_400)  # the run is settled history by now
    run_once(plain_hub)
    before = outcomes()
    with plain_hub.store.begin() as connection:
        assert quarantine.replay(connection, clock.now(), instance="window") == 1
    assert outcomes() == {**before, "quarantined": before["quarantined"] - 1, "pending": 1}
    plain_hub.normalize()
    assert outcomes() == before
    assert b"hub_records" in collector.page({}).body


def test_totals_of_a_long_lived_process_equal_those_of_a_new_one(plain_hub: Hub) -> None:
    clock = plain_hub.clock
    assert isinstance(clock, ManualClock)
    old = FigureReader(plain_hub.store)
    for _ in range(4):
        run_once(plain_hub)
        long_lived = old.read(clock.now())
        assert long_lived == FigureReader(plain_hub.store).read(clock.now())
        clock.advance(3_000)
    assert sum(values[0] for values in long_lived["runs"].values()) >= 4


def rows_read(store: Store) -> int:
    """How many rows the database has touched so far in the tables behind the figures, by scans of either kind."""
    with store.connect() as connection:  # the pool's only connection: the one whose counts are waited for
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.execute(text("SELECT 1"))
        found = connection.execute(
            text(
                "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables "
                "WHERE relname IN ('run', 'delivery_attempt', 'outbox', 'signal', 'warning', 'orders', 'demand')"
            )
        )
        return int(found.scalar_one())


def _history(store: Store, days: int, now: datetime) -> None:
    """Runs every five minutes, deliveries, signals, warnings and orders, ``days`` back from two hours ago."""
    with store.begin() as connection:
        values = {"until": now - timedelta(hours=2), "n": days * 288}
        connection.execute(
            text(
                "INSERT INTO run (step, instance, stream, state, started_at, heartbeat_at, finished_at, collected, stored) "
                "SELECT 'collect', 'window', 'main', 'done', t, t, t + interval '1 second', 5, 5 "
                "FROM (SELECT CAST(:until AS timestamptz) - (:n - i) * interval '5 minutes' AS t "
                "FROM generate_series(1, :n) i) s ORDER BY t"
            ),
            values,
        )
        connection.execute(
            text(
                "INSERT INTO outbox (message_id, organisation, event_type, body, state, next_at, created_at, settled_at) "
                "SELECT 'M' || lpad(i::text, 10, '0'), 'office', 'order.created', '', 'delivered', t, t, t FROM "
                "(SELECT i, CAST(:until AS timestamptz) - (:n - i) * interval '5 minutes' AS t "
                "FROM generate_series(1, :n) i) s"
            ),
            values,
        )
        connection.execute(
            text(
                "INSERT INTO delivery_attempt (message_id, number, started_at, duration_ms, status, outcome) "
                "SELECT message_id, 1, created_at, 40, 204, 'delivered' FROM outbox ORDER BY created_at"
            )
        )
        connection.execute(
            text(
                "INSERT INTO signal (signal_id, rule_id, rule_version, params, subject, key, state, level, historical, "
                "window_from, window_to, metric, value, threshold, demand_ids, reporters, summary, auto_issue, "
                "first_seen_at, last_seen_at) SELECT 'S' || message_id, 'W08', '1', '{}', 'demand', 'k', 'warned', 1, false, "
                "created_at, created_at, 'm', 1, 1, '{D}', 1, 's', true, created_at, created_at FROM outbox"
            )
        )
        connection.execute(
            text(
                "INSERT INTO warning (warning_id, warning_no, signal_id, rule_id, level, state, issued_at, issued_by, reason, "
                "dispatched_at) SELECT 'W' || signal_id, 'W' || signal_id, signal_id, 'W08', 1, 'closed', first_seen_at, 'r', "
                "'r', first_seen_at FROM signal"
            )
        )
        connection.execute(
            text(
                "INSERT INTO orders (order_id, order_no, origin, origin_id, organisation, role, level, state, routed_by, "
                "created_at) SELECT 'O' || warning_id, 'O' || warning_id, 'warning', warning_id, 'office', 'host', 1, 'closed', "
                "'t', issued_at FROM warning"
            )
        )


def test_a_scrape_reads_no_more_rows_with_a_long_history_than_with_a_short_one(store: Store) -> None:
    read: dict[int, int] = {}
    now = NOW
    for days in (2, 20):
        _clear(store)
        _history(store, days, now)
        with store.connect() as connection:
            connection.execute(text("ANALYZE"))
        reader = FigureReader(store)
        first = reader.read(now)
        assert sum(values[0] for values in first["runs"].values()) == days * 288
        before = rows_read(store)
        again = reader.read(now + timedelta(seconds=15))
        assert again["runs"] == first["runs"]
        assert again["deliveries"] == first["deliveries"] != {}
        read[days] = rows_read(store) - before
    assert read[20] <= read[2] + 50
    assert read[20] < 500


def totals(reader: FigureReader, now: datetime) -> dict[str, object]:
    """What a reader tells of the tables that grow."""
    found = reader.read(now)
    return {question.name: found[question.name] for question in TOTALS}


def test_the_first_scrape_of_a_new_process_reads_only_what_came_after_the_totals_that_are_kept(
    store: Store,
) -> None:
    read: dict[int, int] = {}
    for days in (2, 20):
        _clear(store)
        _history(store, days, NOW)
        with store.connect() as connection:
            connection.execute(text("ANALYZE"))
        told = totals(FigureReader(store), NOW)
        before = rows_read(store)
        assert totals(FigureReader(store), NOW + timedelta(minutes=1)) == told
        read[days] = rows_read(store) - before
    assert told["orders"] == {("office",): [20 * 288.0]}
    assert read[20] <= read[2] + 50
    assert read[20] < 500


def test_a_hub_that_was_never_scraped_keeps_its_totals_all_the_same(plain_hub: Hub) -> None:
    _history(plain_hub.store, 20, NOW)
    scheduler = Scheduler(plain_hub)
    scheduler.start()
    try:
        upkeep = next(loop for loop in scheduler.loops if loop.name == "upkeep")
        until = time.monotonic() + 30
        while not upkeep.passes and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        scheduler.stop()
    with plain_hub.store.begin() as connection:
        kept = kept_rows(connection)[TOTALS[0].kept_as]
    assert sum(values[0] for values in kept.totals.values()) == 20 * 288


def test_a_long_history_is_counted_in_slices_and_a_process_that_dies_leaves_the_next_one_less_to_do(
    store: Store,
) -> None:
    _history(store, 3, NOW)
    whole = totals(FigureReader(store), NOW)
    with store.begin() as connection:
        connection.execute(text("TRUNCATE figure_total"))
    runs = Growing(TOTALS[0], slice_rows=100)
    for _ in range(2):  # the process dies here
        with store.begin() as connection:
            assert not runs.advance(connection, NOW)
    with store.begin() as connection:
        (kept,) = kept_rows(connection).values()
    assert sum(values[0] for values in kept.totals.values()) == 200
    assert totals(FigureReader(store, slice_rows=100), NOW) == whole


def test_two_processes_that_count_at_once_count_every_row_once(store: Store) -> None:
    _history(store, 3, NOW)
    whole = totals(FigureReader(store), NOW)
    with store.begin() as connection:
        connection.execute(text("TRUNCATE figure_total"))
    readers = [FigureReader(store, slice_rows=50) for _ in range(3)]
    with ThreadPoolExecutor(len(readers)) as threads:
        assert list(threads.map(lambda reader: totals(reader, NOW), readers)) == [whole] * 3


def test_totals_outlive_the_rows_that_retention_removes(store: Store) -> None:
    _history(store, 3, NOW)
    told = FigureReader(store).read(NOW)["attempts"]
    with store.begin() as connection:
        connection.execute(text("DELETE FROM delivery_attempt"))
    assert FigureReader(store).read(NOW + timedelta(hours=1))["attempts"] == told


def test_an_account_that_may_only_read_counts_for_itself(store: Store, database_url: str) -> None:
    _history(store, 2, NOW)
    scheme, _, rest = database_url.partition("://")
    with store.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS onlooker"))
        connection.execute(text("CREATE ROLE onlooker LOGIN PASSWORD 'onlooker'"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker"))
    onlooker = Store(f"{scheme}://onlooker:onlooker@{rest.partition('@')[2]}")
    try:
        reader = FigureReader(onlooker, slice_rows=100)
        told = totals(reader, NOW)
        before = rows_read(store)
        assert totals(reader, NOW + timedelta(seconds=15)) == told
        assert rows_read(store) - before < 500
        with store.begin() as connection:
            assert kept_rows(connection) == {}
        assert told == totals(FigureReader(store), NOW)
    finally:
        onlooker.close()
        with store.begin() as connection:
            connection.execute(text("DROP OWNED BY onlooker"))
            connection.execute(text("DROP ROLE onlooker"))


def _clear(store: Store) -> None:
    with store.begin() as connection:
        # What scores rest on lets nobody empty it; here it is empty.
        kept = connection.execute(
            text(
                "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'score%'"
            )
        )
        for table in [row[0] for row in kept]:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(
            text("TRUNCATE run, outbox, delivery_attempt, orders, warning, signal, figure_total CASCADE")
        )


def test_what_commits_late_under_a_smaller_id_is_counted_all_the_same(store: Store) -> None:
    reader = FigureReader(store)
    insert = text(
        "INSERT INTO run (step, state, started_at, heartbeat_at, finished_at) VALUES ('evaluate', 'done', :at, :at, :at)"
    )
    with store.begin() as slow:
        slow.execute(insert, {"at": NOW})
        with store.begin() as quick:
            quick.execute(insert, {"at": NOW})
        assert reader.read(NOW + timedelta(minutes=5))["runs"]["evaluate", "", "", "done"][0] == 1
    assert reader.read(NOW + timedelta(minutes=6))["runs"]["evaluate", "", "", "done"][0] == 2
    assert reader.read(NOW + timedelta(days=2))["runs"]["evaluate", "", "", "done"][0] == 2


def test_while_the_database_is_away_a_scrape_succeeds_and_says_so(tmp_path: Path) -> None:
    with scripted_hub("postgresql://hub:x@127.0.0.1:1/hub", tmp_path, {"window": played([])}) as hub:
        samples = scraped(hub)
    assert one(samples, "hub_database_up") == 0
    assert total(samples, "hub_channel_interval_seconds") == 3_600
    assert not any(name == "hub_records" for name, _ in samples)


def test_asking_for_metrics_makes_no_key_file(database_url: str, tmp_path: Path) -> None:
    with scripted_hub(database_url, tmp_path, {"window": played([])}) as hub:
        assert one(scraped(hub), "hub_database_up") == 1
    assert not (tmp_path / "keys.json").exists()


def test_the_reference_in_the_docs_has_a_heading_for_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\S+)$", page, re.MULTILINE)) == EXPECTED


@pytest.mark.debian("prometheus")
def test_prometheus_own_linter_finds_nothing_to_say(database_url: str, tmp_path: Path) -> None:
    with county_hub(database_url, tmp_path / "county") as (hub, _):
        run_once(hub)
        body = HubCollector(hub, Scheduler(hub).metrics).page({}).body
    program = find_program("prometheus")
    assert program is not None
    done = subprocess.run([program, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
