"""How the hub proves to an HTTP source who asks, as a channel's settings say it; secrets are named here, never written. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from hub.sdk.readers.auth import Auth

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoAuth(_Strict):
    """The interface is open to the hub's network."""

    kind: Literal["none"] = "none"


class BearerAuth(_Strict):
    """A fixed token in ``Authorization: Bearer``."""

    kind: Literal["bearer"]
    token: SecretName


class BasicAuth(_Strict):
    """HTTP Basic.

    Attributes:
        user: The hub's name at the source.
        password: Name of the secret that proves it.
    """

    kind: Literal["basic"]
    user: str
    password: SecretName


class ApiKeyAuth(_Strict):
    """A fixed key in a header or, where the source wants it so, in the query.

    Attributes:
        key: Name of the secret that holds the key.
        name: Of the header or the parameter.
        where: ``header``, or ``query``: a query stands in the logs of every machine on the way.
    """

    kind: Literal["api_key"]
    key: SecretName
    name: str = "X-API-Key"
    where: Literal["header", "query"] = "header"


class OAuth2Auth(_Strict):
    """OAuth 2.0 client credentials.

    Attributes:
        token_url: Absolute, or a path below ``base_url``.
        client_id: The hub's name at the source.
        client_secret: Name of the secret that proves it.
        scope: What is asked for; nothing where the source wants none.
        send_as: ``basic``: in the header Authorization; ``body``: among the fields of the form.
        token_path: Where the token stands in the answer.
    """

    kind: Literal["oauth2"]
    token_url: str
    client_id: str
    client_secret: SecretName
    scope: str | None = None
    send_as: Literal["basic", "body"] = "basic"
    token_path: tuple[str, ...] = ("access_token",)


class HmacAuth(_Strict):
    """Requests signed with a shared key; see `hub.sdk.readers.auth.HmacSigned` for what is signed.

    Attributes:
        key_id: Public name of the key.
        key: Name of the secret that holds the key.
        algorithm: HMAC-SHA256 or HMAC-SM3.
        parts: What is signed, in this order.
        joiner: Stands between the parts.
        written_as: How the signature is written.
        key_header: Header of ``key_id``.
        timestamp_header: Header of the time of the request.
        nonce_header: Header of a value that is used once; null: not sent.
        signature_header: Header of the signature.
        timestamp_unit: Seconds or milliseconds since 1970.
    """

    kind: Literal["hmac"]
    key_id: str
    key: SecretName
    algorithm: Literal["sha256", "sm3"] = "sha256"
    parts: tuple[Literal["key_id", "method", "path", "query", "timestamp", "nonce", "digest"], ...] = (
        "method",
        "path",
        "query",
        "timestamp",
        "nonce",
        "digest",
    )
    joiner: str = "\n"
    written_as: Literal["hex", "base64"] = "hex"
    key_header: str = "X-App-Id"
    timestamp_header: str = "X-Timestamp"
    nonce_header: str | None = "X-Nonce"
    signature_header: str = "X-Signature"
    timestamp_unit: Literal["s", "ms"] = "ms"


HttpAuth = Annotated[
    NoAuth | BasicAuth | BearerAuth | ApiKeyAuth | OAuth2Auth | HmacAuth, Field(discriminator="kind")
]


def auth_of(auth: HttpAuth) -> Auth | None:
    """What the reader is given for these settings; None for an open source."""
    from hub.sdk.readers.auth import ApiKey, Basic, Bearer, HmacSigned, OAuth2ClientCredentials

    if isinstance(auth, BasicAuth):
        return Basic(auth.user, auth.password)
    if isinstance(auth, ApiKeyAuth):
        return ApiKey(auth.key, auth.name, auth.where)
    if isinstance(auth, BearerAuth):
        return Bearer(auth.token)
    if isinstance(auth, OAuth2Auth):
        return OAuth2ClientCredentials(**auth.model_dump(exclude={"kind"}))
    if isinstance(auth, HmacAuth):
        return HmacSigned(**auth.model_dump(exclude={"kind"}))
    return None
