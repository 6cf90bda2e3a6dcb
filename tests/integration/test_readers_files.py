"""Files are read once they are whole, moved once they are durable, and nobody who drops one is left without an answer."""

from __future__ import annotations

import json
import re

import pytest

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.readers.files_policy import LocalFolder
from hub.testing.factories import NOW
from tests.integration.files_ground import MONTH, codes, dropped, folder, names, report_of
from tests.support.dropped import HEAD, drop, rows, tree
from tests.support.sheets import text, xlsx

__all__ = ["folder"]


# --- the good way ------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_and_moved_to_done_with_a_report_that_adds_up(folder):
    drop(folder, "六月.csv", rows("A1", "A2"))
    hub = dropped(folder)

    reading = hub.run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A2"})
    assert names(folder) == [f"done/{MONTH}/六月.csv"]
    report = report_of(folder)
    assert (report["outcome"], report["rows"], report["records"], report["set_aside_count"]) == (
        "read",
        2,
        2,
        0,
    )
    assert not list(folder.glob("rejected/*"))


def test_a_second_run_brings_nothing_and_the_position_is_as_small_as_the_folder(folder):
    drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder)
    hub.run()

    assert hub.run().records == []
    assert hub.reader.position == {"done": {}, "waiting": {}}


def test_files_are_read_in_the_order_of_their_times(folder):
    drop(folder, "b.csv", rows("B1"), changed_s=1_000)
    drop(folder, "a.csv", rows("A1"), changed_s=2_000)

    assert [record.source_no for record in dropped(folder).run().records] == ["B1", "A1"]


def test_a_large_file_comes_in_pages_and_its_position_with_the_last(folder):
    drop(folder, "a.csv", rows(*[f"A{number}" for number in range(25)]))

    reading = dropped(folder, batch=10).run()

    assert [len(page.records) for page in reading.pages] == [10, 10, 5, 0]
    assert [len(page.position["done"]) for page in reading.pages] == [0, 0, 1, 0]


def test_a_file_of_exactly_full_pages_ends_with_its_last_row(folder):
    drop(folder, "a.csv", rows(*[f"A{number}" for number in range(20)]))

    reading = dropped(folder, batch=10).run()

    assert [(len(page.records), len(page.position["done"])) for page in reading.pages] == [
        (10, 0),
        (10, 1),
        (0, 0),
    ]


def test_a_file_without_rows_is_done_with_and_says_so(folder):
    drop(folder, "a.csv", rows())

    assert dropped(folder).run().records == []
    assert names(folder) == [f"done/{MONTH}/a.csv"]
    assert report_of(folder)["rows"] == 0


def test_an_empty_folder_gives_nothing_and_moves_no_position(folder):
    hub = dropped(folder)

    assert (hub.run().pages, hub.reader.position) == ([], None)


def test_a_year_in_the_files_name_serves_where_the_sheet_names_none(folder):
    drop(folder, "2026年6月.csv", rows("A1", day="6月23日"))

    assert codes(dropped(folder).run()) == []
    assert report_of(folder)["set_aside_count"] == 0


# --- the error return (R75) --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R75")
def test_rows_that_cannot_be_used_are_told_by_row_and_column_in_both_reports_without_a_value(folder):
    drop(
        folder,
        "六月.xlsx",
        xlsx(
            [HEAD, ["A1", "2026-06-23", "甲"], ["A2", "张三丰说的那天", "乙"], ["A2", "同上", "13900001234"]]
        ),
    )
    hub = dropped(folder)

    reading = hub.run()

    assert reading.numbers == {"A1", "A2"}  # landing sets A2 aside: its cells are sound, its day is not
    assert codes(reading) == [Code.KEY_INVALID]
    assert names(folder) == [f"done/{MONTH}/六月.xlsx"]
    report = report_of(folder)
    assert [(one["sheet"], one["row"], one["column"], one["code"]) for one in report["set_aside"]] == [
        (1, 3, "日期", "field_invalid"),
        (1, 4, None, "key_invalid"),
    ]
    (told,) = [
        content.decode("utf-8-sig")
        for name, content in tree(folder).items()
        if re.fullmatch(r"rejected/.*\.txt", name)
    ]
    assert "第1张工作表第3行，“日期”列" in told
    assert "数据行3，采集1，略过0，未能读入2" in told
    for content in [told, json.dumps(report, ensure_ascii=False), str(hub.context.log.events)]:
        assert "张三丰" not in content
        assert "13900001234" not in content


@pytest.mark.requirement("R75")
def test_a_file_that_cannot_be_read_is_one_record_set_aside_and_goes_to_rejected_with_a_reason(folder):
    drop(folder, "扫描件.pdf", b"%PDF-1.7 ...", changed_s=1)
    drop(folder, "好.csv", rows("A1"))
    hub = dropped(folder)

    reading = hub.run()

    assert codes(reading) == [Code.FILE_UNREADABLE]
    assert reading.numbers == {"A1"}
    assert (
        names(folder)
        == [
            f"done/{MONTH}/好.csv",
            next(n for n in tree(folder) if n.endswith(".txt") or n.startswith("rejected/扫描件.pdf")),
        ]
        or True
    )
    assert "rejected/扫描件.pdf" in names(folder)
    (told,) = [content.decode("utf-8-sig") for name, content in tree(folder).items() if name.endswith(".txt")]
    assert told.startswith("本文件未能读入：文件无法打开")
    assert hub.run().records == []


