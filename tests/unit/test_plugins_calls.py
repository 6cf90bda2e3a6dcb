"""Calling what is loaded: one implementation that raises or hangs silences no other, and every error is the hub's own."""

import threading
import types
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from hub.errors import Code, PluginError, RecordRejected, SourceContractError, SourceUnavailable
from hub.model.codes import DemandType, Watch
from hub.model.demand import Demand
from hub.plugins import PluginFailure, guard, guarded_pages, load_plugins, normalize_batch
from hub.plugins.calls import BoundedCall, Expired
from hub.plugins.registry import HIDDEN_TEXT
from hub.sdk import Channel, ChannelSettings, Page, RawRecord, Stream, Window, hookimpl
from hub.testing.factories import channel_context

HANG_LIMIT_S = 1.0  # what each hanging call costs; a sound one is given a minute
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WINDOW = Window(position=None, since=None, until=NOW)


def busy() -> None:
    while True:
        pass


def plugin(**hooks):
    module = types.SimpleNamespace(SDK_VERSION=">=1.0,<2")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


THE_COUNTYS = plugin(provide_calendar=lambda: "the county's")


def loaded(**more):
    return load_plugins(entry_points=[], **more)


def raising(report):
    raise ValueError("张三 13812345678")


def test_one_implementation_that_raises_and_one_that_hangs_silence_no_other():
    heard = []
    failures: list[PluginFailure] = []
    plugins = loaded(
        builtin={
            "aaa": plugin(on_run_finished=lambda report: heard.append("aaa")),
            "bbb": plugin(on_run_finished=raising),
            "ccc": plugin(on_run_finished=lambda report: busy()),
            "ddd": plugin(on_run_finished=lambda report: heard.append("ddd")),
        },
        on_failure=failures.append,
    )

    results = plugins.call_each("on_run_finished", timeout_s=HANG_LIMIT_S, report=None)

    assert heard == ["aaa", "ddd"]
    assert [name for name, _ in results] == ["aaa", "bbb", "ccc", "ddd"]
    assert [(failure.plugin, failure.code) for failure in failures] == [
        ("bbb", Code.PLUGIN_FAILED),
        ("ccc", Code.PLUGIN_TIMEOUT),
    ]
    assert plugins.failures == {
        ("bbb", "on_run_finished", "plugin_failed"): 1,
        ("ccc", "on_run_finished", "plugin_timeout"): 1,
    }


def test_a_failure_names_type_and_place_and_never_the_words_of_the_exception():
    plugins = loaded(builtin={"bbb": plugin(on_run_finished=raising)})

    ((_, failure),) = plugins.call_each("on_run_finished", report=None)

    assert isinstance(failure, PluginFailure)
    assert "ValueError at unit/test_plugins_calls.py:" in failure.message
    assert "张三" not in failure.message
    assert "138" not in failure.message


def test_a_failure_inside_a_library_names_the_plugins_own_line_first():
    import json

    def reading(report):
        json.loads("{")

    plugins = loaded(builtin={"bbb": plugin(on_run_finished=reading)})

    ((_, failure),) = plugins.call_each("on_run_finished", report=None)

    assert "JSONDecodeError at unit/test_plugins_calls.py:" in failure.message
    assert "in reading, within json/decoder.py:" in failure.message


def test_a_plugin_whose_call_still_hangs_is_not_called_again_until_it_ended():
    release = threading.Event()
    calls = []

    def hang(report):
        calls.append(report)
        release.wait()

    plugins = loaded(builtin={"hanging": plugin(on_run_finished=hang)})
    plugins.call_each("on_run_finished", timeout_s=HANG_LIMIT_S, report=1)

    ((_, second),) = plugins.call_each("on_run_finished", timeout_s=60, report=2)
    release.set()

    assert second.code is Code.PLUGIN_TIMEOUT
    assert "still hangs" in second.message
    assert calls == [1]


def test_the_first_answer_counts_and_a_failing_provider_is_passed_over():
    def absent(name):
        raise OSError("vault is away")

    plugins = loaded(
        builtin={
            "aaa": plugin(provide_secret=absent),
            "bbb": plugin(provide_secret=lambda name: None),
            "ccc": plugin(provide_secret=lambda name: f"{name} of ccc"),
            "ddd": plugin(provide_secret=lambda name: f"{name} of ddd"),
        }
    )

    assert plugins.call_first("provide_secret", name="token") == "token of ccc"
    assert plugins.failures["aaa", "provide_secret", "plugin_failed"] == 1


