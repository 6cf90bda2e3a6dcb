"""What an integrator subclasses: a `Channel` that yields pages of raw records and reads each into demands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from hub.errors import Code
from hub.model.codes import ReplyKind, Watch
from hub.model.demand import Demand
from hub.model.observation import Observation

if TYPE_CHECKING:
    from hub.sdk.context import ChannelContext


class PositionKind(StrEnum):
    """What the position of a stream is made of; it decides how the hub moves it.

    ``TIME``: every record carries ``position_at``; the hub keeps the greatest, never one past now + skew, and hands
    it back less the stream's overlap. The others are whatever JSON the plugin put into ``Page.position``:
    ``KEYSET`` the last key read, ``MAIL`` UID and UIDVALIDITY, ``FILES`` the set of files done, ``OPAQUE`` a token.
    """

    TIME = "time"
    KEYSET = "keyset"
    MAIL = "mail"
    FILES = "files"
    OPAQUE = "opaque"


class Order(StrEnum):
    """The order in which a stream yields records within a window.

    Only ``ASCENDING`` lets the position move page by page; otherwise it moves when the whole window was read.
    """

    ASCENDING = "ascending"
    DESCENDING = "descending"
    UNORDERED = "unordered"


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that a channel yields.

    Attributes:
        name: Slug, unique within the channel; part of a record's identity.
        position_kind: See `PositionKind`.
        order: See `Order`; a claim that the hub checks: a page that breaks ``ASCENDING`` moves no position.
        overlap_s: Seconds by which a TIME window reaches back behind the stored position, for late rows.
        max_skew_s: Seconds by which the source's clock may run ahead; a record beyond is set aside.
    """

    name: str
    position_kind: PositionKind = PositionKind.TIME
    order: Order = Order.UNORDERED
    overlap_s: float = 120.0
    max_skew_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: everything after ``position`` (None: from the beginning) that stands in the source by ``until``.

    Attributes:
        position: The stored position as JSON; for TIME streams an ISO 8601 string in UTC, None at the first run.
        since: TIME streams only: ``position`` less the overlap, aware UTC; None at the first run.
        until: Aware UTC; the moment at which the run began, or the operator's ``--until``.
        limit: At most about this many records are wanted (``--limit``); None for all. Stopping later is allowed.
        durable: Each page is durable by the time the next one is asked for. Only then may a channel change anything at its source, such as
            moving a file that was read; False for whoever only looks (``--dry-run``).
    """

    position: Any | None
    since: datetime | None
    until: datetime
    limit: int | None = None
    durable: bool = False


@dataclass(frozen=True, slots=True)
class RecordProblem:
    """Why a record cannot even be landed under its key: it is set aside at collection and moves nothing."""

    code: Code
    detail: str  # four parts, no personal data


@dataclass(frozen=True, slots=True)
class RawAttachment:
    """Bytes that came with a record (a mail's attachment); kept once by their SHA-256, sealed."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as its source sent it.

    Attributes:
        source_no: The source's own stable number, a string; None only together with ``problem``. It stands in plain in the
            store, in logs and in messages to departments: never a telephone or identity number (make a hash of it instead).
        body: The record's bytes, exactly as they can be read again by `Channel.normalize`.
        version: A text that compares as the record's versions do (`hub.sdk.values.version_of_time`,
            `version_of_number`); None where the source tells none.
        position_at: TIME streams: the value of the position field of this record, aware.
        media_type: Of ``body``.
        deleted: The source says that this record is gone.
        problem: Set when key or position could not be read.
        attachments: See `RawAttachment`.
    """

    source_no: str | None
    body: bytes
    version: str | None = None
    position_at: datetime | None = None
    media_type: str = "application/json"
    deleted: bool = False
    problem: RecordProblem | None = None
    attachments: tuple[RawAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Records that become durable together, in one transaction.

    Attributes:
        records: In the source's order.
        position: For all kinds but TIME: the position after this page, JSON.
        number: Counted from 1, for messages.
        declared_total: What the source says the whole window holds; a hint that may lie, never trusted.
    """

    records: Sequence[RawRecord]
    position: Any | None = None
    number: int = 1
    declared_total: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a check: what was looked at, whether it is well, and what to do if not."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `Channel.check` found; ``ok`` only when every line is."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check is well."""
        return all(check.ok for check in self.checks)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """An HTTP request that a source pushed to the hub."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that travels back to the source.

    Attributes:
        source_no: The source's number of the demand.
        kind: What is told.
        text: The reason (return, extend), or the public answer (close): for the citizen's eyes, nothing internal.
        idempotency_key: The same for every repeat, at most 64 characters of ``[a-z0-9_-]``.
        made_at: When it was made, aware UTC; the same for every repeat.
        fields: What else this source wants, by the channel's own names.
    """

    source_no: str
    kind: ReplyKind
    text: str = dataclass_field(repr=False)
    idempotency_key: str
    made_at: datetime
    fields: Mapping[str, str] = dataclass_field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ReplyReceipt:
    """What the source said to a reply.

    Attributes:
        accepted: It took the reply, now or at an earlier try; False: it never will, and ``detail`` says why (nothing personal).
        reference: The source's own number of the reply.
    """

    accepted: bool
    reference: str | None = None
    detail: str = ""


class ChannelSettings(BaseModel):
    """Base of a channel's settings, read from hub.yaml; secrets are named there, never written there."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SettingsT = TypeVar("SettingsT", bound=ChannelSettings)


