"""Scores of a month (考核得分) for organisations and posts: a pure function of verified breaches, the deduction table and the volume of work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType

from pydantic import Field

from hub.clock import COUNTY_ZONE
from hub.model.codes import Level
from hub.model.demand import Emitted
from hub.model.score_table import ScoreKind, ScoreRule, ScoreTable, Unit

BASE = Decimal(100)
_FINE, _SHOWN = Decimal("0.0001"), Decimal("0.01")
_MONTH = re.compile(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])")


class BreachVerdict(StrEnum):
    """What a person found of a breach: 属实, 不属实, 免责."""

    VERIFIED = "verified"
    UNFOUNDED = "unfounded"
    EXCUSED = "excused"


class Excuse(StrEnum):
    """Why a breach that happened is not held against anybody.

    Source: domain.md R40 (系统故障, 上级原因, 特别程序) and §3.3 (不合理诉求, 超职责, 恶意).
    """

    SYSTEM_FAULT = "system_fault"
    SUPERIOR = "superior"
    SPECIAL_PROCEDURE = "special_procedure"
    UNREASONABLE = "unreasonable"
    BEYOND_DUTY = "beyond_duty"
    MALICIOUS = "malicious"


class Why(StrEnum):
    """Why a breach deducted what it did; a closed list."""

    DEDUCTED = "deducted"
    CAPPED = "capped"  # the rule's cap for the month left less, or nothing
    DIFFERENCE = "difference"  # an earlier month has deducted a part for the same fact
    SAME_FACT = "same_fact"  # a heavier breach of the same fact deducts
    UNVERIFIED = "unverified"
    UNFOUNDED = "unfounded"
    EXCUSED = "excused"
    REVOKED = "revoked"
    APPEAL_UPHELD = "appeal_upheld"
    BEFORE_LIMIT = "before_limit"  # a card that is shown before the limit warns of what may still come
    NO_POINTS = "no_points"  # the table gives nothing for the rule at that level


class Breach(Emitted):
    """One fact that a warning told of, as it stood when a person judged it; nobody has judged it where ``verdict`` is None.

    Attributes:
        occurred_at: When it came true; its county month is the month of the score.
        organisation: Code of the one whose breach it is, or the source's own name where no code is known.
        things: What it rests on: ``case 4115…`` for each case, else ``kind:id``. Facts are told apart by these.
        before_limit: The card was shown before the limit ended.
        revoked: The warning was taken back.
        appeal_upheld: An appeal against this verdict was upheld.
    """

    warning_no: str
    signal_id: str
    rule_id: str
    rule_version: str
    level: Level
    occurred_at: datetime
    organisation: str | None = None
    post: str | None = None
    case_nos: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    before_limit: bool = False
    verdict: BreachVerdict | None = None
    excuse: Excuse | None = None
    revoked: bool = False
    appeal_upheld: bool = False


class Volume(Emitted):
    """How much work an organisation or post had in the month."""

    cases: int = Field(default=0, ge=0)
    orders: int = Field(default=0, ge=0)


class Change(Emitted):
    """A person's addition (加分) or deduction (减分), kept apart from what is computed.

    Attributes:
        corrects: The frozen month that it makes good, ``YYYY-MM``.
    """

    change_id: int
    kind: ScoreKind
    points: Decimal
    by: str
    reason: str
    at: datetime
    corrects: str | None = None


class Line(Emitted):
    """扣分依据: one breach, what it deducted, and why not more.

    Attributes:
        things: What it rests on, as in `Breach`.
        points: What the table gives for the rule and level.
        deducted: What was taken off, per so many cases or orders, within the cap.
    """

    warning_no: str
    signal_id: str
    rule_id: str
    rule_version: str
    cause: str | None
    level: Level
    occurred_at: datetime
    case_nos: tuple[str, ...]
    things: tuple[str, ...]
    points: Decimal
    deducted: Decimal
    why: Why
    excuse: Excuse | None = None

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """(cause, thing) of each fact that the line has paid for; none where it paid for nothing."""
        if self.cause is None or self.why not in (Why.DEDUCTED, Why.CAPPED, Why.DIFFERENCE):
            return ()
        return facts_of(self.cause, self.things, self.warning_no, self.signal_id)


class Score(Emitted):
    """One score of one month.

    Attributes:
        computed: 100 less what the lines deducted, 0 at least.
        manual: The sum of the changes by hand.
        score: Both together, 0 at least.
        lines: Every breach of the month, those that deducted nothing too; by time.
    """

    kind: ScoreKind
    computed: Decimal
    manual: Decimal
    score: Decimal
    band: str
    lines: tuple[Line, ...] = ()
    changes: tuple[Change, ...] = ()


def month_of(moment: datetime) -> str:
    """The county's month of a moment, ``YYYY-MM``."""
    return f"{moment.astimezone(COUNTY_ZONE):%Y-%m}"


