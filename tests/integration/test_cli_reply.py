"""`hub reply list | send | retry`, as a clerk types it."""

from __future__ import annotations

import pytest

from hub.sdk.channel import Reply, ReplyReceipt
from hub_channel_portal.channel import PortalChannel
from tests.support.desk import Desk, record


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Reply]:
    """A portal that takes replies: what it was told."""
    found: list[Reply] = []

    def take(self: PortalChannel, reply: Reply) -> ReplyReceipt:
        found.append(reply)
        return ReplyReceipt("退件" not in reply.text, reference=f"HF{len(found)}", detail="")

    monkeypatch.setattr(PortalChannel, "reply", take)
    monkeypatch.setattr(PortalChannel, "takes_replies", lambda self: True)
    return found


@pytest.fixture
def number(desk: Desk) -> str:
    """Number of the one demand that was collected."""
    desk.portal.add(record(1))
    desk.hub("channel", "run", "portal")
    (found,) = desk.hub("demand", "list", "--json").document["demands"]
    return str(found["demand_no"])


def test_a_reply_is_sent_told_and_listed_with_what_it_came_to(
    desk: Desk, number: str, told: list[Reply]
) -> None:
    sent = desk.hub("reply", "send", number, "--kind", "close", "--text", "已办结", "--field", "fgld=李")
    assert sent.code == 0
    assert "waits for portal" in sent.out
    assert "待回复" in desk.hub("reply", "list").out
    assert desk.hub("run", "once", "--step", "reply").code == 0
    assert [(one.kind, one.text, one.fields) for one in told] == [("close", "已办结", {"fgld": "李"})]
    listed = desk.hub("reply", "list", "--demand", number)
    assert "已接收" in listed.out
    assert "HF1" in listed.out
    assert "已办结" not in listed.out
    audit = desk.rows("SELECT action, subject FROM audit_log WHERE action = 'reply.send'")
    assert [tuple(row) for row in audit] == [("reply.send", f"demand {number}")]


def test_sending_twice_under_one_key_replies_once(desk: Desk, number: str, told: list[Reply]) -> None:
    for expected in (True, False):
        sent = desk.hub("reply", "send", number, "--kind", "sign", "--key", "k-1", "--json")
        assert sent.document["new"] is expected
    desk.hub("run", "once", "--step", "reply")
    assert len(told) == 1


def test_a_refused_reply_is_a_problem_and_may_be_told_once_more(
    desk: Desk, number: str, told: list[Reply]
) -> None:
    desk.hub("reply", "send", number, "--kind", "return", "--text", "退件：不属本单位")
    assert desk.hub("run", "once", "--step", "reply").code == 1
    (row,) = desk.hub("reply", "list", "--state", "refused", "--json").document["replies"]
    assert desk.hub("reply", "retry", str(row["reply_id"])).code == 0
    assert desk.hub("run", "once", "--step", "reply").code == 1
    assert len({one.idempotency_key for one in told}) == 1
    assert desk.hub("reply", "retry", "99").code == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--kind", "close"), "public answer"),
        (("--kind", "return", "--text", " "), "reason"),
        (("--kind", "sign", "--field", "fgld"), "NAME=VALUE"),
        (("--kind", "sign", "--key", "Ä"), "1 to 64"),
    ],
)
def test_a_reply_that_cannot_be_sent_is_refused_before_anything_is_written(
    desk: Desk, number: str, told: list[Reply], args: tuple[str, ...], words: str
) -> None:
    answer = desk.hub("reply", "send", number, *args)
    assert answer.code == 2
    assert words in answer.err
    assert desk.hub("reply", "list", "--json").document["replies"] == []


def test_a_platform_that_takes_no_replies_is_said_at_once(desk: Desk) -> None:
    desk.portal.add(record(1))
    desk.hub("channel", "run", "portal")
    (found,) = desk.hub("demand", "list", "--json").document["demands"]
    answer = desk.hub("reply", "send", found["demand_no"], "--kind", "sign")
    assert answer.code == 4
    assert "reply_not_offered" in answer.err
    assert "takes no replies" in answer.err
