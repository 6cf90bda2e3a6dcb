"""Records out of XML: what is read right, what is set aside, and what is refused with a code."""

import hashlib
import time

import pytest

from hub.errors import Code, HubError, RecordRejected, SourceContractError, SourceUnavailable
from hub.sdk.readers.body import Body
from hub.sdk.readers.envelope import Envelope
from hub.sdk.readers.xml import (
    DEEPEST,
    INNER,
    MOST_ELEMENTS,
    BodyCheck,
    XmlRecord,
    inner_xml,
    parse_xml,
    xml_document,
    xml_records,
)
from hub.sdk.readers.xml_check import slice_of

ORDERS = ("Package", "Body", "Order")
ENVELOPE = Envelope(
    code_path=("Package", "Head", "Code"),
    message_paths=(("Package", "Head", "Message"),),
)


def package(*orders: str, head: str = "", encoding: str = "UTF-8") -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?><Package><Head>{head}</Head><Body>{"".join(orders)}</Body></Package>'


def order(number: str, content: str = "材料交齐以后一直没有受理") -> str:
    return f"<Order><工单编号>{number}</工单编号><内容>{content}</内容></Order>"


def soap(inside: str) -> str:
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inside}</s:Body></s:Envelope>'


def read(text: str | bytes, at=ORDERS, **more):
    content = text if isinstance(text, bytes) else text.encode()
    label = more.pop("label", None)
    return xml_records(Body(content, charset=label, place="hotline: page 1"), at=at, **more)


def numbers(records) -> list[str | None]:
    return [XmlRecord(raw).text("工单编号") for raw in records.raw]


def fails(text: str | bytes, at=ORDERS, **more) -> HubError:
    with pytest.raises(HubError) as caught:
        read(text, at, **more)
    return caught.value


# --- right --------------------------------------------------------------------------------------------------------


def test_records_come_in_order_as_elements_of_their_own():
    found = read(package(order("1"), order("2")))

    assert found.raw == [order("1").encode(), order("2").encode()]


@pytest.mark.parametrize("codec", ["gbk", "gb18030", "utf-8", "utf-16"])
@pytest.mark.parametrize("declared", ["GBK", "GB2312", "UTF-8", "ISO-8859-1", "gb18030"])
def test_any_encoding_under_any_declaration_is_read_right(codec, declared):
    page = package(order("1"), encoding=declared).encode(codec)

    assert read(page, label="ISO-8859-1").raw == [order("1").encode()]


def test_a_byte_order_mark_is_no_part_of_the_page():
    assert numbers(read(b"\xef\xbb\xbf" + package(order("1")).encode())) == ["1"]


def test_characters_of_four_bytes_are_kept():
    text = package(order("1", "请转𠮷先生")).encode("gb18030")

    assert XmlRecord(read(text).raw[0]).text("内容") == "请转𠮷先生"


def test_cdata_stays_text_whatever_stands_in_it():
    words = '<p>孩子 & "大人"</p> ]] > <!DOCTYPE x>'
    found = read(package(order("1", f"<![CDATA[{words}]]>")))

    assert XmlRecord(found.raw[0]).text("内容") == words


def test_html_among_a_citizens_words_does_not_make_a_page_a_web_page():
    assert numbers(read(package(order("1", "<![CDATA[<html><body>x</body></html>]]>")))) == ["1"]


def test_names_are_compared_by_their_local_part():
    page = (
        '<p:Package xmlns:p="urn:a" xmlns="urn:b"><Head/><p:Body><x:Order xmlns:x="urn:c"><工单编号>7</工单编号>'
        "<x:内容>词</x:内容></x:Order></p:Body></p:Package>"
    )

    found = read(page)

    assert numbers(found) == ["7"]
    assert XmlRecord(found.raw[0]).text("内容") == "词"


