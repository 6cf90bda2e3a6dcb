"""The county in small, for the demo: three weeks at once, then a little at every beat; the same seed, the same counts at any time of day.

What chance decides does not depend on when a batch arrives: moments are so and so long before it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hub.county.world import flaws
from hub.county.world.cases import Cases, flawed
from hub.county.world.events import Events, Planting, Serials
from hub.county.world.inspecting import Inspecting
from hub.county.world.planted import Planted, Truth
from hub.county.world.speaking import Speaker
from hub.county.world.subjects import REAL_ESTATE
from hub.county.world.voices import Batch, CaseNews, Happening, MonitorNews, RatingNews, Visit, later

# Channel -> voices of the first batch, and of each later one.
_VOICES: Mapping[str, tuple[int, int]] = {
    "hotline": (70, 4),
    "portal": (50, 3),
    "app": (40, 3),
    "mailbox": (20, 2),
    "presubmission_window": (24, 2),
    "unresolved_window": (8, 1),
}
_CASES = (60, 3)
_VISITS: Mapping[str, tuple[int, int]] = {"daily": (14, 1), "weekly": (6, 0), "walk": (6, 1), "visit": (3, 1)}
_DAYS = 20.0
_MOST_A_BATCH = 1_000
# How many things change their state from one batch to the next.
_STATES_A_BATCH = 12


class Batches:
    """What reaches the county, batch by batch.

    Args:
        seed: The same seed says the same.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.truth = Truth()
        self._speaker = Speaker(seed)
        self._cases = Cases(self._speaker.people)
        self._events = Events(self._speaker, self._cases)
        self._inspecting = Inspecting(self._speaker)
        self._waiting: list[Happening] = []

    @property
    def planted(self) -> Planted:
        """The truth about everything that has arrived so far."""
        return self.truth.planted

    def batch(self, number: int, at: datetime) -> Batch:
        """Batch ``number`` (0 is the first, large one), arriving at ``at``; call them in order."""
        rng = random.Random(f"{self.seed}:batch:{number}")
        serials = Serials(number % 999 * _MOST_A_BATCH)
        found: list[Happening] = []
        if number == 0:
            found += self._voices(rng, serials, at, 0)
            found += self._visits(rng, serials, at, 0)
            found += self._plant(rng, serials, at)
            found += self._flawed(rng, serials, at)
        else:
            found += self._waiting[:_STATES_A_BATCH]
            del self._waiting[:_STATES_A_BATCH]
            found += self._voices(rng, serials, at, 1)
            found += self._visits(rng, serials, at, 1)
        found = [_by(one, at) for one in found]
        found.sort(key=lambda one: one.changed_at)
        self.truth.heard(found)
        return Batch(found)

    def _voices(self, rng: random.Random, serials: Serials, at: datetime, which: int) -> Iterator[Happening]:
        for channel, counts in _VOICES.items():
            for _ in range(counts[which]):
                moment = at if which else later(at, days=-rng.uniform(0.02, _DAYS))
                voice = self._speaker.voice(rng, channel, serials(channel), moment)
                yield voice
                yield from self._go_on(self._speaker.later_states(rng, voice), at)
        for count in range(_CASES[which]):
            begun = at if which else later(at, days=-rng.uniform(0.05, _DAYS))
            life = self._cases.life(rng, serials("case"), begun)
            yield from self._go_on(life, at)
            if count % 6 == 0:
                about = life[-1] if isinstance(life[-1], CaseNews) and count % 12 == 0 else None
                yield self._cases.monitor(
                    rng, serials("event"), at if which else later(at, days=-rng.uniform(0.05, _DAYS)), about
                )

    def _visits(self, rng: random.Random, serials: Serials, at: datetime, which: int) -> Iterator[Happening]:
        for kind, counts in _VISITS.items():
            for _ in range(counts[which]):
                moment = at if which else later(at, days=-rng.uniform(0.02, _DAYS))
                yield getattr(self._inspecting, kind)(rng, moment, serials("visit"))

    def _go_on(self, course: Sequence[Happening] | Iterator[Happening], at: datetime) -> Iterator[Happening]:
        """What has come by now; of each thing's future, the next state waits for the next batch."""
        for one in course:
            if one.changed_at > at:
                self._waiting.append(one)
                return
            yield one

    def _plant(self, rng: random.Random, serials: Serials, at: datetime) -> Iterator[Happening]:
        events = self._events
        planted: list[Planting] = [
            events.same_person(rng, serials, at, "portal", REAL_ESTATE),
            events.same_person_across(rng, serials, at, REAL_ESTATE),
            events.danger(rng, serials, at, "portal"),
            events.danger(rng, serials, at, "hotline"),
            *(
                events.kinds[kind](rng, serials, at)
                for kind in (
                    "many_at_once", "declared_heads", "unresolved_again", "bad_rating", "overdue", "near_due", "corrections", "chasing", "shared_phone",
                    "alarming_words",
                )
            ),
        ]  # fmt: skip
        for event, happenings in planted:
            self.truth.plant(event)
            yield from happenings

    def _flawed(self, rng: random.Random, serials: Serials, at: datetime) -> Iterator[Happening]:
        """One record a channel and a way of being unusable."""
        for channel, ways in flaws.VOICES.items():
            for way in ways:
                voice = self._speaker.voice(
                    rng, channel, serials(channel), later(at, hours=-rng.uniform(2, 40))
                )
                yield replace(voice, flaw=way, enterprise=None)
        for kind, ways in flaws.VISITS.items():
            for way in ways:
                visit: Visit = getattr(self._inspecting, kind)(
                    rng, later(at, hours=-rng.uniform(2, 40)), serials("visit")
                )
                yield replace(visit, flaw=way, lines=visit.lines[:1])
        for kind, ways in flaws.MONITORED.items():
            for way in ways:
                yield self._flawed_news(rng, serials, at, kind, way)

    def _flawed_news(
        self, rng: random.Random, serials: Serials, at: datetime, kind: str, way: str
    ) -> Happening:
        moment = later(at, days=-rng.uniform(1, 5))
        if kind == "event":
            return flawed(self._cases.monitor(rng, serials("event"), moment, None), way)
        life = self._cases.life(rng, serials("case"), moment)
        first = life[0]
        assert isinstance(first, CaseNews)
        if kind == "case":
            return flawed(first, way)
        return RatingNews(
            f"5005219{serials('rating'):09d}", moment, None, first.item, 4, "qr", None, flaw=way
        )


def _by(one: Happening, at: datetime) -> Happening:
    """The same, known to its source by ``at`` at the latest."""
    if one.changed_at <= at:
        return one
    moment = at.replace(microsecond=0)
    if isinstance(one, MonitorNews):
        return replace(one, changed_at=moment, at=min(one.at, moment))
    return replace(one, changed_at=moment)
