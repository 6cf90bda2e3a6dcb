"""What `hub rule test` says: signals a week, and of a simulated county hits, delay and false signals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hub.cli import out, words

if TYPE_CHECKING:
    from hub.model.codes import Level
    from hub.pipeline.backtest import Backtest
    from hub.runtime.hub import Hub
    from hub.sdk.rules import WarningRule

_WIDE = 40  # characters of the longest bar


def against(hub: Hub, found: Backtest, path: Path) -> dict[str, Any]:
    """The rule's signals held against what was planted: hits, the median delay, look-alikes and signals about nothing planted.

    An event is hit when a signal rests on one of its records; its delay runs from its first record's time. What other rules are to
    see is no false signal of this one when it rests on it.
    """
    from pydantic import ValidationError

    from hub.county.world.planted import Planted
    from hub.store import views

    try:
        planted = Planted.model_validate_json(path.read_bytes())
    except ValidationError:
        raise typer.BadParameter(
            f"--planted {path.name}: is not what `hub demo --planted FILE` writes"
        ) from None
    with hub.store.begin() as connection:
        ids = views.ids_by_number(connection, {number for one in planted.events for number in one.numbers})
    mine = [
        one
        for one in planted.events
        if found.rule_id in one.rules and one.until >= found.since and one.since < found.until
    ]
    known = {
        ids[number] for one in planted.events if one.must_fire for number in one.numbers if number in ids
    }
    resting = [
        (shown, {*shown.draft.demand_ids, *(ref.partition(":")[2] for ref in shown.draft.observed)})
        for shown in found.shown
    ]
    hits, delays, alike = 0, [], 0
    for event in mine:
        records = {ids[number] for number in event.numbers if number in ids}
        fitting = [shown for shown, rests in resting if rests & records]
        if not event.must_fire:
            alike += bool(fitting)
            continue
        hits += bool(fitting)
        seen = [shown.seen_at for shown in fitting if shown.seen_at is not None]
        if seen:
            delays.append(max(0.0, (min(seen) - event.since).total_seconds()))
    delays.sort()
    days = max(1.0, (found.until - found.since) / timedelta(days=1))
    false = sum(not (rests & known) for _, rests in resting)
    return {
        "events": sum(one.must_fire for one in mine),
        "hits": hits,
        "median_delay_s": delays[len(delays) // 2] if delays else None,
        "look_alikes": sum(not one.must_fire for one in mine),
        "look_alikes_hit": alike,
        "false_signals": false,
        "false_a_day": round(false / days, 4),
    }


def tell_backtest(
    found: Backtest, rule: type[WarningRule], truth: dict[str, Any] | None, *, stuck: bool, limit: int
) -> None:
    """In plain words, on a terminal."""
    weeks = max(1.0, (found.until - found.since) / timedelta(days=7))
    levels = "，".join(f"{_level(rule, level)} ×{count}" for level, count in found.by_level.items())
    delay = found.median_delay
    out.say(
        f"{found.rule_id} {rule.title}: {out.moment(found.since)} to {out.moment(found.until)}; nothing was written."
    )
    out.say()
    out.fields(
        [
            ("parameters", ", ".join(f"{name} {value}" for name, value in found.params.items()) or "none"),
            (
                "looked at",
                f"{found.looked_at:,} ({found.keys:,} keys, {found.repeated:,} of them more than once)",
            ),
            ("signals", f"{len(found.shown):,}, {len(found.shown) / weeks:.2f} a week"),
            ("levels", levels or None),
            ("issued by itself", f"{found.auto_issued:,}"),
            ("median delay", _hours(delay.total_seconds()) if delay is not None else None),
        ]
    )
    if truth is not None:
        out.say()
        out.fields(
            [
                ("planted for it", truth["events"]),
                ("hit", f"{truth['hits']} of {truth['events']}"),
                (
                    "median delay",
                    _hours(truth["median_delay_s"]) if truth["median_delay_s"] is not None else "none",
                ),
                ("look-alikes hit", f"{truth['look_alikes_hit']} of {truth['look_alikes']}"),
                ("false signals", f"{truth['false_signals']}, {truth['false_a_day']:g} a day"),
            ]
        )
    if found.weeks:
        out.say()
        most = max(found.weeks.values())
        shown = list(found.weeks.items())[-26:]
        out.table(
            ["week of", "signals", ""],
            [(f"{week:%Y-%m-%d}", count, "█" * round(count * _WIDE / most)) for week, count in shown],
            whole=["week of"],
        )
        if len(found.weeks) > len(shown):
            out.say(f"The latest {len(shown)} of {len(found.weeks)} weeks; --json has all.")
        out.say()
        for one in found.shown[-limit:]:
            out.say(
                f"{out.moment(one.draft.window_from)}  {_level(rule, one.draft.level)}  {one.draft.summary}"
            )
    elif not found.looked_at:
        out.say("Nothing that it cares for is stored in that span.")
    if stuck:
        out.say()
        out.say(
            "None of its keys was ever touched twice: it could hardly say anything. Look at what its keys are made of, or at whether "
            "what it counts by (place, matter, item) is known of the demands."
        )


def _level(rule: type[WarningRule], level: Level) -> str:
    return words.level(level, subject=rule.subject, rule_id=rule.rule_id)


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 3 * 86_400 else f"{seconds / 86_400:.1f} d"