def test_a_star_takes_an_element_of_any_name():
    page = soap(f"<getOrders_v2Response>{order('7')}</getOrders_v2Response>")

    assert numbers(read(page, ("Envelope", "Body", "*", "Order"))) == ["7"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: f"<![CDATA[{inner}]]>",
        lambda inner: inner.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        lambda inner: inner.replace("&", "&amp;").replace("<", "&amp;lt;").replace(">", "&amp;gt;"),
        lambda inner: inner.replace("&", "&amp;").replace("<", "&amp;amp;lt;").replace(">", "&amp;amp;gt;"),
    ],
    ids=["cdata", "escaped", "escaped twice", "escaped three times"],
)
def test_xml_that_stands_as_text_in_xml_is_read(wrap):
    page = soap(f"<r><return>{wrap(package(order('9'), encoding='GBK'))}</return></r>")

    assert numbers(read(page, ("Envelope", "Body", "r", "return", INNER, *ORDERS))) == ["9"]


def test_text_that_is_escaped_as_it_should_be_is_left_alone():
    assert inner_xml("<a>&lt;b&gt;</a>") == "<a>&lt;b&gt;</a>"


def test_the_total_is_found_outside_and_inside():
    inner = package(order("9"), head="<Total>12</Total>")
    page = soap(f"<return><![CDATA[{inner}]]></return>")
    inside = ("Envelope", "Body", "return", INNER)

    assert read(inner, total_at=("Package", "Head", "Total")).total == 12
    assert read(page, (*inside, *ORDERS), total_at=(*inside, "Package", "Head", "Total")).total == 12


@pytest.mark.parametrize("total", ["", "many", "-1", "1" * 16])
def test_a_total_that_is_no_count_is_none(total):
    assert read(package(head=f"<Total>{total}</Total>"), total_at=("Package", "Head", "Total")).total is None


def test_an_empty_body_is_no_records_and_no_error():
    assert read(package()).raw == []
    assert read("<Package><Body/></Package>").raw == []


def test_an_element_that_is_nil_or_empty_is_nothing():
    record = XmlRecord(
        b'<Order xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><a xsi:nil="true">x</a><b/><c> </c></Order>'
    )

    assert (record.text("a"), record.text("b"), record.text("c"), record.text("d")) == (None, None, " ", None)
    assert "a" in record
    assert "d" not in record


def test_comments_and_instructions_in_a_field_do_not_cut_its_text():
    assert XmlRecord("<Order><a>前<!-- x --><?y z?>后</a></Order>".encode()).text("a") == "前后"


# --- one bad record among others ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        order("2", "张三 & 李四"),
        order("2", "年龄<18"),
        order("2", "坏&#11;字"),
        order("2", "&nbsp;"),
        "<Order><工单编号>2</工单编号><内容>没有结束</Order>",
    ],
    ids=["ampersand", "less than", "reference to a control character", "unknown entity", "unclosed"],
)
def test_one_record_that_is_no_xml_is_told_apart_and_the_others_are_read(bad):
    found = read(package(order("1"), bad, order("3")))

    assert list(found.unreadable) == [1]
    assert found.unreadable[1].code is Code.RECORD_UNREADABLE
    assert [XmlRecord(found.raw[index]).text("工单编号") for index in (0, 2)] == ["1", "3"]
    assert found.raw[1] == bad.encode()


@pytest.mark.parametrize("control", ["\x00", "\x0b", "\x1f", "\ufffe"])
def test_a_control_character_is_left_out_and_costs_no_record(control):
    inner = package(order("1", f"坏{control}字"))
    page = soap(f"<return><![CDATA[{inner}]]></return>")

    for text, at in ((inner, ORDERS), (page, ("Envelope", "Body", "return", INNER, *ORDERS))):
        assert XmlRecord(read(text, at).raw[0]).text("内容") == "坏字"


def test_records_beside_a_bad_one_keep_their_namespaces():
    page = (
        '<p:Package xmlns:p="urn:a"><p:Body><p:Order><p:工单编号>1</p:工单编号></p:Order>'
        "<p:Order>&</p:Order></p:Body></p:Package>"
    )

    assert XmlRecord(read(page).raw[0]).text("工单编号") == "1"


