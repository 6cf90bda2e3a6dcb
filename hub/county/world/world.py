"""A county over time: what happens is made day by day, on a virtual clock, and given out in the order in which sources hear of it.

Memory holds what has begun and is not over: it does not grow with the length of the time.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from hub.clock import COUNTY_ZONE
from hub.county.world import flaws
from hub.county.world.cases import Cases, flawed
from hub.county.world.events import Events, Serials
from hub.county.world.inspecting import Inspecting
from hub.county.world.planted import Planted, Truth, event_of
from hub.county.world.rhythm import how_many, is_working_day, moment_on, on_day
from hub.county.world.speaking import Speaker
from hub.county.world.subjects import item_subject, town_subject
from hub.county.world.voices import CaseNews, Happening, RatingNews, Voice, later

# Channel -> share of the demands. Source: domain.md §5: a county's hotline has most of them, its windows less than one a day.
SHARES: Mapping[str, float] = {
    "hotline": 0.645,
    "portal": 0.15,
    "app": 0.13,
    "mailbox": 0.035,
    "presubmission_window": 0.033,
    "unresolved_window": 0.007,
}
# Kind -> how many a year where there are 120 demands a day.
A_YEAR: Mapping[str, int] = {
    "same_person": 36, "same_person_across": 24, "danger": 18, "many_at_once": 30, "many_slowly": 16, "declared_heads": 12, "comes_back": 16,
    "frequent": 6, "hot_area": 4, "unresolved_again": 8, "bad_rating": 20, "overdue": 30, "near_due": 20, "corrections": 16, "chasing": 40,
    "shared_phone": 20, "alarming_words": 20,
}  # fmt: skip
_USUAL = 120.0
_CASES_A_DEMAND = 1000 / 120
# Of all voices; the rest of the dirt is the speaker's.
_RETURNS, _TWICE, _LATE, _FLAWED, _CHASED = 0.06, 0.01, 0.01, 0.002, 0.03
_REPEATERS = 150  # people who are heard of again and again
_AHEAD = timedelta(days=50)  # how long before its end a planted event may begin
_PLANTED_FROM = 500_000  # serial numbers that no day of its own reaches


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the county is; one number, from which the others follow.

    Attributes:
        demands_a_day: On all channels, over a year.
        cases_a_day: Of the eagle-eye; None: as many as go with the demands.
        planted: Times the usual number of planted events; None: as many as go with the demands.
    """

    demands_a_day: float = _USUAL
    cases_a_day: float | None = None
    planted: float | None = None

    @property
    def cases(self) -> float:
        return self.cases_a_day if self.cases_a_day is not None else self.demands_a_day * _CASES_A_DEMAND

    @property
    def events(self) -> float:
        return self.planted if self.planted is not None else self.demands_a_day / _USUAL


