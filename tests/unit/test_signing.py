"""Signatures by Standard Webhooks, held against the specification's vector and against the public library."""

import base64
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from hub.errors import Code, ConfigError
from hub.sdk import signing
from hub.sdk.signing import SignatureInvalid, generate_secret, sign, verify

# The specification's own example.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECONDS = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

NOW = datetime.fromtimestamp(SECONDS, UTC)


def signed(**changes: str) -> dict[str, str]:
    headers = sign(SECRET, MESSAGE_ID, NOW, BODY)
    return {**headers, **changes}


def test_the_vector_of_the_specification_is_signed_as_it_stands_there():
    assert sign(SECRET, MESSAGE_ID, SECONDS, BODY) == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(SECONDS),
        "webhook-signature": SIGNATURE,
    }


def test_the_vector_of_the_specification_verifies():
    headers = {"Webhook-Id": MESSAGE_ID, "WEBHOOK-TIMESTAMP": str(SECONDS), "webhook-signature": SIGNATURE}
    assert verify(headers, BODY, SECRET, now=NOW) == MESSAGE_ID


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_the_zone_of_the_time_does_not_change_the_signature(zone):
    assert sign(SECRET, MESSAGE_ID, NOW.astimezone(ZoneInfo(zone)), BODY)["webhook-signature"] == SIGNATURE


def test_a_naive_time_is_refused_because_it_says_no_moment():
    with pytest.raises(ValueError):
        sign(SECRET, MESSAGE_ID, datetime(2026, 11, 23, 8, 0), BODY)


@given(body=st.text(), size=st.integers(24, 64))
def test_what_we_sign_the_public_library_verifies(body, size):
    secret = generate_secret(size)
    headers = sign(secret, "msg_1", datetime.now(ZoneInfo("Asia/Shanghai")), body.encode(errors="replace"))
    Webhook(secret).verify(body.encode(errors="replace"), headers, json_parse=False)


