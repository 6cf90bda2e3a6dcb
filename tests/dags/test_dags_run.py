"""The DAGs at work: each run by ``dag.test()`` in an Airflow of its own, against the simulated county and a PostgreSQL of their own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.clock import SystemClock
from hub.county.demo import decide_as_clerk
from hub.county.simulated import SimulatedCounty
from hub.county.sites import installed
from hub.runtime import open_hub
from hub.runtime.hub import Hub
from hub.store import work
from hub.store.runs import open_stream
from tests.dags.conftest import ROOT, AirflowProcess
from tests.support.raw_http import answer, raw_source

SEED = 7
CHANNELS = list(installed())


@dataclass
class Site:
    """A county, the hub that listens to it, and the Airflow that runs the hub."""

    county: SimulatedCounty
    config: Path
    airflow: AirflowProcess

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        with open_hub(config=self.config, environ={}) as hub:
            yield hub

    def change(self, instance: str, settings: dict[str, Any] | None = None, **changes: Any) -> None:
        """Changes a channel in hub.yaml, or adds one."""
        document = yaml.safe_load(self.config.read_text("utf-8"))
        channel = document["channels"].setdefault(instance, {})
        channel |= changes
        channel["settings"] = channel.get("settings", {}) | (settings or {})
        self.config.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")

    def run(self, dag_id: str, **options: Any) -> Any:
        return self.airflow.ask("run", environ={"HUB_CONFIG": str(self.config)}, dag_id=dag_id, **options)

    def counted(self, run: Any) -> Counter[str]:
        """What the run's reports counted, together."""
        kept = next(value for key, value in run["xcom"].items() if key.endswith(".reports"))
        return sum((Counter(report["counts"]) for report in kept), Counter())

    def clerk(self) -> int:
        """The office's clerk decides what waits for a person; how many warnings that made."""
        with self.hub() as hub:
            return decide_as_clerk(hub)


@pytest.fixture
def site(tmp_path: Path, database_url: str, runner: AirflowProcess) -> Iterator[Site]:
    with SimulatedCounty(tmp_path / "county", SystemClock(), seed=SEED) as county:
        county.next_batch()
        document = yaml.safe_load(county.config_file.read_text("utf-8"))
        document |= {"home": str(tmp_path / "hub"), "database_url": database_url}
        # A source that is away is found to be away at once.
        document["channels"]["portal"]["settings"]["http"] = {"tries": 1}
        config = tmp_path / "hub.yaml"
        config.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        ready = Site(county, config, runner)
        with ready.hub() as hub:
            hub.apply_config(county.document(), "test")
        yield ready


