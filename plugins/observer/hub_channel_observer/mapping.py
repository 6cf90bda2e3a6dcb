"""From the rows of observers' reports to walk-throughs, findings and suggestions; nothing that asks the outside.

**A walk-through is a record of its own, made of its rows**: one for each step, or one with a column for each of the six. A row that tells a problem is a finding
besides, one that only proposes something is a suggestion besides; a step at which all went well says nothing by itself. Why, and how the two kinds of
records are kept apart: `hub.sdk.readers.sheet_whole`. A suggestion by itself (我为政务服务提建议) is a demand.

**Every report is tied to an observer by the number in the register** (R17), and to nobody by name: of a suggestion nobody is the reporter, for who is asked to
observe all year would be taken for one person with one grievance.

Source: domain.md §7, supervisor sheet; R17 to R21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from pydantic import ValidationError

from hub.model.codes import DemandStatus, DemandType, FindingState, InspectionKind, Judgement, ServiceStep
from hub.model.demand import Demand
from hub.model.inspection import Finding, Inspection, StepGrade
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.inspecting import (
    EFFECTIVE as EFFECTS,
)
from hub.sdk.inspecting import (
    LAWFUL as LAWFULNESS,
)
from hub.sdk.inspecting import (
    PAIN_POINTS,
    STEPS,
    Centre,
    beyond_the_model,
    centre_in,
    first,
    flags,
    mapped_parts,
    one_of,
    parts_of,
    photos_in,
    plain,
    progress_of,
    same,
    short,
    told,
    window_in,
)
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_terms import term_in
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import Gathering, Line, lines_of
from hub.sdk.values import mapped
from hub_channel_observer.numbers import ReportNumbers
from hub_channel_observer.settings import ObserverSettings
from hub_channel_observer.tables import (
    COLUMNS,
    EFFECTIVE,
    GRADE,
    GRADES,
    ITEM,
    LAWFUL,
    OBSERVER,
    OF_THE_WALK,
    PROBLEM,
    PROPOSAL,
    REMARK,
    STATUSES,
    STEP,
    STEP_COLUMNS,
    TYPE,
    TYPES,
)

_WORST = (Judgement.NO, Judgement.PARTLY, Judgement.YES)
_PAIN_WORDS = {"focus": "焦点", "difficulty": "难点", "pain": "痛点"}
_STEP_WORDS = {step: name for name, step in STEP_COLUMNS.items()}


class ObserverMapping:
    """Reads the reports of one county's observers."""

    def __init__(self, settings: ObserverSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._types = {**TYPES, **settings.types}
        self._steps = {**STEPS, **settings.steps}
        self._grades = {**GRADES, **settings.grades}
        self._lawful = {**LAWFULNESS, **settings.judgements}
        self._effects = {**EFFECTS, **settings.judgements}
        self._statuses = {**STATUSES, **settings.statuses}
        self._numbers = ReportNumbers(zone, self._types)

    def plan(self) -> SheetPlan:
        """What the reader is to know of these sheets."""
        return SheetPlan(
            COLUMNS, number=self._numbers.row, gathering=Gathering(self._numbers.part, OF_THE_WALK)
        )

    def said(self, raw: RawRecord) -> Inspection | Finding | Demand:
        """The walk-through, the finding or the suggestion that a record tells.

        Raises:
            RecordRejected: ``field_missing`` (observer, day, type), ``field_invalid``, ``value_unmapped`` (type, observer, centre, step, grade, judgement,
                pain point, 采纳情况), ``record_empty``, ``record_too_large``.
        """
        try:
            return self._said(Cells.of(raw), lines_of(raw))
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the cell

    def _said(self, cells: Cells, lines: Sequence[Line] | None) -> Inspection | Finding | Demand:
        if lines is not None:
            return self._walk(cells, self._known(lines))
        if self._type(cells) == "walkthrough" and told(cells, PROBLEM) is not None:
            return self._finding(cells)
        return self._suggestion(cells)

    def _type(self, cells: Cells) -> str:
        known = self._numbers.type(cells)
        if known is not None:
            return known
        said = cells.text(TYPE)
        if said is not None:
            return mapped(self._types, plain(said), field=TYPE)
        raise RecordRejected(
            f"row: it grades no step, and tells neither a problem nor a suggestion (expected one of them, or a word under {TYPE}); fill it in and put "
            "the file there again",
            code=Code.RECORD_EMPTY,
        )

    def _known(self, lines: Sequence[Line]) -> list[Cells]:
        """The rows of the walk-through; one whose type nobody knows yet waits as a record of its own, and stops the others only if it is the only one."""
        rows = [line.cells for line in lines if self._numbers.type(line.cells) == "walkthrough"]
        if not rows:
            self._type(lines[0].cells)
            raise RecordRejected(
                "record of several rows: none of them is of a walk-through (expected one); put the file there again",
                code=Code.RECORD_EMPTY,
            )
        return rows

    def _observer(self, cells: Cells) -> str:
        number = self._numbers.observer(cells)
        if self._settings.observers:
            mapped(dict.fromkeys(self._settings.observers, True), number, field=OBSERVER)
        return number

    # --- the walk-through ------------------------------------------------------------------------------------------------

    def _walk(self, cells: Cells, rows: Sequence[Cells]) -> Inspection:
        centre = one_of([centre_in(row, self._settings) for row in rows], "中心")
        moments = [self._numbers.reported_at(row) for row in rows]
        names = dict.fromkeys(name for row in rows for name in parts_of(row.text("监督员姓名")))
        return Inspection(
            source_no=cells.number or "",
            inspection_kind=InspectionKind.WALKTHROUGH,
            level=centre.level,
            centre=centre.name,
            region_code=centre.region_code,
            area=short(same([row.text("窗口") for row in rows])),
            window_no=same([window_in(row.text("窗口")) for row in rows]),
            inspectors=tuple(name[:100] for name in names)[:50],
            observer_no=one_of([self._observer(row) for row in rows], OBSERVER),
            began_at=min(moments),
            item_code=short(same([row.identifier("事项编码").value for row in rows]), 64),
            item_name=short(same([row.text(ITEM) for row in rows])),
            step_grades=self._grades_of(rows),
            lawful=_worst([self._judged(row, LAWFUL, self._lawful) for row in rows]),
            effective=_worst([self._judged(row, EFFECTIVE, self._effects) for row in rows]),
            summary=first(rows, "小结"),
        )

    def _grades_of(self, rows: Sequence[Cells]) -> tuple[StepGrade, ...]:
        """Each step once, in the order of the list; of two grades for one step the worse one."""
        found: dict[ServiceStep, StepGrade] = {}
        for row in rows:
            for one in self._graded(row):
                before = found.get(one.step)
                if before is None or (one.grade or 6) < (before.grade or 6):
                    found[one.step] = one
        return tuple(found[step] for step in ServiceStep if step in found)

    def _graded(self, cells: Cells) -> list[StepGrade]:
        graded = [
            StepGrade(step=step, grade=grade)
            for name, step in STEP_COLUMNS.items()
            if (grade := self._grade(cells, name)) is not None
        ]
        step = self._step(cells)
        if step is not None:
            graded.append(StepGrade(step=step, grade=self._grade(cells, GRADE), note=told(cells, REMARK)))
        return graded

    def _grade(self, cells: Cells, column: str) -> int | None:
        said = told(cells, column)
        if said is None:
            return None
        return mapped(self._grades, plain(said).lower().removesuffix(".0"), field=column)

    def _step(self, cells: Cells) -> ServiceStep | None:
        said = cells.text(STEP)
        return mapped(self._steps, plain(said).removesuffix("环节"), field=STEP) if said is not None else None

    def _judged(self, cells: Cells, column: str, table: Mapping[str, Judgement]) -> Judgement | None:
        said = cells.text(column)
        return mapped(table, plain(said).lower(), field=column) if said is not None else None

    # --- a finding -------------------------------------------------------------------------------------------------------

    def _finding(self, cells: Cells) -> Finding:
        found_at = self._numbers.reported_at(cells)
        centre = centre_in(cells, self._settings)
        term = term_in(cells, "整改时限", found_at, self._zone)
        problem = told(cells, PROBLEM) or ""
        rectified_at = cells.moment("整改完成时间", self._zone)
        state = progress_of(cells.text("整改情况"), self._settings.progress)
        if state is None and rectified_at is not None:
            state = FindingState.RECTIFIED
        return Finding(
            source_no=cells.number or "",
            inspection_kind=InspectionKind.WALKTHROUGH,
            found_at=found_at,
            inspection_no=self._numbers.walk(cells),
            level=centre.level,
            centre=centre.name,
            region_code=centre.region_code,
            area=short(cells.text("窗口")),
            window_no=window_in(cells.text("窗口")),
            service_step=self._step(cells),
            item_code=short(cells.identifier("事项编码").value, 64),
            item_name=short(cells.text(ITEM)),
            lawful=self._judged(cells, LAWFUL, self._lawful),
            effective=self._judged(cells, EFFECTIVE, self._effects),
            pain_points=mapped_parts(PAIN_POINTS, cells.text("问题类型"), field="问题类型"),
            observer_no=self._observer(cells),
            title=problem[:100],
            text=problem,
            proposal=told(cells, PROPOSAL),
            organisation=short(cells.text("责任单位")),
            person=short(cells.text("责任人")),
            photos=photos_in(cells),
            state=state or FindingState.OPEN,
            rectify_by=term.at,
            rectified_at=rectified_at,
            rectification=told(cells, "整改情况"),
            previous_no=short(cells.identifier("上次问题编号").value, 128),
            quality=flags(term.quality),
        )

    # --- a suggestion ----------------------------------------------------------------------------------------------------

    def _suggestion(self, cells: Cells) -> Demand:
        words = told(cells, PROPOSAL)
        if words is None:
            raise RecordRejected(
                f"row: {PROPOSAL} is empty (expected what is suggested); fill it in and put the file there again",
                code=Code.RECORD_EMPTY,
            )
        submitted_at = self._numbers.reported_at(cells)
        observer, step, item = self._observer(cells), self._step(cells), cells.text(ITEM)
        centre = self._centre(cells)
        problem = told(cells, PROBLEM)
        points = mapped_parts(PAIN_POINTS, cells.text("问题类型"), field="问题类型")
        said = cells.text("采纳情况")
        status = (
            mapped(self._statuses, plain(said), field="采纳情况")
            if said is not None
            else DemandStatus.PENDING
        )
        heads = (
            ("事项", item),
            ("环节", _STEP_WORDS.get(step) if step is not None else None),
            ("问题", problem),
        )
        return Demand(
            source_no=cells.number or "",
            submitted_at=submitted_at,
            demand_type=DemandType.SUGGESTION,
            type_source_text=cells.text(TYPE),
            title=f"社会监督员建议：{(item or words)[:80]}",
            content="\n".join([words, *(f"{head}：{text}" for head, text in heads if text is not None)]),
            anonymity=self._settings.anonymity,
            status=status,
            sub_source=f"社会监督员 {observer}",
            region_code=centre.region_code if centre is not None else None,
            item_code=short(cells.identifier("事项编码").value, 64),
            item_name=short(item),
            service_step=step,
            target_org=short(cells.text("责任单位") or (centre.name if centre is not None else None)),
            labels=tuple(_PAIN_WORDS[point.value] for point in points),
        )

    def _centre(self, cells: Cells) -> Centre | None:
        """A suggestion need not be one on a centre."""
        if cells.text("中心") is None and cells.text("中心级别") is None:
            return None
        return centre_in(cells, self._settings)


def _worst(judged: Sequence[Judgement | None]) -> Judgement | None:
    return next((judgement for judgement in _WORST if judgement in judged), None)
