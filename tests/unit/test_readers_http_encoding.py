"""Which encoding an answer is in, whatever its label says."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Code, SourceContractError
from hub.sdk.readers.encoding import to_text, to_utf8

TEXT = "不动产登记窗口多次要求补材料，来电人表示已跑三趟，希望尽快办理。"
JSON = f'{{"code":200,"data":{{"list":[{{"nr":"{TEXT}"}}]}}}}'

# What a source's records are made of: hanzi of the GB 2312 levels, and ASCII.
hanzi = st.characters(codec="gb2312", categories=["Lo"])
words = st.text(st.one_of(hanzi, hanzi, st.characters(min_codepoint=32, max_codepoint=126)), min_size=1)


@pytest.mark.parametrize(
    "label", ["GBK", "gb2312", "GB18030", "utf-8", "UTF-8", None, "ISO-8859-1", "no-such-charset"]
)
def test_gbk_is_read_whether_its_label_is_right_wrong_or_missing(label):
    decoded = to_utf8(JSON.encode("gbk"), label, place="portal")
    assert decoded.utf8 == JSON.encode()
    assert not decoded.damaged


@pytest.mark.parametrize(
    "label", ["GBK", "utf-8", None, "ISO-8859-1", "big5", "base64", "unicode\0", "../../x"]
)
def test_utf8_is_read_whatever_its_label_says(label):
    assert to_utf8(JSON.encode(), label, place="portal").utf8 == JSON.encode()


@pytest.mark.parametrize(
    ("mark", "charset"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("label", [None, "GBK"])
def test_a_mark_or_the_zero_bytes_of_utf16_json_outweigh_the_label(mark, charset, label):
    assert to_utf8(mark + JSON.encode(charset), label, place="portal").utf8 == JSON.encode()


def test_a_label_of_another_family_is_honoured():
    text = '{"標題":"臺灣居民居住證辦理諮詢"}'
    assert to_utf8(text.encode("big5"), "Big5", place="portal").text == text


@given(words)
def test_gb18030_under_its_right_label_comes_back_as_it_was(text):
    assert to_utf8(text.encode("gb18030"), "GBK", place="portal").text == text


@given(words)
def test_utf8_without_a_label_comes_back_as_it_was(text):
    assert to_utf8(text.encode(), None, place="portal").text == text


@given(words)
def test_gbk_under_the_label_utf8_comes_back_as_it_was(text):
    # Some hanzi alone, 一 for one, are also sound UTF-8 in GBK; no page of records is made of those only.
    text += TEXT
    assert to_utf8(text.encode("gb18030"), "utf-8", place="portal").text == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_utf16_mark_decides(text):
    assert to_utf8(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), None, place="portal").text == text


@given(st.binary())
def test_any_bytes_end_in_text_or_in_the_one_error(content):
    try:
        decoded = to_utf8(content, None, place="portal")
    except SourceContractError as refusal:
        found = refusal
    else:
        assert decoded.damaged or decoded.text is not None
        return
    assert (found.code, found.body) == (Code.PAGE_ENCODING, content)


def test_a_broken_character_in_utf8_is_damage_and_no_reason_to_read_gb18030():
    content = JSON.encode() + "诉".encode()[:2]
    decoded = to_utf8(content, "utf-8", place="portal")
    assert (decoded.charset, decoded.damaged, decoded.utf8) == ("utf-8", True, content)


def test_a_broken_character_in_gbk_is_damage():
    content = JSON.encode("gbk") + b"\xcb"
    decoded = to_utf8(content, "GBK", place="portal")
    assert decoded.damaged
    assert decoded.utf8 == JSON.encode() + b"\xcb"


def test_bytes_of_no_encoding_are_refused_with_the_bytes_and_without_showing_them():
    content = b"\xff\x80" * 192
    with pytest.raises(
        SourceContractError, match=r"portal: 384 bytes labelled 'utf-8' are neither"
    ) as refused:
        to_utf8(content, "utf-8", place="portal")
    assert refused.value.code is Code.PAGE_ENCODING
    assert refused.value.body == content


@pytest.mark.parametrize(
    "head",
    [
        '<?xml version="1.0" encoding="GBK"?>',
        '<html><meta charset="gb2312">',
        "<meta content='text/html; charset=GBK'>",
    ],
)
def test_a_page_says_its_encoding_itself_where_the_label_says_nothing(head):
    page = f"{head}<p>{TEXT}</p>"
    assert to_text(page.encode("gbk"), "ISO-8859-1", place="portal") == page


def test_text_with_broken_characters_is_refused():
    with pytest.raises(SourceContractError, match="broken characters") as refused:
        to_text(TEXT.encode() + b"\xe8", None, place="portal")
    assert refused.value.code is Code.PAGE_ENCODING
