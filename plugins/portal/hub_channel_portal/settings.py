"""Settings of the portal channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.model.codes import DemandStatus, DemandType
from hub.sdk import ChannelSettings
from hub.sdk.readers.policy import HttpPolicy

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


class OAuth2Auth(_Strict):
    """OAuth 2.0 client credentials.

    Attributes:
        token_url: Absolute, or a path below ``base_url``.
        client_id: The hub's name at the portal.
        client_secret: Name of the secret that proves it.
        scope: What is asked for; nothing where the portal wants none.
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


PortalAuth = Annotated[NoAuth | BearerAuth | OAuth2Auth | HmacAuth, Field(discriminator="kind")]


class PortalSettings(ChannelSettings):
    """One portal.

    Attributes:
        base_url: Scheme, host and, where there is one, the prefix of the gateway.
        path: Of the list interface, below ``base_url``.
        page_size: Records asked for a page; a portal that gives fewer is read all the same.
        query: Further parameters of every request, such as the county's region code.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
        total: ``exact``: fewer records than the portal declares is an error, and the window is read again; ``hint``: for a portal
            whose total counts more than it lists.
        types: Codes of ``lx`` that mean something else here; they go before the names in ``lxmc`` and the usual table.
        statuses: Likewise for ``zt``.
    """

    base_url: str
    path: str = "/api/zx/list"
    page_size: int = Field(default=500, ge=1, le=5_000)
    query: dict[str, str] = Field(default_factory=dict)
    auth: PortalAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()
    total: Literal["exact", "hint"] = "exact"
    types: dict[str, DemandType] = Field(default_factory=dict)
    statuses: dict[str, DemandStatus] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _query_is_ours(self) -> Self:
        taken = sorted({"pageNum", "pageSize", "gxsjStart", "gxsjEnd"} & set(self.query))
        if taken:
            raise ValueError(f"query must not set {', '.join(taken)}: the channel sets them itself")
        return self
