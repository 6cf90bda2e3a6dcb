"""Inspections on the way into the store: each once and right, whatever sheets tell of it, and no finding lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.store import runs
from hub.testing.factories import RecordingLog, secrets_of
from hub.testing.hostile_sheets import settings_of
from hub.testing.workbooks import xlsx
from hub_channel_inspection.channel import InspectionChannel
from tests.support.dropped import drop

HEAD = [
    "巡查编号",
    "巡查日期",
    "巡查类型",
    "中心",
    "窗口",
    "检查项",
    "检查内容",
    "是否符合",
    "问题描述",
    "问题编号",
    "责任人",
    "整改情况",
]
INSPECTION = ["XC20261123-01", "2026-11-23", "日巡查", "罗山县政务服务中心"]
GOOD = [
    [*INSPECTION, "大厅", "环境秩序", f"第{number}条", "符合", None, None, None, None] for number in range(8)
]
WRONG = [
    *INSPECTION,
    "3号窗口",
    "环境秩序",
    "在岗",
    "不符合",
    "赵德柱不在岗。",
    "WT20261123001",
    "赵德柱",
    None,
]
UNKNOWN = [*INSPECTION, "4号窗口", "风水", "朝向", "不符合", "朝北。", "WT20261123002", None, None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


@pytest.fixture
def ready(folder: Path, clock: ManualClock) -> Source:
    settings = InspectionChannel.Settings.model_validate(settings_of(str(folder)))
    ctx = ChannelContext("centres", secrets_of({}), LocalGate(clock), RecordingLog(), clock)
    return Source(InspectionChannel(settings, ctx), "centres", "0.1.0", False)


def collected(deps: CollectDeps, ready: Source) -> Counts:
    (report,) = collect.run(deps, ready)
    assert report.problems == ()
    normalize.run(deps, {ready.instance: ready})
    assert report.run_id is not None
    with deps.store.begin() as connection:
        counts = runs.records_of(connection, report.run_id)
    assert counts.reconciles()
    return counts


def rows(deps: CollectDeps, statement: str) -> list[Any]:
    with deps.store.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


INSPECTIONS = "SELECT source_no, lines_checked, lines_failed FROM inspection WHERE NOT deleted"
FINDINGS = "SELECT source_no, inspection_no, domain, state FROM finding WHERE NOT deleted ORDER BY source_no"


def test_an_inspection_is_told_once_by_all_its_lines_and_a_bad_line_stops_neither_it_nor_another(
    deps: CollectDeps, ready: Source, folder: Path
) -> None:
    drop(folder, "a.xlsx", xlsx([HEAD, *GOOD, WRONG, UNKNOWN]))

    assert collected(deps, ready) == Counts(collected=3, stored=2, quarantined=1)
    assert rows(deps, INSPECTIONS) == [("XC20261123-01", 10, 2)]
    assert rows(deps, FINDINGS) == [("WT20261123001", "XC20261123-01", "order", "open")]
    assert rows(deps, "SELECT code FROM quarantine") == [("value_unmapped",)]


def test_an_excerpt_of_what_is_still_open_brings_its_news_and_takes_nothing_from_the_inspection(
    deps: CollectDeps, ready: Source, folder: Path
) -> None:
    drop(folder, "a.xlsx", xlsx([HEAD, *GOOD, WRONG]))
    collected(deps, ready)
    drop(folder, "整改台账.xlsx", xlsx([HEAD, [*WRONG[:-1], "已整改到位"]]))

    assert collected(deps, ready) == Counts(collected=2, stored=1, duplicate=1)
    assert rows(deps, INSPECTIONS) == [("XC20261123-01", 9, 1)]
    assert rows(deps, FINDINGS) == [("WT20261123001", "XC20261123-01", "order", "rectified")]


def test_the_same_sheet_in_another_order_and_a_longer_one_double_nothing(
    deps: CollectDeps, ready: Source, folder: Path
) -> None:
    drop(folder, "a.xlsx", xlsx([HEAD, *GOOD[:4], WRONG]))
    collected(deps, ready)
    drop(folder, "b.xlsx", xlsx([HEAD, WRONG, *GOOD[3::-1]]))
    assert collected(deps, ready) == Counts(collected=2, duplicate=2)
    drop(folder, "c.xlsx", xlsx([HEAD, WRONG, *GOOD]))

    assert collected(deps, ready) == Counts(collected=2, stored=1, duplicate=1)
    assert rows(deps, INSPECTIONS) == [("XC20261123-01", 9, 1)]
    assert len(rows(deps, FINDINGS)) == 1


def test_who_is_responsible_stands_in_no_column(deps: CollectDeps, ready: Source, folder: Path) -> None:
    drop(folder, "a.xlsx", xlsx([HEAD, WRONG]))
    collected(deps, ready)

    assert "赵德柱" not in str(rows(deps, "SELECT to_jsonb(finding)::text, ''::text FROM finding"))
    assert "不在岗" in str(rows(deps, "SELECT text, ''::text FROM finding"))
