"""The DAG files: read without network or database, every DAG to one policy, and nothing in them can take the others away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

CHANNELS = {
    "portal": {
        "channel": "portal",
        "owner": "政务服务数据股",
        "every_s": 300,
        "settings": {"base_url": "http://127.0.0.1:9"},
    },
    "mailbox": {"channel": "mailbox", "owner": "处置办理股室", "every_s": 3600},
    "second_portal": {"channel": "portal", "every_s": 90},
    "retired": {"channel": "portal", "enabled": False},
}
CHAIN = ["hub_normalize", "hub_evaluate", "hub_dispatch", "hub_deliver", "hub_reply"]


def written(tmp_path: Path, content) -> dict[str, str]:
    config = tmp_path / "hub.yaml"
    config.write_text(
        content if isinstance(content, str) else yaml.safe_dump({"channels": content}, allow_unicode=True),
        "utf-8",
    )
    return {"HUB_CONFIG": str(config)}


@pytest.fixture
def parsed(reader, tmp_path):
    return reader.ask("parse", environ=written(tmp_path, CHANNELS))


@pytest.fixture
def dags(parsed):
    assert parsed["import_errors"] == {}
    return parsed["dags"]


def test_there_is_one_dag_for_each_enabled_channel_and_one_for_each_shared_step(dags):
    assert sorted(dags) == sorted(
        ["hub_collect_mailbox", "hub_collect_portal", "hub_collect_second_portal", *CHAIN]
    )


def test_reading_the_files_reaches_for_no_network_no_database_and_no_child_process(parsed):
    assert parsed["attempts"] == []
    assert parsed["warnings"] == {}


def test_what_is_blocked_while_dag_files_are_read_is_noticed_even_where_it_is_swallowed(reader, tmp_path):
    (tmp_path / "reaching_out.py").write_text(
        """
# airflow reads this file as one with a dag
import contextlib, socket, sqlite3, subprocess
for reach in (
    lambda: socket.socket().connect(("127.0.0.1", 9)),
    lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"),
    lambda: sqlite3.connect(":memory:"),
    lambda: subprocess.run(["true"]),
):
    with contextlib.suppress(OSError):
        reach()
