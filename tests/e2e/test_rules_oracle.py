"""The rules on demands, by one process and by four at once, say what an oracle says that looks at everything; a second time nothing new."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("processes", "seed"), [(1, 11), (1, 12), (4, 13)])
def test_the_signals_are_the_oracles_and_the_same_work_again_adds_none(processes, seed):
    command = ["bench/evaluate.py", "--stored", "12000", "--new", "3000"]
    command += ["--seed", str(seed), "--processes", str(processes)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    counts, _, rest = done.stdout.partition("\n{\n")
    told = json.loads("{" + rest)
    assert told["again_changes_nothing"]
    assert told["equal"], told["examples"]
    assert set(told["signals"]) == {"W01", "W02a", "W02b", "W02c", "W03", "W04", "W08", "W09", "W10"}
    if processes > 1:  # more than one of them had work
        judged = [json.loads(line)["demands"] for line in counts.splitlines() if line.startswith("{")]
        assert sum(demands > 100 for demands in judged) > 1
