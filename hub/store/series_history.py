"""What `hub.store.history` answers about series (`hub.model.series`): whole days of the county, from the roll-ups."""

from __future__ import annotations

from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection

from hub.model.series import county_day, monday_of, start_of
from hub.store import rollups
from hub.store.spans import Spans

MOST_NAMED = 500
"""Demands of a series that are named for one episode at most, the latest."""


def demand_ids(connection: Connection, spans: Spans) -> dict[str, list[str]]:
    """For each series the demands that it counts on the days of its span; a series without one is absent."""
    days = {name: (county_day(since), county_day(until)) for name, (since, until) in spans.items()}
    return rollups.demands_of_series(connection, days, MOST_NAMED)


def weekly(connection: Connection, spans: Spans) -> dict[str, list[tuple[datetime, int]]]:
    """For each series its cases by week, of the weeks or days that begin in its span."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    ordered = sorted(spans, key=lambda name: spans[name])
    for (since, until), group in groupby(ordered, key=lambda name: spans[name]):
        told = rollups.cells_of_series(connection, list(group), county_day(since), county_day(until))
        for name, cells in told.items():
            sums: dict[date, int] = {}
            for day, n in cells:
                sums[monday_of(day)] = sums.get(monday_of(day), 0) + n
            found[name] = [(start_of(monday), n) for monday, n in sorted(sums.items())]
    return found
