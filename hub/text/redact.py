"""Masks personal data in free text, so that rules, screens and departments can read it.

What is masked, by the masks of domain.md §8: mobile and landline numbers (spaced, dashed, full-width, in Chinese
numerals), identity numbers, bank cards and accounts, number plates, e-mail addresses, chat accounts behind their cue,
names behind their cue (``联系人：张三``), and the values that the record itself names as its reporter's.

Long numbers are the hard case. A run of 18 or 15 digits is an identity number if its first two digits are a province
and its birth date exists, whether or not its check digit fits; anything else of that length (an order number such as
``230629102133115409``) stays. A number of a card's length and issuer is masked when it passes the Luhn check; about one
order number in ten that begins like a card does by chance. In doubt the mask wins; ``keep`` names numbers that must
stay. A mobile number that is glued to further digits (12 to 21 in a row) is taken for an order number and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from hub.text.identity import (
    bare_name,
    id_no_form,
    is_body_name,
    is_masked,
    is_nobody,
    mask_address,
    mask_email,
    mask_id,
    mask_name,
    mask_phone,
    read_phone,
)


class Redaction(NamedTuple):
    """A text that may be shown, and what was found in it.

    Attributes:
        text: The text with masks; the very same object when nothing was found.
        findings: How many of each kind: ``phone``, ``id_no``, ``bank_card``, ``plate``, ``email``, ``account``,
            ``name``, ``address``. Never a value.
    """

    text: str
    findings: Mapping[str, int]


_NOTHING: Mapping[str, int] = MappingProxyType({})
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_NUMERALS = "零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖"
_SEVEN = r"(?:[^0-9０-９A-Za-z一-龥]{0,3}[0-9０-９]){6}"
_LETTER = r"A-Za-z\uff21-\uff3a\uff41-\uff5a"

# One look decides whether the rest runs at all. Every branch begins with a character of one set, so that the
# search skips from candidate to candidate; a plate is looked for from its first letter backwards, because in Chinese
# text the provinces' characters are common and Latin letters are not.
_TRIGGER = re.compile(
    rf"[0-9０-９@＠{_LETTER}一幺壹零〇微]"
    rf"(?:(?<=[@＠])|(?<=[0-9０-９]){_SEVEN}|(?<=[{_PROVINCES}][{_LETTER}])|(?<=[Qq])[Qq]|(?<=微)信|(?<=[一幺壹零〇])[{_NUMERALS}]{{10}})"
)
_WIDE = re.compile(r"[\uff10-\uff19\uff20-\uff3a\uff41-\uff5a]")
_NARROW = {
    code: code - 0xFEE0
    for code in (
        *range(0xFF10, 0xFF1A),
        *range(0xFF20, 0xFF3B),
        *range(0xFF41, 0xFF5B),
        0xFF0B,
        0xFF0D,
        0xFF0E,
        0xFF3F,
    )
}

# A gap inside a number: a dash, one or two spaces or characters that nobody sees, or nothing.
_S = r"(?: ?[-\uff0d\u2010-\u2015_/] ?|[ \u3000\xa0\u200b-\u200d\ufeff]{1,2})?"
_NUMBER = re.compile(
    # The first character stands outside of the branches, for the same reason as above.
    r"[0-9+(（](?<![0-9].)(?:"
    rf"(?P<id>(?<=[1-9])[0-9]{{5}}{_S}(?:[0-9]{{4}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{3}}[0-9Xx×]|[0-9]{{6}}{_S}[0-9]{{3}}))"
    rf"|(?P<card>(?<=[4-69])[0-9]{{3}}(?:{_S}[0-9]{{4}}){{3}}(?:{_S}[0-9]{{1,3}})?)"
    rf"|(?P<mobile>(?:(?<=\+)86{_S}1|(?<=0)(?:086{_S}1|1)|(?<=8)6{_S}1|(?<=1)){_S}[3-9](?:{_S}[0-9]){{9}}"
    r"|(?<=1)[3-9][0-9][.·][0-9]{4}[.·][0-9]{4})"
    r"|(?P<pair>(?<=1)[3-9][0-9]{9}1[3-9][0-9]{9})"
    r"|(?P<landline>(?:(?<=[(（])0|(?<=\+)86[ -]?0?|(?<=0))(?:10|2[0-9]|[3-9][0-9]{2})[)）]?[ \u2010-\u2015-]{0,3}"
    r"[2-8][0-9]{2,3}[ -]?[0-9]{4}(?:(?:转|-|—)[0-9]{1,6})?)"
    r")(?![0-9])"
)
_CARD = re.compile(r"62|60|4|5[1-5]|35|9")
_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}")
_ACCOUNT_NO = re.compile(rf"(?:卡号|[账帐]号|[账帐]户)[^0-9\n]{{0,8}}([0-9](?:{_S}[0-9]){{9,24}})(?![0-9])")
_LOCAL = re.compile(r"(?:电话|座机|联系方式)[^0-9\n]{0,6}([2-8][0-9]{6,7})(?![0-9*])")
_CHAT = re.compile(
    r"(?:微信|wechat|qq)(?:[账帐]号|号码|号)?[ :：是为]{0,3}([A-Za-z][A-Za-z0-9_\-]{5,19}|[0-9]{5,12})(?![A-Za-z0-9*])",
    re.IGNORECASE,
)
_SIGN = "A-HJ-NP-Za-hj-np-z0-9"
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-HJ-NP-Za-hj-np-z][·•.\- ]?(?=[A-Za-z]{{0,5}}[0-9])"
    rf"[{_SIGN}]{{3,4}}(?:[{_SIGN}]{{2}}|[{_SIGN}][学警挂港澳])(?![A-Za-z0-9])"
)
_SPOKEN = re.compile(rf"[一幺壹零〇](?<![{_NUMERALS}0-9].)[{_NUMERALS}]{{10,18}}(?![{_NUMERALS}0-9])")
_HAN = "\u4e00-\u9fa5"
# From the colon backwards, because it is rare and the labels are many.
_LABELLED = re.compile(
    r"[:：](?:(?<=[系诉请报映求电事]人.)|(?<=姓名.)|(?<=户主.)|(?<=代表.)|(?<=代表人.)) ?"
    rf"([{_HAN}]{{2,4}}(?:·[{_HAN}]{{2,8}})?(?:、[{_HAN}]{{2,4}}){{0,20}})(?![{_HAN}])"
)
_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾"
    "夏付方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖樊兰殷施洪翟安颜倪牛温芦季俞章鲁葛申尤毕聂柴"
    "欧司诸皇尉慕令夏端南"
)
_CALLED = re.compile(
    rf"叫(?:(?<=我叫)|(?<=名叫)|(?<=本人叫)) ?([{_SURNAMES}][{_HAN}]{{1,3}})(?=[,，.。;；、!！\s(（]|$)"
)


def redact(text: str, known: Sequence[str | None] = (), *, keep: Collection[str] = frozenset()) -> Redaction:
    """The text with every personal value masked, and the counts of what was found.

    Redacting a redacted text changes nothing. Where something was found, full-width digits and letters of the whole
    text become half-width.

    Args:
        text: Plain text (`hub.text.forms.plain_text`).
        known: The record's own personal values: name, phone numbers, identity number, e-mail, address. None, masked
            ones, titles (王女士) and organisations are passed over.
        keep: Numbers that are no person's and must stay readable, such as the record's own order number.
    """
    findings: dict[str, int] = {}
    shown = _without_known(text, known, findings) if known else text
    if _TRIGGER.search(shown):
        shown = _without_patterns(shown, keep, findings)
    if "：" in shown or ":" in shown:
        shown = _swept(shown, _LABELLED, _named, keep, findings)
    if "叫" in shown:
        shown = _swept(shown, _CALLED, _named, keep, findings)
    return Redaction(shown, findings) if findings else Redaction(text, _NOTHING)


def without_numbers(message: str) -> str:
    """A message with every number, address of mail and account that names a person masked; for what a plugin says in its errors."""
    return _without_patterns(message, frozenset(), {}) if _TRIGGER.search(message) else message


def _without_known(text: str, known: Sequence[str | None], findings: dict[str, int]) -> str:
    present: dict[str, str] = {}
    for value in (
        known
    ):  # no comprehension: its call alone costs as much as the looks, and this is asked of every record
        if value and value in text:
            present[value] = value
    if " " in text or "\u3000" in text:
        present |= {form: value for value in known if value for form in _spaced(value) if form in text}
    if not present:
        return text
    for form in sorted(present, key=len, reverse=True):
        kind, mask = _known_mask(present[form].strip())
        if mask is not None and form in text:
            findings[kind] = findings.get(kind, 0) + text.count(form)
            text = text.replace(form, mask)
    return text


def _spaced(value: str) -> tuple[str, ...]:
    # A name of two or three characters is often set with spaces to the width of the others in a list.
    return (" ".join(value), "\u3000".join(value)) if 1 < len(value) <= 3 and not value.isascii() else ()


def _known_mask(value: str) -> tuple[str, str | None]:
    """Kind and mask of one of the record's own values; no mask for what names nobody."""
    if len(value) < 2 or is_masked(value):
        return "name", None
    if "@" in value:
        return "email", mask_email(value)
    if sum(char.isdigit() for char in value) >= 7 and not any("\u4e00" <= char <= "\u9fa5" for char in value):
        if read_phone(value).value is not None:
            return "phone", mask_phone(value)
        return "id_no", mask_id(value)
    name = bare_name(value)
    if name is not None:
        return "name", mask_name(name)
    if is_nobody(value) or is_body_name(value) or mask_name(value) == value or len(value) < 6:
        return "name", None
    return "address", mask_address(value)


