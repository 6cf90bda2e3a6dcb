"""The lives of cases: accepted, stepped through, suspended, corrected, finished in time or late, and rated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from hub.clock import COUNTY_ZONE
from hub.county.world.people import People
from hub.county.world.speaking import case_number
from hub.county.world.subjects import ITEMS, ServiceItem
from hub.county.world.voices import CaseNews, MonitorNews, RatingNews, Step, later

_REMARKS = {
    5: ("", "", "", "服务很好", "办得快", "一次办成"),
    4: ("", "", "比较满意"),
    3: ("", "一般", "等得久"),
    2: ("排了两个小时才说材料不全", "答复含糊，白跑一趟", "等待时间太长"),
    1: ("工作人员态度生硬，问一句答一句", "说好的时间没有办好，也没有人解释", "来了三回都说系统坏了"),
}
_EVENTS = (
    ("ALARM_EXPIRED", 1, "承诺件临近承诺时限"),
    ("NODE_TIMEOUT", 1, "环节办理时间超过规定"),
    ("NO_MATERIAL_LIST", 3, "未上传材料清单"),
    ("FEE_MISMATCH", 4, "收费与标准不一致"),
)
_CAMERA = ("窗口无人值守超过15分钟", "工作人员使用手机", "未着工装", "排队超过20人")
_HOURS_A_DAY = 24.0
# What is in hand today ends by itself; few cases are forgotten for good, and a rule that says so is right.
_FORGOTTEN = 0.0005
# A term of so many working days ends at the close of office of that calendar day at the earliest, whatever the hour of acceptance; and of a day
# on which the clock stood still for some hours nothing is left out.
_BEFORE_CLOSE, _BROKEN_DAY = 7.0, 24.0


@dataclass(frozen=True, slots=True)
class CaseFate:
    """What is to become of a case where chance is not to decide.

    Attributes:
        late_days: Calendar days over the promised term; negative: so many before its end. None: chance.
        corrections: How often material is asked for again.
        suspended: Whether a special procedure stops the clock.
        level: Of its rating, from 1 (the worst); 0: none. None: chance.
        open: Whether it is still in hand at the end.
    """

    late_days: float | None = None
    corrections: int = 0
    suspended: bool = False
    level: int | None = None
    open: bool = False


class Cases:
    """Makes the lives of cases."""

    def __init__(self, people: People) -> None:
        self._people = people

    def life(
        self,
        rng: random.Random,
        serial: int,
        applied_at: datetime,
        fate: CaseFate | None = None,
        item: ServiceItem | None = None,
    ) -> list[CaseNews | RatingNews]:
        """A case each time that its system writes it anew, and its rating, in the order of time."""
        fate = fate if fate is not None else _chance(rng)
        item = item if item is not None else rng.choices(ITEMS, [one.weight for one in ITEMS])[0]
        applied_at = applied_at.replace(microsecond=0)
        enterprise = (
            self._people.enterprise(rng.randrange(6_000))
            if item.department in ("market", "transport", "housing")
            else None
        )
        case = CaseNews(
            case_number(serial, applied_at.astimezone(COUNTY_ZONE)),
            applied_at,
            item,
            enterprise.owner if enterprise is not None else self._people.anybody(rng),
            enterprise,
            applied_at,
            None,
            None,
            window=f"{rng.choice('ABC')}{rng.randrange(1, 13):02d}"
            if rng.random() < 0.6
            else f"N{rng.randrange(1, 4):02d}",
            staff=f"LS{rng.randrange(1, 240):04d}",
        )
        news: list[CaseNews | RatingNews] = list(_course(rng, case, fate))
        last = news[-1]
        level = fate.level if fate.level is not None else _level(rng)
        if level and isinstance(last, CaseNews) and last.finished_at is not None:
            news.append(_rating(rng, last, level, later(last.finished_at, minutes=rng.uniform(1, 60))))
        return news

    def monitor(self, rng: random.Random, serial: int, at: datetime, case: CaseNews | None) -> MonitorNews:
        """Something that the eagle-eye reports of a case, or, without one, by a camera."""
        at = at.replace(microsecond=0)
        number = f"600521{at.astimezone(COUNTY_ZONE):%y%m%d}{serial:06d}"
        if case is None:
            return MonitorNews(
                number, later(at, minutes=1), at, "WINDOW_NORM", 7, 1, rng.choice(_CAMERA), rng.choice(ITEMS).department,
                camera=f"LS-C-{rng.randrange(1, 90):03d}", confirmed=rng.random() < 0.5, window=f"A{rng.randrange(1, 13):02d}",
            )  # fmt: skip
        rule, anomaly, reason = rng.choice(_EVENTS)
        return MonitorNews(
            number, later(at, minutes=1), at, rule, anomaly, rng.choice((1, 1, 2, 3)), reason, case.item.department,
            case_no=case.number, window=case.window,
        )  # fmt: skip


def flawed(news: CaseNews | RatingNews | MonitorNews, flaw: str) -> CaseNews | RatingNews | MonitorNews:
    """The same, unusable."""
    return replace(news, flaw=flaw)


def _chance(rng: random.Random) -> CaseFate:
    return CaseFate(
        corrections=int(rng.random() < 0.06), suspended=rng.random() < 0.03, open=rng.random() < _FORGOTTEN
    )


def _level(rng: random.Random) -> int:
    """Nearly everybody rates well, half of them not at all. Source: domain.md §5, 243 bad ones of two million."""
    if rng.random() < 0.2:
        return 0
    return rng.choices((5, 4, 3, 2, 1), (9_000, 900, 98, 1.2, 0.8))[0]


def _course(rng: random.Random, case: CaseNews, fate: CaseFate) -> Iterator[CaseNews]:
    item = case.item
    asked: list[tuple[datetime, datetime | None]] = []
    moment = case.applied_at
    yield case
    for _ in range(fate.corrections):
        opened = later(moment, hours=rng.uniform(0.5, 8))
        moment = later(opened, hours=rng.uniform(4, 60))
        asked.append((opened, moment))
        case = replace(case, corrections=tuple(asked), changed_at=moment)
        yield case
    accepted = later(moment, minutes=rng.uniform(2, 240))
    steps = [Step("SL", "受理", case.applied_at, accepted)]
    case = replace(case, accepted_at=accepted, changed_at=accepted, steps=tuple(steps))
    yield case
    if fate.open:
        return
    if item.promised_days == 0:
        end = later(accepted, minutes=rng.uniform(3, 60))
    else:
        late = fate.late_days if fate.late_days is not None else -rng.uniform(0.1, 0.8) * item.promised_days
        # A working week is seven calendar days long.
        hours = _HOURS_A_DAY * max(0.1, item.promised_days * 7 / 5 + late)
        if fate.late_days is None:
            # What chance does not make late is in time by any calendar.
            sure = _HOURS_A_DAY * item.promised_days - _BEFORE_CLOSE - _BROKEN_DAY * fate.suspended
            hours = min(hours, max(sure, _HOURS_A_DAY * 0.1))
        end = later(accepted, hours=hours)
    stopped: list[tuple[datetime, datetime | None]] = []
    if fate.suspended and item.promised_days:
        began = later(accepted, seconds=(end - accepted).total_seconds() * rng.uniform(0.1, 0.6))
        stopped.append((began, None))
        yield replace(case, suspended=tuple(stopped), changed_at=began)
        resumed = later(began, hours=rng.uniform(24, 240))
        stopped[0] = (began, resumed)
        end = later(end, seconds=(resumed - began).total_seconds())
        case = replace(case, suspended=tuple(stopped), changed_at=resumed)
        yield case
    since = stopped[0][1] if stopped and stopped[0][1] is not None else accepted
    checked = later(since, seconds=(end - since).total_seconds() * rng.uniform(0.3, 0.9))
    steps += [Step("SH", "审核", accepted, checked), Step("JD", "决定", checked, end)]
    yield replace(case, steps=tuple(steps), finished_at=end, changed_at=end, granted=rng.random() < 0.97)


def _rating(rng: random.Random, case: CaseNews, level: int, at: datetime) -> RatingNews:
    return RatingNews(
        f"500521{case.number[6:]}",
        at,
        case.number,
        case.item,
        level,
        rng.choice(("keypad", "keypad", "qr", "sms")),
        case.applicant if level <= 2 or rng.random() < 0.3 else None,
        rng.choice(_REMARKS[level]),
        case.window,
        case.staff,
    )
