"""Who somebody is: numbers and names brought into one form, checked, masked, and made the basis of a reporter key.

Nothing here raises on what a citizen or a source wrote: a value that cannot be used comes back with its reason.
Source: domain.md §6.6 and §8; GB 11643 (ID numbers), GB 32100 (unified social credit codes).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from hub.text.forms import half_width

if TYPE_CHECKING:
    from hub.model.demand import Reporter


class Unusable(StrEnum):
    """Why a value identifies nobody."""

    EMPTY = "empty"
    MASKED = "masked"
    NOBODY = "nobody"  # 匿名, 未显示, 0, 400/95xxx, 12345
    ROUNDED = "rounded"  # a number that went through a float and lost digits: 1.38E+10
    MALFORMED = "malformed"


class Reading(NamedTuple):
    """A value in its canonical form, or the reason why there is none.

    Attributes:
        value: Canonical; None when unusable.
        form: ``mobile``, ``landline``, ``foreign``; ``id18``, ``id15``, ``uscc``, ``other``; empty when unusable.
        why: The reason when ``value`` is None.
        checked: For numbers with a check digit whether it fits; False is a soft flag, no reason to refuse.
    """

    value: str | None
    form: str = ""
    why: Unusable | None = None
    checked: bool = True


class KeyBasis(NamedTuple):
    """On what a reporter key rests.

    Attributes:
        basis: ``id_no``, ``uscc``, ``phone``, ``caller_phone``, ``account``, ``email`` or ``name_address``.
        value: Canonical; personal data: only a keyed hash of it may be stored.
    """

    basis: str
    value: str

    @property
    def kind(self) -> str:
        """The kind for `hub.seal.SearchKeys`: both sorts of phone are one, so that either finds the person."""
        return "phone" if self.basis == "caller_phone" else self.basis


_MASK = re.compile(r"[*＊✱●•○■□◆※]|(?<=\d)[xX×#?]{2,}")
_STARS = re.compile(r"[*✱●•○■□◆※]|X{3,}")
_JOINTS = re.compile(r"[\s\-\u2010-\u2015－_.·()（）\u200b]+")
_SEVERAL = re.compile(r"[/,;、，；|\n]|或|和")
_MOBILE = re.compile(r"(?:\+?0{0,2}86)?0?(1[3-9]\d{9})\Z")
_WITHIN = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_LANDLINE = re.compile(
    r"(?:\+?0{0,2}86)?0?((?:10|2\d|[3-9]\d\d))([2-8]\d{6,7})(?:(?:转|#|ext)(\d{1,6}))?\Z", re.IGNORECASE
)
_DASHED_EXTENSION = re.compile(r"(?<=\d{7})(?:转|[-－—#]|ext\.?)\s*(\d{1,6})\s*\Z", re.IGNORECASE)
_FOREIGN = re.compile(r"(?:\+|00)(?!86)([1-9]\d{6,14})\Z")
_FLOAT = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?(\d{1,2})\Z")
_SERVICE = re.compile(
    r"(?:\+?86)?(?:400\d{7}|800\d{7}|95\d{3,}|96\d{3,6}|1[0-2]\d{1,3}|100\d{2,5}|0+|1+|13800138000|1[3-9]\d0{8})\Z"
)
_NOBODY = frozenset(
    "匿名 无 未知 未显示 未提供 不详 保密 隐藏 隐私 无名氏 匿名用户 匿名群众 匿名网友 不愿透露 未留 未填 无号码 空号 "
    "none null unknown anonymous private n/a na - — / 0".split()
)
_COMPOUND = frozenset(
    "欧阳 上官 司马 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 长孙 宇文 端木 南宫 独孤 轩辕 申屠 太史 闻人 澹台".split()
)
_TITLE = re.compile(
    r"(?:先生|女士|小姐|太太|同志|师傅|老师|阿姨|大爷|大妈|大姐|大哥|老板|医生|书记|主任|家属|家长)\Z"
)
_GROUP = re.compile(
    r"(?:热心|部分|全体|一名|一位|来电|当事|实名)?(?:群众|市民|村民|居民|业主|网友|用户|来电人|当事人|申请人|投诉人|举报人|反映人|诉求人|"
    r"家长|学生|司机|乘客|消费者|企业|职工|员工|租户|住户)(?:们|代表)?"
)
_PERSON = re.compile(
    r"[㐀-鿿]{2,4}\Z|[㐀-鿿]{1,10}(?:[·•．.][㐀-鿿]{1,12})+\Z|[A-Za-z][A-Za-z.'’-]+(?: [A-Za-z.'’-]+){1,4}\Z"
)
_BODY = re.compile(
    r"(?:公司|集团|工厂|[木制加械药纸砖酒油料饲]厂|商店|超市|商行|经营部|服务部|门市部|合作社|事务所|工作室|学校|小学|中学|大学|学院|"
    r"幼儿园|医院|诊所|卫生院|银行|信用社|委员会|村委会|居委会|协会|商会|基金会|政府|局|厅|委|署|院|所|站|中心|饭店|酒店|宾馆|药店|"
    r"餐馆|家庭农场)(?:[(（][^)）]*[)）])?\Z"
)
_EMAIL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\Z")
_ROBOT = re.compile(
    r"(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster|bounces?|notifications?)(?:[+.\-][^@]*)?@"
)
_ID_CHECK = "10X98765432"
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91 92 93 94".split()
)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(r"[1-9A-HJ-NP-RTUWXY][1-9A-HJ-NP-RTUWXY]\d{6}[0-9A-HJ-NP-RTUWXY]{10}\Z")
_ADDRESS_NOISE = re.compile(r"[\s,.;:，。；：、·\-—－()（）]+")
_SPECIFIC = re.compile(r"\d|[村组队庄湾号栋幢楼室院巷弄]|小区|社区|花园|公寓|[一-龥]路|[一-龥]街")


# A mobile number that is written plainly and is none of `_SERVICE`.
_PLAIN_MOBILE = re.compile(r"(?!13800138000|1[3-9]\d0{8})1[3-9]\d{9}\Z", re.ASCII)
_CARD_TYPES = frozenset((None, "", "111", "1", "10"))
_PLAIN_ID = re.compile(r"[1-9]\d{16}[0-9X]\Z", re.ASCII)
_MASKED_READING = Reading(None, "", Unusable.MASKED)


def is_masked(value: str) -> bool:
    """Whether the source has put marks in place of some characters: ``138****5678``, ``张*``, ``1383765xxxx``."""
    return _MASK.search(value) is not None


def is_nobody(value: str | None) -> bool:
    """Whether the value stands for nobody known: empty, 匿名, 未显示, 0, a service number such as 12345 or 400…"""
    text = _stripped(value)
    return not text or text.lower() in _NOBODY or _SERVICE.match(_JOINTS.sub("", text)) is not None


def read_phone(value: str | None, *, area_code: str | None = None) -> Reading:
    """A telephone number: mobile ``13912345678``, landline ``0376-6822345`` or ``…-801``, abroad ``+85291234567``.

    Full-width digits, spaces, dashes, +86 and a leading 0 are understood; of several numbers the first usable one
    counts. ``13912345678.0`` and ``1.3912345678E10`` lost nothing in their float and are read; ``1.38E+10`` did.

    Args:
        value: As the source has it.
        area_code: For landlines without one, such as ``0376``; without it they are malformed.
    """
    if value is not None:
        # Two plain cases are nearly all there are, and this stands on the hub's hot path.
        if _PLAIN_MOBILE.match(value):
            return Reading(value, "mobile")
        if "*" in value:
            return _MASKED_READING
    text = _stripped(value)
    if text.isdecimal() and (plain := _MOBILE.match(text)):
        return (
            Reading(plain[1], "mobile")
            if not _SERVICE.match(plain[1])
            else Reading(None, why=Unusable.NOBODY)
        )
    parts = [part for part in _SEVERAL.split(text) if part.strip()] if _SEVERAL.search(text) else [text]
    first: Reading | None = None
    for part in parts:
        reading = _one_phone(part.strip(), area_code)
        if reading.value is not None:
            return reading
        first = first or reading
    return first or Reading(None, why=Unusable.EMPTY)


def _one_phone(text: str, area_code: str | None) -> Reading:
    if not text:
        return Reading(None, why=Unusable.EMPTY)
    if is_masked(text):
        return Reading(None, why=Unusable.MASKED)
    text, rounded = _unfloated(text)
    if rounded:
        return Reading(None, why=Unusable.ROUNDED)
    if is_nobody(text):
        return Reading(None, why=Unusable.NOBODY)
    dashed = _DASHED_EXTENSION.search(text)
    extension = ""
    if dashed and (dashed[0][0] not in "-－—" or len(_JOINTS.sub("", text[: dashed.start()])) >= 10):
        text, extension = text[: dashed.start()], dashed[1]
    joined = _JOINTS.sub("", text)
    if mobile := _MOBILE.match(joined):
        return Reading(mobile[1], "mobile")
    if area_code and re.fullmatch(rf"(?:{area_code.lstrip('0')})?[2-8]\d{{6,7}}", joined):
        # A sheet that kept the number as a number has dropped the leading 0.
        joined = area_code + joined.removeprefix(area_code.lstrip("0"))
    # A landline shows itself by its leading 0; without it 10 digits are anything.
    if re.match(r"\+?0|\+?86", joined) and (landline := _LANDLINE.match(joined)):
        tail = extension or landline[3] or ""
        return Reading(f"0{landline[1]}-{landline[2]}{'-' + tail if tail else ''}", "landline")
    if foreign := _FOREIGN.match(joined):
        return Reading(f"+{foreign[1]}", "foreign")
    if within := _WITHIN.findall(text) or _WITHIN.findall(joined):
        return Reading(within[0], "mobile")
    return Reading(None, why=Unusable.MALFORMED)


def _unfloated(text: str) -> tuple[str, bool]:
    if text.endswith(".0") and text[:-2].isdecimal():
        return text[:-2], False
    float_like = _FLOAT.match(text)
    if float_like is None:
        return text, False
    lead, fraction, exponent = float_like[1], float_like[2] or "", int(float_like[3])
    return lead + fraction, len(fraction) != exponent


def read_id_no(value: str | None, id_type: str | None = None) -> Reading:
    """An identity number, 15 digits brought to 18; or, by ``id_type`` or form, a credit code or other certificate.

    The check digit is a soft flag (``checked``): real records hold mistyped ones, and the county that was in force at
    birth is not tested at all, because numbers given out before a county changed hands are right (domain.md §0.9).

    Args:
        value: As the source has it.
        id_type: Code of GA/T 2000.156 (111 identity card, 414 passport, 821 business licence …); None is unknown.
    """
    # Two plain cases are nearly all there are, and this stands on the hub's hot path.
    if value is not None and id_type in _CARD_TYPES:
        if "*" in value:
            return _MASKED_READING
        if _PLAIN_ID.match(value) and _plausible(value[:2], value[6:14]):
            return Reading(value, "id18", None, _id_check(value[:17]) == value[17])
    text = _JOINTS.sub("", _stripped(value)).upper()
    if not text:
        return Reading(None, why=Unusable.EMPTY)
    if text.lower() in _NOBODY or set(text) == {"0"}:
        return Reading(None, why=Unusable.NOBODY)
    if _STARS.search(text):
        return Reading(None, why=Unusable.MASKED)
    if _FLOAT.match(_stripped(value)):
        return Reading(None, why=Unusable.ROUNDED)
    if id_type in _CARD_TYPES:
        text = text.replace("×", "X")
        if _is_id18(text):
            return Reading(text, "id18", checked=_id_check(text[:17]) == text[17])
        if (
            len(text) == 15
            and text.isascii()
            and text.isdecimal()
            and _plausible(text[:2], f"19{text[6:12]}")
        ):
            body = f"{text[:6]}19{text[6:]}"
            return Reading(body + _id_check(body), "id15")
    uscc = read_uscc(text)
    if uscc.value is not None and uscc.checked:
        return uscc
    if id_type not in _CARD_TYPES and re.fullmatch(r"[A-Z0-9()]{5,24}", text):
        # Shaped like a credit code, and its check character does not fit.
        return Reading(f"{id_type}:{text}", "other", checked=uscc.value is None)
    return Reading(None, why=Unusable.MALFORMED)


def _is_id18(text: str) -> bool:
    return (
        len(text) == 18
        and text.isascii()
        and text[:17].isdecimal()
        and text[17] in "0123456789X"
        and _plausible(text[:2], text[6:14])
    )


def _plausible(province: str, birth: str) -> bool:
    """Whether a number can begin so; both are ASCII digits, ``birth`` is yyyymmdd."""
    if province not in _PROVINCES or not "1880" <= birth[:4] < "2050":
        return False
    try:
        date.fromisoformat(birth)
    except ValueError:
        return False
    return True


def _id_check(body: str) -> str:
    # The weights of GB 11643 are the powers of 2 from 2**17 down to 2, modulo 11. Read in base 13, which is 2 modulo 11,
    # the 17 digits are their own weighted sum but for a factor of 2: a tenth of the cost of adding it up.
    return _ID_CHECK[2 * int(body, 13) % 11]


def id_no_form(digits: str) -> str | None:
    """``id18`` or ``id15`` when the characters can be an identity number (province and birth date), else None."""
    if len(digits) == 18:
        return "id18" if _is_id18(digits.upper()) else None
    if (
        len(digits) == 15
        and digits.isascii()
        and digits.isdecimal()
        and _plausible(digits[:2], f"19{digits[6:12]}")
    ):
        return "id15"
    return None


def read_uscc(value: str | None) -> Reading:
    """A unified social credit code: 18 characters, upper case; ``checked`` tells whether the check character fits."""
    text = _JOINTS.sub("", _stripped(value)).upper()
    if not text:
        return Reading(None, why=Unusable.EMPTY)
    if _STARS.search(text):
        return Reading(None, why=Unusable.MASKED)
    if not _USCC.match(text):
        return Reading(None, why=Unusable.MALFORMED)
    total = sum(_USCC_ALPHABET.index(char) * pow(3, place, 31) for place, char in enumerate(text[:17]))
    return Reading(text, "uscc", checked=_USCC_ALPHABET[-total % 31] == text[17])


def normal_email(value: str | None) -> str | None:
    """The address in lower case, taken out of ``Name <a@b.cn>``; None when it is none, is masked, or is a robot's."""
    text = _stripped(value).lower()
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0].strip()
    text = text.removeprefix("mailto:")
    if len(text) > 254 or "**" in text or not _EMAIL.match(text) or _ROBOT.match(text):
        return None
    return text