Found = tuple[str, str] | None
"""What a masker answers: the kind and the text with its mask, or None when this is nobody's."""


def _without_patterns(text: str, keep: Collection[str], findings: dict[str, int]) -> str:
    narrow = text.translate(_NARROW) if _WIDE.search(text) else text
    shown = _swept(narrow, _EMAIL, _email, keep, findings) if "@" in narrow else narrow
    for pattern, masker in _SWEEPS:
        shown = _swept(shown, pattern, masker, keep, findings)
    return text if shown == narrow else shown


def _swept(
    text: str,
    pattern: re.Pattern[str],
    masker: Callable[[re.Match[str], Collection[str]], Found],
    keep: Collection[str],
    findings: dict[str, int],
) -> str:
    def replaced(match: re.Match[str]) -> str:
        found = masker(match, keep)
        if found is None or found[1] == match[0]:
            return match[0]
        findings[found[0]] = findings.get(found[0], 0) + 1
        return found[1]

    return pattern.sub(replaced, text)


def _email(match: re.Match[str], keep: Collection[str]) -> Found:
    return None if match[0] in keep else ("email", mask_email(match[0]))


def _number(match: re.Match[str], keep: Collection[str]) -> Found:
    """One of the forms of `_NUMBER`, told apart by its group."""
    written, form = match[0], match.lastgroup
    number = re.sub(r"[^0-9Xx]", "", written.replace("×", "X"))
    if written in keep or number in keep:
        return None
    if form == "mobile":
        return "phone", f"{number[-11:-8]}****{number[-4:]}"
    if form == "landline":
        return "phone", mask_phone(written)
    if form == "pair":
        return "phone", f"{number[:3]}****{number[7:14]}****{number[-4:]}"
    if id_no_form(number) is not None:
        return "id_no", mask_id(number)
    if _CARD.match(number) and 16 <= len(number) <= 19 and _luhn(number):
        return "bank_card", "*" * (len(number) - 4) + number[-4:]
    return None


