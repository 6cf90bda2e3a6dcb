"""Collecting where records, positions, months and locks are at their worst: nothing lost, nothing doubled, nobody stopped."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.errors import Code, RecordRejected, SourceContractError, StoreError
from hub.model.codes import DemandType
from hub.model.demand import Demand
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import read_personal
from hub.sdk.channel import Order, Page, PositionKind, RawAttachment, RawRecord, RecordProblem, Stream, Window
from hub.store import landing, quarantine, runs, work
from hub.store.engine import Store
from tests.integration.test_collect import away, collected, failing_after, one, position, rows
from tests.support.scripted import START, ScriptedChannel, played, record, source


@pytest.fixture(params=["inline", "deferred"])
def deferred(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "deferred")


def several(ready: Source) -> Source:
    """The source, each of whose records says one demand for each of its ``says``."""

    def read(raw: RawRecord) -> Sequence[Demand]:
        body = json.loads(raw.body)
        return [
            Demand(source_no=body["no"], submitted_at=START, demand_type=DemandType.COMPLAINT, content=words)
            for words in body["says"]
        ]

    ready.channel.normalize = read  # type: ignore[method-assign]
    return ready


def mended(clock: ManualClock, ready: Source | None = None) -> Source:
    """A source that reads even a record whose ``bad`` is set."""
    ready = ready or source(played(), clock)
    ready.channel.normalize = lambda raw: ScriptedChannel.normalize(  # type: ignore[method-assign]
        ready.channel,  # type: ignore[arg-type]
        replace(raw, body=raw.body.replace(b'"bad": true', b'"bad": false')),
    )
    return ready


def replayed(deps: CollectDeps, ready: Source) -> Counts:
    with deps.store.begin() as connection:
        quarantine.replay(connection, deps.clock.now())
    report = normalize.run(deps, {ready.instance: ready})
    assert report.problems == ()
    with deps.store.begin() as connection:
        assert work.waiting(connection)["normalize"] == 0
    return report.records


# ---- records


def test_a_record_that_says_less_than_before_and_a_new_one_share_a_page(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    first = [record("A1", says=["甲", "乙"])]
    second = [record("A1", version=5, says=["甲"]), record("B1", says=["丙"])]
    collected(deps, several(source(played(first), clock, deferred=deferred)))
    assert collected(deps, several(source(played(second), clock, deferred=deferred))) == Counts(
        collected=2, stored=2
    )
    found = rows(deps.store, "SELECT text, deleted FROM demand ORDER BY demand_no")
    assert sorted(map(tuple, found)) == sorted([("甲", False), ("乙", True), ("丙", False)])


def test_a_replaced_demand_takes_no_number(deps: CollectDeps, clock: ManualClock) -> None:
    for version in range(5):
        collect.run(deps, source(played([record("A1", version=version)]), clock))
    collect.run(deps, source(played([record("B1")]), clock))
    numbers = [row.demand_no[-6:] for row in rows(deps.store, "SELECT demand_no FROM demand ORDER BY 1")]
    assert numbers == ["000001", "000002"]


UNSTORABLE: dict[str, dict[str, Any]] = {
    "a NUL in its version": {"version": "1\0"},
    "half a character in its version": {"version": "\ud800"},
    "half a character in its key": {"source_no": "A\ud800"},
    "a NUL in its key": {"source_no": "A\0"},
    "a key too long for any index": {"source_no": secrets.token_hex(8_000)},
    "a NUL in its media type": {"media_type": "text/\0"},
    "a NUL in an attachment's media type": {"attachments": (RawAttachment("a", "x/\0", b"1"),)},
}


@pytest.mark.parametrize("fault", UNSTORABLE)
def test_whatever_of_a_record_cannot_be_stored_it_alone_is_set_aside(
    deps: CollectDeps, clock: ManualClock, fault: str, deferred: bool
) -> None:
    odd = replace(record("A2"), **UNSTORABLE[fault])
    ready = source(played([record("A1"), odd, record("A3")]), clock, deferred=deferred)
    assert collected(deps, ready) == Counts(collected=3, stored=2, quarantined=1)
    with deps.store.begin() as connection:
        entry = quarantine.entries(connection)[0]
        table, row_id, sealed, _ = quarantine.kept_bytes(connection, entry["quarantine_id"])
    assert entry["code"] == "value_unstorable"
    assert deps.intake.sealer.unseal(sealed, table=table, row_id=row_id) == odd.body
    assert collected(deps, ready) == Counts(collected=3, duplicate=3)


def test_records_with_an_empty_number_are_set_aside_each_by_itself(
    deps: CollectDeps, clock: ManualClock
) -> None:
    page = [replace(record(no), source_no="") for no in ("A1", "A2")]
    ready = source(played(page), clock)
    assert collected(deps, ready) == Counts(collected=2, quarantined=2)
    assert collected(deps, ready) == Counts(collected=2, duplicate=2)
    with deps.store.begin() as connection:
        assert {entry["code"] for entry in quarantine.entries(connection)} == {"key_missing"}


def test_what_a_person_confirmed_stays_whatever_its_type(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", phone="13812345678", text="电话13812345678")]), clock))
    rows(
        deps.store,
        "UPDATE demand SET deadline_at = '2026-12-01T00:00:00Z', longitude = 115.5, labels = '{急}', declared_group_size = 7, "
        "confirmed = '{deadline_at,longitude,labels,declared_group_size,findings,submitted_at}' RETURNING 1",
    )
    before = rows(
        deps.store,
        "SELECT deadline_at, longitude, labels, declared_group_size, findings, submitted_at FROM demand",
    )
    again = source(played([record("A1", minute=3, text="新内容")]), clock, deferred=deferred)
    assert collected(deps, again).stored == 1
    assert before == rows(
        deps.store,
        "SELECT deadline_at, longitude, labels, declared_group_size, findings, submitted_at FROM demand",
    )
    assert rows(deps.store, "SELECT text FROM demand")[0].text == "新内容"


# ---- replay


def nameless(no: str, *, minute: int = 0, **fields: Any) -> RawRecord:
    return replace(
        record(no, minute=minute, **fields), problem=RecordProblem(Code.POSITION_UNREADABLE, "no position")
    )


def test_two_nameless_records_of_one_demand_are_replayed_into_one(
    deps: CollectDeps, clock: ManualClock
) -> None:
    page = [nameless("A1", text="早"), nameless("A1", minute=4, text="晚"), nameless("B1")]
    collect.run(deps, source(played(page), clock))
    assert replayed(deps, source(played(), clock)) == Counts(collected=3, stored=3)
    found = rows(deps.store, "SELECT source_no, text FROM demand ORDER BY 1")
    assert [tuple(row) for row in found] == [("A1", "晚"), ("B1", "窗口排队时间太长")]
    assert rows(deps.store, "SELECT was->>'text' FROM demand_history")[0][0] == "早"


def test_a_nameless_record_whose_successor_stands_changes_nothing_when_replayed(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([replace(nameless("A1", text="早"), version=None)]), clock))
    later = replace(record("A1", text="晚"), version=None)
    collect.run(deps, source(played([later]), clock))
    before = rows(deps.store, "SELECT * FROM source_record WHERE source_no = 'A1'")
    assert replayed(deps, source(played(), clock)) == Counts(collected=1, duplicate=1)
    assert rows(deps.store, "SELECT * FROM source_record WHERE source_no = 'A1'") == before
    assert collected(deps, source(played([later]), clock)) == Counts(collected=1, duplicate=1)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["晚"]


def test_a_record_that_came_again_with_a_usable_position_is_a_duplicate_when_replayed(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([nameless("A1")]), clock))
    collect.run(deps, source(played([record("A1")]), clock))
    assert replayed(deps, source(played(), clock)) == Counts(collected=1, duplicate=1)
    assert rows(deps.store, "SELECT count(*) FROM demand_history")[0][0] == 0


def test_a_nameless_record_of_a_newer_version_wins_when_replayed(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([nameless("A1", minute=9, text="新")]), clock))
    collect.run(deps, source(played([record("A1", minute=1, text="旧")]), clock))
    assert replayed(deps, source(played(), clock)) == Counts(collected=1, stored=1)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["新"]


def test_replaying_what_came_before_the_deletion_brings_nothing_back(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    for raw in (
        record("A1", text="一"),
        record("A1", version=2, text="二", bad=True),
    ):
        collected(deps, source(played([raw]), clock, deferred=deferred))
    gone = replace(record("A1", version=3), deleted=True)
    ready = source(played([gone]), clock, deferred=deferred)
    ready.channel.normalize = lambda raw: []  # type: ignore[method-assign]
    collected(deps, ready)
    assert replayed(deps, mended(clock)) == Counts(collected=1, duplicate=1)
    assert rows(deps.store, "SELECT deleted FROM demand")[0][0] is True


def test_replaying_reads_the_month_of_its_records_alone(deps: CollectDeps, clock: ManualClock) -> None:
    for months in range(3):
        clock.advance(31 * 86_400.0 * min(months, 1))
        collect.run(deps, source(played([record(f"A{months}", bad=True)]), clock))
    with deps.store.begin() as connection:
        assert quarantine.replay(connection, clock.now()) == 3
    assert len(rows(deps.store, "SELECT 1 FROM normalize_work")) == 3
    report = normalize.run(deps, {"county": mended(clock)})
    assert report.records == Counts(collected=3, stored=3)


# ---- positions


def test_a_page_out_of_order_within_itself_moves_no_position(deps: CollectDeps, clock: ManualClock) -> None:
    page = [record(f"A{minute}", minute=minute) for minute in (9, 8, 7)]
    stream = Stream("main", order=Order.ASCENDING)
    collect.run(deps, source(failing_after([page], away()), clock, stream=stream))
    assert position(deps.store) is None


def test_a_stream_that_breaks_its_order_gives_back_what_it_had_moved(
    deps: CollectDeps, clock: ManualClock
) -> None:
    stream = Stream("main", order=Order.ASCENDING)
    pages = [[record("A9", minute=9)], [record("A1", minute=1)]]
    collect.run(deps, source(failing_after(pages, away()), clock, stream=stream))
    assert position(deps.store) is None
    report = one(collect.run(deps, source(played(*pages), clock, stream=stream)))
    assert report.position == position(deps.store) == (START + timedelta(minutes=9)).isoformat()


def test_what_is_new_while_a_long_run_goes_on_is_not_in_the_future(
    deps: CollectDeps, clock: ManualClock
) -> None:
    def script(window: Window) -> Iterator[Page]:
        yield Page([record("A1")])
        clock.advance(3_600)
        yield Page([replace(record("A2"), position_at=clock.now())], number=2)

    assert one(collect.run(deps, source(script, clock))).records == Counts(collected=2, stored=2)


def test_a_stored_position_ahead_of_the_clock_is_an_error_and_no_empty_success(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([record("A1")]), clock))
    behind = ManualClock(START - timedelta(days=1))
    report = one(collect.run(replace(deps, clock=behind), source(played([record("A2")]), behind)))
    assert [problem.code for problem in report.problems] == ["position_invalid"]
    assert rows(deps.store, "SELECT state FROM run ORDER BY run_id DESC")[0][0] == "failed"


@pytest.mark.parametrize("records", [[], [record("A1")], [record("A1"), record("A2")]])
def test_a_position_that_cannot_be_stored_ends_the_run_and_blames_no_record(
    deps: CollectDeps, clock: ManualClock, records: list[RawRecord]
) -> None:
    def script(window: Window) -> Iterator[Page]:
        yield Page(records, position={"after": "\0"})

    stream = Stream("main", position_kind=PositionKind.KEYSET, order=Order.ASCENDING)
    report = one(collect.run(deps, source(script, clock, stream=stream)))
    assert [problem.code for problem in report.problems] == ["position_invalid"]
    assert report.records.quarantined == 0
    assert rows(deps.store, "SELECT state FROM run")[0][0] == "failed"


# ---- months, locks, runs


def test_the_first_page_of_a_month_may_hold_a_value_that_cannot_be_stored(
    deps: CollectDeps, clock: ManualClock
) -> None:
    clock.advance(400 * 86_400.0)
    page = [record("A1"), record("A2", item="带\0字符")]
    assert one(collect.run(deps, source(played(page), clock))).records == Counts(
        collected=2, stored=1, quarantined=1
    )


def test_a_run_whose_session_lock_was_lost_still_tells_what_it_did(
    deps: CollectDeps, clock: ManualClock
) -> None:
    def script(window: Window) -> Iterator[Page]:
        yield Page([record("A1")])
        rows(
            deps.store,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )

    report = one(collect.run(deps, source(script, clock)))
    assert report.problems == ()
    assert report.records == Counts(collected=1, stored=1)
    assert one(collect.run(deps, source(played([record("A2")]), clock))).records.stored == 1


def test_beginning_a_run_takes_the_stream_before_the_runs_that_it_ends(store: Store) -> None:
    """The order of every other step: the reverse would deadlock with normalizing what a dead run has left."""
    now = datetime(2026, 11, 23, tzinfo=UTC)

    def begin() -> int:
        with store.begin() as connection:
            return runs.start_run(
                connection, "collect", now, instance="county", stream="main", stream_id=stream_id
            )

    with store.begin() as connection:
        stream_id = runs.open_stream(connection, "county", "main", "scripted").stream_id
    dead = begin()
    second = threading.Thread(target=begin)
    with store.begin() as connection:
        landing.lock_stream(connection, stream_id)
        second.start()
        while not rows(
            store,
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        ):
            pass
        # Held already by the new run, this would end in a deadlock.
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        runs.add_progress(connection, dead, now, Counts())
    second.join(30)
    assert [row.state for row in rows(store, "SELECT state FROM run ORDER BY run_id")] == [
        "abandoned",
        "running",
    ]


def test_opening_a_stream_again_uses_up_no_number(store: Store) -> None:
    with store.begin() as connection:
        for _ in range(5):
            runs.open_stream(connection, "county", "main", "scripted")
        assert runs.open_stream(connection, "county", "other", "scripted").stream_id == 2


def test_attachments_are_written_in_one_order_whatever_the_order_of_the_records(
    deps: CollectDeps, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two streams that write the same attachments in unlike orders would wait for each other."""
    written: list[list[str]] = []
    keep = landing.keep_attachments

    def spy(connection: Any, found: Any) -> None:
        written.append([row[0] for row in found])
        keep(connection, found)

    monkeypatch.setattr(landing, "keep_attachments", spy)
    files = [RawAttachment(f"{n}", "image/png", bytes([n])) for n in range(9)]
    page = [
        record("B1", version=9),
        *(replace(record(f"A{n}"), attachments=(file,)) for n, file in enumerate(files)),
        replace(record("B1", version=1, text="旧"), attachments=(RawAttachment("z", "image/png", b"old"),)),
    ]
    collect.run(deps, source(played(page), clock))
    assert len(written) == 1
    assert written[0] == sorted(written[0])
    assert rows(deps.store, "SELECT count(*) FROM attachment")[0][0] == 10