def bare_name(value: str | None) -> str | None:
    """Somebody's full name without 市民 before it or 先生 behind it; None for 王女士, 张某, 群众, 匿名, masked names, bodies."""
    text = _stripped(value)
    if not text or is_masked(text) or text.lower() in _NOBODY or "某" in text:
        return None
    if _PERSON.match(text) and len(text) <= 3 and not _GROUP.match(text) and not _TITLE.search(text):
        return text if not (len(text) == 2 and text[1] in "总工") else None
    text = _TITLE.sub("", _GROUP.sub("", text, count=1))
    if len(text) < 2 or text in _COMPOUND or is_body_name(text):
        return None
    return text if _PERSON.match(text) else None


def is_person_name(value: str | None) -> bool:
    """Whether this holds somebody's full name: see `bare_name`."""
    return bare_name(value) is not None


def is_body_name(value: str | None) -> bool:
    """Whether the name is an organisation's: it ends like one (…公司, …合作社, …局); these are never masked."""
    text = _stripped(value)
    return len(text) >= 4 and _BODY.search(text) is not None


def mask_phone(value: str) -> str:
    """``138****5678``; of a landline the last four digits go; what is masked already, and 12345 or 匿名, stay."""
    text = half_width(value).strip()
    reading = read_phone(text)
    if reading.why in (Unusable.MASKED, Unusable.NOBODY, Unusable.EMPTY):
        return text
    if reading.form == "mobile" and reading.value:
        return f"{reading.value[:3]}****{reading.value[7:]}"
    if reading.form == "landline" and reading.value:
        return re.sub(r"-(\d{3,4})\d{4}(?:-\d+)?\Z", r"-\1****", reading.value)
    digits = _JOINTS.sub("", text)
    return f"{digits[:3]}****{digits[-2:]}" if len(digits) >= 8 else "*" * len(digits)


