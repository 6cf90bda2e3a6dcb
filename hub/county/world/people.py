"""Who lives in the county: residents, households and enterprises, each made from the seed and a number, none of them kept.

Synthetic through and through: names are put together by chance, identity numbers and credit codes bear a wrong check digit,
so that they belong to nobody, and addresses of mail end in ``.example``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from hub.county.world.places import Place, Places

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武"
MALE = "建国 志强 海涛 永福 国庆 大勇 振华 文杰 立新 德胜 学军 宏伟 少华 广林 俊峰 世昌 保安 长河 明远 成林 家旺 子豪 浩然 宇航 泽宇 新民 传福 守义 光明 全喜 占奎 根生 培元 兆丰 玉柱 先锋 克俭 金山 友谅 继业".split()
FEMALE = "秀英 桂兰 玉珍 晓梅 丽华 春燕 淑芬 雪梅 爱莲 凤霞 红梅 美玲 艳丽 小翠 桂花 素云 佳怡 梓涵 欣怡 雨桐 思琪 静雯 慧敏 巧云 秋菊 银环 改花 翠萍 云霞 海燕 娟娟 瑞芳 月娥 兰英 莉莉 彩凤 冬梅 婷婷 莹莹 荷香".split()
TRADES = "小吃店 建材经营部 超市 农资门市部 诊所 餐馆 汽修厂 粮油加工厂 养殖合作社 茶叶专业合作社 物流有限公司 建筑劳务有限公司 商贸有限公司 食品有限公司 教育咨询有限公司 电子商务有限公司".split()
STEMS = "宏发 鑫源 永盛 嘉禾 天成 豫南 灵山 淮源 金穗 大别山 百顺 惠民 恒通 新世纪 聚福 绿野 信阳红 东升 万家 同创".split()
PREFIXES = "130 131 132 133 135 136 137 138 139 150 151 152 155 156 157 158 159 173 176 177 178 180 181 182 183 185 186 187 188 189".split()
_TAILS = 10_000_000
_IDS = 55 * 12 * 28 * 1_000
# With no factor in common with the two: no number is two persons'.
_STEP, _ID_STEP = 6_364_137, 7_368_787


@dataclass(frozen=True, slots=True)
class Person:
    """A resident.

    Attributes:
        number: By which the same seed makes the same person.
        account: At the portal; ``open_id`` at the app.
        home: Where he lives; ``door`` is the rest of the address.
    """

    number: int
    name: str
    female: bool
    phone: str
    id_no: str
    email: str
    account: str
    open_id: str
    home: Place
    door: str

    @property
    def called(self) -> str:
        """As a hotline's clerk writes him down: 王女士."""
        return self.name[0] + ("女士" if self.female else "先生")

    @property
    def address(self) -> str:
        return f"{self.home.address}{self.door}"


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enterprise and the person who speaks for it."""

    name: str
    uscc: str
    owner: Person


class People:
    """Everybody in the county.

    Args:
        seed: Any whole number.
        residents: How many live here.
    """

    def __init__(self, seed: int, places: Places, residents: int = 500_000) -> None:
        self.residents = residents
        self._seed = seed
        self._places = places
        self._offset = random.Random(f"{seed}:tails").randrange(_TAILS)

    def person(self, number: int) -> Person:
        """The resident of that number, from 0 on; households are four numbers in a row."""
        rng = random.Random(f"{self._seed}:p:{number}")
        house = random.Random(f"{self._seed}:h:{number // 4}")
        tail = (number * _STEP + self._offset) % _TAILS
        female = rng.random() < 0.5
        day, serial = divmod(number * _ID_STEP % _IDS, 1_000)
        year, day = divmod(day, 12 * 28)
        body = f"411521{1950 + year}{day // 28 + 1:02d}{day % 28 + 1:02d}{serial:03d}"
        return Person(
            number,
            rng.choice(SURNAMES) + rng.choice(FEMALE if female else MALE),
            female,
            f"{PREFIXES[tail % len(PREFIXES)]}{rng.randrange(1, 10)}{tail:07d}",
            body + wrong_check_digit(body),
            f"u{number:06d}{tail:07d}@mail.example",
            f"zh{tail:07d}{number:06d}",
            f"o{rng.getrandbits(96):024x}",
            self._places.any_home(house),
            f"{house.randrange(1, 40)}号楼{house.randrange(1, 4)}单元{house.randrange(1, 9)}0{house.randrange(1, 5)}室",
        )

    def anybody(self, rng: random.Random) -> Person:
        """A resident by chance."""
        return self.person(rng.randrange(self.residents))

    def enterprise(self, number: int) -> Enterprise:
        """The enterprise of that number, from 0 on."""
        rng = random.Random(f"{self._seed}:e:{number}")
        owner = self.person(rng.randrange(self.residents))
        stem, trade = rng.choice(STEMS), rng.choice(TRADES)
        body = f"92411521MA{rng.randrange(10_000_000):07d}"
        return Enterprise(f"示例县{owner.home.short}{stem}{trade}", body + _wrong_credit_digit(body), owner)


def wrong_check_digit(body: str) -> str:
    """A check digit that does not fit the seventeen digits: such an identity number belongs to nobody."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    right = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]
    return "0" if right != "0" else "1"


def _wrong_credit_digit(body: str) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(char) * pow(3, place, 31) for place, char in enumerate(body))
    return "A" if alphabet[-total % 31] != "A" else "B"
