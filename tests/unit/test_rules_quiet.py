"""Of a county's usual cases and ratings the eagle-eye's rules say nothing: a rule that is right about trouble must also be quiet without it."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.builtin.rules import CASE_RULES
from hub.clock import COUNTY_ZONE
from hub.county.render import eagle_eye as render
from hub.county.world.cases import CaseFate, Cases
from hub.county.world.rhythm import is_working_day, moment_on
from hub.county.world.speaking import Speaker
from hub.county.world.voices import RatingNews
from hub.sdk.rules import Seen
from hub_channel_eagle_eye.cases import case_of
from hub_channel_eagle_eye.codes import CodeTables, Device, Tables
from hub_channel_eagle_eye.fields import Fields, read_json
from hub_channel_eagle_eye.ratings import rating_of
from tests.support.observed_history import judged, thing

TABLES = Tables.of(CodeTables(), tuple(Device.model_validate(one) for one in render.DEVICES))
FIRST = datetime(2026, 8, 31, tzinfo=COUNTY_ZONE)


def fields(row: dict[str, Any]) -> Fields:
    return Fields(read_json(json.dumps(row).encode()), COUNTY_ZONE)


@pytest.fixture(scope="module")
def usual() -> list[Seen]:
    """Forty cases on each working day of five weeks, before and after a holiday, as the channel reads them; none rated badly."""
    rng = random.Random(4)
    cases = Cases(Speaker(3).people)
    found: dict[str, Seen] = {}
    for number in range(35 * 40):
        day = (FIRST + timedelta(days=number // 40)).date()
        if not is_working_day(day):
            continue
        fate = CaseFate(
            corrections=int(rng.random() < 0.06),
            suspended=rng.random() < 0.03,
            level=rng.choice((0, 3, 4, 5, 5)),
        )
        applied_at = moment_on(rng, rng.choice(["presubmission_window", "portal"]), day)
        for one in cases.life(rng, number, applied_at, fate):
            if isinstance(one, RatingNews):
                what: Any = rating_of(fields(render.rating(one)), TABLES, one.number)
            else:
                what = case_of(fields(render.case(one)), TABLES, one.number, one.changed_at)
            found[one.number] = thing(what.kind, what, one.number)
    return list(found.values())


@pytest.mark.parametrize("rule", CASE_RULES, ids=lambda rule: rule.rule_id)
def test_of_usual_cases_and_ratings_a_rule_says_nothing(rule, usual) -> None:
    assert len(usual) > 1_500
    drafts, _ = judged(rule(), FIRST + timedelta(days=39), usual)
    assert [(one.key, one.summary) for one in drafts] == []
