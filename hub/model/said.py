"""All kinds of things that a source record may say."""

from __future__ import annotations

from collections.abc import Mapping

from hub.model.case import Case
from hub.model.demand import Demand
from hub.model.inspection import Finding, Inspection
from hub.model.monitor import MonitorEvent
from hub.model.observation import Observation
from hub.model.rating import Rating

Said = Demand | Case | Rating | Inspection | Finding | MonitorEvent

OBSERVATIONS: Mapping[str, type[Observation]] = {
    model.kind: model for model in (Case, Rating, Inspection, Finding, MonitorEvent)
}
KINDS: Mapping[str, type[Demand] | type[Observation]] = {"demand": Demand, **OBSERVATIONS}


def kind_of(said: Demand | Observation) -> str:
    """The slug of its kind, a key of `KINDS`."""
    return said.kind if isinstance(said, Observation) else "demand"
