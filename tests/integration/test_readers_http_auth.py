"""Proofs of identity against a source on loopback: real tokens, real signatures, real TLS."""

import base64
import hashlib
import hmac
import ssl
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.gate import BreakerPolicy
from hub.sdk.readers.http import (
    ApiKey,
    Basic,
    Bearer,
    HmacSigned,
    HttpPolicy,
    HttpReader,
    OAuth2ClientCredentials,
)
from tests.support.raw_http import NOW, answer, listed, make_context, raw_source

GOOD = answer(listed({"zxbh": "1"}))


@pytest.fixture
def source():
    with raw_source() as running:
        yield running


def _reader(source, auth=None, ctx=None, **policy):
    ctx = ctx or make_context(PASSWORD="pä:ss", TOKEN="t-1", KEY="k-1", CLIENT="s/e c")
    return HttpReader(source.url, ctx, HttpPolicy(**policy), auth)


def test_basic_bearer_and_key_are_sent_as_their_standards_say(source):
    source.play(GOOD)
    for auth in (Basic("hub", "PASSWORD"), Bearer("TOKEN"), ApiKey("KEY"), ApiKey("KEY", "ak", "query")):
        with _reader(source, auth) as reader:
            reader.records("/l")
    basic, bearer, header, query = source.seen
    assert basic.headers["authorization"] == "Basic " + base64.b64encode("hub:pä:ss".encode()).decode()
    assert bearer.headers["authorization"] == "Bearer t-1"
    assert header.headers["x-api-key"] == "k-1"
    assert query.query == {"ak": "k-1"}


def test_a_missing_secret_is_a_configuration_error_before_any_request(source):
    with _reader(source, Bearer("NOT_SET")) as reader, pytest.raises(ConfigError) as failed:
        reader.records("/l")
    assert failed.value.code is Code.SECRET_MISSING
    assert source.seen == []


# --- OAuth 2.0 ----------------------------------------------------------------------------------------------------------


class Tokens:
    """A source whose token endpoint gives ``token-1``, ``token-2``, ... and whose list takes the valid ones alone."""

    def __init__(self, source, life_s=3600, **wrapped):
        self.source, self.life_s, self.given, self.valid = source, life_s, 0, set()
        source.play(self.play)

    def play(self, connection, seen):
        if seen.path == "/oauth/token":
            self.given += 1
            token = f"token-{self.given}"
            self.valid.add(f"Bearer {token}")
            return answer({"access_token": token, "token_type": "Bearer", "expires_in": self.life_s})
        return GOOD if seen.headers.get("authorization") in self.valid else answer(status=401)


def _oauth(**how):
    return OAuth2ClientCredentials("/oauth/token", client_id="hub:1", client_secret="CLIENT", **how)


def test_a_token_is_fetched_once_and_used_for_many_pages(source):
    tokens = Tokens(source)
    with _reader(source, _oauth(scope="read")) as reader:
        for _ in range(3):
            reader.records("/l")
    assert tokens.given == 1
    asked = source.seen[0]
    assert (asked.method, asked.body) == ("POST", b"grant_type=client_credentials&scope=read")
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"hub%3A1:s%2Fe%20c").decode()


def test_a_client_may_stand_in_the_form(source):
    Tokens(source)
    with _reader(source, _oauth(send_as="body", extra=[("audience", "portal")])) as reader:
        reader.records("/l")
    assert (
        source.seen[0].body
        == b"grant_type=client_credentials&audience=portal&client_id=hub%3A1&client_secret=s%2Fe+c"
    )
    assert "authorization" not in source.seen[0].headers


def test_401_in_mid_run_fetches_one_new_token_and_goes_on(source):
    tokens = Tokens(source)
    with _reader(source, _oauth()) as reader:
        reader.records("/l")
        tokens.valid.clear()
        assert reader.records("/l").raw
        assert reader.ctx.clock.slept == []
        assert reader.ctx.log.named("source_login_renewed")
    assert tokens.given == 2
    assert [seen.path for seen in source.seen] == ["/oauth/token", "/l", "/l", "/oauth/token", "/l"]


def test_a_probe_of_the_half_open_circuit_may_renew_its_login(source):
    tokens = Tokens(source)
    ctx: Any = make_context(BreakerPolicy(failures=1, open_s=30), CLIENT="s/e c")
    with _reader(source, _oauth(), ctx) as reader:
        reader.records("/l")
        ctx.gate.failed("portal")
        ctx.clock.advance(30)
        tokens.valid.clear()
        assert reader.records("/l").raw
    assert ctx.gate.state("portal").opened == 0


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"code": 401, "msg": "token失效", "data": None}),
        answer(status=403),
        answer(status=302, location="/login"),
    ],
)
def test_every_way_of_asking_for_a_login_renews_it_once(source, refusal):
    tokens = Tokens(source)
    refusals = [refusal]

    def play(connection, seen):
        return refusals.pop() if seen.path == "/l" and refusals else tokens.play(connection, seen)

    source.play(play)
    with _reader(source, _oauth()) as reader:
        assert reader.records("/l").raw
    assert tokens.given == 2


