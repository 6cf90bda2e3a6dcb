"""The locks of triage and revocation, in the one order that all take: keys, then signals by id, then warnings by number.

A warning may cite signals of many keys. Whoever takes it back changes all of them, and so locks all of their keys before anything
else: the rules judge a key, and lift its warning, under the same locks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from hub.errors import Code, StateConflict
from hub.pipeline import holding
from hub.pipeline.deps import PipelineDeps
from hub.store import signals, triage
from hub.store.engine import Connection

T = TypeVar("T")
Key = tuple[str, str]

_TURNS = 10


class Moved(Exception):
    """A signal joined one of the warnings while its keys were waited for: they are locked anew, from the first."""


def in_one_go(deps: PipelineDeps, what: str, act: Callable[[Connection], T]) -> T:
    """What ``act`` gives, in a transaction of its own; in another one when it raises `Moved`.

    Raises:
        StateConflict: It was so ten times.
    """
    for _ in range(_TURNS):
        try:
            with deps.store.begin() as connection:
                return act(connection)
        except Moved:
            continue
    raise StateConflict(
        f"{what}: signals joined its warning, or one beside it, {_TURNS} times while it was waited for (expected a warning that nobody "
        "changes); nothing was changed: try again",
        code=Code.STATE_CONFLICT,
    )


def lock_for_issue(connection: Connection, asked: Iterable[Key], cards: Collection[Collection[str]]) -> None:
    """Locks these (rule, key), those of the cards beside them, and every key that a warning of such a card cites.

    Raises:
        Moved: A warning cites more by now.
    """
    own = {(rule, key) for rule_id, key in asked for rule in {rule_id, *holding.beside(rule_id, cards)}}
    _lock(connection, lambda: own | (triage.keys_beside(connection, own) if cards else set()))


def lock_for_revoke(connection: Connection, warning_id: str) -> None:
    """Locks every key that a warning cites.

    Raises:
        Moved: It cites more by now.
    """
    _lock(connection, lambda: {(one.rule_id, one.key) for one in signals.of_warning(connection, warning_id)})


def _lock(connection: Connection, wanted: Callable[[], set[Key]]) -> None:
    keys = wanted()
    signals.lock_keys(connection, keys)
    # Whoever lets a signal join does it under the keys of one that is cited: nobody can any more.
    if not wanted() <= keys:
        raise Moved