def test_an_attachment_stays_with_its_record_however_late_it_is_read(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    files = (RawAttachment("凭证.jpg", "image/jpeg", b"\xff\xd8 picture"),)
    page = [replace(record("A1", bad=True), attachments=files), replace(record("A2"), attachments=files)]
    ready = source(played(page), clock, deferred=deferred)
    collected(deps, ready)
    replayed(deps, mended(clock))
    found = rows(deps.store, "SELECT demand_id, sealed FROM demand")
    assert len(found) == 2
    for demand in found:
        personal = read_personal(deps.intake.sealer, bytes(demand.sealed), demand.demand_id)
        assert [file["name"] for file in personal["attachments"]] == ["凭证.jpg"]


def test_an_error_of_the_database_shows_no_row(store: Store) -> None:
    import traceback

    with pytest.raises(StoreError) as caught, store.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO run (step, state, started_at, heartbeat_at, collected) VALUES (:s, 'x', now(), now(), 3)"
            ),
            {"s": "王建国13812345678"},
        )
    shown = "".join(traceback.format_exception(caught.value))
    assert "13812345678" not in shown


def test_a_plugins_message_about_a_record_keeps_no_number_of_a_person(
    deps: CollectDeps, clock: ManualClock
) -> None:
    ready = source(played([record("A1")]), clock)

    def refuse(raw: RawRecord) -> Sequence[Demand]:
        raise RecordRejected(
            "field 'lxdh' is 13812345678x (expected a telephone)", code=Code.FIELD_INVALID, field="lxdh"
        )

    ready.channel.normalize = refuse  # type: ignore[method-assign]
    collect.run(deps, ready)
    assert "13812345678" not in rows(deps.store, "SELECT message FROM quarantine")[0][0]