def test_a_source_that_goes_on_refusing_new_tokens_is_asked_twice_and_no_more(source):
    tokens = Tokens(source)
    source.play(
        lambda connection, seen: tokens.play(connection, seen) if seen.path != "/l" else answer(status=401)
    )
    with _reader(source, _oauth()) as reader, pytest.raises(SourceUnavailable) as failed:
        reader.records("/l")
    assert failed.value.code is Code.SOURCE_AUTH
    assert [seen.path for seen in source.seen] == ["/oauth/token", "/l"] * 2


def test_a_login_page_that_stays_is_told_as_one(source):
    tokens = Tokens(source)
    page = answer("<html>login", content_type="text/html")
    source.play(lambda connection, seen: tokens.play(connection, seen) if seen.path != "/l" else page)
    with _reader(source, _oauth()) as reader, pytest.raises(SourceContractError) as failed:
        reader.records("/l")
    assert failed.value.code is Code.PAGE_HTML
    assert tokens.given == 2


@pytest.mark.parametrize(("life_s", "used_s"), [(3600, 3539), (60, 29), ("3600", 3539)])
def test_a_token_is_replaced_before_its_end_and_not_earlier(source, life_s, used_s):
    tokens = Tokens(source, life_s=life_s)
    with _reader(source, _oauth()) as reader:
        reader.records("/l")
        reader.ctx.clock.advance(used_s)
        reader.records("/l")
        assert tokens.given == 1
        reader.ctx.clock.advance(1)
        reader.records("/l")
    assert tokens.given == 2


def test_a_token_of_unknown_life_is_used_until_it_is_refused(source):
    tokens = Tokens(source, life_s=None)
    with _reader(source, _oauth()) as reader:
        reader.records("/l")
        reader.ctx.clock.advance(10_000_000)
        reader.records("/l")
    assert tokens.given == 1


def test_a_token_endpoint_that_is_down_for_a_while_is_tried_again(source):
    tokens = Tokens(source)
    failures = [answer(status=500), answer(status=429, retry_after="5")]
    source.play(lambda connection, seen: failures.pop() if failures else tokens.play(connection, seen))
    with _reader(source, _oauth()) as reader:
        assert reader.records("/l").raw
        assert sum(reader.ctx.clock.slept) >= 5
    assert len(source.seen) == 4


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_client_is_told_after_one_request_without_its_secret(source, status):
    source.play(answer({"error": "invalid_client", "echo": "s/e c"}, status))
    with (
        _reader(source, _oauth()) as reader,
        pytest.raises(SourceUnavailable, match="token endpoint") as failed,
    ):
        reader.records("/l")
    assert failed.value.code is Code.SOURCE_AUTH
    assert "s/e c" not in failed.value.message
    assert len(source.seen) == 1


@pytest.mark.parametrize(
    "sent",
    [
        answer({"token": "x"}),
        answer(b"<html>"),
        answer({"access_token": 5}),
        answer({"access_token": "a\nb"}),
        answer(status=404),
    ],
)
def test_an_answer_without_a_token_is_refused_and_not_kept(source, sent):
    source.play(sent)
    with _reader(source, _oauth()) as reader, pytest.raises(SourceContractError) as failed:
        reader.records("/l")
    assert failed.value.code is Code.PAGE_SHAPE
    assert failed.value.body is None


def test_a_token_may_be_wrapped_as_gateways_do(source):
    def play(connection, seen):
        if seen.path == "/oauth/token":
            return answer({"code": 200, "data": {"token": "wrapped", "expires_in": 10}})
        return GOOD

    source.play(play)
    with _reader(source, _oauth(token_path=("data", "token"))) as reader:
        reader.records("/l")
    assert source.seen[1].headers["authorization"] == "Bearer wrapped"


