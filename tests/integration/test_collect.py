"""Collecting: nothing lost, nothing doubled, everything accounted for (P1–P5), on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.model.report import Counts, Report
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source, Span
from hub.pipeline.intake import read_personal
from hub.sdk.channel import Order, Page, PositionKind, RawAttachment, RawRecord, RecordProblem, Stream, Window
from hub.store import quarantine, runs, work
from hub.store.engine import Store
from tests.db import NOW
from tests.support.scripted import START, played, record, source


@pytest.fixture(params=["inline", "deferred"])
def deferred(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "deferred")


def collected(deps: CollectDeps, ready: Source, span: Span = Span()) -> Counts:
    """Collects and normalizes; the counts of the collecting run as they stand at the end."""
    report = one(collect.run(deps, ready, span))
    normalize.run(deps, {ready.instance: ready})
    assert report.run_id is not None
    with deps.store.begin() as connection:
        counts = runs.records_of(connection, report.run_id)
        outcomes: dict[str, int] = dict(
            connection.execute(
                text("SELECT outcome, count(*) FROM raw_record WHERE run_id = :run GROUP BY 1"),
                {"run": report.run_id},
            ).all()
        )
    assert counts.reconciles()
    assert counts.quarantined == outcomes.get("quarantined", 0)
    assert counts.stored == outcomes.get("stored", 0)
    assert counts.pending == outcomes.get("pending", 0) == 0
    return counts


def one(reports: list[Report]) -> Report:
    assert len(reports) == 1
    return reports[0]


def rows(store: Store, statement: str, **values: Any) -> list[Any]:
    with store.begin() as connection:
        return list(connection.execute(text(statement), values).all())


def position(store: Store) -> Any:
    return rows(store, "SELECT position FROM stream_state")[0][0]


def test_every_new_record_is_stored_with_its_bytes_sealed_and_its_demand(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    raw = record("A1", phone="13812345678", name="欧阳建国", text="我是欧阳建国，电话13812345678，窗口没人")
    assert collected(deps, source(played([raw]), clock, deferred=deferred)) == Counts(collected=1, stored=1)
    kept = rows(deps.store, "SELECT raw_id, sealed FROM raw_record")[0]
    assert raw.body not in bytes(kept.sealed)
    assert deps.intake.open_raw(bytes(kept.sealed), kept.raw_id) == raw.body
    demand = rows(deps.store, "SELECT demand_id, text, reporter_key, phone_key, sealed FROM demand")[0]
    assert "13812345678" not in demand.text
    assert "欧阳建国" not in demand.text
    assert demand.reporter_key == demand.phone_key
    assert (
        read_personal(deps.intake.sealer, bytes(demand.sealed), demand.demand_id)["reporter"]["phone"]
        == "13812345678"
    )


def test_collecting_the_same_again_writes_nothing_and_counts_duplicates(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    ready = source(played([record("A1"), record("A2")]), clock, deferred=deferred)
    assert collected(deps, ready) == Counts(collected=2, stored=2)
    before = rows(deps.store, "SELECT * FROM demand ORDER BY demand_id")
    assert collected(deps, ready) == Counts(collected=2, duplicate=2)
    assert rows(deps.store, "SELECT * FROM demand ORDER BY demand_id") == before
    assert rows(deps.store, "SELECT count(*) FROM raw_record")[0][0] == 2


def test_a_newer_version_replaces_and_the_former_stands_in_the_history(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", text="第一次")]), clock, deferred=deferred))
    again = collected(
        deps, source(played([record("A1", version=5, text="第二次")]), clock, deferred=deferred)
    )
    assert again == Counts(collected=1, stored=1)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["第二次"]
    assert [row.was["text"] for row in rows(deps.store, "SELECT was FROM demand_history")] == ["第一次"]


def test_an_older_version_is_kept_and_counted_as_duplicate(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", version=9, text="新")]), clock, deferred=deferred))
    older = collected(deps, source(played([record("A1", version=1, text="旧")]), clock, deferred=deferred))
    assert older == Counts(collected=1, duplicate=1)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["新"]
    assert rows(deps.store, "SELECT count(*) FROM raw_record")[0][0] == 2


def test_an_equal_version_with_other_content_wins_and_is_flagged(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", text="甲")]), clock, deferred=deferred))
    assert collected(deps, source(played([record("A1", text="乙")]), clock, deferred=deferred)).stored == 1
    assert rows(deps.store, "SELECT rewritten, changes FROM source_record")[0] == (True, 2)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["乙"]


def test_without_versions_there_and_back_is_three_changes(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    for words in ("甲", "乙", "甲"):
        plain = replace(record("A1", text=words), version=None)
        assert collected(deps, source(played([plain]), clock, deferred=deferred)).stored == 1
    assert rows(deps.store, "SELECT changes FROM source_record")[0][0] == 3
    assert [row.was["text"] for row in rows(deps.store, "SELECT was FROM demand_history ORDER BY 1")].count(
        "乙"
    ) == 1


def test_one_key_twice_in_a_page_ends_with_the_later_one(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    page = [
        record("A1", text="早"),
        record("B1"),
        record("A1", version=3, text="晚"),
        record("A1", version=3, text="晚"),
    ]
    assert collected(deps, source(played(page), clock, deferred=deferred)) == Counts(
        collected=4, stored=3, duplicate=1
    )
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand WHERE source_no = 'A1'")] == ["晚"]
    assert rows(deps.store, "SELECT count(*) FROM demand_history")[0][0] == 1


def test_a_bad_record_is_set_aside_with_its_reason_and_stops_no_other(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    page = [record("A1"), record("A2", bad=True), record("A3", crash=True), record("A4")]
    assert collected(deps, source(played(page), clock, deferred=deferred)) == Counts(
        collected=4, stored=2, quarantined=2
    )
    with deps.store.begin() as connection:
        entries = quarantine.entries(connection)
    assert [(entry["source_no"], entry["code"], entry["plugin_version"]) for entry in entries] == [
        ("A2", "field_invalid", "scripted 1"),
        ("A3", "normalize_failed", "scripted 1"),
    ]
    assert "a fault of the plugin" not in entries[1]["message"]


def test_a_record_that_can_never_be_named_is_set_aside_once(deps: CollectDeps, clock: ManualClock) -> None:
    nameless = RawRecord(None, b'{"bad": 1}', problem=RecordProblem(Code.KEY_MISSING, "no key"))
    ready = source(played([nameless, record("A1")]), clock)
    assert collected(deps, ready) == Counts(collected=2, stored=1, quarantined=1)
    assert collected(deps, ready) == Counts(collected=2, duplicate=2)
    assert rows(deps.store, "SELECT count(*) FROM quarantine")[0][0] == 1


def test_a_value_that_the_database_cannot_hold_sets_aside_only_its_own_record(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    page = [record(f"A{number}", item="带\0字符" if number == 3 else None) for number in range(7)]
    assert collected(deps, source(played(page), clock, deferred=deferred)) == Counts(
        collected=7, stored=6, quarantined=1
    )
    with deps.store.begin() as connection:
        assert [entry["code"] for entry in quarantine.entries(connection)] == ["value_unstorable"]


def test_a_replayed_record_is_stored_once_its_cause_is_mended(deps: CollectDeps, clock: ManualClock) -> None:
    bad = source(played([record("A1", bad=True), record("A2")]), clock)
    first = one(collect.run(deps, bad))
    mended = source(played(), clock)
    mended.channel.normalize = lambda raw: type(mended.channel).normalize(  # type: ignore[method-assign]
        mended.channel, replace(raw, body=raw.body.replace(b'"bad": true', b'"bad": false'))
    )
    with deps.store.begin() as connection:
        assert quarantine.replay(connection, clock.now()) == 1
        assert first.run_id is not None
        assert runs.records_of(connection, first.run_id) == Counts(collected=2, stored=1, pending=1)
    normalize.run(deps, {"county": mended})
    with deps.store.begin() as connection:
        assert runs.records_of(connection, first.run_id) == Counts(collected=2, stored=2)
        assert quarantine.entries(connection) == []
    assert rows(deps.store, "SELECT count(*) FROM demand")[0][0] == 2


def test_replaying_an_old_record_never_replaces_what_a_newer_one_said(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([record("A1", text="旧", bad=True)]), clock))
    collect.run(deps, source(played([record("A1", version=5, text="新")]), clock))
    mended = source(played(), clock)
    mended.channel.normalize = lambda raw: type(mended.channel).normalize(  # type: ignore[method-assign]
        mended.channel, replace(raw, body=raw.body.replace(b'"bad": true', b'"bad": false'))
    )
    with deps.store.begin() as connection:
        quarantine.replay(connection, clock.now())
    assert normalize.run(deps, {"county": mended}).records == Counts(collected=1, duplicate=1)
    assert [row.text for row in rows(deps.store, "SELECT text FROM demand")] == ["新"]


def failing_after(pages: list[list[RawRecord]], error: Exception) -> Any:
    def script(window: Window) -> Iterator[Page]:
        for number, records in enumerate(pages, start=1):
            yield Page(records, number=number)
        raise error

    return script


def away() -> SourceUnavailable:
    return SourceUnavailable("portal: no answer", code=Code.SOURCE_UNREACHABLE)


def test_a_newest_first_source_that_fails_after_its_first_page_ends_with_every_record(
    deps: CollectDeps, clock: ManualClock
) -> None:
    pages = [
        [record(f"A{minute}", minute=minute) for minute in range(high, high - 3, -1)] for high in (8, 5, 2)
    ]
    stream = Stream("main", order=Order.DESCENDING)
    first = one(collect.run(deps, source(failing_after(pages[:1], away()), clock, stream=stream)))
    assert [problem.code for problem in first.problems] == ["source_unreachable"]
    assert position(deps.store) is None
    windows: list[Window] = []

    def whole(window: Window) -> Iterator[Page]:
        windows.append(window)
        return played(*pages)(window)

    second = one(collect.run(deps, source(whole, clock, stream=stream)))
    assert windows[0].since is None
    assert second.position == position(deps.store)
    assert rows(deps.store, "SELECT count(*) FROM demand")[0][0] == 9
    assert datetime.fromisoformat(position(deps.store)) == START + timedelta(minutes=8)


def test_an_ascending_source_keeps_the_position_of_the_pages_that_were_read(
    deps: CollectDeps, clock: ManualClock
) -> None:
    stream = Stream("main", order=Order.ASCENDING, overlap_s=60)
    pages = [[record("A1", minute=1), record("A2", minute=2)], [record("A3", minute=3)]]
    collect.run(deps, source(failing_after(pages, away()), clock, stream=stream))
    assert datetime.fromisoformat(position(deps.store)) == START + timedelta(minutes=3)


def test_the_next_window_reaches_back_by_the_overlap(deps: CollectDeps, clock: ManualClock) -> None:
    windows: list[Window] = []

    def script(window: Window) -> Iterator[Page]:
        windows.append(window)
        yield Page([record("A1", minute=10)])

    ready = source(script, clock, stream=Stream("main", overlap_s=90))
    collect.run(deps, ready)
    collect.run(deps, ready)
    assert windows[1].since == START + timedelta(minutes=10, seconds=-90)


@pytest.mark.parametrize(
    ("ahead_s", "code"), [(299, None), (301, "position_in_future"), (None, "position_unreadable")]
)
def test_a_position_that_cannot_be_is_set_aside_and_moves_nothing(
    deps: CollectDeps, clock: ManualClock, ahead_s: int | None, code: str | None
) -> None:
    odd = replace(record("A2"), position_at=None if ahead_s is None else NOW + timedelta(seconds=ahead_s))
    report = one(collect.run(deps, source(played([record("A1", minute=1), odd]), clock)))
    assert report.records.quarantined == (0 if code is None else 1)
    assert report.counts == ({} if code is None else {code: 1})
    reached = datetime.fromisoformat(position(deps.store))
    assert reached == (NOW + timedelta(seconds=299) if code is None else START + timedelta(minutes=1))


def test_a_backfill_leaves_the_live_position_where_it_is(deps: CollectDeps, clock: ManualClock) -> None:
    collect.run(deps, source(played([record("A1", minute=50)]), clock))
    before = position(deps.store)
    collect.run(deps, source(played([record("B1", minute=99)]), clock), Span(since=START))
    assert position(deps.store) == before
    assert rows(deps.store, "SELECT count(*) FROM demand")[0][0] == 2


def test_a_limit_cuts_the_window_and_moves_no_position(deps: CollectDeps, clock: ManualClock) -> None:
    ready = source(played([record("A1")], [record("A2")], [record("A3")]), clock)
    assert one(collect.run(deps, ready, Span(limit=2))).records.collected == 2
    assert position(deps.store) is None


def test_a_page_that_cannot_be_read_is_kept_and_the_pages_before_it_stay(
    deps: CollectDeps, clock: ManualClock
) -> None:
    broken = SourceContractError("page 2 is no JSON", code=Code.PAGE_NOT_JSON, body=b"<html>login</html>")
    report = one(collect.run(deps, source(failing_after([[record("A1")]], broken), clock)))
    assert [problem.code for problem in report.problems] == ["page_not_json"]
    with deps.store.begin() as connection:
        entry = quarantine.entries(connection)[0]
        table, row_id, sealed, _ = quarantine.kept_bytes(connection, entry["quarantine_id"])
    assert entry["kind"] == "page"
    assert deps.intake.sealer.unseal(sealed, table=table, row_id=row_id) == b"<html>login</html>"
    assert rows(deps.store, "SELECT count(*) FROM demand")[0][0] == 1


def test_other_positions_than_time_are_the_plugins_json_and_commit_with_their_page(
    deps: CollectDeps, clock: ManualClock
) -> None:
    def script(window: Window) -> Iterator[Page]:
        yield Page([record("M1")], position={"uid": 1, "uidvalidity": 7})
        yield Page([record("M2")], position={"uid": 2, "uidvalidity": 7}, number=2)
        raise away()

    stream = Stream("inbox", position_kind=PositionKind.MAIL, order=Order.ASCENDING)
    collect.run(deps, source(script, clock, stream=stream))
    assert position(deps.store) == {"uid": 2, "uidvalidity": 7}


def test_attachments_are_kept_once_and_sealed(deps: CollectDeps, clock: ManualClock) -> None:
    file = RawAttachment("凭证.jpg", "image/jpeg", b"\xff\xd8 picture")
    page = [replace(record(no), attachments=(file,)) for no in ("A1", "A2")]
    collect.run(deps, source(played(page), clock))
    kept = rows(deps.store, "SELECT sha256, size_bytes, sealed FROM attachment")
    assert len(kept) == 1
    assert kept[0].size_bytes == len(file.content)
    assert (
        deps.intake.sealer.unseal(bytes(kept[0].sealed), table="attachment", row_id=kept[0].sha256)
        == file.content
    )
    demand = rows(deps.store, "SELECT demand_id, sealed FROM demand")[0]
    personal = read_personal(deps.intake.sealer, bytes(demand.sealed), demand.demand_id)
    assert personal["attachments"][0]["sha256"] == kept[0].sha256


def test_a_deleted_record_marks_its_demand_and_keeps_what_it_was(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1")]), clock, deferred=deferred))
    gone = replace(record("A1", version=4), deleted=True)
    assert collected(deps, source(played([gone]), clock, deferred=deferred)).stored == 1
    assert rows(deps.store, "SELECT deleted FROM demand")[0][0] is True
    assert rows(deps.store, "SELECT was->>'deleted' FROM demand_history")[0][0] == "false"


def test_what_a_person_confirmed_no_source_overwrites(
    deps: CollectDeps, clock: ManualClock, deferred: bool
) -> None:
    collected(deps, source(played([record("A1", item="不动产登记")]), clock, deferred=deferred))
    rows(deps.store, "UPDATE demand SET item_name = '更正', confirmed = '{item_name}' RETURNING 1")
    collected(
        deps, source(played([record("A1", version=3, item="别的", text="新内容")]), clock, deferred=deferred)
    )
    assert rows(deps.store, "SELECT item_name, text FROM demand")[0] == ("更正", "新内容")


def test_a_second_collector_of_the_same_stream_stands_back(deps: CollectDeps, clock: ManualClock) -> None:
    seen: list[Report] = []

    def script(window: Window) -> Iterator[Page]:
        yield Page([record("A1")])
        seen.extend(collect.run(deps, source(played([record("A2")]), clock)))

    collect.run(deps, source(script, clock))
    assert [report.counts for report in seen] == [{"busy": 1}]
    assert rows(deps.store, "SELECT source_no FROM demand") == [("A1",)]


def test_a_run_whose_stream_was_taken_over_writes_nothing_more(deps: CollectDeps, clock: ManualClock) -> None:
    def script(window: Window) -> Iterator[Page]:
        yield Page([record("A1")])
        rows(deps.store, "UPDATE stream_state SET owner_run = owner_run + 1000 RETURNING 1")
        yield Page([record("A2")], number=2)

    report = one(collect.run(deps, source(script, clock)))
    assert [problem.code for problem in report.problems] == ["run_superseded"]
    assert rows(deps.store, "SELECT source_no FROM demand") == [("A1",)]


def test_what_waits_for_a_channel_that_is_not_ready_stays_and_is_reported(
    deps: CollectDeps, clock: ManualClock
) -> None:
    collect.run(deps, source(played([record("A1")]), clock, deferred=True))
    report = normalize.run(deps, {})
    assert [problem.code for problem in report.problems] == ["plugin_broken"]
    with deps.store.begin() as connection:
        assert work.waiting(connection)["normalize"] == 1


def test_every_page_leaves_one_work_row_for_the_rules(deps: CollectDeps, clock: ManualClock) -> None:
    collect.run(deps, source(played([record("A1"), record("A2")], [record("A3")]), clock))
    assert [
        len(row.demand_ids) for row in rows(deps.store, "SELECT demand_ids FROM evaluate_work ORDER BY 1")
    ] in ([2, 1], [1, 2])


def test_only_a_page_that_replaces_something_makes_a_staging_table(
    deps: CollectDeps, clock: ManualClock
) -> None:
    staged = "SELECT relname FROM pg_class WHERE relname LIKE 'stage%' ORDER BY 1"
    collect.run(deps, source(played([record("A1"), record("A2")]), clock))
    assert rows(deps.store, staged) == []
    collect.run(deps, source(played([record("A1", version=2, text="再次反映")]), clock))
    assert [row.relname for row in rows(deps.store, staged)] == ["stage_demand", "stage_identity"]
