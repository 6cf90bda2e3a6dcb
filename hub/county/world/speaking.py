"""How a trouble becomes a voice: who says it, to which channel, in what words, with what left out; and how its state moves on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from hub.clock import COUNTY_ZONE
from hub.county.world.people import People, Person
from hub.county.world.places import Place, Places
from hub.county.world.subjects import Subject, item_subject, town_subject
from hub.county.world.troubles import Trouble
from hub.county.world.voices import Kind, State, Voice, later
from hub.county.world.words import say, signed

VOICED = ("hotline", "portal", "app", "mailbox", "presubmission_window", "unresolved_window")
_PREFIXES: Mapping[str, str] = {
    "portal": "ZX411521",
    "app": "AP411521",
    "presubmission_window": "YS411521",
    "unresolved_window": "BCS411521",
}
# Channel -> share of voices that are about a service item, and not about town or village.
_ABOUT_ITEMS: Mapping[str, float] = {"portal": 0.75, "app": 0.35, "hotline": 0.03, "mailbox": 0.5}
# Source: domain.md §5, the mix of a large city's hotline in 2024; at the windows nobody comes to ask.
_KINDS: Mapping[str, tuple[tuple[Kind, int], ...]] = {
    "hotline": (("咨询", 45), ("求助", 29), ("投诉", 9), ("建议", 12), ("举报", 2), ("表扬", 2), ("其他", 1)),
    "portal": (("咨询", 48), ("投诉", 22), ("求助", 14), ("建议", 14), ("表扬", 2)),
    "app": (("咨询", 30), ("投诉", 30), ("求助", 25), ("建议", 14), ("表扬", 1)),
    "mailbox": (("投诉", 45), ("建议", 20), ("咨询", 15), ("求助", 15), ("举报", 5)),
    "presubmission_window": (("建议", 50), ("投诉", 30), ("咨询", 20)),
    "unresolved_window": (("求助", 60), ("投诉", 40)),
}
_DIRT: Mapping[str, tuple[tuple[str, float], ...]] = {
    "hotline": (("html", 0.02), ("spaces", 0.1), ("signed", 0.1), ("caller_only", 0.15)),
    "portal": (("html", 0.2), ("masked", 0.5), ("signed", 0.15), ("spaces", 0.05)),
    "app": (("masked", 0.3), ("signed", 0.1), ("spaces", 0.1)),
    "mailbox": (("html", 0.25),),
    "presubmission_window": (("serial", 0.15), ("float", 0.15)),
    "unresolved_window": (("serial", 0.15), ("float", 0.15)),
}
# A state, and how many hours after the one before it comes: between the two, mostly nearer to the first.
_COURSE: tuple[tuple[State, float, float], ...] = (
    ("accepted", 0.05, 1),
    ("assigned", 0.2, 8),
    ("in_hand", 0.5, 20),
    ("answered", 8, 110),
    ("closed", 12, 80),
)
_COURSES: Mapping[str, tuple[State, ...]] = {
    "hotline": ("accepted", "assigned", "in_hand", "answered", "closed"),
    "portal": ("accepted", "answered"),
    "app": ("accepted", "in_hand", "answered", "closed"),
}
# The platform answers about half of all calls while the caller is on the line.
_ANSWERED_AT_ONCE = 0.5


class Speaker:
    """Makes voices.

    Args:
        seed: Any whole number; the same seed knows the same people and places.
    """

    def __init__(self, seed: int) -> None:
        self.places = Places(seed)
        self.people = People(seed, self.places)

    def voice(
        self,
        rng: random.Random,
        channel: str,
        serial: int,
        at: datetime,
        *,
        person: Person | None = None,
        subject: Subject | None = None,
        place: Place | None = None,
        words: str | None = None,
        trouble: Trouble | None = None,
        **fields: Any,
    ) -> Voice:
        """One voice.

        Args:
            serial: Under a million, and another for every voice of a channel on one day.
            person: None: anybody.
            subject: None: by the channel's mix and the month.
            place: None: often where the person lives.
            words: Instead of words from the grammar.
            trouble: One of the subject's; None: any of them.
            fields: Of `Voice`; they go before what chance would give.
        """
        at = at.replace(microsecond=0)
        local = at.astimezone(COUNTY_ZONE)
        is_given = person is not None
        person = person if person is not None else self.people.anybody(rng)
        subject = subject if subject is not None else _subject(rng, channel, local.month)
        place = place if place is not None else person.home if rng.random() < 0.6 else self.places.any(rng)
        said = say(rng, subject, place, person, month=local.month, trouble=trouble)
        dirt = frozenset(name for name, share in _DIRT[channel] if rng.random() < share)
        kinds = _KINDS[channel]
        kind = rng.choices([name for name, _ in kinds], [share for _, share in kinds])[0]
        text = words if words is not None else said.words
        if "signed" in dirt and "masked" not in dirt and words is None and channel != "hotline":
            text += signed(rng, person)
        voice = Voice(
            channel,
            number_of(channel, serial, local),
            at,
            at,
            person,
            subject,
            place,
            kind,
            said.title if words is None else words[:24],
            text,
            thing=said.thing if words is None else "",
            dirt=dirt,
            secret=rng.random() < 0.3,
            anonymous=channel == "hotline" and rng.random() < 0.04,
            no_id=channel not in ("portal", "app") or rng.random() < (0.2 if channel == "portal" else 0.8),
            no_phone=channel == "mailbox" and rng.random() < 0.4,
            returns=_returns(rng) if channel == "presubmission_window" else 0,
            state=_first_state(rng, channel),
        )
        if channel == "unresolved_window" and rng.random() < 0.3 and not is_given:
            enterprise = self.people.enterprise(person.number % 6_000)
            voice = replace(voice, enterprise=enterprise, person=enterprise.owner)
        if voice.subject.item is not None and channel in ("portal", "app") and rng.random() < 0.5:
            voice = replace(voice, case_no=case_number(serial, local))
        return replace(voice, **fields)

    def chase(self, rng: random.Random, serial: int, order: Voice, at: datetime) -> Voice:
        """The same caller presses for his order (催单): a record of its own, and no new demand."""
        return self.voice(
            rng,
            order.channel,
            serial,
            at,
            person=order.person,
            subject=order.subject,
            place=order.place,
            words=f"催办：{order.title}还没有处理，请催一下。",
            chases=True,
            previous=order.number,
            phone=order.phone,
            anonymous=False,
        )

    def later_states(self, rng: random.Random, voice: Voice) -> Iterator[Voice]:
        """The voice's states from the first one on, each under its own time; none where nobody goes on writing."""
        moment = voice.changed_at
        states = _COURSES.get(voice.channel, ())
        if voice.flaw is not None or voice.state == "closed":
            return
        if voice.channel == "hotline" and rng.random() < _ANSWERED_AT_ONCE:
            yield replace(voice, state="closed", changed_at=later(moment, minutes=rng.uniform(2, 30)))
            return
        for state, least, most in _COURSE:
            if state in states and rng.random() < 0.95:
                moment = later(moment, hours=rng.triangular(least, most, least))
                yield replace(voice, state=state, changed_at=moment)


def number_of(channel: str, serial: int, local: datetime) -> str:
    """A source's own number; a hotline's has eighteen digits."""
    if channel == "hotline":
        return f"{local:%y%m%d%H%M%S}{serial:06d}"
    if channel == "mailbox":
        return f"{local:%Y%m%d%H%M%S}.{serial:06d}"
    return f"{_PREFIXES[channel]}{local:%Y%m%d}{serial:06d}"


def case_number(serial: int, local: datetime) -> str:
    """The number of a case."""
    return f"411521{local:%y%m%d}{serial:06d}"


def _subject(rng: random.Random, channel: str, month: int) -> Subject:
    return item_subject(rng) if rng.random() < _ABOUT_ITEMS.get(channel, 1.0) else town_subject(rng, month)


def _returns(rng: random.Random) -> int:
    return rng.choice((0, 0, 1, 2, 2, 3))


def _first_state(rng: random.Random, channel: str) -> State:
    if channel == "unresolved_window":
        return rng.choice(("received", "assigned", "answered", "closed"))
    return "received"