def mask_id(value: str, *, strict: bool = False) -> str:
    """``411521********1234``; strict ``4****************4``; 15 digits and other certificates likewise."""
    text = _JOINTS.sub("", half_width(value)).upper()
    if _STARS.search(text):
        return text
    head, tail = (1, 1) if strict or len(text) < 15 else (6, 4)
    hidden = len(text) - head - tail
    return f"{text[:head]}{'*' * hidden}{text[-tail:]}" if hidden > 0 else "*" * len(text)


def mask_name(value: str) -> str:
    """``张**`` for a person's name of any length; an organisation's name and 王女士, 匿名 and the like stay."""
    text = value.strip()
    if not text or is_body_name(text):
        return text
    name = bare_name(text)
    if name is not None:
        return f"{name[0]}**"
    if is_masked(text):
        return f"{text[0]}**" if text[0] not in "*＊" else "***"
    known = (
        text.lower() in _NOBODY or "某" in text or _GROUP.match(text) or _TITLE.search(text) or len(text) == 1
    )
    return text if known else f"{text[0]}**"


def mask_email(value: str) -> str:
    """``z***@qq.com``."""
    name, at, domain = value.strip().rpartition("@")
    return f"{name[:1]}***@{domain}" if at else "***"


def mask_address(value: str) -> str:
    """The address down to its village, community, street or road; what follows is ``***``."""
    text = value.strip()
    ends = [
        match.end() for match in re.finditer(r"村(?!民)|社区|街道|镇|乡|区|县|市|大道|[一-龥](?:路|街)", text)
    ]
    return f"{text[: max(ends)]}***" if ends else "***"


