"""Place: finds where each demand happened, before the rules see it; and again when the gazetteer changes.

Part of evaluate, for rules must see the place, in short transactions of its own: no rule, however slow, keeps a source's newer
record waiting for a row. Safe to run again and beside itself: no gazetteer changes while demands are placed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.model.place import is_region_code, significant
from hub.pipeline import category
from hub.pipeline.intake import read_personal
from hub.store import landing, places, work
from hub.store.engine import Connection
from hub.store.places import Found, Standing
from hub.text.places import Gazetteer, Outcome

if TYPE_CHECKING:
    from hub.pipeline.deps import PipelineDeps
    from hub.seal import Sealer

CONFLICT = "PLACE_REGION_CONFLICT"
UNKNOWN = "UNKNOWN_REGION"
_OWN_FLAGS = (CONFLICT, UNKNOWN)
_TOWN_DIGITS = 9


@dataclass(slots=True)
class PlaceBook:
    """The gazetteer of this process, read again when another version stands; one for all its threads."""

    _version: int = 0
    _gazetteer: Gazetteer = field(default_factory=lambda: Gazetteer((), ()))
    _lock: Lock = field(default_factory=Lock)

    def current(self, connection: Connection) -> Gazetteer | None:
        """The gazetteer that stands now; None where there never was one."""
        version = places.version(connection)
        if version == 0:
            return None
        with self._lock:
            if version != self._version:
                self._gazetteer = Gazetteer(*places.load(connection))
                self._version = version
            return self._gazetteer


def prepare(deps: PipelineDeps) -> dict[str, int]:
    """Finds place, then category, of what is new or changed, a batch of work rows; the rules may have it then.

    Returns:
        How many changed: ``placed`` and ``categorized``.
    """
    now = deps.clock.now()
    with deps.store.begin() as connection:
        jobs = work.claim_unplaced(connection, now, deps.settings.batch)
        if not jobs:
            return {}
        placed = sum(len(_settle(deps, connection, demand_ids, now)) for _, demand_ids in jobs)
        # All at once: what two rows hold is decided once.
        everybody = sorted({demand_id for _, demand_ids in jobs for demand_id in demand_ids})
        categorized = len(category.settle(deps, connection, everybody, now))
        work.mark_placed(connection, [work_id for work_id, _ in jobs])
        return {"placed": placed, "categorized": categorized}


def rework(deps: PipelineDeps) -> dict[str, int] | None:
    """One row of what waits for a new gazetteer, or else for a new catalogue or model, in a transaction of its own; what changes waits for the rules again.

    Returns:
        How many changed: ``placed``, or ``categorized``; None when nothing is due.
    """
    now = deps.clock.now()
    with deps.store.begin() as connection:
        claimed = places.claim(connection, now)
        if claimed is not None:
            work_id, demand_ids = claimed
            changed = _settle(deps, connection, demand_ids, now, again=True)
            if changed:
                landing.push_evaluate_work(connection, changed, now)
            places.done(connection, work_id)
            return {"placed": len(changed)}
    categorized = category.rework(deps)
    return None if categorized is None else {"categorized": categorized}


def _settle(
    deps: PipelineDeps,
    connection: Connection,
    demand_ids: Sequence[str],
    now: datetime,
    *,
    again: bool = False,
) -> list[str]:
    """Finds the place of these demands anew; returns those of which it changed.

    Args:
        again: They may have been judged with what stands now, so that their former state goes into the history; without it
            only that of a demand that had a place.
    """
    gazetteer = deps.places.current(connection)
    if gazetteer is None:
        return []
    changed: list[Found] = []
    remembered: list[str] = []
    for one in places.take(connection, demand_ids, now):
        if "place_id" in one.confirmed:
            continue
        found = _found(gazetteer, deps.sealer, one)
        if found is None:
            continue
        changed.append(found)
        if again or one.place_id is not None or one.region_by_place:
            remembered.append(one.demand_id)
    if changed:
        places.write(connection, changed, now, remembered=remembered, by="place")
    return [one.demand_id for one in changed]


def _found(gazetteer: Gazetteer, sealer: Sealer, one: Standing) -> Found | None:
    """What the demand's place is; None when that is what stands."""
    said = None if one.region_by_place else one.region_code
    usable = said if said is not None and is_region_code(said) else None
    title, text, address = _words(sealer, one)
    placed = gazetteer.find(text=text, title=title, address=address, region_code=usable)
    region, by_place = said, False
    if said is None and placed.region_code is not None and "region_code" not in one.confirmed:
        # A county alone tells nothing.
        if len(significant(placed.region_code)) >= _TOWN_DIGITS:
            region, by_place = placed.region_code, True
    flags = [flag for flag in one.quality if flag not in _OWN_FLAGS]
    flags += [CONFLICT] if placed.conflict else []
    flags += [UNKNOWN] if usable is not None and gazetteer.knows_region(usable) is False else []
    candidates = list(placed.candidates) if placed.outcome is Outcome.OPEN else None
    found = Found(one.demand_id, placed.place_id, candidates, region, by_place, flags)
    stands = Found(
        one.demand_id, one.place_id, one.place_candidates, one.region_code, one.region_by_place, one.quality
    )
    return found if found != stands else None


def _words(sealer: Sealer, one: Standing) -> tuple[str, str, str | None]:
    """Title, text and address as they were said; the masked ones where the seal does not open."""
    try:
        personal = read_personal(sealer, one.sealed, one.demand_id)
    except HubError:
        # Names of places stand in the masked text too; whoever misses the key is told of it by `hub doctor`.
        return one.title, one.text, None
    return personal.get("title", ""), personal.get("content", ""), personal.get("address")
