"""A county over weeks, through the hub on a virtual clock: counts reconcile, quarantine is as planted, planted persons and dangers are seen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.requirement("R27")
def test_what_was_planted_in_sixty_days_is_seen_and_no_look_alike_is():
    done = subprocess.run(
        [
            sys.executable,
            "bench/county_year.py",
            "--days",
            "60",
            "--demands",
            "5",
            "--cases",
            "2",
            "--poll-days",
            "7",
            "--seed",
            "31",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"]) == (0, []), done.stderr
    assert told["reconciles"]
    assert told["quarantine_as_planted"]
    assert all(counts["collected"] for counts in told["channels"].values())
    rules = {one["rule"]: one for one in told["rules"]}
    assert set(rules) >= {"W01", "W08"}
    for rule in ("W01", "W08"):
        assert 0 < rules[rule]["planted"] == rules[rule]["seen"], rule
        assert rules[rule]["signals_of_one_person"] == rules[rule]["signals"], rule
        assert (rules[rule]["look_alikes"] > 0, rules[rule]["look_alikes_signalled"]) == (True, 0), rule
