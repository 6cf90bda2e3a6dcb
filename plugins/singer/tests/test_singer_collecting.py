"""Taps through the hub's own collecting: what is durable, where the position stands, and a tap that others' framework made."""

import sys
from datetime import timedelta
from pathlib import Path

from hub.county.portal_server import PortalServer
from hub.model.report import Counts
from hub.pipeline import collect
from hub.pipeline.collect import Source
from hub.sdk import PositionKind
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import demands_of
from hub_channel_singer.channel import SingerChannel
from plugins.portal.tests.portal_pages import PortalPages
from plugins.singer.tests.tap_ground import reader, settings

SDK_TAP = Path(__file__).parents[3] / "bench" / "collect" / "singer_tap" / "tap_portal.py"
PORTAL_FIELDS = {
    "submitted_at": {"path": "tjsj"},
    "demand_type": {"path": "lx", "map": {"1": "consultation", "2": "complaint"}},
    "content": {"path": "nr"},
    "reporter": {"phone": {"path": "sjh", "parse": "phone"}},
}


def collected(deps, clock, play, **given):
    channel = SingerChannel(settings(play, **given), channel_context("county-tap", clock=clock))
    try:
        (report,) = collect.run(deps, Source(channel, "county-tap", "singer 0"))
    finally:
        channel.close()
    return report


def test_what_a_tap_gave_before_it_broke_is_durable_and_the_next_run_takes_the_rest(deps, clock):
    broken = collected(deps, clock, "crash")
    assert [problem.code for problem in broken.problems] == ["source_cut_short"]
    assert broken.records == Counts(collected=4, stored=4)
    assert broken.position["state"] == {"bookmarks": {"complaints": {"reached": 3}}}

    whole = collected(deps, clock, "well_behaved")
    assert whole.problems == ()
    assert whole.records == Counts(collected=7, stored=6, duplicate=1)
    assert whole.position["state"] == {"bookmarks": {"complaints": {"reached": 10}}}
    assert collected(deps, clock, "well_behaved").records == Counts()


def test_a_broken_record_of_a_tap_lies_in_quarantine_and_the_rest_is_stored(deps, clock):
    report = collected(deps, clock, "broken_record")

    assert report.problems == ()
    assert report.records == Counts(collected=6, stored=5, quarantined=1)


def test_a_tap_made_with_the_singer_sdk_is_read_and_goes_on_from_its_state():
    records = [PortalPages().record(index, NOW - timedelta(minutes=20 - index)) for index in range(20)]
    portal_streams = {"demands": {"fields": PORTAL_FIELDS, "record": {"version": {"path": "gxsj"}}}}
    with PortalServer(records, order="ascending") as portal:
        given = settings(
            executable=sys.executable,
            arguments=[str(SDK_TAP)],
            config={"api_url": portal.url},
            streams=portal_streams,
        )
        run = reader()
        run.channel = SingerChannel(given, run.channel.ctx)
        first = run.run()
        second = run.run()

    assert first.error is None
    assert first.numbers == {one["zxbh"] for one in records}
    (demand,) = demands_of(run.channel, first.records[0])
    assert demand.reporter.phone == "13800000000"
    assert run.stream.position_kind is PositionKind.OPAQUE
    assert second.error is None
    assert second.numbers == {records[-1]["zxbh"]}