def test_a_broken_character_in_one_record_hurts_no_other_and_its_bytes_are_kept():
    sound = "".join(order(str(number), "材料交齐以后一直没有受理也没有说明") for number in range(20))
    page = package(sound, order("99", "坏@字")).encode().replace(b"@", b"\xc4")

    found = read(page)

    assert list(found.unreadable) == [20]
    assert b"\xc4" in found.raw[20]
    assert len(numbers(type(found)(found.raw[:20]))) == 20


def test_a_page_of_which_no_record_can_be_read_is_loud():
    assert fails(package(order("1", "&"), order("2", "&"))).code is Code.PAGE_NOT_XML


@pytest.mark.parametrize("inside", ["", "&"], ids=["sound", "with a bad record"])
@pytest.mark.parametrize(
    "declared",
    ["".join(f' xmlns:n{n}="urn:{n}"' for n in range(3_000)), f' xmlns:n="urn:{"n" * 100_000}"'],
    ids=["many", "long"],
)
def test_namespaces_that_every_record_would_repeat_are_refused_in_time(declared, inside):
    page = package(*(order("1") for _ in range(5_000)), order("2", inside))
    began = time.process_time()

    assert fails(page.replace("<Package>", f"<Package{declared}>")).code is Code.PAGE_TOO_LARGE
    assert time.process_time() - began < 5


def test_namespaces_declared_anew_in_every_record_are_no_bound():
    records = [order("1").replace("<Order>", f'<Order xmlns:n="urn:{n}">') for n in range(500)]

    assert len(read(package(*records)).raw) == 500


@pytest.mark.parametrize(
    "body", [b"", b"<Order>", b"<Order><a>\xff</a></Order>", b"[]", b"<!DOCTYPE a><Order/>"]
)
def test_bytes_that_are_no_record_are_rejected(body):
    with pytest.raises(RecordRejected) as caught:
        XmlRecord(body)

    assert caught.value.code is Code.RECORD_UNREADABLE


@pytest.mark.parametrize("inside", ["<b>一</b>", "</a><a>二"])
def test_a_field_that_is_no_one_text_is_rejected(inside):
    with pytest.raises(RecordRejected) as caught:
        XmlRecord(f"<Order><a>{inside}</a></Order>".encode()).text("a")

    assert caught.value.code is Code.FIELD_INVALID
    assert "一" not in caught.value.message


# --- refused ------------------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE z [<!ENTITY a "{}"><!ENTITY b "{}">]>'.format("ha" * 5_000, "&a;" * 5_000)


@pytest.mark.parametrize(
    "page",
    [
        f"{BOMB}<Package><Body><Order>&b;</Order></Body></Package>",
        '<!DOCTYPE Package SYSTEM "file:///etc/passwd"><Package><Body/></Package>',
        '<?xml version="1.0"?>\n<!-- a - b --><!doctype Package><Package><Body/></Package>',
        '<!DOCTYPE Package [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]><Package><Body>&x;</Body></Package>',
    ],
    ids=["bomb", "file", "behind a comment", "network"],
)
def test_a_doctype_is_refused_before_it_is_read(page):
    assert fails(page).code is Code.XML_DOCTYPE
    assert fails(
        soap(f"<return><![CDATA[{page}]]></return>"), ("Envelope", "Body", "return", INNER, *ORDERS)
    ).code is (Code.XML_DOCTYPE)


def test_elements_nested_too_deeply_are_refused():
    deep = "<a>" * 5_000 + "</a>" * 5_000

    assert fails(package(deep)).code is Code.PAGE_NOT_XML
    assert read(package(order("1") + "<a>" * (DEEPEST - 2) + "</a>" * (DEEPEST - 2))).raw


def test_more_elements_than_any_page_holds_are_refused():
    assert fails(package("<x/>" * MOST_ELEMENTS)).code is Code.PAGE_TOO_LARGE


