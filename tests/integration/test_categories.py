"""The category of a demand: decided before the rules see it, again with another catalogue, never over a source's or a person's word."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.model.demand import DemandFacts
from hub.sdk.rules import WarningRule
from hub.seal import KeyRing
from hub.store import categories
from hub.store.engine import Store
from hub.store.history import facts_of
from hub.text.category_catalogue import own_catalogue
from tests.support.judging import COUNTY, County, plugins_with

WATER = {"code": "0301", "l1": "公共服务", "name": "供水服务", "words": ["停水"]}
migration = import_module("hub.store.migrations.versions.0010_categories")
BRIDGE = {"code": "X1", "l1": "公共服务", "name": "老桥维护", "words": ["老桥头"], "sources": ["桥梁/老桥"]}


class ByCategory(WarningRule):
    """Sees the categories, and makes no signal of them."""

    rule_id, title, version, subject = "T01", "按类别", "1", "demand"
    seen: list[tuple[str, str | None]] = []

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        self.seen.append((demand.source_no, demand.category))
        return ()

    def evaluate(self, keys, history):
        return ()


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    ByCategory.seen = []
    return County(store, ring, clock, plugins_with(ByCategory))


def bring(county: County, **section: Any) -> categories.CatalogueApplied:
    return county.configure({**COUNTY, "categories": section}).catalogue


def decided(county: County) -> dict[str, tuple[Any, ...]]:
    rows = county.rows(
        "SELECT d.source_no, c.l1, c.l2, c.decided_by, c.suggested FROM demand_category c JOIN demand d USING (demand_id) "
        "ORDER BY d.source_no"
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def seen_by_rules(county: County) -> dict[str, str | None]:
    with county.store.begin() as connection:
        ids = [row[0] for row in county.rows("SELECT demand_id FROM demand")]
        return {one.source_no: one.category for one in facts_of(connection, ids)}


def person(county: County, no: str, name: str) -> bool:
    entry = own_catalogue().named(name)
    assert entry is not None
    demand_id = county.value("SELECT demand_id FROM demand WHERE source_no = :no", no=no)
    with county.store.begin() as connection:
        done = categories.confirm(connection, demand_id, entry, "catalogue hub", "张", county.clock.now())
        if done:
            categories.seen_again(connection, [demand_id], county.clock.now())
    return done


@pytest.mark.requirement("R55")
def test_a_demand_without_a_category_gets_one_from_the_catalogues_words_before_the_rules_see_it(
    county: County,
) -> None:
    report = county.judged(
        county.demand(text="锦绣花园停水三天，打供水热线占线", no="A"),
        county.demand(text="超市买的电饭锅坏了，商家不退货", no="B"),
    )
    assert decided(county) == {
        "A": ("公共服务", "供水服务", "catalogue", None),
        "B": ("市场监管", "消费维权", "catalogue", None),
    }
    assert report.counts["categorized"] == 2
    assert sorted(ByCategory.seen) == [("A", "供水服务"), ("B", "消费维权")]
    assert county.value("SELECT count(*) FROM demand_history") == 0


def test_what_the_words_do_not_tell_apart_waits_for_a_person_with_the_likeliest(county: County) -> None:
    county.judged(county.demand(text="停水又停电", no="A"), county.demand(text="你好", no="B"))
    assert decided(county)["A"][1:3] == (None, "catalogue")
    assert decided(county)["A"][3] in ("0301", "0302")
    assert decided(county)["B"] == (None, None, "catalogue", None)
    with county.store.begin() as connection:
        assert {one["title"] for one in categories.waiting(connection, 10)} == {"停水又停电", "你好"}
    assert seen_by_rules(county) == {"A": None, "B": None}


@pytest.mark.parametrize(
    ("said", "row", "seen"),
    [
        ("供水服务", ("公共服务", "供水服务", "source", None), "供水服务"),
        ("公共服务/供水服务/水压", ("公共服务", "供水服务", "source", None), "供水服务"),
        ("0301", ("公共服务", "供水服务", "source", None), "供水服务"),
        ("自来水", ("公共服务", "供水服务", "source", None), "供水服务"),
        ("公共服务", ("公共服务", None, "source", None), "公共服务"),
        ("其他/杂项", (None, None, "source", None), "其他/杂项"),
    ],
)
def test_a_sources_own_category_is_mapped_and_one_that_is_unknown_stays_as_it_was_said(
    county: County, said: str, row: tuple[Any, ...], seen: str
) -> None:
    county.judged(county.demand(text="商家不退货，停电", category=said, no="A"))
    assert decided(county) == {"A": row}
    assert seen_by_rules(county) == {"A": seen}
    with county.store.begin() as connection:
        listed = categories.unmapped(connection, 10)
    assert [one["said"] for one in listed] == ([said] if row[0] is None else [])


def test_a_changed_text_is_judged_again_and_rules_learn_what_it_was(county: County) -> None:
    first = county.demand(text="停水三天", no="A")
    county.judged(first)
    county.clock.advance(seconds=60)
    ByCategory.seen.clear()
    county.judged(first.model_copy(update={"content": "商家不退货"}))
    assert decided(county)["A"][1] == "消费维权"
    assert sorted(ByCategory.seen) == [("A", "供水服务"), ("A", "消费维权")]


def test_a_moved_demand_leaves_the_key_that_it_had_with_its_category(county: County) -> None:
    first = county.demand(text="停水三天", region_code="411521001", no="A")
    county.judged(first)
    county.clock.advance(seconds=60)
    ByCategory.seen.clear()
    county.judged(first.model_copy(update={"region_code": "411521004"}))
    assert ByCategory.seen == [("A", "供水服务"), ("A", "供水服务")]


def test_a_person_is_never_overwritten_by_words_source_or_catalogue(county: County) -> None:
    first = county.demand(text="停水三天", no="A")
    county.judged(first)
    assert person(county, "A", "公路管理") is True
    assert person(county, "A", "公路管理") is False
    ByCategory.seen.clear()
    county.evaluate()
    assert sorted(ByCategory.seen) == [("A", "供水服务"), ("A", "公路管理")]
    county.clock.advance(seconds=60)
    county.judged(first.model_copy(update={"content": "商家不退货", "category": "供电服务"}))
    bring(county, entries=[BRIDGE])
    county.evaluate()
    assert decided(county) == {"A": ("公共服务", "公路管理", "person", None)}


def test_a_new_catalogue_judges_what_is_stored_again_and_the_rules_see_what_changed(county: County) -> None:
    county.judged(
        county.demand(text="老桥头塌了一角", no="A"),
        county.demand(text="停水三天", no="B"),
        county.demand(text="裂了", category="桥梁/老桥", no="C"),
    )
    ByCategory.seen.clear()
    done = bring(county, entries=[BRIDGE])
    assert (done.new, done.categories, done.waiting) == (True, len(own_catalogue().entries) + 1, 3)
    report = county.evaluate()
    assert (report.counts["categorized"], report.counts["demands"]) == (2, 2)
    assert [decided(county)[no][1] for no in "ABC"] == ["老桥维护", "供水服务", "老桥维护"]
    assert sorted(ByCategory.seen, key=str) == [
        ("A", "老桥维护"), ("A", None), ("C", "桥梁/老桥"), ("C", "老桥维护"),
    ]  # fmt: skip
    assert bring(county, entries=[BRIDGE]).new is False
    assert not any(county.evaluate().counts.values())
    assert county.configure({**COUNTY, "organisations": [COUNTY["organisations"][0]]}).catalogue.version == 1
    ((version, author, stored),) = county.rows("SELECT version, author, document FROM category_version")
    assert (version, author, len(stored)) == (1, "ops", done.categories)


def test_a_county_may_bring_its_own_catalogue_alone_and_a_name_of_two_categories_is_refused(
    county: County,
) -> None:
    assert bring(county, own_only=True, entries=[WATER, BRIDGE]).categories == 2
    county.judged(county.demand(text="商家不退货", no="A"), county.demand(text="停水", no="B"))
    assert [one[1] for one in decided(county).values()] == [None, "供水服务"]
    with pytest.raises(ConfigError, match="'供水服务' is a name of 0301 and of X1"):
        bring(county, own_only=True, entries=[WATER, {**BRIDGE, "name": "供水服务"}])
    with pytest.raises(ConfigError, match="no such code"):
        bring(county, without=["9999"])
    assert county.value("SELECT count(*) FROM category_version") == 1


def test_what_another_process_holds_is_judged_a_little_later(county: County) -> None:
    county.judged(county.demand(text="停水", no="A"))
    county.clock.advance(seconds=60)
    county.receive(county.demand(text="商家不退货", no="A"))
    with county.store.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM demand_category FOR UPDATE")
        county.evaluate()
        assert decided(county)["A"][1] == "供水服务"
    county.clock.advance(seconds=15)
    ByCategory.seen.clear()
    county.evaluate()
    assert decided(county)["A"][1] == "消费维权"
    assert set(ByCategory.seen) == {("A", "供水服务"), ("A", "消费维权")}


def test_processes_side_by_side_while_the_catalogue_changes_end_with_the_newest_everywhere(
    county: County, ring: KeyRing, clock: ManualClock
) -> None:
    for part in range(6):
        county.receive(*(county.demand(text="老桥头停水", no=f"{part}-{n}") for n in range(20)))
    others = [County(county.store, ring, clock, batch=1) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(one.evaluate) for one in others]
        pool.submit(bring, county, without=["0301"], entries=[BRIDGE]).result()
        for one in running:
            assert one.result().ok
    clock.advance(seconds=60)
    county.evaluate()
    assert {row[1] for row in decided(county).values()} == {"老桥维护"}
    assert len(decided(county)) == 120
    assert county.value("SELECT count(*) FROM category_work") == 0
    assert not any(county.evaluate().counts.values())


def test_a_process_that_dies_while_judging_loses_nothing(county: County, monkeypatch: Any) -> None:
    county.receive(county.demand(text="停水", no="A"))

    def dies(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(categories, "write", dies)
        with pytest.raises(MemoryError):
            county.evaluate()
    assert decided(county) == {}
    assert ByCategory.seen == []
    county.evaluate()
    assert decided(county)["A"][1] == "供水服务"


def test_what_was_stored_before_the_hub_knew_categories_gets_one_after_the_upgrade(county: County) -> None:
    county.judged(
        county.demand(text="停水三天", no="A"),
        county.demand(text="裂了", category="公共服务/供电服务", no="B"),
        county.demand(text="裂了", category="杂项", no="C"),
    )
    with (
        county.store.begin() as connection
    ):  # as it stood before: demands that the rules had seen, and no category
        connection.exec_driver_sql("DELETE FROM demand_category")
        connection.exec_driver_sql(migration.STATEMENTS[-1])
    ByCategory.seen.clear()
    assert county.evaluate().counts["categorized"] == 2
    assert seen_by_rules(county) == {"A": "供水服务", "B": "供电服务", "C": "杂项"}
    # The keys under which the rules had them are judged again.
    assert set(ByCategory.seen) == {
        ("A", "供水服务"), ("A", None), ("B", "供电服务"), ("B", "公共服务/供电服务"),
    }  # fmt: skip
    assert not any(county.evaluate().counts.values())
