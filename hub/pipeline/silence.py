"""Silences (静默): a person wants to hear nothing of certain signals until a day, and says why; each act is in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.errors import Code, StateConflict
from hub.model.codes import Level
from hub.model.holding import Hold, SignalFacts, SignalMatch, held
from hub.model.ids import new_ulid
from hub.pipeline import holding
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.revoke import AuditLine, named, write_all
from hub.store import signals, silences
from hub.store.engine import Connection
from hub.store.silences import NewSilence

LONGEST = timedelta(days=92)
"""Nobody silences anything for ever: who still wants it says so again."""

_PAGE = 500


def add(
    deps: PipelineDeps,
    match: SignalMatch,
    *,
    by: str,
    reason: str,
    ends_at: datetime,
    like_signal: str | None = None,
    max_level: Level = Level.SERIOUS,
) -> str:
    """Silences what matches until ``ends_at``; the silence's id.

    Args:
        match: Which signals; every field that is given must fit.
        like_signal: Only that signal's rule and key, whatever episode of it.
        max_level: What is above that level is told all the same. Danger to life is, at any level.

    Raises:
        NotFound: There is no such signal.
        ValueError: Nobody answers for it, it ends in the past or after `LONGEST`, or it would silence everything.
    """
    named(by, reason, "a silence")
    now = deps.clock.now()
    if not now < ends_at <= now + LONGEST:
        raise ValueError(
            f"a silence ends after now and within {LONGEST.days} days (given: {ends_at:%Y-%m-%d %H:%M})"
        )
    if not match.narrows and like_signal is None:
        raise ValueError("a silence names a rule, category, organisation, region, label or signal")
    made = NewSilence(
        new_ulid(int(now.timestamp() * 1000)), match, like_signal, max_level, by, reason, ends_at
    )
    with deps.store.begin() as connection:
        if like_signal is not None and signals.get(connection, like_signal).state == "merged":
            raise StateConflict(
                f"signal {like_signal}: it was merged into another (expected one that stands by itself); name that one",
                code=Code.STATE_CONFLICT,
            )
        silences.add(connection, made, now)
        detail: dict[str, Any] = {
            "matches": match.model_dump(mode="json", exclude_defaults=True),
            "until": ends_at.isoformat(),
            "max_level": int(max_level),
        }
        if like_signal is not None:
            detail["like_signal"] = like_signal
        subject = f"silence {made.silence_id}"
        write_all(deps, connection, now, [AuditLine(by, "silence.add", subject, reason, detail)])
    return made.silence_id


def expire(deps: PipelineDeps, silence_id: str, by: str, reason: str) -> bool:
    """Ends a silence now; False when it had ended already, and nothing was changed.

    What it held back is issued by the next triage, and news of warnings told within a quarter of an hour, if it still stands.

    Raises:
        NotFound: There is no such silence.
        ValueError: Nobody answers for it.
    """
    named(by, reason, "the end of a silence")
    now = deps.clock.now()
    with deps.store.begin() as connection:
        done = silences.end(connection, silence_id, now, by=by, why=reason)
        if done:
            line = AuditLine(by, "silence.expire", f"silence {silence_id}", reason, {})
            write_all(deps, connection, now, [line])
    return done


def holds(deps: PipelineDeps, connection: Connection, signal_ids: Sequence[str]) -> dict[str, Hold]:
    """For each of these signals that is held now: why, and until when."""
    return {facts.signal_id: hold for facts, hold in _held(deps, connection, signal_ids)}


def all_held(deps: PipelineDeps, connection: Connection) -> dict[str, Hold]:
    """The signals that wait and are held now; reads them in pages, the latest first."""
    found: dict[str, Hold] = {}
    last: str | None = None
    while ids := silences.open_ids(connection, last, _PAGE):
        found.update(holds(deps, connection, ids))
        last = ids[-1]
    return found


def _held(
    deps: PipelineDeps, connection: Connection, signal_ids: Sequence[str]
) -> list[tuple[SignalFacts, Hold]]:
    now = deps.clock.now()
    known = list(silences.facts(connection, signal_ids).values())
    causes = holding.gather(deps.calendar, connection, known, now)
    return [(facts, hold) for facts in known if (hold := held(facts, causes, now)) is not None]
