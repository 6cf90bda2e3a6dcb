"""The Singer SDK's own standard tests of taps pass over our channels, each read from a real server on loopback (`hub.testing.singer`)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.testing import get_tap_test_class

from hub.county.eagle_eye_server import EagleEyeServer
from hub.county.imap_server import ImapServer
from hub.county.portal_server import PortalServer
from hub.errors import SourceContractError
from hub.testing.singer import ChannelTap
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_portal.channel import PortalChannel
from plugins.portal.tests.portal_pages import PortalPages
from tests.support.mail_corpus import numbered

pytest_plugins = ("singer_sdk.testing.pytest_plugin",)

PLUGINS = Path(__file__).parents[2] / "plugins"
USER, PASSWORD = "tousu@luoshan.example", "county-password"
BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"
# The SDK makes its taps of these when the tests run; the servers' addresses are put in before.
PORTAL: dict[str, Any] = {"settings": {"base_url": NOWHERE, "page_size": 7}}
EYE: dict[str, Any] = {
    "settings": {
        "source": {"kind": "http", "base_url": NOWHERE},
        "devices": [{"vendor": "ZK", "scale": "keypad_3_best"}, {"way": "[37]", "scale": "national"}],
    }
}
MAILBOX: dict[str, Any] = {
    "settings": {"host": "127.0.0.1", "user": USER, "password_secret": "mailbox", "security": "plain"},
    "secrets": {"mailbox": PASSWORD},
}


class TapPortal(ChannelTap):
    name = "tap-portal"
    channel = PortalChannel


class TapEagleEye(ChannelTap):
    name = "tap-eagle-eye"
    channel = EagleEyeChannel


class TapMailbox(ChannelTap):
    name = "tap-mailbox"
    channel = MailboxChannel


def portal_records(count: int) -> list[dict[str, Any]]:
    return [PortalPages().record(index, BEGIN + timedelta(minutes=index)) for index in range(count)]


def eye_records(folder: str, updated: str, key: str) -> list[dict[str, Any]]:
    """The sound samples that bear a number of their own."""
    found = []
    for path in sorted((PLUGINS / "eagle_eye" / "samples" / folder).glob("*.demands.json")):
        record = json.loads(path.with_name(path.name.replace(".demands.json", ".json")).read_text("utf-8"))
        if record.get(key):
            found.append({updated: record.get("evaluateTime") or record.get("occurTime"), **record})
    return found


class TestPortalAsTap(get_tap_test_class(TapPortal, config=PORTAL)):  # type: ignore[misc]
    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _source() -> Iterator[None]:
        with PortalServer(portal_records(30)) as portal:
            PORTAL["settings"]["base_url"] = portal.url
            yield


class TestEagleEyeAsTap(get_tap_test_class(TapEagleEye, config=EYE)):  # type: ignore[misc]
    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _source() -> Iterator[None]:
        cases = eye_records("cases", "updateDate", "internalNo")
        ratings = eye_records("ratings", "updateTime", "evaluateId")
        events = eye_records("events", "updateTime", "eventID")
        with EagleEyeServer(cases, ratings, events) as eye:
            EYE["settings"]["source"]["base_url"] = eye.url
            yield


class TestMailboxAsTap(get_tap_test_class(TapMailbox, config=MAILBOX)):  # type: ignore[misc]
    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _source() -> Iterator[None]:
        with ImapServer({USER: PASSWORD}) as mailbox:
            for number in range(5):
                mailbox.append(USER, numbered(number), BEGIN + timedelta(minutes=number))
            MAILBOX["settings"]["port"] = mailbox.port
            yield


# --- what the SDK's own tests do not ask ------------------------------------------------------------------------------


def written_by(tap: ChannelTap) -> list[dict[str, Any]]:
    """The messages of a whole reading."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        try:
            tap.sync_all()
        finally:
            output.seek(0)
    return [json.loads(line) for line in output.read().splitlines()]


def numbers_in(messages: list[dict[str, Any]]) -> list[str]:
    return [one["record"]["source_no"] for one in messages if one["type"] == "RECORD"]


def test_a_tap_over_a_channel_goes_on_from_its_state():
    with PortalServer(portal_records(30)) as portal:
        config = {"settings": {"base_url": portal.url, "page_size": 7}}
        first = written_by(TapPortal(config=config))
        assert sorted(numbers_in(first)) == sorted(one["zxbh"] for one in portal_records(30))
        state = [one["value"] for one in first if one["type"] == "STATE"][-1]

        portal.add(PortalPages().record(99, BEGIN + timedelta(hours=5)))
        again = numbers_in(written_by(TapPortal(config=config, state=state)))
    overlap = {one["zxbh"] for one in portal_records(30)[-6:]}
    assert "ZX411521000000000099" in again
    assert set(again) <= overlap | {"ZX411521000000000099"}


def test_a_record_that_is_set_aside_makes_the_reading_fail_after_all_others(capsys):
    records = portal_records(5)
    records[2]["lx"], records[2]["lxmc"] = "77", ""
    with PortalServer(records) as portal:
        tap = TapPortal(config={"settings": {"base_url": portal.url}})
        with pytest.raises(SourceContractError, match="value_unmapped 1"):
            tap.sync_all()
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    assert len(numbers_in(written)) == 4
