"""How sources write things down: local times, masked names and numbers, and the untidiness of real records."""

from __future__ import annotations

from datetime import datetime

from hub.clock import COUNTY_ZONE
from hub.county.world.people import Person
from hub.county.world.voices import Voice

# Days since 1899-12-30, as spreadsheets count them.
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's times are local


def local(moment: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` in the county's zone, without the zone, as every source of the county writes it."""
    return f"{moment.astimezone(COUNTY_ZONE):%Y-%m-%d %H:%M:%S}"


def day(moment: datetime) -> str:
    """``yyyy-MM-dd`` in the county's zone."""
    return f"{moment.astimezone(COUNTY_ZONE):%Y-%m-%d}"


def serial(moment: datetime) -> str:
    """The number of the day with its fraction, as a spreadsheet shows a date whose format was lost."""
    naive = moment.astimezone(COUNTY_ZONE).replace(tzinfo=None, microsecond=0)
    return f"{(naive - _DAY_ZERO).total_seconds() / 86_400:.10f}"


def masked_phone(phone: str) -> str:
    """``138****5678``."""
    return f"{phone[:3]}****{phone[-4:]}"


def masked_id(number: str) -> str:
    """``411521********1234``."""
    return f"{number[:6]}********{number[-4:]}"


def masked_name(person: Person) -> str:
    """``张**``."""
    return person.name[0] + "*" * (len(person.name) - 1)


def untidy(voice: Voice) -> str:
    """The voice's words with the untidiness that its source lets through."""
    words = voice.words
    if "html" in voice.dirt:
        words = f"<p>{words}</p><br/>&nbsp;"
    if "spaces" in voice.dirt:
        words = f"  {words}\u3000"
    return words
