"""What `hub case show` says of a case's clock: limits, what is used and left, pauses, nodes, and when its cards are due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.builtin.rules.case_deadline import CaseDeadlineParams
    from hub.model.calendar import WorkCalendar
    from hub.model.case_clock import CaseClock, Limit
    from hub.runtime.hub import Hub
    from hub.store.engine import Connection

_FLAWS = {
    "open": "暂停未恢复 not resumed yet",
    "resumed_only": "只有恢复没有暂停 resumed without a pause: not counted",
    "ended_before_beginning": "恢复早于暂停 resumed before it was paused: not counted",
    "untimed": "没有时间 no time told: not counted",
}


def clock_told(hub: Hub, connection: Connection, found: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The clock of a case as of ``now``, JSON throughout; reckoned with the parameters that E01 has now.

    Args:
        hub: For its calendar and settings.
        connection: To read the rule's settings.
        found: The case's columns, as `hub.store.observed.found` gives them.
        now: Aware.
    """
    from hub.builtin.rules.case_deadline import CaseDeadline, is_instant
    from hub.model.case import Case
    from hub.model.case_clock import OverdueBy, clock_of
    from hub.model.case_nodes import node_times, steps_outside_office
    from hub.store import config

    setting = config.rule_settings(connection, now).get(CaseDeadline.rule_id)
    rule = CaseDeadline(config.read_params(CaseDeadline, (setting.params if setting else None) or {}))
    params: CaseDeadlineParams = rule.params
    case = Case.model_validate(
        {"source_no": found["case_no"], **{name: found[name] for name in Case.model_fields if found.get(name) is not None}}
    )  # fmt: skip
    calendar, pausing = hub.calendar, params.corrections_pause
    clock = clock_of(case, calendar, now, corrections_pause=pausing)
    limit = clock.promised or clock.legal
    cards = rule.cards(case, clock, limit, calendar) if limit is not None and not is_instant(case) else None
    return {
        "as_of": now,
        "started_at": _utc(clock.started_at),
        "ended_at": _utc(clock.ended_at),
        "standing_still_since": _utc(clock.pauses.open_since) if clock.standing_still else None,
        "provisional": clock.provisional,
        "promised": _limit(clock, clock.promised, calendar),
        "legal": _limit(clock, clock.legal, calendar),
        "used_working_days": clock.used_working_days,
        "used_office_hours": _hours(clock.used_office_time),
        "overdue": {by.value: clock.is_overdue(limit, by) for by in OverdueBy},
        "pauses": [
            {"began_at": _utc(one.began_at), "ended_at": _utc(one.ended_at)} for one in clock.pauses.spans
        ],
        "flaws": [{"no": no, "flaw": flaw.value} for no, flaw in clock.pauses.flaws],
        "corrections_pause": pausing,
        "cards": {
            "profile": params.profile,
            "notice": _utc(cards.notice),
            "yellow": _utc(cards.yellow),
            "red": _utc(cards.red),
        }
        if cards is not None
        else None,
        "nodes": [
            {
                "node": one.node,
                "name": one.name,
                "visits": one.visits,
                "used_hours": _hours(one.used),
                "allowed_hours": _hours(one.allowed),
                "over": one.is_over,
            }
            for one in node_times(case, calendar, now, corrections_pause=pausing)
        ],
        "steps_outside_office": steps_outside_office(case, calendar),
    }


def tell_clock(clock: Mapping[str, Any]) -> None:
    """The same for people."""
    from hub.cli import out

    out.say()
    if clock["provisional"]:
        out.say(
            "! 期限暂定 PROVISIONAL: a limit crosses a year whose holidays are not known; it is reckoned anew once they are "
            "(`hub doctor` names the year)."
        )
    started, ended, still = clock["started_at"], clock["ended_at"], clock["standing_still_since"]
    if started is None:
        state = "not begun (no acceptance told)"
    elif ended is not None:
        state = f"{out.moment(started)} to {out.moment(ended)}, ended"
    else:
        state = f"since {out.moment(started)}, " + (
            f"standing still since {out.moment(still)} 暂停中" if still is not None else "running"
        )
    used = clock["used_working_days"]
    overdue = [_OVERDUE[by] for by, is_over in clock["overdue"].items() if is_over]
    out.fields(
        [
            ("clock 计时", state),
            ("promised 承诺时限", _limit_told(clock["promised"])),
            ("legal 法定时限", _limit_told(clock["legal"])),
            (
                "used 已用",
                None
                if used is None
                else f"{out.plural(used, 'working day')} ({clock['used_office_hours']:g} office hours)",
            ),
            ("overdue 超期", "; ".join(overdue) or None),
            ("cards 亮牌", _cards_told(clock["cards"])),
            (
                "outside office 非工作时间",
                out.plural(clock["steps_outside_office"], "step") if clock["steps_outside_office"] else None,
            ),
        ]
    )
    for pause in clock["pauses"]:
        out.say(f"pause 暂停: {out.moment(pause['began_at'])} to {_until(pause['ended_at'])}")
    for flaw in clock["flaws"]:
        out.say(f"pause {flaw['no']}: {_FLAWS[flaw['flaw']]}")
    for node in clock["nodes"]:
        allowed = f" of {node['allowed_hours']:g}" if node["allowed_hours"] is not None else ""
        out.say(
            f"node 环节 {node['name'] or node['node']}: {node['used_hours']:g}{allowed} hours in {out.plural(node['visits'], 'visit')}"
            + (", over 超时" if node["over"] else "")
        )


_OVERDUE = {"end": "by its end 按办结时间", "last_event": "by its last step 按最后环节"}


def _limit(clock: CaseClock, limit: Limit | None, calendar: WorkCalendar) -> dict[str, Any] | None:
    from hub.model.case_clock import used_working_days
    from hub.model.office_time import LONGEST, office_time

    if limit is None:
        return None
    reached = clock.ended_at or clock.pauses.open_since or clock.now
    near = abs(limit.at - reached) < LONGEST
    return {
        "at": _utc(limit.at),
        "basis": limit.basis,
        "told": limit.told,
        "provisional": limit.provisional,
        "left_office_hours": _hours(office_time(reached, limit.at, calendar)) if near else None,
        "over_working_days": used_working_days(limit.at, reached, clock.pauses, calendar)
        if near and reached > limit.at
        else None,
    }


def _limit_told(limit: Mapping[str, Any] | None) -> str | None:
    from hub.cli import out

    if limit is None:
        return None
    if limit["over_working_days"] is not None:
        days = limit["over_working_days"]
        rest = f"over by {out.plural(days, 'working day')}" if days else "over, by less than a working day"
    else:
        left = limit["left_office_hours"]
        rest = f"{left:g} office hours left" if left is not None else "far off"
    provisional = ", provisional 暂定" if limit["provisional"] else ""
    return f"{out.moment(limit['at'])}, {limit['basis']}{provisional}: {rest}"


def _cards_told(cards: Mapping[str, Any] | None) -> str | None:
    from hub.cli import out

    if cards is None:
        return None
    return (
        f"提醒 {out.moment(cards['notice'])}, 黄牌 {out.moment(cards['yellow'])}, 红牌 {out.moment(cards['red'])} "
        f"(profile {cards['profile']})"
    )


def _until(moment: datetime | None) -> str:
    from hub.cli import out

    return out.moment(moment) if moment is not None else "open 未恢复"


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None


def _hours(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() / 3600, 2)
