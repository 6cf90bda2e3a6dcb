"""Who is sent to next: one lane an organisation, so that a slow or dead one holds few of the places under way.

Pure bookkeeping for one event loop; nothing here waits or knows of time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hub.store.leases import Claimed

FIRST_WINDOW = 2
QUICK_MS = 1_000
_QUEUED_PER_PLACE = 8


@dataclass(slots=True)
class Lane:
    """Messages of one organisation that this process holds.

    Attributes:
        window: Most of them under way at once: grows by one with each quick answer, falls to one with a failure.
    """

    firsts: deque[Claimed] = field(default_factory=deque)
    again: deque[Claimed] = field(default_factory=deque)
    in_flight: int = 0
    window: int = FIRST_WINDOW
    offered: bool = False  # stands in the order of turns

    @property
    def queued(self) -> int:
        return len(self.firsts) + len(self.again)


class Lanes:
    """All lanes of one process.

    Args:
        places: Most messages under way at once. Half of them are kept from messages that failed before, and no
            organisation gets more than half.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._half = max(1, places // 2)
        self._lanes: dict[str, Lane] = {}
        self._turn: deque[str] = deque()  # organisations with something queued and room in their window
        self.queued = 0
        self.in_flight = 0
        self._again_in_flight = 0

    @property
    def held(self) -> int:
        """Messages that are leased: queued and under way."""
        return self.queued + self.in_flight

    def rooms(self) -> dict[str, int]:
        """Organisation -> how many more messages it is worth holding."""
        return {
            name: max(0, _QUEUED_PER_PLACE * lane.window - lane.queued - lane.in_flight)
            for name, lane in self._lanes.items()
        }

    @property
    def first_room(self) -> int:
        """How many messages to take at first for an organisation that nothing is known of."""
        return min(self._half, FIRST_WINDOW) * _QUEUED_PER_PLACE

    def add(self, claimed: Claimed) -> None:
        lane = self._lanes.setdefault(claimed.organisation, Lane(window=min(self._half, FIRST_WINDOW)))
        (lane.again if claimed.attempts else lane.firsts).append(claimed)
        self.queued += 1
        self._offer(claimed.organisation, lane)

    def take(self) -> Claimed | None:
        """The next message to send, organisations in turn; None while all places that it could have are taken."""
        if self.in_flight >= self._places:
            return None
        may_retry = self._again_in_flight < self._half
        for _ in range(len(self._turn)):
            name = self._turn.popleft()
            lane = self._lanes[name]
            lane.offered = False
            if lane.in_flight >= lane.window or not lane.queued:
                continue  # offered again when a message of it ends
            if not lane.firsts and not may_retry:
                self._offer(name, lane)
                continue
            # What failed before is the older message, and goes first where it may.
            claimed = lane.again.popleft() if lane.again and may_retry else lane.firsts.popleft()
            self.queued -= 1
            self.in_flight += 1
            self._again_in_flight += 1 if claimed.attempts else 0
            lane.in_flight += 1
            self._offer(name, lane)
            return claimed
        return None

    def ended(self, claimed: Claimed, *, well: bool, quick: bool) -> None:
        """A message that `take` gave is no longer under way."""
        lane = self._lanes[claimed.organisation]
        lane.in_flight -= 1
        self.in_flight -= 1
        self._again_in_flight -= 1 if claimed.attempts else 0
        if not well:
            lane.window = 1
        elif quick:
            lane.window = min(lane.window + 1, self._half)
        self._offer(claimed.organisation, lane)

    def drop(self, organisation: str) -> list[Claimed]:
        """Takes out what is queued for an organisation."""
        lane = self._lanes.get(organisation)
        if lane is None:
            return []
        dropped = [*lane.again, *lane.firsts]
        lane.again.clear()
        lane.firsts.clear()
        self.queued -= len(dropped)
        return dropped

    def drop_all(self) -> list[Claimed]:
        """Takes out all that is queued."""
        return [claimed for name in list(self._lanes) for claimed in self.drop(name)]

    def _offer(self, name: str, lane: Lane) -> None:
        if not lane.offered and lane.queued and lane.in_flight < lane.window:
            lane.offered = True
            self._turn.append(name)
