"""The hub's own rules by themselves: each border from both sides, and what holds for any demands at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules.repeated import RepeatedReporter, RepeatedReporterParams
from hub.builtin.rules.sudden import SensitiveSudden
from hub.model.codes import Level
from hub.model.demand import DemandFacts
from hub.sdk.rules import AffectedKey
from tests.support.kept import Kept, told
from tests.unit.lexicon_heldout import EMERGENCIES

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def facts(at: datetime = START, *, no: str = "A", **fields) -> DemandFacts:
    return told(at, no=no, **{"reporter_key": "k1:somebody", "item_name": "社会保障卡补领", **fields})


def repeated(demands: list[DemandFacts], **params):
    rule = RepeatedReporter(RepeatedReporterParams(**params))
    key = AffectedKey("k1:somebody", START, START + 200 * DAY)
    history: Any = Kept(*demands)
    return list(rule.evaluate([key], history))


def at_days(*days: float) -> list[DemandFacts]:
    return [facts(START + DAY * day, no=f"N{place:03d}") for place, day in enumerate(days)]


def test_two_bursts_far_apart_are_two_episodes() -> None:
    first, second = repeated(at_days(0, 1, 2, 100, 101, 102, 103))
    assert (first.value, second.value) == (3, 4)
    assert first.demand_ids == ("N000", "N001", "N002")
    assert first.window_from == START
    assert first.window_to == START + 2 * DAY + timedelta(microseconds=1)


def test_windows_that_share_a_demand_are_one_episode_and_its_value_is_the_fullest_window() -> None:
    (episode,) = repeated(at_days(0, 10, 29, 35, 40, 58))
    assert len(episode.demand_ids) == 6
    assert episode.value == 4  # days 10 to 35, and 29 to 58: no window of 30 days holds more


def test_windows_that_touch_without_sharing_a_demand_are_two_episodes() -> None:
    assert len(repeated(at_days(0, 1, 2, 32, 33, 34))) == 2
    assert len(repeated(at_days(0, 1, 2, 31.9, 32, 33))) == 2  # from day 2 on only two in thirty days
    assert len(repeated(at_days(0, 1, 2, 31.8, 31.9, 32))) == 1  # from day 2 on three


def test_a_demand_of_nobody_known_and_an_urging_have_no_key() -> None:
    rule = RepeatedReporter()
    assert list(rule.keys(facts(reporter_key=None))) == []
    assert list(rule.keys(facts(chases_open_order=True))) == []
    assert list(rule.keys(facts())) == ["k1:somebody"]


def test_grave_below_the_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be below threshold"):
        RepeatedReporterParams(threshold=5, grave=4)


moments = st.lists(st.integers(0, 120 * 24), min_size=0, max_size=25).map(
    lambda hours: [START + timedelta(hours=hour) for hour in hours]
)


@given(moments)
def test_every_qualifying_window_lies_in_exactly_one_episode_and_every_episode_is_made_of_them(
    times: list[datetime],
) -> None:
    demands = [facts(moment, no=f"N{place:03d}") for place, moment in enumerate(times)]
    episodes = repeated(demands)
    named = [demand_id for episode in episodes for demand_id in episode.demand_ids]
    assert len(named) == len(set(named))
    windows = [
        {one.demand_id for one in demands if start <= one.submitted_at < start + 30 * DAY}
        for start in {one.submitted_at for one in demands}
    ]
    qualifying = [window for window in windows if len(window) >= 3]
    for window in qualifying:
        assert sum(window <= set(episode.demand_ids) for episode in episodes) == 1
    assert set(named) == set().union(*qualifying)
    for episode in episodes:
        mine = [window for window in qualifying if window <= set(episode.demand_ids)]
        assert episode.value == max(map(len, mine))
        assert (episode.level is Level.GRAVE) == (episode.value >= 6)


def sudden(text: str, title: str = ""):
    demand = facts(text=text, title=title)
    rule = SensitiveSudden()
    keys = [AffectedKey(key, START, START) for key in rule.keys(demand)]
    history: Any = Kept(demand)
    return list(rule.evaluate(keys, history)) if keys else []


@pytest.mark.parametrize("text", EMERGENCIES[:5])
def test_a_present_emergency_is_issued_by_itself_and_no_word_of_it_is_repeated(text: str) -> None:
    (draft,) = sudden(text)
    assert draft.auto_issue
    assert draft.level is Level.GRAVE
    assert not any(text[place : place + 4] in draft.summary for place in range(len(text) - 3))


@pytest.mark.parametrize(
    ("text", "auto"), [("工人准备明天到县政府门口集体上访", False), ("不给钱我就跟你们同归于尽", False)]
)
def test_a_crowd_or_an_extreme_act_goes_to_triage(text: str, auto: bool) -> None:
    (draft,) = sudden(text)
    assert (draft.level, draft.auto_issue) == (Level.SERIOUS, auto)


def test_words_of_other_classes_raise_nothing_sudden() -> None:
    assert sudden("窗口人员推诿扯皮，我要在抖音曝光") == []


def test_a_title_of_its_own_is_read_too() -> None:
    assert sudden("请快来", title="人民桥下有人溺水，岸上没有人会游泳，快来人")


def test_a_title_cut_from_the_text_is_not_weighed_twice() -> None:
    text = "工人准备明天到县政府门口集体上访，请领导出面"
    (draft,) = sudden(text, title=text[:10])
    assert draft.value == 1


def test_signals_name_the_version_of_the_lexicon() -> None:
    (draft,) = sudden("工人准备明天到县政府门口集体上访")
    assert any(label.startswith("词库") for label in draft.labels)
