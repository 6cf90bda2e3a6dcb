"""Who somebody is: numbers in one form, nobody and masked values told apart, and the basis of a reporter key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.codes import ReporterType
from hub.model.demand import Reporter
from hub.text.identity import (
    KeyBasis,
    Unusable,
    bare_name,
    is_body_name,
    is_masked,
    is_nobody,
    is_person_name,
    mask_address,
    mask_email,
    mask_id,
    mask_name,
    mask_phone,
    normal_email,
    read_id_no,
    read_phone,
    read_uscc,
    reporter_key_basis,
)

# Birth 1960-01-01 in 411521, its check digit wrong on purpose: no living person's number.
ID_NO = "411521196001011239"


@pytest.mark.parametrize(
    "written",
    [
        "13912345678",
        "１３９１２３４５６７８",
        " 139 1234-5678 ",
        "+86 13912345678",
        "0086-13912345678",
        "8613912345678",
        "013912345678",
        "13912345678.0",
        "1.3912345678E10",
        "13912345678/0376-6822345",
        "无/13912345678",
        "13912345678（微信同号）",
        "张三13912345678",
        "139-1234-5678",
        "13912345678 13812345678",
    ],
)
def test_a_mobile_number_has_one_form_however_it_is_written(written):
    assert read_phone(written)[:2] == ("13912345678", "mobile")


@pytest.mark.parametrize(
    "digits",
    ["13912345678", "13800138000", "15900000000", "13900000001", "12345678901", "1391234567", "139123456789"],
)
def test_a_number_is_read_alike_with_a_space_before_it_and_without(digits):
    assert read_phone(digits) == read_phone(f" {digits}")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0376-6822345", "0376-6822345"),
        ("(0376)6822345", "0376-6822345"),
        ("（０３７６）６８２２３４５", "0376-6822345"),
        ("03766822345", "0376-6822345"),
        ("0376-682-2345", "0376-6822345"),
        ("+86-376-6822345", "0376-6822345"),
        ("0376-6822345-801", "0376-6822345-801"),
        ("0376 6822345转801", "0376-6822345-801"),
        ("010-62345678", "010-62345678"),
    ],
)
def test_a_landline_has_one_form_with_its_extension(written, value):
    assert read_phone(written)[:2] == (value, "landline")


def test_a_landline_without_area_code_needs_the_county_s():
    assert read_phone("6822345").why is Unusable.MALFORMED
    assert read_phone("6822345", area_code="0376").value == "0376-6822345"
    assert read_phone("3766822345", area_code="0376").value == "0376-6822345"


def test_a_number_from_abroad_keeps_its_country():
    assert read_phone("+852 9123 4567")[:2] == ("+85291234567", "foreign")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (None, Unusable.EMPTY),
        ("", Unusable.EMPTY),
        ("138****5678", Unusable.MASKED),
        ("1383765xxxx", Unusable.MASKED),
        ("138＊＊＊＊5678", Unusable.MASKED),
        ("1.38E+10", Unusable.ROUNDED),
        ("1.381234e10", Unusable.ROUNDED),
        ("匿名", Unusable.NOBODY),
        ("未显示", Unusable.NOBODY),
        ("0", Unusable.NOBODY),
        ("00000000000", Unusable.NOBODY),
        ("12345", Unusable.NOBODY),
        ("110", Unusable.NOBODY),
        ("10086", Unusable.NOBODY),
        ("95588", Unusable.NOBODY),
        ("400-123-4567", Unusable.NOBODY),
        ("13800138000", Unusable.NOBODY),
        ("13900000000", Unusable.NOBODY),
        ("1391234567", Unusable.MALFORMED),
        ("139123456789", Unusable.MALFORMED),
        ("230629102133115409", Unusable.MALFORMED),
        ("宝城街道", Unusable.MALFORMED),
    ],
)
def test_what_is_nobody_s_number_comes_back_with_its_reason(written, why):
    reading = read_phone(written)
    assert (reading.value, reading.why) == (None, why)


@given(st.text(max_size=30))
def test_no_text_makes_a_reading_fail(text):
    for read in (read_phone, read_id_no, read_uscc):
        reading = read(text)
        assert (reading.value is None) == (reading.why is not None)
    normal_email(text)
    for mask in (mask_phone, mask_id, mask_name, mask_email, mask_address):
        assert isinstance(mask(text), str)
    is_person_name(text)


def test_an_identity_number_is_checked_softly():
    standard = read_id_no("11010519491231002x")  # the example of GB 11643
    assert (standard.value, standard.form, standard.checked) == ("11010519491231002X", "id18", True)
    wrong = read_id_no(ID_NO)
    assert (wrong.value, wrong.checked) == (ID_NO, False)


def test_fifteen_digits_and_eighteen_are_the_same_person():
    assert read_id_no("110105491231002").value == "11010519491231002X"
    assert read_id_no("110105491231002").form == "id15"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("411521********1234", Unusable.MASKED),
        ("411521199913011234", Unusable.MALFORMED),
        ("411521202302301234", Unusable.MALFORMED),
        ("991521199901011234", Unusable.MALFORMED),
        ("230629102133115409", Unusable.MALFORMED),
        ("4.11521E+17", Unusable.ROUNDED),
        ("000000000000000000", Unusable.NOBODY),
        ("E12345678", Unusable.MALFORMED),
        ("无", Unusable.NOBODY),
    ],
)
def test_what_cannot_be_an_identity_number_comes_back_with_its_reason(written, why):
    reading = read_id_no(written)
    assert (reading.value, reading.why) == (None, why)


def test_other_certificates_are_taken_with_their_type():
    assert read_id_no("E12345678", "414").value == "414:E12345678"
    assert read_id_no("e1234 5678", "414").value == "414:E12345678"


def test_the_check_digit_is_the_weighted_sum_of_the_standard():
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for serial in range(1_000):
        body = f"11010519491231{serial:03d}"
        total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
        assert read_id_no(body + "10X98765432"[total % 11]).checked


def test_a_credit_code_is_known_among_identity_numbers_and_checked():
    assert read_uscc("91350100m000100y43")[:2] == ("91350100M000100Y43", "uscc")
    assert read_uscc("91350100M000100Y43").checked
    assert not read_uscc("91350100M000100Y44").checked
    assert read_uscc("91350100I000100Y43").why is Unusable.MALFORMED
    assert read_id_no("91350100M000100Y43").form == "uscc"
    assert read_id_no("91350100M000100Y44").value is None


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Zhang.San@QQ.com", "zhang.san@qq.com"),
        ("张三 <zs@luoshan.gov.cn>", "zs@luoshan.gov.cn"),
        ("mailto:zs@qq.com", "zs@qq.com"),
        ("\uff5a\uff53\uff20\uff51\uff51\uff0e\uff43\uff4f\uff4d", "zs@qq.com"),
        ("z***@qq.com", None),
        ("no-reply@12345.gov.cn", None),
        ("MAILER-DAEMON@qq.com", None),
        ("zs@qq", None),
        ("zs", None),
        (None, None),
    ],
)
def test_an_address_of_mail_has_one_form_or_is_nobody_s(written, value):
    assert normal_email(written) == value


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("张三", "张三"),
        ("张三先生", "张三"),
        ("市民张三", "张三"),
        ("欧阳修文", "欧阳修文"),
        ("王建工", "王建工"),
        ("买买提·艾力", "买买提·艾力"),
        ("John Smith", "John Smith"),
        ("王女士", None),
        ("欧阳女士", None),
        ("李总", None),
        ("张某", None),
        ("张某某", None),
        ("张*", None),
        ("热心市民", None),
        ("全体业主", None),
        ("业主代表", None),
        ("匿名", None),
        ("张", None),
        ("罗山县鑫源建材有限公司", None),
        (None, None),
    ],
)
def test_a_full_name_is_told_from_a_form_of_address(written, name):
    assert bare_name(written) == name
    assert is_person_name(written) is (name is not None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("罗山县鑫源建材有限公司", True),
        ("灵山镇李湾村民委员会", True),
        ("县自然资源局", True),
        ("欧阳文中", False),
        ("张三", False),
    ],
)
def test_organisations_are_known_by_their_names_end(name, body):
    assert is_body_name(name) is body


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (mask_phone, "13912345678", "139****5678"),
        (mask_phone, "１３９ １２３４ ５６７８", "139****5678"),
        (mask_phone, "0376-6822345", "0376-682****"),
        (mask_phone, "0376-6822345-801", "0376-682****"),
        (mask_phone, "138****5678", "138****5678"),
        (mask_phone, "12345", "12345"),
        (mask_phone, "1391234567", "139****67"),
        (mask_id, "411521196001011234", "411521********1234"),
        (mask_id, "411521600101123", "411521*****1123"),
        (mask_id, "E12345678", "E*******8"),
        (mask_name, "张三", "张**"),
        (mask_name, "张三丰", "张**"),
        (mask_name, "张*", "张**"),
        (mask_name, "张三先生", "张**"),
        (mask_name, "王女士", "王女士"),
        (mask_name, "匿名", "匿名"),
        (mask_name, "罗山县鑫源建材有限公司", "罗山县鑫源建材有限公司"),
        (mask_email, "zhang@qq.com", "z***@qq.com"),
        (mask_email, "zhang", "***"),
        (mask_address, "灵山镇董桥村张湾组12号", "灵山镇董桥村***"),
        (mask_address, "宝城街道龙池路12号院3号楼", "宝城街道龙池路***"),
        (mask_address, "某处", "***"),
    ],
)
def test_each_value_has_its_mask(mask, value, shown):
    assert mask(value) == shown


def test_the_strict_mask_leaves_the_ends_alone():
    assert mask_id("411521196001011234", strict=True) == "4****************4"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("138****5678", True),
        ("张*", True),
        ("1383765xxxx", True),
        ("13912345678", False),
        ("41152119600101123X", False),
    ],
)
def test_masked_values_are_known(value, masked):
    assert is_masked(value) is masked


@pytest.mark.parametrize(
    ("value", "nobody"), [("匿名", True), ("12345", True), (" ", True), (None, True), ("13912345678", False)]
)
def test_values_that_stand_for_nobody_are_known(value, nobody):
    assert is_nobody(value) is nobody


WHOLE = {
    "id_no": ID_NO,
    "uscc": "91350100M000100Y43",
    "phone": "139 1234 5678",
    "caller_phone": "0376-6822345",
    "account": "u18",
    "email": "ZS@qq.com",
    "name": "张三",
    "address": "宝城街道龙池路12号院",
}


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        (0, KeyBasis("id_no", ID_NO)),
        (1, KeyBasis("uscc", "91350100M000100Y43")),
        (2, KeyBasis("phone", "13912345678")),
        (3, KeyBasis("caller_phone", "0376-6822345")),
        (4, KeyBasis("account", "portal\x1fu18")),
        (5, KeyBasis("email", "zs@qq.com")),
        (6, KeyBasis("name_address", "张三\x1f宝城街道龙池路12号院")),
        (7, None),
    ],
)
def test_the_first_usable_value_is_the_basis_of_the_key(dropped, expected):
    kept = dict(list(WHOLE.items())[dropped:])
    assert reporter_key_basis(Reporter.model_validate(kept), account_scope="portal") == expected


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "张三"},
        {"name": "匿名", "address": "宝城街道龙池路12号院"},
        {"name": "王女士", "address": "宝城街道龙池路12号院"},
        {"name": "张三", "address": "罗山县"},
        {
            "name": "张*",
            "address": "宝城街道龙池路12号院",
            "phone": "138****5678",
            "id_no": "411521********1234",
        },
        {"caller_phone": "未显示", "phone": "0"},
        {"caller_phone": "12345", "phone": "400-123-4567"},
        {"account": "匿名"},
        {"email": "no-reply@qq.com"},
        {"phone": "1.38E+10"},
    ],
)
def test_nobody_known_has_no_key(fields):
    assert reporter_key_basis(Reporter(**fields), account_scope="portal") is None


def test_a_shared_number_of_the_stop_list_is_passed_over():
    reporter = Reporter(phone="0376-6822345", caller_phone="13912345678", type=ReporterType.PERSON)
    basis = reporter_key_basis(reporter, account_scope="hotline", stop={"0376-6822345"})
    assert basis == ("caller_phone", "13912345678")


def test_the_two_sorts_of_phone_find_the_same_person_and_accounts_of_two_systems_do_not():
    phone = reporter_key_basis(Reporter(phone="13912345678"), account_scope="a")
    caller = reporter_key_basis(Reporter(caller_phone="+8613912345678"), account_scope="b")
    assert phone is not None
    assert caller is not None
    assert (phone.kind, phone.value) == (caller.kind, caller.value)
    accounts = {
        reporter_key_basis(Reporter(account="1001"), account_scope=scope) for scope in ("portal", "app")
    }
    assert len(accounts) == 2
