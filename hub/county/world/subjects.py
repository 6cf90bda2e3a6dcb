"""What the county's people come about: categories with their weights, service items, who is responsible, and in which months.

Source: domain.md §6.3 (weights of January 2025 in a city of the province), §6.2 (mix of types).
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from hub.county.world.troubles import ITEM_TROUBLES, TROUBLES, TROUBLES_OF_ITEMS, Trouble

EVEN = (1.0,) * 12
# Shares of the months, January first.
_WINTER = (2.6, 2.0, 0.8, 0.3, 0.2, 0.2, 0.2, 0.2, 0.3, 0.8, 2.0, 2.4)
_SUMMER = (0.5, 0.5, 0.6, 0.8, 1.2, 1.7, 2.0, 1.8, 1.2, 0.7, 0.5, 0.5)
_WAGES = (2.6, 1.0, 0.7, 0.7, 0.7, 0.8, 0.8, 0.8, 0.9, 0.9, 1.0, 2.1)
_SCHOOL = (0.6, 0.8, 0.8, 0.7, 0.8, 1.5, 2.2, 2.4, 1.4, 0.5, 0.5, 0.5)
_HARVEST = (0.4, 0.6, 1.0, 1.2, 1.4, 1.6, 1.0, 0.8, 1.6, 1.4, 0.6, 0.4)
SEASONS: Mapping[str, tuple[float, ...]] = {
    "供暖服务": _WINTER, "供气服务": (1.6, 1.3, 1.0, 0.8, 0.7, 0.7, 0.7, 0.7, 0.8, 0.9, 1.2, 1.6), "供电服务": _SUMMER, "供水服务": _SUMMER,
    "劳动保障": _WAGES, "教育管理": _SCHOOL, "旅游服务": _SUMMER, "农业生产": _HARVEST, "农村管理": _HARVEST, "污染防控": _HARVEST,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Department:
    """An organisation that acts."""

    code: str
    name: str
    aliases: tuple[str, ...] = ()


DEPARTMENTS: Mapping[str, Department] = {
    one.code: one
    for one in (
        Department("natural-resources", "县自然资源局", ("自然资源局", "不动产登记中心")),
        Department("emergency", "县应急管理局", ("应急管理局",)),
        Department("market", "县市场监督管理局", ("市场监管局",)),
        Department("human-resources", "县人力资源和社会保障局", ("人社局",)),
        Department("urban", "县城市管理局", ("城管局",)),
        Department("housing", "县住房和城乡建设局", ("住建局",)),
        Department("health-insurance", "县医疗保障局", ("医保局",)),
        Department("police", "县公安局", ("公安局",)),
        Department("agriculture", "县农业农村局", ("农业农村局",)),
        Department("transport", "县交通运输局", ("交通局",)),
        Department("education", "县教育体育局", ("教体局",)),
        Department("civil-affairs", "县民政局", ("民政局",)),
    )
}


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """A 政务服务事项.

    Attributes:
        promised_days: Working days; 0: at once.
        weight: Share of the cases.
    """

    code: str
    name: str
    type: str
    department: str
    promised_days: int
    weight: int
    fee: int = 0


def _item(
    number: int, task: str, name: str, type_: str, department: str, days: int, weight: int, fee: int = 0
) -> ServiceItem:
    return ServiceItem(f"11411521MB{number:07d}X4{task:0>12}", name, type_, department, days, weight, fee)


ITEMS: tuple[ServiceItem, ...] = (
    _item(1234567, "000715001000", "不动产转移登记", "QR", "natural-resources", 5, 14, 80),
    _item(1234567, "000715002000", "不动产抵押登记", "QR", "natural-resources", 3, 9, 80),
    _item(7654321, "000131001000", "企业设立登记", "QR", "market", 1, 9),
    _item(7654321, "000131006000", "食品经营许可", "XK", "market", 10, 8),
    _item(7654321, "000131012000", "个体工商户变更登记", "QR", "market", 0, 9),
    _item(2468135, "000514001000", "社会保障卡补办", "GG", "human-resources", 3, 10),
    _item(2468135, "000514009000", "养老保险待遇资格认证", "QR", "human-resources", 0, 9),
    _item(3691215, "000736004000", "异地就医费用报销", "GF", "health-insurance", 20, 8),
    _item(3691215, "000736002000", "城乡居民医保参保登记", "GG", "health-insurance", 0, 8),
    _item(1357924, "000109003000", "户口迁移", "QR", "police", 3, 6),
    _item(1357924, "000109001000", "居民身份证换领", "QR", "police", 20, 8, 20),
    _item(8642097, "000117010000", "建筑工程施工许可", "XK", "housing", 7, 2),
    _item(8642097, "000117021000", "住房公积金提取", "GG", "housing", 3, 6),
    _item(9517536, "000111004000", "最低生活保障金给付", "GF", "civil-affairs", 20, 5),
    _item(9517536, "000111015000", "残疾人两项补贴", "GF", "civil-affairs", 15, 4),
    _item(7531598, "000118003000", "道路运输经营许可", "XK", "transport", 10, 3),
    _item(8529637, "000120002000", "农村宅基地审批", "XK", "agriculture", 20, 4),
    _item(7418529, "000105011000", "义务教育入学登记", "GG", "education", 10, 4),
)  # fmt: skip

# Category -> weight, class above it, who is responsible.
_CATEGORIES: Mapping[str, tuple[int, str, str]] = {
    "城市管理": (1301, "社会管理", "urban"), "劳动保障": (1281, "公共服务", "human-resources"), "市容市貌": (716, "社会管理", "urban"),
    "消费维权": (709, "市场监管", "market"), "供水服务": (675, "公共服务", "housing"), "供气服务": (582, "公共服务", "housing"),
    "城乡规划": (400, "社会管理", "natural-resources"), "设施管理": (385, "社会管理", "urban"), "农村建设": (378, "社会管理", "agriculture"),
    "教育管理": (373, "公共服务", "education"), "农村管理": (368, "社会管理", "agriculture"), "污染防控": (365, "社会管理", "urban"),
    "车辆管理": (313, "社会管理", "police"), "公路管理": (311, "公共服务", "transport"), "供暖服务": (292, "公共服务", "housing"),
    "社会保障": (234, "公共服务", "human-resources"), "通讯服务": (204, "公共服务", "market"), "消防安全": (164, "社会管理", "emergency"),
    "卫生健康": (153, "公共服务", "health-insurance"), "旅游服务": (153, "公共服务", "education"), "社会福利": (145, "公共服务", "civil-affairs"),
    "城市客运": (133, "公共服务", "transport"), "便民服务": (98, "公共服务", "civil-affairs"), "社会治安": (90, "社会管理", "police"),
    "行风政风": (90, "党务政务", "civil-affairs"), "市场监管": (83, "市场监管", "market"), "税务管理": (71, "市场监管", "market"),
    "供电服务": (70, "公共服务", "housing"), "民政业务": (65, "公共服务", "civil-affairs"), "户政管理": (61, "社会管理", "police"),
    "政务服务": (57, "党务政务", "civil-affairs"), "市场管理": (57, "市场监管", "market"), "社会救助": (51, "公共服务", "civil-affairs"),
    "金融管理": (47, "市场监管", "market"), "公共卫生": (38, "公共服务", "health-insurance"), "食品安全": (27, "市场监管", "market"),
    "国土资源": (27, "社会管理", "natural-resources"), "不动产登记": (22, "公共服务", "natural-resources"), "企业服务": (19, "市场监管", "market"),
    "农业生产": (17, "社会管理", "agriculture"), "道路运输": (14, "公共服务", "transport"), "药品安全": (10, "市场监管", "market"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that people come about.

    Attributes:
        category: Of the hotline; ``above`` is the class that it belongs to.
        item: The service item in question; None for a trouble of the town or the village.
        troubles: What is wrong, each in words.
    """

    category: str
    above: str
    department: Department
    weight: float
    item: ServiceItem | None
    troubles: tuple[Trouble, ...]

    @property
    def name(self) -> str:
        return self.item.name if self.item is not None else self.category

    def in_month(self, month: int) -> float:
        """Its weight in that month, from 1 to 12."""
        return self.weight * SEASONS.get(self.category, EVEN)[month - 1]


