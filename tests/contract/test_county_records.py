"""What the simulated county writes down is read by each channel's own mapping: every record that is meant to be used, and none of the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE
from hub.county.hotline_server import order_xml
from hub.county.render import app, eagle_eye, hotline, mailbox, portal, presubmission, unresolved, visits
from hub.county.world.batches import Batches
from hub.county.world.voices import CaseNews, Happening, MonitorNews, RatingNews, Visit, Voice
from hub.model.rating import Rating
from hub.sdk import RawRecord, RecordRejected
from hub.sdk.readers.mail import MAIL
from hub.sdk.readers.mail_parse import source_no
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.factories import channel_context
from hub_channel_app.mapping import AppMapping
from hub_channel_eagle_eye.codes import CodeTables, Device, Tables
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.process_events import ProcessEvents
from hub_channel_eagle_eye.shapes import Shape
from hub_channel_hotline.mapping import Tables as HotlineTables
from hub_channel_hotline.settings import SoapSource
from hub_channel_hotline.soap import soap_mapping
from hub_channel_inspection.mapping import InspectionMapping
from hub_channel_inspection.settings import InspectionSettings
from hub_channel_leader_visit.mapping import LeaderVisitMapping
from hub_channel_leader_visit.settings import LeaderVisitSettings
from hub_channel_mailbox.mapping import MailboxMapping
from hub_channel_mailbox.settings import ImapSource, MailboxSettings
from hub_channel_observer.mapping import ObserverMapping
from hub_channel_observer.settings import ObserverSettings
from hub_channel_portal.mapping import PortalMapping
from hub_channel_presubmission_window.mapping import PresubmissionMapping
from hub_channel_presubmission_window.settings import PresubmissionWindowSettings
from hub_channel_unresolved_window.mapping import UnresolvedMapping
from hub_channel_unresolved_window.settings import UnresolvedWindowSettings

AT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
SEEDS = range(100, 108)
FOLDER = {"source": {"kind": "folder", "path": "/nonexistent/drop"}}


def arriving(channel: str, seed: int) -> Iterator[Happening]:
    batches = Batches(seed)
    for number in range(6):
        yield from batches.batch(number, AT + timedelta(seconds=8 * number)).of(channel)


def usable(read: Callable[[], Any]) -> bool:
    try:
        read()
    except RecordRejected:
        return False
    return True


def portal_reads(voice: Voice) -> Any:
    return PortalMapping(COUNTY_ZONE).demands(json.dumps(portal.record(voice)).encode())


def app_reads(voice: Voice) -> Any:
    return AppMapping().demands(json.dumps(app.record(voice)).encode())


def hotline_reads(voice: Voice) -> Any:
    mapping = soap_mapping(SoapSource(kind="soap", base_url="http://h"), channel_context(), HotlineTables())
    return mapping.demands(order_xml(hotline.order(voice)).encode())


def mailbox_reads(voice: Voice) -> Any:
    settings = MailboxSettings(source=ImapSource(kind="imap", host="h", user="u", password_secret="p"))
    raw = mailbox.mail(voice)
    return MailboxMapping(settings, COUNTY_ZONE).demand(RawRecord(source_no(raw), raw, media_type=MAIL))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("channel", "read"),
    [("app", app_reads), ("portal", portal_reads), ("hotline", hotline_reads), ("mailbox", mailbox_reads)],
)
def test_a_voice_can_be_used_unless_it_was_planted_as_unusable(channel, read, seed):
    voices = [one for one in arriving(channel, seed) if isinstance(one, Voice)]
    assert len(voices) > 20
    wrong = [voice for voice in voices if usable(lambda: read(voice)) != (voice.flaw is None)]  # noqa: B023
    assert [(voice.number, voice.flaw) for voice in wrong] == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("channel", ["presubmission_window", "unresolved_window"])
def test_a_ledgers_rows_are_all_accounted_for(channel, seed):
    if channel == "presubmission_window":
        windows: Any = PresubmissionMapping(PresubmissionWindowSettings.model_validate(FOLDER), COUNTY_ZONE)
        render: Any = presubmission.sheet
    else:
        windows = UnresolvedMapping(UnresolvedWindowSettings.model_validate(FOLDER), COUNTY_ZONE)
        render = unresolved.sheet
    voices = [one for one in arriving(channel, seed) if isinstance(one, Voice)]
    records = SheetRecords(render(voices), windows.plan(), windows.demand)
    read = [one for one in records if one.problem is None and usable(lambda: windows.demand(one))]  # noqa: B023
    tally = records.tally
    assert tally.rows == tally.records + tally.passed_over.total()
    assert tally.set_aside_count == sum(voice.flaw is not None for voice in voices)
    silent = tally.passed_over["passed"] + tally.passed_over["returned_once"]
    assert len(read) + tally.set_aside_count + silent >= len(voices) >= len(read)
    if channel == "unresolved_window":
        assert {one.source_no for one in read} == {voice.number for voice in voices if voice.flaw is None}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_eagle_eye_tells_can_be_used_unless_it_was_planted_as_unusable(seed):
    tables = Tables.of(CodeTables(), tuple(Device.model_validate(dict(one)) for one in eagle_eye.DEVICES))
    mapping = EagleEyeMapping(COUNTY_ZONE, tables, {}, ProcessEvents(COUNTY_ZONE, tables).said)
    seen: Counter[str] = Counter()
    for one in arriving("eagle_eye", seed):
        if isinstance(one, CaseNews):
            shape, record = Shape.CASE, eagle_eye.case(one)
        elif isinstance(one, RatingNews):
            shape, record = Shape.RATING, eagle_eye.rating(one)
        else:
            assert isinstance(one, MonitorNews)
            shape, record = Shape.EVENT, eagle_eye.event(one)
        raw = RawRecord(one.number, json.dumps(record).encode(), media_type=shape.media_type)
        assert usable(lambda: mapping.said(raw)) == (one.flaw is None), (shape, one.flaw)  # noqa: B023
        if one.flaw is None and isinstance(one, RatingNews):
            (rating,) = mapping.said(raw)
            assert isinstance(rating, Rating)
            assert rating.level == one.level
        if one.flaw is None and isinstance(one, CaseNews):
            (case,) = mapping.said(raw)
            assert case.quality == ()
        seen[shape.name] += 1
    assert len(seen) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_an_inspection_is_read_with_each_of_its_findings_and_only_planted_rows_are_set_aside(seed):
    mapping = InspectionMapping(InspectionSettings.model_validate(FOLDER), COUNTY_ZONE)
    told = [one for one in arriving("inspection", seed) if isinstance(one, Visit)]
    read = [
        one.problem is None and usable(lambda: mapping.said(one))  # noqa: B023
        for one in SheetRecords(visits.inspections(told), mapping.plan(), mapping.said)
    ]
    faults = sum(line.fault is not None for visit in told if visit.flaw is None for line in visit.lines)
    assert read.count(False) == sum(visit.flaw is not None for visit in told)
    # A round of which one line's verdict is unknown is still a round.
    rounds = sum(visit.flaw != "time" for visit in told)
    assert read.count(True) == rounds + faults


@pytest.mark.parametrize("seed", SEEDS)
def test_an_observers_report_is_read_unless_it_was_planted_as_unusable(seed):
    mapping = ObserverMapping(ObserverSettings.model_validate(FOLDER), COUNTY_ZONE)
    told = [one for one in arriving("observer", seed) if isinstance(one, Visit)]
    read = [
        one.problem is None and usable(lambda: mapping.said(one))  # noqa: B023
        for one in SheetRecords(visits.observers(told), mapping.plan(), mapping.said)
    ]
    good = [visit for visit in told if visit.flaw is None]
    problems = sum(visit.kind == "走流程" and visit.lines[0].fault is not None for visit in good)
    assert (read.count(True), read.count(False)) == (len(good) + problems, len(told) - len(good))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leaders_visit_is_a_finding_unless_it_was_planted_as_unusable(seed):
    mapping = LeaderVisitMapping(LeaderVisitSettings.model_validate(FOLDER), COUNTY_ZONE)
    told = [one for one in arriving("leader_visit", seed) if isinstance(one, Visit)]
    read = [
        one.problem is None and usable(lambda: mapping.finding(one))  # noqa: B023
        for one in SheetRecords(visits.leader_visits(told), mapping.plan(), mapping.finding)
    ]
    assert (read.count(True), read.count(False)) == (
        sum(visit.flaw is None for visit in told),
        sum(visit.flaw is not None for visit in told),
    )
