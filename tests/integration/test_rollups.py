"""How many by week, month and day: equal to counting the demands anew, whatever became of them and whoever counted."""

from __future__ import annotations

import random
import runpy
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.codes import DemandStatus, DemandType
from hub.model.series import Counted, SeriesKind, town_of, village_of
from hub.pipeline import evaluate
from hub.seal import KeyRing
from hub.store import migrations, rollups
from hub.store.engine import Store, driver
from tests.support.judging import County, local

TOWNS = ("411521001000", "411521002000", "411521002201", None, "411521000000", "411521")
VERSIONS = Path(next(iter(migrations.__path__))) / "versions"
CATEGORIES = ("供水服务", "城市管理", None)
WORDS = "物业长期不清运垃圾，楼道里堆满杂物没有人管"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def stored(county: County) -> Counter[tuple[str, str, date]]:
    """Every cell that is not nought."""
    rows = county.rows("SELECT kind, key, since, sum(n)::int FROM rollup GROUP BY 1, 2, 3 HAVING sum(n) <> 0")
    return Counter({(kind, key, since): n for kind, key, since, n in rows})


def by_hand(county: County) -> Counter[tuple[str, str, date]]:
    """The cells as the demands themselves tell them: the oracle."""
    found: Counter[tuple[str, str, date]] = Counter()
    for row in county.rows(
        "SELECT d.*, coalesce(c.l2, d.category) AS seen FROM demand d LEFT JOIN demand_category c USING (demand_id) WHERE NOT deleted AND status <> 'void' AND NOT chases_open_order AND demand_type <> 'praise' "
        "AND demand_id NOT IN (SELECT demand_id FROM demand_link)"
    ):
        day = row.submitted_at.astimezone(COUNTY_ZONE).date()
        week, month = day - timedelta(days=day.weekday()), day.replace(day=1)
        code = row.region_code or ""
        town = code[:9] + "000" if len(code) >= 9 and code[6:9] != "000" else None
        item = row.item_code or row.item_name
        wanted: list[tuple[str, str | None, date]] = [
            ("category", row.seen, week),
            ("category_month", row.seen, month),
            ("region_category", town and row.seen and f"{town}|{row.seen}", week),
            ("region", town, day),
            ("region", code if town and len(code) == 12 and not code.endswith("000") else None, day),
            ("item", item, week),
            ("item_month", item, month),
            ("asked_item", item if row.demand_type in ("consultation", "suggestion") else None, week),
        ]
        found.update((kind, key, since) for kind, key, since in wanted if key)
    return found


def any_demand(county: County, chance: random.Random, no: str) -> Any:
    return county.demand(
        no=no,
        days=chance.uniform(0, 120),
        phone=f"138123{chance.randint(10_000, 10_020)}",
        text=WORDS if chance.random() < 0.5 else f"第{chance.randint(1, 9)}次反映{WORDS}",
        category=chance.choice(CATEGORIES),
        region_code=chance.choice(TOWNS),
        item_code=chance.choice(("1" * 31, None)),
        item_name=chance.choice(("不动产登记", None)),
        demand_type=chance.choice(tuple(DemandType)),
        status=chance.choice((DemandStatus.PENDING,) * 5 + (DemandStatus.VOID,)),
        chases_open_order=chance.random() < 0.1,
    )


def a_history(county: County, chance: random.Random, steps: int = 60, prefix: str = "N") -> None:
    """Demands come late, change, go, come back, are read again and come by another route; nothing is judged yet."""
    known: list[str] = []
    for step in range(steps):
        turn = chance.random()
        if turn < 0.5 or not known:
            no = f"{prefix}{step:04d}"
            known.append(no)
            county.receive(any_demand(county, chance, no))
        elif turn < 0.8:
            county.receive(any_demand(county, chance, chance.choice(known)))
        elif turn < 0.9:
            county.receive(any_demand(county, chance, chance.choice(known)), deleted=True)
        else:
            again = [row.demand_id for row in county.rows("SELECT demand_id FROM demand")]
            with county.store.begin() as connection:
                rollups.count_demands(connection, sorted(chance.sample(again, min(5, len(again)))))
        county.clock.advance(chance.uniform(0, 3_600))
        if chance.random() < 0.3:
            assert county.evaluate().ok


@pytest.mark.requirement("R31")
@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_what_the_demands_say_after_any_history(county: County, seed: int) -> None:
    a_history(county, random.Random(seed))
    assert county.evaluate().ok
    assert stored(county) == by_hand(county)
    with county.store.begin() as connection:
        rollups.fold(connection)
    assert stored(county) == by_hand(county)
    kept = stored(county)
    with county.store.begin() as connection:
        rollups.recount(connection)
    assert stored(county) == kept


