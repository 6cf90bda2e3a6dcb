"""Whether a warning is told again: one pure function, so that the same past gives the same answer in every process.

The spirit is that of a notification log: what was told last is compared with what stands now. How the answers relate to those of
Prometheus Alertmanager, on the same events, stands in docs/decisions/0015-telling.md and is proved by
tests/integration/test_telling_alertmanager.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """Why something is told."""

    FIRST = "first"  # nobody was told yet
    BACK = "back"  # all of it was told as ended, and it stands again
    RAISED = "raised"  # its level rose
    GROWN = "grown"  # there is evidence that was not told
    EASED = "eased"  # a part of what was told has ended
    ENDED = "ended"  # all that was told has ended
    AGAIN = "again"  # nothing changed, for long enough


@dataclass(frozen=True, slots=True)
class Told:
    """What the receiver knows: the last message.

    Attributes:
        at: When it was written; aware.
        level: The level that it named.
        standing: Ids of what it said stands.
        ended: Ids of what it said has ended.
    """

    at: datetime
    level: int
    standing: frozenset[str]
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be told now; what is silenced, muted or inhibited is in neither set."""

    level: int
    standing: frozenset[str]
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """When what changed is worth a message.

    Attributes:
        growth_after: New evidence is told when the last message is at least that old; zero: at once.
        repeat_after: What has not changed is told again when the last message is older than that; None: never.
        tells_ends: Whether the end of what was told is told.
    """

    growth_after: timedelta
    repeat_after: timedelta | None = None
    tells_ends: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell it now."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing to tell yet; as things stand there will be from that moment on."""

    at: datetime


# Source: domain.md §4.3: re-issue only on level rise or after 7 d quiet.
COUNTY = Policy(growth_after=timedelta(days=7))


def tell_again(told: Told | None, seen: Seen, now: datetime, policy: Policy = COUNTY) -> Tell | Later | None:
    """Whether to tell it now, later unless something else happens, or not at all.

    A rise in level is told at once. New evidence is told once the last message is ``growth_after`` old: a warning that grows every
    day is told so once in that time, not daily, and never not at all. The end of what the receiver never heard of is not told.

    Args:
        told: The last message about it to this receiver; None before the first.
        seen: What stands now.
        now: Aware, not before ``told.at``.
        policy: The county's, unless another is given.
    """
    if told is None or not told.standing:
        if not seen.standing:
            return None
        return Tell(Cause.FIRST if told is None else Cause.BACK)
    ended = bool(policy.tells_ends and seen.ended & told.standing)
    if not seen.standing:
        return Tell(Cause.ENDED) if ended else None
    if seen.level > told.level:
        return Tell(Cause.RAISED)
    grown = not seen.standing <= told.standing
    if grown and told.at + policy.growth_after <= now:
        return Tell(Cause.GROWN)
    if ended:
        return Tell(Cause.EASED)
    if policy.repeat_after is not None and told.at + policy.repeat_after < now:
        return Tell(Cause.AGAIN)
    return Later(told.at + policy.growth_after) if grown else None


def told_by(seen: Seen, at: datetime) -> Told:
    """What the receiver knows after being told of this."""
    return Told(at, seen.level, seen.standing, seen.ended)