def month_span(month: str) -> tuple[datetime, datetime]:
    """A month's beginning and end, half-open, county zone.

    Raises:
        ValueError: It is not ``YYYY-MM``, or the last month that there is.
    """
    if not _MONTH.fullmatch(month) or month == "9999-12":
        raise ValueError(f"{month!r} is no month: expected YYYY-MM, such as 2026-11")
    year, number = int(month[:4]), int(month[5:])
    begins = datetime(year, number, 1, tzinfo=COUNTY_ZONE)
    ends = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=COUNTY_ZONE)
    return begins, ends


def months_before(month: str, count: int) -> str:
    """The month so many before; ``1000-01`` at the earliest."""
    place = max(int(month[:4]) * 12 + int(month[5:]) - 1 - count, 12_000)
    return f"{place // 12:04d}-{place % 12 + 1:02d}"


def facts_of(
    cause: str, things: Sequence[str], warning_no: str, signal_id: str
) -> tuple[tuple[str, str], ...]:
    """By what one fact is told from another: the cause, and each thing that it is about; what rests on nothing is a fact of its own."""
    return tuple((cause, thing) for thing in things or (f"{warning_no}/{signal_id}",))


def assess(
    month: str,
    breaches: Iterable[Breach],
    volume: Volume,
    changes: Iterable[Change],
    table: ScoreTable,
    held: Mapping[tuple[str, str], Decimal] = MappingProxyType({}),
) -> dict[ScoreKind, Score]:
    """Both scores of one organisation or post; the same inputs give the same scores in whatever order they come.

    Only a breach that a person verified deducts, and only what is left of it: of several breaches with one cause that share a case the
    heaviest deducts alone; what an earlier month took for the same fact is not taken again. Points are for ``table.least_cases`` cases or orders: they
    are multiplied by ``100 / volume``, and taken as they are where there were fewer than that, or none. Then the rule's cap holds.

    Args:
        month: ``YYYY-MM``.
        breaches: Of this organisation or post alone. Those of earlier months deduct nothing here, but hold their facts; later ones are left out.
        volume: Of the month.
        changes: Of the month.
        table: The one that holds for the month.
        held: Facts that frozen months have paid for, with the points; of such months no breaches are given.

    Raises:
        ValueError: As `month_span`.

    Source: domain.md R40, §3.4; decision record 0020.
    """
    begins, ends = month_span(month)
    ranked = sorted(
        (_ranked(one, table, begins) for one in breaches if one.occurred_at < ends), key=lambda it: it[0]
    )
    taken = dict(held)
    spent: dict[str, Decimal] = {}
    lines: dict[ScoreKind, list[Line]] = {kind: [] for kind in ScoreKind}
    for _, breach in ranked:
        rule = table.rule(breach.rule_id)
        points, why = _points(breach, rule)
        left = _left(breach, rule, points, taken)
        if breach.occurred_at < begins:
            continue
        if points and not left:
            why = Why.SAME_FACT
        elif left < points:
            why = Why.DIFFERENCE
        deducted = _per_volume(left, rule, volume, table)
        if rule is not None and deducted:
            allowed = max(table.cap_of(rule) - spent.get(rule.rule_id, Decimal(0)), Decimal(0))
            if deducted > allowed:
                deducted, why = allowed, Why.CAPPED
            spent[rule.rule_id] = spent.get(rule.rule_id, Decimal(0)) + deducted
        lines[rule.kind if rule else ScoreKind.INDICATORS].append(_line(breach, rule, points, deducted, why))
    by_kind = list(changes)
    return {
        kind: _score(kind, lines[kind], [one for one in by_kind if one.kind is kind], table)
        for kind in ScoreKind
    }


