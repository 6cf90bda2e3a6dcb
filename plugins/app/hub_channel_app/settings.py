"""Settings of the app channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from hub.model.codes import DemandStatus, DemandType
from hub.sdk import ChannelSettings
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.push import PushPolicy

Datum = Literal["GCJ-02", "CGCS2000", "WGS-84", "BD-09"]
OWN_PARAMETERS = frozenset({"pageNum", "pageSize", "updateTimeFrom", "updateTimeTo"})


class AppSettings(ChannelSettings):
    """One app's gateway: asked by the hub, pushing by itself, or both.

    Attributes:
        base_url: Scheme, host and prefix of the gateway that is asked; null where the gateway only pushes.
        path: Of the list interface, below ``base_url``.
        page_size: Records asked for a page; a gateway that gives fewer is read all the same.
        query: Further parameters of every request, such as the county's region code.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
        total: ``exact``: fewer records than the gateway declares is an error, and the window is read again; ``hint``: for a gateway whose
            total counts more than it lists.
        push: What a push must prove and may cost; null where the gateway pushes nothing.
        datum: Of coordinates whose record names none.
        types: Words of ``type`` beside the usual ones, or with another meaning.
        statuses: Likewise for ``status``.
    """

    base_url: str | None = None
    path: str = "/open/appeals"
    page_size: int = Field(default=200, ge=1, le=2_000)
    query: dict[str, str] = Field(default_factory=dict)
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()
    total: Literal["exact", "hint"] = "exact"
    push: PushPolicy | None = None
    datum: Datum = "GCJ-02"
    types: dict[str, DemandType] = Field(default_factory=dict)
    statuses: dict[str, DemandStatus] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/") if value is not None else None

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if self.base_url is None and self.push is None:
            raise ValueError("neither base_url nor push is set: nothing could ever come")
        taken = sorted(OWN_PARAMETERS & set(self.query))
        if taken:
            raise ValueError(f"query must not set {', '.join(taken)}: the channel sets them itself")
        return self
