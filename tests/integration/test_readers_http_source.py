"""`HttpReader` against a source on loopback that misbehaves in every way that HTTP allows; nothing really sleeps."""

import gzip
import json
import threading
import zlib
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.gate import BreakerPolicy
from hub.sdk.readers.http import ApiKey, Bearer, HttpPolicy, HttpReader, paged
from tests.support.raw_http import NOW, answer, closed_port, listed, make_context, raw_source, then_hang_up

TEXT = "不动产登记窗口多次要求补材料，来电人表示已跑三趟"
GOOD = answer(listed({"zxbh": "1"}))
PERSON = "张三丰"
BUSY = answer({"code": 500, "msg": "系统繁忙", "data": None})


@pytest.fixture
def source():
    with raw_source() as running:
        yield running


@pytest.fixture
def open_reader(source):
    readers = []

    def make(base_url=None, ctx=None, auth=None, **policy):
        ctx = ctx or make_context(TOKEN="secret-token", KEY="secret-key")
        readers.append(HttpReader(base_url or source.url, ctx, HttpPolicy(**policy), auth))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()


def _fails(reader, family=SourceUnavailable, code=None, path="/api/list", **how):
    with pytest.raises(family) as failed:
        reader.records(path, **how)
    assert failed.value.code is code, failed.value
    return failed.value


# --- what works -------------------------------------------------------------------------------------------------------


def test_a_page_is_read_over_one_connection_with_every_digit_of_its_numbers(source, open_reader):
    page = b'{"code":200,"data":{"total":2,"list":[{"no":230629102133115409},{"no":123456789012345678901234567890}]}}'
    source.play(answer(page))
    reader = open_reader(f"{source.url}/gateway/")
    for number in (1, 2, 3):
        found = reader.records("/zx/list", params={"pageNum": number, "gxsjStart": "2026-11-23 00:00:00"})
    assert found.raw == [b'{"no":230629102133115409}', b'{"no":123456789012345678901234567890}']
    assert source.seen[2].target == "/gateway/zx/list?pageNum=3&gxsjStart=2026-11-23%2000%3A00%3A00"
    assert source.seen[0].headers["user-agent"].startswith("weisu-hub/")
    assert len(source.connections) == 1


def test_parameters_are_turned_into_text_lists_repeat_and_none_is_left_out(source, open_reader):
    source.play(GOOD)
    open_reader().records("/l?fixed=1", params={"a": True, "b": None, "c": ["x", 2], "区": "城关"})
    assert source.seen[0].target == "/l?fixed=1&a=true&c=x&c=2&%E5%8C%BA=%E5%9F%8E%E5%85%B3"


def test_a_list_may_be_asked_for_by_post(source, open_reader):
    source.play(GOOD)
    open_reader().records("/l", method="POST", json={"pageNum": 1, "区": "城关"})
    assert (source.seen[0].method, json.loads(source.seen[0].body)) == ("POST", {"pageNum": 1, "区": "城关"})
    assert source.seen[0].headers["content-type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda content: zlib.compress(content, wbits=-15)),
        ("gzip", lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:])),
        ("gzip", lambda content: gzip.compress(content) + b"\0\0\0"),
        ("identity", bytes),
    ],
)
def test_compressed_content_is_unpacked(source, open_reader, coding, pack):
    content = json.dumps(listed({"nr": TEXT * 50}), ensure_ascii=False).encode()
    source.play(answer(pack(content), content_encoding=coding))
    assert json.loads(open_reader().records("/l").raw[0]) == {"nr": TEXT * 50}


