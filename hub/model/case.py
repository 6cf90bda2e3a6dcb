"""The case (办件): what somebody applied for, step by step, as one or several records of a source tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, Field

from hub.model.codes import CaseKind, CaseResult, CaseState, TermUnit
from hub.model.demand import Reporter, SourceNo
from hub.model.observation import PERSONAL, Observation, Part, Person, Text, Words


class Term(Part):
    """A time limit: so many of a unit, not yet a moment (that takes a calendar)."""

    value: int = Field(ge=0, le=100_000)
    unit: TermUnit


class CaseStep(Part):
    """One step (环节). The same ``node`` adds up over returns and pauses.

    Attributes:
        no: The source's number of this step, unique within the case.
        node: The source's number of the kind of step.
    """

    no: SourceNo
    node: Text | None = None
    name: Text | None = None
    organisation: Text | None = None
    handler: Person = None
    began_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    promised: Term | None = None
    state: Text | None = None
    opinion: Words = None


class Suspension(Part):
    """计时暂停; its end may come late, or never (domain.md §6.4)."""

    no: SourceNo
    procedure: Text | None = None  # 听证、检验、检测、检疫、鉴定、专家评审
    began_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    basis: Text | None = None
    approver: Person = None
    reason: Words = None


class Correction(Part):
    """补正: what the applicant was told to bring, and when it was brought."""

    no: SourceNo
    asked_at: AwareDatetime | None = None
    brought_at: AwareDatetime | None = None
    told_all_at_once: bool | None = None
    wanted: Words = None


class Case(Observation):
    """A case, or what one record of a source says of it: records of one ``case_no`` are put together by `merge_cases`.

    All times are aware, money is in yuan. ``as_of`` is when the source wrote this; of two records that contradict each
    other the later one holds.

    Source: domain.md §1.6.
    """

    kind: ClassVar[str] = "case"

    case_no: SourceNo
    as_of: AwareDatetime | None = None
    query_code: Text | None = None
    item_code: Text | None = None
    item_name: Text | None = None
    item_type: Text | None = None
    case_kind: CaseKind | None = None
    way: Text | None = None  # 申报来源
    region_code: Text | None = None
    organisation_code: Text | None = None
    organisation: Text | None = None
    window_no: Text | None = None
    post: Text | None = None
    staff_no: Person = None
    applicant: Annotated[Reporter | None, PERSONAL] = None
    applied_at: AwareDatetime | None = None
    preaccepted_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    accept_doc_no: Text | None = None
    promised: Term | None = None
    legal: Term | None = None
    clock_started_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    state: CaseState | None = None
    steps: tuple[CaseStep, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    corrections: tuple[Correction, ...] = ()
    fee_due: Decimal | None = None
    fee_paid: Decimal | None = None
    finished_at: AwareDatetime | None = None
    result: CaseResult | None = None
    result_doc_no: Text | None = None
    result_reason: Words = None
    delivered_at: AwareDatetime | None = None


_LISTS = ("steps", "suspensions", "corrections")
_OWN = frozenset(("source_no", "case_no", "as_of", "deleted", "quality", *_LISTS))


def merge_cases(parts: Sequence[Case]) -> Case:
    """One case out of what several records say of it; the order in which they are given changes nothing.

    Of each field the latest record that says anything holds (by ``as_of``, then by ``source_no``); steps, suspensions and corrections
    of all records stand together, each once by its ``no``, in the order of their beginning (of their end, where that alone is told). A part whose source deleted it says
    nothing; the case is deleted when all are.

    Args:
        parts: At least one; all of one ``case_no``.

    Raises:
        ValueError: No parts, or parts of several cases.
    """
    if not parts or any(part.case_no != parts[0].case_no for part in parts):
        raise ValueError("merge_cases takes one part or more, all of one case_no")
    living = sorted((part for part in parts if not part.deleted), key=_age)
    case_no = parts[0].case_no
    if not living:
        return Case(source_no=case_no, case_no=case_no, deleted=True)
    merged: dict[str, Any] = {"source_no": case_no, "case_no": case_no, "as_of": living[-1].as_of}
    for name in Case.model_fields:
        if name not in _OWN:
            merged[name] = _latest(getattr(part, name) for part in living)
    for name in _LISTS:
        merged[name] = _together(getattr(part, name) for part in living)
    merged["quality"] = tuple(sorted({flag for part in living for flag in part.quality}))
    return Case(**merged)


def _age(part: Case) -> tuple[float, str]:
    return (part.as_of.timestamp() if part.as_of is not None else float("-inf"), part.source_no)


def _latest(values: Iterable[Any]) -> Any:
    found = None
    for value in values:
        if value is not None:
            found = value
    return found


def _together(lists: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    by_no: dict[str, Any] = {}
    for one in (one for each in lists for one in each):
        stands = by_no.get(one.no)
        # A later record of the same step may tell its end alone.
        by_no[one.no] = one if stands is None else stands.model_copy(update=_said(one))
    return tuple(sorted(by_no.values(), key=_beginning))


def _said(one: Part) -> dict[str, Any]:
    """What this part says; what it leaves open takes nothing back."""
    return {name: value for name in type(one).model_fields if (value := getattr(one, name)) is not None}


def _beginning(one: Any) -> tuple[float, str]:
    if isinstance(one, Correction):
        moment = one.asked_at or one.brought_at
    else:
        moment = one.began_at or one.ended_at
    return (moment.timestamp() if moment is not None else float("inf"), one.no)