def exemption(breach: Breach) -> Why | None:
    """What keeps a breach from deducting, whatever the table says; None where nothing does."""
    if breach.revoked:
        return Why.REVOKED
    if breach.verdict is BreachVerdict.UNFOUNDED:
        return Why.UNFOUNDED
    if breach.verdict is BreachVerdict.EXCUSED:
        return Why.EXCUSED
    if breach.verdict is not BreachVerdict.VERIFIED:
        return Why.UNVERIFIED  # to be warned is no fault (design decision 9)
    if breach.appeal_upheld:
        return Why.APPEAL_UPHELD
    return Why.BEFORE_LIMIT if breach.before_limit else None


def _points(breach: Breach, rule: ScoreRule | None) -> tuple[Decimal, Why]:
    why = exemption(breach)
    if why is not None:
        return Decimal(0), why
    points = rule.points(breach.level) if rule is not None else Decimal(0)
    return points, Why.DEDUCTED if points else Why.NO_POINTS


def _ranked(breach: Breach, table: ScoreTable, begins: datetime) -> tuple[tuple[object, ...], Breach]:
    """Earlier months first, then the heaviest; what is as heavy by time and number, so that no order of arrival shows."""
    points, _ = _points(breach, table.rule(breach.rule_id))
    earlier = month_of(breach.occurred_at) if breach.occurred_at < begins else "9999-99"
    return (earlier, -points, breach.occurred_at, breach.warning_no, breach.signal_id), breach


def _left(
    breach: Breach, rule: ScoreRule | None, points: Decimal, taken: dict[tuple[str, str], Decimal]
) -> Decimal:
    """What one fact leaves for this breach of it; notes that it is taken."""
    if rule is None or not points:
        return Decimal(0)
    facts = [(rule.cause, thing) for thing in breach.things or (f"{breach.warning_no}/{breach.signal_id}",)]
    left = max(points - max(taken.get(fact, Decimal(0)) for fact in facts), Decimal(0))
    if left:
        taken.update(dict.fromkeys(facts, points))
    return left


def _per_volume(left: Decimal, rule: ScoreRule | None, volume: Volume, table: ScoreTable) -> Decimal:
    if rule is None or rule.per is Unit.NONE:
        return left
    count = volume.cases if rule.per is Unit.CASES else volume.orders
    return (left * table.least_cases / max(count, table.least_cases)).quantize(_FINE, ROUND_HALF_UP)


def _line(breach: Breach, rule: ScoreRule | None, points: Decimal, deducted: Decimal, why: Why) -> Line:
    return Line(
        warning_no=breach.warning_no,
        signal_id=breach.signal_id,
        rule_id=breach.rule_id,
        rule_version=breach.rule_version,
        cause=rule.cause if rule else None,
        level=breach.level,
        occurred_at=breach.occurred_at,
        case_nos=breach.case_nos,
        things=breach.things,
        points=points,
        deducted=deducted,
        why=why,
        excuse=breach.excuse,
    )


def _score(kind: ScoreKind, lines: Sequence[Line], changes: Sequence[Change], table: ScoreTable) -> Score:
    zero = Decimal(0)
    computed = max(BASE - sum((one.deducted for one in lines), zero), zero).quantize(_SHOWN, ROUND_HALF_UP)
    manual = sum((one.points for one in changes), zero).quantize(_SHOWN, ROUND_HALF_UP)
    total = max(computed + manual, zero)
    return Score(
        kind=kind,
        computed=computed,
        manual=manual,
        score=total,
        band=table.band(total),
        lines=tuple(sorted(lines, key=lambda one: (one.occurred_at, one.warning_no, one.signal_id))),
        changes=tuple(sorted(changes, key=lambda one: one.change_id)),
    )