"""
    )
    parsed = reader.ask("parse", folder=str(tmp_path))
    events = [attempt.split()[0] for attempt in parsed["attempts"]]
    assert events == ["socket.connect", "socket.connect", "sqlite3.connect", "subprocess.Popen"]


def test_reading_the_files_imports_no_database_driver_and_no_step_of_the_pipeline(parsed):
    heavy = ("psycopg", "hub.store", "hub.pipeline", "hub.runtime.hub", "hub_channel")
    assert [module for module in parsed["modules"] if module.startswith(heavy)] == []
    assert "hub.runtime.channels" in parsed["modules"]


def test_every_dag_keeps_the_policy(dags):
    for dag_id, dag in dags.items():
        assert dag["max_active_runs"] == 1, dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["start"] == "2025-12-31T16:00:00+00:00", dag_id  # midnight in the county
        assert dag["zone"] == "Asia/Shanghai", dag_id
        assert dag["run_limit_s"], dag_id
        assert "hub" in dag["tags"], dag_id
        assert dag["description"], dag_id
        assert dag["doc"].startswith("### "), dag_id
        assert "**Red at" in dag["doc"], dag_id
        for task_id, task in dag["tasks"].items():
            where = f"{dag_id}.{task_id}"
            assert task["owner"] not in ("", "airflow"), where
            assert task["doc"], where
            assert task["retries"] >= 2, where
            assert isinstance(task["backoff"], float), where
            assert task["backoff"] > 1, where
            assert task["retry_delay_s"] <= task["longest_delay_s"], where
            assert task["limit_s"] <= dag["run_limit_s"], where
            assert task["policy"]["__type"] == "ExceptionRetryPolicy", where


def test_a_channels_owner_and_clock_are_those_of_its_configuration(dags):
    assert {task["owner"] for task in dags["hub_collect_portal"]["tasks"].values()} == {"政务服务数据股"}
    clocks = {dag_id: dags[dag_id]["clock"] for dag_id in dags if dag_id.startswith("hub_collect")}
    assert clocks == {
        "hub_collect_portal": "*/5 * * * *",
        "hub_collect_mailbox": "0 * * * *",
        "hub_collect_second_portal": 90.0,
    }


def test_collecting_a_channel_wakes_the_chain_and_the_chain_wakes_itself_step_by_step_or_by_the_clock(dags):
    raw = ["hub://raw/mailbox", "hub://raw/portal", "hub://raw/second_portal"]
    assert [dags[f"hub_collect_{name}"]["wakes"] for name in ("mailbox", "portal", "second_portal")] == [
        [name] for name in raw
    ]
    woken_by = {dag_id: dags[dag_id]["woken_by"] for dag_id in CHAIN}
    assert woken_by == {
        "hub_normalize": raw,
        "hub_evaluate": ["hub://demands", *raw],
        "hub_dispatch": ["hub://warnings"],
        "hub_deliver": ["hub://orders"],
        "hub_reply": [],
    }
    assert [dags[dag_id]["wakes"] for dag_id in CHAIN] == [
        ["hub://demands"],
        ["hub://warnings"],
        ["hub://orders"],
        [],
        [],
    ]
    assert all(dags[dag_id]["any_of"] for dag_id in CHAIN if woken_by[dag_id])
    assert [dags[dag_id]["clock"] for dag_id in CHAIN] == ["*/5 * * * *", *["* * * * *"] * 4]


def test_no_asset_wakes_its_own_maker_however_far_around(dags):
    wakes = {
        dag_id: [other for other in dags if set(dag["wakes"]) & set(dags[other]["woken_by"])]
        for dag_id, dag in dags.items()
    }
    for start in dags:
        reached, ahead = set(), list(wakes[start])
        while ahead:
            dag_id = ahead.pop()
            if dag_id not in reached:
                reached.add(dag_id)
                ahead += wakes[dag_id]
        assert start not in reached
    assert wakes["hub_dispatch"] == ["hub_deliver"]


def test_the_work_of_a_dag_is_followed_by_its_announcement_and_its_problems(dags):
    for dag_id, dag in dags.items():
        (first,) = [task_id for task_id in dag["tasks"] if task_id not in ("announce", "problems")]
        expected = ["announce", "problems"] if dag["wakes"] else ["problems"]
        assert dag["tasks"][first]["downstream"] == expected, dag_id


def test_reading_twice_in_other_processes_gives_the_same_dags_byte_for_byte(reader, runner, tmp_path):
    environ = written(tmp_path, CHANNELS)
    once, again = (process.ask("parse", environ=environ)["serialized"] for process in (reader, runner))
    assert json.dumps(once, sort_keys=True) == json.dumps(again, sort_keys=True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("channels: [", "cannot be read as YAML"),
        ("channels:\n  portal: {chanel: portal}\n", "channels.portal.channel"),
        ("- not\n- a mapping\n", "holds a list"),
        ("county: {}\n", "no channel is configured"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_dag_that_says_why_and_the_chain_goes_on(
    reader, tmp_path, content, told
):
    parsed = reader.ask("parse", environ=written(tmp_path, content))
    assert parsed["import_errors"] == {}
    assert sorted(parsed["dags"]) == sorted(["hub_configuration", *CHAIN])
    assert told in parsed["dags"]["hub_configuration"]["doc"]
    assert parsed["dags"]["hub_configuration"]["starts_unpaused"]
    assert parsed["dags"]["hub_evaluate"]["clock"] == "* * * * *"


def test_a_configuration_file_that_is_not_there_is_told_as_well(reader, tmp_path):
    parsed = reader.ask("parse", environ={"HUB_CONFIG": str(tmp_path / "nowhere.yaml")})
    assert parsed["import_errors"] == {}
    assert "does not exist" in parsed["dags"]["hub_configuration"]["doc"]


def test_a_channel_whose_plugin_is_not_installed_keeps_its_dag_and_says_so(reader, tmp_path):
    parsed = reader.ask(
        "parse", environ=written(tmp_path, {"portal": {"channel": "portal"}, "fax": {"channel": "telefax"}})
    )
    fax = parsed["dags"]["hub_collect_fax"]
    assert "No installed plugin is named `telefax`" in fax["doc"]
    assert "not-installed" in fax["tags"]
    assert "No installed plugin" not in parsed["dags"]["hub_collect_portal"]["doc"]


def test_a_plugin_that_breaks_at_import_takes_no_dag_away(reader, tmp_path, broken_plugin):
    channels = {"portal": {"channel": "portal"}, "broken": {"channel": "broken"}}
    parsed = reader.ask("parse", environ=written(tmp_path, channels), paths=[str(broken_plugin)])
    assert parsed["import_errors"] == {}
    assert sorted(parsed["dags"]) == sorted(["hub_collect_broken", "hub_collect_portal", *CHAIN])
    assert "not-installed" not in parsed["dags"]["hub_collect_broken"]["tags"]


def test_a_channel_whose_dag_cannot_be_made_gives_way_to_one_that_says_why_and_stops_no_other(reader):
    entry = {"channel": "portal", "every_s": 60, "owner": "", "installed": True}
    made = reader.ask("make", entries=[{"instance": "a b", **entry}, {"instance": "portal", **entry}])
    assert sorted(made) == ["hub_broken_a_b", "hub_collect_portal"]
    assert "Channel a b is not collected" in made["hub_broken_a_b"]


@pytest.mark.parametrize(
    ("family", "code", "decision"),
    [
        ("SourceUnavailable", "source_timeout", "retry"),
        ("StoreUnavailable", "store_unavailable", "retry"),
        ("StateConflict", "run_superseded", "retry"),
        ("ConfigError", "config_invalid", "fail"),
        ("ConfigError", "source_auth", "fail"),
        ("PluginError", "plugin_broken", "fail"),
        ("SourceContractError", "page_shape", "fail"),
        ("StoreError", "store_schema", "fail"),
        ("HubError", "unexpected", "default"),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(reader, family, code, decision):
    assert reader.ask("decide", errors=[[family, code]]) == [decision]


def test_a_backfill_takes_aware_times_and_a_positive_limit_only(reader, tmp_path):
    given = [
        ({}, True),
        ({"since": "2026-11-01T00:00:00+08:00", "until": "2026-11-02T00:00:00Z", "limit": 100}, True),
        ({"since": "2026-11-01T00:00:00"}, False),
        ({"since": "yesterday"}, False),
        ({"since": 20261101}, False),
        ({"limit": 0}, False),
        ({"limit": "all"}, False),
    ]
    environ = written(tmp_path, CHANNELS)
    taken = reader.ask(
        "check_params", environ=environ, dag_id="hub_collect_portal", given=[values for values, _ in given]
    )
    assert taken == [expected for _, expected in given]
