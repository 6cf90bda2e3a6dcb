"""What the county's sources are told: one thing for each kind of record, as it happened and before any channel has written it down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from hub.county.world.people import Enterprise, Person
from hub.county.world.places import Hall, Place
from hub.county.world.subjects import ServiceItem, Subject

Kind = Literal["咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"]
State = Literal["received", "accepted", "assigned", "in_hand", "answered", "closed"]
KINDS: tuple[Kind, ...] = ("咨询", "求助", "投诉", "举报", "建议", "表扬", "其他")


@dataclass(frozen=True, slots=True)
class Voice:
    """One demand, or its next state: the same number with another ``changed_at``.

    Attributes:
        channel: Which source hears it.
        number: The source's own.
        at: When it was said, aware.
        changed_at: When the source has it so; later than ``at`` for a later state, and for what arrives late.
        flaw: What makes the record unusable; None for one that can be used.
        dirt: What is untidy about it and must not matter: ``html``, ``masked``, ``signed``, ``spaces``, ``float``, ``serial``,
            ``caller_only`` (a hotline noted no number to call back).
        urgent: 1 to 3.
        thing: What is wrong, by the first name of the trouble; empty where the words are not made of one.
        heads: How many people the voice says that it speaks for.
        chases: Presses for an open order, whose number is ``previous``.
        returns: For the presubmission windows: how often the material was sent back.
    """

    channel: str
    number: str
    at: datetime
    changed_at: datetime
    person: Person
    subject: Subject
    place: Place
    kind: Kind
    title: str
    words: str
    thing: str = ""
    state: State = "received"
    enterprise: Enterprise | None = None
    anonymous: bool = False
    secret: bool = False
    urgent: int = 1
    heads: int | None = None
    chases: bool = False
    previous: str | None = None
    case_no: str | None = None
    returns: int = 0
    no_id: bool = False
    no_phone: bool = False
    phone: str | None = None
    flaw: str | None = None
    dirt: frozenset[str] = frozenset()

    @property
    def item(self) -> ServiceItem | None:
        return self.subject.item

    @property
    def told_phone(self) -> str:
        """The number that was left: his own, or one that several people share."""
        return self.phone if self.phone is not None else self.person.phone


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case; ``ended_at`` None while it lasts."""

    node: str
    name: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseNews:
    """A case as its system has it at ``changed_at``."""

    number: str
    changed_at: datetime
    item: ServiceItem
    applicant: Person
    enterprise: Enterprise | None
    applied_at: datetime
    accepted_at: datetime | None
    finished_at: datetime | None
    steps: tuple[Step, ...] = ()
    suspended: tuple[tuple[datetime, datetime | None], ...] = ()
    corrections: tuple[tuple[datetime, datetime | None], ...] = ()
    granted: bool = True
    window: str = "A01"
    staff: str = "LS0001"
    flaw: str | None = None
    channel: str = "eagle_eye"


@dataclass(frozen=True, slots=True)
class RatingNews:
    """A rating. Attributes: ``level`` from 1 (the worst) to 5; ``way`` is ``keypad``, ``qr`` or ``sms``."""

    number: str
    changed_at: datetime
    case_no: str | None
    item: ServiceItem
    level: int
    way: Literal["keypad", "qr", "sms"]
    rater: Person | None
    text: str = ""
    window: str = "A01"
    staff: str = "LS0001"
    flaw: str | None = None
    channel: str = "eagle_eye"


@dataclass(frozen=True, slots=True)
class MonitorNews:
    """Something that the eagle-eye itself reports: of a case, or by a camera."""

    number: str
    changed_at: datetime
    at: datetime
    rule: str
    anomaly: int
    level: int
    reason: str
    department: str
    case_no: str | None = None
    camera: str | None = None
    confirmed: bool = False
    window: str = "A01"
    flaw: str | None = None
    channel: str = "eagle_eye"


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One line of a checklist. ``fault`` None: as it should be."""

    domain: str
    text: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """An inspection, an observer's walk-through, or a leader's visit, with what it found.

    Attributes:
        channel: ``inspection``, ``observer`` or ``leader_visit``.
        kind: 周督查, 日巡查, 常态化巡检, 窗口自查 · 走流程, 提建议 · the authority for a visit.
        lines: What was looked at.
        text: An observer's account, or the leader's instruction.
    """

    channel: str
    number: str
    changed_at: datetime
    at: datetime
    kind: str
    hall: Hall
    window: str
    by: str
    lines: tuple[FoundLine, ...]
    item: ServiceItem
    department: str
    text: str = ""
    trait: str = ""
    rectify_by: datetime | None = None
    flaw: str | None = None


Happening = Voice | CaseNews | RatingNews | MonitorNews | Visit


@dataclass(slots=True)
class Batch:
    """What reaches the county's sources at one time, in the order in which it does."""

    happenings: list[Happening] = field(default_factory=list)

    def of(self, channel: str) -> list[Happening]:
        """What one channel's source gets."""
        return [one for one in self.happenings if one.channel == channel]


def later(moment: datetime, **span: float) -> datetime:
    """That much later, without microseconds: sources write seconds."""
    return (moment + timedelta(**span)).replace(microsecond=0)
