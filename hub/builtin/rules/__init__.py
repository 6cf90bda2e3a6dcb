"""The hub's own rules, a file for each kind of trouble.

They use what every plugin's author may use: `hub.sdk`, the models and pure functions of `hub.text` and `hub.detect`, and no more.
"""

from __future__ import annotations

from hub.builtin.rules.counts import FrequentProblem
from hub.builtin.rules.regions import BusyRegion
from hub.builtin.rules.repeated import RepeatedReporter, RepeatedReporterParams
from hub.builtin.rules.season import SeasonalRise
from hub.builtin.rules.sudden import SensitiveSudden

RULES = (RepeatedReporter, FrequentProblem, BusyRegion, SeasonalRise, SensitiveSudden)

__all__ = [
    "RULES",
    "BusyRegion",
    "FrequentProblem",
    "RepeatedReporter",
    "RepeatedReporterParams",
    "SeasonalRise",
    "SensitiveSudden",
]
