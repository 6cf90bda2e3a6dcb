"""`SqlViewContract`: what a channel must keep that reads a database view, on a real database, well-behaved and otherwise.

Its author brings the table behind the view (`ViewSource`) and a fixture that gives databases (`ViewDatabase`); here the rows are spoilt, the
view is changed, and the connection is cut.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol

import pytest

from hub.clock import ManualClock
from hub.errors import Code, RecordRejected, SourceContractError, SourceUnavailable
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.sdk.channel import ChannelSettings, Order
from hub.sdk.readers.sql_place import Dialect, SqlPlace
from hub.testing.contract import ChannelContract
from hub.testing.factories import NOW, channel_context
from hub.testing.live import LOUD, checked, clock
from hub.testing.reading import Reader, Reading, said_by

Fields = dict[str, Any]
ColumnType = Literal["text", "long", "time", "integer"]
COUNT = 12
MEGABYTE = 1_000_000
TABLE = "hub_contract_rows"

_TYPES: Mapping[Dialect, Mapping[ColumnType, str]] = {
    "postgresql": {"text": "varchar(400)", "long": "text", "time": "timestamp", "integer": "bigint"},
    "mariadb": {"text": "varchar(400)", "long": "longtext", "time": "datetime", "integer": "bigint"},
}


class ViewDatabase(Protocol):
    """A fresh database as its owner has it, with an account for the hub that may read what it is granted."""

    dialect: Dialect

    def place(self, **more: Any) -> SqlPlace:
        """Where the hub's account finds it."""
        ...

    def execute(self, *statements: str) -> None:
        """Runs statements as the owner."""
        ...

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Puts rows into a table."""
        ...

    def grant(self, *names: str, right: str = "SELECT") -> None:
        """Gives the hub's account this right on these."""
        ...

    def kill_readers(self) -> int:
        """Ends the connections of the hub's account; how many there were."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query of the owner's gives."""
        ...


class ViewSource(ABC):
    """How a well-behaved view looks: written once by a channel's author.

    Attributes:
        name: Of the view.
        columns: Name -> type of every column.
        required: Columns without which the channel cannot use the view.
        key: Column of the record's number.
        position: Column of the update time, of type ``time``.
        text: Column of the citizen's words, of type ``long``.
        phone: A column that may be empty, such as the telephone number.
    """

    name: ClassVar[str]
    columns: ClassVar[Mapping[str, ColumnType]]
    required: ClassVar[Sequence[str]]
    key: ClassVar[str]
    position: ClassVar[str]
    text: ClassVar[str]
    phone: ClassVar[str]

    @abstractmethod
    def record(self, index: int, moment: datetime) -> Fields:
        """The ``index``-th row, updated at that moment; numbers differ with the index."""

    @abstractmethod
    def moment_text(self, moment: datetime) -> str:
        """An update time as the source writes it."""


