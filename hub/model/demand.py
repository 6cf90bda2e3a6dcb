"""The demand (诉求): what a channel hands over, and what rules may see of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from hub.model.codes import (
    Anonymity,
    BusinessClass,
    DemandStatus,
    DemandType,
    Nature,
    ReporterType,
    ServiceStep,
    Urgency,
    Watch,
)

SourceNo = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Emitted(BaseModel):
    """Base of every model that the hub or a plugin writes: frozen, extras forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reporter(Emitted):
    """The person or body who voices a demand (诉求人); every field is personal data and is sealed.

    A masked value (``138****5678``) is given as it came: the hub sees that it is masked and never builds a
    key on it. ``account`` is the source's own stable name for the person (openId, account id).
    """

    name: str | None = None
    type: ReporterType = ReporterType.UNKNOWN
    gender: str | None = None
    id_type: str | None = None
    id_no: str | None = None
    uscc: str | None = None
    phone: str | None = None
    caller_phone: str | None = None
    email: str | None = None
    account: str | None = None
    address: str | None = None


class Attachment(Emitted):
    """One attachment, named by the SHA-256 of its bytes; the bytes are kept apart, sealed, once."""

    name: str
    media_type: str = "application/octet-stream"
    sha256: str | None = None
    size_bytes: int | None = None
    uri: str | None = None


class PublicReply(Emitted):
    """What the demand's own platform answered the citizen, for everybody to read (公开答复).

    Attributes:
        text: Plain text; sealed all the same, for it may name people.
        organisation: Who answered, as the platform calls it.
        replied_at: Aware.
    """

    text: str = Field(min_length=1, max_length=1_100_000)
    organisation: str | None = None
    replied_at: AwareDatetime | None = None


class Demand(Emitted):
    """What one source record says, in the county's words: the result of `Channel.normalize`.

    All times are aware. Identifiers are strings, never numbers. ``content`` is plain text: a channel whose
    source sends HTML runs it through `hub.sdk.values.plain_text` first. Personal data stands in ``reporter``, ``address``
    and ``target_person``; what stands in the free text is found and masked by the hub.

    Source: domain.md §1.1.
    """

    source_no: SourceNo
    submitted_at: AwareDatetime
    demand_type: DemandType
    type_source_text: str | None = None
    title: str = Field(default="", max_length=2_000)
    content: str = Field(max_length=1_100_000)
    reporter: Reporter = Reporter()
    anonymity: Anonymity = Anonymity.OPEN
    status: DemandStatus = DemandStatus.PENDING
    urgency: Urgency = Urgency.NORMAL
    sub_source: str | None = None
    occurred_at: AwareDatetime | None = None
    address: str | None = None
    region_code: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    datum: str | None = None
    item_code: str | None = None
    item_name: str | None = None
    case_no: str | None = None
    service_step: ServiceStep | None = None
    business_class: BusinessClass = BusinessClass.UNDECIDED
    category: str | None = None
    target_org: str | None = None
    target_person: str | None = None
    expected: str | None = None
    labels: tuple[str, ...] = ()
    declared_group_size: int | None = Field(default=None, ge=1, le=100_000)
    prev_source_no: str | None = None
    chases_open_order: bool = False  # 催单: urging an open order is no new demand (W01)
    assigned_no: str | None = None  # the platform's own order number when it has dispatched already (R73)
    deadline_at: AwareDatetime | None = None
    public_reply: PublicReply | None = None
    deleted: bool = False
    attachments: tuple[Attachment, ...] = ()
    quality: tuple[str, ...] = ()


class DemandFacts(BaseModel):
    """What rules, screens and messages see of a stored demand: no personal data.

    ``title`` and ``text`` have every phone number, ID number, name and the like masked; ``text`` is the content alone.
    ``reporter_key`` is a keyed digest: equal for the same person across channels, None for nobody known. ``place_id`` is the place of
    the county's gazetteer (or the code of a village) that it is about, None where the words do not tell which. ``matter_id`` is the
    matter (同一诉求) that it was put into, None for what was deleted or void when it came; ``matter_members``
    says how many demands the matter has by now, None where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    demand_id: str
    demand_no: str
    channel: str
    instance: str
    watch: Watch
    nature: Nature
    source_no: str
    submitted_at: datetime
    received_at: datetime
    demand_type: DemandType
    status: DemandStatus
    urgency: Urgency
    anonymity: Anonymity
    title: str
    text: str
    reporter_key: str | None = None
    reporter_type: ReporterType = ReporterType.UNKNOWN
    category: str | None = None
    region_code: str | None = None
    place_id: str | None = None
    matter_id: str | None = None
    matter_members: int | None = None
    item_code: str | None = None
    item_name: str | None = None
    case_no: str | None = None
    target_org: str | None = None
    business_class: BusinessClass = BusinessClass.UNDECIDED
    declared_group_size: int | None = None
    chases_open_order: bool = False
    assigned_no: str | None = None
    deadline_at: datetime | None = None
    labels: tuple[str, ...] = ()
    quality: tuple[str, ...] = ()
