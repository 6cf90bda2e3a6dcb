"""Code lists of the county's work (domain.md §6), as enums whose values are what the store keeps."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Watch(IntEnum):
    """The six watches 六察; every demand belongs to exactly one (R2)."""

    OBSERVE = 1  # 观察: inspection
    SUPERVISE = 2  # 督察: observer
    INSIGHT = 3  # 洞察: portal, app, windows, mailbox
    MONITOR = 4  # 监察: eagle_eye
    VISIT = 5  # 视察: leader_visit
    DISCERN = 6  # 明察: hotline


class Nature(StrEnum):
    """Whether somebody has complained already (有诉) or not yet (未诉); R1."""

    VOICED = "voiced"
    UNVOICED = "unvoiced"


class DemandType(StrEnum):
    """诉求类型 (R26, R54)."""

    CONSULTATION = "consultation"  # 咨询
    HELP = "help"  # 求助
    COMPLAINT = "complaint"  # 投诉
    REPORT = "report"  # 举报
    SUGGESTION = "suggestion"  # 建议
    PRAISE = "praise"  # 表扬
    OTHER = "other"  # 其他


class Urgency(IntEnum):
    """紧急程度."""

    NORMAL = 1
    URGENT = 2
    CRITICAL = 3


class Anonymity(StrEnum):
    """实名公开 / 实名保密 / 匿名; a report (举报) is secret unless it is anonymous."""

    OPEN = "open"
    SECRET = "secret"
    ANONYMOUS = "anonymous"


class ReporterType(StrEnum):
    """诉求人类型."""

    PERSON = "person"
    ENTERPRISE = "enterprise"
    INSTITUTION = "institution"
    ASSOCIATION = "association"
    OTHER_BODY = "other_body"
    AUTHORITY = "authority"
    UNKNOWN = "unknown"


class DemandStatus(StrEnum):
    """诉求状态 as its own platform tells it, mapped by each channel (domain.md §6.4)."""

    PENDING = "pending"  # 待受理
    SUPPLEMENT = "supplement"  # 待补充
    ACCEPTED = "accepted"  # 已受理
    ASSIGNED = "assigned"  # 已派遣
    IN_HAND = "in_hand"  # 办理中
    ANSWERED = "answered"  # 已反馈 / 已答复
    CLOSED = "closed"  # 已办结
    REFUSED = "refused"  # 不予受理
    MERGED = "merged"  # 并单
    VOID = "void"  # 作废


class ServiceStep(StrEnum):
    """办事环节 (R19)."""

    CONSULTING = "consulting"
    BOOKING = "booking"
    ACCEPTING = "accepting"
    APPROVING = "approving"
    HANDLING = "handling"
    ISSUING = "issuing"
    OTHER = "other"


class BusinessClass(StrEnum):
    """业务类 / 非业务类 (R65)."""

    BUSINESS = "business"
    CONDUCT = "conduct"
    UNDECIDED = "undecided"


class Outcome(StrEnum):
    """What became of a collected record; exactly one at any time (P3)."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    PENDING = "pending"


class Level(IntEnum):
    """Level of a signal, warning or order: 一般/较重/重大 for demands, 提醒/黄牌/红牌 for cases."""

    NOTICE = 1
    SERIOUS = 2
    GRAVE = 3


class SignalState(StrEnum):
    """苗头信息 before and after triage (研判)."""

    OPEN = "open"
    WARNED = "warned"
    DISMISSED = "dismissed"
    MERGED = "merged"


class WarningState(StrEnum):
    """预警 from issue to its end."""

    ISSUED = "issued"
    REVOKED = "revoked"
    CLOSED = "closed"


class OrderState(StrEnum):
    """交办单; later steps add the department's answers."""

    CREATED = "created"
    SIGNED = "signed"
    ANSWERED = "answered"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class MessageState(StrEnum):
    """A message in the outbox."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class RunState(StrEnum):
    """A run of one pipeline step over one subject."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"
