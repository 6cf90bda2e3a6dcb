"""What is planted: troubles that somebody should see early, and look-alikes of which nobody should hear. Each with its truth.

How often, how many and how far apart is drawn from what such things are like in a county, and from no rule's parameter.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hub.county.world.cases import CaseFate, Cases
from hub.county.world.people import Person
from hub.county.world.planted import PlantedEvent, event_of
from hub.county.world.speaking import Speaker
from hub.county.world.subjects import (
    ITEM_SUBJECTS,
    Subject,
    item_subject,
    of_category,
    town_subject,
)
from hub.county.world.troubles import ALARMING_WORDS, DANGERS
from hub.county.world.voices import Happening, Voice, later
from hub.county.world.words import plain

Planting = tuple[PlantedEvent, list[Happening]]
SHARED_PHONES = ("0376-2112345", "13837600011", "0376-2100110")
"""The numbers of windows and of a village's cadre, which many people leave; the hub is told of them as a stop list."""


class Serials:
    """Numbers of a channel's records that no other record of the day bears.

    Args:
        first: The first one.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._used: Counter[str] = Counter()

    def __call__(self, channel: str) -> int:
        self._used[channel] += 1
        return self._first + self._used[channel]


class Events:
    """Plants one event at a time; all of it has happened at ``at``, the last of it shortly before."""

    def __init__(self, speaker: Speaker, cases: Cases) -> None:
        self._speaker = speaker
        self._cases = cases
        self.kinds: Mapping[str, Callable[[random.Random, Serials, datetime], Planting]] = {
            "same_person": self.same_person,
            "same_person_across": self.same_person_across,
            "many_at_once": self.many_at_once,
            "many_slowly": self.many_slowly,
            "declared_heads": self.declared_heads,
            "comes_back": self.comes_back,
            "frequent": self.frequent,
            "hot_area": self.hot_area,
            "danger": self.danger,
            "unresolved_again": self.unresolved_again,
            "bad_rating": self.bad_rating,
            "overdue": self.overdue,
            "near_due": self.near_due,
            "corrections": self.corrections,
            "chasing": self.chasing,
            "shared_phone": self.shared_phone,
            "alarming_words": self.alarming_words,
        }

    # --- one person ----------------------------------------------------------------------------------------------

    def same_person(
        self,
        rng: random.Random,
        serials: Serials,
        at: datetime,
        channel: str | None = None,
        subject: Subject | None = None,
    ) -> Planting:
        """同人多诉: one person comes back with one trouble, by one channel."""
        channel = channel or rng.choice(("portal", "app", "hotline"))
        subject = subject or item_subject(rng)
        person = self._speaker.people.anybody(rng)
        moments = _spread(rng, at, rng.randrange(4, 8), days=rng.uniform(9, 22))
        voices = [
            self._again(rng, serials, channel, moment, person, subject, visit)
            for visit, moment in enumerate(moments, 1)
        ]
        return event_of("same_person", voices, ("W01",)), [*voices]

    def same_person_across(
        self, rng: random.Random, serials: Serials, at: datetime, subject: Subject | None = None
    ) -> Planting:
        """同人多诉 by several channels: a telephone number here, an identity number there, and both at the portal."""
        subject = subject or item_subject(rng)
        person = self._speaker.people.anybody(rng)
        channels = ["portal", "hotline", "presubmission_window", "unresolved_window", "portal"]
        channels += [rng.choice(("hotline", "portal")) for _ in range(rng.randrange(0, 3))]
        moments = _spread(rng, at, len(channels), days=rng.uniform(10, 22))
        voices: list[Happening] = []
        for visit, (channel, moment) in enumerate(zip(channels, moments, strict=True), 1):
            voice = self._again(rng, serials, channel, moment, person, subject, visit)
            # The first visit bears both; later ones at the portal bear the identity number alone.
            voices.append(
                replace(
                    voice,
                    no_phone=channel == "portal" and visit > 1,
                    no_id=channel != "portal",
                    enterprise=None,
                )
            )
        return event_of("same_person_across", voices, ("W01",)), voices

    def chasing(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """One order, pressed for again and again (催单): no new demand. Look-alike of 同人多诉."""
        person = self._speaker.people.anybody(rng)
        subject = town_subject(rng, 6)
        first, *rest = _spread(rng, at, rng.randrange(4, 8), days=8)
        order = self._one(
            rng, serials, "hotline", first, person=person, subject=subject, anonymous=False, kind="投诉"
        )
        chases = [self._speaker.chase(rng, serials("hotline"), order, moment) for moment in rest]
        return event_of("chasing", (order, *chases), ("W01",), must_fire=False), [order, *chases]

    def shared_phone(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """Different people who leave the number of a window or a cadre. Look-alike of 同人多诉."""
        phone = rng.choice(SHARED_PHONES)
        voices: list[Happening] = []
        for moment in _spread(rng, at, rng.randrange(5, 9), days=12):
            channel = rng.choice(("hotline", "presubmission_window"))
            voices.append(
                self._one(
                    rng,
                    serials,
                    channel,
                    moment,
                    phone=phone,
                    anonymous=False,
                    no_phone=False,
                    dirt=frozenset(),
                )
            )
        return event_of("shared_phone", voices, ("W01",), must_fire=False), voices

    # --- many people ---------------------------------------------------------------------------------------------

    def many_at_once(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """多人同诉（突发）: neighbours, one trouble, within a day or so."""
        voices = self._many(rng, serials, at, rng.randrange(6, 16), days=rng.uniform(0.5, 1.2))
        return event_of("many_at_once", voices, ("W02a",)), voices

    def many_slowly(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """多人同诉（持续）: one trouble of one place, over a week."""
        voices = self._many(rng, serials, at, rng.randrange(8, 16), days=rng.uniform(4, 6.5))
        return event_of("many_slowly", voices, ("W02b",)), voices

    def declared_heads(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """联名: one caller speaks for many households."""
        heads = rng.randrange(12, 60)
        voice = self._one(
            rng,
            serials,
            "hotline",
            later(at, hours=-rng.uniform(1, 20)),
            heads=heads,
            anonymous=False,
            kind="投诉",
        )
        voice = replace(voice, words=f"我代表{voice.place.name}{heads}户居民反映：{voice.words}")
        return event_of("declared_heads", [voice], ("W02c",)), [voice]

    def comes_back(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """反复出现: told, closed as done, and told again by somebody else."""
        place, subject = self._speaker.places.any(rng), town_subject(rng, 6)
        trouble = rng.choice(subject.troubles)
        found: list[Happening] = []
        for moment in _spread(rng, at, rng.randrange(3, 5), days=45):
            voice = self._one(
                rng, serials, "hotline", moment, place=place, subject=subject, trouble=trouble, kind="投诉", anonymous=False,
            )  # fmt: skip
            closed = later(moment, days=rng.uniform(2, 6))
            found.append(voice)
            if closed < at:
                found.append(replace(voice, state="closed", changed_at=closed))
        return event_of("comes_back", found, ("W04",)), found

    def frequent(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """高频: one trouble all over the county for a week, as after a burst main."""
        subject = rng.choice([of_category(name) for name in ("供水服务", "供电服务", "公路管理", "通讯服务")])
        voices = [
            self._one(rng, serials, rng.choice(("hotline", "hotline", "app")), moment, subject=subject)
            for moment in _spread(rng, at, rng.randrange(35, 70), days=6)
        ]
        return event_of("frequent", voices, ("W05",)), [*voices]

    def hot_area(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """重点区域: a small town of which one hears all kinds of things within a month."""
        town = rng.choice(("庙仙乡", "定远乡", "山店乡", "灵山镇", "潘新镇"))
        places = [place for place in self._speaker.places.all if place.town == town]
        voices = [
            self._one(rng, serials, "hotline", moment, place=rng.choice(places))
            for moment in _spread(rng, at, rng.randrange(45, 80), days=26)
        ]
        return event_of("hot_area", voices, ("W06",)), [*voices]

    def _many(
        self, rng: random.Random, serials: Serials, at: datetime, count: int, days: float
    ) -> list[Happening]:
        place, subject = self._speaker.places.any(rng, "estate", "village"), town_subject(rng, 6)
        trouble = rng.choice(subject.troubles)
        neighbours = {self._speaker.people.anybody(rng).number: None for _ in range(count)}
        return [
            self._one(
                rng, serials, rng.choice(("hotline", "hotline", "app", "portal")), moment, person=replace(self._speaker.people.person(number), home=place),
                subject=subject, trouble=trouble, place=place, kind=rng.choice(("投诉", "求助")), anonymous=False,
            )
            for number, moment in zip(neighbours, _spread(rng, at, len(neighbours), days=days), strict=True)
        ]  # fmt: skip

    # --- danger --------------------------------------------------------------------------------------------------

    def danger(
        self, rng: random.Random, serials: Serials, at: datetime, channel: str | None = None
    ) -> Planting:
        """敏感突发: somebody tells of a danger to life while it happens."""
        place = self._speaker.places.any(rng, "estate", "village")
        words = plain(rng.choice(DANGERS), rng, place)
        channel = channel or rng.choice(("hotline", "portal", "app"))
        moment = later(at, minutes=-rng.uniform(3, 15))
        voice = self._one(
            rng,
            serials,
            channel,
            moment,
            place=place,
            subject=of_category("消防安全"),
            words=words,
            kind="求助",
            urgent=3,
            anonymous=False,
            dirt=frozenset(),
        )
        return event_of("danger", [voice], ("W08",)), [voice]

    def alarming_words(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """Words about dangers of which none is happening. Look-alikes of 敏感突发."""
        voices: list[Happening] = []
        for pattern, moment in zip(
            ALARMING_WORDS, _spread(rng, at, len(ALARMING_WORDS), days=9), strict=True
        ):
            place = self._speaker.places.any(rng)
            channel = rng.choice(("hotline", "portal", "mailbox"))
            voices.append(
                self._one(
                    rng,
                    serials,
                    channel,
                    moment,
                    place=place,
                    subject=of_category("消防安全"),
                    words=plain(pattern, rng, place),
                    kind="建议",
                )
            )
        return event_of("alarming_words", voices, ("W08",), must_fire=False), voices

    # --- halls and cases -----------------------------------------------------------------------------------------

    def unresolved_again(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """办不成事: the same item again within weeks."""
        subject = rng.choice(ITEM_SUBJECTS)
        voices = [
            self._one(rng, serials, "unresolved_window", moment, subject=subject, enterprise=None)
            for moment in _spread(rng, at, rng.randrange(3, 6), days=18)
        ]
        return event_of("unresolved_again", voices, ("W10",)), [*voices]

    def bad_rating(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """差评: a case is rated 1 or 2."""
        fate = CaseFate(late_days=-1, level=rng.choice((1, 2)))
        news = self._life(rng, serials, at, fate)
        return event_of("bad_rating", news[-1:], ("W11",)), news

    def overdue(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """超期: a case that ended, or is still in hand, after its promised term."""
        news = self._life(rng, serials, at, CaseFate(late_days=rng.uniform(3, 9), level=0))
        return event_of("overdue", news[-1:], ("E02", "E03")), news

    def near_due(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """即将超期: a case in hand whose term ends tomorrow."""
        item = rng.choice(
            [one.item for one in ITEM_SUBJECTS if one.item is not None and one.item.promised_days >= 5]
        )
        applied = later(at, days=-(item.promised_days * 7 / 5 - 0.8))
        news: list[Happening] = [*self._cases.life(rng, serials("case"), applied, CaseFate(open=True), item)]
        return event_of("near_due", news[-1:], ("E01",)), news

    def corrections(self, rng: random.Random, serials: Serials, at: datetime) -> Planting:
        """多次补正: material asked for twice and three times."""
        news = self._life(rng, serials, at, CaseFate(late_days=-1, corrections=rng.choice((2, 3)), level=0))
        return event_of("corrections", news[-1:], ("E06",)), news

    def _life(self, rng: random.Random, serials: Serials, at: datetime, fate: CaseFate) -> list[Happening]:
        """A case's life that has ended at ``at``."""
        items = [
            one.item for one in ITEM_SUBJECTS if one.item is not None and 1 <= one.item.promised_days <= 7
        ]
        begun = later(at, days=-24 - rng.uniform(0, 3))
        return [*self._cases.life(rng, serials("case"), begun, fate, rng.choice(items))]

    # --- voices --------------------------------------------------------------------------------------------------

    def _one(
        self, rng: random.Random, serials: Serials, channel: str, at: datetime, **fields: object
    ) -> Voice:
        return self._speaker.voice(rng, channel, serials(channel), at, **fields)  # type: ignore[arg-type]

    def _again(
        self,
        rng: random.Random,
        serials: Serials,
        channel: str,
        at: datetime,
        person: Person,
        subject: Subject,
        visit: int,
    ) -> Voice:
        told: dict[str, object] = {
            "enterprise": None,
            "anonymous": False,
            "kind": "投诉",
            "dirt": frozenset(),
            "no_phone": False,
        }
        voice = self._one(
            rng, serials, channel, at, person=person, subject=subject, place=person.home, **told
        )
        head = rng.choice((f"第{visit}次反映：", "还是上次的事，", f"这已经是第{visit}次了，", ""))
        return replace(
            voice,
            words=head + voice.words,
            returns=max(2, visit - 1) if channel == "presubmission_window" else 0,
        )


def _spread(rng: random.Random, until: datetime, count: int, *, days: float) -> Sequence[datetime]:
    """Moments in the days before ``until``, ascending; the last within a few hours of it."""
    back = sorted((rng.uniform(0.02, days) for _ in range(count - 1)), reverse=True)
    return [later(until, days=-one) for one in (*back, rng.uniform(0.005, 0.02))]
