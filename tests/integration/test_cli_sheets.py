"""Channels of sheets through the command line: looked at without a change, collected, and killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest

from hub.testing.hostile_sheets import settings_of
from hub.testing.workbooks import xlsx
from tests.support.dropped import drop, tree

HEAD = ["登记编号", "反映时间", "反映人", "联系方式", "事项", "诉求", "处理方式"]
PHONE = "13900001234"


@pytest.fixture
def folder(desk, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    configure(desk, inbox)
    return inbox


def configure(desk, inbox, **files):
    window = {"channel": "unresolved_window", "owner": "督查股", "settings": settings_of(str(inbox), **files)}
    desk.configure(channels={"hall": window})


def row(number, method="转办"):
    return [
        f"BCS20261123{number:04d}",
        "2026-11-20 09:30",
        "张三丰",
        PHONE,
        "取水许可",
        f"第{number}件没有办成。",
        method,
    ]


def sheet(*rows):
    return xlsx([["2026年11月台账"], HEAD, *rows])


def test_a_dry_run_and_a_check_leave_the_file_where_it_is_and_write_nothing(desk, folder):
    drop(folder, "台账.xlsx", sheet(row(1), row(2, method="挂起")))
    before = tree(folder)

    dry = desk.hub("channel", "run", "hall", "--dry-run", "--json")
    check = desk.hub("channel", "check", "hall", "--json")

    (stream,) = dry.document["streams"]
    assert (stream["records"], stream["demands"], stream["rejected"]) == (2, 1, {"value_unmapped": 1})
    assert [line["name"] for line in check.document["checks"] if not line["ok"]] == ["file"]
    assert tree(folder) == before
    assert desk.value("SELECT count(*) FROM raw_record") == 0
    for answer in (dry, check):
        assert PHONE not in answer.out + answer.err
        assert "张三丰" not in answer.out + answer.err


def test_a_run_collects_answers_whoever_dropped_the_file_and_shows_no_person(desk, folder):
    drop(folder, "张三丰.xlsx", sheet(row(1), row(2, method="挂起")))

    answer = desk.hub("channel", "run", "hall", "--json")
    listed = desk.hub("quarantine", "list", "--json")

    assert answer.document["records"] == {
        **answer.document["records"],
        "collected": 2,
        "stored": 1,
        "quarantined": 1,
    }
    assert sorted(name.partition("/")[0] for name in tree(folder)) == ["done", "done", "rejected"]
    (entry,) = listed.document["entries"]
    assert (entry["code"], entry["field"]) == ("value_unmapped", "处理方式")
    for told in (answer, listed):
        assert PHONE not in told.out + told.err
        assert "张三丰" not in told.out + told.err


def test_a_process_that_is_killed_at_any_moment_loses_and_doubles_no_row_and_moves_every_file_once(
    desk, folder
):
    configure(desk, folder, batch=5)
    for file in range(4):
        rows = [row(file * 100 + number) for number in range(40)]
        drop(folder, f"{file}.xlsx", sheet(*rows), changed_s=1_000_000 + file)
    moments = random.Random(11)

    for _ in range(4):
        process = subprocess.Popen(
            desk.command("channel", "run", "hall"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = desk.value("SELECT count(*) FROM raw_record")
        for _ in range(400):
            if process.poll() is not None or desk.value("SELECT count(*) FROM raw_record") > before:
                break
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    answer = desk.hub("channel", "run", "hall", "--json")

    assert answer.code == 0, answer.err
    assert desk.value("SELECT count(*) FROM demand") == 160
    assert desk.value("SELECT count(DISTINCT source_no) FROM demand") == 160
    assert desk.value("SELECT count(*) FROM demand_history") == 0
    kept = [name for name in tree(folder) if ".report." not in name]
    assert [name.rpartition("/")[2] for name in kept] == [f"{file}.xlsx" for file in range(4)]
    assert all(name.startswith("done/") for name in kept)
