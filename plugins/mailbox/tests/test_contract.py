"""The mailbox channel keeps the contract of every channel, and its samples are what their script writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from hub.sdk import ConfigError, RawRecord, SourceUnavailable, Window
from hub.sdk.readers.mail import MAIL
from hub.sdk.readers.mail_parse import source_no
from hub.testing.contract import ChannelContract
from hub.testing.factories import NOW, channel_context
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import ImapSource, MailboxSettings

HERE = Path(__file__).parent
USUAL = {
    "host": "mail.luoshan.example",
    "user": "tousu@luoshan.example",
    "password_secret": "mailbox.password",
}


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mailbox_make_samples", HERE / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestMailbox(ChannelContract):
    channel = MailboxChannel
    samples = HERE.parent / "samples"
    secrets = {"mailbox.password": "a-password-of-the-tests"}

    def make_settings(self, base_url: str) -> MailboxSettings:
        settings: MailboxSettings = script().SETTINGS
        return settings

    def make_record(self, body: bytes) -> RawRecord:
        return RawRecord(source_no(body), body, media_type=MAIL)


def test_the_samples_are_what_their_script_writes() -> None:
    written = dict(script().mails())

    assert {path.stem: path.read_bytes() for path in TestMailbox.samples.glob("*.eml")} == written


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"security": "plain"}, "password readable"),
        ({"security": "ssl"}, "security"),
        ({"port": 0}, "port"),
        ({"batch": 0}, "batch"),
        ({"user": "a\r\nLOGOUT"}, "control characters"),
        ({"folder": "a\x00b"}, "control characters"),
        ({"password_secret": "with space"}, "password_secret"),
        ({"own_domains": ["@luoshan.example"]}, "own_domains"),
        ({"type_tags": {"批评": "critique"}}, "type_tags"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MailboxSettings.model_validate({**USUAL, **wrong})


@pytest.mark.parametrize("given", [{"host": "127.0.0.1"}, {"host": "localhost"}, {"allow_plain": True}])
def test_plain_is_for_this_machine_or_a_tunnel(given: dict[str, object]) -> None:
    MailboxSettings.model_validate({**USUAL, "security": "plain", **given})


@pytest.mark.parametrize(("security", "port"), [("tls", 993), ("starttls", 143)])
def test_the_usual_ports_need_not_be_given(security: str, port: int) -> None:
    source = ImapSource.model_validate({"kind": "imap", **USUAL, "security": security})

    assert source.for_reader().address[1] == port


def test_a_channel_whose_source_is_away_is_loud() -> None:
    settings = MailboxSettings.model_validate({**USUAL, "host": "127.0.0.1", "port": 9, "security": "plain"})
    channel = MailboxChannel(settings, channel_context(secrets=TestMailbox.secrets))

    with pytest.raises(SourceUnavailable):
        list(channel.pages(channel.streams[0], Window(None, None, NOW)))


def test_a_channel_without_its_secret_is_loud() -> None:
    settings = MailboxSettings.model_validate({**USUAL, "host": "127.0.0.1", "port": 9, "security": "plain"})

    with pytest.raises(ConfigError, match=r"mailbox\.password"):
        list(
            MailboxChannel(settings, channel_context()).pages(
                MailboxChannel.streams[0], Window(None, None, NOW)
            )
        )
