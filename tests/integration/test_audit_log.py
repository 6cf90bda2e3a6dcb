"""监察日志 (R42): rule runs, warnings, decisions and looks at personal data are lines that nobody can change."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import StoreError
from hub.seal import ChainSalt, KeyRing
from hub.store import chain, views
from hub.store.engine import Store
from tests.support.desk import Desk
from tests.support.judging import COUNTY, County

LEAK = "家里煤气泄漏了，老人已经昏迷，快来人"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def lines(county: County, action: str) -> list[dict[str, Any]]:
    with county.store.begin() as connection:
        return views.audit_rows(connection, action=action, limit=100)


@pytest.mark.requirement("R42")
def test_every_run_of_the_rules_that_judges_anything_is_a_line_with_rules_and_versions(
    county: County,
) -> None:
    county.evaluate()
    assert lines(county, "rules.run") == []
    county.judged(county.demand(), county.demand(text=LEAK))
    county.evaluate()
    (run,) = lines(county, "rules.run")
    assert (run["actor"], run["detail"]["demands"]) == ("system", 2)
    assert run["detail"]["signals_new"] >= 1
    assert run["detail"]["rules"]["W08"].endswith("/0")
    county.configure({**COUNTY, "rules": [{"rule_id": "W01", "params": {"threshold": 4}, "reason": "试行"}]})
    county.judged(county.demand())
    assert lines(county, "rules.run")[0]["detail"]["rules"]["W01"].endswith("/1")


@pytest.mark.requirement("R42")
def test_a_warning_is_a_line_and_no_line_can_be_changed_unseen(county: County) -> None:
    county.configure()
    county.judged(county.demand(text=LEAK, phone="13812345678", name="欧阳建国"))
    county.triage()
    county.dispatch()
    assert [one["action"] for one in lines(county, "warning")] == ["warning.issue"]
    with county.store.begin() as connection:
        whole = list(views.whole_audit(connection))
        assert chain.verify(connection, ChainSalt(county.ring).matches) == []
    assert [one["audit_id"] for one in whole] == list(range(1, len(whole) + 1))
    assert not [one for one in whole if "13812345678" in str(one) or "欧阳建国" in str(one)]
    with pytest.raises(StoreError, match="append-only"):
        county.rows("DELETE FROM audit_log RETURNING 1")


def test_the_log_is_listed_narrowed_exported_and_verified_from_the_terminal(
    desk: Desk, tmp_path: Path
) -> None:
    empty = desk.hub("audit", "list", "--action", "warning.issue")
    assert (empty.code, empty.out.strip()) == (0, "No line of the log fits.")
    looked = desk.hub("ledger", "export", str(tmp_path / "ledger.csv"))
    assert looked.code == 0
    (one,) = desk.hub("audit", "list", "--action", "ledger", "--json").document["audit"]
    assert one["action"] == "ledger.export"
    assert "ledger.export" in desk.hub("audit", "list").out
    assert desk.hub("audit", "list", "--since", "2999-01-01", "--json").document["audit"] == []
    file = tmp_path / "log.csv"
    assert desk.hub("audit", "export", str(file)).code == 0
    written = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert written[0][:3] == ["序号", "时间", "操作人"]
    # That it was exported is the last line of what was exported.
    assert written[-1][3] == "audit.export"
    assert desk.hub("audit", "verify").code == 0