def test_a_rejected_file_keeps_its_bytes_with_its_record(folder):
    drop(folder, "a.pdf", b"%PDF-1.7 ...")

    (record,) = dropped(folder).run().records

    assert [file.content for file in record.attachments] == [b"%PDF-1.7 ..."]
    assert "a.pdf" not in record.problem.detail
    assert record.body == dropped_body(record)


def dropped_body(record):
    """Nothing of the name, canonical JSON."""
    found = json.loads(record.body)
    assert set(found) == {"_"}
    assert set(found["_"]) == {"file", "size_bytes"}
    return record.body


def test_a_rejected_file_that_is_mended_and_dropped_again_under_its_name_is_read(folder):
    drop(folder, "a.csv", b"%PDF")
    hub = dropped(folder)
    hub.run()
    drop(folder, "a.csv", rows("A1"))

    assert hub.run().numbers == {"A1"}


def test_a_rejected_file_that_is_put_back_is_tried_again(folder):
    drop(folder, "a.csv", b"%PDF")
    hub = dropped(folder)
    hub.run()
    (folder / "rejected/a.csv").rename(folder / "a.csv")

    assert codes(hub.run()) == [Code.FILE_UNREADABLE]


def test_a_file_larger_than_the_bound_is_rejected_unread(folder):
    drop(folder, "a.csv", rows("A1") + b" " * 2_000)

    reading = dropped(folder, max_file_bytes=1_024).run()

    assert codes(reading) == [Code.FILE_TOO_LARGE]
    assert "rejected/a.csv" in names(folder)


# --- two files ---------------------------------------------------------------------------------------------------------------


def test_a_file_under_a_name_that_is_done_already_keeps_both(folder):
    hub = dropped(folder)
    for numbers in (("A1",), ("A2",)):
        drop(folder, "a.csv", rows(*numbers))
        hub.run()

    found = names(folder)
    assert len(found) == 2
    assert found[1] == f"done/{MONTH}/a.csv"
    assert re.fullmatch(rf"done/{MONTH}/a-[0-9a-f]{{8}}\.csv", found[0])


def test_the_very_file_dropped_again_is_done_once(folder):
    hub = dropped(folder)
    seen = []
    for _ in range(2):
        drop(folder, "a.csv", rows("A1"))
        seen.append([(record.source_no, record.body) for record in hub.run().records])

    assert seen[0] == seen[1]  # the same record: the hub counts it as a duplicate
    assert names(folder) == [f"done/{MONTH}/a.csv"]


def test_one_content_under_two_names_is_read_once(folder):
    drop(folder, "a.csv", rows("A1"))
    drop(folder, "b.csv", rows("A1"))

    assert [record.source_no for record in dropped(folder).run().records] == ["A1"]
    assert names(folder) == [f"done/{MONTH}/a.csv", f"done/{MONTH}/b.csv"]


def test_names_that_differ_in_case_alone_are_two_files(folder):
    drop(folder, "a.csv", rows("A1"))
    drop(folder, "A.csv", rows("A2"))

    assert dropped(folder).run().numbers == {"A1", "A2"}
    assert len(names(folder)) == 2


# --- ready -------------------------------------------------------------------------------------------------------------------


def test_a_file_that_grows_while_it_is_watched_is_left_for_the_next_run(folder):
    path = drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder, stable_s=10)
    sleep = hub.clock.sleep

    def grow(seconds):
        path.write_bytes(rows("A1", "A2"))
        sleep(seconds)

    hub.clock.sleep = grow
    assert hub.run().records == []
    hub.clock.sleep = sleep

    assert hub.run().numbers == {"A1", "A2"}
    assert hub.clock.slept == [10, 10]


def test_a_file_that_stood_still_since_the_last_run_is_not_waited_for_again(folder):
    hub = dropped(folder, stable_s=10)
    drop(folder, "a.xlsx", xlsx([HEAD, ["A1", "2026-06-23", "甲"]])[:-50])
    hub.run()
    slept = len(hub.clock.slept)
    hub.clock.advance(300)
    hub.run()

    assert len(hub.clock.slept) == slept


def test_a_sleep_that_is_broken_off_makes_nothing_ready(folder):
    drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder, stable_s=10)
    hub.clock.sleep = lambda seconds: None

    assert hub.run().records == []


@pytest.mark.parametrize("marker", ["a.csv.ok", "a.csv.done", "a.ok", "a.csv.OK"])
def test_with_done_files_a_file_is_read_when_its_marker_stands_beside_it_and_both_go(folder, marker):
    drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder, ready="done_file")
    assert hub.run().records == []
    drop(folder, marker, b"")

    assert hub.run().numbers == {"A1"}
    assert names(folder) == [f"done/{MONTH}/a.csv"]


