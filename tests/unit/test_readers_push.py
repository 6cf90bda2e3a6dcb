"""A push is proven before it is parsed, and its secrets can be changed without losing one."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from hub.errors import Code, ConfigError, SourceContractError
from hub.sdk import PushRequest
from hub.sdk.readers.push import PushPolicy, PushReader, SignatureInvalid, idempotency_key
from hub.sdk.signing import generate_secret, sign
from hub.testing.factories import NOW, channel_context

OLD, NEW = generate_secret(), generate_secret()
BODY = json.dumps({"data": {"records": [{"id": 1}, {"id": 2}]}}).encode()


def reader(*names, **policy):
    context = channel_context("app", secrets={"old": OLD, "new": NEW})
    return PushReader(context, PushPolicy(secrets=names or ("new",), **policy))


def push(body=BODY, secret=NEW, content_type="application/json; charset=utf-8", **signing):
    headers = {"Content-Type": content_type, **sign(secret, "msg_7", NOW, body, **signing)}
    return PushRequest("POST", "/v1/channels/app/records", headers, body, NOW)


def test_records_are_the_exact_bytes_at_their_place():
    assert reader().records(push(), at=("data", "records")).raw == [b'{"id": 1}', b'{"id": 2}']


def test_while_secrets_are_changed_either_of_the_two_is_good():
    both = reader("new", "old")

    assert len(both.records(push(secret=OLD), at=("data", "records")).raw) == 2
    assert len(both.records(push(secret=NEW), at=("data", "records")).raw) == 2
    with pytest.raises(SignatureInvalid):
        reader("new").records(push(secret=OLD))


def test_a_source_that_must_use_national_algorithms_is_held_to_them():
    sm3 = reader(labels=("v1sm3",))

    assert sm3.proven(push(labels=("v1sm3",))).content == BODY
    with pytest.raises(SignatureInvalid):
        sm3.proven(push())


def test_nothing_is_parsed_before_it_is_proven():
    hostile = push(b"[" * 100_000, secret=OLD)

    with pytest.raises(SignatureInvalid):
        reader().records(hostile)


def test_a_body_that_is_too_large_is_not_even_signed_over():
    unsigned = PushRequest("POST", "/", {"content-type": "application/json"}, b"x" * 5_000, NOW)

    with pytest.raises(SourceContractError) as caught:
        reader(max_body_bytes=4_096).proven(unsigned)
    assert caught.value.code is Code.PAGE_TOO_LARGE
    assert caught.value.body is None


def test_gbk_is_read_whatever_its_label_says():
    body = json.dumps({"records": [{"id": 1, "words": "窗口没有人，排了三次队"}]}, ensure_ascii=False).encode(
        "gbk"
    )

    (raw,) = reader().records(push(body), at=("records",)).raw

    assert json.loads(raw)["words"] == "窗口没有人，排了三次队"


def test_a_header_given_twice_in_two_spellings_is_refused():
    request = push()
    twice = {**request.headers, "Webhook-Id": "msg_8"}

    with pytest.raises(SignatureInvalid):
        reader().proven(replace(request, headers=twice))


def test_a_missing_secret_is_a_matter_of_configuration():
    with pytest.raises(ConfigError):
        reader("nowhere").proven(push())
    assert not reader("nowhere").check().ok
    assert reader("new", "old").check().ok


def test_the_idempotency_key_is_the_signed_id():
    assert idempotency_key(push()) == "msg_7"
    assert idempotency_key(PushRequest("POST", "/", {}, b"", NOW)) is None


@pytest.mark.parametrize(
    "wrong", [{"secrets": ()}, {"secrets": ("whsec_abc=",)}, {"labels": ()}, {"tolerance_s": 0}]
)
def test_a_policy_that_proves_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        PushPolicy.model_validate({"secrets": ("new",), **wrong})
