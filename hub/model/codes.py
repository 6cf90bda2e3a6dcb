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


LEVEL_TITLES = {Level.NOTICE: "一般", Level.SERIOUS: "较重", Level.GRAVE: "重大"}
CARD_TITLES = {Level.NOTICE: "提醒", Level.SERIOUS: "黄牌", Level.GRAVE: "红牌"}
_CARD_SUBJECTS = frozenset({"case", "handler", "post", "order"})


def level_title(level: Level, *, subject: str, rule_id: str) -> str:
    """What a level is called: a card for time limits and conduct of cases and orders (rules E…, S…), else as for demands."""
    of_cases = subject in _CARD_SUBJECTS or (rule_id[:1] in ("E", "S") and rule_id[1:2].isdigit())
    return (CARD_TITLES if of_cases else LEVEL_TITLES)[level]


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


class CentreLevel(StrEnum):
    """县 / 乡镇（街道） / 村（社区）: the level of a service centre (R6)."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


class InspectionKind(StrEnum):
    """What kind of visit found something (R7, R18, R50)."""

    WEEKLY = "weekly"  # 周督查
    DAILY = "daily"  # 日巡查
    ROUTINE = "routine"  # 常态化巡检
    SELF_CHECK = "self_check"  # 窗口自查
    WALKTHROUGH = "walkthrough"  # 社会监督员沉浸式走流程
    VISIT = "visit"  # 领导视察、各方监督


class CheckDomain(StrEnum):
    """The nine domains of a checklist line (R8)."""

    SUPPLY = "supply"  # 服务供给
    SUPPORT = "support"  # 服务保障
    CAPACITY = "capacity"  # 服务能力
    QUALITY = "quality"  # 服务质效
    STANDARD = "standard"  # 中心标准化建设
    PREMISES = "premises"  # 厅容厅貌
    ORDER = "order"  # 环境秩序
    CIVILITY = "civility"  # 文明形象
    SATISFACTION = "satisfaction"  # 满意度提升


class Severity(StrEnum):
    """How soon a finding must be put right; an emergency waits for no batch (R10)."""

    AT_ONCE = "at_once"  # 立行立改
    BY_DATE = "by_date"  # 限期整改
    MAJOR = "major"  # 重大
    EMERGENCY = "emergency"  # 应急


class FindingState(StrEnum):
    """A finding as its own sheet tells it."""

    OPEN = "open"  # 待整改
    RECTIFIED = "rectified"  # 已整改
    CONFIRMED = "confirmed"  # 复查（交办机关）确认
    REJECTED = "rejected"  # 复查不合格


class Judgement(StrEnum):
    """Whether something kept the law, or had its effect (R20)."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


class PainPoint(StrEnum):
    """焦点、难点、痛点 (R21)."""

    FOCUS = "focus"
    DIFFICULTY = "difficulty"
    PAIN = "pain"


class Authority(StrEnum):
    """Whose visit or supervision it was (R50)."""

    PARTY_COMMITTEE = "party_committee"  # 县委
    GOVERNMENT = "government"  # 县政府
    CONGRESS = "congress"  # 人大
    CONSULTATIVE = "consultative"  # 政协
    DISCIPLINE = "discipline"  # 纪检监察
    AUDIT = "audit"  # 审计
    SUPERIOR = "superior"  # 上级机关
    OTHER = "other"


class Trait(StrEnum):
    """What makes a problem grave before it is one (R51, R53, R57)."""

    BAD_INFLUENCE = "bad_influence"  # 影响差
    RESISTANCE = "resistance"  # 阻力大
    HARD_TO_COORDINATE = "hard_to_coordinate"  # 协调难
    EMERGING = "emerging"  # 苗头性
    TENDENCY = "tendency"  # 倾向性
    GROUP_RISK = "group_risk"  # 群诉隐患
    WIDE = "wide"  # 社会影响面宽
    SENSITIVE = "sensitive"  # 热点敏感
    KNOTTY = "knotty"  # 棘手难点
    LATENT = "latent"  # 可能存在隐患


