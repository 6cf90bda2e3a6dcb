"""Sources without code over sheets, views and servers with habits of their own: what a coded channel would bring, they bring."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from hub.clock import COUNTY_ZONE, ManualClock
from hub.errors import Code, ConfigError, RecordRejected
from hub.sdk import PositionKind
from hub.sdk.declarative.channel import channel_of
from hub.sdk.declarative.files import shipped_source
from hub.sdk.declarative.read import read_source, source_in
from hub.testing.declared import DeclaredPages
from hub.testing.factories import NOW, channel_context
from hub.testing.hostile import HostileSource
from hub.testing.reading import Reader, demands_of
from tests.support.databases import SECRETS

VISITS = """\
hub_source: 1
name: visits
title: 窗口登记表
reader:
  kind: sheet
  aliases: {反映时间: [日期], 联系方式: [电话, 联系电话]}
record:
  number: {column: 登记编号}
fields:
  submitted_at: {column: 反映时间}
  demand_type:
    column: 类型
    map: {投诉: complaint, 咨询: consultation}
  content: {column: 诉求}
  reporter:
    name: {column: 反映人}
    phone: {column: 联系方式, parse: phone}
"""

SHEET = """\
罗山县“办不成事”窗口登记表（2026年）,,,,,
登记编号,日期,类型,反映人,联系电话,诉求
B001,2026/11/2 19:40,投诉,张*,13800000001,窗口没有人
B002,2026年11月3日,咨询,李*,138****5678,周六开门吗
B003,2026-11-04 08:05,表扬,王*,,谢谢
B004,前天,投诉,赵*,13800000004,一直没有受理
B005,2026/11/5 9:10,投诉,钱*,1.38E+10,退回三次
合计,,,,,5
"""

ORDERS = """\
hub_source: 1
name: orders
title: 工单视图
watch: discern
reader: {kind: sql_view, view: v_orders}
record:
  number: {column: ORDER_NUM}
  position: {column: UPDATE_TIME}
  deleted: {column: OP, map: {D: true, U: false}}
fields:
  submitted_at: {column: CALL_TIME}
  demand_type: {column: KIND, map: {1: complaint, 2: consultation}}
  title: {column: TITLE}
  content: {column: CONTENT}
  assigned_no: {column: ORDER_NUM}
"""


def reader_of(text, settings, **context):
    made = channel_of(source_in(text, "source.yaml"))
    ctx = channel_context(clock=ManualClock(NOW), secrets=SECRETS, **context)
    return Reader(made(made.Settings.model_validate(settings), ctx))


def judged(reader, reading):
    """Number -> content of the demand, or the code with which the record is set aside."""
    found = {}
    for record in reading.records:
        if record.problem is not None:
            found[record.source_no] = record.problem.code
            continue
        try:
            (demand,) = demands_of(reader.channel, record)
            found[record.source_no] = demand.content
        except RecordRejected as exc:
            found[record.source_no] = exc.code
    return found


# --- sheets -------------------------------------------------------------------------------------------------------


@pytest.fixture
def dropped(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "登记.csv").write_bytes(SHEET.encode("gb18030"))
    return folder


def test_every_row_of_a_clerks_sheet_is_read_or_set_aside_with_its_reason(dropped):
    settings = {"source": {"kind": "folder", "path": str(dropped)}, "files": {"stable_s": 0}}
    reader = reader_of(VISITS, settings)

    reading = reader.run()

    assert reading.error is None
    assert reader.stream.position_kind is PositionKind.FILES
    assert judged(reader, reading) == {
        "B001": "窗口没有人",
        "B002": "周六开门吗",
        "B003": Code.VALUE_UNMAPPED,
        "B004": Code.FIELD_INVALID,
        "B005": "退回三次",
    }


def test_a_day_and_an_hour_with_one_space_between_them_are_what_they_are(dropped):
    settings = {"source": {"kind": "folder", "path": str(dropped)}, "files": {"stable_s": 0}}
    reader = reader_of(VISITS, settings)
    first = next(record for record in reader.run().records if record.source_no == "B001")

    (demand,) = demands_of(reader.channel, first)

    assert demand.submitted_at == datetime(2026, 11, 2, 11, 40, tzinfo=UTC)


def test_a_sheet_that_was_read_is_not_read_again(dropped):
    settings = {
        "source": {"kind": "folder", "path": str(dropped)},
        "files": {"stable_s": 0, "after_reading": "keep"},
    }
    reader = reader_of(VISITS, settings)

    assert len(reader.run().records) == 5
    assert reader.run().records == []


def test_check_of_a_sheet_source_says_what_it_finds(dropped, tmp_path):
    files = {"stable_s": 0}
    sound = reader_of(VISITS, {"source": {"kind": "folder", "path": str(dropped)}, "files": files})
    away = reader_of(
        VISITS, {"source": {"kind": "folder", "path": str(tmp_path / "nowhere")}, "files": files}
    )

    assert sound.channel.check().checks
    assert not away.channel.check().ok


def test_a_row_without_a_number_of_its_own_is_given_one(dropped):
    text = VISITS.replace("{column: 登记编号}", "{column: _number}")
    settings = {"source": {"kind": "folder", "path": str(dropped)}, "files": {"stable_s": 0}}
    reader = reader_of(text, settings)

    numbers = [record.source_no for record in reader.run().records]

    assert len(set(numbers)) == 5
    assert all(number and len(number) > 10 for number in numbers)


# --- views --------------------------------------------------------------------------------------------------------


@pytest.fixture
def orders(source_database):
    """A view with three orders, in a source's database."""
    time = "timestamp" if source_database.dialect == "postgresql" else "datetime"
    source_database.execute(
        f"CREATE TABLE orders (ORDER_NUM varchar(40), UPDATE_TIME {time}, CALL_TIME {time}, KIND int, TITLE varchar(200), "
        "CONTENT text, OP varchar(1))",
        "CREATE VIEW v_orders AS SELECT * FROM orders",
    )
    source_database.grant("v_orders")
    moment = (NOW - timedelta(hours=1)).astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    usual = {
        "UPDATE_TIME": moment,
        "CALL_TIME": moment,
        "KIND": 1,
        "TITLE": "受理",
        "CONTENT": "没有受理",
        "OP": "U",
    }
    rows = [
        {"ORDER_NUM": "230629102133115409", **usual},
        {"ORDER_NUM": "230629102133115410", **usual, "KIND": 7},
        {"ORDER_NUM": "230629102133115411", **usual, "OP": "D"},
    ]
    source_database.insert("orders", rows)
    return source_database