def demo_counts(tmp_path: Path) -> dict[str, Any]:
    """What `hub demo --once` says of a fresh county with the same seed."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "hub",
            "demo",
            "--once",
            "--json",
            "--seed",
            str(SEED),
            "--home",
            str(tmp_path / "demo"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_chain_of_dags_ends_with_the_counts_of_the_demo_on_the_same_seed(site, tmp_path):
    collected = {name: site.run(f"hub_collect_{name}") for name in CHANNELS}
    chain = {name: site.run(f"hub_{name}") for name in ("normalize", "evaluate")}
    by_clerk = site.clerk()
    chain |= {name: site.run(f"hub_{name}") for name in ("dispatch", "deliver")}
    assert {run["state"] for run in (*collected.values(), *chain.values())} == {"success"}

    demo = demo_counts(tmp_path)
    for name, expected in demo["channels"].items():
        counted = site.counted(collected[name])
        assert {outcome: counted[outcome] for outcome in expected} == expected, name
    evaluated = site.counted(chain["evaluate"])
    assert {
        "signals": evaluated["signals_new"],
        "warnings": evaluated["warnings"] + by_clerk,
        "orders": site.counted(chain["dispatch"])["orders"],
        "delivered": site.counted(chain["deliver"])["delivered"],
        "historical": 0,
    } == demo["totals"]
    assert demo["totals"]["delivered"] > 0

    assert {name: run["events"] for name, run in collected.items()} == {
        name: [f"hub://raw/{name}"] for name in CHANNELS
    }
    assert {name: run["events"] for name, run in chain.items()} == {
        "normalize": [],
        "evaluate": ["hub://warnings"],
        "dispatch": ["hub://orders"],
        "deliver": [],
    }


def test_a_second_round_finds_nothing_new_and_wakes_nobody(site):
    dag_ids = [f"hub_collect_{name}" for name in CHANNELS] + ["hub_evaluate", "hub_dispatch", "hub_deliver"]
    for dag_id in dag_ids:
        site.run(dag_id)
    for dag_id in dag_ids:
        again = site.run(dag_id)
        assert again["state"] == "success", dag_id
        assert again["tasks"].get("announce", {"state": "skipped"})["state"] == "skipped", dag_id
        assert again["events"] == [], dag_id


def test_neither_airflows_database_nor_its_logs_hold_a_reporters_data(site):
    for dag_id in (
        "hub_collect_portal",
        "hub_collect_mailbox",
        "hub_evaluate",
        "hub_dispatch",
        "hub_deliver",
    ):
        site.run(dag_id)
    with closing(sqlite3.connect(site.airflow.home / "airflow.db")) as database:
        kept = "\n".join(database.iterdump())
    kept += site.airflow.log.read_text("utf-8")
    kept += "".join(path.read_text("utf-8") for path in (site.airflow.home / "logs").rglob("*.log"))
    assert "hub_collect_portal" in kept
    people = site.county.people
    told = {
        value
        for person in people
        for value in (person.phone, person.id_no, person.email, person.account, person.name)
    }
    assert len(told) > 100
    assert sorted(value for value in told if value in kept) == []


def test_a_source_that_is_down_makes_its_own_dag_red_after_its_tries_and_leaves_the_others_green(site):
    site.county.portal.stop()
    down = site.run("hub_collect_portal", retries=1)
    assert down["state"] == "failed"
    assert down["tasks"]["collect"] == {"state": "success", "try": 2}
    assert down["tasks"]["problems"]["state"] == "failed"
    assert down["xcom"]["collect.problems"][0]["code"].startswith("source_")

    others = {
        name: site.run(f"hub_{name}")
        for name in ("collect_mailbox", "normalize", "evaluate", "dispatch", "deliver")
    }
    assert {name: run["state"] for name, run in others.items()} == dict.fromkeys(others, "success")
    assert site.counted(others["collect_mailbox"])["stored"] > 0


def test_a_source_that_answers_again_at_the_second_try_ends_green_with_everything(site):
    page = site.county.portal.answer("/api/zx/list?pageNum=1&pageSize=500", None)[1]
    with raw_source() as source:
        source.play(answer(status=503), answer(page))
        site.change("portal", {"base_url": source.url})
        done = site.run("hub_collect_portal", retries=1)
    assert done["state"] == "success"
    assert done["tasks"]["collect"] == {"state": "success", "try": 2}
    assert done["events"] == ["hub://raw/portal"]
    assert site.counted(done)["stored"] > 0


def test_a_source_that_changed_its_format_is_not_asked_again_and_its_page_is_kept(site):
    with raw_source() as source:
        source.play(answer("<html><body>请登录</body></html>", content_type="text/html"))
        site.change("portal", {"base_url": source.url})
        done = site.run("hub_collect_portal", retries=3)
        assert len(source.seen) == 1
    assert done["state"] == "failed"
    assert done["tasks"]["collect"] == {"state": "success", "try": 1}
    assert done["xcom"]["collect.problems"] == [{"where": "portal/demands", "code": "page_html"}]


def test_a_channel_whose_plugin_is_broken_fails_at_its_first_try_and_leaves_the_others_green(
    site, broken_plugin
):
    site.change("broken", channel="broken")
    broken = site.run("hub_collect_broken", retries=3, paths=[str(broken_plugin)])
    assert broken["state"] == "failed"
    assert broken["tasks"]["collect"] == {"state": "failed", "try": 1}
    assert "nothing works here" in site.airflow.said
    for dag_id in ("hub_collect_mailbox", "hub_normalize", "hub_evaluate"):
        assert site.run(dag_id, paths=[str(broken_plugin)])["state"] == "success", dag_id


def test_what_a_deferred_channel_landed_is_normalized_and_announced(site):
    site.change("mailbox", deferred=True)
    landed = site.run("hub_collect_mailbox")
    assert site.counted(landed)["pending"] == site.counted(landed)["collected"] > 0
    assert landed["events"] == ["hub://raw/mailbox"]
    normalized = site.run("hub_normalize")
    assert normalized["state"] == "success"
    assert normalized["events"] == ["hub://demands"]
    with site.hub() as hub, hub.store.begin() as connection:
        assert work.waiting(connection)["normalize"] == 0


def test_a_backfill_reads_its_span_again_and_leaves_the_channels_position_where_it_was(site):
    first = site.run("hub_collect_portal")
    before = position(site)
    now = SystemClock().now()
    conf = {"since": (now - timedelta(days=40)).isoformat(), "until": now.isoformat()}
    again = site.run("hub_collect_portal", conf=conf)
    assert again["state"] == "success"
    assert (
        site.counted(again)["duplicate"]
        == site.counted(again)["collected"]
        == site.counted(first)["collected"]
    )
    assert again["events"] == []
    assert position(site) == before is not None


def position(site: Site) -> Any:
    with site.hub() as hub, hub.store.begin() as connection:
        return open_stream(connection, "portal", "demands", "portal").position


def test_a_span_without_a_length_is_refused_at_once(site):
    conf = {"since": "2026-11-02T00:00:00+08:00", "until": "2026-11-01T00:00:00+08:00"}
    refused = site.run("hub_collect_portal", conf=conf, retries=3)
    assert refused["tasks"]["collect"] == {"state": "failed", "try": 1}
    assert "is not before until" in site.airflow.said


def test_a_department_without_an_endpoint_makes_deliver_red_after_its_work_is_done(site):
    document = site.county.document()
    document["endpoints"] = []
    with site.hub() as hub:
        hub.apply_config(document, "test")
    for dag_id in ("hub_collect_portal", "hub_evaluate"):
        site.run(dag_id)
    assert site.run("hub_dispatch")["state"] == "success"
    delivered = site.run("hub_deliver")
    assert delivered["tasks"]["deliver"]["state"] == "success"
    assert delivered["tasks"]["problems"]["state"] == "failed"
    assert {problem["code"] for problem in delivered["xcom"]["deliver.problems"]} == {"endpoint_missing"}


def test_a_database_without_this_versions_schema_is_told_and_not_tried_again(site, wheel_server):
    bare = wheel_server.create_database("bare_for_dags")
    document = yaml.safe_load(site.config.read_text("utf-8"))
    site.config.write_text(yaml.safe_dump(document | {"database_url": bare}), "utf-8")
    try:
        run = site.run("hub_evaluate", retries=3)
    finally:
        wheel_server.drop_database("bare_for_dags")
    assert run["tasks"]["evaluate"] == {"state": "failed", "try": 1}
    assert "hub migrate" in site.airflow.said


def test_a_configuration_that_cannot_be_used_fails_its_own_dag_with_the_message(site):
    site.config.write_text("channels: [", "utf-8")
    run = site.run("hub_configuration", retries=3)
    assert run["tasks"]["say_why"] == {"state": "failed", "try": 1}
    assert "cannot be read as YAML" in site.airflow.said
