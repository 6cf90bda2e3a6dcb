"""Where things happen: townships, villages, estates, roads, and the halls and windows of the county, with codes and coordinates."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice

# Name -> share of what is heard; the three seats together have 45 of 100.
TOWNS = {
    "宝城街道": 18, "龙山街道": 15, "丽水街道": 12, "周党镇": 6, "莽张镇": 4, "子路镇": 4, "楠杆镇": 4, "青山镇": 4, "铁铺镇": 3, "东铺镇": 3,
    "竹竿镇": 4, "潘新镇": 3, "彭新镇": 3, "庙仙乡": 2, "定远乡": 2, "山店乡": 2, "朱堂乡": 3, "尤店乡": 3, "高店乡": 3, "灵山镇": 2,
}  # fmt: skip
# Some names stand in many a township, as everywhere.
_VILLAGES = "前湾 后岗 大桥 柳树 石磙 双庙 杨畈 李岗 上河 白果 新塘 竹园".split()
_FAMILIES = "王张刘陈黄赵吴周徐孙马胡郭何高罗郑梁谢宋"
_LIES = "湾楼洼店塘冲庄寨桥堰岭集"
_ESTATES = "锦绣 阳光 滨河 世纪 御景 龙池 幸福 书香 天鹅湖 怡和 金桂 东方 凯旋 碧水 翠湖 盛世 紫金 康乐 瑞和 明珠 龙城 府前 丽景 香樟".split()
_BUILT = "花园 新城 家园 名门 苑 小区 华府 佳园".split()
_STREETS = "江淮 灵山 宝城 行政 龙山 民生 新华 人民 建设 解放 和平 文化 工业 团结 光明 兴业 迎宾 府北".split()
_RUNS = "路 大道 东路 西路 南路 北路 街".split()
_PUBLIC = (
    "中心市场",
    "农贸市场",
    "第二小学",
    "第一初中",
    "人民医院门口",
    "汽车站",
    "文化广场",
    "老桥头",
    "体育馆",
    "中心幼儿园",
    "滨河公园",
    "物流园",
)
# How many of a kind: (the county's seat has so many a street office, a township so many).
_MANY = {"estate": (30, 3), "village": (5, 14), "street": (14, 2), "public": (10, 4)}
_COMMON_VILLAGES = 2  # of a township's, that bear a name which others bear too
REGION = "411521"
CENTRES = ("county", "town", "village")


@dataclass(frozen=True, slots=True)
class Place:
    """One place.

    Attributes:
        code: Twelve digits, down to the village or community.
        kind: ``village``, ``estate``, ``street`` or ``public``.
        longitude: In degrees, GCJ-02; ``latitude`` likewise.
    """

    code: str
    town: str
    name: str
    kind: str
    longitude: float
    latitude: float

    @property
    def address(self) -> str:
        return f"示例县{self.town}{self.name}"

    @property
    def short(self) -> str:
        """The town without its rank."""
        return self.town[:2]


@dataclass(frozen=True, slots=True)
class Hall:
    """A service hall (政务服务中心) of one of the three levels."""

    name: str
    level: str
    code: str
    windows: tuple[str, ...]


class Places:
    """About five hundred places, some of which are heard of much more often than others; the halls.

    Args:
        seed: Any whole number; decides which place is loud.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"{seed}:places")
        self.all: tuple[Place, ...] = tuple(_of_county(rng))
        self.homes = tuple(place for place in self.all if place.kind in ("village", "estate"))
        self.halls = _halls()
        self._loud = _Weighted(rng, self.all)
        self._lived_in = _Weighted(rng, self.homes)

    def any(self, rng: random.Random, *kinds: str) -> Place:
        """A place by chance, the loud ones more often; of one of these kinds where any are named."""
        while True:
            place = self._loud.draw(rng)
            if not kinds or place.kind in kinds:
                return place

    def any_home(self, rng: random.Random) -> Place:
        """Where somebody lives."""
        return self._lived_in.draw(rng)


class _Weighted:
    """Draws a town by its share and, within it, by rank: a few places of each are loud, most are quiet."""

    def __init__(self, rng: random.Random, places: tuple[Place, ...]) -> None:
        weights: list[float] = []
        for town, share in TOWNS.items():
            ranks = list(range(1, sum(place.town == town for place in places) + 1))
            rng.shuffle(ranks)
            loud = [rank**-0.7 for rank in ranks]
            weights += [share * one / sum(loud) for one in loud]
        self._places = places
        self._sums = list(accumulate(weights))

    def draw(self, rng: random.Random) -> Place:
        return self._places[bisect(self._sums, rng.random() * self._sums[-1])]


def _of_county(rng: random.Random) -> list[Place]:
    """Of estates, streets and most villages no two bear one name; markets, schools and some villages do."""
    names = {
        "estate": _pairs(rng, _ESTATES, _BUILT, ""),
        "street": _pairs(rng, _STREETS, _RUNS, ""),
        "village": _pairs(rng, _FAMILIES, _LIES, "村"),
    }
    return [place for number, town in enumerate(TOWNS, 1) for place in _of_town(rng, number, town, names)]


def _pairs(rng: random.Random, first: Iterable[str], second: Iterable[str], ending: str) -> Iterator[str]:
    names = [f"{one}{other}{ending}" for one in first for other in second]
    rng.shuffle(names)
    return iter(names)


def _of_town(rng: random.Random, number: int, town: str, new: Mapping[str, Iterator[str]]) -> list[Place]:
    seat = town.endswith("街道")
    named: list[tuple[str, str]] = []
    for kind, (of_seat, of_town) in _MANY.items():
        common = {
            "public": list(_PUBLIC),
            "village": [f"{name}村" for name in rng.sample(_VILLAGES, _COMMON_VILLAGES)],
        }
        count = of_seat if seat else of_town
        old = common.get(kind, [])
        old = rng.sample(old, min(count, len(old)))
        named += [(name, kind) for name in (*old, *islice(new.get(kind, iter(())), count - len(old)))]
    middle = (114.35 + rng.random() * 0.4, 31.75 + rng.random() * 0.5)
    return [
        Place(
            f"{REGION}{number:03d}{place:03d}",
            town,
            name,
            kind,
            round(middle[0] + rng.uniform(-0.03, 0.03), 6),
            round(middle[1] + rng.uniform(-0.03, 0.03), 6),
        )
        for place, (name, kind) in enumerate(named, 1)
    ]


def _halls() -> tuple[Hall, ...]:
    county = Hall(
        "县政务服务中心",
        "county",
        f"{REGION}000000",
        tuple(f"{floor}{window:02d}" for floor in "ABC" for window in range(1, 13)),
    )
    towns = [
        Hall(f"{town}便民服务中心", "town", f"{REGION}{number:03d}000", ("1号", "2号", "3号"))
        for number, town in enumerate(TOWNS, 1)
    ]
    villages = [
        Hall(f"{town}{name}村便民服务站", "village", f"{REGION}{number:03d}{place:03d}", ("1号",))
        for number, town in enumerate(TOWNS, 1)
        for place, name in enumerate(_VILLAGES[:3], 1)
    ]
    return (county, *towns, *villages)