@pytest.mark.parametrize(
    "piece", ["<![CDATA[", "<!--", "<Order>", "</Order>", "<Order a=", "<?x", "&lt;", "<!"]
)
def test_a_million_pieces_that_never_end_are_refused_in_time(piece):
    began = time.process_time()

    assert fails(package(piece * 500_000)).code in (
        Code.PAGE_NOT_XML,
        Code.PAGE_TOO_LARGE,
        Code.PAGE_SHAPE,
    )
    assert fails(piece * 500_000).code in (Code.PAGE_NOT_XML, Code.PAGE_SHAPE)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("系统维护中", Code.PAGE_NOT_XML),
        ("", Code.PAGE_NOT_XML),
        (package(order("1"))[:-20], Code.PAGE_NOT_XML),
        ("<Package><Head/></Package>", Code.PAGE_SHAPE),
        ("<Package><Body>没有数据</Body></Package>", Code.PAGE_SHAPE),
        (package("<WorkOrder><工单编号>1</工单编号></WorkOrder>"), Code.PAGE_SHAPE),
        ("<Other><Body/></Other>", Code.PAGE_SHAPE),
        ("<html><body>请登录</body></html>", Code.PAGE_HTML),
        ('<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html/>', Code.PAGE_HTML),
    ],
)
def test_what_is_no_page_of_records_is_loud(page, code):
    error = fails(page)

    assert isinstance(error, SourceContractError)
    assert error.code is code
    assert error.body == page.encode()


@pytest.mark.parametrize("inside", ["", "   ", "<x/>"])
def test_no_text_where_xml_must_stand_is_loud(inside):
    error = fails(soap(f"<return>{inside}</return>"), ("Envelope", "Body", "return", INNER, *ORDERS))

    assert error.code is Code.PAGE_SHAPE


@pytest.mark.parametrize(
    ("head", "family", "code"),
    [
        ("<Code>500</Code><Message>系统繁忙</Message>", SourceUnavailable, Code.SOURCE_ENVELOPE),
        ("<Code>401</Code>", SourceUnavailable, Code.SOURCE_AUTH),
        ("<Code>E17</Code><Message>号码13800001234</Message>", SourceContractError, Code.SOURCE_ENVELOPE),
        ("", SourceContractError, Code.PAGE_SHAPE),
    ],
)
def test_a_return_code_within_200_is_judged(head, family, code):
    error = fails(package(order("1"), head=head), envelope=ENVELOPE)

    assert isinstance(error, family)
    assert error.code is code
    assert "1380000" not in error.message
    assert read(package(order("1"), head="<Code>0</Code>"), envelope=ENVELOPE).raw


def test_a_return_code_may_stand_inside():
    inside = ("Envelope", "Body", "return", INNER)
    envelope = ENVELOPE.model_copy(update={"code_path": (*inside, "Package", "Head", "Code")})
    page = soap(f"<return><![CDATA[{package(order('1'), head='<Code>{}</Code>')}]]></return>")

    assert fails(page.format(500), (*inside, *ORDERS), envelope=envelope).code is Code.SOURCE_ENVELOPE
    assert read(page.format(0), (*inside, *ORDERS), envelope=envelope).raw


@pytest.mark.parametrize(
    ("fault", "family", "code"),
    [
        (
            "<faultcode>s:Server</faultcode><faultstring>忙</faultstring>",
            SourceUnavailable,
            Code.SOURCE_ENVELOPE,
        ),
        ("<faultcode>s:Client</faultcode>", SourceContractError, Code.SOURCE_ENVELOPE),
        ("<faultcode>wsse:FailedAuthentication</faultcode>", SourceUnavailable, Code.SOURCE_AUTH),
        ("<s:Code><s:Value>s:Receiver</s:Value></s:Code>", SourceUnavailable, Code.SOURCE_ENVELOPE),
        ("<s:Code><s:Value>s:Sender</s:Value></s:Code>", SourceContractError, Code.SOURCE_ENVELOPE),
        ("", SourceContractError, Code.SOURCE_ENVELOPE),
    ],
)
def test_a_soap_fault_is_loud(fault, family, code):
    error = fails(soap(f"<s:Fault>{fault}</s:Fault>"), ("Envelope", "Body", "*", "Order"))

    assert isinstance(error, family)
    assert error.code is code


def test_a_whole_answer_is_judged_and_may_stand_inside_another():
    body = Body(soap(f"<return><![CDATA[{package(head='<Code>0</Code>')}]]></return>").encode())
    root = xml_document(body, envelope=ENVELOPE, inner_at=("Envelope", "Body", "return"))

    assert root.tag == "Package"


