"""Identifiers that the hub makes."""

from __future__ import annotations

from hub.model.ids import ascending_ulids, first_ulid, new_ulids


def test_ulids_of_one_millisecond_ascend_and_differ_over_every_carry():
    count = 2**20 + 2  # somewhere among so many the last four characters run over
    made = new_ulids(count, now_ms=1_795_000_000_000)
    assert len(set(made)) == count
    assert made == sorted(made)
    assert {len(one) for one in made} == {26}
    assert {one[:10] for one in made} == {"01M7Q5CQG0"}


def test_no_ulids_are_made_where_none_are_asked_for():
    assert new_ulids(0) == []


def test_ulids_of_one_moment_ascend_and_stay_in_it():
    ids = ascending_ulids(1_700_000_000_000)
    made = [next(ids) for _ in range(3_000)]
    assert made == sorted(set(made))
    assert first_ulid(1_700_000_000_000) <= made[0] < made[-1] < first_ulid(1_700_000_000_001)