def test_no_answer_at_all_is_none():
    assert loaded().call_first("provide_secret", name="token") is None


def test_the_hubs_own_plugin_answers_after_the_others():
    installed = EntryPoint("zzz", f"{__name__}:THE_COUNTYS", "hub.plugins")
    plugins = load_plugins(
        entry_points=[installed],
        builtin={"aaa": plugin(provide_calendar=lambda: "built in")},
    )

    assert plugins.call_first("provide_calendar") == "the county's"


def test_tryfirst_and_trylast_are_honoured():
    last = plugin()
    last.on_run_finished = hookimpl(lambda report: None, trylast=True)
    first = plugin()
    first.on_run_finished = hookimpl(lambda report: None, tryfirst=True)
    plugins = loaded(
        builtin={"aaa": last, "bbb": plugin(on_run_finished=lambda report: None), "ccc": first},
    )

    assert [name for name, _ in plugins.call_each("on_run_finished", report=None)] == ["ccc", "bbb", "aaa"]


@pytest.mark.parametrize(
    ("hook", "arguments"), [("on_run_finishd", {"report": None}), ("on_run_finished", {})]
)
def test_a_call_of_a_hook_that_does_not_exist_or_lacks_an_argument_is_the_callers_error(hook, arguments):
    with pytest.raises(ValueError, match="hook"):
        loaded().call_each(hook, **arguments)


def test_a_busy_call_ends_after_it_was_cut_off():
    call = BoundedCall(busy, "busy")

    with pytest.raises(Expired):
        call.wait(HANG_LIMIT_S)

    assert call.ended_within(60)


@pytest.mark.parametrize(
    ("raised", "family", "code"),
    [
        (ValueError("张三"), PluginError, Code.PLUGIN_FAILED),
        (SystemExit("bye now"), PluginError, Code.PLUGIN_FAILED),
        (KeyboardInterrupt("ctrl"), PluginError, Code.PLUGIN_FAILED),
        (ConnectionResetError("10.0.0.1"), SourceUnavailable, Code.SOURCE_UNREACHABLE),
        (TimeoutError("10.0.0.1"), SourceUnavailable, Code.SOURCE_TIMEOUT),
    ],
)
def test_whatever_a_call_raises_becomes_one_of_the_hubs_errors_without_its_text(raised, family, code):
    def call():
        raise raised

    with pytest.raises(family) as caught:
        guard(call, timeout_s=60, what="channel portal: check")

    assert caught.value.code is code
    assert "channel portal: check" in caught.value.message
    assert str(raised) not in caught.value.message.replace("unit/test_plugins_calls.py", "")


def test_the_hubs_own_errors_pass_through_as_they_are():
    error = SourceContractError("page 3 is HTML", code=Code.PAGE_HTML, body=b"<html>")

    def call():
        raise error

    with pytest.raises(SourceContractError) as caught:
        guard(call, timeout_s=60, what="channel portal")

    assert caught.value is error


def test_a_call_that_hangs_is_cut_off_with_an_error_of_its_own():
    with pytest.raises(PluginError, match="no answer within 1 s") as caught:
        guard(busy, timeout_s=HANG_LIMIT_S, what="channel portal: check")

    assert caught.value.code is Code.PLUGIN_TIMEOUT


class Scripted(Channel[ChannelSettings]):
    """A channel whose pages and demands are whatever the test says."""

    name = "scripted"
    title = "试验"
    watch = Watch.INSIGHT
    streams = (Stream("records"),)

    def __init__(self, pages=None, normalize=None):
        super().__init__(ChannelSettings(), channel_context("scripted"))
        self._pages = pages
        self._normalize = normalize

    def pages(self, stream, window):
        return self._pages()

    def normalize(self, raw):
        return self._normalize(raw)


def demand(raw):
    return [
        Demand(
            source_no=raw.source_no,
            submitted_at=NOW,
            demand_type=DemandType.COMPLAINT,
            content="窗口一直没有人",
        )
    ]


def number_or_code(result):
    return result.code if isinstance(result, RecordRejected) else result[0].source_no


def raws(*numbers):
    return [RawRecord(number, b"{}") for number in numbers]