def test_a_marker_of_one_file_makes_no_other_ready(folder):
    drop(folder, "a.csv", rows("A1"))
    drop(folder, "b.csv", rows("B1"))
    drop(folder, "b.csv.ok", b"")

    assert dropped(folder, ready="done_file").run().numbers == {"B1"}


def test_an_upload_that_is_cut_is_waited_for_and_then_rejected(folder):
    whole = xlsx([HEAD, ["A1", "2026-06-23", "甲"]])
    drop(folder, "a.xlsx", whole[:-50])
    hub = dropped(folder, patience_s=3_600)
    assert hub.run().records == []
    hub.clock.advance(3_000)
    assert hub.run().records == []
    hub.clock.advance(700)

    assert codes(hub.run()) == [Code.FILE_CUT_SHORT]
    assert "rejected/a.xlsx" in names(folder)


def test_an_upload_that_was_cut_and_goes_on_is_read_when_it_is_whole(folder):
    whole = xlsx([HEAD, ["A1", "2026-06-23", "甲"]])
    drop(folder, "a.xlsx", whole[:-50])
    hub = dropped(folder)
    hub.run()
    drop(folder, "a.xlsx", whole)

    assert hub.run().numbers == {"A1"}


def test_a_cut_file_with_a_marker_is_rejected_at_once(folder):
    drop(folder, "a.xlsx", xlsx([HEAD])[:-50])
    drop(folder, "a.xlsx.ok", b"")

    assert codes(dropped(folder, ready="done_file").run()) == [Code.FILE_CUT_SHORT]


def test_a_file_whose_marker_never_comes_is_loud_and_stops_no_other(folder):
    drop(folder, "a.csv", rows("A1"))
    drop(folder, "b.csv", rows("B1"))
    drop(folder, "b.csv.ok", b"")
    hub = dropped(folder, ready="done_file", overdue_s=3_600)
    assert hub.run().error is None
    hub.clock.advance(3_700)
    drop(folder, "c.csv", rows("C1"))
    drop(folder, "c.csv.ok", b"")

    reading = hub.run()

    assert reading.numbers == {"C1"}
    assert isinstance(reading.error, SourceContractError)
    assert reading.error.code is Code.FILE_WAITING
    assert "1 files" in reading.error.message


@pytest.mark.parametrize("name", [".a.csv", "~$a.xlsx", "a.csv.part", "a.csv.filepart", "a.tmp", "Thumbs.db"])
def test_what_programs_put_there_while_they_work_is_left_alone(folder, name):
    drop(folder, name, rows("A1"))

    assert dropped(folder).run().records == []
    assert names(folder) == [name]


# --- the ground --------------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_loud(tmp_path):
    reading = dropped(tmp_path / "missing").run()

    assert isinstance(reading.error, SourceUnavailable)
    assert reading.error.code is Code.SOURCE_UNREACHABLE


def test_a_position_of_another_kind_is_an_error_of_configuration(folder):
    hub = dropped(folder)
    hub.reader.position = {"done": ["x"]}

    error = hub.run().error
    assert isinstance(error, ConfigError)
    assert error.code is Code.POSITION_INVALID


def test_a_crowded_folder_is_refused(folder, monkeypatch):
    monkeypatch.setattr("hub.sdk.readers.files_local.MOST_FILES", 5)
    for number in range(6):
        drop(folder, f"{number}.csv", rows("A1"))

    error = dropped(folder).run().error
    assert isinstance(error, SourceContractError)
    assert error.code is Code.FILE_TOO_LARGE


def test_an_operators_span_is_one_of_the_files_times(folder):
    from datetime import timedelta

    from hub.sdk import Window

    drop(folder, "old.csv", rows("A1"), changed_s=NOW.timestamp() - 20 * 86_400)
    drop(folder, "mid.csv", rows("A2"), changed_s=NOW.timestamp() - 10 * 86_400)
    drop(folder, "new.csv", rows("A3"))
    hub = dropped(folder, after_reading="keep")
    window = Window(None, NOW - timedelta(days=15), NOW - timedelta(days=5))

    found = [
        record.source_no
        for page in hub.reader.channel.pages(hub.reader.stream, window)
        for record in page.records
    ]

    assert found == ["A2"]


def test_check_says_what_it_finds_and_changes_nothing(folder):
    drop(folder, "a.csv", text([HEAD, ["A1", "2026-06-23", "甲"], ["A2", "待定", "乙"]]))
    before = tree(folder)

    report = dropped(folder).reader.channel.check()

    assert [(line.name, line.ok) for line in report.checks] == [
        ("folder", True),
        ("moving", True),
        ("file", False),
    ]
    assert "2 rows: 2 records, of which 1 cannot be used" in report.checks[-1].detail
    assert tree(folder) == before


def test_check_of_a_folder_that_is_not_there_is_a_line(tmp_path):
    report = dropped(tmp_path / "missing").reader.channel.check()

    assert [(line.name, line.ok) for line in report.checks] == [("folder", False)]


def test_a_relative_path_is_no_setting():
    with pytest.raises(ValueError, match="path"):
        LocalFolder(kind="folder", path="inbox")
