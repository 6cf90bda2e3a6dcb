"""Made-up weekly counts of all kinds: rare and frequent, with seasons, trends and outbreaks, and some that are awkward."""

import numpy as np
import numpy.typing as npt

WEEKS = 360
# Level a week, dispersion, season's swing, growth a week.
KINDS = (
    (0.1, 1.0, 0.0, 0.0),
    (0.5, 1.5, 0.0, 0.0),
    (1.0, 1.0, 0.5, 0.0),
    (3.0, 1.2, 0.3, 0.001),
    (6.0, 2.0, 0.6, 0.0),
    (10.0, 1.0, 0.0, 0.003),
    (10.0, 3.0, 0.4, -0.003),
    (30.0, 2.0, 0.3, 0.002),
    (60.0, 5.0, 0.5, 0.0),
    (150.0, 1.5, 0.2, 0.002),
    (5.0, 1.0, 0.0, 0.006),
    (8.0, 1.1, 1.5, 0.0),
)


def made_up(seed: int, copies: int = 1) -> dict[str, npt.NDArray[np.int64]]:
    """Series by name, each of `WEEKS` weeks: ``copies`` of each kind with six outbreaks, and the awkward ones once."""
    random = np.random.default_rng(seed)
    week = np.arange(WEEKS)
    series: dict[str, npt.NDArray[np.int64]] = {}
    for copy in range(copies):
        for number, (level, dispersion, swing, growth) in enumerate(KINDS):
            mean = level * np.exp(swing * np.cos(2 * np.pi * week / 52.18) + growth * week)
            excess = dispersion - 1
            counts = (
                random.negative_binomial(mean / excess, 1 / dispersion)
                if excess > 0
                else random.poisson(mean)
            )
            for start in random.integers(0, WEEKS, 6):
                cases = random.poisson(3 * np.sqrt(level * dispersion) + 1)
                spread = np.floor(random.lognormal(0, 0.5, cases)).astype(np.int64)
                np.add.at(counts, np.minimum(start + spread, WEEKS - 1), 1)
            series[f"kind{number}_{copy}"] = counts
    series["nothing"] = np.zeros(WEEKS, dtype=np.int64)
    series["constant"] = np.full(WEEKS, 4)
    series["one_spike"] = np.where(week == WEEKS - 20, 9, 0)
    series["old_spike"] = np.where(week == 200, 40, np.where(week >= WEEKS - 10, 3, 0))
    series["begins_late"] = np.where(week < 250, 0, random.poisson(3.0, WEEKS))
    return series
