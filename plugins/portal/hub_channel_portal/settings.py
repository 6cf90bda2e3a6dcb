"""Settings of the portal channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.model.codes import DemandStatus, DemandType, ReplyKind
from hub.sdk import ChannelSettings
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth
from hub.sdk.readers.envelope import Envelope
from hub.sdk.readers.policy import HttpPolicy
from hub_channel_portal.names import REPLY


class ReplyInterface(BaseModel):
    """Where the portal takes what became of a demand: 签收, 退回, 延期申请, 办结.

    Attributes:
        path: Below ``base_url``; each reply is a POST of one JSON object.
        names: Member as the hub sends it (``hfbh``, ``zxbh``, ``czmc`` …) -> its name here, where that is another.
        operations: Kind of reply -> what the portal calls it, where that is not 签收, 退回, 延期申请 or 办结.
        envelope: How the answer is judged.
        repeated: Codes by which the portal says that it had taken a reply before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = "/api/zx/reply"
    names: dict[str, str] = Field(default_factory=dict)
    operations: dict[ReplyKind, str] = Field(default_factory=dict)
    envelope: Envelope = Envelope()
    repeated: frozenset[str] = frozenset({"0001"})

    @field_validator("names")
    @classmethod
    def _are_members(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(REPLY.values()))
        if unknown:
            raise ValueError(
                f"no members of a reply: {', '.join(unknown)}; known: {', '.join(REPLY.values())}"
            )
        return value


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
        reply: Where replies go; null: this portal takes none.
    """

    base_url: str
    path: str = "/api/zx/list"
    page_size: int = Field(default=500, ge=1, le=5_000)
    query: dict[str, str] = Field(default_factory=dict)
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()
    total: Literal["exact", "hint"] = "exact"
    types: dict[str, DemandType] = Field(default_factory=dict)
    statuses: dict[str, DemandStatus] = Field(default_factory=dict)
    reply: ReplyInterface | None = None

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
