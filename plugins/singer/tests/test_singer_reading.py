"""The channel against a tap at work: what is taken, how the state moves, and what the tap learns of the hub."""

import json
import os
import stat
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.errors import Code, ConfigError
from hub.model.codes import DemandType
from hub.testing.factories import RecordingLog
from hub.testing.reading import demands_of
from hub_channel_singer.channel import SingerChannel
from hub_channel_singer.workspace import Workspace
from plugins.singer.tests.tap_ground import COMPLAINTS, FIELDS, pages_of, reader, settings, state_of

BOTH = {
    "complaints": {"fields": FIELDS, "prefix": "c:"},
    "praise": {"fields": FIELDS, "prefix": "p:"},
}


def told_by(run):
    (record,) = run.run().records
    return json.loads(record.body)["told"]


def test_every_record_of_a_tap_becomes_a_demand_without_code():
    run = reader()
    reading = run.run()

    assert reading.error is None
    assert [record.source_no for record in reading.records] == [f"T{index:06d}" for index in range(10)]
    (demand,) = demands_of(run.channel, reading.records[3])
    assert demand.demand_type is DemandType.COMPLAINT
    assert demand.submitted_at == datetime(2026, 11, 20, 8, 3, tzinfo=UTC)
    assert demand.reporter.phone == "13800000003"


def test_the_next_run_goes_on_from_the_taps_own_state():
    run = reader()
    run.run()
    assert state_of(run) == 10

    assert run.run().records == []
    run.channel = reader(config={"count": 13}).channel
    assert [record.source_no for record in run.run().records] == ["T000010", "T000011", "T000012"]


def test_a_record_that_is_read_again_has_the_same_bytes():
    first, second = reader().run(), reader().run()

    assert [record.body for record in first.records] == [record.body for record in second.records]
    assert {record.version for record in first.records} != {None}


def test_a_state_is_handed_on_only_with_the_records_before_it():
    run = reader(limits={"page_records": 3})
    seen = 0
    for page in pages_of(run):
        seen += len(page.records)
        if page.position["state"] is not None:
            assert page.position["state"]["bookmarks"]["complaints"]["reached"] <= seen

    assert seen == 10


def test_a_reading_that_is_cut_off_after_any_page_loses_no_record():
    for stop_after in (1, 2, 3):
        run = reader(limits={"page_records": 3})
        first = run.run(stop_after=stop_after)
        second = run.run()
        assert len(first.numbers | second.numbers) == 10


def test_the_streams_in_the_settings_are_selected_and_no_other():
    reading = reader(streams=BOTH).run()

    assert {number[:2] for number in reading.numbers} == {"c:", "p:"}
    assert len(reading.numbers) == 20


@pytest.mark.parametrize("catalog", ["discover", "properties"])
def test_a_tap_gets_its_own_catalog_back(catalog):
    assert len(reader(catalog=catalog).run().numbers) == 10


def test_a_tap_without_a_catalog_is_read_and_its_other_streams_are_left():
    log = RecordingLog()
    reading = reader(catalog="none", log=log).run()

    assert len(reading.numbers) == 10
    untaken = {
        fields["stream"]: fields["records"]
        for _, event, fields in log.events
        if event == "tap_stream_not_taken"
    }
    assert untaken == {"praise": 10}


def test_a_stream_that_the_tap_does_not_offer_is_an_error_that_names_what_it_offers():
    reading = reader(streams={"complains": COMPLAINTS["complaints"]}).run()

    assert isinstance(reading.error, ConfigError)
    assert "complaints, payroll, praise" in reading.error.message


def test_two_streams_need_prefixes_of_their_own():
    with pytest.raises(ValidationError, match="prefix of its own"):
        settings(streams={"complaints": {"fields": FIELDS}, "praise": {"fields": FIELDS, "prefix": "p:"}})


def test_the_tap_sees_nothing_of_the_hubs_environment(monkeypatch):
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub:s3cret@db/hub")
    monkeypatch.setenv("SOMETHING_ELSE", "too")
    told = told_by(reader("tells_what_it_got", environment={"HTTPS_PROXY": "http://proxy:3128"}))

    assert "s3cret" not in json.dumps(told)
    assert "SOMETHING_ELSE" not in told["environ"]
    assert told["environ"]["HTTPS_PROXY"] == "http://proxy:3128"


