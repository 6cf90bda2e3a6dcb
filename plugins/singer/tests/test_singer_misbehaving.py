"""Taps that misbehave: each ends in a right result or a loud error with a code, after what was read before; no process of theirs stays."""

import json
import time

import pytest

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.testing.factories import RecordingLog
from plugins.singer.tests.tap_ground import (
    COMPLAINTS,
    FIELDS,
    is_alive,
    pages_of,
    problem_of,
    reader,
    state_of,
)

PERSONAL = ("张三丰", "13900001234")


def pids_in(path):
    return [int(pid) for pid in path.read_text("utf-8").split()]


def gone(pids) -> bool:
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


@pytest.mark.parametrize(
    ("play", "family", "code", "read"),
    [
        ("garbage", SourceContractError, Code.PAGE_NOT_JSON, 4),
        ("crash", SourceUnavailable, Code.SOURCE_CUT_SHORT, 4),
        ("cut_line", SourceUnavailable, Code.SOURCE_CUT_SHORT, 4),
        ("killed", SourceUnavailable, Code.SOURCE_CUT_SHORT, 4),
        ("endless_line", SourceContractError, Code.PAGE_TOO_LARGE, 4),
        ("state_before_records", SourceUnavailable, Code.SOURCE_CUT_SHORT, 2),
        ("record_before_schema", SourceContractError, Code.PAGE_SHAPE, 0),
        ("key_changes", SourceContractError, Code.PAGE_SHAPE, 1),
        ("no_key", SourceContractError, Code.KEY_MISSING, 0),
        ("no_words", SourceContractError, Code.PAGE_SHAPE, 0),
        ("replaces", SourceContractError, Code.PAGE_SHAPE, 1),
        ("batch", SourceContractError, Code.PAGE_SHAPE, 0),
        ("unknown_type", SourceContractError, Code.PAGE_SHAPE, 0),
        ("member_of_wrong_type", SourceContractError, Code.PAGE_SHAPE, 0),
        ("state_is_no_object", SourceContractError, Code.PAGE_SHAPE, 0),
    ],
)
def test_a_misbehaviour_is_told_after_what_was_read_before(play, family, code, read):
    run = reader(play, limits={"line_bytes": 1 << 20})
    reading = run.run()

    assert isinstance(reading.error, family)
    assert reading.error.code is code
    assert len(reading.numbers) == read


@pytest.mark.parametrize("play", ["garbage", "crash", "cut_line", "killed", "endless_line"])
def test_the_state_before_a_break_is_kept_and_the_next_run_goes_on_from_it(play):
    run = reader(play, limits={"line_bytes": 1 << 20})
    run.run()

    assert state_of(run) == 3
    run.channel = reader().channel
    assert next(record.source_no for record in run.run().records) == "T000003"


def test_a_tap_that_sends_its_state_too_early_moves_the_position_only_with_a_whole_reading():
    run = reader("state_before_records", state="at_the_end")
    assert len(run.run().numbers) == 2
    assert run.position is None

    run.channel = reader(state="at_the_end").channel
    run.run()
    assert state_of(run) == 10


def test_a_broken_record_is_set_aside_with_its_place_and_the_others_are_read():
    run = reader("broken_record")
    reading = run.run()

    assert reading.error is None
    assert len(reading.numbers) == 5
    assert state_of(run) == 5
    (aside,) = reading.set_aside
    assert problem_of(aside).code is Code.RECORD_UNREADABLE
    assert "line 7 " in problem_of(aside).detail
    assert b"NaN" in aside.body


def test_a_last_line_without_an_end_is_read():
    run = reader("no_last_line_end")

    assert run.run().error is None
    assert state_of(run) == 1


def test_a_record_that_is_no_object_is_set_aside():
    reading = reader("not_an_object").run()

    assert [problem_of(record).code for record in reading.set_aside] == [Code.RECORD_UNREADABLE]
    assert reading.numbers == {"T000001"}


def test_a_schema_that_grows_changes_nothing_for_what_is_known():
    reading = reader("schema_grows").run()

    assert reading.error is None
    assert len(reading.numbers) == 2


def test_another_key_than_at_the_last_run_is_an_error_and_not_a_second_set_of_records():
    run = reader("schema_grows")
    run.run()
    run.channel = reader("other_key").channel
    reading = run.run()

    assert reading.error is not None
    assert "the key kind, id (it was id)" in reading.error.message
    assert reading.records == []


def test_with_a_number_of_its_own_a_changed_key_is_no_matter():
    numbered = {"complaints": {"fields": FIELDS, "record": {"number": {"path": "id"}}}}
    reading = reader("key_changes", streams=numbered).run()

    assert reading.error is None
    assert reading.numbers == {"T000000", "T000001"}


def test_a_stream_that_may_be_silent_is_no_error():
    silent = {"complaints": {**COMPLAINTS["complaints"], "may_be_silent": True}}
    reading = reader("no_words", streams=silent).run()

    assert reading.error is None


def test_records_of_a_stream_that_was_not_taken_are_counted_and_left():
    log = RecordingLog()
    reading = reader("another_stream_too", log=log).run()

    assert reading.numbers == {"T000000"}
    assert ("info", "tap_stream_not_taken") in [(level, event) for level, event, _ in log.events]