def _account_no(match: re.Match[str], keep: Collection[str]) -> Found:
    number = re.sub(r"[^0-9]", "", match[1])
    return (
        None if number in keep else ("bank_card", _behind_cue(match, "*" * (len(number) - 4) + number[-4:]))
    )


def _local(match: re.Match[str], keep: Collection[str]) -> Found:
    return None if match[1] in keep else ("phone", _behind_cue(match, match[1][:-4] + "****"))


def _chat(match: re.Match[str], keep: Collection[str]) -> Found:
    return None if match[1] in keep else ("account", _behind_cue(match, match[1][0] + "***"))


def _plate(match: re.Match[str], keep: Collection[str]) -> Found:
    return None if match[0] in keep else ("plate", f"{match[0][:2]}·***{match[0][-2:]}")


def _spoken(match: re.Match[str], keep: Collection[str]) -> Found:
    run = match[0]
    return "phone", f"{run[:3]}{'*' * (len(run) - 5)}{run[-2:]}"


def _named(match: re.Match[str], keep: Collection[str]) -> Found:
    names = match[1].split("、")
    masked = [name if (bare := bare_name(name)) is None else mask_name(bare) for name in names]
    return None if masked == names else ("name", _behind_cue(match, "、".join(masked)))


def _behind_cue(match: re.Match[str], mask: str) -> str:
    """The match with its group replaced by the mask."""
    start, end = match.span(1)
    return match[0][: start - match.start()] + mask + match[0][end - match.start() :]


def _luhn(number: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = int(char) << (place & 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


# What is surer goes first and leaves stars, which the later ones do not read.
_SWEEPS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Collection[str]], Found]], ...] = (
    (_NUMBER, _number),
    (_ACCOUNT_NO, _account_no),
    (_LOCAL, _local),
    (_PLATE, _plate),
    (_SPOKEN, _spoken),
    (_CHAT, _chat),
)
