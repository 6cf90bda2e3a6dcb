"""`SheetContract`: the contract of channels whose records are rows of dropped sheets, well-behaved and otherwise.

    class TestPresubmission(SheetContract):
        channel = PresubmissionWindowChannel
        samples = Path(__file__).parents[1] / "samples"
        source = PresubmissionSheet()
        personal = "联系电话"

The rule behind every case: each row of a file is read, set aside with a code, or passed over and counted; a file that cannot be read as a whole is
one record set aside, and goes to ``rejected/`` with a report. Nothing ends as "0 rows" without a word.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hub.clock import COUNTY_ZONE, ManualClock
from hub.errors import Code, RecordRejected, SourceContractError, SourceUnavailable
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.sdk.channel import ChannelSettings, Order, PositionKind, RawRecord, Window
from hub.sdk.readers.sheet_whole import lines_of
from hub.testing.contract import ChannelContract
from hub.testing.factories import NOW, channel_context
from hub.testing.hostile_sheets import (
    COUNT,
    MEGABYTE,
    PHONE,
    SheetMisbehaviour,
    SheetSource,
    settings_of,
    spoilt,
    table,
)
from hub.testing.reading import Reader, Reading, said_by
from hub.testing.workbooks import xlsx

ALL = frozenset(range(COUNT))
SPOILT = 1
_NAME = "台账.xlsx"

# A pattern that tries every beginning with every end takes minutes for one of these, and holds up the whole process meanwhile.
FULL_OF = ("整改", "一", "1", "10:10", " ", "（", "、", "A")
MOST_CHARS = 90_000  # a little less than a reader of sheets lets through


class Desk:
    """A drop folder and a reader over the channel that reads it.

    Attributes:
        folder: Where files are dropped.
        reader: Keeps the position between runs.
    """

    def __init__(self, contract: SheetContract, folder: Path, **files: Any) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.log = channel_context().log
        self._contract, self._files = contract, files
        self.reader = self._made()

    def _made(self) -> Reader:
        settings = self._contract.make_sheet_settings(settings_of(str(self.folder), **self._files))
        ctx = channel_context(secrets=self._contract.secrets, clock=self.clock, log=self.log)
        return Reader(self._contract.channel(settings, ctx))

    def restart(self) -> None:
        """A new process: another object of the channel, with the position as the hub kept it."""
        position = json.loads(json.dumps(self.reader.position))
        self.reader.channel.close()
        self.reader = self._made()
        self.reader.position = position

    def drop(self, content: bytes, name: str = _NAME, *, changed: datetime | None = None) -> Path:
        """Puts a file there; changed an hour ago unless it is told."""
        path = self.folder / name
        path.write_bytes(content)
        at = (changed or NOW - timedelta(hours=1)).timestamp()
        os.utime(path, (at, at))
        return path

    def files(self, *, reports: bool = False) -> list[str]:
        """Paths of all files below, or of all reports."""
        found = sorted(
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        )
        return [name for name in found if (".report." in name) is reports]

    def report(self) -> dict[str, Any]:
        """The one report for programs."""
        (name,) = [name for name in self.files(reports=True) if name.endswith(".json")]
        found: dict[str, Any] = json.loads((self.folder / name).read_bytes())
        return found

    def words(self) -> str:
        """What the clerk is told."""
        return "".join(
            (self.folder / name).read_text("utf-8-sig")
            for name in self.files(reports=True)
            if name.endswith(".txt")
        )


class SheetContract(ChannelContract):
    """For channels whose rows say one thing each, as those made of `hub.sdk.readers.sheet_channel`.

    One that says other things than demands tells where in them words, time and telephone number stand. Records of several rows (see
    `hub.sdk.readers.sheet_whole`) come besides, and are no row's.

    Attributes:
        source: How a well-behaved sheet looks.
    """

    source: ClassVar[SheetSource]

    def words(self, said: Demand | Observation) -> str:
        """What `SheetSource.text` became."""
        assert isinstance(said, Demand), "say where the words stand: bring words()"
        return said.content + said.title

    def when(self, said: Demand | Observation) -> datetime | None:
        """What `SheetSource.when` became."""
        assert isinstance(said, Demand), "say where the time stands: bring when()"
        return said.submitted_at

    def phone(self, said: Demand | Observation) -> str | None:
        """What `SheetSource.phone` became."""
        assert isinstance(said, Demand), "say where the telephone number stands: bring phone()"
        return said.reporter.phone

    def left_out(self, said: Demand | Observation) -> str | None:
        """What `SheetSource.left_out` became: the telephone number, or for a sheet without one what ``spare`` names."""
        return self.phone(said)

    def make_sheet_settings(self, given: dict[str, Any]) -> ChannelSettings:
        """Settings of the channel with this ``source`` and ``files``."""
        return self.channel.Settings.model_validate(given)

    def make_settings(self, base_url: str) -> ChannelSettings:
        """See `ChannelContract`; the address of these channels is a folder."""
        return self.make_sheet_settings(settings_of("/nonexistent/drop"))

    @contextmanager
    def desk(self, tmp_path: Path, **files: Any) -> Iterator[Desk]:
        """An empty drop folder, and a reader over it."""
        folder = tmp_path / "inbox"
        folder.mkdir(exist_ok=True)
        desk = Desk(self, folder, **files)
        try:
            yield desk
        finally:
            desk.reader.channel.close()

    def played(self, tmp_path: Path, misbehaviour: SheetMisbehaviour) -> tuple[Desk, Reading]:
        """One run over one file that misbehaves so."""
        with self.desk(tmp_path, patience_s=0) as desk:
            desk.drop(spoilt(self.source, misbehaviour))
            reading = desk.reader.run()
            assert reading.error is None, reading.error
            self.reconciles(desk, reading)
            return desk, reading

    def whole(self, tmp_path: Path, misbehaviour: SheetMisbehaviour) -> list[Demand | Observation]:
        """What every row says, in order; the file is done and nobody has to mend anything."""
        desk, reading = self.played(tmp_path, misbehaviour)
        found = self.said(desk, reading)
        assert sorted(found) == sorted(ALL), sorted(found)
        assert reading.set_aside == []
        assert desk.files()[0].startswith("done/")
        assert desk.words() == ""
        return [found[index] for index in sorted(found)]

    def one_aside(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour, *codes: Code, row: int = SPOILT
    ) -> None:
        """That row is set aside with one of the codes, every other is read, and the clerk is told which row it is."""
        desk, reading = self.played(tmp_path, misbehaviour)
        assert set(self.said(desk, reading)) == ALL - {row}
        told = desk.report()["set_aside"]
        assert [(one["row"], one["code"] in codes) for one in told] == [(row + 2, True)], told
        assert f"第{row + 2}行" in desk.words()

    def rejected(self, tmp_path: Path, misbehaviour: SheetMisbehaviour, *codes: Code) -> None:
        """The file is one record set aside with one of the codes, and goes to ``rejected/`` with a report."""
        desk, reading = self.played(tmp_path, misbehaviour)
        assert self.said(desk, reading) == {}
        assert [record.problem.code in codes for record in reading.set_aside if record.problem] == [True], (
            reading.set_aside
        )
        assert desk.files() == [f"rejected/{_NAME}"]
        assert desk.words().startswith("本文件未能读入")

    def said(self, desk: Desk, reading: Reading) -> dict[int, Demand | Observation]:
        """Index of each row that said something -> what it said."""
        found: dict[int, Demand | Observation] = {}
        for record in _of_rows(reading.records):
            for one in _said(desk.reader, record):
                (index,) = [index for index in range(100) if self.source.mark(index) in self.words(one)]
                assert index not in found, f"row {index} came twice"
                found[index] = one
        return found

    def reconciles(self, desk: Desk, reading: Reading) -> None:
        """Rows = those that say something + set aside + passed over + gathered, by the file's own report; and no report holds what a citizen wrote."""
        report = desk.report()
        if report["outcome"] == "read":
            telling = sum(bool(_said(desk.reader, record)) for record in reading.records)
            elsewhere = sum(report["passed_over"].values()) + report["gathered"]
            assert report["rows"] + report["wholes"] == report["records"] + elsewhere
            assert report["records"] == len(reading.records)
            assert report["wholes"] == len(reading.records) - len(_of_rows(reading.records))
            assert report["records"] == telling + report["set_aside_count"]
        told = json.dumps(report, ensure_ascii=False) + desk.words() + str(desk.log.events)  # type: ignore[attr-defined]
        for words in (self.source.mark(SPOILT), str(PHONE + SPOILT), "138****5678", Path(_NAME).stem):
            assert words not in told

    # --- the well-behaved sheet ----------------------------------------------------------------------------------

    def test_the_stream_is_one_of_files(self) -> None:
        channel = self.make_channel()
        (stream,) = channel.streams
        channel.close()
        assert (stream.position_kind, stream.order) == (PositionKind.FILES, Order.ASCENDING)

    def test_every_row_is_read_with_its_time_and_its_telephone_number(self, tmp_path: Path) -> None:
        for index, one in enumerate(self.whole(tmp_path, SheetMisbehaviour.NONE)):
            assert self.when(one) == self.at(index)
            if self.source.phone is not None:
                assert self.phone(one) == str(PHONE + index)

    def at(self, index: int) -> datetime:
        """The moment of a row."""
        return self.source.moment(index).replace(tzinfo=COUNTY_ZONE).astimezone(UTC)

    def test_another_run_and_another_process_bring_nothing(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            desk.reader.run()
            assert desk.reader.run().records == []
            desk.restart()
            assert desk.reader.run().records == []

    def test_the_same_file_under_another_name_gives_the_same_records(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            seen = []
            for name in (_NAME, "再来一次.xlsx"):
                desk.drop(spoilt(self.source, SheetMisbehaviour.NONE), name)
                seen.append({(record.source_no, record.body) for record in desk.reader.run().records})
            assert seen[0] == seen[1]

    def test_the_rows_of_yesterday_are_the_same_records_in_todays_longer_ledger(self, tmp_path: Path) -> None:
        rows = [self.source.row(index) for index in range(COUNT + 2)]
        with self.desk(tmp_path) as desk:
            desk.drop(xlsx(table(self.source, rows[:COUNT])))
            first = {(record.source_no, record.body) for record in _of_rows(desk.reader.run().records)}
            desk.drop(xlsx([["2026年6月台账"], *table(self.source, rows[::-1])]))
            second = {(record.source_no, record.body) for record in _of_rows(desk.reader.run().records)}
        assert {number for number, _ in first} <= {number for number, _ in second}
        assert len(second) == COUNT + 2

    def test_a_row_whose_words_are_amended_is_the_same_record(self, tmp_path: Path) -> None:
        rows = [self.source.row(index) for index in range(COUNT)]
        with self.desk(tmp_path) as desk:
            desk.drop(xlsx(table(self.source, rows)))
            first = [record.source_no for record in desk.reader.run().records]
            rows[SPOILT][self.source.text] = f"{rows[SPOILT][self.source.text]}（已补充）"
            desk.drop(xlsx(table(self.source, rows)))
            assert [record.source_no for record in desk.reader.run().records] == first

    def test_no_number_of_a_record_tells_who_the_person_is(self, tmp_path: Path) -> None:
        row = self.source.row(0)
        with self.desk(tmp_path) as desk:
            numbers = []
            for phone in (PHONE, PHONE + 10_000):  # the last four digits are the same
                desk.drop(xlsx(table(self.source, [{**row, self.source.left_out: phone}])))
                numbers.append([record.source_no for record in desk.reader.run().records])
        assert numbers[0] == numbers[1] != []

    def test_check_reports_and_changes_nothing(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            report = desk.reader.channel.check()
            assert report.ok, report
            assert desk.files() == [_NAME]

    def test_check_of_a_folder_that_is_away_is_a_line_and_a_run_is_loud(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            desk.folder.rmdir()
            assert not desk.reader.channel.check().ok
            assert isinstance(desk.reader.run().error, SourceUnavailable)

    def test_a_column_in_the_settings_that_the_channel_does_not_know_is_refused(self) -> None:
        given = {**settings_of("/nonexistent/drop"), "columns": {"没有这一列": ["甲"]}}
        with pytest.raises(Exception, match="没有这一列"):
            self.channel(self.make_sheet_settings(given), channel_context(secrets=self.secrets))

    def test_a_name_from_the_settings_finds_its_column(self, tmp_path: Path) -> None:
        folder = tmp_path / "inbox"
        folder.mkdir()
        given = {**settings_of(str(folder)), "columns": {self.source.needed: ["甲乙丙"]}}
        channel = self.channel(self.make_sheet_settings(given), channel_context(secrets=self.secrets))
        (folder / _NAME).write_bytes(spoilt(self.source, SheetMisbehaviour.COLUMN_RENAMED))
        assert len(_of_rows(Reader(channel).run().records)) == COUNT

    # --- around the rows -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "misbehaviour",
        [
            SheetMisbehaviour.TITLE_ROWS,
            SheetMisbehaviour.TOTALS_ROW,
            SheetMisbehaviour.BLANK_ROWS,
            SheetMisbehaviour.HEADER_AGAIN,
            SheetMisbehaviour.HEADER_IN_OTHER_FORM,
            SheetMisbehaviour.COLUMNS_MOVED,
            SheetMisbehaviour.COLUMN_UNKNOWN,
            SheetMisbehaviour.COLUMN_OPTIONAL_MISSING,
            SheetMisbehaviour.SEVERAL_SHEETS,
            SheetMisbehaviour.SHEET_HIDDEN,
        ],
        ids=lambda one: one.name,
    )
    def test_what_stands_around_the_rows_hides_none_and_adds_none(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour
    ) -> None:
        self.whole(tmp_path, misbehaviour)

    def test_a_needed_column_under_another_name_rejects_the_file(self, tmp_path: Path) -> None:
        self.rejected(tmp_path, SheetMisbehaviour.COLUMN_RENAMED, Code.SHEET_HEADER)

    def test_a_column_that_stands_twice_rejects_the_file(self, tmp_path: Path) -> None:
        self.rejected(tmp_path, SheetMisbehaviour.COLUMN_TWICE, Code.SHEET_HEADER)

    def test_a_sheet_whose_column_is_renamed_is_set_aside_and_stops_no_other(self, tmp_path: Path) -> None:
        desk, reading = self.played(tmp_path, SheetMisbehaviour.SHEET_RENAMED_COLUMN)
        assert set(self.said(desk, reading)) == {0, 1}
        assert [record.problem.code for record in reading.set_aside if record.problem] == [Code.SHEET_HEADER]
        assert "第2张工作表未能读入" in desk.words()

    # --- within the rows -----------------------------------------------------------------------------------------

    def test_a_merged_cell_holds_for_the_rows_under_it(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.MERGED_CELLS)
        assert [self.when(one) for one in said[:4]] == [self.at(0)] * 3 + [self.at(3)]

    def test_same_as_above_is_what_stands_above(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.SAME_AS_ABOVE)
        assert [self.when(one) for one in said[:3]] == [self.at(0), self.at(0), self.at(2)]

    def test_same_as_above_of_nothing_sets_its_row_aside(self, tmp_path: Path) -> None:
        self.one_aside(tmp_path, SheetMisbehaviour.SAME_AS_ABOVE_OF_NOTHING, Code.FIELD_INVALID, row=0)

    @pytest.mark.parametrize(
        "misbehaviour",
        [
            SheetMisbehaviour.SERIAL_DATES,
            SheetMisbehaviour.SERIAL_DATES_1904,
            SheetMisbehaviour.CHINESE_DATES,
        ],
        ids=lambda one: one.name,
    )
    def test_times_in_another_form_are_the_same_times(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour
    ) -> None:
        said = self.whole(tmp_path, misbehaviour)
        assert [self.when(one) for one in said] == [self.at(index) for index in range(COUNT)]

    @pytest.mark.parametrize(
        "misbehaviour",
        [SheetMisbehaviour.DATE_NOT_A_DATE, SheetMisbehaviour.DATE_IN_TWO_WAYS, SheetMisbehaviour.ERROR_CELL],
        ids=lambda one: one.name,
    )
    def test_a_time_that_is_none_sets_its_row_aside_and_no_other(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour
    ) -> None:
        self.one_aside(tmp_path, misbehaviour, Code.FIELD_INVALID)

    def test_a_telephone_number_that_is_a_number_keeps_every_digit(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.PHONES_AS_FLOATS)
        if self.source.phone is not None:
            assert [self.phone(one) for one in said] == [str(PHONE + index) for index in range(COUNT)]

    def test_a_telephone_number_whose_digits_are_lost_is_left_out_and_flagged(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.PHONE_IN_SCIENTIFIC)[SPOILT]
        if self.source.phone is not None:
            assert (self.phone(said), said.quality) == (None, ("PHONE_IMPRECISE",))

    def test_a_long_number_whose_digits_are_lost_is_never_guessed(self, tmp_path: Path) -> None:
        if self.source.number is not None:
            self.one_aside(tmp_path, SheetMisbehaviour.LONG_NUMBER_AS_FLOAT, Code.KEY_INVALID)
            return
        said = self.whole(tmp_path, SheetMisbehaviour.LONG_NUMBER_AS_FLOAT)[SPOILT]
        assert (self.phone(said), said.quality) == (None, ("PHONE_IMPRECISE",))

    def test_two_rows_under_one_number_hide_neither(self, tmp_path: Path) -> None:
        if self.source.number is not None:
            self.one_aside(tmp_path, SheetMisbehaviour.NUMBER_TWICE, Code.KEY_INVALID)
            return
        row = self.source.row(0)
        with self.desk(tmp_path) as desk:
            desk.drop(xlsx(table(self.source, [row, row])))
            assert len({record.source_no for record in _of_rows(desk.reader.run().records)}) == 2

    def test_empty_text_and_the_word_null_are_nothing(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.EMPTY_AND_NULL_WORDS)
        assert [self.left_out(one) for one in said[1:3]] == [None, None]

    def test_a_masked_telephone_number_stays_as_it_came(self, tmp_path: Path) -> None:
        said = self.whole(tmp_path, SheetMisbehaviour.MASKED_PHONES)[SPOILT]
        if self.source.phone is not None:
            assert self.phone(said) == "138****5678"

    def test_html_in_the_text_becomes_its_words(self, tmp_path: Path) -> None:
        content = self.words(self.whole(tmp_path, SheetMisbehaviour.HTML_IN_TEXT)[SPOILT])
        assert "没有人" in content
        assert "<二楼>" in content
        assert not any(word in content for word in ("<b>", "<br", "&nbsp;", "alert"))

    def test_lines_delimiters_and_quotation_marks_in_a_text_stay_in_it(self, tmp_path: Path) -> None:
        content = self.words(self.whole(tmp_path, SheetMisbehaviour.LINES_IN_TEXT)[SPOILT])
        assert '"一次说清"' in content
        assert "第二行, 还有" in content

    def test_a_text_of_a_million_characters_is_kept_whole_or_set_aside(self, tmp_path: Path) -> None:
        desk, reading = self.played(tmp_path, SheetMisbehaviour.MEGABYTE_CONTENT)
        found = self.said(desk, reading)
        assert set(found) >= ALL - {SPOILT}
        if SPOILT in found:
            assert len(self.words(found[SPOILT])) >= MEGABYTE
        else:
            assert [one["code"] for one in desk.report()["set_aside"]] == ["record_too_large"]

    @pytest.mark.parametrize("word", FULL_OF)
    def test_a_cell_full_of_one_word_is_read_or_refused_in_no_time(self, tmp_path: Path, word: str) -> None:
        desk, reading = self.played(tmp_path, SheetMisbehaviour.NONE)
        record = _of_rows(reading.records)[0]
        cells = json.loads(record.body)
        plan = getattr(desk.reader.channel, "plan", None)
        known = [column.name for column in plan().columns] if plan is not None else []
        for name in dict.fromkeys([*known, *cells]):
            if name == "_":
                continue
            full = json.dumps({**cells, name: (word * MOST_CHARS)[:MOST_CHARS]}, ensure_ascii=False)
            began = time.process_time()
            with suppress(RecordRejected):
                desk.reader.channel.normalize(replace(record, body=full.encode()))
            spent_s = time.process_time() - began
            assert spent_s < 2, (
                f"column {name}: {spent_s:.1f} s for one cell; look at the patterns that read it"
            )

    # --- the file ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "misbehaviour",
        [
            SheetMisbehaviour.CSV_GBK,
            SheetMisbehaviour.CSV_UTF16,
            SheetMisbehaviour.CSV_BYTE_ORDER_MARK,
            SheetMisbehaviour.HTML_AS_XLS,
            SheetMisbehaviour.JSON_FORM,
        ],
        ids=lambda one: one.name,
    )
    def test_the_same_rows_come_of_every_kind_of_file(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour
    ) -> None:
        (tmp_path / "a").mkdir()
        right = self.whole(tmp_path / "a", SheetMisbehaviour.NONE)
        assert self.whole(tmp_path, misbehaviour) == right

    def test_a_delimiter_in_a_cell_sets_its_row_aside_and_no_other(self, tmp_path: Path) -> None:
        self.one_aside(tmp_path, SheetMisbehaviour.CSV_DELIMITER_IN_CELL, Code.FIELD_INVALID)

    @pytest.mark.parametrize(
        ("misbehaviour", "code"),
        [
            (SheetMisbehaviour.CSV_QUOTE_OPEN, Code.FILE_UNREADABLE),
            (SheetMisbehaviour.CUT_SHORT, Code.FILE_CUT_SHORT),
            (SheetMisbehaviour.JSON_CUT_SHORT, Code.FILE_CUT_SHORT),
            (SheetMisbehaviour.EMPTY, Code.FILE_UNREADABLE),
            (SheetMisbehaviour.NO_SHEET, Code.FILE_UNREADABLE),
            (SheetMisbehaviour.DAMAGED, Code.FILE_UNREADABLE),
            (SheetMisbehaviour.ZIP_BOMB, Code.FILE_TOO_LARGE),
            (SheetMisbehaviour.FAR_CELLS, Code.FILE_TOO_LARGE),
        ],
        ids=lambda one: getattr(one, "name", None),
    )
    def test_a_file_that_cannot_be_read_is_rejected_with_a_report(
        self, tmp_path: Path, misbehaviour: SheetMisbehaviour, code: Code
    ) -> None:
        self.rejected(tmp_path, misbehaviour, code)

    def test_entities_that_multiply_are_never_expanded(self, tmp_path: Path) -> None:
        self.rejected(
            tmp_path,
            SheetMisbehaviour.ENTITY_BOMB,
            Code.FILE_UNREADABLE,
            Code.SHEET_HEADER,
            Code.FILE_TOO_LARGE,
        )

    def test_a_bad_file_stops_no_other(self, tmp_path: Path) -> None:
        with self.desk(tmp_path, patience_s=0) as desk:
            desk.drop(
                spoilt(self.source, SheetMisbehaviour.NO_SHEET), "甲.xlsx", changed=NOW - timedelta(days=2)
            )
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE), "乙.xlsx")
            reading = desk.reader.run()
            assert set(self.said(desk, reading)) == ALL
            assert len(reading.set_aside) == 1

    def test_an_upload_that_is_not_whole_is_waited_for(self, tmp_path: Path) -> None:
        with self.desk(tmp_path, patience_s=3_600) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.CUT_SHORT))
            assert desk.reader.run().records == []
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE), changed=NOW - timedelta(minutes=5))
            assert set(self.said(desk, desk.reader.run())) == ALL

    def test_a_file_without_its_marker_is_loud_in_the_end(self, tmp_path: Path) -> None:
        with self.desk(tmp_path, ready="done_file", overdue_s=3_600) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            assert (desk.reader.run().error, desk.files()) == (None, [_NAME])
            desk.clock.advance(4_000)
            error = desk.reader.run().error
            assert isinstance(error, SourceContractError)
            assert error.code is Code.FILE_WAITING
            desk.drop(b"", f"{_NAME}.ok")
            assert set(self.said(desk, desk.reader.run())) == ALL

    def test_a_link_and_a_deceiving_name_are_told_and_not_read(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            outside = tmp_path / "outside.xlsx"
            outside.write_bytes(spoilt(self.source, SheetMisbehaviour.NONE))
            (desk.folder / "a.xlsx").symlink_to(outside)
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE), "a\nb.xlsx")
            reading = desk.reader.run()
            assert [record.problem.code for record in reading.records if record.problem] == [
                Code.FILE_REFUSED
            ] * 2
            assert desk.files(reports=True) == []

    def test_two_files_under_one_name_are_both_kept(self, tmp_path: Path) -> None:
        rows = [self.source.row(index) for index in range(2)]
        with self.desk(tmp_path) as desk:
            for row in rows:
                desk.drop(xlsx(table(self.source, [row])))
                assert len(_of_rows(desk.reader.run().records)) == 1
            assert len(desk.files()) == 2

    def test_a_run_killed_between_commit_and_move_adds_nothing(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            first = desk.reader.run(stop_after=1)
            assert desk.files() == [_NAME]
            desk.restart()
            assert (len(_of_rows(first.records)), desk.reader.run().records) == (COUNT, [])
            assert desk.files()[0].startswith("done/")

    def test_who_only_looks_moves_nothing(self, tmp_path: Path) -> None:
        with self.desk(tmp_path) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            window = Window(None, None, NOW)
            pages = list(desk.reader.channel.pages(desk.reader.stream, window))
            assert sum(len(_of_rows(page.records)) for page in pages) == COUNT
            assert (desk.files(), desk.files(reports=True)) == ([_NAME], [])

    def test_a_run_killed_in_mid_file_reads_it_again_from_its_beginning(self, tmp_path: Path) -> None:
        with self.desk(tmp_path, batch=2) as desk:
            desk.drop(spoilt(self.source, SheetMisbehaviour.NONE))
            desk.reader.run(stop_after=1)
            desk.restart()
            assert set(self.said(desk, desk.reader.run())) == ALL


def _of_rows(records: Sequence[RawRecord]) -> list[RawRecord]:
    """Without those that are made of several rows."""
    return [record for record in records if lines_of(record) is None]


def _said(reader: Reader, record: RawRecord) -> tuple[Demand | Observation, ...]:
    """What a record says; nothing for one that is set aside."""
    if record.problem is not None:
        return ()
    try:
        return said_by(reader.channel, record)
    except RecordRejected:
        return ()