class Channel(ABC, Generic[SettingsT]):
    """One kind of source system.

    A channel yields raw records page by page and reads a raw record into demands and the like. It never writes anything, never
    keeps a position, and may be built anew for every run: state between runs belongs to the hub. Names a subclass
    sets: ``name`` (slug), ``title`` (中文), ``watch``, ``Settings``, ``streams``, and ``says``: the models that `normalize` gives
    (of `hub.model.said`), demands alone by default.

    Source: design decision 5; domain.md §6.1.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    watch: ClassVar[Watch]
    Settings: ClassVar[type[ChannelSettings]] = ChannelSettings
    streams: ClassVar[tuple[Stream, ...]]
    says: ClassVar[tuple[type[Demand] | type[Observation], ...]] = (Demand,)

    def __init__(self, settings: SettingsT, ctx: ChannelContext) -> None:
        self.settings = settings
        self.ctx = ctx

    def check(self) -> CheckReport:
        """Looks at settings, name, login and one page of the live source; writes nothing."""
        return CheckReport((Check("check", True, f"channel {self.name} brings no check of its own"),))

    @abstractmethod
    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every record of the window, page by page; a record may come more than once.

        Raises:
            SourceUnavailable: The source is away; what was yielded stays, the window is read again later.
            SourceContractError: The source answered what its contract does not allow.
        """

    @abstractmethod
    def normalize(self, raw: RawRecord) -> Sequence[Demand | Observation]:
        """What one record says: demands, or whatever else ``says`` names; the first bears the record's number.

        Pure: same bytes, same result; no I/O, no clock, no environment.

        Raises:
            RecordRejected: The record cannot be used; it is set aside with its bytes, code and message.
        """

    def receive(self, request: PushRequest) -> Sequence[RawRecord]:
        """The records in a pushed request, once it is proven to be the source's own; only channels that take pushes bring this.

        They belong to the channel's first stream and stand under the same numbers and versions as those that `pages` gives, so that a
        record that comes both ways is stored once. Nothing is remembered between two requests: a repeat is the hub's matter.
        `hub.sdk.readers.push.PushReader` is the ready way for sources that sign by Standard Webhooks.

        Args:
            request: As it arrived; header names in any spelling, the body never unpacked, at most ``api.max_body_bytes``.

        Raises:
            SignatureInvalid: It is not proven (`hub.sdk.signing`): answered 401, without a word why.
            SourceContractError: It is proven and no push of this source: answered 4xx with code and message; nothing is kept.
            ConfigError: One of our own secrets or settings is missing: answered 503.
        """
        raise _not_offered(self, "receive")

    def reply(self, reply: Reply) -> ReplyReceipt:
        """Hands an answer back to the source; repeating it with one key changes nothing.

        Raises:
            SourceUnavailable: The source is away; the reply is tried again.
            SourceContractError: The source answered what its contract does not allow; the reply is tried again, a person is told.
        """
        raise _not_offered(self, "reply")

    def takes_pushes(self) -> bool:
        """Whether this source may push; by default whether the class brings `receive`."""
        return type(self).receive is not Channel.receive

    def takes_replies(self) -> bool:
        """Whether replies can be told to this source; by default whether the class brings `reply`."""
        return type(self).reply is not Channel.reply

    def close(self) -> None:
        """Releases connections; called once after the run, also after an error."""


def _not_offered(channel: Channel[Any], what: str) -> Exception:
    from hub.errors import ConfigError

    return ConfigError(
        f"channel {channel.name} offers no {what}: its class does not bring the method; "
        "configure a channel that does, or leave the feature off",
        code=Code.CONFIG_INVALID,
    )
