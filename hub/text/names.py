"""Names of places as they are written: brought into one form, and told from the longer words that merely contain them."""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate

from hub.text.forms import half_width

_SPACE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
# A number of a house, a building, a door or a group of villagers; with its joints it may stand between two names.
_NUMBER = r"(?:\d{1,5}|[一二三四五六七八九十百]{1,4}|[a-z])"
_UNIT = r"(?:号楼|号院|号|弄|栋|幢|座|单元|层|楼|室|户|期|组|队|区|门)"
DETAIL = re.compile(rf"(?:(?:第|[-－—~])?{_NUMBER}(?:[-－—]{_NUMBER})*{_UNIT})+(?:\d{{3,4}}(?!\d))?")
_NEAR = r"(?:斜?对面|对过|旁边?|附近|边上|隔壁|周边|[东南西北前后]侧|[东南西北前后]面|[东南西北]边|门口|路口)"
_JOINT = re.compile(rf"(?:{DETAIL.pattern})?{_NEAR}?[的内里]?")

_BEFORE = frozenset("大小东西南北新老上下前后中")
# Two characters that end in one of `_BEFORE` and belong to what was said before the name.
_ENDINGS = frozenset(
    "晚上 早上 路上 街上 楼上 网上 地上 身上 马上 加上 以上 天上 车上 以下 楼下 底下 地下 一下 当下 以前 之前 目前 日前 门前 午前 眼前 以后 之后 最后 然后 今后 午后 后来 "
    "其中 当中 途中 家中 集中 最新 重新 很大 太大 多大 最大 很小 太小 多小 其东 城东 城西 城南 城北 路东 路西 路南 路北 长老 古老 养老".split()
)
_PREPOSITIONS = frozenset("在到去从往住位于的是我们来至和与跟及把被给向对离由经过")
_INSTITUTION = (
    r"(?:第[一二三四五六七八九十]|实验|中心|附属)?(?:小学|初中|高中|中学|大学|学院|学校|医院|卫生院|诊所|药店|药房|大药房|书店|书城|超市|商店|商场|商城|商厦|百货|"
    r"宾馆|酒店|大酒店|饭店|饭庄|餐厅|餐馆|旅馆|招待所|银行|支行|信用社|公司|集团|工厂|加油站|派出所|工商所|税务所|车站|公交站|地铁站|"
    r"大厦|大楼|影院|影城|网吧|茶楼|会所|工业园|产业园|园区|市场|大桥|水库|公园|广场)"
)
# In a village, an estate or a market place what is called after it mostly stands in it; 上河村路中间 is not on a 上河村路.
_AFTER_HOME = re.compile(
    r"(?:大道|大街|路(?=[与和]|\d+号|[^\u4e00-\u9fff]|$)|银行|支行|公司|集团|大厦|大酒店|派出所|医院|中学|高中)"
)
_AFTER = re.compile(rf"(?:{_INSTITUTION}|大道|大街|小区|花园|家园|[东西南北中]路)")
# The name's last character and what follows make another word.
_GLUED = re.compile(
    r"(?:街(?=道)|路(?=[线程由过径途费])|里(?=[面头程边])|站(?=[着起住])|门(?=[口]?诊)|园(?=[丁林艺])|村(?=镇)|院(?=[长士])|学(?=[生习期费])|场(?=[合景面])|桥(?=[梁])|苑(?=囿))"
)
HOMES = frozenset(("village", "estate", "public"))


def is_han(char: str) -> bool:
    """Whether the character is a Chinese one."""
    return "\u3400" <= char <= "\u9fff"


def normal(text: str) -> tuple[str, frozenset[int]]:
    """The text in one form, and where spaces stood that it has no more.

    Full-width characters and brackets become half-width, letters small, traditional characters simplified one for one.
    """
    # `half_width` leaves a text alone whose only wide characters are punctuation, and companies' names have brackets.
    text = _simplified(half_width(text)).lower().replace("（", "(").replace("）", ")")
    parts = _SPACE.split(text)
    if len(parts) == 1:
        return text, frozenset()
    return "".join(parts), frozenset(accumulate(len(part) for part in parts[:-1]))


def normal_name(name: str) -> str:
    """A name in the same form."""
    return normal(name)[0]


def _simplified(text: str) -> str:
    # Nearly every text is simplified throughout, and then can be written in GB 2312: a look that costs next to nothing.
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return text.translate(_traditional())
    return text


@cache
def _traditional() -> dict[int, str]:
    """Traditional characters that stand for one simplified character; those of GB 2312 itself stay as they are."""
    from opencc import OpenCC

    convert = OpenCC("t2s").convert
    table = {}
    for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000)):
        char = chr(code)
        try:
            char.encode("gb2312")
        except UnicodeEncodeError:
            simple = convert(char)
            if simple != char and len(simple) == 1:
                table[code] = simple
    return table


def begins_here(text: str, start: int, name: str, suffix: int) -> bool:
    """Whether what stands before the name leaves it a name of its own: not 上河村 in 大上河村, nor in 小上河村.

    Args:
        suffix: How many of the name's last characters only say what it is (村, 小区).
    """
    if start == 0 or not is_han(before := text[start - 1]):
        return True
    own = len(name) - suffix
    if text[max(0, start - 2) : start] in _ENDINGS:
        return True
    if own <= 1:
        return before in _PREPOSITIONS
    return own >= 4 or before not in _BEFORE


def ends_here(text: str, end: int, name: str, kind: str) -> bool:
    """Whether what follows leaves the name a name of its own: not 新华路 in 新华路小学; yet 上河村 in 上河村委会."""
    if end >= len(text) or not is_han(text[end]):
        return True
    if _GLUED.match(text, end - 1):
        return False
    return (_AFTER_HOME if kind in HOMES else _AFTER).match(text, end) is None


def joins(text: str, end: int, start: int) -> bool:
    """Whether two names are one address: nothing stands between them but a number of a house, 对面 and the like, or 的."""
    return start - end <= 24 and _JOINT.fullmatch(text, end, start) is not None
