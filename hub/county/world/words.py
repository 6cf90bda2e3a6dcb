"""How people put it: a grammar whose frames combine to thousands of skeletons, with the manners and the slips of real writing."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hub.county.world.people import Person
from hub.county.world.places import Place
from hub.county.world.subjects import Subject
from hub.county.world.troubles import Trouble

_OPENINGS = (
    "", "", "", "您好，", "您好！", "你好，", "领导好，", "尊敬的领导：", "各位领导：", "请问一下，", "麻烦问一下，", "反映一个情况：", "我要反映：", "情况是这样的，",
    "我是{place}的居民，", "我是{town}的，", "本人家住{place}，", "代表家里老人问一下，", "不好意思打扰了，", "第一次写这个，",
)  # fmt: skip
_TIMES = (
    "",
    "",
    "最近",
    "这几天",
    "上个星期以来",
    "入{season}以来",
    "从{n}号开始",
    "一个多月了，",
    "昨天",
    "前天晚上",
    "今年",
    "好久了，",
)
_FEELINGS = (
    "", "", "", "实在没有办法了", "心里很着急", "大家意见很大", "周围的人都在说这个事", "影响正常生活", "老人孩子受不了", "也不知道该找谁", "来来回回很折腾", "说了也没有用",
    "打过几次电话没有下文", "希望不要再拖了", "真是寒心", "理解工作人员也辛苦",
)  # fmt: skip
_THANKS = (
    "",
    "",
    "",
    "谢谢！",
    "谢谢。",
    "非常感谢！",
    "麻烦了。",
    "盼复。",
    "辛苦了！",
    "望回复。",
    "此致敬礼",
)
_JOINTS = ("，", "，", "。", "；", "，而且", "，现在", "。另外，")
_TITLES = (
    "{thing}",
    "{thing}",
    "{place}{thing}",
    "关于{thing}的问题",
    "反映{thing}",
    "{thing}怎么办",
    "{thing}，请处理",
    "{town}{thing}问题",
    "{place}，{thing}",
    "{town}{place}{thing}",
    "关于{place}{thing}的反映",
)
_ITEM_TITLES = (
    "{item}{thing}",
    "{item}，{thing}",
    "办{item}{thing}",
    "关于{item}的问题",
    "咨询{item}",
    "{thing}",
    "{item}",
)
# Slips of the pen and of the keyboard; the words stay to be understood.
_SLIPS = (
    ("的", "得"),
    ("请", "清"),
    ("已经", "以经"),
    ("希望", "西望"),
    ("，", ","),
    ("。", "。。"),
    ("！", "!!"),
    ("在", "再"),
    ("没有", "没"),
    ("什么", "神马"),
)
_DIGITS = "零一二三四五六七八九十"
_SEASONS = "冬冬春春春夏夏夏秋秋秋冬"


@dataclass(frozen=True, slots=True)
class Said:
    """Words, and the skeleton that they hang on (for the tests of variety); ``thing`` is what is wrong, by its first name."""

    title: str
    words: str
    thing: str
    skeleton: tuple[object, ...]


def say(
    rng: random.Random,
    subject: Subject,
    place: Place,
    person: Person,
    *,
    month: int = 6,
    trouble: Trouble | None = None,
) -> Said:
    """One trouble, put by one person."""
    trouble = trouble if trouble is not None else rng.choice(subject.troubles)
    opening, since, feeling, thanks = (rng.choice(one) for one in (_OPENINGS, _TIMES, _FEELINGS, _THANKS))
    shows = list(trouble.shows)
    if len(shows) > 2 and rng.random() < 0.5:
        del shows[rng.randrange(1, len(shows))]
    if len(shows) > 1 and rng.random() < 0.3:
        shows[1:] = rng.sample(shows[1:], len(shows) - 1)
    want = rng.choice(trouble.wants)
    order = rng.choice(("shows", "shows", "wants", "feeling"))
    clauses = [since + shows[0], *shows[1:]]
    if order == "wants":
        clauses = [want, *clauses, *([feeling] if feeling else [])]
    elif order == "feeling" and feeling:
        clauses = [feeling, *clauses, want]
    else:
        clauses = [*clauses, *([feeling] if feeling else []), want]
    joints = [rng.choice(_JOINTS) for _ in clauses[1:]]
    body = clauses[0] + "".join(joint + clause for joint, clause in zip(joints, clauses[1:], strict=True))
    title = rng.choice(_TITLES if subject.item is None else _ITEM_TITLES)
    filled = {
        "place": place.name if rng.random() < 0.6 else place.town + place.name,
        "town": place.town,
        "n": _number(rng),
        "item": subject.name,
        "season": _SEASONS[month - 1],
        "thing": rng.choice((trouble.thing, *trouble.names)),
    }
    words = _fill(f"{opening}{body}。{thanks}", filled)
    return Said(
        _fill(title, filled),
        _slip(rng, words),
        trouble.thing,
        (opening, since, trouble.thing, len(shows), order, feeling, thanks, title, tuple(joints)),
    )


def signed(rng: random.Random, person: Person) -> str:
    """What some people put below: who they are, and how to reach them."""
    return rng.choice(
        (
            f"我叫{person.name}，电话{person.phone}。",
            f"联系人：{person.name}，手机：{person.phone}。",
            f"联系电话：{person.phone}。",
            f"本人{person.name}，身份证号{person.id_no}。",
        )
    )


def plain(pattern: str, rng: random.Random, place: Place) -> str:
    """One of the fixed sentences, filled in."""
    return _fill(pattern, {"place": place.address, "town": place.town, "n": str(rng.randrange(2, 10))})


def _number(rng: random.Random) -> str:
    number = rng.randrange(2, 10)
    return rng.choice((str(number), _DIGITS[number], chr(0xFF10 + number)))


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _slip(rng: random.Random, words: str) -> str:
    if rng.random() < 0.12:
        right, wrong = rng.choice(_SLIPS)
        words = words.replace(right, wrong, 1)
    return words
