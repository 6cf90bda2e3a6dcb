"""Text out of a mail's bytes: charsets, MIME words, parameters, base64."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.readers.mail_words import decode_text, decode_words, from_base64, parameters
from tests.support.mail_corpus import word

CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=60)


@given(CHINESE, st.sampled_from(["gb2312", "gbk", "gb18030", "utf-8"]), st.sampled_from("BQ"))
def test_every_mime_word_is_read(text: str, charset: str, kind: str) -> None:
    assert decode_words(word(text, charset, kind)) == text


@given(CHINESE, st.integers(min_value=1, max_value=200))
def test_words_cut_inside_a_character_are_joined_before_they_are_read(text: str, cut: int) -> None:
    coded = text.encode("gb18030")
    cut = cut % len(coded)
    pieces = b"\r\n ".join(
        b"=?gb2312?B?" + base64.b64encode(piece) + b"?=" for piece in (coded[:cut], coded[cut:])
    )

    assert decode_words(pieces) == text


def test_words_cut_inside_the_base64_are_joined_before_they_are_read() -> None:
    coded = base64.b64encode("不动产登记窗口".encode("gbk"))

    assert decode_words(b"=?GBK?B?" + coded[:7] + b"?= =?GBK?B?" + coded[7:] + b"?=") == "不动产登记窗口"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (word("镕基㐀路", "gb2312"), "镕基㐀路"),
        ("【投诉】".encode("gbk") + word("窗口", "gbk"), "【投诉】窗口"),
        ("不动产窗口".encode("gbk"), "不动产窗口"),
        ("不动产窗口".encode(), "不动产窗口"),
        (b"Re: " + word("窗口", "utf-8") + b" (2)", "Re: 窗口 (2)"),
        (word("窗口", "utf-8") + b" and " + word("窗口", "utf-8"), "窗口 and 窗口"),
        (word("窗", "utf-8") + b"   " + word("口", "gbk"), "窗口"),
        (b"=?utf-8*zh?B?" + base64.b64encode("窗口".encode()) + b"?=", "窗口"),
        (b"=?utf-8?Q?=E7=AA=97 =E5=8F=A3?=", "窗 口"),
        (b"=?gb2312?B?" + base64.b64encode("窗口不受理".encode()) + b"?=", "窗口不受理"),
        (b"=?utf-8?B?" + base64.b64encode("窗口".encode()).rstrip(b"=") + b"?=", "窗口"),
        (b"=?nonsense?B?" + base64.b64encode("窗口".encode("gbk")) + b"?=", "窗口"),
        (b"=?unicode_escape?Q?=5Cx41?=", "\\x41"),
        (b"=?broken", "=?broken"),
    ],
)
def test_headers_as_mail_programs_write_them(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


@given(
    st.binary(max_size=300),
    st.sampled_from([None, "gb2312", "utf-8", "utf-16", "hz-gb-2312", "big5", "idna", "base64"]),
)
def test_any_bytes_give_text_that_a_database_takes(content: bytes, label: str | None) -> None:
    text = decode_text(content, label)

    assert "\x00" not in text
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.binary(max_size=200))
def test_base64_is_undone_whatever_stands_between(content: bytes) -> None:
    coded = base64.b64encode(content)

    assert from_base64(b"\r\n".join(coded[at : at + 7] for at in range(0, len(coded), 7))) == content
    assert from_base64(coded.rstrip(b"=")) == content


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b'attachment; filename="a.doc"', "a.doc"),
        (b"attachment; filename=a b.doc", "a b.doc"),
        (b'attachment; filename="a;b\\"c.doc"', 'a;b"c.doc'),
        (b"attachment; filename*=utf-8'zh'%E6%9D%90%E6%96%99.doc", "材料.doc"),
        (b"attachment; filename*=gb2312''%B2%C4%C1%CF.doc", "材料.doc"),
        (b"attachment; filename*0*=utf-8''%E6%9D%90; filename*1*=%E6%96%99; filename*2=.doc", "材料.doc"),
        (b"attachment; filename*1=b.doc; filename*0=a", "ab.doc"),
        (b'attachment; filename="' + word("材料", "gbk") + b'.doc"', "材料.doc"),
        ('attachment; filename="材料.doc"'.encode("gbk"), "材料.doc"),
        (b"attachment; filename=\"old.doc\"; filename*=utf-8''%E6%96%B0.doc", "新.doc"),
        (b"attachment", None),
    ],
)
def test_names_of_files_however_they_are_written(value: bytes, name: str | None) -> None:
    assert parameters(value).get("filename") == name
