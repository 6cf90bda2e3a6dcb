"""From the lines of a checklist to an inspection and its findings; nothing that asks the outside.

**An inspection is a record of its own, made of its lines; each line on which something is wrong is a record too.** Lines with one number (巡查编号), or
without one with the same day, kind, centre and inspectors, are one inspection. A line on which all was well is kept in the inspection's record alone. One
record for the whole inspection, findings and all, would be set aside with its every finding for one word in one line that no table knows; and a list of
what is still to be put right, which offices send around for weeks, would delete the lines that it leaves out. One record for each line alone
could not say how many lines there were, and a good line would say nothing at all. How the two kinds of records are kept apart and made: `hub.sdk.readers.sheet_whole`.

**What a word means is asked when a record is read, never when it is numbered**: kinds, centres and verdicts that no table knows yet set records
aside that can be replayed once the settings know the word, and their numbers do not change by it. Only a day that is none, or a number that
lost digits, sets a row aside before.

Source: domain.md §1.9, §7; R6 to R8, R10 to R13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from pydantic import ValidationError

from hub.model.codes import CheckDomain, FindingState, InspectionKind
from hub.model.inspection import Finding, HotTopic, Inspection
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.inspecting import (
    RECHECKS,
    SEVERITIES,
    beyond_the_model,
    centre_in,
    first,
    flags,
    missing,
    one_of,
    parts_of,
    photos_in,
    plain,
    progress_of,
    same,
    severity_in,
    short,
    told,
    window_in,
)
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_terms import term_in
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import Gathering, Line, lines_of
from hub.sdk.values import mapped
from hub_channel_inspection.numbers import RowNumbers, Verdict
from hub_channel_inspection.settings import InspectionSettings
from hub_channel_inspection.tables import (
    CENTRE,
    CHECK,
    DAY,
    DOMAIN,
    DOMAINS,
    EXPECTED,
    KIND,
    KINDS,
    OF_THE_INSPECTION,
    PLANNED,
    PROBLEM,
    STATES,
    TOPICS,
    VERDICT,
    VERDICTS,
    columns,
)

_NUMBERING = re.compile(r"^(?:[（(]?[0-9一二三四五六七八九十]{1,3}[)）.、．])+")
_BEFORE_DASH = re.compile(r"[^-—:：/]+(?=[-—:：/])")


class InspectionMapping:
    """Reads the lines of one configured round of inspections."""

    def __init__(self, settings: InspectionSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._kinds = {**KINDS, **settings.kinds}
        self._domains = {**DOMAINS, **settings.domains}
        self._verdicts: dict[str, Verdict] = {**VERDICTS, **_lowered(settings.verdicts)}
        self._severities = {**SEVERITIES, **settings.severities}
        self._states = {**STATES, **settings.progress}
        self._numbers = RowNumbers(zone, self._verdicts)

    def plan(self) -> SheetPlan:
        """What the reader is to know of these sheets; what the settings give for all rows no sheet needs to name."""
        needed = {
            name
            for name, given in ((KIND, self._settings.kind), (CENTRE, self._settings.level))
            if given is None
        }
        return SheetPlan(
            columns(frozenset(needed or {DAY})),
            number=self._numbers.finding,
            gathering=Gathering(self._numbers.part, OF_THE_INSPECTION),
        )

    def said(self, raw: RawRecord) -> Inspection | Finding:
        """The inspection or the finding that a record tells.

        Raises:
            RecordRejected: ``field_missing``, ``field_invalid``, ``value_unmapped`` (kind, centre, domain, verdict, severity, state), ``record_empty``, ``record_too_large``.
        """
        lines = lines_of(raw)
        try:
            return (
                self._inspection(Cells.of(raw), lines) if lines is not None else self._finding(Cells.of(raw))
            )
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the cell

    # --- the inspection --------------------------------------------------------------------------------------------------

    def _inspection(self, cells: Cells, lines: Sequence[Line]) -> Inspection:
        rows = [line.cells for line in lines]
        centre = one_of([centre_in(row, self._settings) for row in rows], CENTRE)
        began = self._moments(rows, "开始时间") or self._moments(rows, DAY)
        planned = [moment.astimezone(self._zone).date() for moment in self._moments(rows, PLANNED)]
        if not began and not planned:
            raise missing(DAY, "a day, or 计划日期 for what is only planned")
        checked, failed = self._counts(lines)
        inspectors = dict.fromkeys(name for row in rows for name in parts_of(row.text("巡查人")))
        return Inspection(
            source_no=cells.number or "",
            inspection_kind=one_of([self._kind(row) for row in rows], KIND),
            level=centre.level,
            centre=centre.name,
            region_code=centre.region_code,
            area=short(same([area_of(row) for row in rows])),
            window_no=same([window_of(row) for row in rows]),
            inspectors=tuple(name[:100] for name in inspectors)[:50],
            planned_on=min(planned, default=None),
            began_at=min(began, default=None),
            ended_at=max(self._moments(rows, "结束时间"), default=None),
            checklist_version=first(rows, "检查表版本") or self._settings.checklist_version,
            lines_checked=checked,
            lines_failed=failed if began else None,
            hot_topics=hot_topics(rows),
            summary=first(rows, "小结"),
            signed_by=first(rows, "签字人"),
        )

    def _counts(self, lines: Sequence[Line]) -> tuple[int | None, int]:
        """Lines that were checked, and lines on which something was wrong; a list of problems alone does not tell how many were checked."""
        verdicts = [self._verdict_of(line) for line in lines]
        failed = verdicts.count("failed")
        passed = verdicts.count("passed")
        return (failed + passed if passed else None), failed

    def _verdict_of(self, line: Line) -> Verdict | None:
        said = line.cells.text(VERDICT)
        known = self._verdicts.get(plain(said).lower()) if said is not None else None
        return "failed" if line.alone and known is None else known

    def _kind(self, cells: Cells) -> InspectionKind:
        said = cells.text(KIND)
        if said is None and self._settings.kind is not None:
            return self._settings.kind
        if said is None:
            raise missing(KIND, "周督查, 日巡查, 常态化巡检 or 窗口自查")
        return mapped(self._kinds, plain(said), field=KIND)

    def _moments(self, rows: Sequence[Cells], column: str) -> list[datetime]:
        return [moment for row in rows if (moment := row.moment(column, self._zone)) is not None]

    # --- a finding -------------------------------------------------------------------------------------------------------

    def _finding(self, cells: Cells) -> Finding:
        problem = self._problem(cells)
        found_at = cells.moment(DAY, self._zone)
        if found_at is None:
            raise missing(DAY, "the day on which it was found")
        centre = centre_in(cells, self._settings)
        check, expected = cells.text(CHECK), cells.text(EXPECTED)
        term = term_in(cells, "整改时限", found_at, self._zone)
        state = self._state(cells)
        rechecked_at = cells.moment("复查时间", self._zone)
        return Finding(
            source_no=cells.number or "",
            inspection_kind=self._kind(cells),
            found_at=found_at,
            inspection_no=self._numbers.inspection(cells),
            level=centre.level,
            centre=centre.name,
            region_code=centre.region_code,
            area=short(area_of(cells)),
            window_no=window_of(cells),
            domain=self._domain(cells),
            checklist_item=short(check),
            expected=expected,
            severity=severity_in(cells, term, self._severities),
            item_name=short(cells.text("涉及事项")),
            title=(check or problem)[:100],
            text=problem,
            organisation=short(cells.text("责任单位")),
            person=short(cells.text("责任人")),
            photos=photos_in(cells),
            state=state,
            rectify_by=term.at,
            rectified_at=cells.moment("整改完成时间", self._zone),
            rectification=told(cells, "整改情况"),
            rechecked_at=rechecked_at,
            recheck=cells.text("复查情况"),
            confirmed_at=rechecked_at if state is FindingState.CONFIRMED else None,
            previous_no=self._previous(cells),
            quality=flags(term.quality),
        )

    def _problem(self, cells: Cells) -> str:
        """What is wrong, in words; of a line that failed without a word, the point of the checklist that it failed."""
        problem, said = told(cells, PROBLEM), cells.text(VERDICT)
        verdict = mapped(self._verdicts, plain(said).lower(), field=VERDICT) if said is not None else None
        if problem is not None:
            if verdict in (None, "failed"):
                return problem
            raise RecordRejected(
                f"column {VERDICT!r}: it says that all is well, and {PROBLEM} tells a problem (expected one or the other); correct one of them and "
                "put the file there again",
                code=Code.FIELD_INVALID,
                field=VERDICT,
            )
        if verdict is None:
            raise missing(VERDICT, f"符合 or 不符合, or a problem under {PROBLEM}")
        point = "：".join(words for words in (cells.text(CHECK), cells.text(EXPECTED)) if words is not None)
        if verdict != "failed" or not point:
            raise RecordRejected(
                "row: nothing in it is wrong, or nothing tells what (expected a problem, or a point of the checklist that failed); fill it in and "
                "put the file there again",
                code=Code.RECORD_EMPTY,
            )
        return f"检查不符合——{point}"

    def _domain(self, cells: Cells) -> CheckDomain | None:
        """One of the nine domains for every line of a checklist (R8); a problem without one is none."""
        column = DOMAIN if cells.text(DOMAIN) is not None else CHECK
        said = cells.text(column)
        if said is None:
            return None
        whole = _NUMBERING.sub("", plain(said))
        head = _BEFORE_DASH.match(whole)
        known = head[0] if whole not in self._domains and head is not None else whole
        return mapped(self._domains, known, field=column)

    def _state(self, cells: Cells) -> FindingState:
        """What the recheck says goes before what the sheet calls the state, and this before what was written of the rectification."""
        recheck = cells.text("复查结果")
        verdict = mapped(RECHECKS, plain(recheck), field="复查结果") if recheck is not None else None
        if verdict is not None:
            return verdict
        said = cells.text("整改状态")
        if said is not None:
            return mapped(self._states, plain(said), field="整改状态")
        progress = progress_of(cells.text("整改情况"), self._settings.progress)
        if progress is None and cells.text("整改完成时间") is not None:
            return FindingState.RECTIFIED
        return progress or FindingState.OPEN

    def _previous(self, cells: Cells) -> str | None:
        """The finding that this one looks at again (R7); a number that lost digits links nothing."""
        return short(cells.identifier("上次问题编号").value, 128)


def _lowered(words: Mapping[str, Verdict]) -> dict[str, Verdict]:
    return {word.lower(): verdict for word, verdict in words.items()}


def hot_topics(rows: Sequence[Cells]) -> tuple[HotTopic, ...]:
    """What the notice bids inspectors watch, each matter once (R11 to R13)."""
    found = dict.fromkeys(
        (kind, name[:200])
        for row in rows
        for column, kind in TOPICS.items()
        for name in parts_of(row.text(column))
    )
    return tuple(HotTopic(kind=kind, item_name=name) for kind, name in list(found)[:100])


def area_of(cells: Cells) -> str | None:
    """Where in the centre, as the sheet has it."""
    return cells.text("区域/窗口") or cells.text("区域")


def window_of(cells: Cells) -> str | None:
    """The window's own column, else a number of a window in what names the area."""
    return short(cells.text("窗口")) or window_in(cells.text("区域/窗口"))
