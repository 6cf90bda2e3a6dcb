"""What each rule of a file makes of a record, and with which code it sets one aside."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.errors import Code, ConfigError, RecordRejected
from hub.model.codes import Anonymity, ReporterType, Urgency
from hub.sdk import RawRecord
from hub.sdk.declarative.channel import channel_of
from hub.sdk.declarative.document import SourceDocument
from hub.testing.factories import channel_context

READER = {"kind": "http_json", "records": ""}
FIELDS = {"submitted_at": {"path": "at"}, "demand_type": {"const": "complaint"}, "content": {"path": "words"}}
RECORD = {"id": "A1", "at": "2026-11-20 09:30:00", "words": "窗口没有人"}


def channel(record=None, maps=None, **fields):
    document = SourceDocument.model_validate(
        {
            "hub_source": 1,
            "name": "notes",
            "title": "意见箱",
            "reader": READER,
            "record": record or {"number": {"path": "id"}, "position": {"path": "at"}},
            "fields": {**FIELDS, **fields},
        }
    )
    made: Any = channel_of(document)
    return made(
        made.Settings.model_validate({"base_url": "http://127.0.0.1:9", "maps": maps or {}}),
        channel_context(),
    )


def landed(one, **record):
    return one.landed(RawRecord(None, json.dumps({**RECORD, **record}).encode()))


def said(one, **record):
    (demand,) = one.normalize(RawRecord("A1", json.dumps({**RECORD, **record}).encode()))
    return demand


def code(one, **record):
    with pytest.raises(RecordRejected) as caught:
        said(one, **record)
    return caught.value.code


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ({"path": "x"}, " 二楼 ", "二楼"),
        ({"path": "x"}, "null", None),
        ({"path": "x"}, 411521202306290015, "411521202306290015"),
        ({"path": "x"}, 12345678901234567890123, "12345678901234567890123"),
        ({"path": "x"}, True, "true"),
        ({"path": "x.y.1.z"}, {"y": [{}, {"z": "深"}]}, "深"),
        ({"path": "x.y"}, "flat", None),
        ({"path": "/x/a.b"}, {"a.b": "点"}, "点"),
        ({"path": "/x/a~1b"}, {"a/b": "斜"}, "斜"),
        ({"column": "x"}, "列", "列"),
        ({"path": ["nothing", "x"]}, "后者", "后者"),
        ({"path": "x", "nothing": ["-", 0]}, "-", None),
        ({"path": "x", "nothing": ["-", 0]}, 0, None),
        ({"path": "x", "default": "无"}, "", "无"),
        ({"join": {"of": ["x", "y", "id"], "separator": "/"}}, "一", "一/A1"),
        ({"const": "定"}, None, "定"),
        ({"path": "x", "map": {"1": "一号"}}, 1, "一号"),
        ({"path": "x", "parse": "html"}, "<b>粗</b>&nbsp;细", "粗\xa0细"),
        ({"path": "x", "parse": "phone"}, 13800000000.0, "13800000000"),
        ({"path": "x", "parse": "phone"}, "138****5678", "138****5678"),
    ],
)  # fmt: skip
def test_a_text_is_read_as_its_rule_says(rule, given, expected):
    got = said(channel(sub_source=rule), x=given).sub_source

    assert (got.replace("\xa0", " ") if got else got) == (
        expected.replace("\xa0", " ") if expected else expected
    )


@pytest.mark.parametrize("given", [["一段"], {"a": 1}])
def test_a_list_or_an_object_in_place_of_a_text_sets_the_record_aside(given):
    assert code(channel(sub_source={"path": "x"}), x=given) is Code.FIELD_INVALID


def test_digits_that_are_lost_are_never_guessed():
    one = channel(reporter={"phone": {"path": "x", "parse": "phone"}})

    demand = said(one, x="1.38E+10")
    assert (demand.reporter.phone, demand.quality) == (None, ("PHONE_IMPRECISE",))
    assert landed(one, id=4.115e17).problem.code is Code.KEY_INVALID


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ({"path": "x"}, "2026-11-20 09:30:00"),
        ({"path": "x"}, "2026-11-20T01:30:00Z"),
        ({"path": "x"}, "2026-11-19T21:30:00-04:00"),
        ({"path": "x", "parse": {"kind": "time", "forms": ["%d/%m/%Y %H:%M"]}}, "20/11/2026 09:30"),
        ({"path": "x", "parse": {"kind": "time", "zone": "Europe/Berlin"}}, "2026-11-20 02:30:00"),
        ({"path": "x", "parse": {"kind": "time", "forms": ["%Y", "%Y-%m-%dT%H:%M%z"]}}, "2026-11-20T01:30+0000"),
        ({"path": "x", "parse": "epoch"}, 1795138200),
        ({"path": "x", "parse": {"kind": "epoch", "unit": "ms"}}, "1795138200000"),
        ({"path": ["nothing", "x"]}, "2026/11/20 09:30"),
        ({"join": {"of": ["x", "y"]}}, "2026-11-20 09:30"),
    ],
)  # fmt: skip
def test_a_time_is_read_as_its_rule_says(rule, given):
    assert said(channel(occurred_at=rule), x=given).occurred_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ({"path": "x"}, "待定"),
        ({"path": "x", "parse": {"kind": "time", "forms": ["%d/%m/%Y"]}}, "2026-11-20"),
        ({"path": "x", "parse": "epoch"}, "10^9"),
        ({"path": "x", "parse": "epoch"}, "9" * 18),
    ],
)
def test_what_is_no_time_sets_the_record_aside(rule, given):
    assert code(channel(occurred_at=rule), x=given) is Code.FIELD_INVALID


def test_nothing_where_a_time_may_be_is_nothing():
    assert (
        said(channel(occurred_at={"path": "x", "nothing": ["0000-00-00"]}), x="0000-00-00").occurred_at
        is None
    )


def test_a_code_that_the_map_does_not_know_sets_the_record_aside():
    one = channel(status={"path": "st", "map": {"1": "closed"}, "default": "pending"})

    assert said(one, st=1).status == "closed"
    assert said(one).status == "pending"
    assert code(one, st="2") is Code.VALUE_UNMAPPED


def test_without_a_map_the_source_must_send_our_codes():
    one = channel(urgency={"path": "u"}, reporter={"type": {"path": "t"}})

    assert said(one, u="urgent", t="enterprise").urgency is Urgency.URGENT
    assert said(one, t="enterprise").reporter.type is ReporterType.ENTERPRISE
    assert code(one, u="very") is Code.VALUE_UNMAPPED


def test_an_instance_may_know_more_codes_than_the_file():
    rule = {"path": "st", "map": {"1": "closed", "2": "pending"}}
    one = channel(status=rule, maps={"status": {"12": "closed", "2": "void"}})

    assert [said(one, st=given).status.value for given in (1, 12, 2)] == ["closed", "closed", "void"]
    for maps in ({"status": {"12": "shut"}}, {"content": {"1": "x"}}, {"nothing": {"1": "x"}}):
        with pytest.raises(ConfigError, match="maps"):
            channel(status=rule, maps=maps)


@pytest.mark.parametrize(
    ("given", "expected"), [(32.2, 32.2), ("32.2", 32.2), ("", None), (None, None), ("0.0", None)]
)
def test_a_number_is_read_within_its_bounds(given, expected):
    rule = {"path": "lat", "least": -90, "most": 90, "nothing": ["0.0"]}

    assert said(channel(latitude=rule), lat=given).latitude == expected
    for beyond in (91, "-1e3", "north", "nan"):
        assert code(channel(latitude=rule), lat=beyond) is Code.FIELD_INVALID


def test_a_count_is_a_whole_number():
    one = channel(declared_group_size={"path": "n"})

    assert said(one, n="12").declared_group_size == 12
    assert code(one, n=1.5) is Code.FIELD_INVALID


@pytest.mark.parametrize(("given", "expected"), [("是", True), ("No", False), (1, True), (None, False)])
def test_yes_and_no_are_known_by_their_words(given, expected):
    one = channel(chases_open_order={"path": "c"})

    assert said(one, c=given).chases_open_order is expected
    assert code(one, c="maybe") is Code.VALUE_UNMAPPED


def test_a_report_is_kept_secret_whatever_the_source_says():
    assert said(channel(demand_type={"const": "report"})).anonymity is Anonymity.SECRET
    anonymous = channel(demand_type={"const": "report"}, anonymity={"const": "anonymous"})
    assert said(anonymous).anonymity is Anonymity.ANONYMOUS


def test_labels_and_attachments_are_those_that_hold_something():
    one = channel(labels=[{"path": "a"}, {"path": "b"}], attachments=[{"path": "url"}])
    demand = said(one, b="热点", url="http://files.example.org/a/1.jpg?x=1")

    assert demand.labels == ("热点",)
    assert [(file.name, file.uri) for file in demand.attachments] == [
        ("1.jpg", "http://files.example.org/a/1.jpg?x=1")
    ]


def test_a_missing_value_that_every_demand_needs_sets_the_record_aside():
    assert code(channel(), words="") is Code.FIELD_MISSING
    assert code(channel(), at=None) is Code.FIELD_MISSING
    assert said(channel(content={"path": "words", "default": "（无正文）"}), words="").content == "（无正文）"


def test_a_record_is_landed_under_its_number_with_its_time():
    raw = landed(channel())

    assert (raw.source_no, raw.problem, raw.deleted) == ("A1", None, False)
    assert raw.position_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    assert raw.version == "2026-11-20T01:30:00.000000"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"id": None}, Code.KEY_MISSING),
        ({"id": "x" * 129}, Code.KEY_INVALID),
        ({"id": "a\x00"}, Code.KEY_INVALID),
        ({"id": ["A1"]}, Code.KEY_INVALID),
        ({"at": "待定"}, Code.POSITION_UNREADABLE),
        ({"at": ""}, Code.POSITION_UNREADABLE),
    ],
)
def test_a_record_that_cannot_be_landed_says_why(record, expected):
    assert landed(channel(), **record).problem.code is expected


def test_a_number_may_be_made_of_several_places():
    one = channel(record={"number": {"join": {"of": ["org", "id"], "separator": "-"}}})

    assert landed(one, org="411521").source_no == "411521-A1"


def test_a_version_may_be_a_number_that_grows():
    one = channel(record={"number": {"path": "id"}, "version": {"path": "rev", "as": "number"}})

    assert landed(one, rev=9).version < landed(one, rev="10").version
    assert landed(one).version is None
    assert landed(one, rev="x").problem.code is Code.FIELD_INVALID


def test_a_record_that_is_gone_needs_to_say_no_more():
    one = channel(
        record={"number": {"path": "id"}, "deleted": {"path": "op", "map": {"D": True, "U": False}}}
    )

    assert landed(one, op="D").deleted
    assert one.normalize(RawRecord("A1", b'{"id": "A1", "op": "D"}')) == ()
    assert said(one, op="D").deleted
    assert not said(one, op="U").deleted


def test_a_text_longer_than_a_demand_may_be_is_set_aside_as_too_large():
    assert code(channel(), words="排" * 1_200_000) is Code.RECORD_TOO_LARGE
    assert len(said(channel(title={"path": "t"}), t="题" * 3_000).title) == 2_000


def test_an_answer_of_the_platform_is_read_with_who_gave_it_and_when():
    rules = {
        "text": {"path": "answer"},
        "organisation": {"path": "by"},
        "replied_at": {"path": "answered", "parse": "time"},
    }
    one = channel(public_reply=rules)
    answered = said(one, answer="<p>已修好</p>", by="城管局", answered="2026-11-03 09:30:00").public_reply
    assert (answered.text, answered.organisation) == ("已修好", "城管局")
    assert answered.replied_at == datetime(2026, 11, 3, 1, 30, tzinfo=UTC)
    assert said(one, answer="", by="城管局").public_reply is None
