"""Cases, ratings, inspections, findings and monitor events: kept once, masked, with their history, and put together from parts."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import LargeBinary, text

from hub.clock import ManualClock
from hub.model.case import Case, CaseStep
from hub.model.codes import CaseState, DemandType, InspectionKind, RatingLevel
from hub.model.demand import Demand, Reporter
from hub.model.inspection import Finding, Inspection
from hub.model.observation import Observation
from hub.model.rating import Rating
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.observing import unseal
from hub.sdk.channel import RawRecord, Stream
from hub.store import observed, quarantine
from hub.store.engine import Store
from hub.store.rekey import PLACES
from hub.store.schema import whole_schema
from tests.integration.test_collect import collected, one, rows
from tests.support.scripted import START, ScriptedChannel, played, source

PHONE = "13812345678"


class ObservingChannel(ScriptedChannel):
    """Says whatever its records hold: a case's part, a rating, an inspection with its findings, a demand."""

    says: ClassVar[tuple[type[Demand] | type[Observation], ...]] = (Demand, Case, Rating, Inspection, Finding)

    def normalize(self, raw: RawRecord) -> Sequence[Demand | Observation]:
        return [_MODELS[kind].model_validate(fields) for kind, fields in json.loads(raw.body)]


_MODELS: dict[str, type[Demand] | type[Observation]] = {
    "demand": Demand,
    "case": Case,
    "rating": Rating,
    "inspection": Inspection,
    "finding": Finding,
}


def raw(no: str, *said: Demand | Observation, minute: int = 0, deleted: bool = False) -> RawRecord:
    body = [
        (
            one.kind if isinstance(one, Observation) else "demand",
            one.model_dump(mode="json", exclude_defaults=True),
        )
        for one in said
    ]
    at = START + timedelta(minutes=minute)
    return RawRecord(no, json.dumps(body).encode(), version=at.isoformat(), position_at=at, deleted=deleted)


def case(no: str, case_no: str = "C1", *, minute: int = 0, **fields: Any) -> Case:
    return Case(source_no=no, case_no=case_no, as_of=START + timedelta(minutes=minute), **fields)


def finding(no: str, words: str = "窗口无人值守", **fields: Any) -> Finding:
    return Finding(source_no=no, inspection_kind=InspectionKind.DAILY, found_at=START, text=words, **fields)


def inspection(no: str, **fields: Any) -> Inspection:
    return Inspection(source_no=no, inspection_kind=InspectionKind.DAILY, **fields)


def rating(no: str, level: int = 5, **fields: Any) -> Rating:
    return Rating(source_no=no, rated_at=START, level=RatingLevel(level), **fields)


@pytest.fixture(params=["inline", "deferred"])
def deferred(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "deferred")


@pytest.fixture
def seen(deps: CollectDeps, clock: ManualClock, deferred: bool) -> Any:
    """Collects and normalizes pages of records; gives the counts as they stand at the end."""

    def see(*records: RawRecord, instance: str = "eye") -> Counts:
        ready = observing(source(played(records), clock, deferred=deferred, instance=instance))
        return collected(deps, ready)

    return see


def observing(ready: Source) -> Source:
    channel = ObservingChannel(ready.channel.settings, ready.channel.ctx)
    channel.script = ready.channel.script  # type: ignore[attr-defined]
    channel.streams = ready.channel.streams  # type: ignore[misc]
    return replace(ready, channel=channel)


