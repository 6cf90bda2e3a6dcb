"""The hotline's orders through the real store, in each shape: versions of one number, counts that reconcile, nothing twice (P1–P3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import COUNTY_ZONE, ManualClock
from hub.county.hotline_server import NUMBER, STATE, UPDATED, HotlineServer
from hub.model.codes import ReplyKind
from hub.model.report import Counts
from hub.pipeline import collect, reply
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.reply import ReplyDeps
from hub.store import replies
from hub.testing.factories import channel_context
from hub.testing.views import ViewDatabase
from hub_channel_hotline.channel import HotlineChannel
from hub_channel_hotline.settings import HotlineSettings
from tests.db import NOW
from tests.support.databases import SECRETS

FIRST = "230629102133000000"


def local(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


class Platform:
    """Orders of one hotline, in whichever shape; what every shape can do."""

    source: dict[str, Any]

    def put(self, number: str, state: str, moment: datetime, kind: str = "投诉") -> None:
        raise NotImplementedError


class Served(Platform):
    def __init__(self, kind: str, server: HotlineServer) -> None:
        self.server = server
        self.source = {"kind": kind, "base_url": server.url, "page_size": 4}

    def put(self, number: str, state: str, moment: datetime, kind: str = "投诉") -> None:
        fields = {
            NUMBER: number,
            STATE: state,
            UPDATED: local(moment),
            "来电时间": local(NOW - timedelta(hours=2)),
        }
        words = {
            "诉求类型": kind,
            "标题": "窗口迟迟没有受理",
            "内容": f"{number}一直没有受理。",
            "是否保密": "否",
        }
        self.server.orders.put({**fields, **words, "诉求人": "王女士", "联系电话": f"138{number[-8:]}"})


class Viewed(Platform):
    def __init__(self, database: ViewDatabase) -> None:
        self.database = database
        moment = "timestamp" if database.dialect == "postgresql" else "datetime"
        columns = "ORDER_NUM varchar(40), CALLER_TYPE varchar(20), IS_SECRET varchar(2), MAJOR_CONTENT text, ORDER_STATE varchar(10)"
        database.execute(f"CREATE TABLE orders ({columns}, CALL_TIME {moment}, UPDATE_TIME {moment} NULL)")
        database.execute("CREATE VIEW V_12345_ORDER AS SELECT * FROM orders")
        database.grant("V_12345_ORDER")
        self.source = {"kind": "view", "database": database.place().model_dump(), "policy": {"batch": 4}}

    def put(self, number: str, state: str, moment: datetime, kind: str = "投诉") -> None:
        self.database.execute(f"DELETE FROM orders WHERE ORDER_NUM = '{number}'")
        row = {
            "ORDER_NUM": number,
            "CALLER_TYPE": kind,
            "IS_SECRET": "0",
            "MAJOR_CONTENT": f"{number}一直没有受理。",
        }
        times = {"CALL_TIME": local(NOW - timedelta(hours=2)), "UPDATE_TIME": local(moment)}
        self.database.insert("orders", [{**row, "ORDER_STATE": state, **times}])


VIEWS = [pytest.param("postgresql"), pytest.param("mariadb", marks=pytest.mark.debian("mariadb-server"))]


@pytest.fixture(params=["soap", "workflow", *VIEWS])
def platform(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Platform]:
    if request.param in ("soap", "workflow"):
        with HotlineServer(clock=clock) as server:
            yield Served(request.param, server)
    else:
        name = "postgres_source" if request.param == "postgresql" else "mariadb_source"
        yield Viewed(request.getfixturevalue(name))


@contextmanager
def connected(platform: Platform, clock: ManualClock) -> Iterator[Source]:
    settings = HotlineSettings.model_validate({"source": platform.source})
    channel = HotlineChannel(settings, channel_context("county-hotline", clock=clock, secrets=SECRETS))
    try:
        yield Source(channel, "county-hotline", "0.1.0")
    finally:
        channel.close()


def collected(deps: CollectDeps, platform: Platform, clock: ManualClock) -> Counts:
    with connected(platform, clock) as ready:
        (report,) = collect.run(deps, ready)
    assert report.problems == ()
    assert report.records.reconciles()
    return report.records


def states(deps: CollectDeps) -> dict[str, str]:
    with deps.store.begin() as connection:
        return dict(connection.execute(text("SELECT source_no, status FROM demand")).all())


def test_orders_that_change_are_stored_once_with_their_last_state(
    deps: CollectDeps, platform: Platform, clock: ManualClock
) -> None:
    numbers = [f"{int(FIRST) + at}" for at in range(10)]
    for at, number in enumerate(numbers):
        platform.put(number, "已派遣", NOW - timedelta(minutes=30 - at))
    first = collected(deps, platform, clock)
    again = collected(deps, platform, clock)

    assert (first.stored, first.quarantined) == (10, 0)
    assert again.stored == 0
    assert set(states(deps).values()) == {"assigned"}

    for state, status in (("办理中", "in_hand"), ("已反馈", "answered"), ("已办结", "closed")):
        clock.advance(1_200)
        platform.put(numbers[3], state, clock.now() - timedelta(seconds=20))
        assert collected(deps, platform, clock).stored >= 1
        assert states(deps)[numbers[3]] == status
    assert len(states(deps)) == 10
    assert set(states(deps).values()) == {"assigned", "closed"}


def test_an_order_that_nobody_can_read_is_set_aside_and_stops_no_other(
    deps: CollectDeps, platform: Platform, clock: ManualClock
) -> None:
    for at in range(6):
        platform.put(
            f"{int(FIRST) + at}", "已派遣", NOW - timedelta(minutes=30 - at), "飞行" if at == 2 else "投诉"
        )

    counts = collected(deps, platform, clock)

    assert (counts.collected, counts.stored, counts.quarantined) == (6, 5, 1)


def test_a_reply_from_the_outbox_reaches_the_platform_once_and_comes_back_as_the_orders_state(
    deps: CollectDeps, clock: ManualClock
) -> None:
    with HotlineServer(clock=clock) as server:
        platform = Served("soap", server)
        platform.put(FIRST, "已派遣", NOW - timedelta(minutes=5))
        collected(deps, platform, clock)
        ready_to_reply = ReplyDeps(deps.store, deps.intake.sealer, clock)
        with deps.store.begin() as connection:
            (demand_no,) = connection.execute(text("SELECT demand_no FROM demand")).one()
            about = replies.target(connection, demand_no)
            reply.put(
                ready_to_reply,
                connection,
                about,
                ReplyKind.CLOSE,
                "已经受理。",
                by="office",
                fields={"is_solved": "yes"},
            )
        with connected(platform, clock) as ready:
            first = reply.run(ready_to_reply, {"county-hotline": ready})
            second = reply.run(ready_to_reply, {"county-hotline": ready})
        clock.advance(60)
        collected(deps, platform, clock)

        assert (first.counts, second.counts) == ({"accepted": 1}, {})
        (taken,) = server.orders.replies
        assert (taken.number, taken.fields["公开答复内容"], taken.fields["是否解决"]) == (
            FIRST,
            "已经受理。",
            "是",
        )
        assert states(deps) == {FIRST: "answered"}