class World:
    """The county from one day on.

    Args:
        seed: The same seed, scale and start say the same.
        start: Its first day.
        days: How many.
    """

    def __init__(self, seed: int, start: date, days: int = 365, scale: Scale | None = None) -> None:
        self.seed, self.start, self.days = seed, start, days
        self.scale = scale if scale is not None else Scale()
        self.truth = Truth(keeps_people=False)
        self._speaker = Speaker(seed)
        self._cases = Cases(self._speaker.people)
        self._events = Events(self._speaker, self._cases)
        self._inspecting = Inspecting(self._speaker)
        self._usual = _usual_days(start, days)
        self._plan = self._planned()
        self._waiting: list[tuple[datetime, int, Happening]] = []
        self._order = 0

    @property
    def planted(self) -> Planted:
        """The truth about everything that was given out so far, and about what has begun."""
        return self.truth.planted

    @property
    def unfinished(self) -> int:
        """How much waits for its time."""
        return len(self._waiting)

    def stream(self) -> Iterator[Happening]:
        """Everything, in the order in which sources hear of it; ends with the last day, and what would come later is left out."""
        for number in range(self.days):
            day = self.start + timedelta(days=number)
            self._begin(day)
            yield from self._until(datetime.combine(day + timedelta(days=1), time(), COUNTY_ZONE))

    def _until(self, end: datetime) -> Iterator[Happening]:
        while self._waiting and self._waiting[0][0] < end:
            one = heapq.heappop(self._waiting)[2]
            self.truth.heard((one,))
            yield one

    def _begin(self, day: date) -> None:
        rng = random.Random(f"{self.seed}:day:{day.isoformat()}")
        self._wait(self._voices(rng, day))
        if is_working_day(day):
            self._wait(self._monitored(rng, day))
            self._wait(self._inspecting.on(rng, day))
        for place, kind in self._plan.get(day, ()):
            end = datetime.combine(day, time(17, 30), COUNTY_ZONE) + _AHEAD
            chance = random.Random(f"{self.seed}:planted:{place}")
            event, happenings = self._events.kinds[kind](chance, Serials(_PLANTED_FROM + place * 200), end)
            self.truth.plant(event)
            self._wait(happenings)

    def _wait(self, happenings: Iterable[Happening]) -> None:
        for one in happenings:
            self._order += 1
            heapq.heappush(self._waiting, (one.changed_at, self._order, one))

    # --- voices --------------------------------------------------------------------------------------------------

    def _voices(self, rng: random.Random, day: date) -> Iterator[Happening]:
        serials = Serials()
        for channel, share in SHARES.items():
            mean = self.scale.demands_a_day * share * on_day(channel, day) / self._usual[channel]
            for _ in range(how_many(rng, mean)):
                voice = self._voice(rng, serials, channel, day)
                if rng.random() < _FLAWED:
                    yield replace(voice, flaw=rng.choice(flaws.VOICES[channel]), enterprise=None)
                    continue
                yield voice
                states = list(self._speaker.later_states(rng, voice))
                yield from states
                if channel == "hotline" and len(states) > 1 and rng.random() < _CHASED:
                    yield self._speaker.chase(
                        rng, serials(channel), voice, later(voice.at, hours=rng.uniform(20, 90))
                    )
                if channel == "hotline" and rng.random() < _TWICE:
                    yield self._by_another_way(rng, serials, voice)

    def _voice(self, rng: random.Random, serials: Serials, channel: str, day: date) -> Voice:
        moment = moment_on(rng, channel, day)
        if rng.random() < _RETURNS:
            # Somebody who is often heard of, and mostly of one and the same thing.
            person = self._speaker.people.person(rng.randrange(_REPEATERS) * 4)
            own = random.Random(f"{self.seed}:cause:{person.number}")
            subject = item_subject(own) if own.random() < 0.3 else town_subject(own, day.month)
            voice = self._speaker.voice(
                rng, channel, serials(channel), moment, person=person, subject=subject
            )
        else:
            voice = self._speaker.voice(rng, channel, serials(channel), moment)
        if rng.random() < _LATE:
            voice = replace(voice, changed_at=later(voice.at, hours=rng.uniform(3, 72)))
        return voice

    def _by_another_way(self, rng: random.Random, serials: Serials, voice: Voice) -> Voice:
        """The same matter, said at the portal by the same person a little later."""
        moment = later(voice.at, minutes=rng.uniform(5, 300))
        again = self._speaker.voice(
            rng, "portal", serials("portal"), moment, person=voice.person, subject=voice.subject, place=voice.place,
            words=voice.words, kind=voice.kind, title=voice.title,
        )  # fmt: skip
        self.truth.plant(event_of("two_ways", (voice, again), ()))
        return again

    # --- cases ---------------------------------------------------------------------------------------------------

    def _monitored(self, rng: random.Random, day: date) -> Iterator[Happening]:
        serials = Serials()
        mean = self.scale.cases * on_day("eagle_eye", day) / self._usual["eagle_eye"]
        for _ in range(how_many(rng, mean)):
            life: list[CaseNews | RatingNews] = self._cases.life(
                rng, serials("case"), moment_on(rng, "eagle_eye", day)
            )
            if rng.random() < _FLAWED:
                kind = "rating" if isinstance(life[-1], RatingNews) else "case"
                life[-1] = flawed(life[-1], rng.choice(flaws.MONITORED[kind]))  # type: ignore[assignment]
                life = life if kind == "rating" else life[-1:]
            yield from life
            if rng.random() < 0.01:
                first = life[0]
                yield self._cases.monitor(
                    rng, serials("event"), life[-1].changed_at, first if isinstance(first, CaseNews) else None
                )

    # --- what is planted -----------------------------------------------------------------------------------------

    def _planned(self) -> dict[date, list[tuple[int, str]]]:
        """Day on which an event begins to be made -> which ones; each has ended within the county's time."""
        rng = random.Random(f"{self.seed}:plan")
        plan: dict[date, list[tuple[int, str]]] = {}
        room, place = self.days - _AHEAD.days, 0
        if room <= 0:
            return plan
        for kind, a_year in A_YEAR.items():
            for _ in range(max(1, round(a_year * self.scale.events * room / 365))):
                plan.setdefault(self.start + timedelta(days=rng.randrange(room)), []).append((place, kind))
                place += 1
        return plan


def _usual_days(start: date, days: int) -> Mapping[str, float]:
    """Channel -> the mean over these days of what a day has, so that the demands of a year come out as asked for."""
    all_days = [start + timedelta(days=number) for number in range(days)]
    channels = (*SHARES, "eagle_eye")
    return {channel: max(0.01, sum(on_day(channel, day) for day in all_days) / days) for channel in channels}


def year(seed: int, scale: Scale | None = None, start: date = date(2025, 11, 24)) -> World:
    """A county for a year: ``year(7).stream()`` gives all of it in the order of time."""
    return World(seed, start, 365, scale)
