"""The times that stand in a mail: its Date, its topmost Received, and the line of a quoted mail."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

# Python reads CST as North America's; in this county it is China's.
_CHINA = re.compile(r"\s*(?:\(?CST\)?|GMT\s*\+\s*0?8(?::?00)?|UTC\s*\+\s*0?8(?::?00)?)\s*\Z", re.IGNORECASE)
_ZONE_COMMENT = re.compile(r"\s*\([^()]*\)\s*\Z")
_NUMBERS = re.compile(
    r"(?P<year>(?:19|20)\d\d)\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?\s*"
    r"(?:[T,，]|\(?\s*(?:星期|周)[一二三四五六日天]\s*\)?|[（(][^()（）]{1,8}[)）])*\s*"
    r"(?:(?P<half>上午|下午|晚上|凌晨|中午|AM|PM)?\s*(?P<hour>\d{1,2})\s*[:：时]\s*(?P<minute>\d{1,2})(?:\s*[:：分]\s*(?P<second>\d{1,2}))?)?"
    r"\s*(?P<half_after>AM|PM)?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"(?:[A-Za-z]+,?\s+)?(?P<month>January|February|March|April|May|June|July|August|September|October|November|December|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})(?:\s+at|,)?\s+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half_after>AM|PM)?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EARLIEST = 1990


def header_time(text: str) -> datetime | None:
    """The time that a Date or Received header names; naive where it names no zone (``-0000`` says the same), None where it is no time."""
    text = " ".join(text.split())
    zone_given = _CHINA.search(text)
    if zone_given is not None:
        text = text[: zone_given.start()] + " +0800"
    elif re.search(r"[+-]\d{4}", text):
        text = _ZONE_COMMENT.sub("", text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return written_time(text)
    return moment if moment.year >= _EARLIEST else None


def written_time(text: str) -> datetime | None:
    """The time in a line such as ``2026年11月20日(星期五) 上午10:21`` or ``November 20, 2026 10:21 AM``; naive where no zone stands.

    A day without an hour is no time.
    """
    found = _NUMBERS.search(text) or _ENGLISH.search(text)
    if found is None:
        return _mail_program_time(text)
    given = found.groupdict()
    if given.get("hour") is None:
        return None
    month = given["month"]
    number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
    hour = _hour(int(given["hour"]), (given.get("half") or given.get("half_after") or "").upper())
    try:
        moment = datetime(
            int(given["year"]), number, int(given["day"]), hour, int(given["minute"]), int(given.get("second") or 0),
            tzinfo=_zone(given.get("zone")),
        )  # fmt: skip
    except ValueError:
        return None
    return moment if moment.year >= _EARLIEST else None


def _mail_program_time(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _hour(hour: int, half: str) -> int:
    if half in ("下午", "晚上", "PM") and hour < 12:
        return hour + 12
    if half in ("上午", "凌晨", "AM") and hour == 12:
        return 0
    return hour


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