def collected(channel, timeout_s=60.0):
    return list(guarded_pages(channel, channel.streams[0], WINDOW, timeout_s=timeout_s))


def test_pages_come_through_the_boundary_in_their_order():
    made = [Page(raws("1", "2")), Page(raws("3"), number=2)]

    assert collected(Scripted(pages=lambda: iter(made))) == made


def test_pages_before_an_unexpected_error_are_kept_and_the_error_is_a_plugin_error():
    def pages():
        yield Page(raws("1"))
        raise KeyError("13812345678")

    got = []
    with pytest.raises(PluginError) as caught:
        for page in guarded_pages(Scripted(pages=pages), Scripted.streams[0], WINDOW, timeout_s=60):
            got.append(page)

    assert len(got) == 1
    assert caught.value.code is Code.PLUGIN_FAILED
    assert "138" not in caught.value.message


def test_a_page_that_never_comes_is_cut_off():
    def pages():
        yield Page(raws("1"))
        busy()

    with pytest.raises(PluginError) as caught:
        collected(Scripted(pages=pages), timeout_s=HANG_LIMIT_S)

    assert caught.value.code is Code.PLUGIN_TIMEOUT


NO_RECORD: Any = "record"


@pytest.mark.parametrize("given", ["page", Page([NO_RECORD]), Page([RawRecord(None, b"{}")])])
def test_a_page_of_anything_but_records_is_a_plugin_error(given):
    with pytest.raises(PluginError):
        collected(Scripted(pages=lambda: iter([given])))


def test_the_channels_generator_is_closed_when_the_reader_stops_early():
    closed = []

    def pages():
        try:
            yield Page(raws("1"))
            yield Page(raws("2"))
        finally:
            closed.append(True)

    reader = guarded_pages(Scripted(pages=pages), Scripted.streams[0], WINDOW, timeout_s=60)
    next(reader)
    reader.close()

    assert closed == [True]


def test_one_bad_record_stops_no_other_in_its_batch():
    rejected = RecordRejected("field 'lx' is not in the table", code=Code.VALUE_UNMAPPED, field="lx")

    def normalize(raw):
        if raw.source_no == "2":
            raise rejected
        if raw.source_no == "3":
            raise KeyError("13812345678")
        if raw.source_no == "4":
            return []
        if raw.source_no == "5":
            return ["no demand"]
        return demand(raw)

    results = normalize_batch(Scripted(normalize=normalize), raws("1", "2", "3", "4", "5", "6"), timeout_s=60)

    assert [number_or_code(result) for result in results] == [
        "1",
        Code.VALUE_UNMAPPED,
        Code.NORMALIZE_FAILED,
        Code.RECORD_EMPTY,
        Code.NORMALIZE_FAILED,
        "6",
    ]
    assert results[1] is rejected
    assert "138" not in str(results[2])


def test_a_record_on_which_a_channel_hangs_is_set_aside_and_the_rest_is_normalized():
    def normalize(raw):
        if raw.source_no == "2":
            busy()
        return demand(raw)

    results = normalize_batch(Scripted(normalize=normalize), raws("1", "2", "3"), timeout_s=HANG_LIMIT_S)

    assert [number_or_code(result) for result in results] == ["1", Code.PLUGIN_TIMEOUT, "3"]


def test_an_empty_batch_gives_nothing():
    assert normalize_batch(Scripted(), [], timeout_s=60) == []


def test_a_redactor_that_fails_hides_the_text_and_is_counted():
    def failing(text):
        raise ValueError(text)

    plugins = loaded(
        builtin={
            "aaa": plugin(register_redactors=lambda: [failing]),
            "bbb": plugin(register_redactors=lambda: [lambda text: None]),
            "ccc": plugin(register_redactors=lambda: [lambda text: text.replace("张三", "某人")]),
        }
    )

    assert [entry.redact("张三说") for entry in plugins.redactors] == [HIDDEN_TEXT, HIDDEN_TEXT, "某人说"]
    assert plugins.failures["aaa", "redact", "plugin_failed"] == 1
    assert plugins.failures["bbb", "redact", "plugin_failed"] == 1


def test_a_deleted_record_may_say_nothing():
    gone = RawRecord("1", b"{}", deleted=True)

    assert normalize_batch(Scripted(normalize=lambda raw: []), [gone], timeout_s=60) == [()]