def test_each_kind_stands_in_its_own_table_and_nothing_personal_in_its_columns(
    seen: Any, deps: CollectDeps
) -> None:
    said = (
        rating(
            "R1",
            1,
            text=f"王建国电话{PHONE}，办事员态度恶劣",
            staff_no="LS0231",
            rater=Reporter(name="王建国", phone=PHONE),
            tags=("态度差",),
        ),
        inspection("I1", inspectors=("赵督查",), summary=f"联系{PHONE}", lines_checked=12, lines_failed=1),
        finding("I1-1", f"李四光脱岗，{PHONE}可证", person="李四光", co_organisations=("县公安局",)),
        case(
            "P1", applicant=Reporter(name="王建国", id_no="411521199001011234"), organisation="县自然资源局"
        ),
    )
    assert seen(*(raw(one.source_no, one) for one in said)) == Counts(collected=4, stored=4)
    for kind, table in observed.TABLES.items():
        assert len(rows(deps.store, f"SELECT 1 FROM {table.name}")) == (kind != "monitor_event"), kind
    with deps.store.begin() as connection:
        dump = "".join(
            str(row[0])
            for table in (*observed.TABLES.values(), observed.service_case)
            for row in connection.execute(text(f"SELECT to_jsonb(t) - 'sealed' FROM {table.name} t"))
        )
    for personal in (PHONE, "王建国", "李四光", "赵督查", "LS0231", "411521199001011234"):
        assert personal not in dump
    assert "态度恶劣" in dump
    assert "县公安局" in dump
    row = rows(deps.store, "SELECT observation_id, sealed FROM finding")[0]
    assert unseal(deps.intake.sealer, Finding, bytes(row.sealed), row.observation_id) == said[2]


def test_the_same_again_is_a_duplicate_and_a_change_keeps_what_was(seen: Any, deps: CollectDeps) -> None:
    assert seen(raw("R1", rating("R1", 1))) == Counts(collected=1, stored=1)
    first = rows(deps.store, "SELECT observation_id, received_at FROM rating")
    assert seen(raw("R1", rating("R1", 1))) == Counts(collected=1, duplicate=1)
    assert seen(raw("R1", rating("R1", 4), minute=1)) == Counts(collected=1, stored=1)
    assert rows(deps.store, "SELECT observation_id, received_at FROM rating") == first
    assert rows(deps.store, "SELECT level FROM rating")[0].level == 4
    history = rows(deps.store, "SELECT kind, was->>'level' AS level FROM observation_history")
    assert [tuple(row) for row in history] == [("rating", "1")]


def test_what_a_record_no_longer_says_is_marked_and_stands_again_when_it_does(
    seen: Any, deps: CollectDeps
) -> None:
    def living() -> list[str]:
        return [
            row.source_no
            for row in rows(deps.store, "SELECT source_no FROM finding WHERE NOT deleted ORDER BY 1")
        ]

    seen(raw("I1", inspection("I1"), finding("I1-1"), finding("I1-2")))
    assert living() == ["I1-1", "I1-2"]
    seen(raw("I1", inspection("I1"), finding("I1-2"), minute=1))
    assert living() == ["I1-2"]
    seen(raw("I1", inspection("I1"), finding("I1-1"), finding("I1-2"), minute=2))
    assert living() == ["I1-1", "I1-2"]
    seen(raw("I1", deleted=True, minute=3))
    assert living() == []
    assert rows(deps.store, "SELECT deleted FROM inspection")[0].deleted is True


def test_a_record_may_say_demands_and_other_things_at_once(seen: Any, deps: CollectDeps) -> None:
    demand = Demand(
        source_no="I1", submitted_at=START, demand_type=DemandType.SUGGESTION, content="建议增设窗口"
    )
    assert seen(raw("I1", demand, inspection("I1"))) == Counts(collected=1, stored=1)
    assert rows(deps.store, "SELECT text FROM demand")[0].text == "建议增设窗口"
    assert len(rows(deps.store, "SELECT 1 FROM inspection")) == 1
    seen(raw("I1", inspection("I1"), minute=1))
    assert rows(deps.store, "SELECT deleted FROM demand")[0].deleted is True


