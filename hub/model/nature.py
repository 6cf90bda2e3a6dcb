"""Whether a demand counts as voiced (有诉) or unvoiced (未诉)."""

from __future__ import annotations

from hub.model.codes import DemandType, Nature, Watch

_VOICED_TYPES = frozenset({DemandType.COMPLAINT, DemandType.REPORT, DemandType.HELP})
_UNVOICED_WATCHES = frozenset({Watch.OBSERVE, Watch.SUPERVISE, Watch.MONITOR, Watch.VISIT})


def nature_of(watch: Watch, demand_type: DemandType) -> Nature:
    """The nature that channel and type give before triage, which alone may change it.

    Source: R1: unvoiced is what watches 1, 2, 4 and 5 find, and consultations and suggestions; voiced is a complaint,
    a report, a request for help.
    """
    if watch in _UNVOICED_WATCHES or demand_type not in _VOICED_TYPES:
        return Nature.UNVOICED
    return Nature.VOICED
