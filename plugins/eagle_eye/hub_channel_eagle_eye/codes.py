"""The code tables that eagle-eyes share, and the settings by which a county changes them.

Source: domain.md §1.6–1.8, §6.2, §6.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.model.codes import (
    AnomalyType,
    CaseKind,
    CaseResult,
    CaseState,
    FindingState,
    Level,
    MonitorModule,
    RatingLevel,
    ReporterType,
    TermUnit,
)
from hub.sdk import Code, RecordRejected
from hub.sdk.values import mapped

CASE_STATES: Mapping[str, CaseState] = {
    "1": CaseState.DRAFT,
    "2": CaseState.APPLIED,
    "3": CaseState.RETURNED,
    "4": CaseState.CORRECTING,
    "41": CaseState.CORRECTED,
    "5": CaseState.HANDLING,
    "6": CaseState.REFUSED,
    "7": CaseState.SUSPENDED,
    "8": CaseState.FINISHED,
    "9": CaseState.ACCEPTING,
    "未申报": CaseState.DRAFT,
    "已申报": CaseState.APPLIED,
    "退回": CaseState.RETURNED,
    "待补正": CaseState.CORRECTING,
    "补正完毕": CaseState.CORRECTED,
    "受理中": CaseState.ACCEPTING,
    "已受理": CaseState.HANDLING,
    "办理中": CaseState.HANDLING,
    "不予受理": CaseState.REFUSED,
    "挂起": CaseState.SUSPENDED,
    "暂缓": CaseState.SUSPENDED,
    "结束": CaseState.FINISHED,
    "办结": CaseState.FINISHED,
    "已办结": CaseState.FINISHED,
}
CASE_RESULTS: Mapping[str, CaseResult] = {
    "1": CaseResult.NOT_ACCEPTED,
    "2": CaseResult.GRANTED,
    "3": CaseResult.DENIED,
    "4": CaseResult.WITHDRAWN,
    "5": CaseResult.SENT_BACK,
    "6": CaseResult.FORWARDED,
    "不予受理": CaseResult.NOT_ACCEPTED,
    "准予": CaseResult.GRANTED,
    "准予许可": CaseResult.GRANTED,
    "不予许可": CaseResult.DENIED,
    "撤回": CaseResult.WITHDRAWN,
    "退件": CaseResult.SENT_BACK,
    "转报": CaseResult.FORWARDED,
}
CASE_KINDS: Mapping[str, CaseKind] = {
    "1": CaseKind.INSTANT,
    "2": CaseKind.PROMISED,
    "3": CaseKind.FORWARDED,
    "即办件": CaseKind.INSTANT,
    "承诺件": CaseKind.PROMISED,
    "转报件": CaseKind.FORWARDED,
}
TERM_UNITS: Mapping[str, TermUnit] = {
    "0": TermUnit.DAYS,
    "1": TermUnit.WORKING_DAYS,
    "2": TermUnit.MONTHS,
    "3": TermUnit.YEARS,
    "天": TermUnit.DAYS,
    "日": TermUnit.DAYS,
    "自然日": TermUnit.DAYS,
    "工作日": TermUnit.WORKING_DAYS,
    "月": TermUnit.MONTHS,
    "年": TermUnit.YEARS,
    "小时": TermUnit.HOURS,
    "分钟": TermUnit.MINUTES,
}
APPLICANT_TYPES: Mapping[str, ReporterType] = {
    "1": ReporterType.PERSON,
    "2": ReporterType.ENTERPRISE,
    "3": ReporterType.INSTITUTION,
    "4": ReporterType.ASSOCIATION,
    "5": ReporterType.OTHER_BODY,
    "6": ReporterType.AUTHORITY,
    "9": ReporterType.UNKNOWN,
    "自然人": ReporterType.PERSON,
    "个人": ReporterType.PERSON,
    "企业": ReporterType.ENTERPRISE,
    "企业法人": ReporterType.ENTERPRISE,
    "事业法人": ReporterType.INSTITUTION,
    "社会组织法人": ReporterType.ASSOCIATION,
    "非法人企业": ReporterType.OTHER_BODY,
    "行政机关": ReporterType.AUTHORITY,
    "其他": ReporterType.UNKNOWN,
}
ANOMALIES: Mapping[str, AnomalyType] = {
    "1": AnomalyType.TIME,
    "2": AnomalyType.PROCESS,
    "3": AnomalyType.CONTENT,
    "4": AnomalyType.FEE,
    "5": AnomalyType.RISK,
    "6": AnomalyType.OTHER,
    "7": AnomalyType.WINDOW,
    "时效": AnomalyType.TIME,
    "流程": AnomalyType.PROCESS,
    "内容": AnomalyType.CONTENT,
    "裁量": AnomalyType.FEE,
    "收费": AnomalyType.FEE,
    "风险防控": AnomalyType.RISK,
    "窗口规范": AnomalyType.WINDOW,
    "视频": AnomalyType.WINDOW,
    "其他": AnomalyType.OTHER,
}
# The colours are left out: what is yellow in one province is blue in another.
LEVELS: Mapping[str, Level] = {
    "1": Level.NOTICE,
    "2": Level.SERIOUS,
    "3": Level.GRAVE,
    "提醒": Level.NOTICE,
    "预警": Level.SERIOUS,
    "黄牌": Level.SERIOUS,
    "报警": Level.GRAVE,
    "红牌": Level.GRAVE,
}
MODULES: Mapping[str, MonitorModule] = {
    "1": MonitorModule.RULES,
    "2": MonitorModule.OPERATION,
    "3": MonitorModule.RATING,
    "4": MonitorModule.EFFICIENCY,
    "5": MonitorModule.STATISTICS,
    "6": MonitorModule.LOG,
    "监察规则设置": MonitorModule.RULES,
    "运行监察": MonitorModule.OPERATION,
    "好差评监察": MonitorModule.RATING,
    "效能管理": MonitorModule.EFFICIENCY,
    "统计分析": MonitorModule.STATISTICS,
    "监察日志": MonitorModule.LOG,
}
RECTIFICATIONS: Mapping[str, FindingState] = {
    "0": FindingState.OPEN,
    "1": FindingState.RECTIFIED,
    "2": FindingState.CONFIRMED,
    "3": FindingState.REJECTED,
    "待整改": FindingState.OPEN,
    "已整改": FindingState.RECTIFIED,
    "复查合格": FindingState.CONFIRMED,
    "复查不合格": FindingState.REJECTED,
}
# What the case was at the moment of the rating; other codes were seen nowhere.
RATED_STATES: Mapping[str, CaseState] = {"2": CaseState.HANDLING, "3": CaseState.FINISHED}
OPERATIONS: Mapping[str, bool] = {"I": False, "U": False, "D": True}  # whether the thing is gone

# Words for codes of which nothing depends; a code that stands in none of these is shown as it came.
APPLY_WAYS: Mapping[str, str] = {
    "10": "省级", "11": "省级窗口", "12": "省级网上", "13": "省级移动端",
    "20": "窗口", "21": "网上", "22": "移动端", "23": "并联审批", "24": "省市联动",
}  # fmt: skip
RATING_WAYS: Mapping[str, str] = {
    "1": "电脑端", "2": "移动端", "3": "二维码", "4": "大厅平板", "5": "其他终端", "6": "电话", "7": "短信"
}  # fmt: skip
ITEM_TYPES: Mapping[str, str] = {
    "XK": "行政许可", "GF": "行政给付", "QR": "行政确认", "CJ": "行政裁决", "JL": "行政奖励", "ZS": "行政征收",
    "CF": "行政处罚", "QZ": "行政强制", "QT": "其他行政权力", "GG": "公共服务",
}  # fmt: skip

_WORDS: Mapping[str, RatingLevel] = {
    "非常满意": RatingLevel.VERY_GOOD,
    "满意": RatingLevel.GOOD,
    "基本满意": RatingLevel.FAIR,
    "不满意": RatingLevel.BAD,
    "非常不满意": RatingLevel.VERY_BAD,
}
SCALES: Mapping[str, Mapping[str, RatingLevel]] = {
    # 51号文: 5 is the best.
    "national": {str(level.value): level for level in RatingLevel} | dict(_WORDS),
    # A keypad that is in use: 3 is the best, and 5 the worst.
    "keypad_3_best": {
        "3": RatingLevel.VERY_GOOD,
        "2": RatingLevel.GOOD,
        "1": RatingLevel.FAIR,
        "0": RatingLevel.BAD,
        "5": RatingLevel.VERY_BAD,
    },
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Device(_Strict):
    """Ratings of some devices, and what their codes mean. All that is named must fit; ``*`` stands for any characters.

    Attributes:
        vendor: What the record says in ``vendor``.
        device: Number of the device, as ``PJQ-*``.
        way: Code of the way (``pf``), such as 3 for the QR code.
        scale: ``national``: 5 is the best. ``keypad_3_best``: 3 is the best, then 2, 1, 0, and 5 is the worst.
        codes: A table of its own instead of a scale: code -> level, 1 (the worst) to 5 (the best).
    """

    vendor: str | None = None
    device: str | None = None
    way: str | None = None
    scale: Literal["national", "keypad_3_best"] | None = None
    codes: dict[str, RatingLevel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_and_how(self) -> Self:
        if self.vendor is None and self.device is None and self.way is None:
            raise ValueError("name vendor, device or way: a table for every device would be a guess")
        if (self.scale is None) == (not self.codes):
            raise ValueError("give either scale or codes")
        return self

    def fits(self, vendor: str | None, device: str | None, way: str | None) -> bool:
        """Whether a rating comes from one of these devices."""
        asked = ((self.vendor, vendor), (self.device, device), (self.way, way))
        return all(
            wanted is None or (found is not None and fnmatchcase(found, wanted)) for wanted, found in asked
        )

    @property
    def table(self) -> Mapping[str, RatingLevel]:
        """Code -> level."""
        return SCALES[self.scale] if self.scale is not None else self.codes


class CodeTables(_Strict):
    """Codes that mean something else here, or more of them; they go before the usual ones.

    Attributes:
        case_states: Of ``status`` of a case.
        case_results: Of ``resultStatus``.
        case_kinds: Of ``caseKind``.
        term_units: Of ``promiseType`` and ``anticipateType``.
        applicant_types: Of ``applicantType`` and ``evaluatorType``.
        anomalies: Of ``warnType``.
        levels: Of ``warnLevel``.
        modules: Of ``module``.
        rectifications: Of ``rectifyStatus``.
        rated_states: Of ``proStatus``.
    """

    case_states: dict[str, CaseState] = Field(default_factory=dict)
    case_results: dict[str, CaseResult] = Field(default_factory=dict)
    case_kinds: dict[str, CaseKind] = Field(default_factory=dict)
    term_units: dict[str, TermUnit] = Field(default_factory=dict)
    applicant_types: dict[str, ReporterType] = Field(default_factory=dict)
    anomalies: dict[str, AnomalyType] = Field(default_factory=dict)
    levels: dict[str, Level] = Field(default_factory=dict)
    modules: dict[str, MonitorModule] = Field(default_factory=dict)
    rectifications: dict[str, FindingState] = Field(default_factory=dict)
    rated_states: dict[str, CaseState] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one configured eagle-eye: code -> what it means."""

    case_states: Mapping[str, CaseState]
    case_results: Mapping[str, CaseResult]
    case_kinds: Mapping[str, CaseKind]
    term_units: Mapping[str, TermUnit]
    applicant_types: Mapping[str, ReporterType]
    anomalies: Mapping[str, AnomalyType]
    levels: Mapping[str, Level]
    modules: Mapping[str, MonitorModule]
    rectifications: Mapping[str, FindingState]
    rated_states: Mapping[str, CaseState]
    devices: tuple[Device, ...]

    @classmethod
    def of(cls, own: CodeTables, devices: tuple[Device, ...]) -> Self:
        """The usual tables with what is different here; of ``devices`` the first that fits a rating holds."""
        return cls(
            case_states={**CASE_STATES, **own.case_states},
            case_results={**CASE_RESULTS, **own.case_results},
            case_kinds={**CASE_KINDS, **own.case_kinds},
            term_units={**TERM_UNITS, **own.term_units},
            applicant_types={**APPLICANT_TYPES, **own.applicant_types},
            anomalies={**ANOMALIES, **own.anomalies},
            levels={**LEVELS, **own.levels},
            modules={**MODULES, **own.modules},
            rectifications={**RECTIFICATIONS, **own.rectifications},
            rated_states={**RATED_STATES, **own.rated_states},
            devices=devices,
        )

    def rating(self, code: str, *, vendor: str | None, device: str | None, way: str | None) -> RatingLevel:
        """What a device's code means.

        Raises:
            RecordRejected: No table is configured for the device, or it does not know the code (``value_unmapped``): on
                some keypads 5 is the worst, so that nothing is guessed.
        """
        for one in self.devices:
            if one.fits(vendor, device, way):
                return mapped(one.table, code, field="level")
        told = " and ".join(
            f"{name} of {len(value)} characters" if value is not None else f"no {name}"
            for name, value in (("vendor", vendor), ("device number", device), ("way", way))
        )
        raise RecordRejected(
            f"field 'level': a rating with {told} fits none of {len(self.devices)} configured devices (expected one that says what its "
            "codes mean); look at the record with `hub quarantine show`, add the device to the channel's settings and replay it",
            code=Code.VALUE_UNMAPPED,
            field="level",
        )
