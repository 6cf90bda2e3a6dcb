"""Forms of inspections, observers and visits asked for over HTTP: page by page, each form whole, what is wrong set aside by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.errors import Code, SourceContractError
from hub.model.inspection import Finding, Inspection
from hub.sdk.channel import Channel, Page, RawRecord, Window
from hub.sdk.readers.forms_policy import HttpForms
from hub.testing.factories import channel_context
from hub_channel_inspection.channel import InspectionChannel
from hub_channel_leader_visit.channel import LeaderVisitChannel
from hub_channel_observer.channel import ObserverChannel
from tests.integration.test_followed_pages import Source

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
READER = {
    "kind": "http_json",
    "path": "/forms",
    "records": "data.list",
    "total": "data.total",
    "paging": {"style": "cursor", "number": "cursor", "size": "limit", "page_size": 2, "next": "data.next"},
    "since": {"name": "since", "form": "iso"},
}


def form(number: int, *problems: str, **more: Any) -> dict[str, Any]:
    lines = [
        {
            "domain": "服务能力",
            "item": "政策知晓",
            "verdict": "不符合",
            "problem": words,
            "findingNo": f"WT{number}-{place}",
        }
        for place, words in enumerate(problems)
    ]
    return {
        "inspectionNo": f"XC20261123-{number:02d}",
        "inspectedAt": "2026-11-23 15:00",
        "kind": "窗口自查",
        "centre": "东铺镇孙店村便民服务站",
        "inspectors": ["李*"],
        "items": lines,
        **more,
    }


@contextmanager
def asked(
    forms: list[Any], kind: type[Channel[Any]] = InspectionChannel, reader: dict[str, Any] = READER
) -> Iterator[tuple[Source, Channel[Any]]]:
    def answering(path: str, query: dict[str, str]) -> Any:
        start = int(query.get("cursor", 0))
        size = int(query.get("limit", 2))
        behind = str(start + size) if start + size < len(forms) else None
        return {"data": {"list": forms[start : start + size], "total": len(forms), "next": behind}}

    with Source(answering) as source:
        settings = kind.Settings.model_validate(
            {"source": {"kind": "http", "base_url": source.url, "reader": reader}}
        )
        channel = kind(settings, channel_context(clock=ManualClock(NOW)))
        try:
            yield source, channel
        finally:
            channel.close()


def run(channel: Channel[Any], position: Any = None) -> tuple[list[Page], list[RawRecord]]:
    (stream,) = channel.streams
    pages = list(channel.pages(stream, Window(position, None, channel.ctx.clock.now())))
    return pages, [record for page in pages for record in page.records]


def test_forms_are_read_page_by_page_each_inspection_whole_and_each_problem_a_finding():
    with asked([form(n, f"不会操作自助机{n}。", "没有值班表。") for n in range(1, 6)]) as (source, channel):
        pages, records = run(channel)
        said = [one for record in records for one in channel.normalize(record)]
    assert [record.problem for record in records if record.problem] == []
    assert sum(isinstance(one, Inspection) for one in said) == 5
    assert sum(isinstance(one, Finding) for one in said) == 10
    assert len(source.asked) == 3
    assert pages[-1].position == {"asked_until": NOW.isoformat()}
    assert all(page.position is None for page in pages[:-1])


def test_a_later_run_asks_from_the_overlap_on_and_says_the_same_of_the_same_forms():
    with asked([form(1, "没有值班表。")]) as (source, channel):
        pages, first = run(channel)
        source.asked.clear()
        _, second = run(channel, pages[-1].position)
        assert (
            source.asked[0][1]["since"] == (NOW - timedelta(days=1)).astimezone(channel.ctx.zone).isoformat()
        )
    assert [(one.source_no, one.body) for one in first] == [(one.source_no, one.body) for one in second]


def test_a_row_without_a_number_keeps_the_one_of_its_form_on_whatever_page_it_comes():
    bare = [
        {key: value for key, value in form(n, f"第{n}处。").items() if key != "inspectionNo"}
        for n in range(3)
    ]
    for one in bare:
        del one["items"][0]["findingNo"]
    with asked(bare) as (_, channel):
        first = {record.source_no for record in run(channel)[1]}
    with asked([form(9, "新的。"), *bare]) as (_, channel):
        second = {record.source_no for record in run(channel)[1]}
    assert first
    assert first < second


@pytest.mark.parametrize("broken", [5, "表单", None, ["x"]])
def test_what_is_no_form_is_set_aside_and_stops_no_other(broken):
    with asked([form(1, "没有值班表。"), broken, form(3, "没有值班表。")]) as (_, channel):
        records = run(channel)[1]
    problems = [record.problem.code for record in records if record.problem is not None]
    assert problems == [Code.FILE_UNREADABLE]
    assert sum(record.problem is None for record in records) >= 4


def test_two_forms_with_one_number_that_differ_never_replace_each_other_in_silence():
    other = form(1, items=[{"domain": "环境秩序", "item": "叫号有序", "verdict": "符合"}])
    with asked([form(1, "没有值班表。"), other, form(1, "没有值班表。")]) as (_, channel):
        records = run(channel)[1]
    assert [record.problem.code for record in records if record.problem is not None] == [Code.KEY_INVALID]
    assert "没有值班表" not in "".join(record.problem.detail for record in records if record.problem)


def test_a_broken_page_is_loud_and_nothing_moves():
    with asked([form(n) for n in range(4)], reader={**READER, "records": "data.items"}) as (_, channel):
        (stream,) = channel.streams
        with pytest.raises(SourceContractError) as caught:
            list(channel.pages(stream, Window(None, None, NOW)))
    assert caught.value.code is Code.PAGE_SHAPE


@pytest.mark.parametrize("stored", [{"asked_until": "2028-01-01T00:00:00+00:00"}, {"asked_until": 7}])
def test_a_position_that_is_none_is_loud_and_one_of_a_folder_begins_anew(stored):
    with asked([form(1, "没有值班表。")]) as (source, channel):
        with pytest.raises(SourceContractError, match="asked_until"):
            run(channel, stored)
        run(channel, {"files": {}})
        assert "since" not in source.asked[0][1]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (
            ObserverChannel,
            {
                "报告编号": "JY20261123-01",
                "监督员编号": "LS-JD-012",
                "监督员姓名": "钱*",
                "日期": "2026-11-23",
                "类型": "建议",
                "事项": "灵活就业人员参保登记",
                "环节": "预约",
                "问题类型": "焦点",
                "建议": "周末开放网上预约",
                "责任单位": "县人力资源和社会保障局",
            },
        ),
        (
            LeaderVisitChannel,
            {
                "视察时间": "2026-11-23 09:00",
                "视察领导": "县长",
                "中心": "县政务服务中心",
                "指出问题": "取号排队长",
                "牵头单位": "县政务服务局",
                "整改时限": "2026-12-01",
            },
        ),
    ],
)
def test_observers_and_visits_are_asked_for_in_the_same_way(kind, sent):
    with asked([sent], kind) as (_, channel):
        records = run(channel)[1]
        assert [record.problem for record in records if record.problem] == []
        assert [one for record in records for one in channel.normalize(record)]


def test_a_check_reads_one_small_page_and_tells_what_is_wrong():
    with asked([form(1, "没有值班表。")]) as (source, channel):
        report = channel.check()
        assert report.ok, report
        assert len(source.asked) == 1
        source.stop()
        assert not channel.check().ok


def test_forms_are_not_read_in_pieces():
    reader = {**READER, "until": {"name": "until"}, "walk": {"start": "2026-01-01"}}
    with pytest.raises(ValidationError, match="not read in pieces"):
        HttpForms.model_validate({"kind": "http", "base_url": "http://a", "reader": reader})


def test_a_settings_document_of_such_a_source_is_json():
    source = HttpForms.model_validate({"kind": "http", "base_url": "https://a.example/x", "reader": READER})
    assert json.loads(source.model_dump_json())["reader"]["paging"]["style"] == "cursor"
