"""What the channel has read of a web mailbox: which letters, in which state; the position of its stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

MOST_SEEN = 20_000
_OPEN = "+"


class Seen:
    """Letters by a digest of what they are known by, each with a digest of its row, and when the list was last read to its end.

    Kept are the letters that may still change: those of the last ``reread_days``. Whatever was in the list when it was last read to its end, and is
    older than that, was read then.

    Args:
        position: As the hub kept it; None at the first run. What nobody can read counts as nothing: the list is read anew.
        today: In the site's zone.
        reread_days: See the setting.
    """

    def __init__(self, position: Any, today: date, reread_days: int) -> None:
        told = position if isinstance(position, dict) else {}
        letters = told.get("letters")
        self._letters: dict[str, str] = (
            {str(key): str(row) for key, row in letters.items()} if isinstance(letters, dict) else {}
        )
        self._walked_on = _day(told.get("walked_on"))
        self._today = today
        self._reach = timedelta(days=reread_days)
        self._met: dict[str, date | None] = {}

    @property
    def settled_before(self) -> date | None:
        """Older letters than this were all read; None before the list was read to its end once."""
        return min(self._walked_on, self._today) - self._reach if self._walked_on is not None else None

    def is_old(self, day: date | None) -> bool:
        """Whether a letter of that day was read and changes no more."""
        bound = self.settled_before
        return bound is not None and day is not None and day < bound

    def knows(self, identity: str, row: bytes, day: date | None) -> bool:
        """Whether there is nothing new to be read of a letter."""
        key = _digest(identity.encode(), 6)
        first_time = key not in self._met
        self._met[key] = day
        if self.is_old(day):
            return True
        known = self._letters.get(key)
        return (
            known is not None and known[:8] == _digest(row, 4) and not (known.endswith(_OPEN) and first_time)
        )

    def note(self, identity: str, row: bytes, *, is_open: bool) -> None:
        """A letter was read; ``is_open``: only its own page will show that it changed."""
        key = _digest(identity.encode(), 6)
        if key in self._letters or len(self._letters) < MOST_SEEN:
            self._letters[key] = _digest(row, 4) + (_OPEN if is_open else "")

    def complete(self) -> None:
        """The list was read as far as anything may have changed."""
        self._walked_on = self._today
        bound = self._today - self._reach
        self._letters = {
            key: row
            for key, row in self._letters.items()
            if key in self._met and ((day := self._met[key]) is None or day >= bound)
        }

    def position(self) -> Mapping[str, Any]:
        """As JSON."""
        return {
            "walked_on": self._walked_on.isoformat() if self._walked_on is not None else None,
            "letters": dict(self._letters),
        }


def _digest(what: bytes, size: int) -> str:
    return blake2b(what, digest_size=size).hexdigest()


def _day(text: Any) -> date | None:
    try:
        return datetime.fromisoformat(str(text)).date() if text else None
    except ValueError:
        return None