def test_a_tap_that_reads_whole_tables_may_be_allowed_to():
    log = RecordingLog()
    reading = reader("replaces", replaced="keep", log=log).run()

    assert reading.error is None
    assert len(reading.numbers) == 2
    assert "tap_records_not_dropped" in [event for _, event, _ in log.events]


def test_a_record_that_its_source_deleted_says_so():
    reading = reader("deleted").run()

    assert [record.deleted for record in reading.records] == [True, False]


@pytest.mark.parametrize("play", ["hang", "stubborn"])
def test_a_tap_that_hangs_is_ended_with_its_children_after_what_it_gave(play, tmp_path):
    pids = tmp_path / "pids"
    run = reader(play, config={"pids": str(pids)}, limits={"silent_s": 2})
    reading = run.run()

    assert isinstance(reading.error, SourceUnavailable)
    assert reading.error.code is Code.SOURCE_TIMEOUT
    assert len(reading.numbers) == 4
    assert gone(pids_in(pids))


def test_a_child_that_a_tap_leaves_behind_holds_nothing_up(tmp_path):
    pids = tmp_path / "pids"
    began = time.monotonic()
    reading = reader("child_left_behind", config={"pids": str(pids)}).run()

    assert reading.error is None
    assert reading.numbers == {"T000000"}
    assert time.monotonic() - began < 30
    assert gone(pids_in(pids))


def test_a_reading_that_stops_ends_the_tap(tmp_path):
    pids = tmp_path / "pids"
    run = reader("hang", config={"pids": str(pids)}, limits={"page_records": 2})
    pages = pages_of(run)
    next(pages)
    deadline = time.monotonic() + 10
    while not pids.exists() or len(pids.read_text("utf-8").split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(map(is_alive, pids_in(pids)))
    pages.close()

    assert gone(pids_in(pids))


def test_closing_the_channel_ends_a_tap_that_is_still_at_work(tmp_path):
    pids = tmp_path / "pids"
    run = reader("hang", config={"pids": str(pids)}, limits={"page_records": 2})
    pages = pages_of(run)
    next(pages)
    run.channel.close()

    assert not pids.exists() or gone(pids_in(pids))
    pages.close()


def test_a_tap_that_never_ends_is_ended_by_the_limit_of_a_run():
    run = reader("never_ends", limits={"run_s": 2})
    reading = run.run()

    assert reading.error is not None
    assert reading.error.code is Code.SOURCE_TIMEOUT
    assert len(reading.numbers) > 10
    # Its last word may be a record whose state did not follow any more.
    assert len(reading.numbers) - state_of(run) in (0, 1)


def test_time_in_which_nobody_listens_is_no_silence_of_the_tap():
    run = reader("drip", config={"pause_s": 0.5}, limits={"page_records": 1, "silent_s": 1.5})
    read = 0
    for page in pages_of(run):
        time.sleep(2.0)
        read += len(page.records)

    assert read == 3


def test_words_on_standard_error_are_counted_and_never_told():
    log = RecordingLog()
    reading = reader("crash", log=log).run()

    assert reading.error is not None
    told = reading.error.message + json.dumps([fields for _, _, fields in log.events], default=str)
    assert not any(word in told for word in PERSONAL)
    assert "(ConnectionError)" in reading.error.message
    (murmur,) = [fields for _, event, fields in log.events if event == "tap_log" and fields["call"] == "sync"]
    assert murmur["info"] == 1


def test_a_flood_on_standard_error_holds_nothing_up():
    assert reader("endless_murmur").run().numbers == {"T000000"}


def test_the_message_for_garbage_shows_its_place_and_nothing_of_it():
    reading = reader("garbage").run()

    assert isinstance(reading.error, SourceContractError)
    assert "line 7 " in reading.error.message
    assert not any(word in reading.error.message for word in PERSONAL)
    assert reading.error.body is not None
    assert b"13900001234" in reading.error.body  # kept, sealed, for the integrator


@pytest.mark.parametrize(
    ("discovery", "family", "code"),
    [
        ("broken", SourceContractError, Code.PAGE_NOT_JSON),
        ("crashes", SourceUnavailable, Code.SOURCE_CUT_SHORT),
        ("hangs", SourceUnavailable, Code.SOURCE_TIMEOUT),
    ],
)
def test_a_catalog_that_does_not_come_is_told(discovery, family, code):
    reading = reader(config={"discovery": discovery}, limits={"discover_s": 2}).run()

    assert isinstance(reading.error, family)
    assert reading.error.code is code


def test_failures_in_a_row_open_the_circuit():
    run = reader("crash")
    codes = []
    for _ in range(12):
        error = run.run().error
        assert error is not None
        codes.append(error.code)

    assert codes[0] is Code.SOURCE_CUT_SHORT
    assert codes[-1] is Code.SOURCE_CIRCUIT_OPEN


def test_a_position_of_another_kind_is_an_error():
    run = reader()
    run.position = "2026-11-20T08:00:00+00:00"
    reading = run.run()

    assert reading.error is not None
    assert reading.error.code is Code.POSITION_INVALID
    assert not isinstance(reading.error, ConfigError)