def test_looking_again_at_what_stands_changes_no_count(county: County) -> None:
    county.judged(*(any_demand(county, random.Random(7), f"N{n}") for n in range(30)))
    before = county.rows("SELECT count(*), sum(n) FROM rollup")
    ids = [row.demand_id for row in county.rows("SELECT demand_id FROM demand ORDER BY 1")]
    with county.store.begin() as connection:
        assert rollups.count_demands(connection, ids) == 0
    assert county.rows("SELECT count(*), sum(n) FROM rollup") == before


def test_a_demand_that_came_by_another_route_counts_once_and_again_when_the_other_goes(
    county: County,
) -> None:
    first = county.demand(no="H1", phone="13812345678", text=WORDS, category="供水服务", days=2)
    county.judged(first)
    also = county.demand(
        no="W1", phone="13812345678", text="另有说明", category="供水服务", days=1, assigned_no="H1"
    )
    from tests.integration.test_routes import through

    through(county, "window", also)
    total = "SELECT coalesce(sum(n), 0) FROM rollup WHERE kind = 'category_month' AND key = '供水服务'"
    assert county.value(total) == 1
    county.receive(first, deleted=True)
    assert county.evaluate().ok
    assert county.value(total) == 1
    through(county, "window", also, deleted=True)
    assert county.value(total) == 0


@pytest.mark.parametrize("seed", range(2))
def test_processes_that_count_the_same_demands_at_once_count_each_of_them_once(
    county: County, seed: int
) -> None:
    chance = random.Random(seed)
    for no in range(40):
        county.receive(any_demand(county, chance, f"N{no:03d}"))
    ids = [row.demand_id for row in county.rows("SELECT demand_id FROM demand ORDER BY 1")]
    start = threading.Barrier(4)

    def count(turn: int) -> None:
        own = random.Random(turn)
        start.wait(30)
        for _ in range(15):
            with county.store.begin() as connection:
                rollups.count_demands(connection, sorted(own.sample(ids, 12)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
        reports = [pool.submit(evaluate.run, county.deps) for _ in range(4)]
        assert all(report.result().ok for report in reports)
    assert stored(county) == by_hand(county)


def test_a_state_that_comes_while_another_process_counts_is_what_counts_in_the_end(county: County) -> None:
    county.receive(county.demand(no="N1", category="供水服务"))
    (row,) = county.rows("SELECT demand_id FROM demand")
    with county.store.begin() as slow:
        rollups.count_demands(slow, [row.demand_id])
        county.receive(county.demand(no="N1", category="城市管理"))
        done = threading.Event()

        def count() -> None:
            with county.store.begin() as connection:
                rollups.count_demands(connection, [row.demand_id])
            done.set()

        other = threading.Thread(target=count)
        other.start()
        assert not done.wait(0.3), "what is being counted is waited for"
    other.join(30)
    assert {key for kind, key, _ in stored(county) if kind == "category"} == {"城市管理"}


def test_the_border_of_a_week_is_sunday_midnight_in_the_county(county: County) -> None:
    county.judged(
        county.demand(at=local(2026, 11, 15, 23, 59, 59), category="供水服务"),
        county.demand(at=local(2026, 11, 16, 0, 0), category="供水服务"),
    )
    with county.store.begin() as connection:
        found = rollups.cells(connection, [SeriesKind.CATEGORY], date(2026, 11, 1), date(2026, 12, 1))
    assert found[SeriesKind.CATEGORY] == [
        ("供水服务", date(2026, 11, 9), 1),
        ("供水服务", date(2026, 11, 16), 1),
    ]


def test_a_category_as_long_as_a_letter_is_counted_by_its_beginning(county: County) -> None:
    county.judged(county.demand(category="噪" * 5_000, item_name="事" * 5_000))
    assert {len(key) for _, key, _ in stored(county)} == {200}


@pytest.mark.parametrize(
    ("code", "town", "village"),
    [
        ("411521004201", "411521004000", "411521004201"),
        ("411521004000", "411521004000", None),
        ("411521004", "411521004000", None),
        ("411521000000", None, None),
        ("411521", None, None),
        ("四一一五二一〇〇四", None, None),
        ("41152100420x", None, None),
        (None, None, None),
    ],
)
def test_a_region_code_tells_its_town_and_its_village(
    code: str | None, town: str | None, village: str | None
) -> None:
    assert (town_of(code), village_of(code)) == (town, village)


def test_what_does_not_count_has_no_cells() -> None:
    assert list(Counted("01", None, "供水服务").cells()) == []


def test_migrating_a_full_database_counts_what_stands_in_it(county: County) -> None:
    a_history(county, random.Random(11), steps=30)
    assert county.evaluate().ok
    kept = stored(county)
    revision = runpy.run_path(str(VERSIONS / "0012_weekly.py"))
    county.rows("WITH a AS (DELETE FROM rollup), b AS (DELETE FROM counted) SELECT 1")
    with county.store.begin() as connection:
        for statement in revision["STATEMENTS"]:
            if statement.strip().startswith("INSERT"):
                driver(connection).cursor().execute(statement)
    assert kept
    assert stored(county) == kept
