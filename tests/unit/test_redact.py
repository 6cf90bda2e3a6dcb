"""Redaction: no planted number, address or name stays readable, and what is nobody's is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.text.forms import half_width, plain_text
from hub.text.redact import redact

WORDS = st.text(alphabet="我家小区三号楼电梯坏了，请尽快处理。联系的是\n：:、（）ab ", max_size=25)
MOBILE = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
GAP = st.sampled_from(["", " ", "-", "－", "—", " - ", "\u3000", "\u200b"])
WIDE = str.maketrans("0123456789X@", "０１２３４５６７８９\uff38＠")


def digits_of(text):
    return re.sub(r"[^0-9]", "", half_width(text))


@given(WORDS, MOBILE, GAP, GAP, WORDS, st.booleans())
def test_a_mobile_number_never_stays_readable(before, number, gap, other_gap, after, wide):
    written = f"{number[:3]}{gap}{number[3:7]}{other_gap}{number[7:]}"
    text = before + (written.translate(WIDE) if wide else written) + after
    shown = redact(text)
    assert number not in digits_of(shown.text)
    assert written not in shown.text
    assert shown.findings["phone"] == 1
    assert f"{number[:3]}****{number[7:]}" in shown.text


@given(
    WORDS,
    st.sampled_from(["411521", "110105", "650102"]),
    st.dates(),
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    st.sampled_from("0123456789Xx"),
    WORDS,
    st.booleans(),
)
def test_an_identity_number_never_stays_readable(before, region, born, serial, last, after, wide):
    born = born.replace(year=1900 + born.year % 120, day=min(born.day, 28))
    number = f"{region}{born:%Y%m%d}{serial}{last}"
    shown = redact(before + (number.translate(WIDE) if wide else number) + after)
    assert number not in half_width(shown.text)
    assert number[6:14] not in shown.text
    assert shown.findings == {"id_no": 1}


@given(WORDS, st.from_regex(r"[a-z][a-z0-9._]{0,12}[a-z0-9]@(qq|163|luoshan\.gov)\.(com|cn)", fullmatch=True))
def test_an_e_mail_address_never_stays_readable(before, address):
    shown = redact(f"{before}，{address}，谢谢")
    assert address not in shown.text
    assert shown.findings["email"] == 1


@given(WORDS, st.from_regex(r"62[0-9]{13,16}", fullmatch=True), WORDS)
def test_a_card_number_that_passes_luhn_never_stays_readable(before, body, after):
    def total(number):
        doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(number))]
        return sum(d - 9 if d > 9 else d for d in doubled)

    number = body + str(-total(body + "0") % 10)
    shown = redact(before + number + after)
    assert number not in shown.text
    assert sum(shown.findings.values()) == 1


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text):
    once = redact(text).text
    assert redact(once) == (once, {})


@given(WORDS, MOBILE, WORDS)
def test_a_known_value_is_masked_even_inside_of_a_longer_number(before, number, after):
    shown = redact(f"{before}尾号9{number}0{after}", known=[number])
    assert number not in shown.text


@pytest.mark.parametrize(
    ("text", "shown", "findings"),
    [
        ("电话13912345678请回", "电话139****5678请回", {"phone": 1}),
        ("139 1234 5678或138.1234.5678", "139****5678或138****5678", {"phone": 2}),
        ("1 3 9 1 2 3 4 5 6 7 8", "139****5678", {"phone": 1}),
        ("+86 139 1234 5678", "139****5678", {"phone": 1}),
        ("1391234567813812345678", "139****5678138****5678", {"phone": 1}),
        ("0376-6822345、(0376)6822345", "0376-682****、0376-682****", {"phone": 2}),
        ("03766822345转801", "0376-682****", {"phone": 1}),
        ("联系电话：6822345", "联系电话：682****", {"phone": 1}),
        ("一三九一二三四五六七八", "一三九******七八", {"phone": 1}),
        ("老证411521600101123", "老证411521*****1123", {"id_no": 1}),
        ("411521 1960 0101 1239", "411521********1239", {"id_no": 1}),
        ("卡号6222021234567890123", "卡号***************0123", {"bank_card": 1}),
        ("豫S·12345和豫sD12345，京A·B1234学", "豫S·***45和豫s·***45，京A·***4学", {"plate": 3}),
        ("微信号zhangsan_88，QQ：12345678", "微信号z***，QQ：1***", {"account": 2}),
        ("联系人：张三", "联系人：张**", {"name": 1}),
        ("举报人：张三、李四、王五六", "举报人：张**、李**、王**", {"name": 1}),
        ("您好！我叫张三，住宝城", "您好！我叫张**，住宝城", {"name": 1}),
    ],
)
def test_each_kind_is_masked_and_counted(text, shown, findings):
    assert redact(text) == (shown, findings)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "工单230629102133115409和250912101108115409",
        "诉求41152120230629000123",
        "请拨打12345、110或400-123-4567",
        "2019-03-07 18:32:24提交，2023年6月29日答复",
        "金额1234567.89元，面积120平方米，192.168.1.100",
        "单价15.5 16.5 17.25 8",
        "13栋15层2000户，1-3号楼，G312国道K1234+500处",
        "云A区、新B1栋2单元、京A7县",
        "一三五七、二四六八，三十一号",
        "联系人：王女士，申请人：罗山县鑫源建材有限公司",
        "我叫他们来，叫了三次",
        "1391234567和139123456789",
        "138****5678",
    ],
)
def test_what_is_nobody_s_stays_and_is_the_same_object(text):
    shown = redact(text)
    assert shown.text is text
    assert shown.findings == {}


def test_the_record_s_own_values_are_masked_and_titles_and_bodies_stay():
    known = [
        "张三",
        "王女士",
        "匿名",
        "鑫源建材有限公司",
        "138****5678",
        "宝城街道龙池路12号院3号楼",
        "zs@qq.com",
        "13912345678",
        "",
    ]
    text = "张三（王女士丈夫）和张 三都住宝城街道龙池路12号院3号楼，鑫源建材有限公司匿名员工，139１2345678"
    shown = redact(text, known=known)
    assert (
        shown.text == "张**（王女士丈夫）和张**都住宝城街道龙池路***，鑫源建材有限公司匿名员工，139****5678"
    )
    assert shown.findings == {"name": 2, "address": 1, "phone": 1}


def test_numbers_that_must_stay_are_kept():
    number = "411521202306290001"
    assert redact(f"办件{number}").findings == {"id_no": 1}
    assert redact(f"办件{number}", keep={number}).text == f"办件{number}"


def test_findings_hold_counts_and_no_values():
    findings = redact("张三13912345678", known=["张三"]).findings
    assert findings == {"name": 1, "phone": 1}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("我是…<br/>", "我是…"),
        ("<p>一</p><p>二</p><style>p{}</style><script>x()</script>", "一\n二"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3"),
        ("\n\t\t\t\n\t\u3000\u3000希望\r\n\u3000\u3000打造  旅游\u200b。", "希望\n打造 旅游。"),
        ("&lt;p&gt;甲&lt;/p&gt;&amp;nbsp;乙", "甲\n乙"),
        ("a\x00b\x07c\ud800d", "abc\ufffdd"),
        ("价格<100元 且 a < b", "价格<100元 且 a < b"),
        ("<投诉人>你好<br>张三<zs@qq.com>", "<投诉人>你好\n张三<zs@qq.com>"),
        ("<P CLASS=MsoNormal>甲<o:p></o:p>", "甲"),
        ("没有标签", "没有标签"),
        ("", ""),
    ],
)
def test_plain_text_is_the_words_alone(source, words):
    assert plain_text(source) == words


def test_nesting_of_any_depth_loses_no_words():
    assert plain_text("<div>" * 20_000 + "深" + "</div>" * 20_000 + "尾") == "深\n尾"


@given(st.text(max_size=300))
def test_plain_text_can_always_be_stored(text):
    words = plain_text(text)
    assert "\x00" not in words
    words.encode("utf-8")


@given(st.text(alphabet="<>/=&;bpr !-\"'甲 \n", max_size=80))
def test_no_markup_makes_plain_text_fail(text):
    assert isinstance(plain_text(text), str)
