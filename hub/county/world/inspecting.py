"""Who goes and looks: inspectors by day and by week, windows at themselves, observers who walk the way, leaders who visit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, time

from hub.clock import COUNTY_ZONE
from hub.county.world.places import Hall
from hub.county.world.rhythm import is_working_day
from hub.county.world.speaking import Speaker
from hub.county.world.subjects import ITEMS
from hub.county.world.voices import FoundLine, Visit, later

# Source: domain.md §2, R8: the nine domains of the checklist.
CHECKS: tuple[tuple[str, str, str], ...] = (
    ("服务供给", "进驻事项是否应进必进", "有三个事项仍在部门办理"),
    ("服务保障", "自助设备是否完好", "自助机缺纸，无人补充"),
    ("服务能力", "窗口人员是否熟悉事项", "新到岗人员不熟悉材料清单"),
    ("服务质效", "是否一次性告知", "未出具一次性告知书"),
    ("标准化建设", "办事指南是否为最新", "办事指南仍为旧版本"),
    ("厅容厅貌", "标识标牌是否清晰", "楼层指引牌脱落"),
    ("环境秩序", "等候区是否有序", "等候区座椅不足，群众站着等"),
    ("文明形象", "着装挂牌是否规范", "一名工作人员未挂牌"),
    ("满意度提升", "评价器是否引导使用", "未引导群众评价"),
)
STEPS = ("咨询", "预约", "受理", "审批", "办理", "出证")
POINTS = ("焦点", "难点", "痛点")
AUTHORITIES = ("县委", "县政府", "县人大", "县政协", "县纪委监委", "县审计局")
TRAITS = ("影响差", "阻力大", "协调难", "苗头性", "倾向性", "群诉隐患")
_PROPOSALS = (
    "建议把材料清单做成样表贴在窗口",
    "建议午间不断岗",
    "建议把三个窗口合成一个综合窗口",
    "建议系统之间共享营业执照信息",
    "建议增设帮办代办岗",
)
_ORDERS = ("请牵头单位三日内拿出整改方案", "举一反三，全面排查", "请督查室跟踪问效", "限期整改，结果报办公室")


class Inspecting:
    """Makes visits: those of a day, or one at a moment."""

    def __init__(self, speaker: Speaker) -> None:
        halls = speaker.places.halls
        self._county = halls[0]
        self._towns = tuple(hall for hall in halls if hall.level == "town")
        self._villages = tuple(hall for hall in halls if hall.level == "village")

    def on(self, rng: random.Random, day: date) -> Iterator[Visit]:
        """The visits of a working day, in no order of time."""
        yield self.inspection(rng, _at(rng, day), 1, "日巡查", self._county)
        if rng.random() < 0.25:
            yield self.inspection(rng, _at(rng, day), 2, "窗口自查", self._county)
        if day.weekday() == 4 or (
            day.weekday() == 3 and not is_working_day(date.fromordinal(day.toordinal() + 1))
        ):
            yield self.inspection(rng, _at(rng, day), 3, "周督查", self._county)
            yield self.inspection(rng, _at(rng, day), 4, "周督查", rng.choice(self._towns))
        if rng.random() < 0.4:
            yield self.inspection(rng, _at(rng, day), 5, "常态化巡检", rng.choice(self._villages))
        if rng.random() < 0.3:
            yield self.walk(rng, _at(rng, day), 1)
        if rng.random() < 0.08:
            yield self.visit(rng, _at(rng, day), 1)

    def daily(self, rng: random.Random, at: datetime, serial: int) -> Visit:
        """The daily round of the county's hall."""
        return self.inspection(rng, at, serial, "日巡查", self._county)

    def weekly(self, rng: random.Random, at: datetime, serial: int) -> Visit:
        """The weekly round, somewhere in the townships."""
        return self.inspection(rng, at, serial, "周督查", rng.choice(self._towns))

    def inspection(self, rng: random.Random, at: datetime, serial: int, kind: str, hall: Hall) -> Visit:
        """An inspection with its checklist, of which a few lines are not as they should be."""
        at = at.replace(microsecond=0)
        lines = tuple(
            FoundLine(domain, text, fault if rng.random() < 0.12 else None)
            for domain, text, fault in rng.sample(CHECKS, rng.randrange(4, 10))
        )
        item = rng.choice(ITEMS)
        return Visit(
            "inspection", f"XC{at.astimezone(COUNTY_ZONE):%Y%m%d}{serial:04d}", later(at, minutes=rng.uniform(30, 400)), at, kind, hall, rng.choice(hall.windows),
            f"巡查组{rng.randrange(1, 5)}", lines, item, item.department, rectify_by=later(at, days=rng.choice((1, 3, 7))),
        )  # fmt: skip

    def walk(self, rng: random.Random, at: datetime, serial: int) -> Visit:
        """An observer's walk-through (走流程), or his proposal."""
        at, item = at.replace(microsecond=0), rng.choice(ITEMS)
        step = rng.choice(STEPS)
        line = FoundLine(
            step,
            f"{item.name}{step}环节",
            rng.choice((None, f"{step}环节等候过长", f"{step}环节重复提交材料")),
        )
        return Visit(
            "observer", f"JD{at.astimezone(COUNTY_ZONE):%Y%m%d}{serial:04d}", later(at, hours=rng.uniform(1, 30)), at, rng.choice(("走流程", "提建议")), self._county,
            rng.choice(self._county.windows), f"监督员{rng.randrange(1, 41):03d}", (line,), item, item.department,
            text=rng.choice(_PROPOSALS), trait=rng.choice(POINTS),
        )  # fmt: skip

    def visit(self, rng: random.Random, at: datetime, serial: int) -> Visit:
        """A leader's visit, what he pointed out and what he ordered."""
        at, item = at.replace(microsecond=0), rng.choice(ITEMS)
        _, text, fault = rng.choice(CHECKS)
        return Visit(
            "leader_visit", f"SC{at.astimezone(COUNTY_ZONE):%Y%m%d}{serial:04d}", later(at, hours=rng.uniform(2, 48)), at, rng.choice(AUTHORITIES), self._county, "A01",
            rng.choice(AUTHORITIES), (FoundLine("视察", text, fault),), item, item.department,
            text=rng.choice(_ORDERS), trait=rng.choice(TRAITS), rectify_by=later(at, days=15),
        )  # fmt: skip


def _at(rng: random.Random, day: date) -> datetime:
    return datetime.combine(day, time(rng.choice((9, 10, 11, 15, 16)), rng.randrange(60)), COUNTY_ZONE)