def test_every_row_of_a_view_is_read_or_set_aside_with_its_reason(orders):
    reader = reader_of(ORDERS, {"place": orders.place().model_dump()})

    reading = reader.run()

    assert reading.error is None, reading.error
    assert judged(reader, reading) == {
        "230629102133115409": "没有受理",
        "230629102133115410": Code.VALUE_UNMAPPED,
        "230629102133115411": "没有受理",
    }
    assert [record.deleted for record in reading.records] == [False, False, True]
    assert reader.position is not None


def test_check_of_a_view_names_a_column_that_is_not_there(orders):
    place = orders.place().model_dump()

    assert [line.ok for line in reader_of(ORDERS, {"place": place}).channel.check().checks] == [True, False]
    wrong = reader_of(ORDERS.replace("column: TITLE", "column: HEADLINE"), {"place": place}).channel.check()
    assert not wrong.ok
    assert "HEADLINE" in wrong.checks[0].detail


# --- documents that do not fit their reader -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "old", "new", "told"),
    [
        (VISITS, "{column: 诉求}", "{path: 诉求}", "has columns, no paths"),
        (VISITS, "{column: 登记编号}", "{column: 登记编号}\n  position: {column: 反映时间}", "known by its content"),
        (ORDERS, "  position: {column: UPDATE_TIME}\n", "", "read by its update time"),
        (ORDERS, "{column: ORDER_NUM}\n  position", "{join: {of: [A, B]}}\n  position", "write column"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_its_reader_is_told(text, old, new, told):
    assert old in text
    with pytest.raises(ConfigError, match=told):
        source_in(text.replace(old, new), "source.yaml")


def test_a_sheet_source_must_say_where_sheets_are_dropped():
    made = channel_of(source_in(VISITS, "visits.yaml"))

    with pytest.raises(ValidationError, match="source"):
        made.Settings.model_validate({})


# --- servers of Open311 with habits of their own ------------------------------------------------------------------

SAMPLE = {
    "service_request_id": "1",
    "service_name": "Pothole",
    "description": "A hole.",
    "requested_datetime": "2026-11-20T09:30:00+08:00",
}


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"page_size": 3}, {"page_size": "3", "page": "1"}),
        ({"query": {"jurisdiction_id": "example.gov"}}, {"jurisdiction_id": "example.gov"}),
        ({"time_form": "%Y-%m-%dT%H:%M:%S"}, {"end_date": "2026-11-23T16:00:00"}),
        ({"time_form": "iso_z"}, {"end_date": "2026-11-23T08:00:00Z"}),
        ({"path": "v2/requests.json"}, {}),
    ],
)
def test_what_a_server_of_open311_does_otherwise_stands_in_the_settings(settings, asked):
    document = read_source(shipped_source("open311"))
    with HostileSource(DeclaredPages(document, SAMPLE), count=4) as source:
        made = channel_of(document)
        usual = {"base_url": source.url, "headers": {"Accept-Encoding": "identity", "X-Wanted": "yes"}}
        reader = Reader(
            made(made.Settings.model_validate({**usual, **settings}), channel_context(clock=ManualClock(NOW)))
        )
        reader.channel.check()
        first = source.requests[0]
        if "time_form" not in settings:
            reading = reader.run()
            assert (reading.error, reading.numbers) == (None, source.numbers)
        else:
            next(iter(reader.channel.pages(reader.stream, reader._window(NOW))))
            first = source.requests[-1]

    assert first.headers["X-Wanted"] == "yes"
    assert first.headers["Accept-Encoding"] == "identity"
    assert first.path.partition("?")[0] == "/" + settings.get("path", "requests.json")
    wanted = dict(asked)
    if "page_size" in settings:
        assert source.requests[-2].query["page_size"] == wanted.pop("page_size")
    assert {name: first.query[name] for name in wanted} == wanted
