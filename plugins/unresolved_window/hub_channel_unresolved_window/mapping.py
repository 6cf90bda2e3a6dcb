"""From one row of the window's register to a demand; nothing that asks the outside.

**Every row is a demand.** Nobody comes to this window before something could not be got done, and volumes are below one a day, so nothing is passed
over. What the clerk wrote of the course of things (method, promise, result, satisfaction) is taken along, and a row that is amended is the same record.

**What the window has handed on is not handed on again** (R73): a row that was transferred (转办) or coordinated (协调) to a named unit bears its own number as the
order's number, so that the hub oversees it and makes no second order.

Source: domain.md §7, 办不成事 window; §6.1, watch 3.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from hub.model.codes import BusinessClass, DemandStatus, ReporterType
from hub.model.demand import Demand, Reporter
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.readers.sheet import Numbered, SheetPlan
from hub.sdk.readers.sheet_numbers import made_number, of_name, of_phone, own_number
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import mapped
from hub_channel_unresolved_window.settings import UnresolvedWindowSettings
from hub_channel_unresolved_window.tables import (
    COLUMNS,
    IDENTITIES,
    METHODS,
    REASONS,
    RESULTS,
    TYPES,
    UNSATISFIED,
)

_BY_METHOD = {
    "at_once": DemandStatus.CLOSED,
    "assigned": DemandStatus.ASSIGNED,
    "coordinated": DemandStatus.IN_HAND,
    None: DemandStatus.ACCEPTED,
}


class UnresolvedMapping:
    """Reads the rows of one configured register."""

    def __init__(self, settings: UnresolvedWindowSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._types = {**TYPES, **settings.types}
        self._methods = {**METHODS, **settings.methods}
        self._reasons = {**REASONS, **settings.reasons}
        self._results = {**RESULTS, **settings.results}
        self._identities = {**IDENTITIES, **settings.identities}

    def plan(self) -> SheetPlan:
        """What the reader is to know of these sheets."""
        return SheetPlan(COLUMNS, number=self.number)

    def number(self, cells: Cells) -> Numbered:
        """The register's own number; for a row without one, a number of time, item, unit and a masked reporter."""
        moment = self._reported_at(cells)
        own = own_number(cells, "登记编号", moment.astimezone(self._zone).date())
        if own is not None:
            return own
        parts = (
            moment.isoformat(),
            cells.text("事项"),
            cells.text("涉及窗口/单位"),
            of_name(cells.text("反映人")),
            of_phone(cells.identifier("联系方式").value),
        )
        return made_number("BCS", parts)

    def demand(self, raw: RawRecord) -> Demand:
        """The demand that a row brings.

        Raises:
            RecordRejected: ``field_missing`` (time), ``field_invalid``, ``value_unmapped`` (type, method), ``record_empty`` (neither words nor item).
        """
        cells = Cells.of(raw)
        words, item, reason = cells.text("诉求"), cells.text("事项"), cells.text("办不成原因")
        if words is None and item is None:
            raise RecordRejected(
                "row: neither 诉求 nor 事项 is filled in (expected one of them); fill it in and put the file there again",
                code=Code.RECORD_EMPTY,
            )
        said = cells.text("诉求类型")
        method = self._method(cells)
        unit = cells.text("转办单位")
        name, phone = cells.text("反映人"), cells.identifier("联系方式")
        reporter_type, flags = self._identity(cells.text("身份"))
        if not phone.exact:
            flags += ("PHONE_IMPRECISE",)
        return Demand(
            source_no=cells.number or "",
            submitted_at=self._reported_at(cells),
            demand_type=mapped(self._types, said, field="诉求类型") if said else self._settings.default_type,
            type_source_text=said,
            title=f"办不成事：{(item or words or '')[:100]}",
            content=_content(words, item, reason, cells.text("承诺时限"), cells.text("办理结果")),
            reporter=Reporter(name=name, type=reporter_type, phone=phone.value),
            anonymity=self._settings.anonymity,
            status=self._status(cells.text("办理结果"), method),
            sub_source=self._settings.window,
            item_name=item[:200] if item else None,
            business_class=self._class(reason),
            target_org=(cells.text("涉及窗口/单位") or self._settings.organisation or "")[:200] or None,
            labels=self._labels(cells, reason),
            assigned_no=cells.number if method in ("assigned", "coordinated") and unit else None,
            deadline_at=self._deadline(cells),
            quality=flags,
        )

    def _reported_at(self, cells: Cells) -> datetime:
        moment = cells.moment("反映时间", self._zone)
        if moment is None:
            raise RecordRejected(
                "column '反映时间': an empty cell (expected a time); fill it in and put the file there again",
                code=Code.FIELD_MISSING,
                field="反映时间",
            )
        return moment

    def _method(self, cells: Cells) -> str | None:
        said = cells.text("处理方式")
        return mapped(self._methods, said, field="处理方式") if said else None

    def _identity(self, said: str | None) -> tuple[ReporterType, tuple[str, ...]]:
        """Who somebody is does not decide whether he is heard: an unknown word is flagged, and the row goes on."""
        if said is None:
            return ReporterType.UNKNOWN, ()
        known = self._identities.get(said)
        return (known, ()) if known is not None else (ReporterType.UNKNOWN, ("REPORTER_TYPE_UNKNOWN",))

    def _status(self, result: str | None, method: str | None) -> DemandStatus:
        if result is None:
            return _BY_METHOD[method]
        return self._results.get(result.rstrip("。.!！"), DemandStatus.ANSWERED)

    def _class(self, reason: str | None) -> BusinessClass:
        return self._reasons.get(reason or "", BusinessClass.UNDECIDED)

    def _labels(self, cells: Cells, reason: str | None) -> tuple[str, ...]:
        labels = [reason] if reason in self._reasons and reason is not None else []
        if (cells.text("满意度") or "") in UNSATISFIED:
            labels.append("回访不满意")
        return tuple(labels)

    def _deadline(self, cells: Cells) -> datetime | None:
        """The day that was promised, up to its end; "5个工作日" is no day and stands in the content alone: the hub's calendar is not a channel's."""
        try:
            moment = cells.moment("承诺时限", self._zone)
        except RecordRejected:
            return None
        if moment is None:
            return None
        local = moment.astimezone(self._zone)
        whole_day = (local.hour, local.minute, local.second) == (0, 0, 0)
        return moment + timedelta(days=1, seconds=-1) if whole_day else moment


def _content(
    words: str | None, item: str | None, reason: str | None, promise: str | None, result: str | None
) -> str:
    lines = [words or f"办理“{item}”未办成。"]
    for head, text in (("办不成原因", reason), ("承诺时限", promise), ("办理结果", result)):
        if text is not None:
            lines.append(f"{head}：{text}")
    return "\n".join(lines)
