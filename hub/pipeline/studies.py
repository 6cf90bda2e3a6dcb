"""The lists of study (R11–R13): each is made when it is asked for, and each leaves a record, an empty one as well.

Every function makes one list within the caller's transaction, from what is counted and observed by then, and may be called as often
as one likes: each call is a list of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from hub.model.series import SeriesKind, county_day, monday_of, start_of
from hub.model.study import Study, StudyKind
from hub.store import rollups, studies
from hub.store.engine import Connection
from hub.store.studies import Strain

if TYPE_CHECKING:
    from hub.detect.season import MonthForecast

WEEK: Final = timedelta(days=7)
BASELINE_WEEKS: Final = 8
FORMER_MONTHS: Final = 61
PERIOD: Final = timedelta(days=30)
BEFORE: Final = timedelta(weeks=8)
CASES_SINCE: Final = timedelta(days=186)
"""Cases applied for longer before the period are not looked at: hardly one is still being corrected."""
LEAST: Final = {"corrections": 3, "bad_ratings": 2, "overdue": 2}
LEAST_WAITS: Final = 5
WAITS_RISE: Final = 1.5


def top(
    connection: Connection, now: datetime, *, by: str, week: date | None = None, limit: int = 20
) -> Study:
    """咨询建议高频事项 (R11): the service items of which most was asked and suggested in a whole week, and how that has changed.

    Args:
        week: Any day of the week; the last one that is over when None. A week that still runs is counted as far as it got.
        limit: Entries at most.

    Returns:
        Entries ``rank``, ``item``, ``name``, ``observed``, ``last_week``, ``expected`` (mean of the eight weeks before; None without
        them), ``upper`` (two standard deviations of a Poisson count above), ``change`` (share; None where nothing was expected).
    """
    monday = monday_of(week) if week is not None else monday_of(county_day(now)) - WEEK
    first = rollups.first_day(connection)
    known = 0 if first is None else max(0, min(BASELINE_WEEKS, (monday - _whole_week(first)).days // 7))
    cells = rollups.cells(connection, [SeriesKind.ASKED_ITEM], monday - BASELINE_WEEKS * WEEK, monday + WEEK)
    by_item: dict[str, dict[date, int]] = {}
    for item, since, n in cells[SeriesKind.ASKED_ITEM]:
        by_item.setdefault(item, {})[since] = n
    found = sorted(
        ((weeks[monday], item, weeks) for item, weeks in by_item.items() if weeks.get(monday, 0) > 0),
        key=lambda one: (-one[0], one[1]),
    )[:limit]
    names = studies.item_names(
        connection, [item for _, item, _ in found], monday, monday + WEEK, of_cases=False
    )
    entries = []
    for rank, (n, item, weeks) in enumerate(found, start=1):
        past = sum(count for since, count in weeks.items() if monday - known * WEEK <= since < monday)
        expected = past / known if known else None
        entries.append(
            {
                "rank": rank,
                "item": item,
                "name": names.get(item, item),
                "observed": n,
                "last_week": weeks.get(monday - WEEK, 0),
                **_bounds(expected),
                "change": n / expected - 1 if expected else None,
            }
        )
    notes = [] if known == BASELINE_WEEKS else [f"此前完整统计只有{known}周，不足{BASELINE_WEEKS}周"]
    year, number, _ = monday.isocalendar()
    return studies.keep(connection, StudyKind.TOP, f"{year}-W{number:02d}", entries, notes, by=by, now=now)


def season(
    connection: Connection, now: datetime, *, by: str, month: date | None = None, limit: int = 20
) -> Study:
    """民情月历 (R12): what a month is expected to bring of cases of each service item, and of demands of each category.

    Args:
        month: Any day of the month that is forecast; next month when None. Nothing from the month before it on is used.
        limit: Entries at most of cases, and as many of demands; first what exceeds a usual month by most.

    Returns:
        Entries ``subject`` (``case_item`` or ``category``), ``key``, ``name``, ``expected``, ``lower``, ``upper``, ``monthly_mean``, ``ratio``,
        ``last_year`` (observed in the same month), ``years``, ``confidence``.
    """
    wanted = month.replace(day=1) if month is not None else _months_on(county_day(now), 1)
    issued = _months_on(wanted, -1)
    notes: list[str] = []
    entries: list[dict[str, Any]] = []
    for kind, begun, title in (
        (SeriesKind.CASE_ITEM_MONTH, studies.first_case_day(connection), "办件"),
        (SeriesKind.CATEGORY_MONTH, rollups.first_day(connection), "诉求"),
    ):
        since = _whole_month(begun) if begun is not None else issued
        if since > _months_on(wanted, -12):
            notes.append(f"{title}不足一年完整统计，没有去年同月，不作预测")
            continue
        entries += _forecasts(connection, kind, since, wanted, limit)
    if kind_names := [one["key"] for one in entries if one["subject"] == "case_item"]:
        names = studies.item_names(connection, kind_names, _months_on(wanted, -14), wanted, of_cases=True)
        for one in entries:
            one["name"] = names.get(one["key"], one["key"]) if one["subject"] == "case_item" else one["key"]
    if any(one["confidence"] == "low" for one in entries):
        notes.append("仅有一年同月数据的为低置信度")
    return studies.keep(connection, StudyKind.SEASON, f"{wanted:%Y-%m}", entries, notes, by=by, now=now)


def _forecasts(
    connection: Connection, kind: SeriesKind, since: date, wanted: date, limit: int
) -> list[dict[str, Any]]:
    from hub.detect.dense import monthly_counts
    from hub.detect.season import forecast_month

    issued = _months_on(wanted, -1)
    since = max(since, _months_on(issued, -FORMER_MONTHS))
    rows = [(key, day, float(n)) for key, day, n in rollups.cells(connection, [kind], since, issued)[kind]]
    dense = monthly_counts(rows, as_of=start_of(issued), since=since)
    told = forecast_month(dense.counts, dense.first, as_of=issued)
    last_year = {key: int(n) for key, day, n in rows if day == _months_on(wanted, -12)}
    order = sorted(
        (place for place in range(len(dense.keys)) if told.expected[place] >= 0.5),
        key=lambda place: (told.monthly_mean[place] - told.expected[place], dense.keys[place]),
    )
    subject = "case_item" if kind is SeriesKind.CASE_ITEM_MONTH else "category"
    return [
        {
            "subject": subject,
            "key": key,
            "name": key,
            **_told(told, place),
            "last_year": last_year.get(key, 0),
        }
        for place in order[:limit]
        for key in (dense.keys[place],)
    ]


def _told(told: MonthForecast, place: int) -> dict[str, Any]:
    mean = float(told.monthly_mean[place])
    return {
        "expected": round(float(told.expected[place]), 2),
        "lower": float(told.lower[place]),
        "upper": float(told.upper[place]),
        "monthly_mean": round(mean, 2),
        "ratio": round(float(told.ratio[place]), 3) if mean > 0 else None,
        "years": int(told.years[place]),
        "confidence": told.confidence[place].value,
    }


def risk(
    connection: Connection, now: datetime, *, by: str, until: date | None = None, limit: int = 50
) -> Study:
    """可能引发投诉事项 (R13): items and windows where corrections, waits, bad ratings or overdue cases rise.

    The 30 days before ``until`` are compared with the eight weeks before them; of counts a rise is more than two standard deviations (of
    a Poisson count), of waits half as long again.

    Args:
        until: The day after the period; today when None.
        limit: Entries at most: first where most rises.

    Returns:
        Entries ``subject`` (``item`` or ``window``), ``key``, ``name``, ``measures``: of each that rises ``observed``, ``expected``, ``upper`` (of
        waits in hours) and ``events``.
    """
    end = until if until is not None else county_day(now)
    since = end - PERIOD
    before = since - BEFORE
    told = studies.strains(connection, start_of(before), start_of(since), start_of(end), before - CASES_SINCE)
    by_subject: dict[tuple[str, str], list[Strain]] = {}
    for one in told:
        by_subject.setdefault((one.subject, one.key), []).append(one)
    entries: list[dict[str, Any]] = []
    for (subject, key), mine in by_subject.items():
        measures = {one.measure: rise for one in mine if (rise := _rise(one)) is not None}
        if measures:
            name = next((one.name for one in mine if one.name), key)
            entries.append({"subject": subject, "key": key, "name": name, "measures": measures})
    entries.sort(
        key=lambda one: (
            -len(one["measures"]),
            -max(rise["observed"] / max(rise["upper"], 1.0) for rise in one["measures"].values()),
            one["subject"],
            one["key"],
        )
    )
    begun = studies.first_case_day(connection)
    notes = []
    if begun is None or begun > before:
        notes.append("办件完整统计不足86天，此前的基线偏低")
    return studies.keep(connection, StudyKind.RISK, f"{end:%Y-%m-%d}", entries[:limit], notes, by=by, now=now)


def _rise(one: Strain) -> dict[str, Any] | None:
    if one.measure == "waits":
        if min(one.now, one.before) < LEAST_WAITS or one.hours_now is None or one.hours_before is None:
            return None
        upper = WAITS_RISE * one.hours_before
        if one.hours_now <= upper:
            return None
        return _rounded(one.hours_now, one.hours_before, upper, one.now)
    expected = one.before * (PERIOD / BEFORE)
    bounds = _bounds(expected)
    if one.now < LEAST[one.measure] or one.now <= bounds["upper"]:
        return None
    return _rounded(one.now, expected, bounds["upper"], one.now)


def _rounded(observed: float, expected: float, upper: float, events: int) -> dict[str, Any]:
    return {
        "observed": round(float(observed), 2),
        "expected": round(float(expected), 2),
        "upper": round(float(upper), 2),
        "events": events,
    }


def _bounds(expected: float | None) -> dict[str, Any]:
    if expected is None:
        return {"expected": None, "upper": None}
    return {"expected": round(expected, 2), "upper": round(expected + 2.0 * sqrt(max(expected, 1.0)), 2)}


def _whole_week(first: date) -> date:
    return first if first.weekday() == 0 else monday_of(first) + WEEK


def _whole_month(first: date) -> date:
    return first if first.day == 1 else _months_on(first, 1)


def _months_on(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def latest(connection: Connection, kind: StudyKind, limit: int = 20) -> Sequence[Study]:
    """The lists of one kind that were made, newest first."""
    return studies.kept(connection, kind, limit)