def test_chunked_content_is_put_together(source, open_reader):
    content = json.dumps(listed({"a": 1})).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:9], content[9:]))
    source.play(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    reader = open_reader()
    assert reader.records("/l").raw == reader.records("/l").raw == [b'{"a": 1}']
    assert len(source.connections) == 1


@pytest.mark.parametrize("charset", ["gbk", "utf-8", None, "ISO-8859-1"])
def test_a_gbk_page_is_read_whatever_its_label(source, open_reader, charset):
    content = json.dumps(listed({"nr": TEXT}), ensure_ascii=False).encode("gbk")
    source.play(
        answer(content, content_type="application/json" + (f"; Charset={charset}" if charset else ""))
    )
    assert json.loads(open_reader().records("/l").raw[0]) == {"nr": TEXT}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_byte_order_marks_and_utf16_are_read(source, open_reader, encoding):
    source.play(answer(json.dumps(listed({"nr": TEXT}), ensure_ascii=False).encode(encoding)))
    assert json.loads(open_reader().records("/l").raw[0]) == {"nr": TEXT}


def test_a_page_of_html_is_read_as_text(source, open_reader):
    source.play(answer(f'<meta charset="gb2312"><p>{TEXT}'.encode("gbk"), content_type="text/html"))
    assert open_reader().text("/letters") == f'<meta charset="gb2312"><p>{TEXT}'


def test_a_record_of_one_megabyte_and_duplicates_pass(source, open_reader):
    large = {"nr": "长" * 350_000}
    source.play(answer(listed(large, large)))
    assert [json.loads(one) for one in open_reader().records("/l").raw] == [large, large]


def test_nothing_of_the_environment_is_used(source, open_reader, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    source.play(GOOD)
    assert open_reader().records("/l").raw


# --- tried again --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        answer("down", 500),
        answer("down", 503),
        answer("slow down", 429),
        then_hang_up(b""),
        then_hang_up(b"HTTP/1.1 200 OK\r\nContent-Le"),
        then_hang_up(answer(b'{"code":200', length=500)),
        then_hang_up(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"code\r\n'),
        then_hang_up(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n'),
        then_hang_up(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"code":200,"data":{"list":[{'),
        answer(b"\x1f\x8bno gzip at all", content_encoding="gzip"),
        answer(gzip.compress(b'{"code":200,"data"' * 9)[:-12], content_encoding="gzip"),
        BUSY,
    ],
    ids=["500", "503", "429", "no answer", "cut head", "cut body", "cut chunks", "bad chunks", "cut without length",
         "broken gzip", "cut gzip", "busy envelope"],
)  # fmt: skip
def test_a_passing_failure_is_waited_out(source, open_reader, failure):
    source.play(failure, failure, GOOD)
    reader = open_reader()
    assert len(reader.records("/l").raw) == 1
    assert len(source.seen) == 3
    first, second = reader.ctx.clock.slept
    assert first >= 1
    assert second >= 2
    assert len(reader.ctx.log.named("source_tried_again")) == 2


@pytest.mark.parametrize(
    ("failure", "family", "code"),
    [
        (answer("down", 502), SourceUnavailable, Code.SOURCE_STATUS),
        (answer("slow down", 429), SourceUnavailable, Code.SOURCE_RATE_LIMITED),
        (then_hang_up(b""), SourceUnavailable, Code.SOURCE_CUT_SHORT),
        (then_hang_up(answer(b'{"code":200', length=500)), SourceUnavailable, Code.SOURCE_CUT_SHORT),
        (BUSY, SourceUnavailable, Code.SOURCE_ENVELOPE),
        (answer(b"\x1f\x8bno gzip", content_encoding="gzip"), SourceContractError, Code.PAGE_ENCODING),
    ],
)
def test_a_lasting_failure_ends_after_the_tries_with_its_code(source, open_reader, failure, family, code):
    source.play(failure)
    error = _fails(open_reader(tries=3), family, code)
    assert len(source.seen) == 3
    assert error.message.startswith("portal: GET /api/list: ")
    assert error.message.endswith("tried 3 times")


def test_broken_gzip_keeps_its_bytes(source, open_reader):
    source.play(answer(b"\x1f\x8bno gzip at all", content_encoding="gzip"))
    assert (
        _fails(open_reader(tries=2), SourceContractError, Code.PAGE_ENCODING).body
        == b"\x1f\x8bno gzip at all"
    )


def test_waits_grow_up_to_the_bound(source, open_reader):
    source.play(answer(status=500))
    reader = open_reader(tries=6, backoff_first_s=2, backoff_longest_s=9)
    _fails(reader, code=Code.SOURCE_STATUS)
    slept = reader.ctx.clock.slept
    assert len(slept) == 5
    assert all(wait >= bound for wait, bound in zip(slept, (2, 4, 8, 9, 9), strict=True))
    assert max(slept) <= 9


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_never_cut_short(source, open_reader, status):
    source.play(answer(status=status, retry_after="37"), GOOD)
    reader = open_reader()
    reader.records("/l")
    assert sum(reader.ctx.clock.slept) >= 37


def test_retry_after_as_a_date_counts_by_the_sources_own_clock(source, open_reader):
    ahead = NOW + timedelta(hours=3)
    until = format_datetime(ahead + timedelta(seconds=50), usegmt=True)
    source.play(answer(status=429, retry_after=until, date=format_datetime(ahead, usegmt=True)), GOOD)
    reader = open_reader()
    reader.records("/l")
    assert 50 <= sum(reader.ctx.clock.slept) < 70


def test_retry_after_as_a_date_counts_by_our_clock_where_the_source_sends_none(source, open_reader):
    source.play(
        answer(status=429, retry_after=format_datetime(NOW + timedelta(seconds=50), usegmt=True)), GOOD
    )
    reader = open_reader()
    reader.records("/l")
    assert 50 <= sum(reader.ctx.clock.slept) < 70


@pytest.mark.parametrize("value", ["soon", "-5", "", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_says_nothing_is_passed_over(source, open_reader, value):
    source.play(answer(status=429, retry_after=value), GOOD)
    assert open_reader().records("/l").raw


def test_a_retry_after_beyond_the_longest_ends_the_call_at_once_and_keeps_others_away(source, open_reader):
    source.play(answer(status=429, retry_after="3600"), GOOD)
    reader = open_reader()
    error = _fails(reader, code=Code.SOURCE_RATE_LIMITED)
    assert error.retry_after_s == pytest.approx(3600)
    assert reader.ctx.clock.slept == []
    other = _fails(open_reader(ctx=reader.ctx), code=Code.SOURCE_RATE_LIMITED)
    assert other.retry_after_s == pytest.approx(3600)
    assert len(source.seen) == 1
    reader.ctx.clock.advance(3600)
    assert open_reader(ctx=reader.ctx).records("/l").raw


def test_retry_after_keeps_other_readers_of_the_source_away_too(source, open_reader):
    source.play(answer(status=429, retry_after="90"), GOOD)
    first = open_reader(tries=1)
    _fails(first, code=Code.SOURCE_RATE_LIMITED)
    open_reader(ctx=first.ctx).records("/l")
    assert sum(first.ctx.clock.slept) >= 90


def test_requests_keep_to_the_rate_also_when_tried_again(source, open_reader):
    source.play(GOOD, GOOD, answer(status=500), GOOD)
    reader = open_reader(rate_per_s=0.1, burst=1)
    for _ in range(3):
        reader.records("/l")
    assert reader.ctx.clock.monotonic() >= 30


def test_a_process_that_stops_calls_no_more(source, open_reader):
    source.play(answer(status=500))
    reader = open_reader()
    reader.ctx.clock.sleep = lambda seconds: None
    error = _fails(reader, code=Code.SOURCE_STATUS)
    assert "HTTP 500" in error.message
    assert len(source.seen) == 1


@pytest.mark.parametrize(
    ("failure", "sent"), [(then_hang_up(b""), 1), (answer(status=500), 1), (answer(status=429), 2)]
)
def test_a_post_that_may_have_arrived_is_not_sent_twice_unless_it_may_be(source, open_reader, failure, sent):
    source.play(failure, answer({"code": 0}))
    if sent == 1:
        with pytest.raises(SourceUnavailable):
            open_reader().fetch("POST", "/reply", json={"id": "1"})
    else:
        open_reader().fetch("POST", "/reply", json={"id": "1"})
    assert len(source.seen) == sent
    source.play(failure, answer({"code": 0}))
    assert open_reader().fetch("POST", "/reply", json={"id": "1"}, repeatable=True).status == 200


# --- not tried again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 405, 410, 422, 206, 301, 304])
def test_another_status_is_a_broken_contract_that_keeps_the_answer(source, open_reader, status):
    source.play(answer(b"" if status == 304 else b"what?", status))
    error = _fails(open_reader(), SourceContractError, Code.SOURCE_STATUS)
    assert f"HTTP {status}" in error.message
    assert error.body == (b"" if status == 304 else b"what?")
    assert len(source.seen) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"code":200,"data":null}', Code.PAGE_SHAPE),
        (b'{"code":9999,"data":null}', Code.SOURCE_ENVELOPE),
        (b'{"code":200,"data":{"list":[{]}}', Code.PAGE_NOT_JSON),
        (b'{"code":200,"data":{"list":' + b"[" * 100_000, Code.PAGE_NOT_JSON),
        (b"<html><form>login</form></html>", Code.PAGE_HTML),
        (b"\xff\x80" * 99, Code.PAGE_ENCODING),
        (b"", Code.PAGE_NOT_JSON),
    ],
)
def test_a_page_that_breaks_its_contract_is_refused_at_once_with_its_bytes(
    source, open_reader, content, code
):
    source.play(answer(content))
    error = _fails(open_reader(), SourceContractError, code, label="page 3")
    assert error.body == content
    assert error.message.startswith("portal: page 3, GET /api/list: ")
    assert len(source.seen) == 1


@pytest.mark.parametrize(
    "location",
    ["/login.html?back=x", "https://sso.example/cas/login", "http://passport.example/", "/sso", "toLogin"],
)
def test_a_redirect_to_a_login_page_is_a_loud_refusal(source, open_reader, location):
    source.play(answer(status=302, location=location), answer("<html>login</html>", content_type="text/html"))
    error = _fails(open_reader(redirects="same_host"), code=Code.SOURCE_AUTH)
    assert "looks like a login page" in error.message
    assert "back" not in error.message
    assert len(source.seen) == 1


def test_a_redirect_is_refused_by_default_and_shows_no_query(source, open_reader):
    source.play(answer(status=302, location="/other?token=abc"))
    error = _fails(open_reader(), SourceContractError, Code.SOURCE_STATUS)
    assert "HTTP 302 to /other (expected 200)" in error.message


def test_a_redirect_within_the_host_is_followed_where_the_policy_says_so(source, open_reader):
    source.play(answer(status=307, location="/v2/list?pageNum=1"), GOOD)
    assert open_reader(redirects="same_host").records("/api/list").raw
    assert source.seen[1].target == "/v2/list?pageNum=1"


@pytest.mark.parametrize("location", ["http://other.example/list", "//other.example/list", "/api/list"])
def test_a_redirect_to_another_host_or_in_a_circle_is_refused(source, open_reader, location):
    source.play(answer(status=302, location=location))
    _fails(open_reader(redirects="same_host"), SourceContractError, Code.SOURCE_STATUS)
    assert len(source.seen) <= 6


def test_a_link_to_the_next_page_is_followed_within_the_source_only(source, open_reader):
    source.play(GOOD)
    reader = open_reader(f"{source.url}/api")
    reader.records(f"{source.url}/elsewhere?page=2", params={"size": 5})
    assert source.seen[0].target == "/elsewhere?page=2&size=5"
    _fails(reader, SourceContractError, Code.PAGE_SHAPE, path="http://other.example/api?page=2")


def test_401_without_a_login_that_can_be_renewed_is_asked_once(source, open_reader):
    source.play(answer(status=401))
    _fails(open_reader(auth=Bearer("TOKEN")), code=Code.SOURCE_AUTH)
    assert len(source.seen) == 1


# --- sizes and times ----------------------------------------------------------------------------------------------------


def test_a_gzip_bomb_ends_at_the_limit(source, open_reader):
    bomb = gzip.compress(b" " * 20_000_000)
    source.play(answer(bomb, content_encoding="gzip"))
    error = _fails(open_reader(max_body_bytes=1_000_000), SourceContractError, Code.PAGE_TOO_LARGE)
    assert len(error.body) == 64 * 1024
    assert len(source.seen) == 1


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"[]" * 2000),
        answer(b"[]", length=4000),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"[]" * 2000,
        answer(b"[]" * 2000, content_encoding="gzip"),
    ],
)
def test_content_beyond_the_limit_is_refused(source, open_reader, sent):
    source.play(then_hang_up(sent))
    _fails(open_reader(max_body_bytes=1000), SourceContractError, Code.PAGE_TOO_LARGE)


def test_a_coding_that_was_not_asked_for_is_refused(source, open_reader):
    source.play(answer(b"x", content_encoding="br"))
    _fails(open_reader(), SourceContractError, Code.PAGE_ENCODING)
    assert source.seen[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["head", "body", "body without length"],
)
def test_a_source_that_drips_is_cut_off_at_the_deadline(source, open_reader, head):
    over = threading.Event()

    def drip(connection, seen):
        connection.sendall(head)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 10_000:
            connection.sendall(bytes([byte]))
            if over.wait(0.01):
                return

    source.play(drip)
    try:
        error = _fails(open_reader(tries=1, deadline_s=0.15, read_timeout_s=5), code=Code.SOURCE_TIMEOUT)
    finally:
        over.set()
    assert "deadline_s" in error.message


def test_silence_ends_at_the_read_timeout(source, open_reader):
    over = threading.Event()
    source.play(lambda connection, seen: over.wait(30) and None)
    try:
        error = _fails(open_reader(tries=1, read_timeout_s=0.1), code=Code.SOURCE_TIMEOUT)
    finally:
        over.set()
    assert "read_timeout_s" in error.message


# --- no source at all ---------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_tried_and_told(open_reader):
    port = closed_port()
    reader = open_reader(f"http://127.0.0.1:{port}", tries=3)
    error = _fails(reader, code=Code.SOURCE_UNREACHABLE)
    assert f"no connection to 127.0.0.1:{port} (ECONNREFUSED" in error.message
    assert len(reader.ctx.clock.slept) == 2


def test_a_name_that_does_not_resolve_is_told(open_reader):
    error = _fails(open_reader("http://name.invalid/api", tries=2), code=Code.SOURCE_UNREACHABLE)
    assert "name.invalid (its name does not resolve" in error.message


def test_tls_to_a_source_without_it_is_told(source, open_reader):
    source.play(GOOD)
    error = _fails(open_reader(source.url.replace("http:", "https:"), tries=2), code=Code.SOURCE_UNREACHABLE)
    assert "no TLS connection" in error.message


@pytest.mark.parametrize(
    "url", ["", "portal", "ftp://portal.example", "http://", "http://u:p@portal.example", "http://p.example/?k=1", "http://p:x"]
)  # fmt: skip
def test_a_wrong_base_url_is_a_configuration_error_that_shows_no_password(url):
    with pytest.raises(ConfigError, match="base_url") as refused:
        HttpReader(url, make_context())
    assert refused.value.code is Code.CONFIG_INVALID
    assert "u:p" not in refused.value.message


# --- the gate -----------------------------------------------------------------------------------------------------------


def test_the_circuit_opens_after_failed_calls_half_opens_and_closes(source, open_reader):
    ctx: Any = make_context(BreakerPolicy(failures=2, open_s=30))
    reader = open_reader(ctx=ctx, tries=2)
    source.play(answer(status=500))
    for _ in range(2):
        _fails(reader, code=Code.SOURCE_STATUS)
    assert len(source.seen) == 4
    refused = _fails(reader, code=Code.SOURCE_CIRCUIT_OPEN)
    assert refused.retry_after_s == pytest.approx(30)
    assert len(source.seen) == 4

    ctx.clock.advance(30)
    probe = _fails(reader, code=Code.SOURCE_STATUS)
    assert "HTTP 500" in probe.message
    assert len(source.seen) == 5
    assert _fails(reader, code=Code.SOURCE_CIRCUIT_OPEN).retry_after_s > 30

    ctx.clock.advance(60)
    source.play(GOOD)
    assert reader.records("/l").raw
    assert ctx.gate.state("portal").opened == 0


def test_a_broken_contract_is_no_failure_of_the_source(source, open_reader):
    reader = open_reader(ctx=make_context(BreakerPolicy(failures=1)))
    source.play(answer(b"<html>"), answer(status=404), GOOD)
    _fails(reader, SourceContractError, Code.PAGE_HTML)
    _fails(reader, SourceContractError, Code.SOURCE_STATUS)
    assert reader.records("/l").raw


def test_a_refused_login_counts_as_a_failure_so_that_no_account_is_locked(source, open_reader):
    reader = open_reader(ctx=make_context(BreakerPolicy(failures=2)))
    source.play(answer(status=401))
    for _ in range(2):
        _fails(reader, code=Code.SOURCE_AUTH)
    _fails(reader, code=Code.SOURCE_CIRCUIT_OPEN)
    assert len(source.seen) == 2


# --- secrets and persons ------------------------------------------------------------------------------------------------


def _told(error):
    """All that a traceback of the error would print."""
    import traceback

    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("path", ["/api/list", "/letters/13812345678/list"])
def test_no_error_shows_the_query_a_key_or_a_long_number(source, open_reader, path):
    reader = open_reader(auth=ApiKey("KEY", "apikey", "query"), tries=1)
    for failure in (
        then_hang_up(b""),
        answer(status=500),
        answer(status=404),
        answer(b"x"),
        then_hang_up(answer(b"", length=9)),
    ):
        source.play(failure)
        with pytest.raises((SourceUnavailable, SourceContractError)) as failed:
            reader.records(path, params={"xm": PERSON})
        told = _told(failed.value)
        assert "secret-key" not in told
        assert PERSON not in told
        assert "%E5%BC%A0" not in told
        assert "1381234" not in told
    assert source.seen[0].query == {"xm": PERSON, "apikey": "secret-key"}
    with pytest.raises(SourceUnavailable) as failed:
        open_reader(f"http://127.0.0.1:{closed_port()}", auth=ApiKey("KEY", "apikey", "query"), tries=1).text(
            "/l"
        )
    assert "secret-key" not in _told(failed.value)


@pytest.mark.parametrize("value", ["secret-token\n", "secret-token密"])
def test_a_secret_that_cannot_stand_in_a_header_is_a_configuration_error_that_does_not_show_it(
    source, open_reader, value
):
    source.play(GOOD)
    with pytest.raises(ConfigError) as failed:
        open_reader(ctx=make_context(TOKEN=value), auth=Bearer("TOKEN")).records("/l")
    assert "secret-token" not in _told(failed.value)


# --- whole runs ---------------------------------------------------------------------------------------------------------


def _run(reader, pages):
    fetched = paged(
        lambda number: reader.records("/l", params={"pageNum": number}, label=f"page {number}"),
        source="portal",
        log=reader.ctx.log,
    )
    for page in fetched:
        pages.append(len(page.records.raw))


def test_an_error_envelope_on_page_three_fails_the_run_after_two_pages(source, open_reader):
    pages: list[int] = []
    source.play(answer(listed(1, 2)), answer(listed(3, 4)), BUSY)
    with pytest.raises(SourceUnavailable, match="page 3, GET /l") as failed:
        _run(open_reader(), pages)
    assert failed.value.code is Code.SOURCE_ENVELOPE
    assert pages == [2, 2]


def test_the_same_page_for_ever_fails_the_run(source, open_reader):
    pages: list[int] = []
    source.play(answer(listed(1, 2, total=500)))
    with pytest.raises(SourceContractError, match="page 2 holds the same 2 records as page 1"):
        _run(open_reader(), pages)
    assert pages == [2]
    assert len(source.seen) == 2
