"""The command `hub` as people and scripts meet it: answers, exit codes, masking, messages."""

from __future__ import annotations

import csv
import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from hub.store.private import PrivateServer
from tests.support.desk import OTHER_PHONE, PHONE, Desk, issued, record, said_once

LOOKS = [
    ("channel", "list"),
    ("run", "list"),
    ("quarantine", "list"),
    ("demand", "list"),
    ("signal", "list"),
    ("warning", "list"),
    ("order", "list"),
    ("ledger", "list"),
    ("ledger", "verify"),
    ("webhook", "list"),
    ("plugin", "list"),
    ("keys", "list", "--count"),
    ("config", "show"),
    ("migrate",),
]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_every_look_prints_one_json_document_and_nothing_else_on_stdout(desk, command):
    answer = desk.hub(*command, "--json")
    assert answer.code == 0, answer.err
    assert isinstance(answer.document, dict)


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        (("run", "list"), "hub channel run"),
        (("demand", "list"), "hub channel run"),
        (("signal", "list"), "hub run once"),
        (("warning", "list"), "hub signal list"),
        (("order", "list"), "hub run once"),
        (("webhook", "list"), "hub config apply"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_empty_list_says_what_to_do_next(desk, command, next_step):
    answer = desk.hub(*command)
    assert answer.code == 0
    assert next_step in answer.out


def test_the_global_options_may_stand_before_or_behind_the_command(desk):
    before = desk.process("--json", "run", "list")
    behind = desk.process("run", "list", "--json")
    assert before.document == behind.document == {"runs": []}


def test_a_word_that_is_no_command_is_a_matter_of_usage_and_the_right_one_is_named(desk):
    answer = desk.process("demnad", "list")
    assert answer.code == 2
    assert "'demand'" in said_once(answer)
    assert answer.out == ""


def test_an_option_that_is_missing_is_told_as_json_too(desk):
    answer = desk.process("signal", "triage", "X", "--issue", "--json")
    assert answer.code == 2
    assert answer.document["error"]["code"] == "usage"


# ---- the database


def test_a_database_without_the_schema_is_configuration_and_migrate_mends_it(desk):
    desk.rows("DROP SCHEMA public CASCADE")
    desk.rows("CREATE SCHEMA public")
    refused = desk.process("run", "list")
    assert refused.code == 4
    assert "hub migrate" in said_once(refused)
    made = desk.process("migrate", "--json")
    assert (made.code, made.document["before"], made.document["changed"]) == (0, None, True)
    assert desk.process("migrate", "--json").document["changed"] is False
    assert desk.process("run", "list").code == 0


def test_a_wrong_password_is_configuration_and_never_shown(desk):
    head, _, tail = desk.database_url.rpartition("@")
    user = head.partition("://")[2].partition(":")[0]
    answer = desk.process("run", "list", HUB_DATABASE_URL=f"postgresql://{user}:geheim-wort@{tail}")
    assert answer.code == 4
    assert "password" in said_once(answer)
    assert "geheim-wort" not in answer.err


def test_a_database_that_is_away_is_a_problem_not_a_configuration(desk):
    answer = desk.process("run", "list", "--json", HUB_DATABASE_URL="postgresql://hub@127.0.0.1:1/hub")
    assert answer.code == 1
    assert answer.document["error"]["code"] == "store_unavailable"
    said_once(answer)


def test_an_address_that_is_no_postgresql_is_configuration(desk):
    answer = desk.process("run", "list", HUB_DATABASE_URL="mysql://root@localhost/hub")
    assert answer.code == 4
    assert "PostgreSQL" in said_once(answer)


def test_a_misspelt_setting_is_configuration_and_named(desk):
    desk.configure(databse_url="x")
    answer = desk.process("run", "list")
    assert answer.code == 4
    assert "databse_url" in said_once(answer)


# ---- channels and runs


def test_a_channel_is_collected_and_collected_again_brings_nothing_new(desk):
    for number in range(1, 8):
        desk.portal.add(record(number))
    desk.portal.add(record(8, kind="99"))
    first = desk.process("channel", "run", "portal", "--json")
    assert first.code == 0, first.err
    assert first.document["records"] == {
        "collected": 8,
        "stored": 7,
        "duplicate": 0,
        "quarantined": 1,
        "pending": 0,
    }
    second = desk.process("channel", "run", "portal", "--json")
    assert second.document["records"]["stored"] == second.document["records"]["quarantined"] == 0
    assert len(desk.hub("demand", "list", "--json").document["demands"]) == 7
    runs = desk.hub("run", "list", "--json").document["runs"]
    assert desk.hub("run", "show", str(runs[-1]["run_id"]), "--json").document["run"]["stored"] == 7


def test_a_deferred_channel_is_normalized_by_the_same_command(desk):
    desk.settings["channels"]["portal"]["deferred"] = True
    desk.configure()
    desk.portal.add(record(1))
    answer = desk.hub("channel", "run", "portal", "--json")
    assert answer.code == 0
    assert desk.value("SELECT count(*) FROM demand") == 1
    assert desk.value("SELECT count(*) FROM normalize_work") == 0


def test_a_source_that_is_away_ends_with_three_and_says_so_once(desk):
    desk.portal.stop()
    desk.settings["channels"]["portal"]["settings"]["http"] = {"tries": 1}
    desk.configure()
    answer = desk.process("channel", "run", "portal", "--json")
    assert answer.code == 3
    (report,) = answer.document["reports"]
    assert report["problems"][0]["code"].startswith("source_")
    assert desk.value("SELECT state FROM run") == "failed"


def test_a_channel_that_is_not_configured_is_configuration_and_the_others_are_named(desk):
    answer = desk.process("channel", "run", "portl")
    assert answer.code == 4
    assert "portal" in said_once(answer)


def test_a_check_looks_at_the_live_source_and_writes_no_record(desk):
    desk.portal.add(record(1))
    desk.portal.add(record(2, kind="99"))
    answer = desk.hub("channel", "check", "portal", "--json")
    assert answer.code == 1
    assert [line["ok"] for line in answer.document["checks"]] == [True, False]
    assert desk.value("SELECT count(*) FROM raw_record") == 0


def test_a_dry_run_counts_and_names_problems_and_writes_nothing(desk):
    desk.portal.add(record(1))
    desk.portal.add(record(2, kind="99"))
    answer = desk.hub("channel", "run", "portal", "--dry-run", "--json")
    assert answer.code == 1
    (stream,) = answer.document["streams"]
    assert (stream["records"], stream["demands"]) == (2, 1)
    assert stream["rejected"] == {"value_unmapped": 1}
    assert PHONE not in answer.out
    assert OTHER_PHONE not in answer.out
    for table in ("raw_record", "demand", "run", "quarantine", "stream_state", "normalize_work"):
        assert desk.value(f"SELECT count(*) FROM {table}") == 0


def test_a_list_that_is_cut_says_so_and_one_that_is_whole_does_not(desk):
    for number in (1, 2, 3):
        desk.portal.add(record(number))
    desk.hub("channel", "run", "portal")
    assert "The newest 2: --limit shows more." in desk.hub("demand", "list", "--limit", "2").out
    assert "--limit" not in desk.hub("demand", "list").out


def test_an_old_signal_waits_for_a_person_although_its_rule_issues_new_ones_by_itself(desk):
    desk.portal.add(record(1, days_ago=400, words="楼下着火了，快来人。"))
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate", "--step", "triage")
    assert "1 of these wait for a decision" in desk.hub("signal", "list").out


def test_a_span_that_ends_before_it_begins_is_a_matter_of_usage(desk):
    backwards = desk.hub("channel", "run", "portal", "--since", "2026-02-01", "--until", "2026-01-01")
    assert backwards.code == 2
    assert "--since must be before --until" in said_once(backwards)
    assert desk.value("SELECT count(*) FROM run") == 0


def test_what_an_option_may_be_is_said_without_the_words_of_a_library(desk):
    answer = desk.hub("signal", "list", "--state", "x")
    assert answer.code == 2
    assert "'--state': 'x' is not one of 'open', 'warned'" in said_once(answer)


def test_a_warning_that_is_none_is_looked_for_among_warnings_and_signals(desk):
    answer = desk.hub("warning", "why", "Y0")
    assert answer.code == 1
    assert "'Y0': no warning and no signal has it" in said_once(answer)


def test_since_reads_again_and_leaves_the_position_where_it_is(desk):
    desk.portal.add(record(1, days_ago=1))
    desk.hub("channel", "run", "portal")
    position = desk.value("SELECT position::text FROM stream_state")
    desk.portal.add(record(2, days_ago=9))
    again = desk.hub("channel", "run", "portal", "--since", "2020-01-01", "--json")
    assert again.document["records"]["stored"] == 1
    assert desk.value("SELECT position::text FROM stream_state") == position


@pytest.mark.parametrize("when", ["gestern", "2026-13-01", ""])
def test_a_time_that_is_none_is_a_matter_of_usage(desk, when):
    assert desk.hub("channel", "run", "portal", "--since", when).code == 2


def test_ctrl_c_ends_quietly_and_the_next_run_has_every_record(desk):
    for number in range(1, 121):
        desk.portal.add(record(number))
    desk.portal.hold_after(2)
    process = subprocess.Popen(
        desk.command("channel", "run", "portal"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert desk.portal.reached.wait(60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    desk.portal.let_go()
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert desk.hub("channel", "run", "portal").code == 0
    assert desk.value("SELECT count(*) FROM demand") == 120


def test_once_makes_every_step_and_a_channel_that_fails_stops_no_other(desk):
    desk.apply_config()
    desk.same_person_three_times()
    desk.settings["channels"]["broken"] = {
        "channel": "portal",
        "settings": {"base_url": "http://127.0.0.1:1", "http": {"tries": 1}},
    }
    desk.configure()
    answer = desk.hub("run", "once", "--json")
    assert answer.code == 3
    steps = [report["step"] for report in answer.document["reports"]]
    assert steps == ["collect", "collect", "normalize", "evaluate", "triage", "dispatch", "deliver", "reply"]
    assert desk.value("SELECT count(*) FROM signal") == 1


# ---- what is personal


def test_quarantine_shows_bytes_for_a_purpose_only_and_writes_that_down_first(desk):
    desk.portal.add(record(1, kind="99", phone=PHONE))
    desk.hub("channel", "run", "portal")
    (entry,) = desk.hub("quarantine", "list", "--json").document["entries"]
    number = str(entry["quarantine_id"])
    masked = desk.hub("quarantine", "show", number)
    assert masked.code == 0
    assert PHONE not in masked.out
    assert desk.hub("quarantine", "show", number, "--reveal").code == 2
    assert desk.hub("quarantine", "show", number, "--purpose", "mend").code == 2
    assert desk.value("SELECT count(*) FROM audit_log") == 0
    shown = desk.hub("quarantine", "show", number, "--reveal", "--purpose", "编码表补充")
    assert PHONE in shown.out
    ((action, subject, purpose),) = desk.rows("SELECT action, subject, purpose FROM audit_log")
    assert (action, subject, purpose) == ("quarantine.reveal", f"quarantine {number}", "编码表补充")


def test_a_replay_after_the_mend_stores_what_was_set_aside(desk):
    desk.portal.add(record(1, kind="99"))
    desk.hub("channel", "run", "portal")
    back = desk.hub("quarantine", "replay", "--code", "value_unmapped", "--json")
    assert (back.code, back.document["replayed"]) == (1, 1)  # nothing was mended: it came back
    desk.settings["channels"]["portal"]["settings"]["types"] = {"99": "complaint"}
    desk.configure()
    mended = desk.hub("quarantine", "replay", "--json")
    assert (mended.code, mended.document["replayed"]) == (0, 1)
    assert desk.value("SELECT count(*) FROM demand") == 1
    assert "Nothing to replay" in desk.hub("quarantine", "replay").out
    assert desk.hub("quarantine", "replay", "--id", "999").code == 1


def test_bytes_that_would_move_the_terminal_are_shown_harmless(desk):
    desk.portal.add(record(1, kind="99", words="看\x1b[2J\x1b]0;x\x07这里"))
    desk.hub("channel", "run", "portal")
    number = str(desk.value("SELECT quarantine_id FROM quarantine"))
    shown = desk.hub("quarantine", "show", number, "--reveal", "--purpose", "look")
    assert "\x1b" not in shown.out


def test_a_demand_is_masked_until_a_purpose_is_stated(desk):
    desk.portal.add(record(1, phone=PHONE, name="张建国", words=f"请打我电话{PHONE}联系张建国。"))
    desk.hub("channel", "run", "portal")
    listed = desk.hub("demand", "list", "--json")
    number = listed.document["demands"][0]["demand_no"]
    masked = desk.hub("demand", "show", number, "--json")
    for answer in (listed, masked, desk.hub("demand", "show", number), desk.hub("demand", "list")):
        assert PHONE not in answer.out
        assert "张建国" not in answer.out
    assert "reporter_key" not in masked.document["demand"]
    shown = desk.hub("demand", "show", number, "--reveal", "--purpose", "回访", "--json")
    assert shown.document["personal"]["reporter"]["phone"] == PHONE
    assert desk.rows("SELECT action, purpose FROM audit_log") == [("demand.reveal", "回访")]


def test_a_person_is_found_by_telephone_and_the_search_is_written_down_without_the_number(desk):
    desk.portal.add(record(1, phone=PHONE))
    desk.portal.add(record(2, phone=OTHER_PHONE))
    desk.hub("channel", "run", "portal")
    spoken = f"+86 {PHONE[:3]}-{PHONE[3:7]}-{PHONE[7:]}"
    found = desk.hub("demand", "list", "--reporter-phone", spoken, "--json")
    assert len(found.document["demands"]) == 1
    unseen = desk.process("demand", "list", "--reporter-phone", "-", "--json", given=f"{OTHER_PHONE}\n")
    assert len(unseen.document["demands"]) == 1
    assert desk.hub("demand", "list", "--reporter-phone", "12345").code == 2
    written = json.dumps(
        [list(row) for row in desk.rows("SELECT action, subject, detail::text FROM audit_log")]
    )
    assert written.count("demand.search") == 2
    assert PHONE not in written
    assert PHONE[:3] + "-" not in written


def test_lists_are_narrowed_by_channel_type_and_time(desk):
    desk.portal.add(record(1, kind="2", days_ago=20))
    desk.portal.add(record(2, kind="1", days_ago=2))
    desk.hub("channel", "run", "portal")

    def count(*args: str) -> int:
        return len(desk.hub("demand", "list", *args, "--json").document["demands"])

    types = {one["demand_type"] for one in desk.hub("demand", "list", "--json").document["demands"]}
    assert len(types) == 2
    assert count("--type", sorted(types)[0]) == 1
    assert count("--channel", "portal") == 2
    assert count("--channel", "hotline") == 0
    assert count("--limit", "1") == 1
    assert count("--since", "2026-01-01") <= 2


# ---- ledger, configuration, plugins


def tampered(desk: Desk, table: str, statement: str) -> None:
    """What somebody does who owns the database and means to write there."""
    desk.rows(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    desk.rows(statement)


def test_the_ledger_verifies_until_somebody_writes_into_it(desk):
    issued(desk)
    well = desk.hub("ledger", "verify", "--json")
    assert (well.code, well.document["ok"], well.document["rows"]["ledger"]) == (0, True, 1)
    tampered(desk, "ledger", "UPDATE ledger SET matter_text = '无事'")
    broken = desk.hub("ledger", "verify", "--json")
    assert broken.code == 1
    assert "ledger" in broken.document["faults"][0]


def test_the_audit_log_is_verified_with_the_ledger(desk):
    issued(desk)
    tampered(desk, "audit_log", "DELETE FROM audit_log WHERE audit_id = 1")
    assert desk.hub("ledger", "verify").code == 1


def test_the_ledger_is_exported_for_spreadsheets_and_for_nobody_else(desk):
    issued(desk)
    tampered(desk, "ledger", "UPDATE ledger SET matter_text = '=HYPERLINK(1)'")
    file = desk.folder / "台账.csv"
    answer = desk.hub("ledger", "export", str(file), "--json")
    assert (answer.code, answer.document["rows"]) == (0, 1)
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert "'=HYPERLINK(1)" in content.decode("utf-8-sig")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.hub("ledger", "export", str(file)).code == 2
    assert desk.hub("ledger", "export", str(file), "--force").code == 0
    assert desk.hub("ledger", "export", str(desk.folder / "no" / "where.csv")).code == 4
    assert [row.action for row in desk.rows("SELECT action FROM audit_log WHERE action LIKE 'ledger.%'")] == [
        "ledger.export"
    ] * 3


def test_a_document_that_does_not_fit_together_changes_nothing(desk):
    file = desk.folder / "bad.yaml"
    file.write_text("organisations: [{code: a, name: 甲, level: county}]")
    answer = desk.hub("config", "apply", str(file))
    assert answer.code == 4
    assert "handling_office" in said_once(answer)
    assert desk.value("SELECT count(*) FROM config_version") == 0
    assert desk.hub("config", "apply", str(desk.folder / "missing.yaml")).code == 4


def test_settings_are_shown_with_where_they_come_from_and_secrets_are_not(desk):
    answer = desk.process("config", "show", "--json", HUB_SERVE__PORT="9999")
    settings = answer.document["settings"]
    assert settings["serve.port"] == {"value": 9999, "from": "HUB_SERVE__PORT"}
    assert settings["county.region"]["from"] == "default"
    assert settings["channels.portal.settings.page_size"]["from"] == "hub.yaml"
    assert desk.database_url not in answer.out
    assert desk.database_url.partition("://")[2].partition("@")[0] not in answer.out


def test_a_broken_plugin_is_named_with_its_reason_and_the_others_work(desk):
    folder = desk.folder / "site"
    info = folder / "hub_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "hub_broken.py").write_text("raise RuntimeError('no licence')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hub-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hub.plugins]\nbroken = hub_broken\n")
    desk.portal.add(record(1))
    answer = desk.process("plugin", "list", "--json", PYTHONPATH=str(folder))
    assert answer.code == 1
    (broken,) = answer.document["broken"]
    assert (broken["name"], broken["code"]) == ("broken", "plugin_broken")
    assert "no licence" in broken["message"]
    collected = desk.process("channel", "run", "portal", "--json", PYTHONPATH=str(folder))
    assert (collected.code, collected.document["records"]["stored"]) == (0, 1)


# ---- the private server


def test_the_private_server_is_started_kept_and_stopped(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    desk = Desk(tmp_path, "unused")
    desk.configure(database_url=None)
    with desk.portal, desk.department:
        try:
            stopped = desk.process("db", "status", "--json")
            assert (stopped.code, stopped.document["state"]) == (1, "stopped")
            started = desk.process("db", "start", "--json")
            assert (started.code, started.document["lifetime"]) == (0, "keep")
            assert desk.process("migrate").code == 0
            assert desk.process("run", "list").code == 0
            running = desk.process("db", "status", "--json")
            assert (running.code, running.document["pid"]) == (0, started.document["pid"])
            assert desk.process("db", "stop", "--json").document == {"stopped": True}
            assert desk.process("db", "stop", "--json").document == {"stopped": False}
        finally:
            PrivateServer(desk.home).destroy()


def test_the_private_server_is_refused_where_a_database_is_configured(desk):
    answer = desk.hub("db", "start")
    assert answer.code == 4
    assert "hub.yaml" in said_once(answer)


@pytest.mark.requirement("R75")
def test_what_stands_in_quarantine_is_written_as_a_list_to_hand_back_to_its_source(desk, tmp_path):
    desk.settings["channels"]["portal"]["error_return"] = "门户运维 0376-6800000"
    desk.configure()
    desk.portal.add(record(1, kind="99", phone=PHONE, words="=HYPERLINK(1)"))
    desk.hub("channel", "run", "portal")
    file = tmp_path / "back.csv"
    answer = desk.hub("quarantine", "export", str(file))
    assert answer.code == 0
    assert "1 row written" in answer.out
    head, row = csv.reader(file.read_text("utf-8-sig").splitlines())
    assert dict(zip(head, row, strict=True))["原因代码"] == "value_unmapped"
    assert row[2].startswith("ZX")
    assert row[-1] == "门户运维 0376-6800000"
    assert PHONE not in file.read_text("utf-8-sig")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.hub("quarantine", "export", str(file)).code == 2
    assert desk.hub("quarantine", "export", str(file), "--channel", "other", "--force").code == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 1
    (one,) = desk.hub("channel", "list", "--json").document["channels"]
    assert one["error_return"] == "门户运维 0376-6800000"