def test_a_number_of_a_person_in_a_short_field_is_masked_in_its_column(
    deps: CollectDeps, clock: ManualClock
) -> None:
    raw = record("A1", item="张三13812345678代办不动产登记", name="张三")
    collect.run(deps, source(played([raw, record("A2", item="不动产登记")]), clock))
    found = [row.item_name for row in rows(deps.store, "SELECT item_name FROM demand ORDER BY source_no")]
    assert "13812345678" not in found[0]
    assert "张三" not in found[0]
    assert found[1] == "不动产登记"


def test_a_sources_error_with_a_number_of_a_person_is_told_without_it(
    deps: CollectDeps, clock: ManualClock
) -> None:
    def script(window: Window) -> Iterator[Page]:
        raise SourceContractError("page 1: 'lxdh' is 13812345678", code=Code.PAGE_SHAPE, body=b"13812345678")
        yield

    report = one(collect.run(deps, source(script, clock)))
    assert [problem.message for problem in report.problems] == ["page 1: 'lxdh' is 138****5678"]
    assert rows(deps.store, "SELECT message FROM quarantine")[0][0] == "page 1: 'lxdh' is 138****5678"


def test_a_deletion_whose_record_was_never_read_is_not_undone_by_replaying_what_came_before(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", bad=True)]), clock, deferred=deferred))
    gone = source(played([replace(record("A1", version=3), deleted=True)]), clock, deferred=deferred)
    gone.channel.normalize = lambda raw: []  # type: ignore[method-assign]
    collected(deps, gone)
    assert replayed(deps, mended(clock)) == Counts(collected=1, duplicate=1)
    assert rows(deps.store, "SELECT 1 FROM demand") == []


def test_a_nameless_record_that_still_names_no_demand_stays_set_aside(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([replace(nameless("A1"), deleted=True)]), clock))
    silent = source(played(), clock)
    silent.channel.normalize = lambda raw: []  # type: ignore[method-assign]
    assert replayed(deps, silent) == Counts(collected=1, quarantined=1)
    with deps.store.begin() as connection:
        assert [entry["code"] for entry in quarantine.entries(connection)] == ["key_missing"]


