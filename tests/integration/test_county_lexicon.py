"""The county's part of the sensitive lexicon: data of `hub config apply`, with version and author, which its rules obey at once."""

from __future__ import annotations

import pytest

from hub.builtin.rules.repeated import RepeatedReporter
from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, plugins_with

MINE = {"words": {"crowd": ["集体停运"]}, "whitelist": ["聚集能量"], "without": ["静坐"]}


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def test_a_countys_words_judge_what_is_stored_again_and_signals_name_the_version(county: County) -> None:
    county.judged(
        county.demand(text="出租车明天集体停运", no="new"),
        county.demand(text="他们在门口静坐", no="gone"),
        county.demand(text="为了聚集能量", no="white"),
    )
    assert {one.nos[0] for one in county.signals(rule="W08")} == {"gone", "white"}
    done = county.configure({**COUNTY, "lexicon": MINE})
    assert "W08" in done.rejudged
    county.evaluate()
    stands = {one.nos[0]: (one.state, one.labels) for one in county.signals(rule="W08")}
    assert {no: state for no, (state, _) in stands.items()} == {
        "new": "open",
        "gone": "dismissed",
        "white": "dismissed",
    }
    assert any("+" in label for label in stands["new"][1])
    ((author, reason, params),) = county.rows(
        "SELECT author, reason, params FROM rule_params WHERE rule_id = 'W08'"
    )
    assert (author, params) == ("ops", {"lexicon": MINE})
    assert "lexicon" in reason
    assert county.configure({**COUNTY, "lexicon": MINE}).new is False
    assert "W08" in county.configure(COUNTY).rejudged  # back to the hub's own
    county.evaluate()
    assert {one.nos[0] for one in county.signals(rule="W08") if one.state == "open"} == {"gone", "white"}


def test_a_rule_that_came_with_an_upgrade_obeys_the_countys_part_when_the_same_document_is_applied_again(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    before = County(store, ring, clock, plugins_with(own=[RepeatedReporter]))
    before.configure({**COUNTY, "lexicon": MINE})
    after = County(store, ring, clock)
    after.judged(after.demand(text="为了聚集能量"))
    assert len(after.signals(rule="W08")) == 1
    done = after.configure({**COUNTY, "lexicon": MINE})
    assert (done.new, done.rejudged) == (False, ("W08",))
    after.evaluate()
    assert [one.state for one in after.signals(rule="W08")] == ["dismissed"]
    assert after.configure({**COUNTY, "lexicon": MINE}).rejudged == ()
    ((detail,),) = after.rows(
        "SELECT detail FROM audit_log WHERE action = 'config.apply' ORDER BY audit_id DESC LIMIT 1"
    )
    assert detail == {"rejudged": ["W08"]}


def test_a_rules_own_entry_goes_before_the_countys_part(county: County) -> None:
    own = {"rule_id": "W08", "reason": "试行", "params": {"lexicon": {"words": {"crowd": ["集体罢运"]}}}}
    county.configure({**COUNTY, "lexicon": MINE, "rules": [own]})
    assert county.value("SELECT params FROM rule_params WHERE rule_id = 'W08'") == own["params"]


def test_a_lexicon_that_does_not_fit_changes_nothing(county: County) -> None:
    with pytest.raises(ConfigError, match="no such word"):
        county.configure({**COUNTY, "lexicon": {"without": ["没有这个词"]}})
    with pytest.raises(ConfigError, match="lexicon"):
        county.configure({**COUNTY, "lexicon": {"words": {"unknown": ["集体停运"]}}})
    assert county.value("SELECT count(*) FROM config_version") == 0
