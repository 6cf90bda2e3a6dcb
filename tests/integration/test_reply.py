"""Reply: a demand's own platform is told once, in order, again while it is away, and by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.model.codes import ReplyKind, ReplyState
from hub.model.report import Report
from hub.pipeline import collect, reply
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.reply import ReplyDeps
from hub.sdk.channel import Reply, ReplyReceipt
from hub.store import replies
from tests.integration.test_collect import rows
from tests.support.scripted import ScriptedChannel, played, record, source

WORDS = "已为王建国办结，电话13812345678"


class Platform(ScriptedChannel):
    """A channel whose source takes replies; ``answer`` says how."""

    told: list[Reply]
    answer: Callable[[Reply], ReplyReceipt]

    def reply(self, reply: Reply) -> ReplyReceipt:
        self.told.append(reply)
        return self.answer(reply)


class Ground:
    def __init__(self, deps: CollectDeps, clock: ManualClock) -> None:
        self.store = deps.store
        self.clock = clock
        self.deps = ReplyDeps(deps.store, deps.intake.sealer, clock)
        plain = source(played([record("A1"), record("A2")]), clock)
        collect.run(deps, plain)
        self.platform = Platform(plain.channel.settings, plain.channel.ctx)
        self.platform.told = []
        self.platform.answer = lambda reply: ReplyReceipt(True, reference=f"HF-{reply.source_no}")
        self.sources: dict[str, Source] = {"county": replace(plain, channel=self.platform)}

    def put(self, no: str = "A1", kind: ReplyKind = ReplyKind.CLOSE, key: str | None = None) -> bool:
        (demand_no,) = rows(self.store, "SELECT demand_no FROM demand WHERE source_no = :no", no=no)[0]
        with self.store.begin() as connection:
            about = replies.target(connection, demand_no)
            return reply.put(
                self.deps,
                connection,
                about,
                kind,
                WORDS,
                by="clerk",
                fields={"fgld": "李"},
                idempotency_key=key,
            )

    def run(self) -> Report:
        return reply.run(self.deps, self.sources)

    def rows(self) -> list[dict[str, Any]]:
        with self.store.begin() as connection:
            return replies.listed(connection)


@pytest.fixture
def ground(deps: CollectDeps, clock: ManualClock) -> Ground:
    return Ground(deps, clock)


def test_a_platform_is_told_once_what_was_decided(ground: Ground) -> None:
    ground.put()
    assert ground.run().counts == {"accepted": 1}
    assert ground.run().counts == {}
    (told,) = ground.platform.told
    assert (told.source_no, told.kind, told.text, told.fields) == ("A1", "close", WORDS, {"fgld": "李"})
    (row,) = ground.rows()
    assert (row["state"], row["reference"], row["attempts"]) == ("accepted", "HF-A1", 1)


def test_deciding_twice_under_one_key_replies_once(ground: Ground) -> None:
    assert ground.put(key="order-7-close")
    assert not ground.put(key="order-7-close")
    ground.run()
    assert [told.idempotency_key for told in ground.platform.told] == ["order-7-close"]


def test_what_a_reply_says_stands_sealed(ground: Ground) -> None:
    ground.put()
    dump = str(rows(ground.store, "SELECT to_jsonb(r) - 'sealed' FROM reply_outbox r"))
    assert "13812345678" not in dump
    assert "王建国" not in dump


def test_a_platform_that_is_away_is_told_again_later_under_the_same_key(ground: Ground) -> None:
    ground.put()
    ground.platform.answer = _raising(
        SourceUnavailable("away", code=Code.SOURCE_UNREACHABLE, retry_after_s=90)
    )
    report = ground.run()
    assert (report.counts, report.problems) == ({"deferred": 1}, ())
    assert ground.run().counts == {}
    ground.clock.advance(91)
    ground.platform.answer = lambda reply: ReplyReceipt(True)
    assert ground.run().counts == {"accepted": 1}
    first, second = ground.platform.told
    assert first == second


def test_a_reply_is_given_up_after_the_last_try_and_told_once_more_when_asked(ground: Ground) -> None:
    ground.put()
    ground.platform.answer = _raising(SourceUnavailable("away", code=Code.SOURCE_UNREACHABLE))
    seen: list[dict[str, int]] = []
    for _ in range(len(reply.DELAYS_S) + 1):
        seen.append(ground.run().counts)
        ground.clock.advance(86_400)
    assert seen == [{"deferred": 1}] * len(reply.DELAYS_S) + [{"failed": 1}]
    assert ground.run().counts == {}
    with ground.store.begin() as connection:
        assert replies.again(connection, [ground.rows()[0]["reply_id"]], ground.clock.now()) == 1
    ground.platform.answer = lambda reply: ReplyReceipt(True)
    assert ground.run().counts == {"accepted": 1}


def test_a_platform_that_refuses_is_a_problem_for_a_person(ground: Ground) -> None:
    ground.put()
    ground.platform.answer = lambda reply: ReplyReceipt(False, detail="工单已归档 13812345678")
    report = ground.run()
    assert report.counts == {"refused": 1}
    (problem,) = report.problems
    assert problem.code == "reply_refused"
    assert "工单已归档 138****5678" in problem.message
    assert ground.run().counts == {}


@pytest.mark.parametrize(
    "fault",
    [
        ValueError("a fault of the plugin: 王建国"),
        SourceContractError("page is HTML", code=Code.PAGE_HTML),
    ],
)
def test_a_fault_is_told_without_anybodys_words_and_tried_again(ground: Ground, fault: Exception) -> None:
    ground.put()
    ground.platform.answer = _raising(fault)
    report = ground.run()
    assert report.counts == {"deferred": 1}
    assert "王建国" not in report.problems[0].message


def test_replies_about_one_record_go_in_their_order_and_others_do_not_wait(ground: Ground) -> None:
    ground.put("A1", ReplyKind.SIGN)
    ground.put("A1", ReplyKind.CLOSE)
    ground.put("A2", ReplyKind.SIGN)
    away = _raising(SourceUnavailable("away", code=Code.SOURCE_UNREACHABLE))
    ground.platform.answer = lambda reply: away(reply) if reply.source_no == "A1" else ReplyReceipt(True)
    assert ground.run().counts == {"deferred": 1, "accepted": 1}
    ground.clock.advance(3_600)
    ground.platform.answer = lambda reply: ReplyReceipt(True)
    assert ground.run().counts == {"accepted": 2}
    assert [(told.source_no, str(told.kind)) for told in ground.platform.told[-2:]] == [
        ("A1", "sign"),
        ("A1", "close"),
    ]


def test_a_process_that_dies_after_telling_leaves_the_reply_to_the_next_one_under_the_same_key(
    ground: Ground,
) -> None:
    ground.put()
    with ground.store.begin() as connection:  # the other process claimed it, told it, and died
        (lost,) = replies.claim(connection, ["county"], ground.clock.now(), lease_s=300, limit=5)
    assert ground.run().counts == {}
    ground.clock.advance(301)
    assert ground.run().counts == {"accepted": 1}
    with ground.store.begin() as connection:
        assert not replies.settle(connection, lost, ground.clock.now(), ReplyState.FAILED)
    assert ground.rows()[0]["state"] == "accepted"


def test_nothing_is_told_whose_lease_may_end_meanwhile(ground: Ground, deps: CollectDeps) -> None:
    numbers = [f"B{number}" for number in range(8)]
    collect.run(deps, source(played([record(number) for number in numbers]), ground.clock))
    for number in numbers:
        ground.put(number)
    left: list[float] = []

    def slowly(told: Reply) -> ReplyReceipt:
        where = "SELECT lease_until FROM reply_outbox WHERE idempotency_key = :key"
        ((until,),) = rows(ground.store, where, key=told.idempotency_key)
        left.append((until - ground.clock.now()).total_seconds())
        ground.clock.advance(59)
        return ReplyReceipt(True)

    ground.platform.answer = slowly
    assert ground.run().counts == {"accepted": 8}
    assert min(left) > reply.TIMEOUT_S


def test_a_channel_that_cannot_say_whether_it_takes_replies_stops_no_other(ground: Ground) -> None:
    class Broken(ScriptedChannel):
        def takes_replies(self) -> bool:
            raise RuntimeError("13812345678")

    ground.put()
    healthy = ground.sources["county"]
    broken = Broken(ground.platform.settings, ground.platform.ctx)
    ground.sources = {"broken": replace(healthy, channel=broken), "county": healthy}
    report = ground.run()
    assert report.counts == {"accepted": 1}
    assert [problem.where for problem in report.problems] == ["broken: takes_replies"]
    assert "138" not in report.problems[0].message


def test_a_source_that_asks_for_a_thousand_years_is_asked_again_after_a_day(ground: Ground) -> None:
    ground.put()
    ground.platform.answer = _raising(
        SourceUnavailable("away", code=Code.SOURCE_RATE_LIMITED, retry_after_s=1e13)
    )
    assert ground.run().counts == {"deferred": 1}
    assert ground.rows()[0]["next_at"] == ground.clock.now() + timedelta(days=1)


def test_several_processes_tell_each_reply_once(ground: Ground) -> None:
    for _ in range(10):
        ground.put("A1")
        ground.put("A2")
    counts: list[dict[str, int]] = []
    threads = [threading.Thread(target=lambda: counts.append(ground.run().counts)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while ground.run().counts:
        pass
    keys = [told.idempotency_key for told in ground.platform.told]
    assert len(keys) == len(set(keys)) == 20
    assert {row["state"] for row in ground.rows()} == {"accepted"}


def test_a_channel_without_replies_is_asked_for_none(ground: Ground, deps: CollectDeps) -> None:
    ground.put()
    plain = source(played(), ground.clock)
    assert reply.run(ground.deps, {"county": plain}).counts == {}
    assert ground.rows()[0]["state"] == "waiting"


def test_a_platform_that_hangs_is_left_and_tried_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply, "TIMEOUT_S", 0.2)
    ground.put()
    hung = threading.Event()

    def hang(reply: Reply) -> ReplyReceipt:
        hung.wait(30)
        return ReplyReceipt(True)

    ground.platform.answer = hang
    report = ground.run()
    hung.set()
    assert report.counts == {"deferred": 1}
    assert report.problems[0].code == "plugin_timeout"
    assert ground.rows()[0]["next_at"] == ground.clock.now() + timedelta(seconds=reply.DELAYS_S[0])


def _raising(fault: Exception) -> Callable[[Reply], ReplyReceipt]:
    def answer(reply: Reply) -> ReplyReceipt:
        raise fault

    return answer
