"""The narrow row of each demand, from which the rules count: in the end it says what the demand is, whoever wrote it last."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.codes import DemandStatus
from hub.pipeline.why import recompute
from hub.sdk.rules import EVER
from hub.seal import KeyRing
from hub.store import migrate, outlines
from hub.store.engine import Store
from hub.store.outlines import Outlines
from tests.support.hubs import until
from tests.support.judging import County

PHONE, OTHER = "13812340001", "13812340002"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
# What stands in the narrow rows, and what ought to, put together by joins.
DIFFERENT = """
SELECT o.demand_id, o.status, d.status FROM demand d
LEFT JOIN demand_category c USING (demand_id) LEFT JOIN matter_member m USING (demand_id)
LEFT JOIN demand_link l USING (demand_id) FULL JOIN demand_outline o USING (demand_id)
WHERE (o.submitted_at, o.received_at, o.channel, o.demand_type, o.status, o.urgency, o.reporter_key, o.declared_group_size,
    o.chases_open_order, o.category, o.place_id, o.item_code, o.item_name, o.target_org, o.matter_id, o.counts, o.cell)
IS DISTINCT FROM (d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key, d.declared_group_size,
    d.chases_open_order, coalesce(c.l2, d.category), d.place_id, d.item_code, d.item_name, d.target_org, m.matter_id,
    NOT d.deleted AND d.status <> 'void' AND l.demand_id IS NULL, d.place_id || '|' || nullif(coalesce(c.l2, d.category), ''))
"""


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def test_a_row_follows_its_demand_when_it_changes_ends_goes_or_turns_out_to_be_another(
    county: County,
) -> None:
    first, second, third, fourth = county.repeat(PHONE, 4, 3, 2, 1)
    county.judged()
    assert county.value("SELECT count(*) FROM demand_outline WHERE counts") == 4
    assert county.rows(DIFFERENT) == []
    county.receive(first.model_copy(update={"status": DemandStatus.CLOSED, "category": "供水服务"}))
    county.receive(second, deleted=True)
    county.receive(third.model_copy(update={"status": DemandStatus.VOID}))
    county.receive(county.demand(no="twice", days=0.5, prev_source_no=fourth.source_no, phone=OTHER))
    assert county.rows(DIFFERENT) != []
    county.judged()
    assert county.rows(DIFFERENT) == []
    assert county.value("SELECT count(*) FROM demand_outline WHERE counts") == 3
    county.receive(second)
    county.judged()
    assert county.rows(DIFFERENT) == []
    assert county.value("SELECT count(*) FROM demand_outline WHERE counts") == 4


@pytest.mark.parametrize("stood_before", [False, True])
def test_who_read_a_demand_before_it_changed_does_not_write_over_who_read_it_after(
    county: County, stood_before: bool
) -> None:
    demand = county.demand(phone=PHONE)
    if stood_before:
        county.judged(demand)
        demand = demand.model_copy(update={"category": "供水服务"})
    county.receive(demand)
    demand_id = county.value("SELECT demand_id FROM demand")
    with ThreadPoolExecutor(1) as pool, county.store.begin() as earlier:
        outlines.keep(earlier, [demand_id])
        county.receive(demand.model_copy(update={"status": DemandStatus.CLOSED}))

        def later() -> None:
            with county.store.begin() as connection:
                outlines.keep(connection, [demand_id])

        waits = pool.submit(later)
        until(lambda: waits.done() or county.value(WAITING) > 0, "the later to wait, or to be done")
        earlier.commit()
        waits.result()
    assert county.rows(DIFFERENT) == []
    assert county.value("SELECT status FROM demand_outline") == "closed"


def test_what_one_rule_has_read_the_next_is_given_without_the_database(county: County) -> None:
    county.repeat(PHONE, 3, 2, 1)
    county.judged()
    now, day = county.clock.now(), timedelta(days=1)
    key = county.value("SELECT reporter_key FROM demand LIMIT 1")
    with county.store.begin() as connection:
        read = Outlines(connection)
        assert len(read.read("reporter", {key: (now - 3 * day, now)})[key]) == 3
        connection.execute(text("UPDATE demand_outline SET counts = false"))
        within = read.read("reporter", {key: (now - 2 * day, now - day), "nobody": EVER})
        assert [one.submitted_at for one in within[key]] == [now - 2 * day]
        assert "nobody" not in within
        # Beyond what was read it asks again, and then knows.
        assert read.read("reporter", {key: EVER}) == {}


def test_a_signal_is_recomputed_from_what_its_demands_say_now_and_nothing_is_written(county: County) -> None:
    demands = county.repeat(PHONE, 0, 1, 2)
    county.judged()
    one = county.signal()
    county.receive(demands[0], deleted=True)
    assert recompute(county.deps, one.signal_id).differs == ("condition",)
    assert county.value("SELECT count(*) FROM demand_outline WHERE counts") == 3


_SHAPE = (
    "SELECT table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT * FROM demand_outline ORDER BY demand_id",
    "SELECT * FROM warning ORDER BY warning_id",
)


def _to(county: County, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with county.store.begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)


def test_a_filled_database_goes_back_to_before_the_narrow_rows_and_comes_again_as_it_was(
    county: County,
) -> None:
    first, second, *_ = county.repeat(PHONE, 4, 3, 2, 1)
    county.judged()
    county.triage()
    county.receive(second, deleted=True)
    county.judged(first.model_copy(update={"status": DemandStatus.CLOSED, "category": "供水服务"}))
    before = [county.rows(statement) for statement in _SHAPE]
    _to(county, command.downgrade, "0018")
    _to(county, command.upgrade, "head")
    assert [county.rows(statement) for statement in _SHAPE] == before
    assert county.rows(DIFFERENT) == []
