"""The truth about a simulated county: what was planted, who and where it was, and which rules should see it. JSON throughout.

It names no threshold: it says what happened. ``must_fire`` False marks a look-alike, of which the named rules must say nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pydantic import AwareDatetime, BaseModel, ConfigDict

from hub.county.world.people import Person
from hub.county.world.voices import Happening, Voice


class PlantedEvent(BaseModel):
    """One event.

    Attributes:
        kind: As ``same_person``, ``danger``; `hub.county.world.events` has the list.
        numbers: (channel, the source's number) of the records that make it up, in their order.
        people: Numbers of the residents, each once.
        place: Code of the place, where it has one.
        category: Of the trouble.
        rules: Ids of the rules that should see it, or, for a look-alike, should not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    numbers: tuple[tuple[str, str], ...]
    people: tuple[int, ...]
    place: str | None
    category: str
    since: AwareDatetime
    until: AwareDatetime
    rules: tuple[str, ...]
    must_fire: bool = True
    note: str = ""


def event_of(
    kind: str, voices: Iterable[Happening], rules: Iterable[str], *, must_fire: bool = True, note: str = ""
) -> PlantedEvent:
    """The event that these records make up."""
    told = list(voices)
    spoken = [one for one in told if isinstance(one, Voice)]
    first = spoken[0] if spoken else None
    return PlantedEvent(
        kind=kind,
        numbers=tuple(dict.fromkeys((one.channel, one.number) for one in told)),
        people=tuple(dict.fromkeys(one.person.number for one in spoken)),
        place=first.place.code if first is not None else None,
        category=first.subject.name if first is not None else "",
        since=min(one.changed_at for one in told),
        until=max(one.changed_at for one in told),
        rules=tuple(rules),
        must_fire=must_fire,
        note=note,
    )


class Planted(BaseModel):
    """Everything that was planted so far.

    Attributes:
        events: In the order in which they were planted.
        bad: Channel -> records that no mapping can use, and that must be set aside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: tuple[PlantedEvent, ...] = ()
    bad: dict[str, int] = {}

    def of(self, *kinds: str) -> list[PlantedEvent]:
        """The events of these kinds."""
        return [one for one in self.events if one.kind in kinds]


class Truth:
    """Gathers what was planted while it is planted.

    Attributes:
        people: Everybody who has spoken, unless they are too many to be kept; their data must never stand anywhere in plain.
    """

    def __init__(self, *, keeps_people: bool = True) -> None:
        self._keeps_people = keeps_people
        self.events: list[PlantedEvent] = []
        self.bad: Counter[str] = Counter()
        self.people: dict[int, Person] = {}

    def plant(self, event: PlantedEvent) -> None:
        """Adds an event."""
        self.events.append(event)

    def heard(self, happenings: Iterable[Happening]) -> None:
        """Counts what arrives: bad records, and who speaks."""
        for one in happenings:
            if one.flaw is not None:
                self.bad[one.channel] += 1
            for person in _people(one) if self._keeps_people else ():
                self.people[person.number] = person

    @property
    def planted(self) -> Planted:
        return Planted(events=tuple(self.events), bad=dict(sorted(self.bad.items())))


def _people(one: Happening) -> list[Person]:
    if isinstance(one, Voice):
        return [one.person]
    found = (getattr(one, "applicant", None), getattr(one, "rater", None))
    return [person for person in found if person is not None]
