"""Where forms are asked for over HTTP: part of a channel's settings in hub.yaml. Light, so that settings may hold it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hub.sdk.declarative.readers import HttpJson
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth
from hub.sdk.readers.files_policy import LocalFolder, SftpFolder
from hub.sdk.readers.policy import HttpPolicy


class HttpForms(BaseModel):
    """A list of forms over HTTP and JSON: one object a form, its lines within it.

    Attributes:
        base_url: Scheme, host and, where there is one, the gateway's prefix.
        reader: As in a source without code of kind ``http_json``: path, records, total, envelope, query, headers, paging, since, until.
        overlap_s: With ``since`` each run asks from so many seconds before the last one on: forms are handed in late.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["http"]
    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+[^?#\s]*$")]
    reader: HttpJson
    overlap_s: float = Field(default=86_400.0, ge=0, le=366 * 86_400)
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()

    @model_validator(mode="after")
    def _is_no_walk(self) -> Self:
        if self.reader.walk is not None:
            raise ValueError("reader.walk: forms are not read in pieces; take it away")
        return self


SheetSource = Annotated[LocalFolder | SftpFolder | HttpForms, Field(discriminator="kind")]
"""Where rows come from: files that are dropped, or forms that are asked for."""