def test_an_attachment_that_is_no_longer_kept_sets_its_record_aside_and_no_other(
    deps: CollectDeps, clock: ManualClock
) -> None:
    files = (RawAttachment("凭证.jpg", "image/jpeg", b"\xff\xd8 picture"),)
    page = [replace(record("A1"), attachments=files), record("A2")]
    ready = source(played(page), clock, deferred=True)
    collect.run(deps, ready)
    rows(deps.store, "DELETE FROM attachment RETURNING 1")
    report = normalize.run(deps, {ready.instance: ready})
    assert report.records == Counts(collected=2, stored=1, quarantined=1)


def test_a_record_that_fails_again_when_replayed_keeps_the_number_of_its_entry(
    deps: CollectDeps, clock: ManualClock
) -> None:
    ready = source(played([record("A1", bad=True), record("A2")]), clock)
    collect.run(deps, ready)
    with deps.store.begin() as connection:
        (before,) = quarantine.entries(connection)
    clock.advance(60)
    assert replayed(deps, ready) == Counts(collected=1, quarantined=1)
    with deps.store.begin() as connection:
        (after,) = quarantine.entries(connection)
    assert after["quarantine_id"] == before["quarantine_id"]
    assert after["set_aside_at"] > before["set_aside_at"]
    assert rows(deps.store, "SELECT count(*), sum(replays) FROM quarantine")[0] == (1, 1)
    assert replayed(deps, mended(clock)) == Counts(collected=1, stored=1)
    with deps.store.begin() as connection:
        assert quarantine.entries(connection) == []
