"""`hub serve` and `hub exporter` as processes: they work until told to stop, refuse clearly, and leave nothing behind."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.county.portal_server import PortalServer
from hub.county.simulated import SimulatedCounty
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.store.engine import Store
from hub.store.private import PrivateServer
from tests.db import FAST
from tests.support.hubs import Serving, until, write_config


@pytest.fixture
def county(database_url: str, tmp_path: Path) -> Iterator[SimulatedCounty]:
    """A county of which a first batch has arrived, its organisations in the database."""
    with SimulatedCounty(tmp_path / "county", SystemClock(), seed=3) as county:
        county.next_batch()
        loaded = load(config=county.config_file, overrides={"database_url": database_url}, environ={})
        with Hub(loaded) as hub:
            hub.apply_config(county.document(), "test", "the county's document")
        yield county


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def environ_of(county: SimulatedCounty, database_url: str) -> dict[str, str]:
    return {"HUB_CONFIG": str(county.config_file), "HUB_DATABASE_URL": database_url}


def number(store: Store, statement: str) -> int:
    with store.begin() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def orders_arrive(county: SimulatedCounty) -> None:
    """Waits until some department has received an order."""
    until(lambda: any(receiver.effects for receiver in county.receivers.values()), "an order arrives")


def test_serve_walks_the_whole_way_by_itself_and_ends_cleanly_when_told(
    county: SimulatedCounty, database_url: str, store: Store, tmp_path: Path
) -> None:
    with Serving(["serve", "--port", "0"], environ_of(county, database_url), tmp_path / "log") as serving:
        assert serving.said["channels"] == sorted(county.sites)
        orders_arrive(county)
        status, body = serving.get("/healthz")
        health = json.loads(body)
        assert (status, health["status"]) == (200, "ok")
        loops = {f"loop collect-{channel}" for channel in county.sites}
        assert {"database", "schema", "loop chain"} | loops <= set(health["parts"])
        before = number(store, "SELECT count(*) FROM demand")
        county.next_batch()
        until(lambda: number(store, "SELECT count(*) FROM demand") > before, "new demands")
        assert 'hub_loop_up{loop="deliver"} 1.0' in serving.get("/metrics")[1]
        assert serving.end(signal.SIGTERM) == 0
        assert "stopped" in [event["event"] for event in serving.events()]
        assert not [event for event in serving.events() if event["level"] == "error"]
    assert number(store, "SELECT count(*) FROM run WHERE state = 'running'") == 0
    assert number(store, "SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL") == 0
    assert number(store, "SELECT count(*) FROM orders") > 0


def test_the_log_and_the_metrics_of_a_serving_hub_name_no_citizen(
    county: SimulatedCounty, database_url: str, tmp_path: Path
) -> None:
    with Serving(["serve", "--port", "0"], environ_of(county, database_url), tmp_path / "log") as serving:
        orders_arrive(county)
        pages = serving.get("/metrics")[1] + serving.get("/healthz")[1]
        serving.end()
    said = pages + (tmp_path / "log").read_text()
    assert county.people
    for person in county.people:
        assert person.name not in said
        assert person.phone not in said


def test_a_killed_hub_leaves_nothing_locked_and_the_next_one_goes_on(
    county: SimulatedCounty, database_url: str, store: Store, tmp_path: Path
) -> None:
    environ = environ_of(county, database_url)
    with Serving(["serve", "--port", "0"], environ, tmp_path / "log") as killed:
        until(lambda: number(store, "SELECT count(*) FROM run WHERE step = 'collect'") > 0, "a run has begun")
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    with Serving(["serve", "--port", "0"], environ, tmp_path / "log") as serving:
        orders_arrive(county)
        assert serving.get("/healthz")[0] == 200
        assert serving.end() == 0
    assert number(store, "SELECT count(*) FROM run WHERE state = 'running'") == 0
    assert number(store, "SELECT count(*) FROM demand") == number(
        store, "SELECT count(DISTINCT (instance, source_no)) FROM demand"
    )


def test_two_hubs_side_by_side_make_each_order_once(
    county: SimulatedCounty, database_url: str, store: Store, tmp_path: Path, stack: ExitStack
) -> None:
    environ = environ_of(county, database_url)
    both = [
        stack.enter_context(Serving(["serve", "--port", "0"], environ, tmp_path / f"log{one}"))
        for one in range(2)
    ]
    assert both[0].said["port"] != both[1].said["port"]
    orders_arrive(county)
    county.next_batch()
    until(
        lambda: (
            number(store, "SELECT count(*) FROM outbox WHERE state = 'waiting'") == 0
            and number(store, "SELECT count(*) FROM evaluate_work") == 0
        ),
        "nothing waits",
    )
    assert [serving.end() for serving in both] == [0, 0]
    assert number(store, "SELECT count(*) FROM orders") == number(
        store, "SELECT count(DISTINCT (origin, origin_id)) FROM orders"
    )
    assert number(store, "SELECT count(*) FROM raw_record WHERE outcome = 'pending'") == 0


def test_a_second_signal_ends_a_hub_at_once_although_a_source_hangs(
    database_url: str, tmp_path: Path, stack: ExitStack
) -> None:
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    config = portal_config(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    environ = {"HUB_CONFIG": config, "HUB_DATABASE_URL": database_url}
    serving = stack.enter_context(Serving(["serve", "--port", "0"], environ, tmp_path / "log"))
    asked, _ = silent.accept()  # the source was called, and will never answer
    with asked:
        serving.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in [event["event"] for event in serving.events()], "it is stopping")
        assert serving.end(signal.SIGINT) == 130


def test_one_signal_ends_a_hub_although_a_source_hangs_and_says_what_was_left_behind(
    database_url: str, store: Store, tmp_path: Path, stack: ExitStack
) -> None:
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    config = portal_config(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    environ = {"HUB_CONFIG": config, "HUB_DATABASE_URL": database_url}
    serving = stack.enter_context(Serving(["serve", "--port", "0"], environ, tmp_path / "log"))
    asked, _ = silent.accept()
    with asked:
        assert serving.end() == 0
    assert serving.events()[-1]["left_behind"] == ["collect-portal"]
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    until(lambda: number(store, locks) == 0, "the server has noticed that nobody holds a lock")


# ---- refusals: one clear message each


def refused(arguments: list[str], environ: dict[str, str], tmp_path: Path) -> tuple[int, dict[str, str], str]:
    """Exit code, what was said on stdout, and what on stderr."""
    with Serving(arguments, {"HUB_HOME": str(tmp_path / "home")} | environ, tmp_path / "log") as serving:
        code = serving.wait()
        return code, serving.said["error"], serving.log.read_text()


def portal_config(tmp_path: Path, url: str = "http://127.0.0.1:1") -> str:
    channels = {"portal": {"channel": "portal", "every_s": 1, "settings": {"base_url": url}}}
    return str(write_config(tmp_path, {"home": str(tmp_path / "home"), "channels": channels}))


def test_without_a_channel_serve_says_what_to_configure(database_url: str, tmp_path: Path) -> None:
    code, error, log = refused(["serve"], {"HUB_DATABASE_URL": database_url}, tmp_path)
    assert (code, error["code"]) == (4, "config_missing")
    assert "channels:" in error["message"]
    assert "Traceback" not in log


def test_a_taken_port_is_named_before_anything_is_done(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = {"HUB_DATABASE_URL": database_url, "HUB_CONFIG": portal_config(tmp_path)}
        code, error, log = refused(["serve", "--port", str(port)], environ, tmp_path)
    assert (code, error["code"]) == (4, "config_invalid")
    assert f"127.0.0.1:{port}" in error["message"]
    assert "serve.port" in error["message"]
    assert "Traceback" not in log
    assert number(store, "SELECT count(*) FROM run") == 0


def test_a_database_without_the_schema_sends_the_operator_to_hub_migrate(
    wheel_server: PrivateServer, tmp_path: Path
) -> None:
    url = wheel_server.create_database("serve_unmigrated")
    try:
        environ = {"HUB_DATABASE_URL": url, "HUB_CONFIG": portal_config(tmp_path)}
        code, error, log = refused(["serve", "--port", "0"], environ, tmp_path)
    finally:
        wheel_server.drop_database("serve_unmigrated")
    assert (code, error["code"]) == (4, "store_schema")
    assert "hub migrate" in error["message"]
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("url", "expected", "code"),
    [
        ("postgresql://hub:x@127.0.0.1:1/hub", 1, "store_unavailable"),
        ("mysql://hub:x@127.0.0.1/hub", 4, "config_invalid"),
    ],
)
def test_a_database_that_cannot_be_had_ends_serve_with_one_message(
    url: str, expected: int, code: str, tmp_path: Path
) -> None:
    environ = {"HUB_DATABASE_URL": url, "HUB_CONFIG": portal_config(tmp_path)}
    exit_code, error, log = refused(["serve", "--port", "0"], environ, tmp_path)
    assert (exit_code, error["code"]) == (expected, code)
    assert "Traceback" not in log
    assert ":x@" not in log


def test_a_wrong_password_ends_serve_with_one_message(database_url: str, tmp_path: Path) -> None:
    scheme, _, rest = database_url.partition("://")
    user, _, host = rest.partition("@")
    url = f"{scheme}://{user.partition(':')[0]}:wrong-secret@{host}"
    environ = {"HUB_DATABASE_URL": url, "HUB_CONFIG": portal_config(tmp_path)}
    exit_code, error, log = refused(["serve", "--port", "0", "--wait"], environ, tmp_path)
    assert (exit_code, error["code"]) == (4, "store_password")
    assert "wrong-secret" not in log + error["message"]


# ---- a database that goes and comes


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """A private server that a test may stop."""
    home = tmp_path_factory.mktemp("server")
    home.chmod(0o711)
    server = PrivateServer(home / "home", settings=FAST)
    server.ensure()
    yield server
    server.destroy()


def test_serve_outlives_its_database_and_goes_on_when_it_is_back(
    own_server: PrivateServer, tmp_path: Path, stack: ExitStack
) -> None:
    url = own_server.ensure()
    portal = stack.enter_context(PortalServer())
    environ = {"HUB_DATABASE_URL": url, "HUB_CONFIG": portal_config(tmp_path, portal.url)}
    store = Store(url)
    stack.callback(store.close)
    with Hub(load(environ=environ)) as hub:
        hub.migrate()
    serving = stack.enter_context(Serving(["serve", "--port", "0"], environ, tmp_path / "log"))

    def runs() -> int:
        return number(store, "SELECT count(*) FROM run WHERE state = 'done'")

    until(lambda: runs() > 0, "a first run")
    own_server.stop()
    until(lambda: serving.get("/healthz")[0] == 503, "unhealthy")
    assert "hub_database_up 0.0" in serving.get("/metrics")[1]
    until(lambda: "database_away" in [event["event"] for event in serving.events()], "it is logged")
    own_server.ensure()
    before = runs()
    until(lambda: runs() > before, "runs go on")
    until(lambda: serving.get("/healthz")[0] == 200, "healthy again")
    assert serving.end() == 0
    said = [event["event"] for event in serving.events()]
    assert said.count("database_away") <= 3  # away, starting, refusing: one line for each change
    assert "database_back" in said
    assert "loop_failed" not in said


def test_serve_waits_for_a_database_that_is_away_when_asked_to(
    own_server: PrivateServer, tmp_path: Path, stack: ExitStack
) -> None:
    url = own_server.ensure()
    environ = {"HUB_DATABASE_URL": url, "HUB_CONFIG": portal_config(tmp_path)}
    with Hub(load(environ=environ)) as hub:
        hub.migrate()
    own_server.stop()
    log = tmp_path / "log"
    log.touch()

    def bring_it_back() -> None:
        until(lambda: "waiting_for_database" in log.read_text(), "it waits")
        own_server.ensure()

    starter = threading.Thread(target=bring_it_back)
    starter.start()
    serving = stack.enter_context(Serving(["serve", "--port", "0", "--wait"], environ, log))
    starter.join()
    assert "url" in serving.said
    assert [event["event"] for event in serving.events()].count("waiting_for_database") == 1
    assert serving.end() == 0


# ---- hub exporter


def test_the_exporter_serves_metrics_and_does_nothing_else(
    county: SimulatedCounty, database_url: str, store: Store, tmp_path: Path
) -> None:
    with Serving(["exporter", "--port", "0"], environ_of(county, database_url), tmp_path / "log") as serving:
        status, body = serving.get("/metrics")
        assert status == 200
        assert "hub_database_up 1.0" in body
        assert "hub_loop_up{" not in body
        assert serving.get("/healthz")[0] == 200
        assert serving.get("/elsewhere")[0] == 404
        assert serving.end() == 0
    assert number(store, "SELECT count(*) FROM run") == 0


def test_the_exporter_starts_without_its_database_and_says_so_in_its_metrics(tmp_path: Path) -> None:
    environ = {"HUB_DATABASE_URL": "postgresql://hub:x@127.0.0.1:1/hub", "HUB_HOME": str(tmp_path)}
    with Serving(["exporter", "--port", "0"], environ, tmp_path / "log") as serving:
        assert "hub_database_up 0.0" in serving.get("/metrics")[1]
        assert serving.get("/healthz")[0] == 503
        assert serving.end() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
