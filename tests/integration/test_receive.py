"""What is pushed becomes durable once, by the rules of what is collected: identity, versions, quarantine, counts (P1 to P5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from hub.errors import Code, SourceContractError, StateConflict, StoreUnavailable
from hub.model.push import PushAccepted
from hub.pipeline import collect, normalize, receive
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.receive import Pushed
from hub.sdk.channel import PushRequest, RawAttachment, RawRecord, Stream
from hub.store import pushes, runs
from hub.store.engine import Store
from hub.store.pushes import push_receipt
from tests.db import NOW
from tests.support.scripted import ScriptedChannel, played, record, source


def rows(store: Store, statement: str) -> list[tuple[Any, ...]]:
    with store.begin() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def pushed(records: Sequence[RawRecord], key: str | None = "key", body: bytes = b"body") -> Pushed:
    digest = sha256(key.encode()).digest() if key is not None else None
    return Pushed(tuple(records), digest, sha256(body).digest())


def received(
    deps: CollectDeps, *records: RawRecord, key: str | None = None, deferred: bool = False, **more: Any
) -> PushAccepted:
    return receive.run(
        deps, source(played(), deps.clock, deferred=deferred, **more), pushed(records, key)
    ).answer


def counts(answer: PushAccepted) -> tuple[int, ...]:
    return answer.collected, answer.stored, answer.duplicate, answer.quarantined, answer.pending


def test_a_record_that_is_pushed_and_collected_is_stored_once(deps: CollectDeps, store: Store) -> None:
    both = record("1", minute=1)

    first = received(deps, both)
    (report,) = collect.run(deps, source(played([both, record("2")]), deps.clock))
    again = received(deps, both)

    assert counts(first) == (1, 1, 0, 0, 0)
    assert (report.records.stored, report.records.duplicate) == (1, 1)
    assert counts(again) == (1, 0, 1, 0, 0)
    assert rows(store, "SELECT count(*), count(DISTINCT stream_id) FROM demand") == [(2, 1)]


def test_a_newer_version_that_is_pushed_replaces_and_an_older_one_changes_nothing(
    deps: CollectDeps, store: Store
) -> None:
    received(deps, record("1", version=5, item="旧"))
    newer = received(deps, record("1", version=9, item="新"))
    older = received(deps, record("1", version=7, item="中"))

    assert (counts(newer), counts(older)) == ((1, 1, 0, 0, 0), (1, 0, 1, 0, 0))
    assert rows(store, "SELECT item_name FROM demand") == [("新",)]
    assert rows(store, "SELECT count(*) FROM demand_history") == [(1,)]


def test_one_bad_record_among_good_ones_is_set_aside_alone(deps: CollectDeps, store: Store) -> None:
    answer = received(deps, record("1"), record("2", bad=True), record("3"))

    assert counts(answer) == (3, 2, 0, 1, 0)
    assert answer.codes == {"field_invalid": 1}
    assert rows(store, "SELECT source_no, code FROM quarantine") == [("2", "field_invalid")]


def test_a_position_from_the_future_is_set_aside_as_when_it_is_collected(deps: CollectDeps) -> None:
    ahead = record("1", version=60 * 24 * 30)

    assert received(deps, ahead, record("2")).codes == {"position_in_future": 1}


def test_a_value_that_the_database_cannot_keep_sets_its_record_aside_and_no_other(
    deps: CollectDeps, store: Store
) -> None:
    good = [record(str(number), minute=number) for number in range(6)]
    bad = RawRecord("7\0", b"{}", position_at=NOW)

    answer = received(deps, *good[:3], bad, *good[3:], key="k")

    assert counts(answer) == (7, 6, 0, 1, 0)
    assert answer.codes == {"value_unstorable": 1}
    assert rows(store, "SELECT count(*) FROM demand") == [(6,)]


def test_changed_records_beside_one_that_cannot_be_kept_are_changed(deps: CollectDeps, store: Store) -> None:
    received(deps, *[record(str(number), minute=1) for number in range(4)], key="first")
    changed = [record(str(number), minute=1, version=5, item="新") for number in range(4)]

    answer = received(deps, *changed, RawRecord("7\0", b"{}", position_at=NOW), key="second")

    assert counts(answer) == (5, 4, 0, 1, 0)
    assert rows(store, "SELECT DISTINCT item_name FROM demand") == [("新",)]
    assert rows(store, "SELECT count(*) FROM demand_history") == [(4,)]


def test_a_push_moves_no_position_and_takes_no_stream_from_its_collector(
    deps: CollectDeps, store: Store
) -> None:
    collect.run(deps, source(played([record("1", minute=1)]), deps.clock))
    before = rows(store, "SELECT position, owner_run FROM stream_state")

    received(deps, record("2", minute=9))

    assert rows(store, "SELECT position, owner_run FROM stream_state") == before
    assert before[0][0] is not None


def test_a_channel_that_is_deferred_keeps_the_push_and_normalizes_later(
    deps: CollectDeps, store: Store
) -> None:
    answer = received(deps, record("1"), record("2", bad=True), deferred=True)
    ready = source(played(), deps.clock)
    report = normalize.run(deps, {"county": ready})

    assert counts(answer) == (2, 0, 0, 0, 2)
    assert (report.records.stored, report.records.quarantined) == (1, 1)
    assert rows(store, "SELECT collected, stored, quarantined, pending FROM run") == [(2, 1, 1, 0)]


def test_every_push_has_a_run_and_its_counts_reconcile_with_what_stands(
    deps: CollectDeps, store: Store
) -> None:
    received(deps, record("1"), record("2", bad=True))
    received(deps, record("1"), record("3"))
    collect.run(deps, source(played([record("3"), record("4")]), deps.clock))

    assert rows(store, "SELECT step, state, collected FROM run ORDER BY run_id") == [
        ("receive", "done", 2),
        ("receive", "done", 2),
        ("collect", "done", 2),
    ]
    with store.begin() as connection:
        total = runs.totals_by_instance(connection)["county"]
    assert total.reconciles()
    assert total.model_dump() == {"collected": 6, "stored": 3, "duplicate": 2, "quarantined": 1, "pending": 0}
    assert rows(store, "SELECT count(*) FROM source_record") == [(4,)]


def test_files_that_come_along_are_kept_once(deps: CollectDeps, store: Store) -> None:
    picture = RawAttachment("1.png", "image/png", b"\x89PNG")
    plain = record("1")
    withfile = RawRecord("1", plain.body, plain.version, plain.position_at, attachments=(picture,))

    received(deps, withfile, RawRecord("2", record("2").body, plain.version, NOW, attachments=(picture,)))

    assert rows(store, "SELECT sha256 FROM attachment") == [(sha256(b"\x89PNG").hexdigest(),)]


# --- the same push again ------------------------------------------------------------------------------------------


def test_the_same_push_again_is_answered_as_the_first_time_and_does_nothing(
    deps: CollectDeps, store: Store
) -> None:
    ready = source(played(), deps.clock)
    push = pushed([record("1"), record("2", bad=True)])

    first, second = (receive.run(deps, ready, push) for _ in range(2))

    assert (first.again, second.again) == (False, True)
    assert first.answer == second.answer
    assert counts(second.answer) == (2, 1, 0, 1, 0)
    assert rows(store, "SELECT count(*) FROM run") == [(1,)]
    assert rows(store, "SELECT count(*) FROM quarantine") == [(1,)]


def test_a_key_that_comes_with_another_body_is_refused_and_nothing_is_kept(
    deps: CollectDeps, store: Store
) -> None:
    ready = source(played(), deps.clock)
    receive.run(deps, ready, pushed([record("1")], body=b"one"))

    with pytest.raises(StateConflict) as caught:
        receive.run(deps, ready, pushed([record("2")], body=b"other"))

    assert caught.value.code is Code.PUSH_KEY_REUSED
    assert rows(store, "SELECT source_no FROM source_record") == [("1",)]


def test_two_channels_may_use_the_same_key(deps: CollectDeps, store: Store) -> None:
    received(deps, record("1"), key="same")
    received(deps, record("1"), key="same", instance="other")

    assert rows(store, "SELECT count(*) FROM demand") == [(2,)]


def test_a_push_without_a_key_is_told_apart_by_its_records_alone(deps: CollectDeps, store: Store) -> None:
    first = received(deps, record("1"))
    again = received(deps, record("1"))

    assert (first.stored, again.duplicate) == (1, 1)
    assert rows(store, "SELECT count(*) FROM push_receipt") == [(0,)]


def test_a_push_without_records_is_remembered_and_makes_no_run(deps: CollectDeps, store: Store) -> None:
    assert counts(received(deps, key="empty")) == (0, 0, 0, 0, 0)
    assert rows(store, "SELECT count(*) FROM push_receipt") == [(1,)]
    assert rows(store, "SELECT count(*) FROM run") == [(0,)]


def test_many_senders_of_one_push_at_once_store_it_once(deps: CollectDeps, store: Store) -> None:
    push = pushed([record(str(number), minute=number) for number in range(40)])
    answers: list[receive.Received] = []
    together = threading.Barrier(6)

    def send() -> None:
        ready = source(played(), deps.clock)
        together.wait()
        answers.append(receive.run(deps, ready, push))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.again for answer in answers) == [False] + [True] * 5
    assert {answer.answer.stored for answer in answers} == {40}
    assert rows(store, "SELECT count(*) FROM demand") == [(40,)]
    assert rows(store, "SELECT count(*) FROM run") == [(1,)]


def test_keys_are_kept_for_days_and_then_forgotten(deps: CollectDeps, store: Store, clock: Any) -> None:
    received(deps, record("1"), key="old")
    clock.advance(receive.REMEMBERED_FOR.total_seconds() - 60)
    received(deps, record("2"), key="younger")
    assert rows(store, "SELECT count(*) FROM push_receipt") == [(2,)]
    clock.advance(120)
    received(deps, record("3"), key="youngest")

    with store.begin() as connection:
        left = connection.execute(push_receipt.select()).all()
    assert {row.key_digest for row in left} == {
        sha256(key.encode()).digest() for key in ("younger", "youngest")
    }


def test_keys_stand_in_the_store_as_digests_only(deps: CollectDeps, store: Store) -> None:
    received(deps, record("1"), key="13812345678")

    assert "13812345678" not in json.dumps(rows(store, "SELECT to_jsonb(p)::text FROM push_receipt p"))


# --- when it cannot be taken --------------------------------------------------------------------------------------


def test_a_stream_that_somebody_holds_for_too_long_is_busy_and_nothing_is_kept(
    deps: CollectDeps, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "STREAM_WAIT_S", 0.2)
    received(deps, record("1"))
    with store.begin() as connection:
        (stream_id,) = connection.exec_driver_sql("SELECT stream_id FROM stream_state").scalars()
        pushes.take_stream(connection, stream_id, wait_s=1)
        with pytest.raises(StoreUnavailable) as caught:
            received(deps, record("2"))

    assert caught.value.code is Code.STREAM_BUSY
    assert rows(store, "SELECT source_no FROM source_record") == [("1",)]


class Taking(ScriptedChannel):
    """Takes pushes: each byte of the body is a record."""

    def receive(self, request: PushRequest) -> Sequence[RawRecord]:
        return [record(str(number)) for number in range(len(request.body))]


class Broken(ScriptedChannel):
    """Gives something else than records."""

    def receive(self, request: PushRequest) -> Any:
        return [request.body]


def taking(deps: CollectDeps, channel: type[ScriptedChannel]) -> Source:
    plain = source(played(), deps.clock)
    return Source(channel(plain.channel.settings, plain.channel.ctx), "county", "scripted 1")


def request(body: bytes) -> PushRequest:
    return PushRequest("POST", "/", {}, body, NOW)


def test_more_records_than_the_door_lets_in_are_refused_as_too_large(deps: CollectDeps) -> None:
    ready = taking(deps, Taking)

    assert len(receive.prove(ready, request(b"xx"), None, max_records=2).records) == 2
    with pytest.raises(SourceContractError) as caught:
        receive.prove(ready, request(b"xxx"), None, max_records=2)
    assert caught.value.code is Code.PAGE_TOO_LARGE


def test_a_channel_that_gives_no_records_is_a_fault_of_the_plugin(deps: CollectDeps) -> None:
    with pytest.raises(Exception, match="mend the channel's receive") as caught:
        receive.prove(taking(deps, Broken), request(b"x"), None, max_records=9)

    assert getattr(caught.value, "code", None) is Code.PLUGIN_FAILED


def test_a_push_belongs_to_the_channels_first_stream(deps: CollectDeps, store: Store) -> None:
    ready = source(played(), deps.clock)
    ready.channel.streams = (Stream("first"), Stream("second"))  # type: ignore[misc]

    receive.run(deps, ready, pushed([record("1")]))

    assert rows(store, "SELECT stream FROM stream_state") == [("first",)]


def test_records_of_a_month_that_has_no_partition_yet_are_kept(
    deps: CollectDeps, store: Store, clock: Any
) -> None:
    clock.advance(timedelta(days=400).total_seconds())

    assert received(deps, record("1")).stored == 1
