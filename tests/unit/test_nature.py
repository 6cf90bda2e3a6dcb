"""有诉 or 未诉 (R1): the table by watch and type, before triage."""

from __future__ import annotations

import pytest

from hub.model.codes import DemandType, Nature, Watch
from hub.model.nature import nature_of

CALLED = (Watch.INSIGHT, Watch.DISCERN)
"""The platforms (三) and the hotline (六): what comes there by itself."""


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("watch", list(Watch))
@pytest.mark.parametrize("kind", list(DemandType))
def test_what_citizens_complain_of_or_ask_help_for_is_voiced_and_everything_else_is_not(
    watch: Watch, kind: DemandType
) -> None:
    voiced = watch in CALLED and kind in (DemandType.COMPLAINT, DemandType.REPORT, DemandType.HELP)
    assert nature_of(watch, kind) is (Nature.VOICED if voiced else Nature.UNVOICED)
