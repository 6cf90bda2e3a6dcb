"""The scheduler in this process: loops that outlive faults, stop between pages, and one full pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from sqlalchemy import event, text

from hub.clock import ManualClock
from hub.errors import Code, ConfigError, SourceUnavailable
from hub.model.report import Report
from hub.runtime import logs
from hub.runtime.hub import Hub
from hub.scheduler import Scheduler, run_once
from hub.sdk.channel import Page, Window
from hub.store.engine import Store
from tests.db import NOW
from tests.support.hubs import scripted_hub, until
from tests.support.scripted import played, record


class Told:
    """Reports as a scheduler tells them, to be waited for."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._changed = threading.Condition()

    def __call__(self, report: Report) -> None:
        with self._changed:
            self.reports.append(report)
            self._changed.notify_all()

    def wait_for(self, step: str, subject: str | None = None) -> Report:
        def found() -> list[Report]:
            return [r for r in self.reports if r.step == step and (subject is None or r.subject == subject)]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(found()), 60), f"no report of {step}"
            return found()[0]


@contextmanager
def running(hub: Hub, told: Told) -> Iterator[Scheduler]:
    scheduler = Scheduler(hub, on_report=told)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """The log as JSON lines on this test's stderr."""
    logs.configure("info", "json")
    yield capsys
    structlog.reset_defaults()


def rows(store: Store, statement: str) -> list[tuple[object, ...]]:
    with store.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_a_source_that_hangs_delays_only_itself_and_is_left_behind_at_the_end(
    database_url: str, tmp_path: Path
) -> None:
    hangs, release, told = threading.Event(), threading.Event(), Told()

    def silent(window: Window) -> Iterator[Page]:
        hangs.set()
        release.wait(60)
        yield Page([])

    scripts = {"silent": silent, "quick": played([record("A1")])}
    with scripted_hub(database_url, tmp_path, scripts) as hub:
        scheduler = Scheduler(hub, on_report=told)
        scheduler.start()
        assert hangs.wait(60)
        assert told.wait_for("collect", "quick/main").records.stored == 1
        assert told.wait_for("evaluate").counts["demands"] == 1
        assert all(part["ok"] for part in scheduler.parts().values())
        assert scheduler.stop(timeout_s=1.0) == ["collect-silent"]
        release.set()
        assert scheduler.stop() == []


def test_a_stop_ends_a_run_after_the_page_in_hand_and_the_run_is_no_failure(
    database_url: str, tmp_path: Path
) -> None:
    told, under_way = Told(), threading.Event()

    def endless(window: Window) -> Iterator[Page]:
        number = 0
        while True:
            number += 1
            if number == 3:
                under_way.set()
            yield Page([record(f"N{number}", minute=number)], number=number)

    with scripted_hub(database_url, tmp_path, {"endless": endless}) as hub:
        with running(hub, told) as scheduler:
            assert under_way.wait(60)
            assert scheduler.stop(timeout_s=60) == []
        ((state, collected),) = rows(hub.store, "SELECT state, collected FROM run WHERE step = 'collect'")
        assert (state, collected) == ("done", rows(hub.store, "SELECT count(*) FROM demand")[0][0])


def test_a_channel_that_fails_is_reported_and_the_others_go_on(database_url: str, tmp_path: Path) -> None:
    told = Told()

    def away(window: Window) -> Iterator[Page]:
        raise SourceUnavailable(
            "the source is away (expected an answer); try later", code=Code.SOURCE_UNREACHABLE
        )
        yield

    scripts = {"away": away, "well": played([record("A1")])}
    with scripted_hub(database_url, tmp_path, scripts) as hub, running(hub, told) as scheduler:
        assert told.wait_for("collect", "away/main").problems[0].code == "source_unreachable"
        assert told.wait_for("collect", "well/main").records.stored == 1
        assert not any(loop.errors for loop in scheduler.loops)


