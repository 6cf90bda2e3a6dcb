"""Inspections, walk-throughs and visits (督查巡查, 沉浸式走流程, 视察), and the findings (巡查发现) that they leave."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field, StringConstraints

from hub.model.codes import (
    Authority,
    CentreLevel,
    CheckDomain,
    FindingState,
    HotTopicKind,
    InspectionKind,
    Judgement,
    PainPoint,
    ServiceStep,
    Severity,
    Trait,
)
from hub.model.demand import Attachment
from hub.model.observation import PERSONAL, PROSE, Observation, Part, Person, Text, Words


class HotTopic(Part):
    """A matter that the notice bids inspectors watch: asked about often, of the season, or likely to bring complaints."""

    kind: HotTopicKind
    item_code: Text | None = None
    item_name: Text | None = None
    note: Words = None


class StepGrade(Part):
    """How one service step fared in a walk-through (R19); 5 is best."""

    step: ServiceStep
    grade: int | None = Field(default=None, ge=1, le=5)
    note: Words = None


class Inspection(Observation):
    """One inspection, walk-through or visit, planned or done; its findings stand by themselves.

    Source: domain.md §1.9; R6 to R9, R11 to R13, R17 to R20, R50.
    """

    kind: ClassVar[str] = "inspection"

    inspection_kind: InspectionKind
    level: CentreLevel | None = None
    centre: Text | None = None
    area: Text | None = None
    window_no: Text | None = None
    region_code: Text | None = None
    inspectors: Annotated[tuple[str, ...], PERSONAL] = ()
    observer_no: Text | None = None  # register number of the social observer (R17)
    authority: Authority | None = None
    planned_on: date | None = None
    began_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    checklist_version: Text | None = None
    lines_checked: int | None = Field(default=None, ge=0, le=100_000)
    lines_failed: int | None = Field(default=None, ge=0, le=100_000)
    item_code: Text | None = None
    item_name: Text | None = None
    step_grades: tuple[StepGrade, ...] = ()
    lawful: Judgement | None = None
    effective: Judgement | None = None
    hot_topics: tuple[HotTopic, ...] = ()
    summary: Words = None
    signed_by: Person = None


class Finding(Observation):
    """One thing found wrong, and what has become of it.

    Source: domain.md §1.9; R8, R10, R20, R21, R50 to R53.
    """

    kind: ClassVar[str] = "finding"

    inspection_kind: InspectionKind
    found_at: AwareDatetime
    inspection_no: Text | None = None
    level: CentreLevel | None = None
    centre: Text | None = None
    area: Text | None = None
    window_no: Text | None = None
    region_code: Text | None = None
    domain: CheckDomain | None = None
    checklist_item: Text | None = None
    expected: Text | None = None
    severity: Severity | None = None
    service_step: ServiceStep | None = None
    item_code: Text | None = None
    item_name: Text | None = None
    lawful: Judgement | None = None
    effective: Judgement | None = None
    pain_points: tuple[PainPoint, ...] = ()
    traits: tuple[Trait, ...] = ()
    observer_no: Text | None = None
    authority: Authority | None = None
    authority_name: Text | None = None
    title: Words = None
    text: Annotated[str, PROSE, StringConstraints(min_length=1, max_length=200_000)]
    proposal: Words = None
    instruction: Words = None  # 批示
    organisation: Text | None = None  # 责任（牵头）单位
    co_organisations: tuple[str, ...] = ()
    person: Person = None
    photos: Annotated[tuple[Attachment, ...], PERSONAL] = ()
    state: FindingState = FindingState.OPEN
    rectify_by: AwareDatetime | None = None
    rectified_at: AwareDatetime | None = None
    rectification: Words = None
    rechecked_at: AwareDatetime | None = None
    recheck: Words = None
    confirmed_at: AwareDatetime | None = None
    previous_no: Text | None = None  # the finding that this one looks at again (R7)
