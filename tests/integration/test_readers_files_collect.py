"""Sheets on the way into the store: every row of a file is stored, a duplicate, set aside, or counted in the file's report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source, Span
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.store import quarantine, runs
from hub.testing.factories import RecordingLog, secrets_of
from hub.testing.hostile_sheets import settings_of
from hub.testing.workbooks import xlsx
from hub_channel_presubmission_window.channel import PresubmissionWindowChannel
from tests.support.dropped import drop

HEAD = [
    "序号",
    "日期",
    "预审窗口",
    "申请人",
    "联系电话",
    "事项名称",
    "预审结果",
    "缺少材料",
    "退回次数",
    "群众意见",
]
ROWS: list[list[Any]] = [
    [1, "2026-11-20", "1号", "张*", 13900001234, "取水许可", "退回", "图纸", 2, None],
    [2, "同上", "1号", "李*", 13900001235, "取水许可", "通过", None, 0, "请延时服务"],
    [3, "同上", "1号", "王*", 13900001236, "取水许可", "通过", None, 0, None],
    [4, "同上", "1号", "赵*", 13900001237, "取水许可", "待定", None, 0, None],
    [5, "待定", "1号", "钱*", 13900001238, "取水许可", "退回", None, 3, None],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


def source(folder: Path, clock: ManualClock, *, deferred: bool = False, **files: Any) -> Source:
    settings = PresubmissionWindowChannel.Settings.model_validate(settings_of(str(folder), **files))
    ctx = ChannelContext("hall", secrets_of({}), LocalGate(clock), RecordingLog(), clock)
    return Source(PresubmissionWindowChannel(settings, ctx), "hall", "0.1.0", deferred)


def collected(deps: CollectDeps, ready: Source, span: Span = Span()) -> Counts:
    (report,) = collect.run(deps, ready, span)
    assert report.problems == ()
    normalize.run(deps, {ready.instance: ready})
    assert report.run_id is not None
    with deps.store.begin() as connection:
        counts = runs.records_of(connection, report.run_id)
    assert counts.reconciles()
    return counts


def rows(deps: CollectDeps, statement: str) -> list[Any]:
    with deps.store.begin() as connection:
        return list(connection.execute(text(statement)).all())


def report_in(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("*.report.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


@pytest.mark.parametrize("deferred", [False, True], ids=["inline", "deferred"])
def test_the_rows_of_a_file_reconcile_with_the_store_and_the_report(
    deps: CollectDeps, clock: ManualClock, folder: Path, deferred: bool
) -> None:
    drop(folder, "六月.xlsx", xlsx([["材料预审台账"], HEAD, *ROWS, ["合计", None, None, None, 5]]))

    counts = collected(deps, source(folder, clock, deferred=deferred))

    assert counts == Counts(collected=4, stored=2, quarantined=2)
    report = report_in(folder)
    assert report["rows"] == counts.collected + sum(report["passed_over"].values()) == 6
    assert report["set_aside_count"] == counts.quarantined
    messages = {row.code: row.message for row in rows(deps, "SELECT code, message FROM quarantine")}
    assert set(messages) == {"value_unmapped", "field_invalid"}
    assert "sheet 1, row 7, column '日期'" in messages["field_invalid"]


def test_the_same_file_the_longer_file_and_the_amended_file_double_nothing(
    deps: CollectDeps, clock: ManualClock, folder: Path
) -> None:
    ready = source(folder, clock)
    first = [HEAD, *ROWS[:2]]
    drop(folder, "a.xlsx", xlsx(first))
    assert collected(deps, ready) == Counts(collected=2, stored=2)
    drop(folder, "a.xlsx", xlsx(first))
    assert collected(deps, ready) == Counts(collected=2, duplicate=2)
    drop(
        folder,
        "b.xlsx",
        xlsx(
            [
                ["标题"],
                HEAD,
                [9, "2026-11-21", "2号", "孙*", 13900001239, "取水许可", "退回", None, 2, None],
                *ROWS[:2],
            ]
        ),
    )
    assert collected(deps, ready) == Counts(collected=3, stored=1, duplicate=2)
    amended = [[*ROWS[0][:8], 3, None], ROWS[1]]
    drop(folder, "c.xlsx", xlsx([HEAD, *amended]))
    assert collected(deps, ready) == Counts(collected=2, stored=1, duplicate=1)
    assert rows(deps, "SELECT count(*) AS demands FROM demand")[0].demands == 3


def test_an_unreadable_file_stands_in_quarantine_with_its_bytes_and_once(
    deps: CollectDeps, clock: ManualClock, folder: Path
) -> None:
    ready = source(folder, clock, after_reading="keep")
    drop(folder, "张三丰.pdf", b"%PDF-1.7 ...")

    assert collected(deps, ready) == Counts(collected=1, quarantined=1)
    assert collected(deps, ready) == Counts()
    (entry,) = rows(deps, "SELECT code, message FROM quarantine")
    assert entry.code == "file_unreadable"
    assert "张三丰" not in entry.message
    assert rows(deps, "SELECT size_bytes FROM attachment")[0].size_bytes == len(b"%PDF-1.7 ...")


def test_a_run_that_is_stopped_at_a_limit_goes_on_and_moves_the_file_when_all_of_it_is_durable(
    deps: CollectDeps, clock: ManualClock, folder: Path
) -> None:
    ready = source(folder, clock, batch=1)
    drop(folder, "a.xlsx", xlsx([HEAD, *ROWS[:2]]))

    assert collected(deps, ready, Span(limit=1)) == Counts(collected=1, stored=1)
    assert (folder / "a.xlsx").exists()
    assert collected(deps, ready) == Counts(collected=2, stored=1, duplicate=1)
    assert not (folder / "a.xlsx").exists()


def test_a_position_that_was_committed_before_the_move_moves_the_file_and_adds_nothing(
    deps: CollectDeps, clock: ManualClock, folder: Path
) -> None:
    ready = source(folder, clock, batch=2)
    drop(folder, "a.xlsx", xlsx([HEAD, *ROWS[:2]]))
    assert collected(deps, ready, Span(limit=2)) == Counts(collected=2, stored=2)
    assert (folder / "a.xlsx").exists()

    assert collected(deps, ready) == Counts()
    assert not (folder / "a.xlsx").exists()


def test_a_set_aside_row_is_stored_after_the_mend(
    deps: CollectDeps, clock: ManualClock, folder: Path
) -> None:
    ready = source(folder, clock)
    drop(
        folder,
        "a.xlsx",
        xlsx([HEAD, [1, "2026-11-20", *ROWS[3][2:-1], "请尽快"]]),
    )
    assert collected(deps, ready) == Counts(collected=1, quarantined=1)
    given = {**settings_of(str(folder)), "results": {"待定": "returned"}}
    mended = PresubmissionWindowChannel(
        PresubmissionWindowChannel.Settings.model_validate(given), ready.channel.ctx
    )

    with deps.store.begin() as connection:
        assert quarantine.replay(connection, clock.now()) == 1
    report = normalize.run(deps, {"hall": Source(mended, "hall", "0.1.1")})

    assert report.records.stored == 1
    assert rows(deps, "SELECT count(*) AS demands FROM demand")[0].demands == 1
