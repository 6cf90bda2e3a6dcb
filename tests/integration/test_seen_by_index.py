"""What rules ask of cases, ratings and the like is found by an index, however many there are."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.builtin.rules import CASE_RULES
from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.case import Case
from hub.sdk.rules import EVER
from hub.seal import KeyRing
from hub.store import seen
from hub.store.engine import Store, driver
from hub.store.history import StoreHistory
from hub.store.spans import asked
from tests.support.judging import County, local, plugins_with

ASKED = [
    ("case", "item", "item_code"),
    ("case", "window", "window_no"),
    ("case", "organisation", "COALESCE(organisation_code, organisation)"),
    ("case", "case_no", "case_no"),
    ("rating", "case_no", "case_no"),
    ("rating", "device", "device_no"),
    ("rating", "item", "item_code"),
    ("rating", "window", "window_no"),
    ("finding", "item", "item_code"),
    ("finding", "window", "window_no"),
    ("monitor_event", "item", "item_code"),
    ("monitor_event", "window", "window_no"),
    ("warning", "organisation", "organisation"),
    ("warning", "item", "item_code"),
    ("warning", "window", "window_no"),
    ("warning", "post", "post"),
]


@pytest.mark.parametrize(("kind", "subject", "column"), ASKED)
@pytest.mark.parametrize("question", [seen.query, seen.daily_query], ids=["seen", "daily"])
def test_each_question_is_one_look_into_an_index(store: Store, question, kind, subject, column) -> None:
    source, values = asked({"x": EVER})
    with store.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are empty
        plan = driver(connection).execute(f"EXPLAIN {question(kind, subject, source)}", values)
        found = [row[0].strip() for row in plan]
    conditions = [line for line in found if line.startswith("Index Cond")]
    assert any(f"{column}" in line and "= (k.key)" in line for line in conditions), found


def test_cases_are_counted_by_day_of_the_county(store: Store, ring: KeyRing) -> None:
    clock = ManualClock(local(2026, 11, 16, 10))
    county = County(store, ring, clock, plugins_with(own=CASE_RULES[:1]))
    midnight = datetime(2026, 11, 10, tzinfo=COUNTY_ZONE)
    moments = [
        midnight - timedelta(minutes=1),
        midnight,
        midnight + timedelta(hours=23),
        midnight + timedelta(days=2),
    ]
    county.observe(
        *(
            Case(source_no=f"C{n}", case_no=f"C{n}", applied_at=at, item_code="I1", organisation="县住建局")
            for n, at in enumerate(moments)
        ),
        Case(source_no="C9", case_no="C9", applied_at=midnight, item_code="I1", deleted=True),
    )
    with store.begin() as connection:
        history = StoreHistory(connection, clock.now())
        counted = history.daily(
            "case", "item", {"I1": (midnight - timedelta(days=9), clock.now()), "I2": EVER}
        )
        by_organisation = history.daily(
            "case", "organisation", {"县住建局": (midnight, midnight + timedelta(days=1))}
        )
    days = [(date(2026, 11, 9), 1), (date(2026, 11, 10), 2), (date(2026, 11, 12), 1)]
    assert counted == {"I1": days}
    assert by_organisation == {"县住建局": [(date(2026, 11, 10), 2)]}
