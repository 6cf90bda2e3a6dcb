"""Ways of proving to an HTTP source who asks. Secrets are named; their values are read when a request is made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.context import ChannelContext
from hub.sdk.readers.body import Body
from hub.sdk.readers.wire import Call


class Asker(Protocol):
    """What a way of proving may use of the reader that it serves."""

    ctx: ChannelContext

    def url(self, path: str) -> str:
        """The absolute URL of a path of the source."""
        ...

    def exchange(self, call: Call) -> Body:
        """One request as it stands, without any proof added."""
        ...


class Auth(ABC):
    """One way of proving who asks; made for one reader."""

    @abstractmethod
    def prove(self, call: Call, asker: Asker) -> Call:
        """The call with its proof; asked anew for every try."""

    def renew(self) -> bool:
        """The source refused the proof: True if the next one will be another, and the call is worth one more try."""
        return False


def _with_headers(call: Call, *headers: tuple[str, str]) -> Call:
    """The call with these headers in place of any of the same names."""
    names = {name.lower() for name, _ in headers}
    kept = tuple(pair for pair in call.headers if pair[0].lower() not in names)
    return replace(call, headers=(*kept, *headers))


@dataclass(frozen=True, slots=True)
class Basic(Auth):
    """HTTP Basic (RFC 7617, UTF-8); ``password`` names a secret."""

    user: str
    password: str

    def prove(self, call: Call, asker: Asker) -> Call:
        """See `Auth.prove`."""
        return _with_headers(call, ("Authorization", _basic(self.user, asker.ctx.secret(self.password))))


@dataclass(frozen=True, slots=True)
class Bearer(Auth):
    """A fixed token in ``Authorization: Bearer``; ``token`` names a secret."""

    token: str

    def prove(self, call: Call, asker: Asker) -> Call:
        """See `Auth.prove`."""
        return _with_headers(call, ("Authorization", f"Bearer {asker.ctx.secret(self.token)}"))


@dataclass(frozen=True, slots=True)
class ApiKey(Auth):
    """A fixed key in a header or, where the source wants it so, in the query; ``key`` names a secret.

    Prefer the header: a query stands in the logs of every machine on the way.
    """

    key: str
    name: str = "X-API-Key"
    where: Literal["header", "query"] = "header"

    def prove(self, call: Call, asker: Asker) -> Call:
        """See `Auth.prove`."""
        value = asker.ctx.secret(self.key)
        if self.where == "header":
            return _with_headers(call, (self.name, value))
        return replace(call, params=(*call.params, (self.name, value)))


class OAuth2ClientCredentials(Auth):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4).

    The token is kept in this object until ``margin_s`` before its end (half its life where that is shorter), and
    fetched anew once when the source refuses it. The token request is no try of its own: where it fails, the
    try fails and is repeated as a whole.

    Args:
        token_url: Absolute, or a path of the source.
        client_id: Public name of the client.
        client_secret: Names a secret.
        scope: Asked for, where given.
        extra: Further members of the token request (``audience``).
        send_as: ``basic``: client in the Authorization header; ``body``: in the form.
        token_path: Where the token stands in the answer; a gateway may wrap it. ``expires_in`` stands beside it.
        margin_s: See above.
    """

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        extra: Sequence[tuple[str, str]] = (),
        send_as: Literal["basic", "body"] = "basic",
        token_path: tuple[str, ...] = ("access_token",),
        margin_s: float = 60.0,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._form = [("grant_type", "client_credentials"), *([("scope", scope)] if scope else []), *extra]
        self._send_as = send_as
        self._token_path = token_path
        self._margin_s = margin_s
        self._token: str | None = None
        self._fresh_until: float | None = None

    def prove(self, call: Call, asker: Asker) -> Call:
        """See `Auth.prove`.

        Raises:
            SourceUnavailable: The token endpoint refuses the client (code ``source_auth``).
            SourceContractError: It answers something else; its body, which may hold a token, is not kept.
        """
        now = asker.ctx.clock.monotonic()
        if self._token is None or (self._fresh_until is not None and now >= self._fresh_until):
            self._token, life_s = self._fetched(asker)
            self._fresh_until = None if life_s is None else now + life_s - min(self._margin_s, life_s / 2)
        return _with_headers(call, ("Authorization", f"Bearer {self._token}"))

    def renew(self) -> bool:
        """Forgets the token."""
        self._token = None
        return True

    def _fetched(self, asker: Asker) -> tuple[str, float | None]:
        secret = asker.ctx.secret(self._client_secret)
        form, headers = (
            list(self._form),
            [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")],
        )
        if self._send_as == "basic":
            headers.append(("Authorization", _basic(quote(self._client_id, safe=""), quote(secret, safe=""))))
        else:
            form += [("client_id", self._client_id), ("client_secret", secret)]
        url = self._token_url if "://" in self._token_url else asker.url(self._token_url)
        place = f"{asker.ctx.instance}: token endpoint {urlsplit(url).path or '/'}"
        body = asker.exchange(Call("POST", url, (), tuple(headers), urlencode(form).encode(), place))
        if body.status in (400, 401, 403):
            raise SourceUnavailable(
                f"{place}: refused the client with HTTP {body.status} (expected a token); check client_id, the secret "
                f"{self._client_secret!r} and the scope",
                code=Code.SOURCE_AUTH,
            )
        return self._token_in(body, place)

    def _token_in(self, body: Body, place: str) -> tuple[str, float | None]:
        *above, name = self._token_path
        try:
            found: Any = msgspec.json.decode(body.content)
            for step in above:
                found = found[step]
            token, life = found[name], found.get("expires_in")
            life_s = None if life is None else float(life)
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError):
            token, life_s = None, None
        if body.status != 200 or not isinstance(token, str) or not token.isprintable() or not token:
            raise SourceContractError(
                f"{place}: HTTP {body.status} without a token at {'.'.join(self._token_path)} (expected one in JSON); "
                "check token_url and token_path; the answer is not kept, for it may hold a token",
                code=Code.PAGE_SHAPE,
            )
        return token, life_s


