"""From one row of the ledger of visits to a finding; nothing that asks the outside.

**Only the authority that pointed something out can end it** (R52). What the unit writes of its progress may say that it is put right, and no more: the
finding stays open until the ledger says that the authority agreed (销号), and when.

Source: domain.md §7, leader sheet; R50 to R53.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from pydantic import ValidationError

from hub.model.codes import Authority, FindingState, InspectionKind
from hub.model.inspection import Finding
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.inspecting import (
    SEVERITIES,
    Centre,
    beyond_the_model,
    centre_in,
    flags,
    mapped_parts,
    missing,
    parts_of,
    plain,
    progress_of,
    severity_in,
    short,
    told,
    window_in,
)
from hub.sdk.readers.sheet import Numbered, SheetPlan
from hub.sdk.readers.sheet_numbers import made_number, own_number
from hub.sdk.readers.sheet_terms import term_in
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import mapped
from hub_channel_leader_visit.settings import LeaderVisitSettings
from hub_channel_leader_visit.tables import (
    AUTHORITIES,
    BY_NAME,
    CLOSED,
    CLOSED_AT,
    CLOSINGS,
    DAY,
    INSTRUCTION,
    NUMBER,
    PROBLEM,
    TRAIT_WORDS,
    TRAITS,
    TYPE,
    WHO,
    columns,
)

CONFIRMED_UNDATED = "CONFIRMED_UNDATED"


class LeaderVisitMapping:
    """Reads the rows of one configured ledger."""

    def __init__(self, settings: LeaderVisitSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._authorities = {**AUTHORITIES, **settings.authorities}
        self._traits = {**TRAIT_WORDS, **settings.traits}
        self._severities = {**SEVERITIES, **settings.severities}

    def plan(self) -> SheetPlan:
        """What the reader is to know of these sheets."""
        return SheetPlan(columns(who_is_needed=self._settings.authority is None), number=self.number)

    def number(self, cells: Cells) -> Numbered:
        """The ledger's own number, else one of day, authority and problem."""
        moment = self._visited_at(cells)
        own = own_number(cells, NUMBER, moment.astimezone(self._zone).date())
        if own is not None:
            return own
        what = cells.text(PROBLEM) or cells.text(INSTRUCTION)
        return made_number("SC", (f"{moment.astimezone(self._zone):%Y%m%d}", cells.text(WHO), what))

    def finding(self, raw: RawRecord) -> Finding:
        """The finding that a row brings.

        Raises:
            RecordRejected: ``field_missing`` (day, authority), ``field_invalid``, ``value_unmapped`` (authority, trait, severity, 销号, centre),
                ``record_empty`` (neither problem nor instruction), ``record_too_large``.
        """
        try:
            return self._finding(Cells.of(raw))
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the cell

    def _finding(self, cells: Cells) -> Finding:
        instruction = told(cells, INSTRUCTION)
        problem = told(cells, PROBLEM) or instruction
        if problem is None:
            raise RecordRejected(
                f"row: neither {PROBLEM} nor {INSTRUCTION} is filled in (expected one of them); fill it in and put the file there again",
                code=Code.RECORD_EMPTY,
            )
        found_at = self._visited_at(cells)
        centre = self._centre(cells)
        term = term_in(cells, "整改时限", found_at, self._zone)
        state, confirmed_at, undated = self._state(cells)
        place = cells.text("视察地点")
        return Finding(
            source_no=cells.number or "",
            inspection_kind=InspectionKind.VISIT,
            found_at=found_at,
            level=centre.level if centre is not None else None,
            centre=centre.name if centre is not None else None,
            region_code=centre.region_code if centre is not None else None,
            area=short(place),
            window_no=window_in(place),
            severity=severity_in(cells, term, self._severities),
            item_name=short(cells.text("涉及事项")),
            traits=mapped_parts(self._traits, cells.text(TRAITS), field=TRAITS),
            authority=self._authority(cells),
            authority_name=short(cells.text(WHO)),
            title=problem[:100],
            text=problem,
            instruction=instruction,
            organisation=short(cells.text("牵头单位")),
            co_organisations=tuple(name[:200] for name in parts_of(cells.text("配合单位"))),
            person=short(cells.text("责任人")),
            state=state,
            rectify_by=term.at,
            rectified_at=cells.moment("整改完成时间", self._zone),
            rectification=told(cells, "进展"),
            confirmed_at=confirmed_at,
            previous_no=short(cells.identifier("上次问题编号").value, 128),
            quality=flags(term.quality, undated),
        )

    def _visited_at(self, cells: Cells) -> datetime:
        moment = cells.moment(DAY, self._zone)
        if moment is None:
            raise missing(DAY, "a day")
        return moment

    def _centre(self, cells: Cells) -> Centre | None:
        """A visit need not be one of a service centre."""
        if cells.text("中心") is None and cells.text("中心级别") is None and self._settings.level is None:
            return None
        return centre_in(cells, self._settings)

    def _authority(self, cells: Cells) -> Authority:
        """Whose visit it was (R50): what the sheet calls it, else the settings' names, else what the name of the body tells."""
        said, who = cells.text(TYPE), cells.text(WHO)
        if said is not None:
            return mapped(self._authorities, plain(said), field=TYPE)
        if who is None and self._settings.authority is not None:
            return self._settings.authority
        if who is None:
            raise missing(WHO, "the leader's office or the body, as 县委, 县人大, 县审计局")
        name = plain(who)
        if name in self._authorities:
            return self._authorities[name]
        known = next((authority for form, authority in BY_NAME if form.search(name)), None)
        return known if known is not None else mapped(self._authorities, name, field=WHO)

    def _state(self, cells: Cells) -> tuple[FindingState, datetime | None, tuple[str, ...]]:
        """How far it is, when the authority confirmed it, and a flag where it did and no day is told."""
        is_closed, closed_at = self._closing(cells)
        if is_closed:
            return FindingState.CONFIRMED, closed_at, () if closed_at is not None else (CONFIRMED_UNDATED,)
        progress = progress_of(cells.text("进展"), self._settings.progress)
        if progress is None and cells.text("整改完成时间") is not None:
            progress = FindingState.RECTIFIED
        # Nothing that the unit writes of itself confirms.
        return (
            FindingState.RECTIFIED if progress is FindingState.CONFIRMED else progress or FindingState.OPEN,
            None,
            (),
        )

    def _closing(self, cells: Cells) -> tuple[bool, datetime | None]:
        """Whether the authority agreed, and when; 销号 may hold a word or the day itself."""
        said, closed_at = cells.text(CLOSED), cells.moment(CLOSED_AT, self._zone)
        if said is None:
            return closed_at is not None, closed_at
        word = plain(said).lower()
        if word in CLOSINGS or not any(sign.isdecimal() for sign in word):
            return mapped(CLOSINGS, word, field=CLOSED), closed_at
        return True, closed_at or cells.moment(CLOSED, self._zone)
