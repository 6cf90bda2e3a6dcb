"""The detectors' benchmark makes what it says: counts with the stated variance, outbreaks where it says they are."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench" / "detect.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_detect", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_counts_have_the_mean_and_the_variance_that_are_stated(bench):
    made = bench.simulated(40, seed=3).counts[:, : bench.PAST_FROM].reshape(42, 40, -1)
    mean, dispersion = bench.means()
    mean = mean[:, None, : bench.PAST_FROM]
    assert np.abs(made.mean(axis=(1, 2)) / mean.mean(axis=(1, 2)) - 1).max() < 0.06
    found = ((made - mean) ** 2 / mean).mean(axis=(1, 2))
    assert np.abs(found / dispersion - 1).max() < 0.1


def test_every_outbreak_lies_in_the_judged_weeks_and_begins_when_it_says(bench):
    series = bench.simulated(5, seed=3)
    drawn = series.first >= 0
    assert drawn.mean() > 0.9
    np.testing.assert_array_equal(series.outbreak.any(axis=1), drawn)
    np.testing.assert_array_equal(series.outbreak.argmax(axis=1)[drawn], series.first[drawn])


def test_what_judges_no_counts_imports_no_numpy():
    code = "import sys, hub.cli.app, hub.pipeline, hub.builtin; sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
