"""Settings of the hotline channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.model.codes import DemandStatus, DemandType, ReplyKind, ReporterType, Urgency
from hub.sdk import ChannelSettings
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth, SecretName
from hub.sdk.readers.envelope import Envelope, Path
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.soap_operation import SoapOperation
from hub.sdk.readers.sql_place import SqlPlace, SqlPolicy
from hub.sdk.readers.xml_check import BodyCheck
from hub_channel_hotline.codes import TermUnit


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_MESSAGE = '<h:handle xmlns:h="urn:hotline"><h:message>${message}</h:message></h:handle>'


_REPLY_NAMES: dict[ReplyKind, str] = {
    ReplyKind.SIGN: "ORDER_SIGN",
    ReplyKind.RETURN: "ORDER_RETURN",
    ReplyKind.EXTEND: "ORDER_DELAY",
    ReplyKind.CLOSE: "ORDER_FINISH",
}


class _OverHttp(_Strict):
    base_url: str
    page_size: int = Field(default=200, ge=1, le=5_000)
    total: Literal["exact", "hint"] = "exact"
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()
    names: dict[str, str] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/")


class SoapSource(_OverHttp):
    """A SOAP service that takes and gives messages of the form Package, Head, Body.

    Attributes:
        base_url: Scheme, host and, where there is one, the prefix of the gateway.
        page_size: Orders asked for a page.
        total: ``exact``: fewer orders than the platform declares is an error, and the window is read again; ``hint``: for one whose total
            counts more than it lists.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
        names: Element as the hub expects it -> its name at this platform, where that is another.
        operation: The operation to which every message goes; ``${message}`` in its body stands for the message as text.
        query: Content of the Body by which orders are asked for; ``${since}`` and ``${until}`` (yyyy-MM-dd HH:mm:ss, both included),
            ``${page}`` and ``${size}`` stand for values.
        query_name: MsgName of that message.
        reply_names: MsgName of each kind of reply.
        answer_at: Where the answer's Package stands; ``<>`` as the last step: as text, in CDATA or escaped.
        records_at: The orders in it, from the Package on.
        total_at: The declared total in it.
        envelope: How the answer is judged, from the Package on.
        repeated: Codes by which the platform says that it had taken a reply before.
        check: The check of every message's body, in both directions; null for none.
        charset: Encoding that messages declare of themselves.
    """

    kind: Literal["soap"]
    operation: SoapOperation = SoapOperation(
        path="/services/OrderService", action="urn:hotline:handle", body=_MESSAGE
    )
    query: str = "<开始时间>${since}</开始时间><结束时间>${until}</结束时间><页码>${page}</页码><每页条数>${size}</每页条数>"
    query_name: str = "ORDER_QUERY"
    reply_names: dict[ReplyKind, str] = Field(default_factory=lambda: dict(_REPLY_NAMES))
    answer_at: Path = ("Envelope", "Body", "*", "*", "<>")
    records_at: Path = ("Package", "Body", "Order")
    total_at: Path | None = ("Package", "Head", "Total")
    envelope: Envelope = Envelope(
        code_path=("Package", "Head", "Code"),
        ok=frozenset({"0", "0000", "200"}),
        message_paths=(("Package", "Head", "Message"),),
    )
    repeated: frozenset[str] = frozenset({"0001"})
    check: BodyCheck | None = BodyCheck()
    charset: Literal["gbk", "gb18030", "utf-8"] = "gbk"

    @model_validator(mode="after")
    def _templates_can_be_filled(self) -> Self:
        if "${message}" not in self.operation.body:
            raise ValueError("operation.body must hold ${message}")
        missing = [name for name in ("since", "until", "page", "size") if f"${{{name}}}" not in self.query]
        if missing:
            raise ValueError(f"query must hold {', '.join('${' + name + '}' for name in missing)}")
        SoapOperation(body=self.query)
        return self


class ReplyTable(_Strict):
    """A table into which the hub puts its replies, with an account of its own that may insert there and read the key.

    Attributes:
        table: ``table`` or ``schema.table``; its column of the key needs a unique index.
        user: The account.
        password: Name of the secret that proves it.
        columns: What goes into a row -> its column. What is not named is left out; ``key``, ``number`` and ``kind`` must be.
    """

    table: str
    user: str
    password: SecretName
    columns: dict[str, str] = Field(
        default_factory=lambda: {
            "key": "REPLY_ID",
            "number": "ORDER_NUM",
            "kind": "REPLY_TYPE",
            "at": "REPLY_TIME",
            "reason": "REASON",
            "until": "DELAY_TO",
            "public_reply": "PUBLIC_REPLY",
            "handling": "HANDLE_CONTENT",
            "is_true": "IS_TRUE",
            "is_solved": "IS_SOLVED",
        }
    )

    @model_validator(mode="after")
    def _key_is_there(self) -> Self:
        missing = {"key", "number", "kind"} - set(self.columns)
        if missing:
            raise ValueError(f"columns must name {', '.join(sorted(missing))}")
        return self


class ViewSource(_Strict):
    """A database view that the platform keeps for the hub.

    Attributes:
        database: Where it is, and the account that may read it.
        view: ``view`` or ``schema.view``.
        names: Column as the hub expects it -> its name here, where that is another (``{"ORDER_NUM": "GDBH"}``).
        type_column: Column of the type (投诉, 咨询 …); where it is CALLER_TYPE, that column says nothing of the person.
        urgency_column: Column of the urgency; null where the view has none, and every order counts as 一般.
        policy: Times, tries, rows a page, rate.
        reply: Where replies go; null: this source takes none.
    """

    kind: Literal["view"]
    database: SqlPlace
    view: str = "V_12345_ORDER"
    names: dict[str, str] = Field(default_factory=dict)
    type_column: str = "CALLER_TYPE"
    urgency_column: str | None = None
    policy: SqlPolicy = SqlPolicy()
    reply: ReplyTable | None = None


class WorkflowSource(_OverHttp):
    """An interface that lists what happened to orders, step by step, over HTTP and JSON.

    Attributes:
        base_url: Scheme, host and, where there is one, the prefix of the gateway.
        page_size: Records asked for a page.
        total: As for ``soap``.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
        names: Member as the hub expects it -> its name here, where that is another.
        path: Of the list, below ``base_url``.
        reply_path: Where replies go, below ``base_url``.
        query: Further parameters of every request.
        envelope: How an answer is judged.
        repeated: Codes by which the platform says that it had taken a reply before.
    """

    kind: Literal["workflow"]
    path: str = "/api/order/process/list"
    reply_path: str = "/api/order/process/handle"
    query: dict[str, str] = Field(default_factory=dict)
    envelope: Envelope = Envelope()
    repeated: frozenset[str] = frozenset({"0001"})

    @model_validator(mode="after")
    def _query_is_ours(self) -> Self:
        taken = sorted({"pageNum", "pageSize", "startTime", "endTime"} & set(self.query))
        if taken:
            raise ValueError(f"query must not set {', '.join(taken)}: the channel sets them itself")
        return self


HotlineSource = Annotated[SoapSource | ViewSource | WorkflowSource, Field(discriminator="kind")]


class HotlineSettings(ChannelSettings):
    """One hotline platform.

    Attributes:
        source: Which shape the orders come in, and from where: ``soap``, ``view`` or ``workflow``.
        types: Names or codes of the type that mean something else here, or more of them; they go before the usual ones.
        statuses: Likewise of the order's state.
        urgencies: Likewise of the urgency, 1 to 3.
        caller_types: Likewise of what the caller is.
        term_units: Likewise of the unit of the term.
        no_demand: Further types that voice no demand; their orders are set aside as such.
    """

    source: HotlineSource
    types: dict[str, DemandType] = Field(default_factory=dict)
    statuses: dict[str, DemandStatus] = Field(default_factory=dict)
    urgencies: dict[str, Urgency] = Field(default_factory=dict)
    caller_types: dict[str, ReporterType] = Field(default_factory=dict)
    term_units: dict[str, TermUnit] = Field(default_factory=dict)
    no_demand: frozenset[str] = frozenset()
