"""The hub's own rules, a file for each kind of trouble.

They use what every plugin's author may use: `hub.sdk`, the models and pure functions of `hub.text` and `hub.detect`, and no more.
"""

from __future__ import annotations

from hub.builtin.rules.again import ComesBack, ComesBackParams
from hub.builtin.rules.counts import FrequentProblem
from hub.builtin.rules.grouped import (
    LastingGroup,
    LastingGroupParams,
    Petition,
    PetitionParams,
    SuddenGroup,
    SuddenGroupParams,
)
from hub.builtin.rules.intense import Intense, IntenseParams
from hub.builtin.rules.regions import BusyRegion
from hub.builtin.rules.repeated import RepeatedReporter, RepeatedReporterParams
from hub.builtin.rules.season import SeasonalRise
from hub.builtin.rules.spoken import OpinionOrIntegrity
from hub.builtin.rules.sudden import SensitiveSudden
from hub.builtin.rules.unresolved import UnresolvedAgain, UnresolvedAgainParams

RULES = (
    RepeatedReporter,
    SuddenGroup,
    LastingGroup,
    Petition,
    Intense,
    ComesBack,
    FrequentProblem,
    BusyRegion,
    SeasonalRise,
    SensitiveSudden,
    OpinionOrIntegrity,
    UnresolvedAgain,
)

__all__ = [
    "RULES",
    "BusyRegion",
    "ComesBack",
    "ComesBackParams",
    "FrequentProblem",
    "Intense",
    "IntenseParams",
    "LastingGroup",
    "LastingGroupParams",
    "OpinionOrIntegrity",
    "Petition",
    "PetitionParams",
    "RepeatedReporter",
    "RepeatedReporterParams",
    "SeasonalRise",
    "SensitiveSudden",
    "SuddenGroup",
    "SuddenGroupParams",
    "UnresolvedAgain",
    "UnresolvedAgainParams",
]
