"""The hub's own rules, a file for each kind of trouble.

They use what every plugin's author may use: `hub.sdk`, the models and pure functions of `hub.text` and `hub.detect`, and no more.
"""

from __future__ import annotations

from hub.builtin.rules.again import ComesBack
from hub.builtin.rules.case_conduct import (
    CorrectionAfterAcceptance,
    ManyCorrections,
    UnreasonedRefusal,
    WrongFees,
)
from hub.builtin.rules.case_counts import ManyRefusals, OddVolume
from hub.builtin.rules.case_deadline import CaseDeadline
from hub.builtin.rules.case_haste import ApprovedInHaste
from hub.builtin.rules.case_logic import Contradiction
from hub.builtin.rules.case_steps import InstantLate, NodeTimeout, Undecided
from hub.builtin.rules.case_suspension import OddSuspension
from hub.builtin.rules.counts import FrequentProblem
from hub.builtin.rules.gathering import DenseWarnings, SeveralWatches
from hub.builtin.rules.grouped import LastingGroup, SuddenGroup
from hub.builtin.rules.inspecting import GroupRisk, MissedRounds, UnrectifiedFinding
from hub.builtin.rules.intense import Intense
from hub.builtin.rules.orders_due import OrderOverdue
from hub.builtin.rules.petition import Petition
from hub.builtin.rules.ratings import BadRating, OddRatings, RatedTooSoon, UnrectifiedRating
from hub.builtin.rules.regions import BusyRegion
from hub.builtin.rules.repeated import RepeatedReporter
from hub.builtin.rules.season import SeasonalRise
from hub.builtin.rules.spoken import OpinionOrIntegrity
from hub.builtin.rules.sudden import SensitiveSudden
from hub.builtin.rules.unresolved import UnresolvedAgain
from hub.builtin.rules.window_norms import WindowNorms

DEMAND_RULES = (
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
"""What citizens' and businesses' demands are judged by."""

CASE_RULES = (
    CaseDeadline,
    NodeTimeout,
    Undecided,
    ManyCorrections,
    CorrectionAfterAcceptance,
    UnreasonedRefusal,
    WrongFees,
    OddSuspension,
    ManyRefusals,
    InstantLate,
    ApprovedInHaste,
    OddVolume,
    Contradiction,
    WindowNorms,
    BadRating,
    UnrectifiedRating,
    OddRatings,
    RatedTooSoon,
)
"""What the eagle-eye's data are judged by; each says whether it looks before, during or after the handling (R36)."""

RULES = (
    *DEMAND_RULES,
    *CASE_RULES,
    MissedRounds,
    UnrectifiedFinding,
    GroupRisk,
    OrderOverdue,
    DenseWarnings,
    SeveralWatches,
)
