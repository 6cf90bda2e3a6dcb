"""What is counted over time (条口、块口、事项): the names of series, and which of them a demand or a case belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from hub.clock import COUNTY_ZONE
from hub.model.codes import DemandType
from hub.model.demand import DemandFacts

SEPARATOR: Final = ":"
WITHIN: Final = "|"
"""Between a region and what is counted in it: ``411521004000|供水``."""

LONGEST_KEY: Final = 200
"""Characters of a category or an item that tell it from others."""

ASKING: Final = frozenset({DemandType.CONSULTATION, DemandType.SUGGESTION})
"""咨询 and 建议, which the weekly list of R11 counts."""


class SeriesKind(StrEnum):
    """What the keys of a series are, and over what its cases are added up."""

    CATEGORY = "category"
    """Demands of a category, by week."""
    REGION_CATEGORY = "region_category"
    """Demands of a category in a town, by week."""
    ITEM = "item"
    """Demands about a service item, by week."""
    ASKED_ITEM = "asked_item"
    """Of these 咨询 and 建议 alone, by week."""
    REGION = "region"
    """Demands in a town or village, by day."""
    CATEGORY_MONTH = "category_month"
    ITEM_MONTH = "item_month"
    CASE_ITEM_MONTH = "case_item_month"
    """Cases applied for, by service item and month."""


WEEKLY: Final = (
    SeriesKind.CATEGORY,
    SeriesKind.REGION_CATEGORY,
    SeriesKind.ITEM,
    SeriesKind.ASKED_ITEM,
    SeriesKind.REGION,
)
"""The kinds that weeks are judged of."""


def series(kind: SeriesKind, key: str) -> str:
    """A series as a rule's key: ``category:供水``."""
    return f"{kind.value}{SEPARATOR}{key}"


def kind_of_series(name: str) -> tuple[SeriesKind, str]:
    """Kind and key of a series.

    Raises:
        ValueError: It begins with no kind.
    """
    kind, separator, key = name.partition(SEPARATOR)
    if not separator or not key:
        raise ValueError(
            f"{name!r} is no series (expected a kind of {[one.value for one in SeriesKind]}, ':', a key)"
        )
    return SeriesKind(kind), key


def town_of(region_code: str | None) -> str | None:
    """The town's code of twelve digits in which the region lies or which it is; None for a county or larger, or no region code."""
    code = region_code or ""
    if len(code) not in (9, 12) or not (code.isascii() and code.isdecimal()) or code[6:9] == "000":
        return None
    return f"{code[:9]}000"


def village_of(region_code: str | None) -> str | None:
    """The village's own code; None for anything larger."""
    code = region_code or ""
    return code if town_of(code) is not None and len(code) == 12 and code[9:] != "000" else None


@dataclass(frozen=True, slots=True)
class Counted:
    """What one demand or case counts as.

    Attributes:
        counted_id: Its demand_id or case_id.
        day: The county's date; None: it does not count (deleted, void, the same as another one, praise, urging).
        category: Source's or person's category.
        town: Twelve digits.
        village: Twelve digits.
        item: Code of the service item, else its name.
        asks: Whether it is 咨询 or 建议.
        is_case: A case, not a demand.
    """

    counted_id: str
    day: date | None
    category: str | None = None
    town: str | None = None
    village: str | None = None
    item: str | None = None
    asks: bool = False
    is_case: bool = False

    def cells(self) -> Iterator[tuple[SeriesKind, str, date]]:
        """Each series that it adds one to, and the first day of the week, month or day in which it does."""
        if self.day is None:
            return
        week, month = monday_of(self.day), self.day.replace(day=1)
        if self.is_case:
            if self.item:
                yield SeriesKind.CASE_ITEM_MONTH, self.item, month
            return
        if self.category:
            yield SeriesKind.CATEGORY, self.category, week
            yield SeriesKind.CATEGORY_MONTH, self.category, month
            if self.town:
                yield SeriesKind.REGION_CATEGORY, f"{self.town}{WITHIN}{self.category}", week
        for region in (self.town, self.village):
            if region:
                yield SeriesKind.REGION, region, self.day
        if self.item:
            yield SeriesKind.ITEM, self.item, week
            yield SeriesKind.ITEM_MONTH, self.item, month
            if self.asks:
                yield SeriesKind.ASKED_ITEM, self.item, week


def counts(demand: DemandFacts) -> bool:
    """Whether a demand that stands is one of those counted: praise is no trouble, and urging an open order is no new demand."""
    return demand.demand_type is not DemandType.PRAISE and not demand.chases_open_order


def series_of(demand: DemandFacts) -> Iterator[tuple[SeriesKind, str]]:
    """The series by week or day that this demand belongs to, whether it counts or not."""
    facts = Counted(
        demand.demand_id,
        date.min,
        (demand.category or "")[:LONGEST_KEY] or None,
        town_of(demand.region_code),
        village_of(demand.region_code),
        (demand.item_code or demand.item_name or "")[:LONGEST_KEY] or None,
        demand.demand_type in ASKING,
    )
    for kind, key, _ in facts.cells():
        if kind in WEEKLY:
            yield kind, key


def county_day(moment: datetime) -> date:
    """The county's date at an aware moment."""
    return moment.astimezone(COUNTY_ZONE).date()


def monday_of(day: date) -> date:
    """The Monday of the week in which the day lies."""
    return day - timedelta(days=day.weekday())


def start_of(day: date) -> datetime:
    """The moment at which the day begins in the county, aware."""
    return datetime(day.year, day.month, day.day, tzinfo=COUNTY_ZONE)
