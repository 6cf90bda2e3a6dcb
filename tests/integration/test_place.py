"""The place of a demand: found before the rules see it, found again with a new gazetteer, never against what the source said."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.model.demand import DemandFacts
from hub.model.place import PlaceEntry, RegionEntry
from hub.pipeline import evaluate
from hub.sdk.rules import WarningRule
from hub.seal import KeyRing
from hub.store import places
from hub.store.engine import Store
from hub.store.history import facts_of
from hub.store.places import GazetteerApplied
from tests.support.judging import COUNTY, County, plugins_with

REGIONS = [
    {"code": "411521", "name": "示例县"},
    {"code": "411521001", "name": "宝城街道"},
    {"code": "411521004", "name": "周党镇"},
    {"code": "411521004001", "name": "上河村村民委员会"},
]
PLACES = [
    {"id": "jx1", "name": "锦绣花园", "kind": "estate", "region_code": "411521001"},
    {"id": "jx2", "name": "锦绣花园", "kind": "estate", "region_code": "411521004001"},
]


class ByPlace(WarningRule):
    """One key a place."""

    rule_id, title, version, subject = "T01", "按地点", "1", "demand"
    seen: list[str | None] = []

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        self.seen.append(demand.place_id)
        return ()

    def evaluate(self, keys, history):
        return ()


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    ByPlace.seen = []
    return County(store, ring, clock, plugins_with(ByPlace))


def bring(county: County, regions: Any = REGIONS, places_given: Any = PLACES) -> GazetteerApplied:
    with county.store.begin() as connection:
        return places.put(
            connection,
            regions and [RegionEntry.model_validate(one) for one in regions],
            places_given
            if places_given is None
            else [PlaceEntry.model_validate(one) for one in places_given],
            "测试",
            county.clock.now(),
        )


def placed(county: County) -> dict[str, tuple[Any, ...]]:
    rows = county.rows(
        "SELECT source_no, place_id, place_candidates, region_code, region_by_place, quality FROM demand ORDER BY source_no"
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_without_a_gazetteer_nothing_is_looked_for(county: County) -> None:
    county.judged(county.demand(text="上河村停电", no="A"))
    assert placed(county) == {"A": (None, None, None, False, [])}


def test_a_demand_gets_its_place_and_region_before_the_rules_see_it(county: County) -> None:
    bring(county)
    report = county.judged(county.demand(text="上河村停电", no="A"), county.demand(text="没有水", no="B"))
    assert placed(county) == {
        "A": ("411521004001", None, "411521004001", True, []),
        "B": (None, None, None, False, []),
    }
    assert report.counts["placed"] == 1
    assert sorted(ByPlace.seen, key=str) == ["411521004001", None]
    assert county.rows("SELECT * FROM demand_history") == []


def test_the_sealed_address_is_looked_at_and_its_house_stands_nowhere_in_plain(county: County) -> None:
    bring(county)
    county.judged(county.demand(text="没有水", address="示例县宝城街道锦绣花园3号楼501室", no="A"))
    assert placed(county)["A"][0] == "jx1"
    assert "501" not in str(county.rows("SELECT to_jsonb(d) - 'sealed' FROM demand d"))


def test_a_name_in_two_towns_stays_open_with_its_candidates_until_the_region_tells(county: County) -> None:
    bring(county)
    county.judged(
        county.demand(text="锦绣花园停水", no="A"),
        county.demand(text="锦绣花园停水", region_code="411521004", no="B"),
    )
    assert placed(county)["A"][:3] == (None, ["jx1", "jx2"], None)
    assert placed(county)["B"][:3] == ("jx2", None, "411521004")


@pytest.mark.parametrize(
    ("region", "flags"),
    [
        ("411521001", ["PLACE_REGION_CONFLICT"]),
        ("411521004999", ["PLACE_REGION_CONFLICT", "UNKNOWN_REGION"]),
        ("411521", []),
        ("4115", []),
        ("乱码", ["BAD_REGION"]),
    ],
)
def test_what_the_source_says_of_the_region_stays_and_a_contradiction_is_a_soft_flag(
    county: County, region: str, flags: list[str]
) -> None:
    bring(county)
    county.judged(county.demand(text="上河村停电", region_code=region, no="A"))
    assert placed(county)["A"] == ("411521004001", None, region, False, flags)


def test_a_state_that_is_sent_again_keeps_its_place_and_a_new_address_moves_it(county: County) -> None:
    bring(county)
    first = county.demand(text="上河村停电", no="A")
    county.judged(first)
    county.clock.advance(seconds=60)
    county.receive(first.model_copy(update={"labels": ("急",)}))
    assert placed(county)["A"][:4] == ("411521004001", None, "411521004001", True)
    assert county.evaluate().counts["placed"] == 0
    county.clock.advance(seconds=60)
    county.judged(first.model_copy(update={"content": "宝城街道锦绣花园停电"}))
    assert placed(county)["A"][:4] == ("jx1", None, "411521001000", True)
    county.clock.advance(seconds=60)
    county.judged(first.model_copy(update={"region_code": "411521004"}))
    assert placed(county)["A"][:4] == ("411521004001", None, "411521004", False)


def test_a_new_gazetteer_moves_what_is_stored_and_the_rules_look_at_that_again(county: County) -> None:
    county.judged(county.demand(text="老桥头塌了", no="A"), county.demand(text="没有水", no="B"))
    ByPlace.seen.clear()
    bridge = {"id": "qt", "name": "老桥头", "kind": "public", "region_code": "411521001"}
    first = bring(county, places_given=[bridge])
    assert (first.new, first.waiting) == (True, 2)
    report = county.evaluate()
    assert (report.counts["placed"], report.counts["demands"]) == (1, 1)
    assert placed(county)["A"][:3] == ("qt", None, "411521001000")
    assert ByPlace.seen == ["qt", None]  # what it is, and what it was
    assert bring(county, places_given=[bridge]) == GazetteerApplied(first.version, False, 4, 1)
    assert not any(county.evaluate().counts.values())
    bring(county, regions=None, places_given=[])
    assert county.evaluate().counts["placed"] == 1
    assert placed(county)["A"] == (None, None, None, False, [])


def test_what_another_process_holds_is_placed_a_little_later(county: County) -> None:
    bring(county)
    county.receive(county.demand(text="上河村停电", no="A"), county.demand(text="上河村停水", no="B"))
    with county.store.begin() as other:
        other.exec_driver_sql("UPDATE demand SET updated_at = updated_at WHERE source_no = 'A'")
        county.evaluate()
        assert [one[0] for one in placed(county).values()] == [None, "411521004001"]
    county.clock.advance(seconds=5)
    assert county.evaluate().counts["placed"] == 0
    county.clock.advance(seconds=10)
    ByPlace.seen.clear()
    assert county.evaluate().counts["placed"] == 1
    assert "411521004001" in ByPlace.seen


def test_processes_side_by_side_while_the_gazetteer_changes_end_with_the_newest_everywhere(
    county: County, ring: KeyRing, clock: ManualClock
) -> None:
    bring(county)
    for part in range(6):
        county.receive(*(county.demand(text="上河村停电", no=f"{part}-{n}") for n in range(20)))
    others = [County(county.store, ring, clock, batch=1) for _ in range(3)]
    renamed = [{"id": "new", "name": "上河村", "kind": "village", "region_code": "411521004001"}]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(one.evaluate) for one in others]
        pool.submit(bring, county, None, renamed).result()
        for one in running:
            assert one.result().ok
    clock.advance(seconds=60)
    county.evaluate()
    assert {row[0] for row in placed(county).values()} == {"new"}
    assert county.value("SELECT count(*) FROM place_work") == 0


def test_a_process_that_dies_while_placing_loses_nothing(county: County, monkeypatch: Any) -> None:
    bring(county)
    county.receive(county.demand(text="上河村停电", no="A"))

    def dies(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as broken, pytest.raises(MemoryError):
        broken.setattr(places, "write", dies)
        county.evaluate()
    county.evaluate()
    assert placed(county)["A"][0] == "411521004001"


def test_a_place_that_a_person_confirmed_stays(county: County) -> None:
    bring(county)
    first = county.demand(text="上河村停电", no="A")
    county.judged(first)
    with county.store.begin() as connection:
        connection.exec_driver_sql("UPDATE demand SET place_id = 'jx2', confirmed = '{place_id}'")
    county.clock.advance(seconds=60)
    county.judged(first.model_copy(update={"content": "宝城街道锦绣花园停电"}))
    assert placed(county)["A"][0] == "jx2"


def test_a_sealed_value_that_does_not_open_leaves_the_masked_words(county: County) -> None:
    bring(county)
    county.receive(county.demand(text="上河村停电", no="A"))
    with county.store.begin() as connection:
        connection.exec_driver_sql("UPDATE demand SET sealed = '\\x00'")
    county.evaluate()
    assert placed(county)["A"][0] == "411521004001"


def test_the_facts_of_rules_name_the_place(county: County) -> None:
    bring(county)
    county.judged(county.demand(text="上河村停电", no="A"))
    with county.store.begin() as connection:
        (facts,) = facts_of(connection, [county.value("SELECT demand_id FROM demand")])
    assert (facts.place_id, facts.region_code) == ("411521004001", "411521004001")


def test_the_configuration_document_brings_a_gazetteer_and_leaves_it_alone_where_it_has_none(
    county: County,
) -> None:
    done = county.configure({**COUNTY, "regions": REGIONS, "places": PLACES})
    assert (done.gazetteer.new, done.gazetteer.regions, done.gazetteer.places) == (True, 4, 2)
    assert not county.configure({**COUNTY, "regions": REGIONS, "places": PLACES}).new
    again = county.configure(COUNTY)
    assert (again.gazetteer.new, again.gazetteer.places) == (False, 2)
    assert county.value("SELECT document ? 'places' FROM config_version LIMIT 1") is False
    assert county.value("SELECT jsonb_array_length(document->'places') FROM gazetteer_version") == 2
    county.configure({**COUNTY, "places": []})
    assert county.rows("SELECT * FROM place") == []


def test_a_place_in_a_region_that_nobody_knows_changes_nothing(county: County) -> None:
    bring(county)
    with pytest.raises(ConfigError, match="411522001000 is not among the regions"):
        bring(
            county, regions=None, places_given=[{"id": "x", "name": "别处花园", "region_code": "411522001"}]
        )
    assert county.value("SELECT count(*) FROM place") == 2


def test_a_gazetteer_is_placed_by_while_new_demands_wait_for_nothing_behind_it(county: County) -> None:
    county.judged(*(county.demand(text="上河村停电") for _ in range(4)))
    bring(county)
    county.receive(county.demand(text="上河村停水", no="NEW"))
    evaluate.run(county.deps, max_batches=1)
    assert placed(county)["NEW"][0] == "411521004001"
    assert county.value("SELECT count(*) FROM demand WHERE place_id IS NULL") == 4
    county.evaluate()
    assert county.value("SELECT count(*) FROM demand WHERE place_id IS NULL") == 0