@given(body=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_the_public_library_signs_we_verify(body):
    secret = generate_secret()
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    assert verify(headers, body.encode(), secret, now=now) == "msg_1"


def test_the_public_library_refuses_a_body_changed_by_one_byte():
    secret = generate_secret()
    headers = sign(secret, "msg_1", datetime.now(UTC), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace(b"4", b"5", 1), headers)


def test_during_a_rotation_a_receiver_with_either_secret_verifies():
    new, old = generate_secret(), generate_secret()
    headers = sign((new, old), "msg_1", datetime.now(UTC), BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        assert verify(headers, BODY, secret, now=datetime.now(UTC)) == "msg_1"
        Webhook(secret).verify(BODY, headers)


def test_a_receiver_in_rotation_takes_what_either_secret_signed():
    new, old = generate_secret(), generate_secret()
    assert verify(sign(old, "msg_1", NOW, BODY), BODY, (new, old), now=NOW) == "msg_1"


def test_an_sm3_token_stands_beside_the_standard_one_and_disturbs_no_verifier():
    secret = generate_secret()
    headers = sign(secret, "msg_1", datetime.now(UTC), BODY, labels=("v1sm3", "v1"))
    assert [token.split(",")[0] for token in headers["webhook-signature"].split(" ")] == ["v1sm3", "v1"]
    Webhook(secret).verify(BODY, headers)
    assert verify(headers, BODY, secret, now=datetime.now(UTC)) == "msg_1"


def test_a_receiver_that_counts_sm3_only_refuses_sha256_alone():
    assert verify(sign(SECRET, "m", NOW, BODY, labels=("v1sm3",)), BODY, SECRET, now=NOW, labels=("v1sm3",))
    with pytest.raises(SignatureInvalid):
        verify(sign(SECRET, "m", NOW, BODY), BODY, SECRET, now=NOW, labels=("v1sm3",))


def test_hmac_sm3_is_the_same_from_the_interpreter_and_from_cryptography(monkeypatch):
    from_interpreter = sign(SECRET, "m", NOW, BODY, labels=("v1sm3",))
    monkeypatch.setattr("hashlib.algorithms_available", frozenset({"sha256"}))
    assert sign(SECRET, "m", NOW, BODY, labels=("v1sm3",)) == from_interpreter


MALFORMED = {
    "no id": {"webhook-id": ""},
    "no time": {"webhook-timestamp": ""},
    "no signature": {"webhook-signature": ""},
    "time that is no number": {"webhook-timestamp": "yesterday"},
    "time with a fraction": {"webhook-timestamp": f"{SECONDS}.5"},
    "time with a sign": {"webhook-timestamp": f"+{SECONDS}"},
    "time in other digits": {"webhook-timestamp": "".join(chr(0x660 + int(d)) for d in str(SECONDS))},
    "time as infinity": {"webhook-timestamp": "inf"},
    "time of a thousand digits": {"webhook-timestamp": "9" * 1_000},
    "token without a comma": {"webhook-signature": "v1"},
    "token with two commas": {"webhook-signature": SIGNATURE + ",x"},
    "token that is no base64": {"webhook-signature": "v1,***"},
    "token cut short": {"webhook-signature": SIGNATURE[:-5]},
    "token of other letters": {"webhook-signature": "v1,漢字漢字"},
    "token under another label": {"webhook-signature": SIGNATURE.replace("v1,", "v2,")},
    "ten thousand tokens": {"webhook-signature": "v1,x " * 10_000},
    "seventeen tokens": {"webhook-signature": " ".join([SIGNATURE] * 17)},
    "id of another message": {"webhook-id": "msg_other"},
    "id with a control character": {"webhook-id": "a\r\nb"},
    "id that is half a character": {"webhook-id": "\udc80"},
    "time of a second later": {"webhook-timestamp": str(SECONDS + 1)},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED.keys())
def test_whatever_is_malformed_ends_in_the_one_refusal(changes):
    with pytest.raises(SignatureInvalid) as caught:
        verify(signed(**changes), BODY, SECRET, now=NOW)
    assert caught.value.code is Code.SIGNATURE_INVALID


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id"]), st.text()
    ),
    body=st.binary(),
)
def test_no_headers_whatever_verify_or_raise_anything_but_the_refusal(headers, body):
    with pytest.raises(SignatureInvalid):
        verify(headers, body, SECRET, now=NOW)


def test_a_header_given_twice_is_refused_whichever_is_right():
    pairs = [*signed().items(), ("Webhook-Id", MESSAGE_ID)]
    with pytest.raises(SignatureInvalid):
        verify(pairs, BODY, SECRET, now=NOW)


@pytest.mark.parametrize(("off_s", "taken"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_message_is_taken_within_five_minutes_of_the_receivers_clock(off_s, taken):
    now = NOW + timedelta(seconds=off_s)
    if taken:
        assert verify(signed(), BODY, SECRET, now=now)
        return
    with pytest.raises(SignatureInvalid):
        verify(signed(), BODY, SECRET, now=now)


@pytest.mark.parametrize(
    "secret",
    [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_äöü",
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_of_another_form_is_a_fault_of_configuration_and_is_not_repeated(secret):
    with pytest.raises(ConfigError) as caught:
        sign(secret, "m", NOW, BODY)
    assert caught.value.code is Code.CONFIG_INVALID
    assert secret.removeprefix("whsec_")[:8] not in caught.value.message or secret == "whsec_"
    assert caught.value.__cause__ is None


def test_no_secret_at_all_is_named_as_missing():
    with pytest.raises(ConfigError) as caught:
        sign((), "m", NOW, BODY)
    assert caught.value.code is Code.SECRET_MISSING


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "号", "x" * 129])
def test_an_id_by_which_the_signed_text_could_be_cut_otherwise_is_refused(message_id):
    with pytest.raises(ValueError):
        sign(SECRET, message_id, NOW, BODY)


def test_secrets_are_random_and_of_the_size_asked_for():
    assert len({generate_secret() for _ in range(50)}) == 50
    assert len(signing.key_of(generate_secret(64))) == 64
    with pytest.raises(ValueError):
        generate_secret(23)