def test_a_step_that_raises_what_nobody_foresaw_is_counted_and_ends_no_loop(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logged: pytest.CaptureFixture[str],
) -> None:
    told, twice = Told(), threading.Event()
    raised: list[int] = []

    def faulty() -> Report:
        raised.append(1)
        if len(raised) > 1:
            twice.set()
        raise ValueError("欧阳建国 13812345678")

    with scripted_hub(database_url, tmp_path, {"window": played([record("A1")])}) as hub:
        monkeypatch.setattr(hub, "triage", faulty)
        monkeypatch.setattr("hub.scheduler.loops.SWEEP_EVERY_S", 0.0)
        with running(hub, told) as scheduler:
            assert twice.wait(60)
            assert told.wait_for("evaluate").counts["demands"] == 1
            chain = next(loop for loop in scheduler.loops if loop.name == "chain")
            assert chain.alive
            assert chain.errors["unexpected"] >= 1
            assert scheduler.metrics()["hub_loop_errors_total"][0][0] == ("chain", "unexpected")
    said = logged.readouterr().err
    assert said.count("loop_failed") == 1
    assert "欧阳建国" not in said


def test_a_full_database_is_told_once_and_no_answered_question_makes_a_source_be_asked_more_often(
    database_url: str, tmp_path: Path, logged: pytest.CaptureFixture[str]
) -> None:
    told, asked = Told(), []

    def counted(window: Window) -> Iterator[Page]:
        asked.append(window)
        return iter(played([record("A1")])(window))

    with scripted_hub(database_url, tmp_path, {"window": counted}, serve__pipeline_every_s=0.02) as hub:
        take_room(hub.store)
        with running(hub, told) as scheduler:
            collector, chain = (
                next(loop for loop in scheduler.loops if loop.name == name)
                for name in ("collect-window", "chain")
            )
            until(lambda: collector.passes == 3, "a third try")
            # Each reads the database; what they learn is that it answers, not that it has room.
            read_by_then = chain.passes
            until(lambda: chain.passes > read_by_then + 20, "the chain went on")
            assert len(asked) < 10
            assert scheduler.parts()["loop chain"]["ok"]
            full = scheduler.parts()["loop collect-window"]
            assert (full["ok"], full["code"]) == (False, "store_full")

            make_room(hub.store)
            assert told.wait_for("collect", "window/main").records.stored == 1
            until(lambda: all(part["ok"] for part in scheduler.parts().values()), "well again")
            # However many passes it made meanwhile: what it learns from now on is what is told.
            well_by_then = chain.passes
            until(lambda: chain.passes > well_by_then + 40, "the chain asked again")
    said = logged.readouterr().err
    assert [said.count(event) for event in ('"database_away"', '"database_back"')] == [1, 1]


def take_room(store: Store) -> None:
    """From now on no page finds room, as PostgreSQL says it."""
    with store.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER no_room BEFORE INSERT ON source_record FOR EACH ROW EXECUTE FUNCTION no_room()"
        )


def make_room(store: Store) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION no_room CASCADE")


def test_what_on_report_raises_stops_nothing(database_url: str, tmp_path: Path) -> None:
    told = Told()

    def faulty(report: Report) -> None:
        told(report)
        raise RuntimeError("not mine")

    with scripted_hub(database_url, tmp_path, {"window": played([record("A1")])}) as hub:
        scheduler = Scheduler(hub, on_report=faulty)
        scheduler.start()
        assert told.wait_for("collect").records.stored == 1
        assert told.wait_for("evaluate").counts["demands"] == 1
        assert scheduler.stop() == []


def test_runs_whose_process_died_are_marked_and_those_of_living_ones_are_not(
    database_url: str, tmp_path: Path
) -> None:
    from hub.store import health, runs

    with scripted_hub(database_url, tmp_path, {"window": played([])}, clock=ManualClock(NOW)) as hub:
        store = hub.store
        with store.begin() as connection:
            dead = runs.open_stream(connection, "dead", "main", "scripted").stream_id
            alive = runs.open_stream(connection, "alive", "main", "scripted").stream_id
            for instance, stream_id in (("dead", dead), ("alive", alive)):
                runs.start_run(
                    connection, "collect", NOW, instance=instance, stream="main", stream_id=stream_id
                )
        with runs.alone_on(store, alive) as got:
            assert got
            with store.begin() as connection:
                assert [row["instance"] for row in health.dead_runs(connection, NOW)] == ["dead"]
                assert health.keep_up(connection, NOW) == 1
        assert rows(store, "SELECT instance, state FROM run ORDER BY instance") == [
            ("alive", "running"),
            ("dead", "abandoned"),
        ]


