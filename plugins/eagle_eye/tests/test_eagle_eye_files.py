"""Sheets of process events become cases: step by step, whatever their offsets, and nothing of a file is lost."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.errors import Code
from hub.model.case import Case, merge_cases
from hub.model.codes import CaseResult, CaseState
from hub.sdk import RawRecord
from hub.sdk.readers.files_policy import FilesPolicy, LocalFolder
from hub.testing.factories import channel_context
from hub.testing.hostile_sheets import PHONE, SheetSource
from hub.testing.reading import Reader, said_by
from hub.testing.sheets import SheetContract
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.settings import EagleEyeSettings, FilesSource
from tests.support.sheets import xlsx

XES = [
    "case:concept:name",
    "concept:instance",
    "concept:name",
    "lifecycle:transition",
    "org:group",
    "org:resource",
]
XES += ["time:timestamp", "case:deadline", "case:channel"]
COLUMNS = {"办结期限": ("case:deadline",), "申报来源": ("case:channel",)}


def settings(folder, **more):
    source = FilesSource(
        kind="files",
        folder=LocalFolder(kind="folder", path=str(folder)),
        files=FilesPolicy(stable_s=0),
        nothing=("EMPTY",),
        **{"columns": COLUMNS, **more},
    )
    return EagleEyeSettings(source=source)


class ProcessSheet(SheetSource):
    when, text, phone, number, needed = "时间", "办理意见", "联系电话", "事件编号", "环节名称"

    def row(self, index):
        return {
            "办件编号": "411521230620000187",
            "事件编号": f"E{index:03d}",
            "环节名称": "审核",
            "时间": self.moment(index),
            "事件类型": "完成",
            "办理意见": f"{self.mark(index)}，材料仍不齐全。",
            "联系电话": str(PHONE + index),
        }


class TestProcessEvents(SheetContract):
    channel = EagleEyeChannel
    samples = Path(__file__).parents[1] / "samples" / "process_events"
    personal = "联系电话"
    source = ProcessSheet()

    def make_sheet_settings(self, given):
        source = {**given, "kind": "files", "folder": given["source"]}
        del source["source"]
        return EagleEyeSettings.model_validate({"source": source})

    def make_record(self, body):
        return RawRecord("sample", body, media_type="application/json; file=00000000; sheet=1; row=2")

    def words(self, said):
        return said.steps[0].opinion

    def when(self, said):
        return said.steps[0].ended_at

    def phone(self, said):
        return said.applicant.phone if said.applicant is not None else None


@pytest.fixture
def reader(tmp_path):
    return Reader(EagleEyeChannel(settings(tmp_path), channel_context()))


def drop(folder, name, head, rows):
    written = io.StringIO()
    csv.writer(written).writerows([head, *rows])
    (folder / name).write_text(written.getvalue(), encoding="utf-8")


def cases_of(reader, reading):
    """The cases of a reading, put together as the hub does."""
    said = [one for record in reading.records for one in said_by(reader.channel, record)]
    parts = [one for one in said if isinstance(one, Case)]
    assert len(parts) == len(said)
    return {
        no: merge_cases([part for part in parts if part.case_no == no])
        for no in {part.case_no for part in parts}
    }


def test_a_configured_folder_has_the_one_stream_of_process_events(reader):
    assert [stream.name for stream in reader.channel.streams] == ["process_events"]


def test_a_process_log_in_the_names_of_its_standard_becomes_cases_with_all_their_steps(tmp_path, reader):
    more = ["2011-12-06 13:41:31+01:00", "Internet"]
    drop(
        tmp_path,
        "log.csv",
        XES,
        [
            ["c1", "t1", "Confirm", "complete", "EMPTY", "R1", "2011-10-30 01:59:00.276000+02:00", *more],
            ["c1", "t2", "Check", "complete", "Group 4", "R2", "2011-10-30 02:30:00+01:00", *more],
            ["c2", "t3", "Confirm", "start", "Group 1", "R1", "2011-10-30 03:00:00+01:00", *more],
            ["c2", "t3", "Confirm", "complete", "Group 1", "R1", "2011-10-30 03:10:00+01:00", *more],
        ],
    )
    reading = reader.run()
    cases = cases_of(reader, reading)

    assert (reading.error, len(reading.records), set(cases)) == (None, 4, {"c1", "c2"})
    first, second = cases["c1"].steps
    # The night on which the clock went back: by its face the second came first.
    assert (first.no, first.ended_at) == ("t1", datetime(2011, 10, 29, 23, 59, 0, 276000, tzinfo=UTC))
    assert (second.no, second.ended_at) == ("t2", datetime(2011, 10, 30, 1, 30, tzinfo=UTC))
    assert (first.organisation, second.organisation) == (None, "Group 4")
    (whole,) = cases["c2"].steps
    assert (whole.began_at, whole.ended_at) == (
        datetime(2011, 10, 30, 2, 0, tzinfo=UTC),
        datetime(2011, 10, 30, 2, 10, tzinfo=UTC),
    )
    assert cases["c1"].due_at == datetime(2011, 12, 6, 12, 41, 31, tzinfo=UTC)
    assert (cases["c1"].way, cases["c1"].state) == ("Internet", None)


def test_an_offices_own_workbook_is_read_by_the_words_of_its_header(tmp_path, reader):
    (tmp_path / "六月.xlsx").write_bytes(
        xlsx(
            [
                ["2023年6月办件过程明细"],
                ["流水号", "环节", "办理时间", "环节状态", "经办人", "收件时间", "实际办结时间", "办件结果"],
                ["411521230620000187", "受理", "6月20日 10:15", "完成", "赵明", "6月20日 9:02", "", ""],
                ["411521230620000187", "审核", "6月21日 9:00", "暂停", "李芳", "同上", "", ""],
                ["411521230620000187", "审核", "6月25日 9:00", "恢复", "李芳", "同上", "", ""],
                [
                    "411521230620000187",
                    "发证",
                    "6月27日 16:00",
                    "完成",
                    "李芳",
                    "同上",
                    "6月27日 16:00",
                    "准予",
                ],
                ["合计", "", "", "", "", "", "", ""],
            ]
        )
    )
    reading = reader.run()
    (case,) = cases_of(reader, reading).values()

    assert (reading.error, len(reading.records), reading.set_aside) == (None, 4, [])
    assert [step.name for step in case.steps] == ["受理", "发证"]
    assert [(one.began_at is None, one.ended_at is None) for one in case.suspensions] == [
        (False, True),
        (True, False),
    ]
    assert (case.state, case.result) == (CaseState.FINISHED, CaseResult.GRANTED)
    assert case.applied_at == datetime(2023, 6, 20, 1, 2, tzinfo=UTC)


def test_the_same_rows_in_tomorrows_longer_file_are_the_same_records(tmp_path, reader):
    rows = [["c1", "t1", "Confirm", "complete", "G", "R", "2011-10-11 13:45:40+02:00", "", ""]]
    drop(tmp_path, "a.csv", XES, rows)
    first = reader.run().records
    drop(
        tmp_path,
        "b.csv",
        XES,
        [*rows, ["c1", "t2", "Check", "complete", "G", "R", "2011-10-12 08:00:00+02:00", "", ""]],
    )
    second = reader.run().records

    assert [(one.source_no, one.body) for one in second][:1] == [(one.source_no, one.body) for one in first]
    assert len(second) == 2


def test_rows_without_a_number_of_their_own_are_told_apart_even_where_they_are_alike(tmp_path, reader):
    row = ["c1", "", "Confirm", "complete", "G", "R", "2011-10-11 13:45:40+02:00", "", ""]
    drop(tmp_path, "log.csv", XES, [row, row, [*row[:2], "Check", *row[3:]]])
    records = reader.run().records

    assert len({one.source_no for one in records}) == 3


def test_a_row_that_cannot_be_used_is_set_aside_and_no_other(tmp_path, reader):
    good = ["c1", "t1", "Confirm", "complete", "G", "R", "2011-10-11 13:45:40+02:00", "", ""]
    drop(tmp_path, "log.csv", XES, [good, ["", "t2", *good[2:]], ["c1", "t3", "Check", "gone", *good[4:]]])
    reading = reader.run()

    assert reading.error is None
    assert reading.numbers == {"c1/t1"}
    assert [record.problem.code for record in reading.set_aside] == [Code.KEY_MISSING, Code.VALUE_UNMAPPED]


def test_a_name_that_the_county_gives_a_column_is_no_other_columns(tmp_path):
    reader = Reader(
        EagleEyeChannel(settings(tmp_path, columns={"办结时间": ("完成时间",)}), channel_context())
    )
    drop(
        tmp_path,
        "log.csv",
        ["办件编号", "环节名称", "时间", "完成时间"],
        [["c1", "受理", "2023-06-20 10:15:00", "2023-06-27 16:00:00"]],
    )
    (case,) = cases_of(reader, reader.run()).values()

    assert case.finished_at == datetime(2023, 6, 27, 8, 0, tzinfo=UTC)


def test_check_says_what_the_first_file_holds_and_moves_nothing(tmp_path, reader):
    drop(
        tmp_path,
        "log.csv",
        XES,
        [["c1", "t1", "Confirm", "complete", "G", "R", "2011-10-11 13:45:40+02:00", "", ""]],
    )
    report = reader.channel.check()

    assert report.ok, report
    assert "1 records" in report.checks[-1].detail
    assert (tmp_path / "log.csv").exists()


def test_a_column_that_the_channel_does_not_know_is_refused_in_the_settings():
    with pytest.raises(ValidationError, match="no columns of this channel: 渠道"):
        settings("/nowhere", columns={"渠道": ("case:channel",)})
