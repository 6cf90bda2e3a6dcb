"""What a record may say beside demands: cases, ratings, inspections, findings, monitor events; and what of it is personal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from hub.model.demand import Emitted, SourceNo


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field whose value names or reaches a person: it is sealed and stands in no column."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Marks a field in which people write what they like: sealed as it came, and its masked copy in the column."""


PERSONAL = Personal()
PROSE = Prose()

Text = Annotated[str, StringConstraints(max_length=20_000)]
Words = Annotated[str | None, PROSE, StringConstraints(max_length=200_000)]
Person = Annotated[str | None, PERSONAL, StringConstraints(max_length=2_000)]


class Part(Emitted):
    """A thing within an observation, such as one step of a case."""


class Observation(Emitted):
    """Base of what a record says that is no demand.

    Attributes:
        kind: Slug; the store keeps each kind apart.
        source_no: The source's own stable number of this thing, unique within its stream. The first thing that a record
            says bears the record's number.
        deleted: The source says that it is gone.
        quality: Soft flags, such as ``FUTURE_TIME``.
    """

    kind: ClassVar[str]

    source_no: SourceNo
    deleted: bool = False
    quality: tuple[str, ...] = ()
