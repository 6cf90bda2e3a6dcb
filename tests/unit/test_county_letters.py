"""The county's web mailbox and the channel understand each other: every letter, each answer, over pages, in GBK."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.county.letters_server import PAGE_SIZE, Letter, LettersServer
from hub.county.render.letters import by_web
from hub.county.sites.letters import ANSWERED_AFTER, LettersSite
from hub.county.sites.site import Ground
from hub.county.world.batches import Batches
from hub.county.world.voices import Voice
from hub.model.codes import DemandStatus
from hub.testing.factories import channel_context
from hub.testing.reading import Reader, demands_of
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import MailboxSettings

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def reader_of(site: LettersSite, clock: ManualClock) -> Reader:
    settings = MailboxSettings.model_validate(site.settings())
    return Reader(MailboxChannel(settings, channel_context("mailbox_web", clock=clock)))


@pytest.mark.parametrize("seed", [1, 5, 29])
def test_every_letter_can_be_read_and_every_voice_of_the_mailbox_is_heard_by_one_of_its_two_sources(
    tmp_path: Path, seed: int
) -> None:
    clock = ManualClock(AT)
    batches, site = Batches(seed), LettersSite(Ground(tmp_path, clock, {}))
    site.start()
    try:
        reader = reader_of(site, clock)
        heard: set[str] = set()
        for number in range(ANSWERED_AFTER + 1):
            voices = batches.batch(number, clock.now()).of("mailbox")
            shown = site.arrive(voices, number=number, again=False)
            reading = reader.run()
            assert (reading.error, reading.set_aside) == (None, [])
            assert shown == len(reading.records) > 0
            said = [demands_of(reader.channel, record)[0] for record in reading.records]
            heard |= {one.source_no for one in said}
            answered = [one for one in said if one.status is DemandStatus.ANSWERED]
            assert bool(answered) is (number == ANSWERED_AFTER)
            assert all(one.public_reply and one.public_reply.text for one in answered)
            by_mail = [one for one in voices if isinstance(one, Voice) and not by_web(one)]
            assert by_mail
            assert {one.number for one in voices if isinstance(one, Voice)} - heard == {
                one.number for one in by_mail
            }
            clock.advance(60)
    finally:
        site.stop()


def test_a_list_over_pages_is_read_to_its_end(tmp_path: Path) -> None:
    site = LettersSite(Ground(tmp_path, ManualClock(AT), {}))
    for at in range(2 * PAGE_SIZE + 3):
        site.server.put(
            Letter(f"N{at}", "停水了", "投诉", "张**", f"2026-11-{1 + at % 20:02d} 08:00:00", "<p>停水</p>")
        )
    with LettersServer() as empty:
        assert "暂无数据" in empty.page("/hdjl/xzxx/list.html")[1].decode("gb18030")
    site.start()
    try:
        assert len(reader_of(site, ManualClock(AT)).run().numbers) == 2 * PAGE_SIZE + 3
    finally:
        site.stop()