TOWN_SUBJECTS: tuple[Subject, ...] = tuple(
    Subject(name, above, DEPARTMENTS[department], float(weight), None, TROUBLES[name])
    for name, (weight, above, department) in _CATEGORIES.items()
    if name in TROUBLES
)
ITEM_SUBJECTS: tuple[Subject, ...] = tuple(
    Subject(
        "政务服务",
        "党务政务",
        DEPARTMENTS[one.department],
        float(one.weight),
        one,
        ITEM_TROUBLES + TROUBLES_OF_ITEMS[one.name],
    )
    for one in ITEMS
)
REAL_ESTATE = ITEM_SUBJECTS[0]


def town_subject(rng: random.Random, month: int) -> Subject:
    """A trouble of town or village by the weights of that month."""
    return _draw(rng, TOWN_SUBJECTS, _sums(month))


def item_subject(rng: random.Random) -> Subject:
    """A trouble with a service item, by how often the item is asked for."""
    return _draw(rng, ITEM_SUBJECTS, _item_sums())


def of_category(name: str) -> Subject:
    """The trouble of that category."""
    return next(one for one in TOWN_SUBJECTS if one.category == name)


def _draw(rng: random.Random, subjects: Sequence[Subject], sums: Sequence[float]) -> Subject:
    return subjects[bisect(sums, rng.random() * sums[-1])]


@cache
def _sums(month: int) -> tuple[float, ...]:
    return tuple(accumulate(one.in_month(month) for one in TOWN_SUBJECTS))


@cache
def _item_sums() -> tuple[float, ...]:
    return tuple(accumulate(one.weight for one in ITEM_SUBJECTS))
