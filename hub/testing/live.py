"""`HttpListContract`: the part of the contract that needs a source, well-behaved and otherwise.

The rule behind every case: a run ends with every record read or set aside, or with a loud error that has a code; never with fewer
records and no error. What a loud error kept back comes with a later run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar

from hub.clock import ManualClock
from hub.errors import Code, HubError, RecordRejected, SourceContractError, SourceUnavailable
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.plugins import guard
from hub.sdk.channel import Channel, ChannelSettings, CheckReport, Order, PositionKind, Stream
from hub.testing.contract import ChannelContract
from hub.testing.factories import NOW, channel_context
from hub.testing.hostile import MEGABYTE, RETRY_AFTER_S, HostileSource, ListSource, Misbehaviour
from hub.testing.reading import Reader, Reading, said_by

LOUD = (SourceUnavailable, SourceContractError)


class HttpListContract(ChannelContract):
    """For channels that read a list page by page over HTTP.

    A channel of several streams has one such class for each; one that says other things than demands tells where in them the words
    and the telephone number stand.

    Attributes:
        source: How a well-behaved page looks.
        stream: Name of the stream that is read; None for the channel's first.
    """

    source: ClassVar[ListSource]
    stream: ClassVar[str | None] = None

    def words(self, said: Demand | Observation) -> tuple[str, str]:
        """Title and text of what a record says, as `ListSource.text` gave them."""
        assert isinstance(said, Demand), "say where the words stand: bring words()"
        return said.title, said.content

    def phone(self, said: Demand | Observation) -> str | None:
        """What was made of the field that `ListSource.phone` names."""
        assert isinstance(said, Demand), "say where the telephone number stands: bring phone()"
        return said.reporter.phone

    def make_impatient_settings(self, base_url: str) -> ChannelSettings:
        """As `make_settings`, with about a second for a whole answer; this is how long a dripping body costs its test."""
        return self.make_settings(base_url)

    @contextmanager
    def playing(self, misbehaviour: Enum, **more: Any) -> Iterator[tuple[HostileSource, Reader]]:
        """The source under that misbehaviour, and a reader over the channel connected to it."""
        assert isinstance(misbehaviour, Misbehaviour)
        with HostileSource(self.source, misbehaviour, **more) as source:
            drips = misbehaviour is Misbehaviour.SLOW_DRIP
            settings = (self.make_impatient_settings if drips else self.make_settings)(source.url)
            channel = self.channel(settings, channel_context(secrets=self.secrets, clock=ManualClock(NOW)))
            try:
                yield source, Reader(channel, self._stream_of(channel))
            finally:
                channel.close()

    def _stream_of(self, channel: Channel[Any]) -> Stream | None:
        named = [stream for stream in channel.streams if stream.name == self.stream]
        assert named or self.stream is None, f"{channel.name} has no stream {self.stream!r}"
        return named[0] if named else None

    def whole(self, misbehaviour: Enum) -> tuple[HostileSource, Reading, Reader]:
        """One run that must end well with every record, none of them set aside."""
        with self.playing(misbehaviour) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers == source.numbers
            assert reading.set_aside == []
            return source, reading, reader

    def loud(self, misbehaviour: Enum, *codes: Code, mended: bool = True) -> Reading:
        """One run that must end with an error of one of these codes; the next one, with the source mended, gets every record."""
        with self.playing(misbehaviour) as (source, reader):
            reading = reader.run()
            assert isinstance(reading.error, LOUD), (
                f"no error, and {len(reading.numbers)} of {len(source.numbers)} records"
            )
            assert reading.error.code in codes
            if mended:
                source.behave()
                clock(reader).advance(3_600)  # an open circuit has closed by then
                again = reader.run(until=NOW)
                assert again.error is None, again.error
                assert reading.numbers | again.numbers == source.numbers
            return reading

    def said(self, reader: Reader, reading: Reading, number: str) -> tuple[Demand | Observation, ...]:
        """What the record of that number says."""
        (raw,) = [record for record in reading.records if record.source_no == number][:1]
        return said_by(reader.channel, raw)

    # --- the well-behaved source ---------------------------------------------------------------------------------

    def test_every_record_is_read(self) -> None:
        self.whole(Misbehaviour.NONE)

    def test_every_record_of_a_well_behaved_source_says_something(self) -> None:
        with self.playing(Misbehaviour.NONE) as (_, reader):
            for record in reader.run().records:
                assert said_by(reader.channel, record)

    def test_an_empty_source_gives_nothing_and_no_error(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            source.records.clear()
            reading = reader.run()

            assert (reading.error, reading.records) == (None, [])

    def test_a_window_of_exactly_one_page_is_read(self) -> None:
        with self.playing(Misbehaviour.NONE, count=self.source.page_size) as (source, reader):
            reading = reader.run()

            assert (reading.error, reading.numbers) == (None, source.numbers)

    def test_a_second_run_brings_nothing_new(self) -> None:
        with self.playing(Misbehaviour.NONE) as (_, reader):
            first = {(record.source_no, record.body) for record in reader.run().records}
            second = reader.run()

            assert second.error is None
            assert {(record.source_no, record.body) for record in second.records} <= first

    def test_a_later_run_reads_what_was_added_and_not_everything_again(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            reader.run()
            clock(reader).advance(86_400 + 2 * reader.stream.overlap_s)
            added = source.add(clock(reader).now() - timedelta(seconds=10))
            second = reader.run()
            third = reader.run()

            assert added in second.numbers
            # The second window may reach back over all of them, by the stream's overlap; the third begins behind them.
            assert len(third.numbers) < len(source.numbers)

    def test_a_record_that_is_sent_again_comes_again_with_a_greater_version(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            first = {record.source_no: record.version for record in reader.run().records}
            clock(reader).advance(3_600)
            source.resend(source.special, clock(reader).now() - timedelta(seconds=10))
            (again,) = [record for record in reader.run().records if record.source_no == source.special]

            before = first[source.special]
            assert before is None or (again.version is not None and again.version > before)

    def test_a_time_stream_tells_every_records_position(self) -> None:
        with self.playing(Misbehaviour.NONE) as (_, reader):
            if reader.stream.position_kind is PositionKind.TIME:
                moments = [record.position_at for record in reader.run().records]
                assert all(moment is not None and moment.tzinfo is not None for moment in moments)

    def test_numbers_are_texts_and_the_same_in_every_run(self) -> None:
        with self.playing(Misbehaviour.NONE) as (_, reader):
            first = [record.source_no for record in reader.run().records]
            reader.position = None
            assert [record.source_no for record in reader.run().records] == first
            assert all(isinstance(number, str) for number in first)

    def test_check_reports_a_sound_source_and_writes_nothing(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            report = checked(reader)

            assert report.ok, report
            assert report.checks
            assert source.requests, "check() never asked the source"

    def test_check_reports_a_refusing_source_as_a_line_and_does_not_raise(self) -> None:
        with self.playing(Misbehaviour.UNAUTHORIZED) as (_, reader):
            assert not checked(reader).ok

    def test_check_reports_a_source_that_is_away_as_a_line_and_does_not_raise(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            source.stop()
            assert not checked(reader).ok

    def test_a_source_that_is_away_is_a_loud_error(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            source.stop()
            assert isinstance(reader.run().error, SourceUnavailable)

    # --- pages that deceive --------------------------------------------------------------------------------------

    def test_an_error_inside_http_200_is_loud(self) -> None:
        reading = self.loud(Misbehaviour.ERROR_ENVELOPE, Code.SOURCE_ENVELOPE, Code.PAGE_SHAPE)
        assert reading.numbers, "the page before the error was not kept"

    def test_an_error_inside_http_200_that_passes_is_tried_again(self) -> None:
        with self.playing(Misbehaviour.ERROR_ENVELOPE_ONCE) as (source, reader):
            reading = reader.run()
            assert isinstance(reading.error, LOUD) or reading.numbers == source.numbers

    def test_the_same_page_for_ever_is_loud_and_ends(self) -> None:
        self.loud(Misbehaviour.SAME_PAGE_FOREVER, Code.PAGE_REPEATED)

    def test_a_last_page_that_comes_again_is_the_end(self) -> None:
        self.whole(Misbehaviour.LAST_PAGE_AGAIN)

    def test_a_body_that_is_cut_every_time_is_loud(self) -> None:
        self.loud(Misbehaviour.PAGE_CUT_SHORT, Code.SOURCE_CUT_SHORT, Code.PAGE_NOT_JSON)

    def test_a_body_that_is_cut_once_is_read_again(self) -> None:
        self.whole(Misbehaviour.PAGE_CUT_SHORT_ONCE)

    def test_a_short_page_is_not_the_end(self) -> None:
        self.whole(Misbehaviour.PAGE_SHORT)

    def test_records_that_the_total_counts_and_no_page_holds_are_loud(self) -> None:
        self.loud(Misbehaviour.RECORDS_MISSING, Code.PAGE_COUNT, Code.SOURCE_CUT_SHORT)

    def test_a_record_that_leaves_the_window_while_it_is_read_hides_no_other(self) -> None:
        for newest_first in (True, False):
            with self.playing(Misbehaviour.RECORD_VANISHES, newest_first=newest_first) as (source, reader):
                first = reader.run()
                assert first.error is None, first.error
                assert first.numbers == source.numbers
                clock(reader).advance(600)
                assert source.special in reader.run().numbers

    def test_records_that_arrive_while_the_window_is_read_hide_no_other(self) -> None:
        for newest_first in (True, False):
            with self.playing(Misbehaviour.RECORDS_ARRIVE, newest_first=newest_first) as (source, reader):
                first = reader.run()
                clock(reader).advance(600)
                second = reader.run()
                assert (first.error, second.error) == (None, None)
                assert first.numbers | second.numbers == source.numbers

    def test_a_total_that_is_too_small_cuts_nothing(self) -> None:
        self.whole(Misbehaviour.TOTAL_TOO_SMALL)

    def test_a_total_that_is_too_large_is_loud_or_harmless(self) -> None:
        with self.playing(Misbehaviour.TOTAL_TOO_LARGE) as (source, reader):
            reading = reader.run()
            assert reading.numbers == source.numbers
            assert reading.error is None or reading.error.code is Code.PAGE_COUNT

    def test_no_total_is_no_reason_to_stop(self) -> None:
        self.whole(Misbehaviour.TOTAL_ABSENT)

    def test_a_total_without_records_is_loud(self) -> None:
        self.loud(Misbehaviour.TOTAL_WITHOUT_RECORDS, Code.PAGE_COUNT, Code.PAGE_SHAPE)

    def test_a_list_that_is_null_is_loud(self) -> None:
        self.loud(Misbehaviour.NULL_LIST, Code.PAGE_SHAPE)

    def test_duplicates_in_a_page_cut_nothing(self) -> None:
        self.whole(Misbehaviour.DUPLICATES_IN_PAGE)

    # --- times ---------------------------------------------------------------------------------------------------

    def test_a_position_that_is_no_date_sets_its_record_aside_and_no_other(self) -> None:
        with self.playing(Misbehaviour.POSITION_NOT_A_DATE) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers >= source.numbers - {source.special}
            assert [record.problem.code for record in reading.set_aside if record.problem] == [
                Code.POSITION_UNREADABLE
            ]
            assert reader.position is None or "待定" not in str(reader.position)

    def test_a_future_position_is_seen_and_moves_nothing_there(self) -> None:
        with self.playing(Misbehaviour.POSITION_IN_FUTURE) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers | {record.source_no for record in reading.set_aside} == source.numbers
            if reader.stream.position_kind is PositionKind.TIME:
                assert str(reader.position) < (NOW + timedelta(days=1)).isoformat()

    def test_equal_times_at_a_page_border_cut_nothing(self) -> None:
        self.whole(Misbehaviour.EQUAL_TIMES_AT_BORDER)

    def test_a_source_whose_clock_is_ahead_loses_nothing(self) -> None:
        with self.playing(Misbehaviour.CLOCK_SKEW) as (source, reader):
            first = reader.run()
            clock(reader).advance(300)
            second = reader.run()
            assert (first.error, second.error) == (None, None)
            assert first.numbers | second.numbers == source.numbers

    def test_a_record_that_is_late_by_less_than_the_overlap_is_read(self) -> None:
        with self.playing(Misbehaviour.NONE) as (source, reader):
            if reader.stream.position_kind is not PositionKind.TIME:
                return
            reader.run()
            late = source.add(NOW - timedelta(minutes=1, seconds=reader.stream.overlap_s * 0.9))
            clock(reader).advance(60)
            assert late in reader.run().numbers

    def test_newest_first_pages_are_read_and_no_ascending_order_is_claimed_for_them(self) -> None:
        self.whole(Misbehaviour.NEWEST_FIRST)
        _, reading, reader = self.whole(Misbehaviour.NEWEST_FIRST)
        moments = [record.position_at for record in reading.records if record.position_at is not None]
        # What an opaque position stands behind is the channel's own promise: a piece that was read whole, in any order.
        claims = (
            reader.stream.order is Order.ASCENDING and reader.stream.position_kind is not PositionKind.OPAQUE
        )
        assert moments == sorted(moments) or not claims

    def test_a_newest_first_run_that_is_killed_after_its_first_page_loses_nothing(self) -> None:
        with self.playing(Misbehaviour.NEWEST_FIRST) as (source, reader):
            first = reader.run(stop_after=1)
            second = reader.run()
            assert first.numbers < source.numbers
            assert first.numbers | second.numbers == source.numbers

    # --- refusals and the wire -----------------------------------------------------------------------------------

    def test_one_401_in_mid_run_is_loud_or_renewed(self) -> None:
        with self.playing(Misbehaviour.UNAUTHORIZED_MID_RUN) as (source, reader):
            reading = reader.run()
            numbers = reading.numbers
            if reading.error is not None:
                assert reading.error.code is Code.SOURCE_AUTH
                again = reader.run()
                assert again.error is None, again.error
                numbers |= again.numbers
            assert numbers == source.numbers

    def test_retry_after_is_waited_for(self) -> None:
        with self.playing(Misbehaviour.TOO_MANY_REQUESTS) as (source, reader):
            reading = reader.run()
            assert reading.numbers == source.numbers
            assert sum(clock(reader).slept) >= RETRY_AFTER_S

    def test_one_503_is_tried_again(self) -> None:
        self.whole(Misbehaviour.SERVER_ERROR_ONCE)

    def test_a_body_that_drips_is_cut_off(self) -> None:
        self.loud(Misbehaviour.SLOW_DRIP, Code.SOURCE_TIMEOUT, mended=False)

    def test_broken_gzip_every_time_is_loud(self) -> None:
        self.loud(Misbehaviour.BROKEN_GZIP, Code.PAGE_ENCODING, Code.SOURCE_CUT_SHORT)

    def test_broken_gzip_once_is_loud_or_read_again(self) -> None:
        with self.playing(Misbehaviour.BROKEN_GZIP_ONCE) as (source, reader):
            reading = reader.run()
            assert isinstance(reading.error, LOUD) or reading.numbers == source.numbers

    def test_a_redirect_to_a_login_page_is_loud(self) -> None:
        self.loud(Misbehaviour.LOGIN_REDIRECT, Code.SOURCE_AUTH, Code.SOURCE_STATUS, Code.PAGE_HTML)

    def test_a_login_page_instead_of_records_is_loud(self) -> None:
        self.loud(Misbehaviour.LOGIN_PAGE, Code.PAGE_HTML, Code.SOURCE_AUTH)

    def test_words_instead_of_records_are_loud(self) -> None:
        self.loud(Misbehaviour.NOT_JSON, Code.PAGE_NOT_JSON, Code.PAGE_SHAPE)

    def test_gbk_with_a_wrong_label_is_read_right(self) -> None:
        _, wrong, reader = self.whole(Misbehaviour.GBK_WRONG_LABEL)
        _, right, _ = self.whole(Misbehaviour.NONE)
        assert self.texts(reader, wrong) == self.texts(reader, right)

    def test_a_byte_order_mark_is_no_part_of_the_page(self) -> None:
        _, marked, reader = self.whole(Misbehaviour.BYTE_ORDER_MARK)
        _, right, _ = self.whole(Misbehaviour.NONE)
        assert self.texts(reader, marked) == self.texts(reader, right)

    def texts(self, reader: Reader, reading: Reading) -> list[tuple[str, str]]:
        """Title and text of all that was said, by number."""
        found = {record.source_no or "": said_by(reader.channel, record) for record in reading.records}
        return [self.words(one) for number in sorted(found) for one in found[number]]

    # --- one record among others ---------------------------------------------------------------------------------

    def test_a_number_of_18_digits_keeps_every_digit(self) -> None:
        source, reading, reader = self.whole(Misbehaviour.NUMBERS_FOR_IDS)
        assert {
            self.said(reader, reading, number)[0].source_no for number in reading.numbers
        } == source.numbers

    def test_empty_text_and_the_word_null_are_nothing(self) -> None:
        _, reading, reader = self.whole(Misbehaviour.EMPTY_AND_NULL_WORDS)
        phones = [self.phone(one) for record in reading.records for one in said_by(reader.channel, record)]
        assert phones.count(None) >= 2
        assert not {"", "null"} & set(phones)

    def test_html_in_the_text_becomes_its_words(self) -> None:
        source, reading, reader = self.whole(Misbehaviour.HTML_IN_TEXT)
        _, content = self.words(self.said(reader, reading, source.special)[0])
        assert "窗口没有人" in content
        assert "<二楼>" in content
        assert not any(word in content for word in ("<b>", "<br", "&nbsp;", "alert"))

    def test_a_text_of_a_million_characters_is_kept_whole_or_set_aside(self) -> None:
        source, reading, reader = self.whole(Misbehaviour.MEGABYTE_CONTENT)
        self.right_or_rejected(
            lambda: self.said(reader, reading, source.special),
            lambda said: len(self.words(said)[1]) == MEGABYTE,
            Code.RECORD_TOO_LARGE,
        )

    def test_a_masked_telephone_number_stays_as_it_came(self) -> None:
        source, reading, reader = self.whole(Misbehaviour.MASKED_PHONES)
        assert self.phone(self.said(reader, reading, source.special)[0]) == "138****5678"

    def test_a_field_that_nobody_knows_is_passed_over(self) -> None:
        _, more, reader = self.whole(Misbehaviour.NEW_FIELD)
        _, right, _ = self.whole(Misbehaviour.NONE)
        assert self.texts(reader, more) == self.texts(reader, right)

    def test_a_record_without_a_number_is_set_aside_and_no_other(self) -> None:
        with self.playing(Misbehaviour.MISSING_KEY) as (source, reader):
            reading = reader.run()
            assert reading.error is None, reading.error
            assert reading.numbers == source.numbers
            assert [record.problem.code for record in reading.set_aside if record.problem] == [
                Code.KEY_MISSING
            ]

    def test_a_text_that_is_a_list_is_set_aside_or_read_right_and_hurts_no_other(self) -> None:
        source, reading, reader = self.whole(Misbehaviour.RETYPED_FIELD)
        self.right_or_rejected(
            lambda: self.said(reader, reading, source.special),
            lambda said: "一段" in self.words(said)[1] and "两段" in self.words(said)[1],
            Code.FIELD_INVALID,
        )
        for record in reading.records:
            if record.source_no != source.special:
                assert said_by(reader.channel, record)

    def right_or_rejected(
        self,
        read: Callable[[], tuple[Demand | Observation, ...]],
        right: Callable[[Demand | Observation], bool],
        code: Code,
    ) -> None:
        """What is said is right, or the record is set aside with that code."""
        rejected: RecordRejected | None = None
        said: tuple[Demand | Observation, ...] = ()
        try:
            said = read()
        except RecordRejected as exc:
            rejected = exc
        assert rejected.code is code if rejected is not None else [right(one) for one in said] == [True]


def clock(reader: Reader) -> ManualClock:
    """The clock that the channel under test was given."""
    found = reader.channel.ctx.clock
    assert isinstance(found, ManualClock)
    return found


def checked(reader: Reader) -> CheckReport:
    """What check() reports; raising is a failure of the test."""
    try:
        return guard(reader.channel.check, timeout_s=120.0, what="check")
    except HubError as exc:
        raise AssertionError(f"check() raised instead of reporting a line: {exc.message}") from exc