# --- signed requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_a_signed_request_verifies_at_the_source(source, algorithm):
    source.play(GOOD)
    auth = HmacSigned(
        key_id="app-1", key="KEY", algorithm=algorithm, nonce=lambda: "n-1", digest_header="X-Digest"
    )
    with _reader(source, auth) as reader:
        reader.records("/api/列表", method="POST", params={"b": "2 ~", "a": "张"}, json={"q": 1})
    (seen,) = source.seen
    digest = hashlib.new(algorithm, seen.body).hexdigest()
    stamp = str(int(NOW.timestamp() * 1000))
    text = "\n".join(["POST", seen.path, "a=%E5%BC%A0&b=2%20~", stamp, "n-1", digest])
    assert seen.path == "/api/%E5%88%97%E8%A1%A8"
    assert seen.headers["x-app-id"] == "app-1"
    assert seen.headers["x-timestamp"] == stamp
    assert seen.headers["x-nonce"] == "n-1"
    assert seen.headers["x-digest"] == digest
    assert seen.headers["x-signature"] == hmac.new(b"k-1", text.encode(), algorithm).hexdigest()


def test_sm3_is_that_of_the_standard():
    assert (
        hashlib.new("sm3", b"abc").hexdigest()
        == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )


def test_a_signature_may_be_made_otherwise(source):
    source.play(GOOD)
    auth = HmacSigned(
        key_id="app-1", key="KEY", parts=("key_id", "timestamp"), joiner="", written_as="base64",
        timestamp_unit="s", nonce_header=None, signature_header="sign",
    )  # fmt: skip
    with _reader(source, auth) as reader:
        reader.records("/l")
    (seen,) = source.seen
    signed = hmac.new(b"k-1", f"app-1{int(NOW.timestamp())}".encode(), "sha256").digest()
    assert seen.headers["sign"] == base64.b64encode(signed).decode()
    assert "x-nonce" not in seen.headers


def test_every_try_is_signed_anew(source):
    source.play(answer(status=500), GOOD)
    with _reader(source, HmacSigned(key_id="app-1", key="KEY")) as reader:
        reader.records("/l")
    first, second = (seen.headers for seen in source.seen)
    assert first["x-nonce"] != second["x-nonce"]
    assert int(second["x-timestamp"]) >= int(first["x-timestamp"]) + 1000
    assert first["x-signature"] != second["x-signature"]


# --- TLS ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 with its key, and the same for a client."""
    folder = tmp_path_factory.mktemp("pem")
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=3650))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_addresses(), critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return folder


def _addresses():
    import ipaddress

    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


@pytest.fixture
def tls_source(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "server.crt", pem / "server.key")
    with raw_source(context) as running:
        running.play(GOOD)
        yield running


@pytest.fixture
def mutual_source(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "server.crt", pem / "server.key")
    context.load_verify_locations(pem / "client.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    with raw_source(context) as running:
        running.play(GOOD)
        yield running


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(tls_source):
    with (
        _reader(tls_source) as reader,
        pytest.raises(SourceUnavailable, match="self.signed certificate") as failed,
    ):
        reader.records("/l")
    assert failed.value.code is Code.SOURCE_UNREACHABLE
    assert "ca_bundle" in failed.value.message
    assert reader.ctx.clock.slept == []
    assert tls_source.seen == []


def test_a_certificate_is_trusted_by_its_bundle_over_one_connection(tls_source, pem):
    with _reader(tls_source, ca_bundle=str(pem / "server.crt")) as reader:
        assert reader.records("/l").raw
        assert reader.records("/l").raw
    assert len(tls_source.connections) == 1


def test_a_drip_over_tls_ends_at_the_deadline(tls_source, pem):
    import threading

    over = threading.Event()

    def drip(connection, seen):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.01):
            connection.sendall(b"x")

    tls_source.play(drip)
    policy = {"ca_bundle": str(pem / "server.crt"), "deadline_s": 0.2, "tries": 1}
    try:
        with _reader(tls_source, **policy) as reader, pytest.raises(SourceUnavailable) as failed:
            reader.records("/l")
    finally:
        over.set()
    assert failed.value.code is Code.SOURCE_TIMEOUT


def test_mutual_tls_shows_the_hubs_own_certificate(mutual_source, pem):
    policy = {"client_cert": str(pem / "client.crt"), "client_key": str(pem / "client.key")}
    with _reader(mutual_source, ca_bundle=str(pem / "server.crt"), **policy) as reader:
        assert reader.records("/l").raw
    with (
        _reader(mutual_source, ca_bundle=str(pem / "server.crt"), tries=1) as reader,
        pytest.raises(SourceUnavailable),
    ):
        reader.records("/l")


@pytest.mark.parametrize("field", ["ca_bundle", "client_cert"])
def test_a_certificate_file_that_is_not_there_is_a_configuration_error(tls_source, field):
    with _reader(tls_source, **{field: "/no/such/file.pem"}) as reader, pytest.raises(ConfigError) as failed:
        reader.records("/l")
    assert failed.value.code is Code.CONFIG_INVALID