def reporter_key_basis(
    reporter: Reporter,
    *,
    account_scope: str,
    stop: Collection[str] = frozenset(),
    area_code: str | None = None,
) -> KeyBasis | None:
    """The first value by which the same person is known again; None for nobody known.

    Order: identity number, credit code, phone, caller's phone, account, e-mail address, name with address. Masked
    values, nobody's numbers and values of the stop list are passed over; a name alone never counts.

    Args:
        reporter: As the channel gave it.
        account_scope: The system in which ``account`` is unique; equal accounts of two systems are two persons.
        stop: Canonical values that many people share: a window's phone, a village cadre's, an agent's.
        area_code: As `read_phone`.
    """
    for basis, value in _candidates(reporter, account_scope, area_code):
        if value and value not in stop:
            return KeyBasis(basis, value)
    return None


def _candidates(
    reporter: Reporter, account_scope: str, area_code: str | None
) -> list[tuple[str, str | None]]:
    # A list, not a generator: for the usual reporter (a phone and a name) it costs the same and reads plainer.
    found: list[tuple[str, str | None]] = []
    if reporter.id_no:
        number = read_id_no(reporter.id_no, reporter.id_type)
        found.append(("uscc" if number.form == "uscc" else "id_no", number.value))
    if reporter.uscc:
        found.append(("uscc", read_uscc(reporter.uscc).value))
    if reporter.phone:
        found.append(("phone", read_phone(reporter.phone, area_code=area_code).value))
    if reporter.caller_phone:
        found.append(("caller_phone", read_phone(reporter.caller_phone, area_code=area_code).value))
    if (
        reporter.account
        and not is_masked(reporter.account)
        and _stripped(reporter.account).lower() not in _NOBODY
    ):
        found.append(("account", f"{account_scope}\x1f{reporter.account.strip()}"))
    if reporter.email:
        found.append(("email", normal_email(reporter.email)))
    if reporter.name and reporter.address:
        found.append(("name_address", _name_address(reporter.name, reporter.address)))
    return found


def _name_address(name: str, address: str) -> str | None:
    place = _ADDRESS_NOISE.sub("", half_width(address)).lower()
    if (
        len(place) < 6
        or is_masked(place)
        or not _SPECIFIC.search(place)
        or (person := bare_name(name)) is None
    ):
        return None
    return f"{person.lower()}\x1f{place}"


def _stripped(value: str | None) -> str:
    return half_width(value).strip() if value else ""
