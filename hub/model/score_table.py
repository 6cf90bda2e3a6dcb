"""The deduction table of scores (扣分标准): which rule belongs to which score, and what a verified breach of it takes off. Data with versions."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from hub.model.codes import Level
from hub.model.demand import Emitted

Points = Annotated[Decimal, Field(ge=0, le=100, max_digits=7, decimal_places=4)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class ScoreKind(StrEnum):
    """The two scores of R40: 效能监察 by the monitor's indicators, 效能管理 by time limits and process."""

    INDICATORS = "indicators"
    TIME_LIMITS = "time_limits"


class Unit(StrEnum):
    """Per how much work points are reckoned."""

    CASES = "cases"
    ORDERS = "orders"
    NONE = "none"  # as they are: the rule counts by itself (refusals of a month, volumes)


class ScoreRule(Emitted):
    """What verified breaches of one rule deduct.

    Attributes:
        cause: What went wrong, in a word. Breaches with one cause that share a case are one fact: the heaviest deducts alone.
        notice: Points at level 1 (提醒); likewise ``yellow`` and ``red``.
        cap: The most that the rule takes off in a month; None: the table's.
    """

    rule_id: str = Field(pattern=r"^[ES][0-9][A-Za-z0-9_.-]{0,37}$")
    kind: ScoreKind
    cause: Word
    notice: Points = Decimal(0)
    yellow: Points = Decimal(0)
    red: Points = Decimal(0)
    per: Unit = Unit.CASES
    cap: Points | None = None

    def points(self, level: Level) -> Decimal:
        """Points at that level."""
        return {Level.NOTICE: self.notice, Level.SERIOUS: self.yellow, Level.GRAVE: self.red}[level]


class Band(Emitted):
    """分档: a score of at least that much; no rank."""

    name: Word
    least: Points


def _rule(
    rule_id: str,
    kind: ScoreKind,
    cause: str,
    notice: str = "0",
    yellow: str = "0",
    red: str = "0",
    per: Unit = Unit.CASES,
) -> ScoreRule:
    return ScoreRule(
        rule_id=rule_id,
        kind=kind,
        cause=cause,
        notice=Decimal(notice),
        yellow=Decimal(yellow),
        red=Decimal(red),
        per=per,
    )


_A, _B = ScoreKind.INDICATORS, ScoreKind.TIME_LIMITS

DEFAULT_RULES: tuple[ScoreRule, ...] = (
    _rule("E01", _B, "超期", yellow="1", red="1.5"),
    _rule("E04", _B, "超期", yellow="1"),
    _rule("E05", _B, "未及时受理", yellow="1", red="1.5"),
    _rule("E06", _A, "补正", yellow="0.5"),
    _rule("E07", _A, "补正", red="0.5"),
    _rule("E08", _A, "未说明理由", yellow="0.5"),
    _rule("E09", _A, "收费", yellow="1", red="1.5"),
    _rule("E10", _B, "挂起", yellow="1"),
    _rule("E11", _A, "退件", yellow="0.5", per=Unit.NONE),
    _rule("E12", _B, "超期", yellow="1"),
    _rule("E13", _A, "办理时间失实", notice="0.5"),
    _rule("E15", _A, "办件量", notice="0.5", per=Unit.NONE),
    _rule("E16", _A, "办理时间失实", notice="0.5"),
    _rule("E17", _A, "窗口规范", notice="0.5", yellow="1", red="1.5"),
    _rule("S01", _B, "交办", yellow="1", per=Unit.ORDERS),
    _rule("S02", _B, "交办", yellow="1", red="1.5", per=Unit.ORDERS),
    _rule("S03", _B, "退单", yellow="0.5", per=Unit.ORDERS),
    _rule("S04", _B, "回访", notice="0.5", per=Unit.ORDERS),
)
"""Yellow 1, red 1.5, faults of conduct 0.5. Source: domain.md §3.4 [R]. E01's reminder is before the limit and takes nothing."""

DEFAULT_BANDS: tuple[Band, ...] = (
    Band(name="优秀", least=Decimal(95)),
    Band(name="良好", least=Decimal(85)),
    Band(name="合格", least=Decimal(70)),
    Band(name="待改进", least=Decimal(0)),
)


class ScoreTable(Emitted):
    """The section ``scores`` of the configuration document; what it leaves out keeps the hub's own value.

    Attributes:
        from_month: ``YYYY-MM``: from which month on it holds; None: from the month in which it is applied.
        rules: The whole table: a rule that is not named deducts nothing.
        least_cases: Points are for so many cases (or orders); with fewer they are taken as they are.
        cap: The most that one rule takes off in a month, where the rule says nothing else.
    """

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    from_month: str | None = Field(default=None, pattern=r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$")
    rules: tuple[ScoreRule, ...] = DEFAULT_RULES
    least_cases: int = Field(default=100, ge=1, le=100_000)
    cap: Points = Decimal(10)
    bands: tuple[Band, ...] = DEFAULT_BANDS

    @field_validator("rules")
    @classmethod
    def _once(cls, rules: tuple[ScoreRule, ...]) -> tuple[ScoreRule, ...]:
        ids = [rule.rule_id for rule in rules]
        if twice := sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
            raise ValueError(f"{', '.join(twice)}: each rule stands once in the table")
        return rules

    @model_validator(mode="after")
    def _bands_reach_down(self) -> ScoreTable:
        least = [band.least for band in self.bands]
        if not least or least != sorted(set(least), reverse=True) or least[-1] != 0:
            raise ValueError("bands: name them from the highest down, the last with least: 0")
        return self

    def rule(self, rule_id: str) -> ScoreRule | None:
        """The table's line of a rule, or None."""
        return next((rule for rule in self.rules if rule.rule_id == rule_id), None)

    def cap_of(self, rule: ScoreRule) -> Decimal:
        """The most that a rule takes off in a month."""
        return self.cap if rule.cap is None else rule.cap

    def band(self, score: Decimal) -> str:
        """The band of a score."""
        return next(band.name for band in self.bands if score >= band.least)


def default_table() -> ScoreTable:
    """The hub's own table, version 0: what holds where none was applied."""
    return ScoreTable(reason="内置扣分标准")
