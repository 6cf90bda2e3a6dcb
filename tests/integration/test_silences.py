"""Silences, mutes and inhibition on a real store: what is held stays a signal, is counted, and is told when the cause ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import ConfigError, NotFound
from hub.model.codes import Level
from hub.model.holding import DANGER, SignalMatch
from hub.pipeline import holding, revoke, silence, tell, triage
from hub.sdk.rules import EVER
from hub.seal import KeyRing
from hub.store import silences
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, local, plugins_with
from tests.support.worded import Worded, worded

HOUR = timedelta(hours=1)
RULES = (
    worded("X05", "全县", Level.SERIOUS),
    worded("X06", "乡镇", Level.SERIOUS),
    worded("X08", "泄漏", Level.GRAVE, labels=(DANGER,)),
)
INHIBITS = [
    {
        "id": "county-over-towns",
        "source": {"rule_id": ["X05"]},
        "target": {"rule_id": ["X06"]},
        "equal": ["category"],
        "within": "region",
        "reason": "全县预警已发出",
    }
]


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock, plugins_with(*RULES))
    made.configure(COUNTY)
    return made


def seen(county: County, words: str, **fields: Any) -> None:
    county.judged(county.demand(text=words, **{"category": "供水", "region_code": "411521004", **fields}))


def silenced(county: County, hours: float = 1.0, **match: Any) -> str:
    return silence.add(
        county.deps,
        SignalMatch(**(match or {"rule_id": ("X06",)})),
        by="王科长",
        reason="管网改造，已公告",
        ends_at=county.clock.now() + hours * HOUR,
        max_level=Level.GRAVE,
    )


def wait_until(county: County, *when: int) -> None:
    county.clock.advance((local(*when) - county.clock.now()).total_seconds())


def held(county: County) -> dict[str, tuple[str, str]]:
    """Rule -> cause and reason of each signal that is held now."""
    with county.store.begin() as connection:
        found = silence.all_held(county.deps, connection)
    rules = {one.signal_id: one.rule_id for one in county.signals()}
    return {rules[signal_id]: (hold.cause.value, hold.reason) for signal_id, hold in found.items()}


def test_what_is_silenced_stays_a_signal_with_its_reason_and_is_issued_when_the_silence_ends(
    county: County,
) -> None:
    silenced(county)
    seen(county, "乡镇停水")
    assert county.triage().counts["warnings"] == 0
    assert county.signal().state == "open"
    assert held(county) == {"X06": ("silenced", "王科长：管网改造，已公告")}
    county.clock.advance(3599)
    assert county.triage().counts["warnings"] == 0
    county.clock.advance(1)
    assert county.triage().counts["warnings"] == 1
    assert held(county) == {}


def test_what_is_held_is_counted_by_its_cause_and_what_waits_for_a_person_is_not(county: County) -> None:
    def counted() -> dict[str, int]:
        with county.store.begin() as connection:
            found = holding.counted(county.deps.calendar, connection, county.clock.now())
        return {cause.value: count for cause, count in found.items() if count}

    silenced(county)
    seen(county, "乡镇停水")
    seen(county, "乡镇停水一日")
    seen(county, "工人准备明天到县政府门口集体上访", category="劳动")  # W08 群体: a person decides
    assert counted() == {"silenced": 2}
    county.clock.advance(3600)
    assert counted() == {}


def test_a_higher_card_is_seen_however_many_warnings_inhibit(county: County) -> None:
    seen(county, "泄漏")
    county.triage()
    county.clock.advance(1)
    for _ in range(3):
        seen(county, "全县停水")
    county.triage()
    (card,) = county.signals(rule="X08")
    with county.store.begin() as connection:
        found = silences.standing(
            connection,
            rules={"X05"},
            since=county.clock.now() - HOUR,
            keys=[card.key],
            card_rules={"X08"},
            most=2,
        )
    assert sorted(one.facts.rule_id for one in found) == ["X05", "X08"]


def test_a_silence_that_a_person_ends_holds_nothing_any_more(county: County) -> None:
    silence_id = silenced(county, 24)
    seen(county, "乡镇停水")
    county.triage()
    assert silence.expire(county.deps, silence_id, "李局长", "已恢复供水") is True
    assert silence.expire(county.deps, silence_id, "李局长", "已恢复供水") is False
    assert county.triage().counts["warnings"] == 1
    rows = county.rows(
        "SELECT action, actor, purpose FROM audit_log WHERE subject = :s", s=f"silence {silence_id}"
    )
    assert [tuple(row) for row in rows] == [
        ("silence.add", "王科长", "管网改造，已公告"),
        ("silence.expire", "李局长", "已恢复供水"),
    ]


def test_what_no_longer_stands_when_the_silence_ends_is_not_told(county: County) -> None:
    silenced(county)
    seen(county, "乡镇停水", no="A1")
    county.triage()
    county.receive(county.demand(text="乡镇停水", no="A1"), deleted=True)
    county.evaluate()
    county.clock.advance(3600)
    assert county.triage().counts["warnings"] == 0


def test_danger_to_life_is_issued_through_every_silence_and_mute(county: County) -> None:
    county.configure({**COUNTY, "mutes": [{**MUTE, "matches": {"rule_id": ["X08"]}, "max_level": 3}]})
    wait_until(county, 2026, 11, 29, 3, 0)  # a Sunday night
    silenced(county, 24, rule_id=("X08",))
    silenced(county, 24, category=("供水",))
    seen(county, "煤气泄漏")
    assert county.triage().counts["warnings"] == 1


def test_a_silence_by_region_or_signal_holds_what_it_names_and_nothing_else(county: County) -> None:
    seen(county, "乡镇停水")
    like = county.signal().signal_id
    silence.add(
        county.deps,
        SignalMatch(),
        by="王科长",
        reason="x",
        ends_at=county.clock.now() + HOUR,
        like_signal=like,
    )
    silenced(county, 1, region_code=("411521007",))
    seen(county, "乡镇停水二")
    seen(county, "乡镇停水三", region_code="411521007001")
    assert county.triage().counts["warnings"] == 1
    ((one,),) = county.rows(
        "SELECT s.nos FROM (SELECT array_agg(d.source_no) AS nos FROM signal g JOIN demand d ON d.demand_id = "
        "ANY(g.demand_ids) WHERE g.state = 'warned') s"
    )
    assert one == ["N000002"]


def test_a_person_may_issue_what_is_silenced(county: County) -> None:
    silenced(county)
    seen(county, "乡镇停水")
    decision = triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "仍须发出")
    assert decision.warning_no is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"by": " "}, "names the person"),
        ({"reason": ""}, "names the person"),
        ({"ends_at": timedelta(0)}, "ends after now"),
        ({"ends_at": timedelta(days=93)}, "within 92 days"),
        ({"match": SignalMatch()}, "names a rule"),
    ],
)
def test_a_silence_has_an_author_a_reason_an_end_and_says_what_it_means(county: County, change, said) -> None:
    given = {
        "match": SignalMatch(rule_id=("X06",)),
        "by": "王科长",
        "reason": "x",
        "ends_at": HOUR,
        **change,
    }
    with pytest.raises(ValueError, match=said):
        silence.add(
            county.deps,
            given["match"],
            by=given["by"],
            reason=given["reason"],
            ends_at=county.clock.now() + given["ends_at"],
        )
    assert county.value("SELECT count(*) FROM silence") == 0


def test_a_silence_like_an_unknown_signal_and_the_end_of_an_unknown_silence_are_refused(
    county: County,
) -> None:
    with pytest.raises(NotFound, match="hub signal list"):
        silence.add(
            county.deps,
            SignalMatch(),
            by="x",
            reason="x",
            ends_at=county.clock.now() + HOUR,
            like_signal="01NO",
        )
    with pytest.raises(NotFound, match="hub silence list"):
        silence.expire(county.deps, "01NO", "x", "x")


# --- mutes


MUTE = {
    "id": "office-hours",
    "matches": {"rule_id": ["X06"]},
    "days": "working",
    "hours": ["09:00-12:00", "13:30-17:30"],
    "reason": "工作时间内提示",
}


def test_what_is_muted_at_night_is_issued_when_offices_open(county: County) -> None:
    county.configure({**COUNTY, "mutes": [MUTE]})
    wait_until(county, 2026, 11, 27, 20, 0)  # a Friday evening
    seen(county, "乡镇停水")
    assert county.triage().counts["warnings"] == 0
    assert held(county)["X06"] == ("muted", "工作时间内提示")
    wait_until(county, 2026, 11, 30, 8, 59)
    assert county.triage().counts["warnings"] == 0
    wait_until(county, 2026, 11, 30, 9, 0)
    assert county.triage().counts["warnings"] == 1


def test_news_of_a_warning_waits_for_the_end_of_a_silence_and_is_then_told(county: County) -> None:
    county.configure(COUNTY)
    phone = "13812340001"
    county.repeat(phone, 3, 2, 1)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "属未诉预期")
    county.dispatch()
    silenced(county, 2, rule_id=("W01",))
    county.judged(*(county.demand(phone=phone) for _ in range(3)))
    assert tell.run(county.deps).counts["messages"] == 0
    county.clock.advance(7199)
    assert tell.run(county.deps).counts["messages"] == 0
    county.clock.advance(1)
    assert tell.run(county.deps).counts["messages"] == 1


# --- inhibition


def test_a_county_wide_warning_holds_its_towns_until_it_is_taken_back(county: County) -> None:
    county.configure({**COUNTY, "inhibits": INHIBITS})
    seen(county, "全县停水", region_code="411521")
    county.triage()
    seen(county, "乡镇停水")
    seen(county, "乡镇停电", category="供电")
    assert county.triage().counts["warnings"] == 1
    assert held(county) == {"X06": ("inhibited", "全县预警已发出")}
    revoke.revoke(
        county.deps, county.value("SELECT warning_no FROM warning WHERE rule_id = 'X05'"), "李局长", "误报"
    )
    assert county.triage().counts["warnings"] == 1


def test_a_signal_that_nobody_has_acted_on_inhibits_nothing(county: County) -> None:
    county.configure(
        {**COUNTY, "inhibits": INHIBITS, "rules": [{"rule_id": "X05", "enabled": True, "reason": "x"}]}
    )
    silenced(county, 1, rule_id=("X05",))
    seen(county, "全县停水", region_code="411521")
    seen(county, "乡镇停水")
    assert county.triage().counts["warnings"] == 1
    assert county.value("SELECT rule_id FROM warning") == "X06"


@pytest.mark.parametrize(
    "part",
    [
        {"inhibits": [{**INHIBITS[0], "source": {"rule_id": ["X5"]}}]},
        {"mutes": [{**MUTE, "matches": {"rule_id": ["X5"]}}]},
        {"cards": [["X05", "X5"]]},
        {"mutes": [MUTE, MUTE]},
        {"cards": [["X05", "X06"], ["X06", "X08"]]},
    ],
    ids=["inhibits", "mutes", "cards", "twice", "card twice"],
)
def test_a_misspelt_rule_or_a_name_that_stands_twice_is_refused_before_anything_is_changed(
    county: County, part
) -> None:
    before = county.value("SELECT max(version) FROM config_version")
    with pytest.raises(ConfigError, match="X5|stands 2 times"):
        county.configure({**COUNTY, **part})
    assert county.value("SELECT max(version) FROM config_version") == before


def test_what_mutes_and_inhibits_is_kept_in_versions_with_its_author(county: County) -> None:
    first = county.configure({**COUNTY, "mutes": [MUTE], "inhibits": INHIBITS})
    assert county.configure({**COUNTY, "mutes": [MUTE], "inhibits": INHIBITS}).version == first.version
    second = county.configure({**COUNTY, "mutes": [{**MUTE, "hours": []}]})
    assert second.version > first.version
    rows = county.rows(
        "SELECT version, author, document -> 'mutes' -> 0 -> 'hours' FROM config_version ORDER BY version DESC LIMIT 2"
    )
    assert [tuple(row) for row in rows] == [
        (second.version, "ops", []),
        (first.version, "ops", MUTE["hours"]),
    ]


class Graded(Worded):
    """Of one level more once the words say that it has grown worse."""

    rule_id, word, level, auto_issue = "X09", "停电", Level.NOTICE, False

    def evaluate(self, keys, history):
        said = history.demands(self.subject, {one.key: EVER for one in keys})
        for draft in super().evaluate(keys, history):
            worse = "加重" in said[draft.key][0].text
            yield draft.model_copy(update={"level": Level.SERIOUS}) if worse else draft


def test_a_rise_that_is_silenced_is_not_told_with_other_news_of_its_warning_and_is_told_when_the_silence_ends(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(Graded))
    county.configure(COUNTY)
    demands = [county.demand(text="停电", target_org="县自然资源局", days=3 - n) for n in range(3)]
    county.judged(*demands)
    first, second, third = (one.signal_id for one in county.signals())
    triage.decide(county.deps, [first, second], "issue", "王科长", "属未诉预期")
    county.dispatch()
    silence.add(
        county.deps,
        SignalMatch(),
        by="王科长",
        reason="已知",
        ends_at=clock.now() + 10 * 24 * HOUR,
        like_signal=second,
        max_level=Level.GRAVE,
    )
    county.judged(demands[1].model_copy(update={"content": "停电加重"}))
    assert tell.run(county.deps).counts["messages"] == 0
    triage.decide(county.deps, [first, third], "issue", "王科长", "同一件事")
    clock.advance(7 * 86_400)
    tell.run(county.deps)
    clock.advance(4 * 86_400)
    tell.run(county.deps)
    told = [json.loads(bytes(row.body)) for row in county.messages()[1:]]
    assert [(one["cause"], one["level_before"], one["level"]) for one in told] == [
        ("grown", 1, 1),
        ("raised", 1, 2),
    ]


def test_what_was_told_before_it_was_silenced_is_not_told_as_new_when_the_silence_ends(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(Graded))
    county.configure(COUNTY)
    texts = ("停电", "停电加重", "停电")
    demands = [
        county.demand(text=text, target_org="县自然资源局", days=3 - n) for n, text in enumerate(texts)
    ]
    county.judged(*demands)
    first, second, third = (one.signal_id for one in county.signals())
    triage.decide(county.deps, [first, second], "issue", "王科长", "属未诉预期")
    county.dispatch()
    ends_at = clock.now() + 10 * 24 * HOUR
    silence.add(
        county.deps,
        SignalMatch(),
        by="王科长",
        reason="已知",
        ends_at=ends_at,
        like_signal=second,
        max_level=Level.GRAVE,
    )
    triage.decide(county.deps, [first, third], "issue", "王科长", "同一件事")
    for days in (7, 4):
        clock.advance(days * 86_400)
        tell.run(county.deps)
    told = [json.loads(bytes(row.body)) for row in county.messages()[1:]]
    assert [(one["cause"], one["level"]) for one in told] == [("grown", 2)]
