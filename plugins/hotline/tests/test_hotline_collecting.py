"""The hotline channel against the county's own platform: orders that change, and replies that travel back once."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.county.hotline_server import STATE, UPDATED, HotlineServer
from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.model.codes import DemandStatus, ReplyKind
from hub.sdk import Order, Reply, Window
from hub.sdk.readers.xml_check import BodyCheck
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader, demands_of
from hub_channel_hotline.channel import HotlineChannel
from hub_channel_hotline.settings import HotlineSettings
from plugins.hotline.tests.hotline_sources import OrderView, SoapPages, local
from plugins.hotline.tests.make_samples import PLACE
from tests.support.databases import SECRETS

PAGES = SoapPages()
KINDS = ["soap", "workflow"]


def orders(count: int = 12, **fields):
    return [
        {**PAGES.record(index, NOW - timedelta(minutes=count - index)), **fields} for index in range(count)
    ]


def channel_of(kind: str, url: str, *, clock=None, secrets=None, tables=None, **source) -> HotlineChannel:
    settings = HotlineSettings.model_validate(
        {"source": {"kind": kind, "base_url": url, **source}, **(tables or {})}
    )
    context = channel_context("county-hotline", clock=clock or ManualClock(NOW), secrets=secrets)
    return HotlineChannel(settings, context)


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def platform(clock):
    with HotlineServer(orders(), clock=clock) as server:
        yield server


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page_size", [1, 5, 500])
def test_every_order_is_read_whatever_the_size_of_pages(platform, clock, kind, page_size):
    reading = Reader(channel_of(kind, platform.url, clock=clock, page_size=page_size)).run()

    assert reading.error is None
    assert reading.numbers == {order["工单编号"] for order in orders()}
    assert reading.set_aside == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_is_sent_again_at_every_change_and_each_time_is_a_new_version_of_its_number(
    platform, clock, kind
):
    reader = Reader(channel_of(kind, platform.url, clock=clock))
    number = orders()[3]["工单编号"]
    first = {record.source_no: record.version for record in reader.run().records}[number]
    seen = []
    for state in ("办理中", "已反馈", "已办结"):
        clock.advance(3_600)
        platform.orders.put(
            {**orders()[3], STATE: state, UPDATED: local(clock.now() - timedelta(seconds=30))}
        )
        # Older steps may come again beside it, newest first: the greatest version is the order as it is.
        sent = [record for record in reader.run().records if record.source_no == number]
        again = max(sent, key=lambda record: str(record.version))
        seen.append((again.version, demands_of(reader.channel, again)[0].status))

    assert [status for _, status in seen] == [
        DemandStatus.IN_HAND,
        DemandStatus.ANSWERED,
        DemandStatus.CLOSED,
    ]
    versions = [str(first), *(str(version) for version, _ in seen)]
    assert versions == sorted(versions)
    assert len(set(versions)) == 4


def test_words_that_gbk_cannot_write_arrive_whole(clock):
    words = "请转𠮷先生 & <经理>：窗口“没有”人"
    with HotlineServer([{**orders(1)[0], "内容": words}], clock=clock) as server:
        reader = Reader(channel_of("soap", server.url, clock=clock))
        (record,) = reader.run().records

    assert demands_of(reader.channel, record)[0].content == words


@pytest.mark.parametrize("algorithm", ["md5", "sm3"])
def test_messages_are_checked_in_both_directions(clock, algorithm):
    check = BodyCheck(algorithm=algorithm)
    with HotlineServer(orders(3), clock=clock, check=check) as server:
        agreed = Reader(channel_of("soap", server.url, clock=clock, check=check.model_dump())).run()
        other = {"algorithm": "sha256"}
        refused = Reader(channel_of("soap", server.url, clock=clock, check=other)).run()

    assert (agreed.error, len(agreed.numbers)) == (None, 3)
    assert isinstance(refused.error, SourceContractError)
    assert refused.error.code is Code.SOURCE_ENVELOPE  # the platform refuses our check first


def test_a_service_that_gives_its_message_as_elements_is_read_too(clock):
    bare = HotlineServer(orders(3), clock=clock)
    with bare as server:
        whole = server.soap

        def unescaped(request: bytes) -> str:
            import html

            return html.unescape(whole(request)).replace(
                '<?xml version="1.0" encoding="GBK"?><Package>', "<Package>"
            )

        server.soap = unescaped  # type: ignore[method-assign]
        reading = Reader(
            channel_of("soap", server.url, clock=clock, answer_at=["Envelope", "Body", "*", "return"])
        ).run()

    assert (reading.error, len(reading.numbers)) == (None, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_check_names_the_codes_of_orders_that_cannot_be_read(clock, kind):
    with HotlineServer(
        [*orders(3), {**orders(1)[0], "工单编号": "9", "诉求类型": "飞行"}], clock=clock
    ) as server:
        report = channel_of(kind, server.url, clock=clock).check()

    assert [check.ok for check in report.checks] == [True, False]
    assert "1 of 4 cannot be read (value_unmapped)" in report.checks[1].detail


def test_further_parameters_go_with_every_request_of_the_workflow(clock):
    with HotlineServer(orders(1), clock=clock) as server:
        assert (
            Reader(channel_of("workflow", server.url, clock=clock, query={"areaCode": "411521"})).run().error
            is None
        )


# --- replies ------------------------------------------------------------------------------------------------------

NUMBER = orders()[0]["工单编号"]
REPLIES = {
    "sign": Reply(NUMBER, ReplyKind.SIGN, "", "key-1", NOW),
    "return": Reply(NUMBER, ReplyKind.RETURN, "不属于本单位职责 & 请改派", "key-2", NOW),
    "extend": Reply(NUMBER, ReplyKind.EXTEND, "需要实地核查", "key-3", NOW, {"until": "2026-12-10 17:30:00"}),
    "close": Reply(
        NUMBER,
        ReplyKind.CLOSE,
        "已经受理，<三日>内办结。",
        "key-4",
        NOW,
        {"handling": "已联系群众", "is_true": "yes", "is_solved": "true"},
    ),
}
STATES = {"sign": "办理中", "return": "申请退回", "extend": "申请延期", "close": "已反馈"}
TITLES = {"sign": "签收", "return": "退回", "extend": "延期申请", "close": "办结"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(REPLIES))
def test_a_reply_reaches_the_platform_changes_the_order_and_comes_back_as_its_new_state(
    platform, clock, kind, name
):
    channel = channel_of(kind, platform.url, clock=clock)
    reader = Reader(channel)
    reader.run()
    clock.advance(3_600)
    receipt = channel.reply(REPLIES[name])

    assert receipt.accepted
    (taken,) = platform.orders.replies
    assert (taken.number, taken.kind, taken.key) == (NUMBER, TITLES[name], REPLIES[name].idempotency_key)
    assert platform.orders.state(NUMBER) == STATES[name]
    clock.advance(60)
    assert NUMBER in reader.run().numbers


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_reply_says_arrives_as_it_was_written(platform, clock, kind):
    channel = channel_of(kind, platform.url, clock=clock)
    for reply in REPLIES.values():
        channel.reply(reply)

    told = [dict(taken.fields) for taken in platform.orders.replies]
    assert REPLIES["return"].text in told[1].values()
    assert {REPLIES["extend"].text, "2026-12-10 17:30:00"} <= set(told[2].values())
    assert {REPLIES["close"].text, "已联系群众", "是"} <= set(told[3].values())
    # What was done stands apart from what the citizen may read.
    public = told[3].get("公开答复内容") or told[3]["public_reply"]
    assert "已联系群众" not in public


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_is_given_again_counts_once(platform, clock, kind):
    first = channel_of(kind, platform.url, clock=clock).reply(REPLIES["close"])
    clock.advance(86_400)
    again = channel_of(kind, platform.url, clock=clock).reply(REPLIES["close"])

    assert (first.accepted, again.accepted) == (True, True)
    assert again.detail == "taken before"
    (taken,) = platform.orders.replies
    # A repeat tells the time at which the reply was made, not the one at which it is told again.
    assert local(NOW) in taken.fields.values()


@pytest.mark.parametrize("kind", KINDS)
def test_a_platform_that_says_no_is_told_apart_from_one_that_is_away(platform, clock, kind):
    channel = channel_of(kind, platform.url, clock=clock)
    receipt = channel.reply(Reply("404", ReplyKind.SIGN, "", "key-9", NOW))
    platform.stop()

    assert (receipt.accepted, "2001" in receipt.detail) == (False, True)
    with pytest.raises(SourceUnavailable):
        channel.reply(REPLIES["sign"])


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(NUMBER, ReplyKind.RETURN, "", "k", NOW),
        Reply(NUMBER, ReplyKind.EXTEND, "需要核查", "k", NOW),
        Reply(NUMBER, ReplyKind.CLOSE, " ", "k", NOW),
        Reply(NUMBER, ReplyKind.CLOSE, "字" * 9_000, "k", NOW),
        Reply(NUMBER, ReplyKind.CLOSE, "已办", "k", NOW, {"is_true": "perhaps"}),
        Reply(NUMBER, ReplyKind.CLOSE, "已办", "k", NOW, {"handling": "字" * 9_000}),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_lacks_what_its_kind_needs_is_refused_and_never_sent(platform, clock, kind, wrong):
    receipt = channel_of(kind, platform.url, clock=clock).reply(wrong)

    assert not receipt.accepted
    assert receipt.detail
    assert "字字" not in receipt.detail
    assert platform.orders.replies == ()


# --- the view -----------------------------------------------------------------------------------------------------


def view_channel(database, **source) -> HotlineChannel:
    place = database.place().model_dump()
    settings = HotlineSettings.model_validate({"source": {"kind": "view", "database": place, **source}})
    return HotlineChannel(
        settings, channel_context("county-hotline", clock=ManualClock(NOW), secrets=SECRETS)
    )


def test_a_view_is_read_in_order_and_says_so():
    settings = HotlineSettings.model_validate({"source": {"kind": "view", "database": PLACE}})
    channel = HotlineChannel(settings, channel_context())

    assert [stream.order for stream in channel.streams] == [Order.ASCENDING]
    assert [stream.order for stream in HotlineChannel.streams] == [Order.UNORDERED]


def reply_table(database):
    text = "text"
    columns = ", ".join(
        f"{name} {text}"
        for name in (
            "ORDER_NUM",
            "REPLY_TYPE",
            "REASON",
            "PUBLIC_REPLY",
            "HANDLE_CONTENT",
            "IS_TRUE",
            "IS_SOLVED",
        )
    )
    moment = "timestamp" if database.dialect == "postgresql" else "datetime"
    database.execute(
        f"CREATE TABLE hub_reply (REPLY_ID varchar(64) PRIMARY KEY, REPLY_TIME {moment}, DELAY_TO {moment}, {columns})"
    )
    database.grant("hub_reply", right="SELECT, INSERT")
    return {"table": "hub_reply", "user": database.user, "password": "source_database"}


def test_replies_to_a_view_are_rows_in_the_platforms_table_once_each(source_database):
    channel = view_channel(source_database, reply=reply_table(source_database))
    try:
        for reply in [*REPLIES.values(), *REPLIES.values()]:
            assert channel.reply(reply).accepted
    finally:
        channel.close()

    found = source_database.rows(
        "SELECT REPLY_ID, ORDER_NUM, REPLY_TYPE, REASON, PUBLIC_REPLY, IS_SOLVED FROM hub_reply ORDER BY 1"
    )
    assert [row[:3] for row in found] == [
        (reply.idempotency_key, NUMBER, TITLES[name]) for name, reply in REPLIES.items()
    ]
    assert found[1][3] == REPLIES["return"].text
    assert found[3][4:] == (REPLIES["close"].text, "是")


def test_a_view_without_a_table_for_replies_says_that_it_takes_none(source_database):
    channel = view_channel(source_database)

    with pytest.raises(ConfigError, match="takes no replies"):
        channel.reply(REPLIES["sign"])


def test_a_table_for_replies_that_is_not_there_or_may_not_be_written_is_told(source_database):
    table = reply_table(source_database)
    missing = view_channel(source_database, reply={**table, "table": "nowhere"})
    revoked = (
        source_database.user if source_database.dialect == "postgresql" else f"'{source_database.user}'@'%'"
    )
    source_database.execute(f"REVOKE INSERT ON hub_reply FROM {revoked}")
    forbidden = view_channel(source_database, reply=table)
    try:
        with pytest.raises((SourceContractError, SourceUnavailable)):
            missing.reply(REPLIES["sign"])
        with pytest.raises(SourceUnavailable) as caught:
            forbidden.reply(REPLIES["sign"])
        assert caught.value.code is Code.SOURCE_AUTH
    finally:
        missing.close()
        forbidden.close()


def test_the_account_of_the_view_never_writes_a_reply(source_database):
    table = {**reply_table(source_database), "user": "another_account"}
    channel = view_channel(source_database, reply=table)
    try:
        with pytest.raises(SourceUnavailable) as caught:
            channel.reply(REPLIES["sign"])
        assert caught.value.code is Code.SOURCE_AUTH
    finally:
        channel.close()


def test_the_operators_window_of_a_view_is_read_alone(source_database):
    view = OrderView()
    moment = "timestamp" if source_database.dialect == "postgresql" else "datetime"
    types = {"text": "varchar(400)", "long": "text", "time": moment, "integer": "int"}
    columns = ", ".join(f"{name} {types[kind]}" for name, kind in view.columns.items())
    source_database.execute(f"CREATE TABLE V_12345_ORDER ({columns})")
    source_database.insert(
        "V_12345_ORDER", [view.record(index, NOW - timedelta(hours=index + 1)) for index in range(10)]
    )
    source_database.grant("V_12345_ORDER")
    channel = view_channel(source_database)
    try:
        window = Window(None, NOW - timedelta(hours=5), NOW - timedelta(hours=3))
        found = [record for page in channel.pages(channel.streams[0], window) for record in page.records]
        assert len(found) == 3
        assert channel.check().ok
    finally:
        channel.close()


# --- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": {"kind": "soap", "base_url": "hotline.example"}},
        {"source": {"kind": "soap", "base_url": "http://h", "query": "<页码>${page}</页码>"}},
        {"source": {"kind": "soap", "base_url": "http://h", "operation": {"body": "<a/>"}}},
        {"source": {"kind": "soap", "base_url": "http://h", "query": "<a>${since}${until}${page}${size}"}},
        {"source": {"kind": "soap", "base_url": "http://h", "check": {"algorithm": "crc32"}}},
        {"source": {"kind": "workflow", "base_url": "http://h", "query": {"pageNum": "1"}}},
        {
            "source": {
                "kind": "workflow",
                "base_url": "http://h",
                "auth": {"kind": "bearer", "token": "not a name"},
            }
        },
        {"source": {"kind": "view", "database": {**PLACE, "dialect": "oracle"}}},
        {"source": {"kind": "view", "database": PLACE, "names": {"GDBH": "ORDER_NUM"}}},
        {
            "source": {
                "kind": "view",
                "database": PLACE,
                "reply": {"table": "t", "user": "u", "password": "p", "columns": {"key": "k"}},
            }
        },
        {"source": {"kind": "file"}},
        {"source": {"kind": "workflow", "base_url": "http://h"}, "types": {"投诉": "grumble"}},
        {},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        settings = HotlineSettings.model_validate(wrong)
        HotlineChannel(settings, channel_context())


@pytest.mark.parametrize("has_table", [True, False])
def test_a_view_takes_replies_only_where_a_table_for_them_is_named(has_table):
    table = {"table": "replies", "user": "writer", "password": "reply"} if has_table else None
    source = {"kind": "view", "database": PLACE, "reply": table}
    channel = HotlineChannel(
        HotlineSettings.model_validate({"source": source}), channel_context(secrets=SECRETS)
    )

    assert channel.takes_replies() is has_table