# --- the source's own check ---------------------------------------------------------------------------------------

GBK_CHECK = BodyCheck()


def checked(covered: str, digest: str) -> str:
    return f'<?xml version="1.0" encoding="GBK"?><Package><Head><Security>{digest}</Security></Head><Body>{covered}</Body></Package>'


@pytest.mark.parametrize("algorithm", ["md5", "sm3", "sha256"])
@pytest.mark.parametrize("travels_as", ["gbk", "utf-8"])
def test_a_check_over_gbk_bytes_holds_whatever_the_message_travelled_in(algorithm, travels_as):
    covered = f"\r\n <Order a='>'>{order('1')}<![CDATA[</Body>]]></Order>\n"
    digest = hashlib.new(algorithm, covered.encode("gbk")).hexdigest().upper()
    check = BodyCheck(algorithm=algorithm)

    assert len(read(checked(covered, digest).encode(travels_as), check=check).raw) == 1


@pytest.mark.parametrize("words", ["坏\x0b字", "张三 & 李四", "<br>没有结束"])
def test_a_check_holds_for_a_body_that_is_no_xml(words):
    covered = order("1") + order("2", words)
    found = read(checked(covered, hashlib.md5(covered.encode("gbk")).hexdigest()), check=GBK_CHECK)

    assert len(found.raw) == 2
    assert fails(checked(covered, "0" * 32), check=GBK_CHECK).code is Code.PAGE_CHECK


def test_a_check_inside_a_text_holds_although_xml_changes_its_line_ends():
    covered = f"\r\n{order('1')}\r\n"
    digest = hashlib.md5(covered.encode("gbk")).hexdigest()
    page = soap(f"<return><![CDATA[{checked(covered, digest)}]]></return>")

    assert read(page, ("Envelope", "Body", "return", INNER, *ORDERS), check=GBK_CHECK).raw


@pytest.mark.parametrize(("part", "key_at"), [("content", "after"), ("element", "before")])
def test_a_check_may_cover_the_tags_and_hold_a_key(part, key_at):
    check = BodyCheck(part=part, key="md5_key", key_at=key_at, written_as="base64")
    covered = order("1") if part == "content" else f"<Body>{order('1')}</Body>"
    page = checked(order("1"), check.of(covered, "k3y"))

    assert read(page, check=check, key="k3y").raw
    assert fails(page, check=check, key="other").code is Code.PAGE_CHECK


def test_nothing_that_a_check_could_cover_is_another_shape():
    page = checked("", "0" * 32).replace("<Body></Body>", "")

    assert fails(page, check=GBK_CHECK).code is Code.PAGE_SHAPE


@pytest.mark.parametrize("digest", ["", "0" * 32, "MD5"])
def test_a_wrong_or_missing_check_is_loud_and_nothing_is_believed(digest):
    error = fails(checked(order("1"), digest), check=GBK_CHECK)

    assert isinstance(error, SourceContractError)
    assert error.code is Code.PAGE_CHECK


def test_a_message_changed_by_one_character_does_not_pass():
    page = checked(order("1"), hashlib.md5(order("1").encode("gbk")).hexdigest())

    assert read(page, check=GBK_CHECK).raw
    assert fails(page.replace("材料", "村料"), check=GBK_CHECK).code is Code.PAGE_CHECK


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        (("a", "b"), "content", " 一 <c/>"),
        (("a", "b"), "element", "<b x='>'> 一 <c/></b>"),
        (("a", "*"), "content", " 一 <c/>"),
        (("a", "b", "c"), "content", ""),
        (("a", "b", "c"), "element", "<c/>"),
        (("a", "d"), "content", None),
    ],
)
def test_a_slice_is_exact(path, part, expected):
    assert slice_of("<?xml version='1.0'?>\n<a><b x='>'> 一 <c/></b><b>二</b></a>", path, part) == expected


def test_half_a_character_is_refused_and_not_a_crash():
    with pytest.raises(Exception, match="half a character"):
        parse_xml("<a>\ud800</a>")
