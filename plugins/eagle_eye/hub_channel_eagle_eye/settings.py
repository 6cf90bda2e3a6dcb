"""Settings of the eagle-eye channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.sdk import ChannelSettings
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth, SecretName
from hub.sdk.readers.files_policy import FileSource, FilesPolicy
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.push import PushPolicy
from hub.sdk.readers.sql_place import SqlPlace, SqlPolicy
from hub.sdk.readers.xml_check import BodyCheck
from hub_channel_eagle_eye.codes import CodeTables, Device
from hub_channel_eagle_eye.columns import ALIASES
from hub_channel_eagle_eye.names import FIELDS

PAGING = frozenset({"pageNum", "pageSize", "updateStart", "updateEnd"})


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSource(_Strict):
    """JSON over HTTP, as newer systems offer it: paged lists of cases, ratings and monitor events, bounded by the time of update.

    Attributes:
        base_url: Scheme, host and, where there is one, the prefix of the gateway.
        cases: Path of the list of cases, below ``base_url``; null where there is none.
        ratings: Likewise of the ratings.
        events: Likewise of the monitor events.
        page_size: Records asked for a page; a source that gives fewer is read all the same.
        query: Further parameters of every request, such as the county's region code.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
        total: ``exact``: fewer records than the source declares is an error, and the window is read again; ``hint``: for a source
            whose total counts more than it lists.
    """

    kind: Literal["http"]
    base_url: str
    cases: str | None = "/api/jc/cases"
    ratings: str | None = "/api/jc/ratings"
    events: str | None = "/api/jc/events"
    page_size: int = Field(default=500, ge=1, le=5_000)
    query: dict[str, str] = Field(default_factory=dict)
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()
    total: Literal["exact", "hint"] = "exact"

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _lists_something(self) -> Self:
        if not any((self.cases, self.ratings, self.events)):
            raise ValueError("name one of cases, ratings and events at least: nothing would be collected")
        taken = sorted(PAGING & set(self.query))
        if taken:
            raise ValueError(f"query must not set {', '.join(taken)}: the channel sets them itself")
        return self


class FilesSource(_Strict):
    """Sheets of process events (.csv, .xlsx, .xls, .ods) that are dropped into a folder, here or on an SFTP server; a row is a step.

    Attributes:
        folder: Where they are dropped.
        files: When a file is ready, and what becomes of it.
        columns: This channel's name of a column -> further names that the sheets give it, as ``申报来源: [渠道]``.
        sheets: Pattern of the names of the sheets to read, as ``2026*``; null for every visible sheet that has the header.
        nothing: Words by which a cell says that there is nothing, such as ``EMPTY``.
    """

    kind: Literal["files"]
    folder: FileSource
    files: FilesPolicy = FilesPolicy()
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sheets: str | None = None
    nothing: tuple[str, ...] = ()

    @field_validator("columns")
    @classmethod
    def _are_columns(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        unknown = sorted(set(value) - set(ALIASES))
        if unknown:
            raise ValueError(f"no columns of this channel: {', '.join(unknown)}; known: {', '.join(ALIASES)}")
        return value


class ExchangeTable(_Strict):
    """The table of messages about cases in the province's front database (cityinfo): type and operation in columns, XML in CONTENT.

    Attributes:
        name: ``table`` or ``schema.table``; a view with these columns does as well.
        names: Column as this channel knows it (UNID, TYPE, CREATETIME, ACTION, CONTENT …) -> its name in this database.
        passes_over: Types of messages that are no matter of cases, ratings or events: they are counted in the log and collected no further.
            37 are investment projects, 40 appraisals, 100 service items.
    """

    name: str = "cityinfo"
    names: dict[str, str] = Field(default_factory=dict)
    passes_over: tuple[str, ...] = ("37", "40", "100")


class SupervisionTable(_Strict):
    """The table of monitor events in a middle database: XML in XMLBODY, the answer to each event in columns beside it.

    Attributes:
        name: ``table`` or ``schema.table``; a view with these columns does as well.
        names: Column as this channel knows it (SERIAL_ID, XMLBODY, CREATE_DATE, REPLY_TIME …) -> its name in this database.
        check: The check that the messages bear of their own body, verified; null where they bear none, or another.
    """

    name: str
    names: dict[str, str] = Field(default_factory=dict)
    check: BodyCheck | None = None

    @field_validator("check")
    @classmethod
    def _needs_no_secret(cls, value: BodyCheck | None) -> BodyCheck | None:
        if value is not None and value.key is not None:
            raise ValueError(
                "a check with a key is of no use here: records are read without secrets; leave key out"
            )
        return value


class DatabaseSource(_Strict):
    """Tables of a middle database, with XML in their rows; read-only.

    Attributes:
        place: Where the database is, and who may read it.
        policy: What it may be asked to bear.
        exchange: The table of messages about cases; null where there is none.
        supervision: The table of monitor events; null where there is none.
    """

    kind: Literal["database"]
    place: SqlPlace
    policy: SqlPolicy = SqlPolicy()
    exchange: ExchangeTable | None = None
    supervision: SupervisionTable | None = None

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        if self.exchange is None and self.supervision is None:
            raise ValueError("name exchange or supervision: nothing would be collected")
        return self


class PushSource(_Strict):
    """Ratings that their platform pushes to the hub: XML, encrypted with SM4, in base64.

    Attributes:
        secret: Name of the secret of which both sides make the key, by MD5.
        key_form: ``digest``: the key is the 16 bytes of the MD5; ``hex16``: the first 16 characters of its hexadecimal form.
        mode: ``ecb``, or ``cbc`` with the initial value as the first block.
        signature: What proves the sender besides (Standard Webhooks); null where it cannot sign: then the encryption is the only proof.
        max_body_bytes: Of one push.
    """

    kind: Literal["push"]
    secret: SecretName
    key_form: Literal["digest", "hex16"] = "digest"
    mode: Literal["ecb", "cbc"] = "ecb"
    signature: PushPolicy | None = None
    max_body_bytes: int = Field(default=2 * 2**20, ge=1_024, le=64 * 2**20)


Source = Annotated[HttpSource | DatabaseSource | FilesSource | PushSource, Field(discriminator="kind")]


class EagleEyeSettings(ChannelSettings):
    """One eagle-eye.

    Attributes:
        source: Where its records come from.
        devices: What the codes of rating devices mean; the first that fits a rating holds, and a rating that none fits is set aside.
        codes: Codes of the source that mean something else here than usual, or more of them.
        names: This channel's name of a field -> the source's name of it, where that is another.
    """

    source: Source
    devices: tuple[Device, ...] = ()
    codes: CodeTables = CodeTables()
    names: dict[str, str] = Field(default_factory=dict)

    @field_validator("names")
    @classmethod
    def _are_fields(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - FIELDS)
        if unknown:
            raise ValueError(
                f"no fields of this channel: {', '.join(unknown)}; its README lists those that it knows"
            )
        return value