Part = Literal["key_id", "method", "path", "query", "timestamp", "nonce", "digest"]


class HmacSigned(Auth):
    """Requests signed with a shared key, as many gateways want it, each in its own way.

    The signed text is ``parts`` in their order, joined by ``joiner``: ``method`` in upper case; ``path`` as sent;
    ``query`` sorted by name and value, percent-encoded (RFC 3986); ``timestamp``; ``nonce``; ``digest`` of the body
    with the same algorithm, lower-case hex (that of no bytes where there is no body). Every try is signed anew.

    Args:
        key_id: Public name of the key.
        key: Names a secret.
        algorithm: ``sha256`` or ``sm3`` (GB/T 32905).
        parts: See above.
        joiner: See above.
        written_as: How the signature is written.
        key_header: Header of ``key_id``; the others likewise. None: not sent.
        timestamp_unit: Seconds or milliseconds since 1970.
        nonce: Gives a new value each time; tests set it.
    """

    def __init__(
        self,
        *,
        key_id: str,
        key: str,
        algorithm: Literal["sha256", "sm3"] = "sha256",
        parts: Sequence[Part] = ("method", "path", "query", "timestamp", "nonce", "digest"),
        joiner: str = "\n",
        written_as: Literal["hex", "base64"] = "hex",
        key_header: str = "X-App-Id",
        timestamp_header: str = "X-Timestamp",
        nonce_header: str | None = "X-Nonce",
        digest_header: str | None = None,
        signature_header: str = "X-Signature",
        timestamp_unit: Literal["s", "ms"] = "ms",
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        if algorithm not in hashlib.algorithms_available:
            raise ConfigError(
                f"signed requests: this Python's OpenSSL has no {algorithm} (expected OpenSSL 1.1.1 or newer with it); "
                "use a system whose OpenSSL brings it, or agree on sha256 with the source",
                code=Code.CONFIG_INVALID,
            )
        self._key_id, self._key = key_id, key
        self._algorithm, self._parts, self._joiner, self._written_as = (
            algorithm,
            tuple(parts),
            joiner,
            written_as,
        )
        self._key_header, self._timestamp_header, self._nonce_header = (
            key_header,
            timestamp_header,
            nonce_header,
        )
        self._digest_header, self._signature_header = digest_header, signature_header
        self._per_second = 1000 if timestamp_unit == "ms" else 1
        self._nonce = nonce

    def prove(self, call: Call, asker: Asker) -> Call:
        """See `Auth.prove`."""
        values: dict[str, str] = {
            "key_id": self._key_id,
            "method": call.method.upper(),
            "path": urlsplit(call.url).path or "/",
            "query": urlencode(sorted(call.params), quote_via=quote, safe="~"),
            "timestamp": str(int(asker.ctx.clock.now().timestamp() * self._per_second)),
            "nonce": self._nonce(),
            "digest": hashlib.new(self._algorithm, call.body or b"").hexdigest(),
        }
        text = self._joiner.join(values[part] for part in self._parts)
        signed = hmac.new(asker.ctx.secret(self._key).encode(), text.encode(), self._algorithm).digest()
        signature = signed.hex() if self._written_as == "hex" else base64.b64encode(signed).decode()
        headers = [
            (self._key_header, self._key_id),
            (self._timestamp_header, values["timestamp"]),
            (self._nonce_header, values["nonce"]),
            (self._digest_header, values["digest"]),
            (self._signature_header, signature),
        ]
        return _with_headers(call, *[(name, value) for name, value in headers if name])


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
