"""A reply's whole way through the outbox to the portal and back as the demand's new state, while the portal is away and after."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from hub.clock import ManualClock
from hub.county.portal_server import PortalServer
from hub.model.codes import DemandStatus, ReplyKind
from hub.pipeline import collect, reply
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.reply import ReplyDeps
from hub.store import replies
from hub.testing.factories import channel_context
from hub_channel_portal.channel import PortalChannel
from hub_channel_portal.settings import PortalSettings
from plugins.portal.tests.portal_pages import PortalPages
from tests.db import NOW


def source(url: str, clock: ManualClock) -> Source:
    settings = PortalSettings.model_validate({"base_url": url, "reply": {}, "http": {"tries": 1}})
    channel = PortalChannel(settings, channel_context("county_portal", clock=clock))
    return Source(channel, "county_portal", "0.1.0")


def test_a_reply_reaches_the_portal_once_and_comes_back_as_the_demands_state(
    deps: CollectDeps, clock: ManualClock
) -> None:
    record = PortalPages().record(1, NOW - timedelta(hours=1))
    with PortalServer([record], clock=clock) as portal:
        collect.run(deps, source(portal.url, clock))
        outbox = ReplyDeps(deps.store, deps.intake.sealer, clock)
        for _ in range(2):  # the decision is told twice, under one key
            with deps.store.begin() as connection:
                (number,) = connection.execute(text("SELECT demand_no FROM demand")).one()
                about = replies.target(connection, number)
                reply.put(
                    outbox, connection, about, ReplyKind.CLOSE, "已经办结。", by="t", idempotency_key="k1"
                )
        portal.stop()
        away = reply.run(outbox, {"county_portal": source(portal.url, clock)})
        assert away.counts == {"deferred": 1}
    with PortalServer([record], clock=clock) as portal:
        clock.advance(600)
        told = reply.run(outbox, {"county_portal": source(portal.url, clock)})
        again = reply.run(outbox, {"county_portal": source(portal.url, clock)})
        assert (told.counts, again.counts) == ({"accepted": 1}, {})
        assert list(portal.list.replies) == ["k1"]
        clock.advance(60)
        (report,) = collect.run(deps, source(portal.url, clock))
        with deps.store.begin() as connection:
            (status,) = connection.execute(text("SELECT status FROM demand")).one()
        assert report.records.stored == 1
        assert status == DemandStatus.ANSWERED
