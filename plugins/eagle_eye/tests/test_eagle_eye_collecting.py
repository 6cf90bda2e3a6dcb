"""The eagle-eye's lists through the hub: cases as they stand, ratings beside them, and what was set aside seen."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.clock import COUNTY_ZONE
from hub.county.eagle_eye_server import EagleEyeServer
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import Source
from hub.sdk.readers.auth_policy import BearerAuth
from hub.store import quarantine
from hub.testing.factories import channel_context
from hub.testing.reading import Reader
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.codes import Device
from hub_channel_eagle_eye.settings import EagleEyeSettings, HttpSource
from hub_channel_eagle_eye.streams import CASES, EVENTS
from plugins.eagle_eye.tests.test_eagle_eye_contract import DEVICES

SAMPLES = Path(__file__).parents[1] / "samples"


def samples(folder, updated):
    """Sound and unsound records of one list, as its source has them."""
    found = []
    for path in sorted((SAMPLES / folder).glob("*.json")):
        if not path.name.endswith((".demands.json", ".rejected.json")):
            record = json.loads(path.read_text("utf-8"))
            found.append({updated: record.get("evaluateTime") or record.get("occurTime"), **record})
    return found


@pytest.fixture
def eye():
    cases, ratings, events = (
        samples("cases", "updateDate"),
        samples("ratings", "updateTime"),
        samples("events", "updateTime"),
    )
    known = [one for one in ratings if one.get("evaluateId")], [one for one in events if one.get("eventID")]
    with EagleEyeServer(cases, *known, token="t0ken") as server:
        yield server


@pytest.fixture
def channel(eye, clock):
    source = HttpSource(
        kind="http", base_url=eye.url, page_size=3, auth=BearerAuth(kind="bearer", token="eye_token")
    )
    context = channel_context("eye", secrets={"eye_token": "t0ken"}, clock=clock)
    found = EagleEyeChannel(EagleEyeSettings(source=source, devices=DEVICES), context)
    yield found
    found.close()


@pytest.fixture
def collected(channel, deps):
    def run():
        ready = Source(channel, "eye", "eagle_eye 0")
        reports = collect.run(deps, ready)
        normalize.run(deps, {"eye": ready})
        assert [problem for report in reports for problem in report.problems] == []
        return {str(report.subject).rpartition("/")[2]: report.records for report in reports}

    return run


def rows(deps, statement):
    with deps.store.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement)).all()]


def test_three_lists_are_three_streams_and_every_record_is_stored_or_set_aside(eye, collected, deps):
    counts = collected()

    assert {stream: (found.collected, found.quarantined) for stream, found in counts.items()} == {
        "cases": (len(eye.cases), 4),
        "ratings": (len(eye.ratings), 3),
        "events": (len(eye.events), 1),
    }
    assert all(found.reconciles() for found in counts.values())
    assert rows(deps, "SELECT count(*) FROM service_case WHERE NOT deleted") == [(3,)]
    assert rows(deps, "SELECT count(*), min(level) FROM rating WHERE NOT deleted") == [(3, 1)]
    assert rows(deps, "SELECT count(*) FROM monitor_event WHERE NOT deleted") == [(3,)]
    assert rows(deps, "SELECT text, state FROM finding") == [("窗口无人值守超过15分钟", "rectified")]


def test_nothing_personal_stands_in_plain(collected, deps):
    collected()
    dump = "".join(
        str(row)
        for table in ("case_part", "service_case", "rating", "monitor_event", "finding")
        for row in rows(deps, f"SELECT to_jsonb(t) - 'sealed' FROM {table} t")
    )

    for personal in (
        "王建国",
        "13812345678",
        "411521199001011234",
        "LS0231",
        "LS0405",
        "赵明",
        "李芳",
        "陈刚",
        "孙强",
    ):
        assert personal not in dump, personal
    assert "等候太久" in dump


def test_a_second_run_changes_nothing_and_a_changed_case_is_one_change(eye, collected, deps, clock):
    collected()
    before = rows(deps, "SELECT case_no, state FROM service_case ORDER BY 1")
    assert all(found.stored == 0 for found in collected().values())
    assert rows(deps, "SELECT case_no, state FROM service_case ORDER BY 1") == before

    clock.advance(3_600)
    local = clock.now().astimezone(COUNTY_ZONE) - timedelta(minutes=1)
    eye.cases.change("411521230620000187", at=local, status="8", finishTime=f"{local:%Y-%m-%d %H:%M:%S}")
    assert collected()["cases"] == Counts(collected=2, stored=1, duplicate=1)
    assert rows(deps, "SELECT state FROM service_case WHERE case_no = '411521230620000187'") == [
        ("finished",)
    ]


def test_a_device_that_is_added_to_the_settings_lets_its_ratings_be_replayed(
    eye, channel, collected, deps, clock
):
    collected()
    source = channel.settings.source
    mended = EagleEyeChannel(
        EagleEyeSettings(source=source, devices=(*DEVICES, Device(vendor="HX", scale="national"))),
        channel.ctx,
    )
    with deps.store.begin() as connection:
        quarantine.replay(connection, clock.now())
    normalize.run(deps, {"eye": Source(mended, "eye", "eagle_eye 0")})
    mended.close()

    assert rows(deps, "SELECT level FROM rating WHERE source_no = '500521230629000016'") == [(5,)]


def test_a_list_that_the_source_does_not_offer_is_no_stream(eye, clock):
    source = HttpSource(kind="http", base_url=eye.url, ratings=None, events=None)
    channel = EagleEyeChannel(EagleEyeSettings(source=source), channel_context(clock=clock))

    assert channel.streams == (CASES,)


def test_check_looks_at_every_list(channel):
    report = channel.check()

    assert [(check.name, check.ok) for check in report.checks] == [
        ("cases: answer", True),
        ("cases: records", False),
        ("ratings: answer", True),
        ("ratings: records", False),
        ("events: answer", True),
        ("events: records", True),  # the one that cannot be read has no time: no window up to now shows it
    ]
    assert "(field_invalid, field_missing, value_unmapped)" in report.checks[1].detail


def test_a_later_run_asks_for_what_is_new_alone(channel, eye, clock):
    reader = Reader(channel, EVENTS)
    reader.run()
    asked = eye.requests
    eye.events.add(
        {
            "eventID": "E9",
            "warnType": "1",
            "warnLevel": "1",
            "updateTime": _local(clock),
            "occurTime": _local(clock),
        }
    )
    second = reader.run()

    assert second.numbers >= {"E9"}
    assert eye.requests - asked <= 3


def _local(clock) -> str:
    moment: datetime = clock.now().astimezone(COUNTY_ZONE)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
