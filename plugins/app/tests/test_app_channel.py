"""The app channel against the county's own gateway: both ways, each way alone, and what its settings refuse."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.county.app_server import AppGateway
from hub.errors import Code, ConfigError, SourceUnavailable
from hub.sdk import PushRequest
from hub.sdk.readers.auth_policy import BearerAuth, HmacAuth
from hub.sdk.readers.push import PushPolicy
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader
from hub_channel_app.channel import AppChannel
from hub_channel_app.settings import AppSettings
from plugins.app.tests.app_pages import AppPushes, appeal

PUSHES = AppPushes()


def records(count, *, apart_s=60):
    return [appeal(index, NOW - timedelta(seconds=apart_s * (count - index))) for index in range(count)]


def channel(url=None, *, secrets=None, **settings):
    return AppChannel(AppSettings(base_url=url, **settings), channel_context("app", secrets=secrets))


@pytest.mark.parametrize("page_size", [1, 7, 20, 200])
def test_every_record_is_read_once_whatever_the_size_of_pages(page_size):
    with AppGateway(records(20)) as gateway:
        reading = Reader(channel(gateway.url, page_size=page_size)).run()

    assert reading.error is None
    assert sorted(str(record.source_no) for record in reading.records) == sorted(
        one["appealId"] for one in records(20)
    )


def test_a_gateway_that_gives_smaller_pages_than_asked_for_is_read_whole():
    with AppGateway(records(1_100, apart_s=1)) as gateway:
        reading = Reader(channel(gateway.url, page_size=2_000)).run()

    assert len(reading.numbers) == 1_100
    assert len(reading.pages) == 3


def test_a_record_that_changes_comes_again_with_the_next_window():
    with AppGateway(records(5, apart_s=3_600)) as gateway:
        reader = Reader(channel(gateway.url))
        reader.run()
        clock = reader.channel.ctx.clock
        assert isinstance(clock, ManualClock)
        clock.advance(600)
        now = int(clock.now().timestamp() * 1000)
        gateway.update("AP411521000000000001", update_time=now, status="replied")
        again = reader.run()

    assert "AP411521000000000001" in again.numbers
    assert len(again.numbers) < 5


def test_a_token_and_a_signature_prove_who_asks():
    with AppGateway(records(2), token="s3cret") as gateway:
        bearer = channel(gateway.url, auth=BearerAuth(kind="bearer", token="t"), secrets={"t": "s3cret"})
        wrong = channel(gateway.url, auth=BearerAuth(kind="bearer", token="t"), secrets={"t": "other"})
        assert len(Reader(bearer).run().records) == 2
        refused = Reader(wrong).run().error
    with AppGateway(records(2)) as gateway:
        signing = channel(
            gateway.url, auth=HmacAuth(kind="hmac", key_id="hub", key="k"), secrets={"k": "key"}
        )
        assert len(Reader(signing).run().records) == 2

    assert isinstance(refused, SourceUnavailable)
    assert refused.code is Code.SOURCE_AUTH


def test_a_gateway_that_only_pushes_is_asked_for_nothing():
    reading = Reader(channel(push=PushPolicy(secrets=("s",)))).run()

    assert (reading.error, reading.records) == (None, [])


def test_a_channel_that_takes_no_pushes_says_which_setting_is_missing():
    with pytest.raises(ConfigError, match="settings.push"):
        channel("http://127.0.0.1:9").receive(PushRequest("POST", "/", {}, b"", NOW))


def test_a_record_is_the_same_whether_it_is_asked_for_or_pushed():
    secret = "whsec_" + "QUJD" * 10
    (sent,) = records(1)
    both = {"push": PushPolicy(secrets=("s",)), "secrets": {"s": secret}}
    body = PUSHES.body([sent])
    with AppGateway([sent]) as gateway:
        taking = channel(gateway.url, **both)
        (asked,) = Reader(taking).run().records
        headers = PUSHES.headers(body, secret, message_id="m1", moment=NOW)
        (pushed,) = taking.receive(PushRequest("POST", "/", headers, body, NOW))

    assert (asked.source_no, asked.version, asked.position_at) == (
        pushed.source_no,
        pushed.version,
        pushed.position_at,
    )
    assert taking.normalize(asked) == taking.normalize(pushed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "neither base_url nor push"),
        ({"base_url": "ftp://x"}, "http"),
        ({"base_url": "http://x", "query": {"pageNum": "2"}}, "pageNum"),
        ({"push": {"secrets": []}}, "secrets"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        AppSettings.model_validate(settings)