NEEDS_PLAN = frozenset({Trait.WIDE, Trait.SENSITIVE, Trait.KNOTTY, Trait.LATENT})
"""The four traits of R57: a warning with one of them is not issued without a plan (R58)."""


class TriageManner(StrEnum):
    """How triage looked at a signal (R47)."""

    INDIVIDUAL = "individual"  # 个别分析
    GROUPED = "grouped"  # 类型化归集


class FourFirst(StrEnum):
    """四先 (R3): what was done about a warning before anybody complained."""

    WARN = "warn"  # 先预警
    STEP_IN = "step_in"  # 先介入
    FIND_GAPS = "find_gaps"  # 先查缺
    FILL = "fill"  # 先补位


class WarningStage(StrEnum):
    """How far a warning has come (R43): 预警, 纠错, 督察督办; it never goes back."""

    WARNED = "warned"
    CORRECTING = "correcting"
    SUPERVISED = "supervised"


class HotTopicKind(StrEnum):
    """What the notice bids inspectors watch (article 一; R11 to R13)."""

    FREQUENT = "frequent"  # 咨询建议高频事项
    SEASONAL = "seasonal"  # 季节性高频办事事项
    RISK = "risk"  # 可能引发投诉事项


class CaseKind(StrEnum):
    """办件类型."""

    INSTANT = "instant"  # 即办件
    PROMISED = "promised"  # 承诺件
    FORWARDED = "forwarded"  # 转报件


class CaseState(StrEnum):
    """办件状态, mapped by each channel (domain.md §6.4)."""

    DRAFT = "draft"  # 未申报
    APPLIED = "applied"  # 已申报
    RETURNED = "returned"  # 退回
    CORRECTING = "correcting"  # 待补正
    CORRECTED = "corrected"  # 补正完毕
    ACCEPTING = "accepting"  # 受理中
    HANDLING = "handling"  # 办理中
    REFUSED = "refused"  # 不予受理
    SUSPENDED = "suspended"  # 挂起
    FINISHED = "finished"  # 结束


class CaseResult(StrEnum):
    """办理结果."""

    NOT_ACCEPTED = "not_accepted"  # 不予受理
    GRANTED = "granted"  # 准予
    DENIED = "denied"  # 不予许可
    WITHDRAWN = "withdrawn"  # 撤回
    SENT_BACK = "sent_back"  # 退件
    FORWARDED = "forwarded"  # 转报


class TermUnit(StrEnum):
    """Unit of a time limit (时限单位)."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working_days"
    MONTHS = "months"
    YEARS = "years"


class RatingLevel(IntEnum):
    """好差评 as the national list has it; devices send codes of their own (domain.md §6.2)."""

    VERY_BAD = 1  # 非常不满意
    BAD = 2  # 不满意
    FAIR = 3  # 基本满意
    GOOD = 4  # 满意
    VERY_GOOD = 5  # 非常满意


class AnomalyType(StrEnum):
    """异常类型 of a monitor event."""

    TIME = "time"  # 时效
    PROCESS = "process"  # 流程
    CONTENT = "content"  # 内容
    FEE = "fee"  # 裁量（收费）
    RISK = "risk"  # 风险防控
    WINDOW = "window"  # 窗口规范（视频）
    OTHER = "other"


class Stage(StrEnum):
    """Whether a rule about cases looks before, during or after the handling (事前、事中、事后; R36)."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class MonitorModule(StrEnum):
    """The six modules of the eagle-eye (article 四)."""

    RULES = "rules"  # 监察规则设置
    OPERATION = "operation"  # 运行监察
    RATING = "rating"  # 好差评监察
    EFFICIENCY = "efficiency"  # 效能管理
    STATISTICS = "statistics"  # 统计分析
    LOG = "log"  # 监察日志


class ReplyKind(StrEnum):
    """What travels back to a demand's own platform."""

    SIGN = "sign"  # 签收
    RETURN = "return"  # 退回, with the reason
    EXTEND = "extend"  # 延期申请, with the reason and the new limit
    CLOSE = "close"  # 办结, with the public answer


class ReplyState(StrEnum):
    """A reply in its outbox."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"  # the platform would not have it: a person must look
    FAILED = "failed"  # given up