def test_a_variable_of_the_hub_cannot_be_set_for_the_tap():
    with pytest.raises(ValidationError, match="not begin with HUB_"):
        settings(environment={"HUB_DATABASE_URL": "x"})


def test_secrets_reach_the_tap_in_files_that_its_owner_alone_may_read_and_are_gone_afterwards():
    told = told_by(
        reader(
            "tells_what_it_got",
            config={"login": {"user": "hub"}},
            secrets={"tap_password": "pa55", "tap_token": "t0k"},
            secrets_by_place={"login.password": "tap_password"},
            environment_secrets={"TAP_TOKEN": "tap_token"},
        )
    )

    assert told["config"]["login"] == {"user": "hub", "password": "pa55"}
    assert told["environ"]["TAP_TOKEN"] == "t0k"
    assert (told["mode"], told["folder"]) == ("600", "700")
    assert not Path(told["config"]["__path__"]).parent.exists()


def test_a_secret_in_the_configuration_is_refused():
    with pytest.raises(ValidationError, match=r"login.password: write the name of a secret"):
        settings(config={"login": {"password": "pa55"}})


def test_a_secret_that_is_not_there_is_told_before_the_tap_runs():
    reading = reader("tells_what_it_got", secrets_by_place={"password": "nowhere"}).run()

    assert reading.error is not None
    assert reading.error.code is Code.SECRET_MISSING


def test_what_a_killed_process_left_behind_is_cleared_away_and_what_is_in_use_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "hub-tap-left"
    left.mkdir()
    (left / "config.json").write_text("{}", "utf-8")
    with Workspace() as in_use:
        long_ago = time.time() - 3_600
        for folder in (left, in_use.folder):
            _age(folder, long_ago)
        with Workspace():
            pass
        assert not left.exists()
        assert in_use.folder.exists()
        assert stat.S_IMODE(in_use.folder.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []


def test_an_operators_beginning_reaches_the_tap_under_its_own_name():
    run = reader("tells_what_it_got", since_key="start_date")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    pages = list(pages_of(run, since=since))

    assert json.loads(pages[0].records[0].body)["told"]["config"]["start_date"] == since.isoformat()


def test_an_operators_limit_ends_the_tap():
    run = reader("never_ends")
    pages = list(pages_of(run, limit=7))

    assert sum(len(page.records) for page in pages) == 7


def test_a_check_says_what_the_tap_offers_and_how_many_records_can_be_read():
    report = reader().channel.check()

    assert report.ok
    assert [check.detail for check in report.checks] == [
        "3 streams offered, 1 taken",
        "10 records",
        "10 of 10 can be read",
    ]


def test_a_check_counts_records_that_the_mapping_does_not_know():
    unmapped = {
        "complaints": {"fields": {**FIELDS, "demand_type": {"path": "kind", "map": {"1": "complaint"}}}}
    }
    report = reader(streams=unmapped).channel.check()

    assert not report.ok
    assert "10 of 10 cannot be read (value_unmapped)" in report.checks[-1].detail


@pytest.mark.parametrize("executable", ["/nowhere/tap", "tap-that-nobody-installed", "/etc/passwd"])
def test_an_executable_that_is_none_is_a_fault_of_the_settings(executable):
    report = SingerChannel(settings(executable=executable), reader().channel.ctx).check()

    assert not report.ok
    assert "settings.executable" in report.checks[0].detail


def test_a_path_below_the_working_folder_is_no_executable():
    with pytest.raises(ValidationError, match="absolute path"):
        settings(executable="taps/tap")


def test_no_shell_reads_the_arguments(tmp_path):
    reading = reader(arguments=["-c", "raise SystemExit('$(touch mark)')", f"; touch {tmp_path}/mark"]).run()

    assert reading.error is not None
    assert list(tmp_path.iterdir()) == []


def _age(folder: Path, moment: float) -> None:
    os.utime(folder, (moment, moment))
