"""Where things happen: townships, villages, estates, roads, and the halls and windows of the county, with codes and coordinates."""

from __future__ import annotations

import random
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

# Name -> share of what is heard; the three seats together have 45 of 100.
TOWNS = {
    "宝城街道": 18, "龙山街道": 15, "丽水街道": 12, "周党镇": 6, "莽张镇": 4, "子路镇": 4, "楠杆镇": 4, "青山镇": 4, "铁铺镇": 3, "东铺镇": 3,
    "竹竿镇": 4, "潘新镇": 3, "彭新镇": 3, "庙仙乡": 2, "定远乡": 2, "山店乡": 2, "朱堂乡": 3, "尤店乡": 3, "高店乡": 3, "灵山镇": 2,
}  # fmt: skip
_VILLAGES = "前湾 后岗 大桥 柳树 石磙 双庙 杨畈 李岗 上河 白果 新塘 竹园".split()
_ESTATES = "锦绣花园 阳光新城 滨河家园 世纪名门 御景苑 龙池小区 幸福里 书香苑 天鹅湖小区 怡和佳园 金桂园 东方明珠".split()
_STREETS = "江淮路 灵山大道 宝城西路 行政大道 龙山路 民生街 新华路 站前街".split()
_PUBLIC = ("中心市场", "农贸市场", "第二小学", "第一初中", "人民医院门口", "汽车站", "文化广场", "老桥头")
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
    """About three hundred places, some of which are heard of much more often than others; the halls.

    Args:
        seed: Any whole number; decides which place is loud.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"{seed}:places")
        self.all: tuple[Place, ...] = tuple(
            place for number, town in enumerate(TOWNS, 1) for place in _of_town(rng, number, town)
        )
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
    """Draws by the town's share and, within it, by rank: a few places are loud, most are quiet."""

    def __init__(self, rng: random.Random, places: tuple[Place, ...]) -> None:
        ranks = list(range(1, len(places) + 1))
        rng.shuffle(ranks)
        self._places = places
        self._sums = list(
            accumulate(TOWNS[place.town] * rank**-0.7 for place, rank in zip(places, ranks, strict=True))
        )

    def draw(self, rng: random.Random) -> Place:
        return self._places[bisect(self._sums, rng.random() * self._sums[-1])]


def _of_town(rng: random.Random, number: int, town: str) -> list[Place]:
    urban = town.endswith("街道")
    names = [(name, "estate") for name in rng.sample(_ESTATES, 8 if urban else 2)]
    names += [(f"{name}村", "village") for name in rng.sample(_VILLAGES, 2 if urban else 9)]
    names += [(name, "street") for name in rng.sample(_STREETS, 4 if urban else 1)]
    names += [(name, "public") for name in rng.sample(_PUBLIC, 4 if urban else 2)]
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
        for place, (name, kind) in enumerate(names, 1)
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
