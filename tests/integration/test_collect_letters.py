"""Letters of a web mailbox through the real store: versions of one number, counts that reconcile, answers sealed (P1–P3, P8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.report import Counts
from hub.pipeline import collect
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import read_personal
from plugins.mailbox.tests.letter_site import Site, letter, listed, row


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with site.served():
        yield site


def collected(deps: CollectDeps, site: Site, clock: ManualClock) -> Counts:
    reader = site.reader(clock)
    try:
        (report,) = collect.run(deps, Source(reader.channel, "county-letters", "0.1.0"))
    finally:
        reader.channel.close()
    assert report.records.reconciles()
    assert report.problems == ()
    return report.records


def test_a_letter_is_stored_once_with_its_last_state_and_its_answer_is_sealed(
    deps: CollectDeps, clock: ManualClock, site: Site
) -> None:
    answer = "已经退还，联系人李小明13800001234"
    site.pages = {
        "/list.html": listed(row("A1"), row("A2", status="流转"), row("", link="x.html")),
        "/A1.html": letter("A1"),
        "/A2.html": letter("A2"),
        "/x.html": letter("").replace("信件编号", "序"),
    }
    first = collected(deps, site, clock)
    again = collected(deps, site, clock)
    clock.advance(86_400)
    site.pages |= {
        "/list.html": listed(row("A1", status="已答复"), row("A2", status="流转"), row("", link="x.html"))
    }
    site.pages |= {"/A1.html": letter("A1", 答复内容=answer, 答复单位="县税务局", 答复时间="2026-11-24")}
    third = collected(deps, site, clock)

    assert first == Counts(collected=3, stored=1, quarantined=2)
    assert again == Counts()
    assert third == Counts(collected=1, stored=1)
    with deps.store.begin() as connection:
        (demand,) = connection.execute(text("SELECT * FROM demand")).mappings().all()
        (history,) = connection.execute(text("SELECT count(*) FROM demand_history")).one()
    assert (demand["source_no"], demand["status"], demand["assigned_no"], history) == (
        "A1",
        "answered",
        "A1",
        1,
    )
    plain = str({name: value for name, value in demand.items() if name != "sealed"})
    assert "李小明" not in plain
    personal = read_personal(deps.intake.sealer, bytes(demand["sealed"]), demand["demand_id"])
    assert (personal["public_reply"]["text"], personal["public_reply"]["organisation"]) == (
        answer,
        "县税务局",
    )
    assert "李小明" not in demand["text"]