class PlayedView:
    """The view with its rows, a minute apart, the last one a minute before `hub.testing.factories.NOW`.

    Attributes:
        special: Number of the row in the middle.
    """

    def __init__(
        self, database: ViewDatabase, source: ViewSource, *, count: int = COUNT, select: str = "*"
    ) -> None:
        self.database, self.source = database, source
        types = _TYPES[database.dialect]
        columns = ", ".join(f"{name} {types[kind]} NULL" for name, kind in source.columns.items())
        database.execute(f"CREATE TABLE {TABLE} ({columns})")
        rows = [source.record(index, NOW - timedelta(minutes=count - index)) for index in range(count)]
        self.special = str(rows[count // 2][source.key])
        self._next = count
        database.insert(TABLE, rows)
        self.show(select)

    def show(self, select: str) -> None:
        """The view with these columns of its table."""
        self.database.execute(
            f"DROP VIEW IF EXISTS {self.source.name}",
            f"CREATE VIEW {self.source.name} AS SELECT {select} FROM {TABLE}",
        )
        self.database.grant(self.source.name)

    @property
    def numbers(self) -> set[str]:
        """Numbers of all rows now."""
        found = self.database.rows(f"SELECT {self.source.key} FROM {TABLE}")
        return {str(number) for (number,) in found if number is not None}

    def add(self, moment: datetime, **fields: Any) -> str:
        """One more row, updated at that moment; its number."""
        row = {**self.source.record(self._next, moment), **fields}
        self._next += 1
        self.database.insert(TABLE, [row])
        return str(row[self.source.key])

    def change(self, column: str, value: str | None, *, number: str | None = None) -> None:
        """Sets a column of the special row, or of another."""
        written = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
        where = f"{self.source.key} = '{number or self.special}'"
        self.database.execute(f"UPDATE {TABLE} SET {column} = {written} WHERE {where}")


class SqlViewContract(ChannelContract):
    """For channels that read a database view.

    The fixture ``view_database`` gives a fresh `ViewDatabase`; a subclass brings it, as a rule one for each kind of server. A channel
    that says other things than demands tells where in them words and telephone number stand.

    Attributes:
        view: How the well-behaved view looks.
        batch: Rows a page that `make_view_settings` asks for; small.
    """

    view: ClassVar[ViewSource]
    batch: ClassVar[int] = 5

    def words(self, said: Demand | Observation) -> str | None:
        """What `ViewSource.text` became."""
        assert isinstance(said, Demand), "say where the words stand: bring words()"
        return said.content

    def phones(self, said: Demand | Observation) -> set[str | None]:
        """Where `ViewSource.phone` may have come to stand."""
        assert isinstance(said, Demand), "say where the telephone number stands: bring phones()"
        return {said.reporter.phone, said.reporter.caller_phone}

    def make_view_settings(self, place: SqlPlace, **policy: Any) -> ChannelSettings:
        """Settings for the view in that database, with ``batch`` rows a page; ``policy`` goes into `SqlPolicy`."""
        raise AssertionError(f"{type(self).__name__} must bring make_view_settings(place)")

    @pytest.fixture
    def view_database(self) -> ViewDatabase:
        """A fresh database."""
        raise AssertionError(f"{type(self).__name__} must bring the fixture view_database")

    @contextmanager
    def reading(self, place: SqlPlace, **policy: Any) -> Iterator[Reader]:
        """A reader over the channel, connected to that place."""
        context = channel_context(secrets=self.secrets, clock=ManualClock(NOW))
        channel = self.channel(self.make_view_settings(place, **policy), context)
        try:
            yield Reader(channel)
        finally:
            channel.close()

    @contextmanager
    def playing(self, database: ViewDatabase, **more: Any) -> Iterator[tuple[PlayedView, Reader]]:
        """The view with its rows, and a reader over it."""
        played = PlayedView(database, self.view, **more)
        with self.reading(database.place()) as reader:
            yield played, reader

    def said(self, reader: Reader, reading: Reading, number: str) -> Demand | Observation:
        """What the row of that number says."""
        raw = next(record for record in reading.records if record.source_no == number)
        (said,) = said_by(reader.channel, raw)
        return said

    # --- the well-behaved view -----------------------------------------------------------------------------------

    def test_every_row_is_read_once_and_says_something(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert sorted(str(record.source_no) for record in reading.records) == sorted(view.numbers)
            assert reading.set_aside == []
            assert len(reading.pages) > 1
            assert all(said_by(reader.channel, record) for record in reading.records)

    def test_an_empty_view_gives_nothing_and_no_error(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.database.execute(f"DELETE FROM {TABLE}")
            reading = reader.run()
            assert (reading.error, reading.records) == (None, [])

    def test_a_second_run_brings_nothing_new(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (_, reader):
            first = {(record.source_no, record.body) for record in reader.run().records}
            second = reader.run()
            assert second.error is None
            assert {(record.source_no, record.body) for record in second.records} <= first

    def test_a_later_run_reads_what_was_added_and_not_everything_again(
        self, view_database: ViewDatabase
    ) -> None:
        with self.playing(view_database) as (view, reader):
            reader.run()
            clock(reader).advance(86_400)
            added = view.add(clock(reader).now() - timedelta(seconds=10))
            second = reader.run()
            assert added in second.numbers
            assert len(second.numbers) < len(view.numbers)

    def test_a_row_that_is_sent_again_comes_again_with_a_greater_version(
        self, view_database: ViewDatabase
    ) -> None:
        with self.playing(view_database) as (view, reader):
            before = {record.source_no: record.version for record in reader.run().records}[view.special]
            clock(reader).advance(3_600)
            view.change(
                self.view.position, self.view.moment_text(clock(reader).now() - timedelta(seconds=10))
            )
            (again,) = [record for record in reader.run().records if record.source_no == view.special]
            assert before is None or (again.version is not None and again.version > before)

    def test_nothing_is_written(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.database.grant(TABLE, right="SELECT, INSERT, UPDATE, DELETE")
            before = view.database.rows(f"SELECT * FROM {TABLE} ORDER BY {self.view.key}")
            reader.run()
            reader.channel.check()
            assert view.database.rows(f"SELECT * FROM {TABLE} ORDER BY {self.view.key}") == before

    def test_check_reports_a_sound_view(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (_, reader):
            report = checked(reader)
            assert report.ok, report
            assert report.checks

    def test_columns_that_nobody_knows_change_nothing(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            right = {record.source_no: record.body for record in reader.run().records}
            view.show("*, 'x' AS xzzd")
            reader.position = None
            assert {record.source_no: record.body for record in reader.run().records} == right

    # --- times and borders ---------------------------------------------------------------------------------------

    def test_rows_that_all_share_one_second_are_all_read(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            same = self.view.moment_text(NOW - timedelta(minutes=7))
            view.database.execute(f"UPDATE {TABLE} SET {self.view.position} = '{same}'")
            reading = reader.run()
            assert (reading.error, reading.numbers) == (None, view.numbers)

    def test_a_run_that_is_killed_after_any_page_loses_nothing(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            same = self.view.moment_text(NOW - timedelta(minutes=7))
            view.database.execute(
                f"UPDATE {TABLE} SET {self.view.position} = '{same}' WHERE {self.view.key} <> '{view.special}'"
            )
            found: set[str] = set()
            for pages in (1, 2, 1, 3):
                found |= reader.run(stop_after=pages).numbers
            found |= reader.run().numbers
            assert found == view.numbers

    def test_an_ascending_order_is_claimed_only_where_it_is_kept(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            reading = reader.run()
            moments = [record.position_at for record in reading.records if record.position_at is not None]
            assert moments == sorted(moments) or reader.stream.order is not Order.ASCENDING
            assert len(moments) == len(view.numbers)

    def test_a_row_that_is_late_by_less_than_the_overlap_is_read(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            reader.run()
            late = view.add(NOW - timedelta(minutes=1, seconds=reader.stream.overlap_s * 0.9))
            clock(reader).advance(60)
            assert late in reader.run().numbers

    @pytest.mark.parametrize("ahead", [None, timedelta(days=14_600)])
    def test_a_row_without_a_time_or_dated_ahead_is_seen_and_moves_nothing_there(
        self, view_database: ViewDatabase, ahead: timedelta | None
    ) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(self.view.position, None if ahead is None else self.view.moment_text(NOW + ahead))
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers | {record.source_no for record in reading.set_aside} == view.numbers
            assert reader.position is None or str(reader.position) < (NOW + timedelta(days=1)).isoformat()
            if ahead is None:
                assert [record.problem.code for record in reading.set_aside if record.problem] == [
                    Code.POSITION_UNREADABLE
                ]

    def test_a_row_without_a_number_is_set_aside_and_no_other(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(self.view.key, None)
            reading = reader.run()
            assert (reading.error, reading.numbers) == (None, view.numbers)
            assert [record.problem.code for record in reading.set_aside if record.problem] == [
                Code.KEY_MISSING
            ]

    # --- a view that changed -------------------------------------------------------------------------------------

    def test_a_required_column_that_is_missing_or_renamed_is_named_and_no_row_is_read(
        self, view_database: ViewDatabase
    ) -> None:
        with self.playing(view_database) as (view, reader):
            for gone in self.view.required:
                others = [name for name in self.view.columns if name != gone]
                for select in (others, [*others, f"{gone} AS renamed_to_this"]):
                    view.show(", ".join(select))
                    reading = reader.run()
                    assert isinstance(reading.error, SourceContractError), gone
                    assert reading.error.code is Code.VIEW_COLUMNS
                    assert gone in reading.error.message
                    assert reading.records == []
            assert not checked(reader).ok
            view.show("*")
            clock(reader).advance(3_600)
            assert reader.run(until=NOW).numbers == view.numbers

    def test_a_position_that_is_no_longer_a_time_is_named(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            others = [name for name in self.view.columns if name != self.view.position]
            view.show(", ".join([*others, f"5 AS {self.view.position}"]))
            error = reader.run().error
            assert isinstance(error, SourceContractError)
            assert (error.code, self.view.position in error.message) == (Code.VIEW_COLUMNS, True)

    def test_a_view_that_is_gone_is_loud(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.database.execute(f"DROP VIEW {self.view.name}")
            assert isinstance(reader.run().error, LOUD)
            assert not checked(reader).ok

    # --- a database that is away ---------------------------------------------------------------------------------

    def test_connections_that_are_cut_in_mid_run_lose_nothing(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            found: set[str] = set()
            for page in reader.channel.pages(reader.stream, reader._window(NOW)):
                found |= {str(record.source_no) for record in page.records}
                view.database.kill_readers()
            assert found == view.numbers

    def test_a_wrong_password_is_loud_and_shows_nothing_of_itself(self, view_database: ViewDatabase) -> None:
        PlayedView(view_database, self.view)
        place = view_database.place()
        wrong = dict.fromkeys(self.secrets, "wr0ng-passw0rd")
        channel = self.channel(
            self.make_view_settings(place), channel_context(secrets=wrong, clock=ManualClock(NOW))
        )
        try:
            error = Reader(channel).run().error
            assert isinstance(error, SourceUnavailable)
            assert error.code is Code.SOURCE_AUTH
            assert "wr0ng" not in error.message
            assert not channel.check().ok
        finally:
            channel.close()

    def test_a_database_that_is_away_is_loud_and_check_does_not_raise(
        self, view_database: ViewDatabase
    ) -> None:
        place = view_database.place().model_copy(update={"host": "127.0.0.1", "port": 9})
        with self.reading(place) as reader:
            assert isinstance(reader.run().error, SourceUnavailable)
            clock(reader).advance(3_600)
            assert not checked(reader).ok

    def test_a_view_that_never_answers_is_cut_off(self, view_database: ViewDatabase) -> None:
        slow = "pg_sleep(30)::text" if view_database.dialect == "postgresql" else "concat(sleep(30))"
        phone = self.view.phone
        others = ", ".join(name for name in self.view.columns if name != phone)
        PlayedView(view_database, self.view, select=f"{others}, {slow} AS {phone}")
        with self.reading(view_database.place(), statement_timeout_s=0.5) as reader:
            error = reader.run().error
            assert isinstance(error, SourceUnavailable)
            assert error.code is Code.SOURCE_TIMEOUT

    # --- one row among others ------------------------------------------------------------------------------------

    def test_null_and_empty_text_and_the_word_null_are_nothing(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            for value in (None, "", "null"):
                view.change(self.view.phone, value)
                reader.position = None
                assert not {"", "null"} & self.phones(self.said(reader, reader.run(), view.special))

    def test_html_in_the_text_becomes_its_words(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(
                self.view.text,
                "<div><script>alert(1)</script>窗口<b>没有人</b>&nbsp;&lt;二楼&gt;<br/>请核实</div>",
            )
            content = self.words(self.said(reader, reader.run(), view.special)) or ""
            assert "窗口没有人" in content
            assert "<二楼>" in content
            assert not any(word in content for word in ("<b>", "<br", "&nbsp;", "alert"))

    def test_a_text_of_a_million_characters_is_kept_whole_or_set_aside(
        self, view_database: ViewDatabase
    ) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(self.view.text, "排" * MEGABYTE)
            reading = reader.run()
            assert reading.error is None, reading.error
            assert len(reading.records) == len(view.numbers)
            (raw,) = [record for record in reading.records if record.source_no in (view.special, None)]
            if raw.problem is not None:
                assert raw.problem.code is Code.RECORD_TOO_LARGE
            else:
                try:
                    lengths = [len(self.words(said) or "") for said in said_by(reader.channel, raw)]
                except RecordRejected as exc:
                    lengths = [MEGABYTE] if exc.code is Code.RECORD_TOO_LARGE else []
                assert lengths == [MEGABYTE]

    def test_a_masked_telephone_number_stays_as_it_came(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(self.view.phone, "138****5678")
            assert "138****5678" in self.phones(self.said(reader, reader.run(), view.special))

    def test_what_is_told_of_a_row_shows_nothing_of_it(self, view_database: ViewDatabase) -> None:
        with self.playing(view_database) as (view, reader):
            view.change(self.view.text, "张三丰 13900001234")
            view.change(self.view.key, None)
            (aside,) = reader.run().set_aside
            assert aside.problem is not None
            assert "13900001234" in json.loads(aside.body)[self.view.text]
            assert not any(word in aside.problem.detail for word in ("张三丰", "13900001234"))
