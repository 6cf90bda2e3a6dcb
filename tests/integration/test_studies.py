"""研判清单: what is asked most, what next month brings, what may become a complaint; each list leaves its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.case import Case, Correction
from hub.model.codes import DemandType, RatingLevel
from hub.model.observation import Observation
from hub.model.rating import Rating
from hub.model.study import Study, StudyKind
from hub.pipeline import studies
from hub.pipeline.collect import CollectDeps
from hub.seal import KeyRing
from hub.store import rollups
from hub.store.engine import Store
from tests.integration.test_collect import collected
from tests.integration.test_observations import observing, raw
from tests.support.desk import Desk
from tests.support.judging import County, local
from tests.support.scripted import played, source

MONDAY = date(2026, 11, 16)
ITEM = "1" * 31


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def made(county: County, list_of: Any, **asked: Any) -> Study:
    with county.store.begin() as connection:
        study: Study = list_of(connection, county.clock.now(), by="王科长", **asked)
    return study


def asking(
    county: County, item: str, weeks: Sequence[int], kind: DemandType = DemandType.CONSULTATION
) -> list[Any]:
    """Demands of that kind about an item, so many a week, ending with the week of 16 November."""
    return [
        county.demand(
            at=local(2026, 11, 16, 9) - timedelta(weeks=back, hours=-number),
            item_code=item,
            item_name=f"事项{item[:1]}",
            demand_type=kind,
            text=f"咨询{item}{back}{number}",
        )
        for back, n in enumerate(reversed(weeks))
        for number in range(n)
    ]


@pytest.mark.requirement("R11")
def test_the_items_asked_most_in_a_week_are_ranked_with_their_change_against_the_baseline(
    county: County,
) -> None:
    county.judged(
        *asking(county, ITEM, [4] * 9 + [6]),
        *asking(county, "2" * 31, [0] * 9 + [3], DemandType.SUGGESTION),
        *asking(county, "3" * 31, [0] * 9 + [40], DemandType.COMPLAINT),
    )
    study = made(county, studies.top)
    assert study.period == "2026-W47"
    assert [
        (one["rank"], one["item"], one["name"], one["observed"], one["last_week"]) for one in study.entries
    ] == [
        (1, ITEM, "事项1", 6, 4),
        (2, "2" * 31, "事项2", 3, 0),
    ]
    first, second = study.entries
    assert (first["expected"], first["change"]) == (4.0, 0.5)
    assert first["upper"] == 8.0
    assert (second["expected"], second["change"]) == (0.0, None)
    assert [one["item"] for one in made(county, studies.top, limit=1).entries] == [ITEM]
    assert made(county, studies.top, week=date(2026, 11, 11)).entries[0]["observed"] == 4


@pytest.mark.requirement("R11")
def test_a_list_with_nothing_in_it_leaves_its_record_too(county: County) -> None:
    for list_of in (studies.top, studies.season, studies.risk):
        assert made(county, list_of).entries == ()
    assert county.rows("SELECT kind, period, made_by, entries FROM study ORDER BY study_id") == [
        ("top", "2026-W47", "王科长", 0),
        ("season", "2026-12", "王科长", 0),
        ("risk", "2026-11-23", "王科长", 0),
    ]
    with county.store.begin() as connection:
        (kept,) = studies.latest(connection, StudyKind.SEASON)
    assert kept.notes == (
        "办件不足一年完整统计，没有去年同月，不作预测",
        "诉求不足一年完整统计，没有去年同月，不作预测",
    )


@pytest.fixture
def seen(deps: CollectDeps, clock: ManualClock) -> Any:
    """Collects observations."""

    minutes = count()

    def see(*said: Observation) -> None:
        records = [raw(one.source_no, one, minute=next(minutes)) for one in said]
        assert collected(deps, observing(source(played(records), clock, instance="eye"))).quarantined == 0

    return see


def listed(store: Store, list_of: Any, **asked: Any) -> Study:
    with store.begin() as connection:
        study: Study = list_of(connection, local(2026, 11, 23, 10), by="job", **asked)
    return study


def a_case(number: int, applied: datetime, **fields: Any) -> Case:
    return Case(
        source_no=f"P{number}",
        case_no=f"C{number}",
        item_code=ITEM,
        item_name="不动产登记",
        organisation="县自然资源局",
        window_no="3",
        applied_at=applied,
        **fields,
    )


@pytest.mark.requirement("R12")
def test_next_months_cases_of_an_item_are_forecast_from_the_same_month_of_former_years(
    store: Store, seen: Any
) -> None:
    months = [(year, month) for year in (2024, 2025, 2026) for month in range(1, 13)][:34]
    times = [
        local(year, month, 1 + number, 9)
        for year, month in months
        for number in range(20 if month == 12 else 4)
    ]
    seen(*(a_case(number, at) for number, at in enumerate(times)))
    study = listed(store, studies.season)
    (one,) = study.entries
    assert (study.period, one["subject"], one["key"], one["name"]) == (
        "2026-12",
        "case_item",
        ITEM,
        "不动产登记",
    )
    assert one["expected"] == pytest.approx(20, abs=1)
    assert one["lower"] < 20 < one["upper"]
    assert (one["last_year"], one["years"], one["confidence"]) == (20, 2, "usual")
    assert one["ratio"] > 3
    (low,) = listed(store, studies.season, month=date(2025, 12, 1)).entries
    assert (low["years"], low["confidence"]) == (1, "low")


@pytest.mark.requirement("R12")
def test_a_case_that_is_told_anew_or_gone_is_counted_where_it_stands(store: Store, seen: Any) -> None:
    def months() -> list[Any]:
        with store.begin() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT key, since, sum(n)::int FROM rollup WHERE kind = 'case_item_month' GROUP BY 1, 2 HAVING sum(n) <> 0"
                    )
                )
            )

    seen(a_case(1, local(2026, 10, 5)), a_case(2, local(2026, 10, 6)))
    assert months() == [(ITEM, date(2026, 10, 1), 2)]
    seen(a_case(1, local(2026, 9, 30)).model_copy(update={"as_of": local(2026, 11, 1)}))
    assert sorted(months()) == [(ITEM, date(2026, 9, 1), 1), (ITEM, date(2026, 10, 1), 1)]
    seen(a_case(2, local(2026, 10, 6)).model_copy(update={"deleted": True}))
    assert months() == [(ITEM, date(2026, 9, 1), 1)]


@pytest.mark.requirement("R13")
def test_items_and_windows_where_trouble_rises_are_listed_and_those_as_ever_are_not(
    store: Store, seen: Any
) -> None:
    def correction(at: datetime) -> dict[str, Any]:
        return {"corrections": (Correction(no="1", asked_at=at),)}

    old, new = local(2026, 9, 20, 9), local(2026, 11, 10, 9)
    seen(
        # Waits: four hours before, ten now; corrections: two before, six now; overdue as ever.
        *(
            a_case(n, old, accepted_at=old + timedelta(hours=4), **(correction(old) if n < 2 else {}))
            for n in range(6)
        ),
        *(a_case(10 + n, new, accepted_at=new + timedelta(hours=10), **correction(new)) for n in range(6)),
        a_case(20, old, due_at=old + timedelta(days=3)),
        a_case(21, new, due_at=new + timedelta(days=3), finished_at=new + timedelta(days=2)),
        *(
            Rating(
                source_no=f"R{n}",
                rated_at=new,
                level=RatingLevel(level),
                item_code="9" * 31,
                item_name="社保卡",
            )
            for n, level in enumerate((1, 2, 1, 1, 5, 5))
        ),
        Rating(source_no="R9", rated_at=new, level=RatingLevel.BAD, item_code="8" * 31),
    )
    study = listed(store, studies.risk)
    found = {(one["subject"], one["key"]): one for one in study.entries}
    assert set(found) == {("item", ITEM), ("window", "县自然资源局 3"), ("item", "9" * 31)}
    trouble = found["item", ITEM]["measures"]
    assert set(trouble) == {"corrections", "waits"}
    assert trouble["waits"] == {"observed": 10.0, "expected": 4.0, "upper": 6.0, "events": 6}
    assert (trouble["corrections"]["observed"], trouble["corrections"]["expected"]) == (6.0, 1.07)
    assert found["item", "9" * 31]["measures"]["bad_ratings"]["observed"] == 4.0
    assert found["item", "9" * 31]["name"] == "社保卡"


@pytest.mark.requirement("R13")
@pytest.mark.parametrize(("hours", "rises"), [(6, False), (6.5, True)])
def test_waits_rise_when_they_are_half_as_long_again(
    store: Store, seen: Any, hours: float, rises: bool
) -> None:
    old, new = local(2026, 9, 20, 9), local(2026, 11, 10, 9)
    seen(
        *(a_case(n, old, accepted_at=old + timedelta(hours=4)) for n in range(6)),
        *(a_case(10 + n, new, accepted_at=new + timedelta(hours=hours)) for n in range(6)),
    )
    assert {one["subject"] for one in listed(store, studies.risk).entries} == (
        {"item", "window"} if rises else set()
    )


@pytest.mark.requirement("R13")
@pytest.mark.parametrize(("late", "rises"), [(3, False), (4, True)])
def test_overdue_cases_rise_when_they_are_more_than_chance_gives(
    store: Store, seen: Any, late: int, rises: bool
) -> None:
    old, new = local(2026, 9, 20, 9), local(2026, 11, 10, 9)
    seen(
        # Two in eight weeks: 1.07 in 30 days, 3.14 at most.
        *(
            a_case(n, old, due_at=old + timedelta(days=3), finished_at=old + timedelta(days=4))
            for n in range(2)
        ),
        *(
            a_case(10 + n, new, due_at=new + timedelta(days=3), finished_at=new + timedelta(days=4))
            for n in range(late)
        ),
        *(
            a_case(20 + n, new, due_at=new + timedelta(days=3), finished_at=new + timedelta(days=2))
            for n in range(9)
        ),
    )
    found = [set(one["measures"]) for one in listed(store, studies.risk).entries]
    assert found == ([{"overdue"}] * 2 if rises else [])


@pytest.mark.parametrize("command", [("report", "top"), ("report", "season"), ("report", "risk")])
def test_the_command_gives_each_list_for_people_and_for_programs_and_says_that_it_is_empty(
    desk: Desk, command: tuple[str, str]
) -> None:
    _, which = command
    said = desk.hub(*command)
    assert said.code == 0, said.err
    title = {"top": "咨询建议高频事项", "season": "民情月历", "risk": "可能引发投诉事项"}[which]
    assert said.out.startswith(title)
    assert {"top": "No service item", "season": "There is no former year", "risk": "Nothing rises"}[
        which
    ] in said.out
    document = desk.hub(*command, "--json", "--by", "王科长").document
    assert (document["title"], document["made_by"], document["entries"]) == (title, "王科长", [])
    listed = desk.hub("report", "made", which, "--json").document["studies"]
    assert [one["study_id"] for one in listed] == [2, 1]
    assert json.dumps(listed[0]["entries"]) == "[]"
    assert desk.hub("report", "made", which).code == 0


def test_the_command_shows_a_table_and_refuses_what_is_no_date(desk: Desk) -> None:
    desk.same_person_three_times()
    assert desk.hub("run", "once").code == 0
    desk.rows("UPDATE demand SET demand_type = 'consultation', item_name = '不动产登记'")
    with desk.opened() as hub, hub.store.begin() as connection:
        rollups.recount(connection)
    days = [row.day for row in desk.rows("SELECT day FROM counted ORDER BY day DESC LIMIT 1")]
    said = desk.hub("report", "top", "--week", days[0].isoformat())
    assert "不动产登记" in said.out
    assert "新" in said.out or "+" in said.out or "–" in said.out
    refused = desk.hub("report", "top", "--week", "gestern")
    assert refused.code == 2
    assert "is no date" in refused.err