def test_a_case_is_put_together_from_its_parts_whatever_the_order_and_the_stream(
    seen: Any, deps: CollectDeps, clock: ManualClock
) -> None:
    parts = [
        raw("S1", case("S1", steps=(CaseStep(no="1", name="受理", began_at=START),), minute=1)),
        raw("A1", case("A1", item_name="不动产转移登记", applied_at=START, state=CaseState.APPLIED)),
        raw("S1e", case("S1e", steps=(CaseStep(no="1", ended_at=START + timedelta(hours=1)),), minute=2)),
        raw("R1", case("R1", state=CaseState.FINISHED, minute=9)),
        raw("B1", case("B1", "C2", item_name="食品经营许可")),
    ]
    for part in parts:
        seen(part)
    found = rows(
        deps.store,
        "SELECT case_no, item_name, state, parts, steps, source_no FROM (SELECT *, case_no AS source_no FROM service_case) c ORDER BY 1",
    )
    assert [(row.case_no, row.item_name, row.state, row.parts) for row in found] == [
        ("C1", "不动产转移登记", "finished", 4),
        ("C2", "食品经营许可", None, 1),
    ]
    (step,) = found[0].steps
    assert step["name"] == "受理"
    assert datetime.fromisoformat(step["ended_at"]) == START + timedelta(hours=1)


def test_a_part_that_moves_to_another_case_leaves_the_first_one(seen: Any, deps: CollectDeps) -> None:
    seen(raw("A1", case("A1", "C1")), raw("A2", case("A2", "C1")))
    seen(raw("A2", case("A2", "C9"), minute=1))
    seen(raw("A1", case("A1", "C8"), minute=1))
    found = rows(deps.store, "SELECT case_no, parts, deleted FROM service_case ORDER BY 1")
    assert [tuple(row) for row in found] == [("C1", 0, True), ("C8", 1, False), ("C9", 1, False)]


def test_a_record_read_late_never_overwrites_a_later_one(deps: CollectDeps, clock: ManualClock) -> None:
    bad = replace(raw("R1", rating("R1", 1)), body=b"{")
    ready = observing(source(played([bad]), clock))
    collect.run(deps, ready)
    collect.run(deps, observing(source(played([raw("R1", rating("R1", 4), minute=1)]), clock)))
    with deps.store.begin() as connection:
        assert quarantine.replay(connection, clock.now()) == 1
    mended = observing(source(played(), clock))
    mended.channel.normalize = lambda raw: [rating("R1", 1)]  # type: ignore[method-assign]
    assert normalize.run(deps, {"county": mended}).records == Counts(collected=1, duplicate=1)
    assert rows(deps.store, "SELECT level FROM rating")[0].level == 4


def test_what_a_channel_did_not_declare_is_set_aside(deps: CollectDeps, clock: ManualClock) -> None:
    ready = source(played([raw("R1", rating("R1"))]), clock)
    ready.channel.normalize = lambda raw: [rating("R1")]  # type: ignore[method-assign]
    report = one(collect.run(deps, ready))
    assert report.records == Counts(collected=1, quarantined=1)
    assert "gave Rating (expected what the channel's 'says' names: Demand)" in _message(deps.store)


def _message(store: Store) -> str:
    return str(rows(store, "SELECT message FROM quarantine")[0].message)


def test_streams_that_tell_of_one_case_at_once_end_as_one_after_the_other(
    deps: CollectDeps, clock: ManualClock
) -> None:
    def tell(stream: int) -> None:
        parts = [raw(f"{stream}-{n}", case(f"{stream}-{n}", f"C{n % 3}", minute=stream)) for n in range(30)]
        pages = [parts[start : start + 5] for start in range(0, 30, 5)]
        ready = observing(source(played(*pages), clock, instance="eye", stream=Stream(f"s{stream}")))
        assert one(collect.run(deps, ready)).problems == ()

    threads = [threading.Thread(target=tell, args=(stream,)) for stream in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = rows(deps.store, "SELECT case_no, parts FROM service_case ORDER BY 1")
    assert [tuple(row) for row in found] == [("C0", 40), ("C1", 40), ("C2", 40)]


def test_every_sealed_column_is_known_to_the_changing_of_keys() -> None:
    sealed = {
        (table.name, column.name)
        for table in whole_schema().tables.values()
        for column in table.columns
        if column.name.startswith("sealed") and isinstance(column.type, LargeBinary)
    }
    moved = {(place.table, place.column) for place in PLACES}
    assert sealed == moved | {("demand", "sealed"), ("demand_history", "sealed")}
