"""Records out of a JSON page, and the judgement on its envelope."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.sdk.readers.body import Body
from hub.sdk.readers.jsonpage import Envelope, json_document, json_records

EMOJI_CUT_IN_HALF = rb'{"id":"2","nr":"\ud83d"}'


def _page(*records: bytes, head=b'"code":200,"message":"ok"', total=b"3"):
    return b'{%b,"data":{"total":%b, "list" : [%b]}}' % (head, total, b" , ".join(records))


def _refused(content: bytes, **how) -> SourceContractError:
    with pytest.raises(SourceContractError) as refused:
        json_records(Body(content, place="portal: GET /list"), **how)
    assert refused.value.body == content
    assert refused.value.message.startswith("portal: GET /list: ")
    return refused.value


def test_records_are_exact_slices_of_the_page():
    one = b'{ "id" : 230629102133115409,\t"n":1.50, "big":123456789012345678901234567890,"t":"\\u8bc9\\/"}'
    records = json_records(Body(_page(one, b"{}", b'{"a":[1,{"b":2}]}')))
    assert records.raw == [one, b"{}", b'{"a":[1,{"b":2}]}']
    assert records.total == 3
    assert not records.unreadable


def test_duplicates_in_a_page_pass_through():
    assert json_records(Body(_page(b'{"id":1}', b'{"id":1}'))).raw == [b'{"id":1}', b'{"id":1}']


def test_a_record_of_one_megabyte_is_a_record():
    one = json.dumps({"nr": "长" * 350_000}, ensure_ascii=False).encode()
    assert json_records(Body(_page(one, b"{}"))).raw == [one, b"{}"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(json_values, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_any_json_comes_back_record_by_record(values, indent, broken):
    """The fast way, and the way by brackets that a broken last record forces."""
    whole = json.dumps(
        {"code": "0", "data": {"list": values, "total": "7"}}, ensure_ascii=False, indent=indent
    )
    content = whole.encode("utf-8", "replace")
    raw = [json.loads(one) for one in json_records(Body(content)).raw]
    assert raw == json.loads(content)["data"]["list"]
    if broken and values:
        spoiled = json.dumps(
            {"code": 0, "data": {"list": [*values, float("nan")], "total": 7}}, indent=indent
        )
        records = json_records(Body(spoiled.encode()))
        assert [json.loads(one) for one in records.raw[:-1]] == json.loads(spoiled)["data"]["list"][:-1]
        assert set(records.unreadable) == {len(values)}


@pytest.mark.parametrize(
    ("content", "path", "how"),
    [
        (b'[{"a":1}]', (), {"envelope": None, "total_path": None}),
        (b'{"rows":[{"a":1}]}', ("rows",), {"envelope": None}),
        (b'{"a b":{"c.d":{"\xe8\xaf\x89":[{"a":1}]}}}', ("a b", "c.d", "诉"), {"envelope": None}),
        (b'{"code":0,"code2":{"data":[{"a":1}]}}', ("code2", "data"), {}),
        (b'{"data":[{"a":1}],"code":0}', ("data",), {}),
    ],
)
def test_the_list_may_stand_anywhere(content, path, how):
    assert json_records(Body(content), path=path, **how).raw == [b'{"a":1}']


@pytest.mark.parametrize(
    ("total", "read"),
    [
        (b"7", 7),
        (b'"7"', 7),
        (b"null", None),
        (b"-1", None),
        (b'"many"', None),
        (b"1e999", None),
        (b"{}", None),
    ],
)
def test_a_declared_total_is_a_count_or_nothing(total, read):
    assert json_records(Body(_page(b"{}", total=total))).total == read


@pytest.mark.parametrize("code", [b"200", b'"200"', b"200.0", b"0", b'"0"', b'" 0 "'])
def test_a_good_code_is_good_as_number_and_as_text(code):
    assert json_records(Body(_page(b"{}", head=b'"code":' + code))).raw == [b"{}"]


@pytest.mark.parametrize("data", [b"null", b'{"list":null}', b'{"list":[],"total":0}'])
def test_an_error_envelope_in_http_200_is_never_no_rows(data):
    content = '{"code":500,"msg":"系统繁忙，请稍后再试","data":%b}'.encode() % data
    with pytest.raises(
        SourceUnavailable, match=r"code '500', '系统繁忙，请稍后再试' \(expected 0, 200\)"
    ) as refused:
        json_records(Body(content, place="portal: GET /list"))
    assert refused.value.code is Code.SOURCE_ENVELOPE


def test_an_envelope_that_wants_a_login_is_told_apart():
    with pytest.raises(SourceUnavailable) as refused:
        json_records(Body('{"code":"401","msg":"token失效"}'.encode()))
    assert refused.value.code is Code.SOURCE_AUTH


def test_an_unknown_envelope_code_is_a_broken_contract_that_shows_no_numbers_and_no_long_text():
    words = "身份证411521199001011234、电话１３８１２３４５６７８的" + "申请人" * 30
    error = _refused(
        json.dumps({"code": "E1002", "message": words, "data": None}, ensure_ascii=False).encode()
    )
    assert error.code is Code.SOURCE_ENVELOPE
    assert "'E1002'" in error.message
    assert "4115" not in error.message
    assert "１３８" not in error.message
    assert "申请人" * 10 not in error.message


@pytest.mark.parametrize(
    "head", [b'"kode":200', b'"code":null', b'"code":{"a":1}', b'"code":1e999', b'"code":[]', b'"code":NaN']
)
def test_an_answer_without_the_envelopes_code_is_refused(head):
    assert _refused(_page(b"{}", head=head)).code is Code.PAGE_SHAPE


def test_codes_of_a_source_may_differ_and_come_from_settings_as_numbers():
    envelope = Envelope.model_validate(
        {"code_path": ["head", "rtnCode"], "ok": [0, "000000", True], "again": [9]}
    )
    page = b'{"head":{"rtnCode":"%b"},"data":{"list":[{}]}}'
    assert json_records(Body(page % b"000000"), envelope=envelope).raw == [b"{}"]
    assert json_records(Body(b'{"head":{"rtnCode":true},"data":{"list":[]}}'), envelope=envelope).raw == []
    with pytest.raises(SourceUnavailable):
        json_records(Body(page % b"9"), envelope=envelope)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"code":200,"data":null}', "nothing at data.list"),
        (b'{"code":200,"data":{"list":null}}', "null at data.list"),
        (b'{"code":200,"data":{"rows":[]}}', "nothing at data.list"),
        (b'{"code":200,"data":{"list":{"a":1}}}', "an object at data.list"),
        (b'{"code":200,"data":"[]"}', "nothing at data.list"),
        (b'{"code":200,"data":{"list":"[]"}}', "a text at data.list"),
    ],
)
def test_only_an_empty_list_is_no_rows(content, found):
    error = _refused(content)
    assert error.code is Code.PAGE_SHAPE
    assert found in error.message
    assert json_records(Body(b'{"code":200,"data":{"list":[]}}')).raw == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"OK",
        b'{"code":200,"data":{"list":[{"a":1},{"a"',
        b'{"code":200,"data":{"list":[{"a":1}]}} trailing',
        b'{"code":200,"data":{"list":[{"a":1},]}}',
        b'{"code":200,"data":{"list":[{"a":1}}]}',
        b"{'code':200,'data':{'list':[]}}",
        b'{"code":200,"data":{"list":[{"a":"never ends}]}}',
        b'callback({"code":200,"data":{"list":[]}})',
        b'{"code":200,"data":{"list":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}}",
        b'{"code":200,"x":' + b'"\\"' * 200_000,
    ],
)
def test_what_is_no_json_is_refused_and_nested_bombs_are(content):
    assert _refused(content).code is Code.PAGE_NOT_JSON


def test_a_bomb_of_nested_lists_is_refused_where_a_list_is_expected():
    assert _refused(b"[" * 500_000, path=(), total_path=None, envelope=None).code is Code.PAGE_NOT_JSON


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id":"2","n":NaN}',
        b'{"id":"2","n":-Infinity}',
        EMOJI_CUT_IN_HALF,
        '{"id":"2","nr":"诉'.encode()[:-1] + b'"}',
        b'{"id":"2","nr":"a\x01b"}',
        b'{"id":"2","n":007}',
    ],
)
def test_one_record_that_is_no_json_does_not_hold_up_the_others(bad):
    sound = '{"id":"1","nr":"不动产登记窗口多次要求补材料, ]}[{\\" 来电人"}'.encode()
    records = json_records(Body(_page(sound, bad, sound), place="portal: GET /list"))
    assert records.raw == [sound, bad, sound]
    assert records.total == 3
    assert set(records.unreadable) == {1}
    assert records.unreadable[1].code is Code.RECORD_UNREADABLE
    assert "record 2 of the page" in records.unreadable[1].detail


def test_a_page_of_records_none_of_which_is_json_is_refused():
    assert _refused(_page(b"{'a':1}", b"{'a':2}")).code is Code.PAGE_NOT_JSON


def test_an_envelope_is_judged_before_a_broken_record():
    with pytest.raises(SourceUnavailable) as refused:
        json_records(Body(_page(b'{"n":NaN}', b"{}", head=b'"code":500')))
    assert refused.value.code is Code.SOURCE_ENVELOPE


def test_a_broken_character_outside_the_records_spoils_none_of_them():
    text = "不动产登记窗口多次要求补材料"
    content = _page(f'{{"nr":"{text}"}}'.encode(), head=b'"code":0,"message":"\xe8"')
    records = json_records(Body(content))
    assert len(records.raw) == 1
    assert not records.unreadable


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"<!DOCTYPE html><html><form action=/login>", "text/html"),
        (b"\xef\xbb\xbf\r\n <html><body>", "application/json"),
        (b"<div>login</div>", "text/html"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "text/html"),
    ],
)
def test_a_web_page_in_place_of_json_is_told(content, media_type):
    with pytest.raises(SourceContractError, match="web page") as refused:
        json_records(Body(content, media_type=media_type))
    assert refused.value.code is Code.PAGE_HTML
    assert refused.value.body == content


def test_json_under_the_media_type_of_a_web_page_is_json():
    assert json_records(Body(_page(b"{}"), media_type="text/html", charset="ISO-8859-1")).raw == [b"{}"]


def test_gbk_records_come_in_utf8():
    one = '{"nr":"不动产登记窗口"}'
    assert json_records(Body(_page(one.encode("gbk")), charset="utf-8")).raw == [one.encode()]


def test_undecodable_content_is_refused_with_its_bytes():
    assert _refused(_page(b"\xff" * 200)).code is Code.PAGE_ENCODING


def test_the_same_records_have_the_same_fingerprint_whatever_stands_around_them():
    one = json_records(Body(_page(b'{"a":1}', head=b'"code":0,"ts":1')))
    other = json_records(Body(_page(b'{"a":1}', head=b'"code":0,"ts":2', total=b"9")))
    third = json_records(Body(_page(b'{"a":2}', head=b'"code":0,"ts":1')))
    assert one.fingerprint == other.fingerprint != third.fingerprint


def test_a_document_is_checked_json_in_utf8():
    assert json_document(Body('{"名":1}'.encode("gbk"), charset="gbk")) == '{"名":1}'.encode()
    for content, code in [
        (b"{", Code.PAGE_NOT_JSON),
        (b"[" * 99_999, Code.PAGE_NOT_JSON),
        (b"<html>", Code.PAGE_HTML),
        ('{"a":"不动产登记窗口不动产登记'.encode() + b'\xe8"}', Code.PAGE_ENCODING),
    ]:
        with pytest.raises(SourceContractError) as refused:
            json_document(Body(content))
        assert refused.value.code is code
    with pytest.raises(SourceUnavailable):
        json_document(Body(b'{"code":500}'), envelope=Envelope())
