"""`hub doctor`: one clear line for everything that can be wrong, and nothing changed by looking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.cli.app import main
from hub.clock import ManualClock, SystemClock
from hub.county.simulated import SimulatedCounty
from hub.runtime.config import load
from hub.runtime.doctor import Examination, Finding, State, examine
from hub.runtime.doctor.database import _server
from hub.runtime.hub import Hub
from hub.scheduler import run_once
from hub.store import runs
from hub.store.engine import Store
from hub.store.health import ServerFacts
from hub.store.private import PrivateServer
from hub.store.tables import metadata
from tests.support.hubs import county_hub, scripted_hub, write_config
from tests.support.scripted import played, record


@pytest.fixture
def worked(database_url: str, tmp_path: Path) -> Iterator[tuple[Hub, SimulatedCounty]]:
    """A hub over a county, after one pass."""
    with county_hub(database_url, tmp_path / "county") as (hub, county):
        run_once(hub)
        yield hub, county


def looked_at(hub: Hub, *, clock: ManualClock | SystemClock | None = None, **options: object) -> Examination:
    """What the doctor finds with this hub's settings."""
    return examine(lambda: hub.loaded, open_hub=lambda loaded: Hub(loaded, clock=clock), **options)  # type: ignore[arg-type]


def named(found: Examination, name: str) -> Finding:
    return next(finding for finding in found.findings if finding.name == name)


def failures(found: Examination) -> list[str]:
    return [finding.name for finding in found.findings if finding.state is State.FAIL]


def change(store: Store, *statements: str) -> None:
    with store.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_hub_that_works_has_no_failure_and_every_part_is_named(worked: tuple[Hub, SimulatedCounty]) -> None:
    found = looked_at(worked[0])
    assert failures(found) == []
    assert found.exit_code == 0
    assert {finding.name for finding in found.findings} >= {
        "settings", "plugins", "channel portal", "channel mailbox", "calendar", "database", "clock", "schema", "partitions",
        "disk", "keys: seal", "keys: search", "keys: key_file", "keys: wear", "keys: place", "office", "endpoints",
        "pending work", "decisions", "plans", "outbox", "quarantine", "ledger and audit log",
    }  # fmt: skip
    ran = {
        f.name.split()[1].partition("/")[0]
        for f in found.findings
        if f.name.startswith("runs ") and f.state is State.OK
    }
    assert ran == set(worked[1].sites)
    for finding in found.findings:
        assert finding.found
        assert (finding.do == "") == (finding.state is State.OK)


