"""What every site keeps to: it starts, takes in what arrives, tells how hub.yaml names it, and stops without a trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hub.clock import Clock
from hub.county.world.voices import Happening


@dataclass(frozen=True, slots=True)
class Ground:
    """What a site stands on.

    Attributes:
        home: The county's folder; a site that keeps files makes one of its own in it.
        secrets: Name -> value; those that the site named in ``secrets``.
    """

    home: Path
    clock: Clock
    secrets: Mapping[str, str]


class Site(ABC):
    """One channel's source.

    Attributes:
        channel: Whose source it is; the county's hub knows it under the name that `hub.county.sites.SITES` gives it.
        owner: Who keeps it in the county.
        secrets: Names of the secrets that it shares with the hub.
    """

    channel: ClassVar[str]
    owner: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]] = ()

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    @abstractmethod
    def start(self) -> None:
        """Begins to serve."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it and frees everything; safe to repeat."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """The channel's settings in hub.yaml; asked after `start`."""

    @abstractmethod
    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """Takes in what happened, in its order.

        Args:
            happenings: Of this channel only.
            number: Of the batch, from 0 on.
            again: The county is started once more: what the site keeps on disk is there already.

        Returns:
            How many records the source now has to show for it.
        """
