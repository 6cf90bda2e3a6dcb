"""The same order of arrival ends in the same matters: whatever the batches, processes and repeats; and a decision can be made again."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.errors import StoreError
from hub.model.demand import Demand
from hub.pipeline import evaluate, matter
from hub.pipeline.matter_why import replayed
from hub.seal import KeyRing
from hub.store import matter_index, work
from hub.store.engine import Store
from hub.text.matter import Thresholds
from hub.text.matter_memory import MemoryGrouping
from hub.text.matter_vector import Vector, weigh
from hub.text.matter_words import read_words
from tests.support.judging import County
from tests.unit.matter_messages import MESSAGES
from tests.unit.test_matter import in_form_2

MATTERS = (
    "SELECT d.source_no, f.source_no, t.decision ->> 'outcome', t.seq FROM matter_member m JOIN demand d USING (demand_id) "
    "JOIN matter x USING (matter_id) JOIN demand f ON f.demand_id = x.master_id JOIN matter_text t ON t.seq = m.seq ORDER BY t.seq"
)


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def said(county: County, seed: int, copies: int = 1) -> list[Demand]:
    """The messages of the tests in some order, as often as wanted."""
    messages = [(no, *one) for no in range(copies) for one in MESSAGES]
    drawn = random.Random(seed).sample(list(enumerate(messages)), len(messages))
    return [
        county.demand(title=title, text=body, no=f"M{number:04d}", days=number % 5)
        for number, (_, _, title, body) in drawn
    ]


def receive(county: County, demands: list[Demand], page: int) -> None:
    for first in range(0, len(demands), page):
        county.receive(*demands[first : first + page])


def in_memory(county: County) -> list[tuple[str, str, str]]:
    """What the grouping in memory makes of the stored texts in the order in which they were grouped."""
    grouping = MemoryGrouping()
    rows = county.rows(
        "SELECT d.source_no, d.title, d.text FROM matter_text t JOIN demand d USING (demand_id) ORDER BY t.seq"
    )
    decided = [(no, grouping.add(no, title, text)) for no, title, text in rows]
    first = {matter_id: no for no, matter_id in reversed(list(grouping.matters.items()))}
    return [(no, first[grouping.matters[no]], decision.outcome.value) for no, decision in decided]


@pytest.mark.parametrize(("seed", "page"), [(1, 1000), (2, 7), (3, 1)])
def test_the_tables_give_what_the_grouping_in_memory_gives(county: County, seed: int, page: int) -> None:
    receive(county, said(county, seed), page)
    county.evaluate()
    stored = [tuple(row[:3]) for row in county.rows(MATTERS)]
    assert stored == in_memory(county)
    assert any(one != first for one, first, _ in stored)


def test_the_next_word_model_begins_at_the_same_text_whatever_the_batches(county: County) -> None:
    demands = said(county, 4, copies=1 + 310 // len(MESSAGES))
    receive(county, demands, 90)
    county.evaluate()
    assert [tuple(row[:3]) for row in county.rows(MATTERS)] == in_memory(county)
    models = county.rows("SELECT texts FROM matter_model ORDER BY texts")
    assert [row[0] for row in models][:2] == [200, 300]
    assert county.value("SELECT count(DISTINCT model) FROM matter_text") == len(models) + 1


def test_two_that_group_at_once_end_as_one_does(county: County, clock: ManualClock) -> None:
    """Each with a memory of its own, as two processes have."""
    receive(county, said(county, 5), 4)
    other = replace(county.deps, matters=matter.MatterBook())
    with ThreadPoolExecutor(2) as pool:
        reports = [pool.submit(evaluate.run, deps) for deps in (county.deps, other)]
        assert all(report.result().ok for report in reports)
    assert county.value("SELECT count(*) FROM evaluate_work") == 0
    stored = [tuple(row[:3]) for row in county.rows(MATTERS)]
    assert len(stored) == len(MESSAGES)
    assert stored == in_memory(county)


def test_nothing_is_grouped_before_an_older_row_has_its_place(county: County) -> None:
    first, second = said(county, 6)[:2]
    county.receive(first)
    county.receive(second)
    with county.store.begin() as connection:
        ids = [row[0] for row in county.rows("SELECT work_id FROM evaluate_work ORDER BY work_id")]
        matter_index.lock(connection)
        work.mark_placed(connection, ids[1:])
        assert work.claim_ungrouped(connection, county.clock.now(), 500) == []
        work.mark_placed(connection, ids[:1])
        assert [work_id for work_id, _ in work.claim_ungrouped(connection, county.clock.now(), 500)] == ids


def test_while_somebody_else_groups_this_process_goes_on_with_what_is_grouped(county: County) -> None:
    county.receive(*said(county, 7)[:3])
    with county.store.begin() as connection:
        matter_index.lock(connection)
        assert county.evaluate().counts["demands"] == 0
    counts = county.evaluate().counts
    assert (counts["demands"], counts["grouped"]) == (3, 3)


def test_a_decision_made_again_from_what_is_kept_is_the_decision_that_was_made(county: County) -> None:
    receive(county, said(county, 8, copies=2), 40)
    county.evaluate()
    rows = county.rows("SELECT seq, decision FROM matter_text ORDER BY seq")
    assert {row.decision["outcome"] for row in rows} == {"join", "suggest", "new"}
    with county.store.begin() as connection:
        for row in rows:
            assert replayed(connection, row.seq) == row.decision


def test_what_an_earlier_version_kept_is_compared_and_replayed_like_what_is_kept_now(county: County) -> None:
    """The rows of before the update hold vectors as JSON, and are left as they are."""
    demands = said(county, 11, copies=2)
    receive(county, demands[:60], 30)
    county.evaluate()
    rows = county.rows("SELECT seq, vector FROM matter_text")
    with county.store.begin() as connection:
        for row in rows:
            connection.execute(
                text("UPDATE matter_text SET vector = :kept WHERE seq = :seq"),
                {"seq": row.seq, "kept": in_form_2(Vector.from_bytes(bytes(row.vector)))},
            )
    after = replace(county.deps, matters=matter.MatterBook())  # the process that begins after the update
    receive(county, demands[60:], 30)
    assert evaluate.run(after).ok
    assert [tuple(row[:3]) for row in county.rows(MATTERS)] == in_memory(county)
    with county.store.begin() as connection:
        for row in county.rows("SELECT seq, decision FROM matter_text"):
            assert replayed(connection, row.seq) == row.decision


def test_a_text_weighed_again_by_its_frozen_model_gives_its_frozen_vector(county: County) -> None:
    receive(county, said(county, 9, copies=1 + 210 // len(MESSAGES)), 60)
    county.evaluate()
    rows = county.rows(
        "SELECT d.title, d.text, t.model, t.vector FROM matter_text t JOIN demand d USING (demand_id)"
    )
    with county.store.begin() as connection:
        models: dict[str, Any] = {
            version: matter_index.model(connection, version) for version in {row.model for row in rows}
        }
    assert len(models) == 2
    for row in rows:
        vector = weigh(read_words(row.title, row.text), models[row.model])
        assert Vector.from_bytes(bytes(row.vector)) == vector
        assert vector.to_bytes() == bytes(row.vector)


def test_a_pass_that_fails_leaves_nothing_and_is_done_again(county: County) -> None:
    receive(county, said(county, 10)[:20], 5)
    with county.store.begin() as connection:
        connection.execute(text("ALTER TABLE matter_posting RENAME TO gone"))
    with pytest.raises(StoreError, match="hub migrate"):
        county.evaluate()
    assert county.value("SELECT count(*) FROM matter_text") == 0
    assert county.value("SELECT last_seq FROM matter_state") == 0
    with county.store.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO matter_posting"))
    county.evaluate()
    assert [tuple(row[:3]) for row in county.rows(MATTERS)] == in_memory(county)


def test_no_list_of_postings_holds_more_than_its_cap_however_many_say_the_same(county: County) -> None:
    one = MESSAGES[0]
    receive(county, [county.demand(title=one[1], text=one[2]) for _ in range(150)], 50)
    county.evaluate()
    size = county.value("SELECT max(octet_length(entries)) FROM matter_posting")
    assert size == Thresholds().postings * matter_index.ENTRY.size
    assert county.value("SELECT count(DISTINCT matter_id) FROM matter_member") == 1
    assert county.value("SELECT members FROM matter WHERE state = 'open'") == 150
