"""The portal channel against the county's own portal server: what is asked for, how it proves itself, how pages add up."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.county.portal_server import PortalServer
from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.sdk import Window
from hub.sdk.readers.auth_policy import BearerAuth, HmacAuth, OAuth2Auth
from hub.sdk.readers.http import Records
from hub.sdk.readers.walk import Walk
from hub.testing.factories import NOW, channel_context
from hub.testing.hostile import HostileSource, Misbehaviour
from hub.testing.reading import Reader
from hub_channel_portal.channel import PortalChannel
from hub_channel_portal.settings import PortalSettings
from plugins.portal.tests.portal_pages import PortalPages

PAGES = PortalPages()


def records(count: int, *, apart_s: int = 60):
    return [PAGES.record(index, NOW - timedelta(seconds=apart_s * (count - index))) for index in range(count)]


def reader(url: str, *, clock=None, secrets=None, **settings) -> Reader:
    context = channel_context("county-portal", clock=clock, secrets=secrets)
    return Reader(PortalChannel(PortalSettings(base_url=url, **settings), context))


@pytest.mark.parametrize("order", ["descending", "ascending"])
@pytest.mark.parametrize("page_size", [1, 7, 20, 500])
def test_every_record_is_read_once_whatever_the_order_and_size_of_pages(order, page_size):
    with PortalServer(records(20), order=order) as portal:
        reading = reader(portal.url, page_size=page_size).run()

    assert reading.error is None
    assert sorted(str(record.source_no) for record in reading.records) == sorted(
        one["zxbh"] for one in records(20)
    )


def test_a_portal_that_gives_smaller_pages_than_asked_for_is_read_whole():
    with PortalServer(records(2_300, apart_s=1)) as portal:
        reading = reader(portal.url, page_size=5_000).run()

    assert len(reading.numbers) == 2_300
    assert len(reading.pages) == 3


def test_a_run_without_news_costs_two_requests():
    with PortalServer(records(3, apart_s=3_600)) as portal:
        run = reader(portal.url)
        run.run()
        portal.requests = 0
        clock = run.channel.ctx.clock
        assert isinstance(clock, ManualClock)
        clock.advance(86_400)
        reading = run.run()

    assert [record.source_no for record in reading.records] == ["ZX411521000000000002"]  # the overlap
    assert portal.requests == 2


def test_the_bound_on_pages_in_a_window_is_the_operators_limit():
    with PortalServer(records(50)) as portal:
        run = reader(portal.url, page_size=10)
        (stream,) = run.channel.streams
        pages = list(run.channel.pages(stream, Window(None, None, NOW, limit=15)))

    assert [len(page.records) for page in pages] == [10, 10]


def test_an_operators_window_in_the_past_is_asked_for_alone():
    with PortalServer(records(50)) as portal:
        run = reader(portal.url)
        (stream,) = run.channel.streams
        since, until = NOW - timedelta(minutes=40), NOW - timedelta(minutes=31)
        found = [
            record
            for page in run.channel.pages(stream, Window(None, since, until))
            for record in page.records
        ]

    assert len(found) == 10
    assert portal.requests == 1


def test_further_parameters_go_with_every_request():
    with HostileSource(PAGES) as source:
        reader(source.url, page_size=5, query={"areaCode": "411521"}).run()

    assert {request.query["areaCode"] for request in source.requests} == {"411521"}


def test_a_portal_without_records_ahead_but_with_an_undated_one_shows_it():
    undated = {**records(1)[0], "zxbh": "ZX9", "gxsj": "待定"}
    with PortalServer([*records(3), undated]) as portal:
        reading = reader(portal.url).run()

    assert [record.problem.code for record in reading.set_aside if record.problem] == [
        Code.POSITION_UNREADABLE
    ]


def test_a_bearer_token_opens_the_portal_and_its_absence_is_told():
    with PortalServer(records(3), token="t0ken") as portal:
        auth = BearerAuth(kind="bearer", token="portal_token")
        assert len(reader(portal.url, auth=auth, secrets={"portal_token": "t0ken"}).run().numbers) == 3
        assert not reader(portal.url, auth=auth).channel.check().ok
        refused = reader(portal.url).run()

    assert isinstance(refused.error, SourceUnavailable)
    assert refused.error.code is Code.SOURCE_AUTH


def test_signed_requests_carry_key_time_and_signature():
    auth = HmacAuth(kind="hmac", key_id="hub", key="portal_key")
    with HostileSource(PAGES) as source:
        reading = reader(source.url, auth=auth, secrets={"portal_key": "k"}).run()

    assert reading.error is None
    assert {"X-App-Id", "X-Timestamp", "X-Signature"} <= set(source.requests[0].headers)


def test_an_oauth2_portal_is_asked_for_a_token_first():
    auth = OAuth2Auth(kind="oauth2", token_url="/oauth/token", client_id="hub", client_secret="portal_secret")
    with HostileSource(PAGES) as source:
        reading = reader(source.url, auth=auth, secrets={"portal_secret": "s"}).run()

    assert source.requests[0].path == "/oauth/token"
    assert isinstance(reading.error, SourceContractError)  # this source gives pages, no token


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "portal.example"},
        {"base_url": "http://portal.example", "page_size": 0},
        {"base_url": "http://portal.example", "query": {"pageNum": "1"}},
        {"base_url": "http://portal.example", "auth": {"kind": "bearer", "token": "not a name"}},
        {"base_url": "http://portal.example", "auth": {"kind": "password"}},
        {"base_url": "http://portal.example", "types": {"2": "grumble"}},
        {},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        PortalSettings.model_validate(wrong)


def test_a_total_that_counts_more_than_is_listed_can_be_declared_a_hint():
    with HostileSource(PAGES, Misbehaviour.TOTAL_TOO_LARGE) as source:
        strict = reader(source.url, page_size=5).run()
        lenient = reader(source.url, page_size=5, total="hint").run()

    assert strict.error is not None
    assert strict.error.code is Code.PAGE_COUNT
    assert lenient.error is None
    assert lenient.numbers == source.numbers


def test_check_names_the_codes_of_records_that_cannot_be_read():
    with PortalServer([*records(3), {**records(1)[0], "zxbh": "ZX9", "lx": "77", "lxmc": "挪车"}]) as portal:
        report = reader(portal.url).channel.check()

    assert [check.ok for check in report.checks] == [True, False]
    assert "1 of 4 cannot be read (value_unmapped)" in report.checks[1].detail


class Pages:
    """Pages as a script of (records, declared total), asked for by number; what was asked is kept."""

    def __init__(self, script):
        self.script = {number: list(answers) for number, answers in script.items()}
        self.asked = []

    def __call__(self, number):
        self.asked.append(number)
        answers = self.script.get(number, [("", None)])
        raw, total = answers.pop(0) if len(answers) > 1 else answers[0]
        return Records([letter.encode() for letter in raw], total)


def walked(script, *, exact=True, page_size=3):
    pages = Pages(script)
    walk = Walk(pages, source="portal", page_size=page_size, exact=exact)
    return pages, "".join(b"".join(page.records.raw).decode() for page in walk.pages())


@pytest.mark.parametrize(
    ("script", "read", "asked"),
    [
        # one short page with an honest total: one request
        ({1: [("ab", 2)]}, "ab", [1]),
        # no total: on to the empty page
        ({1: [("abc", None)], 2: [("d", None)]}, "abcd", [1, 2, 3]),
        # a total that is read at a full page is not believed to be the end
        ({1: [("abc", 3)], 2: [("def", 3)], 3: [("", 0)]}, "abcdef", [1, 2, 3]),
        # counted on the first page only
        ({1: [("abc", 5)], 2: [("de", 0)]}, "abcde", [1, 2]),
        # one record of page 1 left: d slipped onto page 1, which is read once more
        ({1: [("abc", 6), ("bcd", 5)], 2: [("ef", 5)]}, "abcefd", [1, 2, 1]),
        # the one that slipped was the last: page 2 is empty
        ({1: [("abc", 4), ("bcd", 3)], 2: [("", 3)]}, "abcd", [1, 2, 1]),
        # f arrived on the last page, which had been read: it is read once more
        ({1: [("abc", 6)], 2: [("de", 6), ("def", 6)], 3: [("", 6)]}, "abcdef", [1, 2, 3, 2]),
        # d arrived behind a full page, between the list and its count
        ({1: [("abc", 4)], 2: [("", 4), ("d", 4)]}, "abcd", [1, 2, 2]),
        # nothing was left to slip
        ({1: [("abc", 3)], 2: [("", 2)]}, "abc", [1, 2]),
    ],
)
def test_pages_add_up(script, read, asked):
    pages, found = walked(script)

    assert (found, pages.asked) == (read, asked)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({1: [("", 7)]}, Code.PAGE_COUNT),
        (
            {1: [("abc", 7)], 2: [("", 0)]},
            Code.PAGE_COUNT,
        ),  # a fall by more than a page is no news of records that left
        ({1: [("abc", 7)], 2: [("de", 7)], 3: [("", 7)]}, Code.PAGE_COUNT),
        ({1: [("abc", 9)], 2: [("abc", 9)]}, Code.PAGE_REPEATED),
        ({1: [("abc", None)], 2: [("abc", None)]}, Code.PAGE_REPEATED),
    ],
)
def test_pages_that_do_not_add_up_are_a_loud_error(script, code):
    with pytest.raises(SourceContractError) as caught:
        walked(script)

    assert caught.value.code is code