def test_a_scheduler_without_channels_refuses_to_start(database_url: str, tmp_path: Path) -> None:
    with scripted_hub(database_url, tmp_path, {}) as hub, pytest.raises(ConfigError, match="no channel"):
        Scheduler(hub).start()


def test_a_log_that_cannot_be_written_any_more_stops_no_work(
    database_url: str, tmp_path: Path, logged: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    gone = (tmp_path / "gone").open("w")
    gone.close()
    monkeypatch.setattr("sys.stderr", gone)
    logs.configure("info", "json")
    script = {"window": played([record("A1")])}
    with scripted_hub(database_url, tmp_path, script) as hub, running(hub, told) as scheduler:
        assert told.wait_for("evaluate").counts["demands"] == 1
        assert all(part["ok"] for part in scheduler.parts().values())


# ---- one full pass


def test_one_pass_leaves_nothing_pending_even_of_channels_that_land_first(
    database_url: str, tmp_path: Path
) -> None:
    scripts = {
        "direct": played([record("A1"), record("A2")]),
        "later": played([record("B1"), record("B2", bad=True)]),
    }
    with scripted_hub(database_url, tmp_path, scripts, channels__later__deferred=True) as hub:
        reports = run_once(hub)
        collected = {r.subject: r.records for r in reports if r.step == "collect"}
        assert collected["direct/main"].stored == 2
        assert collected["later/main"].pending == 2
        normalized = next(r.records for r in reports if r.step == "normalize")
        assert (normalized.stored, normalized.quarantined) == (1, 1)
        assert next(r.counts["demands"] for r in reports if r.step == "evaluate") == 3
        assert [r.step for r in reports if r.step != "collect"][:5] == [
            "normalize", "evaluate", "triage", "dispatch", "deliver",
        ]  # fmt: skip
        again = run_once(hub)
        assert sum(r.records.stored for r in again) == 0
        assert rows(hub.store, "SELECT count(*) FROM raw_record WHERE outcome = 'pending'") == [(0,)]


def test_one_pass_reports_a_channel_that_cannot_be_built_and_collects_the_others(
    database_url: str, tmp_path: Path
) -> None:
    scripts = {"well": played([record("A1")])}
    with scripted_hub(database_url, tmp_path, scripts, channels__lost__channel="no_such_channel") as hub:
        reports = run_once(hub)
    lost = next(r for r in reports if r.subject == "lost")
    assert lost.problems[0].code == "config_invalid"
    assert next(r.records.stored for r in reports if r.subject == "well/main") == 1


def test_channels_and_their_connections_are_let_go_after_each_step(database_url: str, tmp_path: Path) -> None:
    with scripted_hub(database_url, tmp_path, {"window": played([record("A1")])}) as hub:
        for _ in range(3):
            run_once(hub)
        assert hub._channels == []
        assert hub.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_numbers_are_given_once_to_many_threads(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from hub.store.numbers import Numbers

    numbers = Numbers(store, "411521", block=7)
    with ThreadPoolExecutor(8) as pool:
        taken = [no for some in pool.map(lambda _: numbers.take("S", NOW, 3), range(80)) for no in some]
    assert len(taken) == len(set(taken)) == 240


def test_blocks_of_numbers_grow_with_use_and_leave_no_larger_gap_than_was_used(store: Store) -> None:
    from hub.store.numbers import Numbers

    commits: list[object] = []
    event.listen(store.engine, "commit", lambda connection: commits.append(connection))
    numbers = Numbers(store, "411521", block=10)
    for _ in range(100):
        numbers.take("S", NOW, 10)
    with store.begin() as connection:
        reserved = connection.execute(text("SELECT last FROM number_series")).scalar_one()
    assert 1000 <= reserved <= 2000
    assert len(commits) < 10
