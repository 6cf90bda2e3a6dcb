"""The mailbox channel keeps the contract of a list over HTTP where a site shows its letters on web pages."""

from __future__ import annotations

import json
from pathlib import Path

from hub.clock import COUNTY_ZONE
from hub.sdk import RawRecord
from hub.sdk.readers.policy import HttpPolicy
from hub.testing.live import HttpListContract
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.letters import LetterMapping
from hub_channel_mailbox.settings import MailboxSettings, WebPagesSource
from plugins.mailbox.tests.letter_pages import LIST, LetterPages
from plugins.mailbox.tests.make_letter_samples import written


class TestMailboxWebPages(HttpListContract):
    channel = MailboxChannel
    samples = Path(__file__).parents[1] / "samples" / "letters"
    source = LetterPages()
    personal = "phone"

    def make_settings(self, base_url, **more):
        http = more.pop("http", HttpPolicy())
        source = WebPagesSource(kind="web_pages", base_url=base_url, list_path=LIST, http=http, **more)
        return MailboxSettings(source=source, sub_source="县长信箱")

    def make_impatient_settings(self, base_url):
        return self.make_settings(base_url, http=HttpPolicy(deadline_s=1.0, tries=1))

    def make_record(self, body):
        try:
            number = json.loads(body).get("number")
        except (ValueError, AttributeError, RecursionError):
            number = None
        return RawRecord(number if isinstance(number, str) else "sample", body)


def test_a_sample_lands_as_the_channel_itself_would_land_it() -> None:
    mapping = LetterMapping(TestMailboxWebPages().make_settings("http://h"), COUNTY_ZONE)
    for sample in sorted(TestMailboxWebPages.samples.glob("*.json")):
        if not sample.name.endswith((".demands.json", ".rejected.json")):
            body = sample.read_bytes()
            assert mapping.landed(json.loads(body)).body == body, sample.name


def test_the_samples_are_what_their_script_writes() -> None:
    assert {path.name: path.read_text("utf-8") for path in TestMailboxWebPages.samples.iterdir()} == written()