def test_looking_changes_nothing(worked: tuple[Hub, SimulatedCounty]) -> None:
    hub = worked[0]

    def content() -> dict[str, str]:
        with hub.store.begin() as connection:
            return {
                table: connection.execute(
                    text(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
                ).scalar_one()
                for table in metadata.tables
            }

    before = content()
    looked_at(hub, live=True)
    assert content() == before


def test_every_source_is_called_when_asked_and_one_that_is_away_is_named(
    worked: tuple[Hub, SimulatedCounty],
) -> None:
    hub, county = worked

    def well(instance: str) -> list[str]:
        """Lines of the channel's own check that are well."""
        return [
            f.name
            for f in found.findings
            if f.name.startswith(f"channel {instance}: ") and f.state is State.OK
        ]

    found = looked_at(hub, live=True)
    assert well("portal")
    assert well("mailbox")
    before = failures(found)  # of sources whose newest records hold the county's unusable ones
    county.portal.stop()
    found = looked_at(hub, live=True)
    assert found.exit_code == 1
    new = set(failures(found)) - set(before)
    assert new
    assert all(name.startswith("channel portal: ") for name in new)
    assert well("mailbox")


# ---- no configuration, wrong configuration


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, str]], str]:
    """Exit code, the checks by name, and all that was printed."""
    code = main(["doctor", "--json", *arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    document = json.loads(said.out)
    return code, {check["name"]: check for check in document["checks"]}, said.out + said.err


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without anything in it, and a home that does not exist yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    return tmp_path


def test_without_any_configuration_it_says_what_is_missing_and_makes_nothing(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks, _ = told(capsys)
    assert code == 4
    assert checks["settings"]["state"] == "warn"
    assert "channels:" in checks["channels"]["found"]
    assert "hub migrate" in checks["database"]["do"]
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("channels: [", "line "),
        ("homee: /tmp\n", "homee"),
        ("serve: {port: many}\n", "serve.port"),
    ],
)
def test_a_wrong_configuration_file_is_one_message_that_names_the_place(
    bare: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    (bare / "hub.yaml").write_text(content)
    code, checks, _ = told(capsys)
    assert code == 4
    assert list(checks) == ["settings"]
    assert said in checks["settings"]["found"]


@pytest.mark.parametrize(
    ("url", "expected", "said"),
    [
        ("mysql://hub:pass-word@localhost/hub", 4, "postgresql://"),
        ("postgresql://hub:pass-word@127.0.0.1:1/hub", 1, "cannot be reached"),
        ("postgresql://hub:pass-word@no-such-host.localhost:5432/hub", 1, "cannot be reached"),
    ],
)
def test_a_wrong_address_or_a_database_that_is_down_is_one_message_without_its_password(
    bare: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    expected: int,
    said: str,
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", url)
    write_config(
        bare, {"channels": {"portal": {"channel": "portal", "settings": {"base_url": "http://127.0.0.1:1"}}}}
    )
    code, checks, printed = told(capsys)
    assert code == expected
    assert [name for name, check in checks.items() if check["state"] == "fail"] == ["database"]
    assert said in checks["database"]["found"]
    assert "pass-word" not in printed


def test_a_wrong_password_is_said_to_be_one(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    scheme, _, rest = database_url.partition("://")
    user, _, host = rest.partition("@")
    monkeypatch.setenv("HUB_DATABASE_URL", f"{scheme}://{user.partition(':')[0]}:pass-word@{host}")
    code, checks, printed = told(capsys)
    assert code == 4
    assert "login" in checks["database"]["found"]
    assert "pass-word" not in printed


def test_a_database_without_the_schema_sends_the_operator_to_hub_migrate(
    bare: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    wheel_server: PrivateServer,
) -> None:
    url = wheel_server.create_database("doctor_unmigrated")
    monkeypatch.setenv("HUB_DATABASE_URL", url)
    try:
        code, checks, _ = told(capsys)
    finally:
        wheel_server.drop_database("doctor_unmigrated")
    assert code == 4
    assert checks["database"]["state"] == "ok"
    assert "hub migrate" in checks["schema"]["found"]


def test_settings_are_shown_with_their_origins_and_without_secrets(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_SERVE__PORT", "8123")
    secret = "s3cret-written-where-it-must-not-be"
    write_config(
        bare, {"channels": {"portal": {"channel": "portal", "every_s": 77, "settings": {"base_url": secret}}}}
    )
    assert main(["doctor", "--json"]) == 4
    said = capsys.readouterr().out
    settings = json.loads(said)["settings"]
    assert settings["serve.port"] == {"value": "8123", "from": "HUB_SERVE__PORT"}
    assert settings["channels.portal.every_s"] == {"value": "77", "from": "hub.yaml"}
    assert settings["database_url"] == {"value": "set, not shown", "from": "HUB_DATABASE_URL"}
    assert secret not in said
    assert database_url.partition(":")[2].partition("@")[0] not in said


def test_people_read_a_line_a_check_with_what_to_do(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 4
    said = capsys.readouterr().out
    assert "FAIL  channels: none is configured" in said
    assert "→ run `hub migrate`" in said
    assert "2 failures." in said


# ---- plugins, channels, secrets


def test_a_broken_plugin_of_a_third_party_is_named_and_the_others_work(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    site = bare / "site"
    (site / "weisu_sample-2.1.dist-info").mkdir(parents=True)
    (site / "weisu_sample.py").write_text("import a_library_that_is_not_there\n")
    (site / "weisu_sample-2.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: weisu-sample\nVersion: 2.1\n"
    )
    (site / "weisu_sample-2.1.dist-info" / "entry_points.txt").write_text(
        "[hub.plugins]\nsample = weisu_sample\n"
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    write_config(
        bare, {"channels": {"portal": {"channel": "portal", "settings": {"base_url": "http://127.0.0.1:1"}}}}
    )
    _, checks, _ = told(capsys)
    broken = checks["plugin sample"]
    assert broken["state"] == "fail"
    assert "weisu-sample 2.1" in broken["found"]
    assert "a_library_that_is_not_there" in broken["found"]
    assert checks["channel portal"]["state"] == "ok"


def test_a_channel_with_wrong_settings_or_without_its_plugin_or_secret_is_named_with_what_is_wrong(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    mailbox = {"host": "127.0.0.1", "user": "tousu", "password_secret": "mail_password"}
    write_config(
        bare,
        {
            "channels": {
                "lost": {"channel": "no_such_channel"},
                "wrong": {"channel": "portal", "settings": {"base_url": "ftp://x", "page_size": 0}},
                "mute": {"channel": "mailbox", "settings": mailbox},
                "off": {"channel": "no_such_channel", "enabled": False},
            }
        },
    )
    code, checks, _ = told(capsys)
    assert code == 4
    assert "no plugin brings it" in checks["channel lost"]["found"]
    assert "page_size" in checks["channel wrong"]["found"]
    assert "HUB_SECRET_MAIL_PASSWORD" in checks["channel mute"]["found"]
    assert "channel off" not in checks
    monkeypatch.setenv("HUB_SECRET_MAIL_PASSWORD", "x")
    assert told(capsys)[1]["channel mute"]["state"] == "ok"


@pytest.mark.parametrize(
    ("day", "warned"),
    [((2026, 10, 31), ""), ((2026, 11, 1), "2027"), ((2031, 5, 1), "2031")],
)
def test_the_calendar_s_end_is_announced_from_november_on(
    database_url: str, tmp_path: Path, day: tuple[int, int, int], warned: str
) -> None:
    clock = ManualClock(datetime(*day, 4, tzinfo=UTC))
    with scripted_hub(database_url, tmp_path, {}) as hub:
        calendar = named(looked_at(hub, clock=clock), "calendar")
    assert (calendar.state is State.WARN) == bool(warned)
    assert warned in calendar.found


# ---- disk, keys, server


def test_too_little_room_is_a_failure_that_names_the_place(database_url: str, tmp_path: Path) -> None:
    with scripted_hub(database_url, tmp_path / "home", {}) as hub:
        found = named(looked_at(hub, min_free_bytes=1 << 60), "disk")
    assert found.state is State.FAIL
    assert str(tmp_path / "home") in found.found
    assert "free space" in found.do


def test_a_key_file_that_others_may_read_is_a_failure_with_the_remedy(
    worked: tuple[Hub, SimulatedCounty],
) -> None:
    hub, _ = worked
    (hub.home / "keys.json").chmod(0o644)
    found = looked_at(hub)
    assert found.exit_code == 4
    assert "chmod 600" in named(found, "keys").found


def test_a_lost_key_file_is_a_failure_while_sealed_rows_stand_and_none_is_made_anew(
    worked: tuple[Hub, SimulatedCounty],
) -> None:
    hub, _ = worked
    (hub.home / "keys.json").unlink()
    found = looked_at(hub)
    assert found.exit_code == 4
    assert "backup" in named(found, "keys").do
    assert not (hub.home / "keys.json").exists()


def test_keys_on_the_database_s_machine_are_warned_about(worked: tuple[Hub, SimulatedCounty]) -> None:
    place = named(looked_at(worked[0]), "keys: place")
    assert place.state is State.WARN
    assert "HUB_KEYS_FILE" in place.do


def test_clocks_that_differ_are_told_by_how_much(database_url: str, tmp_path: Path) -> None:
    ahead = ManualClock(datetime.now(UTC) + timedelta(hours=1))
    with scripted_hub(database_url, tmp_path, {}) as hub:
        clock = named(looked_at(hub, clock=ahead), "clock")
    assert clock.state is State.FAIL
    assert "3600" in clock.found or "3599" in clock.found


def facts(**changes: object) -> list[tuple[str, State]]:
    usual = {
        "version": "15.4", "number": 150_004, "encoding": "UTF8", "skew_s": 0.0, "local": True, "connections": 3,
        "max_connections": 100,
    }  # fmt: skip
    found = _server(ServerFacts(**(usual | changes)))  # type: ignore[arg-type]
    return [(finding.name, finding.state) for finding in found if finding.state is not State.OK]


def test_a_server_that_is_too_old_wrongly_encoded_or_full_is_told() -> None:
    assert facts() == []
    assert facts(version="14.9", number=140_009) == [("database", State.FAIL)]
    assert facts(encoding="SQL_ASCII") == [("encoding", State.FAIL)]
    assert facts(connections=81) == [("connections", State.WARN)]
    assert facts(skew_s=-5.0) == [("clock", State.WARN)]


def test_a_missing_partition_is_told(worked: tuple[Hub, SimulatedCounty]) -> None:
    hub, _ = worked
    now = hub.clock.now()
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    change(hub.store, f"DROP TABLE raw_record_{year}_{month:02d}")
    partitions = named(looked_at(hub), "partitions")
    assert partitions.state is State.WARN
    assert f"raw_record_{year}_{month:02d}" in partitions.found


# ---- the work


def test_an_office_that_has_set_nothing_up_is_told_what_to_apply(database_url: str, tmp_path: Path) -> None:
    with scripted_hub(database_url, tmp_path, {"window": played([])}) as hub:
        found = looked_at(hub)
    assert found.exit_code == 4
    assert "hub config apply" in named(found, "office").do


def test_an_office_without_handling_office_and_a_disabled_endpoint_are_failures(
    worked: tuple[Hub, SimulatedCounty],
) -> None:
    hub, _ = worked
    change(
        hub.store,
        "UPDATE organisation SET handling_office = false",
        "UPDATE endpoint SET disabled_at = now(), disabled_code = 'delivery_gone' WHERE endpoint_id = 'emergency-webhook'",
    )
    found = looked_at(hub)
    assert failures(found) == ["handling office", "endpoint emergency-webhook"]
    assert "emergency" in named(found, "endpoints").found


def test_messages_that_were_given_up_or_wait_for_long_are_told_by_organisation(
    worked: tuple[Hub, SimulatedCounty],
) -> None:
    hub, _ = worked
    change(
        hub.store,
        "INSERT INTO outbox (message_id, organisation, event_type, body, state, next_at, created_at, last_code) VALUES "
        "('A', 'emergency', 'x', '', 'failed', now(), now(), 'delivery_status'), "
        "('B', 'natural-resources', 'x', '', 'waiting', now(), now() - interval '2 days', 'endpoint_missing')",
    )
    found = looked_at(hub)
    assert failures(found) == ["outbox emergency"]
    assert "delivery_status" in named(found, "outbox emergency").found
    waiting = named(found, "outbox natural-resources")
    assert (waiting.state, "2 days ago" in waiting.found) == (State.WARN, True)


def test_quarantine_failed_and_abandoned_runs_and_work_that_nobody_does_are_warned_about(
    database_url: str, tmp_path: Path
) -> None:
    with scripted_hub(
        database_url, tmp_path, {"window": played([record("A1"), record("A2", bad=True)])}
    ) as hub:
        hub.collect("window")
        with hub.store.begin() as connection:
            stream = runs.open_stream(connection, "window", "main", "scripted_window").stream_id
            runs.start_run(
                connection, "collect", hub.clock.now(), instance="window", stream="main", stream_id=stream
            )
        change(hub.store, "UPDATE evaluate_work SET created_at = now() - interval '3 hours'")
        found = examine(lambda: hub.loaded, open_hub=lambda _: hub)
        assert "window field_invalid 1" in named(found, "quarantine").found
        assert "1 began and never ended" in named(found, "abandoned runs").found
        assert "1 wait for evaluate, the oldest since 3 h ago" in named(found, "pending work").found
        assert {named(found, name).state for name in ("quarantine", "abandoned runs", "pending work")} == {
            State.WARN
        }


def test_a_last_run_that_failed_or_is_long_ago_is_warned_about(worked: tuple[Hub, SimulatedCounty]) -> None:
    hub, county = worked
    county.portal.stop()
    hub.collect("portal")
    found = looked_at(hub)
    failed = next(f for f in found.findings if f.name.startswith("runs portal"))
    assert failed.state is State.WARN
    assert "source_unreachable" in failed.found
    later = looked_at(hub, clock=ManualClock(hub.clock.now() + timedelta(days=3)))
    mail = next(f for f in later.findings if f.name.startswith("runs mailbox"))
    assert (mail.state, "3 days ago" in mail.found) == (State.WARN, True)


def test_a_ledger_that_somebody_changed_is_a_failure(worked: tuple[Hub, SimulatedCounty]) -> None:
    hub, _ = worked
    assert named(looked_at(hub), "ledger and audit log").state is State.OK
    change(
        hub.store,
        "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only",
        "UPDATE audit_log SET actor = 'somebody else' WHERE audit_id = 1",
    )
    found = looked_at(hub)
    assert failures(found) == ["ledger and audit log"]
    assert "hub ledger verify" in named(found, "ledger and audit log").do


def test_the_settings_of_a_test_hub_are_those_it_was_given(tmp_path: Path) -> None:
    loaded = load(overrides={"home": str(tmp_path)}, environ={})
    assert examine(lambda: loaded).settings == {"home": (str(tmp_path), "command line")}
