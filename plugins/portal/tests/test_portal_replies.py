"""Replies to the portal: each reaches it once, changes the record, and comes back as its new state."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from hub.clock import COUNTY_ZONE, ManualClock
from hub.county.loopback import LoopbackServer, QuietHandler
from hub.county.portal_server import PortalServer
from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.model.codes import DemandStatus, ReplyKind
from hub.sdk import Reply
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader, demands_of
from hub_channel_portal.channel import PortalChannel
from hub_channel_portal.mapping import STATUS_CODES
from hub_channel_portal.settings import PortalSettings
from plugins.portal.tests.portal_pages import PortalPages

PAGES = PortalPages()
RECORDS = [PAGES.record(index, NOW) for index in range(3)]
NUMBER = RECORDS[1]["zxbh"]
REPLIES = {
    "sign": Reply(NUMBER, ReplyKind.SIGN, "", "key-1", NOW),
    "return": Reply(NUMBER, ReplyKind.RETURN, "不属于本单位职责", "key-2", NOW),
    "extend": Reply(NUMBER, ReplyKind.EXTEND, "需要现场核查", "key-3", NOW, {"until": "2026-12-10 17:30:00"}),
    "close": Reply(
        NUMBER, ReplyKind.CLOSE, "已经受理，三日内办结。", "key-4", NOW,
        {"handling": "已联系群众", "is_true": "yes", "is_solved": "true"},
    ),
}  # fmt: skip
STATES = {
    "sign": DemandStatus.IN_HAND,
    "return": DemandStatus.IN_HAND,
    "extend": DemandStatus.IN_HAND,
    "close": DemandStatus.ANSWERED,
}
# domain.md §6.4, the status list; every code of it, and every word.
LISTED = {
    "10": "待受理", "15": "待补充", "20": "已受理", "25": "待派遣", "30": "已派遣", "35": "办理中", "40": "申请退回", "45": "申请延期",
    "50": "已反馈待审核", "60": "待回访", "70": "已办结", "75": "重办", "80": "督办中", "90": "不予受理", "95": "并单", "99": "作废",
}  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def portal(clock: ManualClock) -> Iterator[PortalServer]:
    with PortalServer(RECORDS, clock=clock, token="t0ken") as server:
        yield server


def channel(url: str, clock: ManualClock, *, reply: object = (), **settings: object) -> PortalChannel:
    given = {"auth": {"kind": "bearer", "token": "portal_token"}, "reply": dict(reply or {}), **settings}  # type: ignore[call-overload]
    context = channel_context("county-portal", clock=clock, secrets={"portal_token": "t0ken"})
    return PortalChannel(PortalSettings.model_validate({"base_url": url, **given}), context)


@pytest.mark.parametrize("name", list(REPLIES))
def test_a_reply_reaches_the_portal_and_comes_back_as_the_records_new_state(portal, clock, name):
    reader = Reader(channel(portal.url, clock))
    first = {record.source_no: record.version for record in reader.run().records}
    clock.advance(3_600)
    receipt = reader.channel.reply(REPLIES[name])

    assert receipt.accepted
    assert set(portal.list.replies) == {REPLIES[name].idempotency_key}
    clock.advance(60)
    (again,) = [record for record in reader.run().records if record.source_no == NUMBER]
    assert again.version is not None
    assert again.version > str(first[NUMBER])
    assert demands_of(reader.channel, again)[0].status is STATES[name]


def test_what_a_reply_says_arrives_as_it_was_written_and_what_was_done_stands_apart(portal, clock):
    told = channel(portal.url, clock)
    for reply in REPLIES.values():
        assert told.reply(reply).accepted

    _, returned, extended, closed = portal.list.replies.values()
    assert returned["yy"] == REPLIES["return"].text
    assert (extended["yy"], extended["yqz"]) == (REPLIES["extend"].text, "2026-12-10 17:30:00")
    assert (closed["dfnr"], closed["blqk"]) == (REPLIES["close"].text, "已联系群众")
    assert (closed["sfss"], closed["sfjj"]) == ("是", "是")
    assert "yy" not in closed


def test_a_reply_that_is_given_again_counts_once(portal, clock):
    first = channel(portal.url, clock).reply(REPLIES["close"])
    clock.advance(86_400)
    again = channel(portal.url, clock).reply(REPLIES["close"])

    assert (first.accepted, again.accepted, again.detail) == (True, True, "taken before")
    (taken,) = portal.list.replies.values()
    assert taken["czsj"] == NOW.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def test_a_portal_that_calls_things_otherwise_is_told_in_its_words(portal, clock):
    names = {"names": {"dfnr": "answer", "yy": "remark"}, "operations": {"return": "退回"}}
    channel(portal.url, clock, reply=names).reply(REPLIES["return"])

    (taken,) = portal.list.replies.values()
    assert taken["remark"] == REPLIES["return"].text


def test_a_portal_that_says_no_is_told_apart_from_one_that_is_away(portal, clock):
    told = channel(portal.url, clock)
    receipt = told.reply(Reply("ZX404", ReplyKind.SIGN, "", "key-9", NOW))
    portal.stop()

    assert (receipt.accepted, receipt.detail) == (False, "refused with code 2001")
    with pytest.raises(SourceUnavailable):
        told.reply(REPLIES["sign"])


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(NUMBER, ReplyKind.RETURN, "", "k", NOW),
        Reply(NUMBER, ReplyKind.EXTEND, "需要核查", "k", NOW),
        Reply(NUMBER, ReplyKind.CLOSE, "字" * 9_000, "k", NOW),
        Reply(NUMBER, ReplyKind.CLOSE, "已办", "k", NOW, {"is_true": "perhaps"}),
    ],
)
def test_a_reply_that_lacks_what_its_kind_needs_is_refused_and_never_sent(portal, clock, wrong):
    receipt = channel(portal.url, clock).reply(wrong)

    assert not receipt.accepted
    assert "字字" not in receipt.detail
    assert portal.list.replies == {}
    assert portal.requests == 0


def test_a_portal_without_an_interface_for_replies_takes_none_and_says_so(portal, clock):
    silent = PortalChannel(PortalSettings(base_url=portal.url), channel_context(clock=clock))

    assert not silent.takes_replies()
    assert channel(portal.url, clock).takes_replies()
    with pytest.raises(ConfigError) as caught:
        silent.reply(REPLIES["sign"])
    assert caught.value.code is Code.REPLY_NOT_OFFERED


def test_a_reply_without_the_right_token_is_told_as_a_matter_of_the_account(portal, clock):
    bare = channel(portal.url, clock, auth={"kind": "none"})

    with pytest.raises(SourceUnavailable) as caught:
        bare.reply(REPLIES["sign"])
    assert caught.value.code is Code.SOURCE_AUTH


# --- what a platform may answer instead ---------------------------------------------------------------------------


class Answering(QuietHandler):
    """Says what its test wrote down, however often it is asked."""

    answers: list[tuple[int, bytes]] = []
    keys: list[str | None] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.keys.append(self.headers.get("Idempotency-Key"))
        self.send(*(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]))


def answered(*answers: tuple[int, object]):
    """What the channel makes of these answers, in turn, and under which keys it asked."""
    kept = [
        (status, body if isinstance(body, bytes) else json.dumps(body).encode()) for status, body in answers
    ]
    keys: list[str | None] = []
    handler = type("Handler", (Answering,), {"answers": kept, "keys": keys})
    with LoopbackServer(handler) as server:
        told = channel(server.url, ManualClock(NOW), http={"tries": 3})
        try:
            return told.reply(REPLIES["close"]), list(keys)
        finally:
            told.close()


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
def test_a_no_of_the_platform_with_a_status_4xx_is_final(status):
    receipt, keys = answered((status, {"code": 2001, "message": "诉求不存在"}))

    assert (receipt.accepted, receipt.detail) == (False, "refused with code 2001")
    assert keys == ["key-4"]


def test_a_409_that_means_taken_before_is_taken():
    receipt, _ = answered((409, {"code": "0001", "message": "重复提交"}))

    assert (receipt.accepted, receipt.detail) == (True, "taken before")


@pytest.mark.parametrize("answer", [b"<html>Not Found</html>", b"", {"error": "no such path"}, {"code": 200}])
def test_a_4xx_that_is_not_the_platforms_own_word_is_no_refusal(answer):
    with pytest.raises(SourceContractError) as caught:
        answered((404, answer))
    assert caught.value.code is Code.SOURCE_STATUS


@pytest.mark.parametrize(
    "first", [(500, b""), (503, b""), (429, b""), (502, b"<html>"), (200, {"code": 503, "message": "忙"})]
)
def test_a_platform_in_trouble_is_told_again_under_the_same_key(first):
    receipt, keys = answered(first, (200, {"code": 200, "message": "成功"}))

    assert receipt.accepted
    assert keys == ["key-4", "key-4"]


@pytest.mark.parametrize("first", [(500, b""), (200, {"code": 500, "message": "系统繁忙"})])
def test_a_platform_that_stays_in_trouble_is_away(first):
    with pytest.raises(SourceUnavailable):
        answered(first)


@pytest.mark.parametrize(
    "answer", [b"<html><body>\xe8\xaf\xb7\xe7\x99\xbb\xe5\xbd\x95</body></html>", b"ok", {"data": {}}]
)
def test_an_answer_without_the_envelope_is_loud(answer):
    with pytest.raises((SourceContractError, SourceUnavailable)):
        answered((200, answer))


# --- states that come back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*LISTED, *LISTED.values(), *map(str, range(10))])
def test_every_state_of_the_countys_list_is_known_by_code_and_by_word(code):
    assert code in STATUS_CODES


def test_code_and_word_of_a_state_mean_the_same():
    assert {code: STATUS_CODES[code] for code in LISTED} == {
        code: STATUS_CODES[word] for code, word in LISTED.items()
    }


def test_a_state_that_no_table_knows_is_set_aside_and_known_once_the_settings_name_it(portal, clock):
    portal.update(NUMBER, gxsj=NOW, zt="33")
    reader = Reader(channel(portal.url, clock))
    (raw,) = [record for record in reader.run().records if record.source_no == NUMBER]
    with pytest.raises(Exception) as caught:
        demands_of(reader.channel, raw)

    assert getattr(caught.value, "code", None) is Code.VALUE_UNMAPPED
    mended = channel(portal.url, clock, statuses={"33": "in_hand"})
    assert demands_of(mended, raw)[0].status is DemandStatus.IN_HAND


@pytest.mark.parametrize(
    "wrong", [{"names": {"answer": "dfnr"}}, {"operations": {"praise": "表扬"}}, {"url": "http://x"}]
)
def test_an_interface_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        PortalSettings.model_validate({"base_url": "http://p", "reply": wrong})
