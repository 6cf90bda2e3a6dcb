"""The term that a cell sets: a day, so many working days, at once; pure, for `Channel.normalize` of sheets."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from hub.clock import COUNTY_ZONE
from hub.errors import RecordRejected
from hub.model.calendar import ChinaCalendar, working_days_due
from hub.sdk.readers.sheet_values import Cells

IN_WORDS = "DEADLINE_IN_WORDS"
RECKONED = "DEADLINE_RECKONED"
PROVISIONAL = "DEADLINE_PROVISIONAL"

_AT_ONCE = re.compile(r"(?:立行立改|立即|即时|当场|当日|当天|即改|马上|现场)(?:整改|完成|改正|办结)*")
_LENGTH = re.compile(
    r"(?P<number>\d{1,3}|[一二两三四五六七八九十]{1,3})个?(?P<unit>工作日|自然日|小时|天|日|周|星期|月)(?:之内|以内|内)?(?:整改|完成|办结|到位)*"
)
_BEFORE = re.compile(r"(?:之前|以前|底前|前)?(?:整改|完成|办结|到位)*$")
_LONGEST = 60  # of a cell that tells a term; whoever writes more writes no day, and a cell may hold a hundred thousand characters
_DAY_ALONE = re.compile(r"(?P<month>\d{1,2})月(?P<day>\d{1,2})日?")
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_DAYS = {"自然日": 1, "天": 1, "日": 1, "周": 7, "星期": 7, "月": 30}


class Term(NamedTuple):
    """A term and what there is to say of it.

    Attributes:
        at: Its end, UTC; None where the cell is empty or tells no end that can be reckoned, such as 尽快.
        at_once: The cell says that it bears no delay.
        quality: `IN_WORDS`; `RECKONED` for a length; `PROVISIONAL` where the holidays of a year on the way are not known yet.
    """

    at: datetime | None = None
    at_once: bool = False
    quality: tuple[str, ...] = ()


def term_in(cells: Cells, column: str, since: datetime, zone: tzinfo) -> Term:
    """The term of one cell.

    Args:
        cells: Of the row.
        column: Its name.
        since: Aware; when the term begins. Its own day is not counted.
        zone: In which a day is one, and of times without an offset.

    Returns:
        A day alone ends with the day, and without a year is the first such day from then on; working days and 当日 end with the office's last hour; hours run day and night; a month is 30 days.

    Raises:
        RecordRejected: It holds digits and is neither a length nor a time (``field_invalid``).

    Source: domain.md §3.1: two clocks must not be mixed; 民法典 articles 201 and 203.
    """
    words = cells.text(column)
    if words is None:
        return Term()
    text = "".join(unicodedata.normalize("NFKC", words).split()).rstrip("。.;；")
    if _AT_ONCE.fullmatch(text):
        return Term(_closing(since, 0, zone), at_once=True, quality=(RECKONED,))
    length = _LENGTH.fullmatch(text)
    if length is not None and (number := _number(length["number"])):
        return _after(since, number, length["unit"], zone)
    bare = _with_year(_BEFORE.sub("", text), since.astimezone(zone).date()) if len(text) <= _LONGEST else text
    try:
        moment = (cells if bare == text else cells.replaced(column, bare)).moment(column, zone)
    except RecordRejected:
        if any(sign.isdecimal() for sign in text):
            raise
        return Term(quality=(IN_WORDS,))
    if moment is None:
        return Term(quality=(IN_WORDS,))
    return Term(end_of_day(moment, zone))


def end_of_day(moment: datetime, zone: tzinfo) -> datetime:
    """The last second of a moment that is a day alone; any other as it is."""
    local = moment.astimezone(zone)
    whole_day = (local.hour, local.minute, local.second) == (0, 0, 0)
    return moment + timedelta(days=1, seconds=-1) if whole_day else moment


def _with_year(text: str, since: date) -> str:
    found = _DAY_ALONE.fullmatch(text)
    if found is None:
        return text
    is_past = (int(found["month"]), int(found["day"])) < (since.month, since.day)
    return f"{since.year + is_past}年{text}"


def _after(since: datetime, number: int, unit: str, zone: tzinfo) -> Term:
    if unit == "小时":
        return Term(since + timedelta(hours=number), quality=(RECKONED,))
    if unit != "工作日":
        return Term(_closing(since, number * _DAYS[unit], zone), quality=(RECKONED,))
    return _working_days(since.astimezone(COUNTY_ZONE).date(), number)


@lru_cache(maxsize=1_024)
def _working_days(day: date, number: int) -> Term:
    """Rows of one sheet share days and terms; the hour of the day makes no difference."""
    due = working_days_due(datetime.combine(day, time(), COUNTY_ZONE), number, ChinaCalendar(), "")
    return Term(due.at.astimezone(UTC), quality=(RECKONED, PROVISIONAL) if due.provisional else (RECKONED,))


def _closing(since: datetime, days: int, zone: tzinfo) -> datetime:
    day = since.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, ChinaCalendar().closes_at, zone).astimezone(UTC)


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS.get(text, 0) if len(text) == 1 else 0
    return (_DIGITS.get(tens, 0) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)
