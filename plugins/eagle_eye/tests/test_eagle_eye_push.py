"""Ratings that are pushed, encrypted with SM4: opened under the key, refused whole without it, and read as those of the lists."""

import base64
import hashlib
import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.padding import PKCS7

from hub.errors import Code, ConfigError, HubError, SourceContractError
from hub.model.codes import CaseState, RatingLevel
from hub.model.rating import Rating
from hub.sdk import PushRequest, Window
from hub.sdk.readers.push import PushPolicy
from hub.sdk.signing import SignatureInvalid, generate_secret, sign
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import said_by
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.settings import EagleEyeSettings, HttpSource, PushSource
from plugins.eagle_eye.tests.test_eagle_eye_contract import DEVICES

SECRET = "a secret that both sides know"
SIGNING = generate_secret()
WORDS = "等了两个小时"
RATING = (
    "<rating><办件编号>411521230620000187</办件编号><事项编码>1141152100612345674440715001000</事项编码><评价等级>2</评价等级>"
    f"<评价时间>2023-06-29 10:21:33</评价时间><pf>7</pf><证件类型>111</证件类型><评价内容>{WORDS}</评价内容>"
    "<proStatus>3</proStatus><customFields>PJQ-0012,000815,411521</customFields></rating>"
)


def settings(**more):
    return EagleEyeSettings(source=PushSource(kind="push", secret="rating_key", **more), devices=DEVICES)


def channel(secrets=None, **more):
    known = {"rating_key": SECRET, "signing": SIGNING} if secrets is None else secrets
    return EagleEyeChannel(settings(**more), channel_context(secrets=known))


def sealed(text, *, secret=SECRET, key_form="digest", mode="ecb", encoding="utf-8"):
    digest = hashlib.md5(secret.encode(), usedforsecurity=False)
    key = digest.digest() if key_form == "digest" else digest.hexdigest()[:16].encode()
    padder = PKCS7(128).padder()
    plain = padder.update(text.encode(encoding)) + padder.finalize()
    start = os.urandom(16) if mode == "cbc" else b""
    encryptor = Cipher(SM4(key), modes.CBC(start) if start else modes.ECB()).encryptor()
    return base64.b64encode(start + encryptor.update(plain) + encryptor.finalize())


def push(body, **headers):
    return PushRequest(
        "POST", "/v1/channels/eye/records", {"Content-Type": "text/plain", **headers}, body, NOW
    )


def refused(body, *, by=None, **more) -> HubError:
    with pytest.raises((SignatureInvalid, SourceContractError)) as caught:
        (by or channel()).receive(replace(push(body), **more))
    assert isinstance(caught.value, HubError)
    assert WORDS not in caught.value.message
    assert SECRET not in caught.value.message
    return caught.value


@pytest.mark.parametrize("mode", ["ecb", "cbc"])
@pytest.mark.parametrize("key_form", ["digest", "hex16"])
def test_a_push_is_opened_under_the_key_that_both_sides_make(mode, key_form):
    receiving = channel(mode=mode, key_form=key_form)
    (record,) = receiving.receive(push(sealed(RATING, mode=mode, key_form=key_form)))
    (rating,) = said_by(receiving, record)

    assert isinstance(rating, Rating)
    assert (record.source_no, record.problem) == ("PJQ-0012-000815", None)
    assert (rating.level, rating.case_no, rating.case_state) == (
        RatingLevel.BAD,
        "411521230620000187",
        CaseState.FINISHED,
    )
    assert (rating.item_code, rating.text) == ("1141152100612345674440715001000", WORDS)


def test_gbk_with_its_declaration_is_read_right():
    text = f'<?xml version="1.0" encoding="GBK"?>{RATING}'
    (record,) = channel().receive(push(sealed(text, encoding="gbk")))

    assert WORDS in record.body.decode()


def test_several_ratings_of_one_push_stand_by_themselves():
    other = RATING.replace("000815", "000816").replace("<评价等级>2", "<评价等级>9")
    receiving = channel()
    first, second = receiving.receive(push(sealed(f"<ratings>{RATING}{other}</ratings>")))

    assert said_by(receiving, first)
    assert second.source_no == "PJQ-0012-000816"
    with pytest.raises(HubError) as caught:
        said_by(receiving, second)
    assert caught.value.code is Code.VALUE_UNMAPPED


def test_the_same_push_again_gives_the_same_record_and_version():
    first, again = (channel().receive(push(sealed(RATING))) for _ in range(2))

    assert first == again


def test_a_rating_without_a_number_is_set_aside_and_no_other():
    nameless = RATING.replace("<customFields>PJQ-0012,000815,411521</customFields>", "")
    received = channel().receive(push(sealed(f"<ratings>{nameless}{RATING}</ratings>")))

    assert [record.problem.code if record.problem else None for record in received] == [
        Code.KEY_MISSING,
        None,
    ]


@pytest.mark.parametrize(
    "body",
    [
        sealed(RATING, secret="another"),
        sealed(RATING, key_form="hex16"),
        sealed(RATING, mode="cbc"),
        sealed("no xml at all"),
        sealed("<!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>"),
        sealed("<ratings><评价等级>1"),
        base64.b64encode(b"\x00" * 48),
        base64.b64encode(b"\x00" * 7),
        sealed(RATING)[:-24],
        b"",
    ],
    ids=range(10),
)
def test_a_body_that_does_not_open_under_the_key_is_not_believed(body):
    assert refused(body).code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        (RATING.encode(), {}, Code.PAGE_SHAPE),
        (sealed("<ratings></ratings>"), {}, Code.PAGE_SHAPE),
        (sealed(RATING), {"method": "GET"}, Code.PAGE_SHAPE),
        (sealed(RATING), {"headers": {"Content-Encoding": "gzip"}}, Code.PAGE_ENCODING),
        (b"A" * 3_000_000, {}, Code.PAGE_TOO_LARGE),
    ],
)
def test_what_is_no_push_of_ratings_is_refused_whole(body, more, code):
    assert refused(body, **more).code is code


def test_a_sender_that_can_sign_must_when_the_settings_say_so():
    policy = PushPolicy(secrets=("signing",), media_types=("text/plain",))
    body = sealed(RATING)
    signed = push(body, **sign(SIGNING, "msg_1", NOW, body))

    assert channel(signature=policy).receive(signed)
    assert refused(body, by=channel(signature=policy)).code is Code.SIGNATURE_INVALID


def test_a_missing_secret_is_a_line_of_check_and_our_own_fault_at_the_door():
    without = channel(secrets={})

    assert not without.check().ok
    assert channel().check().ok
    with pytest.raises(ConfigError):
        without.receive(push(sealed(RATING)))


def test_there_is_nothing_to_ask_for():
    receiving = channel()
    (stream,) = receiving.streams

    assert stream.name == "pushed_ratings"
    assert list(receiving.pages(stream, Window(None, None, NOW))) == []


def test_an_eagle_eye_that_is_asked_for_its_records_takes_no_pushes():
    asked = EagleEyeChannel(
        EagleEyeSettings(source=HttpSource(kind="http", base_url="http://127.0.0.1:9")), channel_context()
    )
    with pytest.raises(ConfigError):
        asked.receive(push(sealed(RATING)))
