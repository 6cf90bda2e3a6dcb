"""Which weeks tell what a week should be like: the same season of former years, and the seasons between.

The reference window of each former year is the week nearest to the same date and ``half_window`` weeks about it. The weeks
between two windows fall into ``periods - 1`` seasons of equal length, the first ones a week longer where they do not come out
even. The weeks just before the judged one are left out: an outbreak under way must not teach that it is normal.

Source: Noufaily et al. 2013, Statistics in Medicine 32:1206, section 3.2; Farrington et al. 1996, JRSS A 159:547.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

WEEK_DAYS = 7
RECENT_WEEKS_LEFT_OUT = 26


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The weeks that one week is compared with, in the order of their seasons.

    Attributes:
        back: How many weeks before the judged one each lies; seasons one after the other, ascending by time in each.
        starts: Where each season begins in ``back``; the first season is the reference window.
        years: How many former years are in it.
    """

    back: npt.NDArray[np.int64]
    starts: npt.NDArray[np.intp]
    years: int

    @property
    def reach(self) -> int:
        """How many weeks of history before the judged week it needs."""
        return int(self.back.max())


def baseline(
    monday: date,
    *,
    years: int,
    half_window: int = 3,
    periods: int = 10,
    left_out: int = RECENT_WEEKS_LEFT_OUT,
) -> Baseline:
    """The baseline of the week that begins on ``monday``.

    Args:
        monday: First day of the judged week.
        years: Former years to use, at least 1.
        half_window: Weeks on each side of the reference week that belong to its window.
        periods: Seasons a year, the window among them.
        left_out: Weeks just before the judged one that are not used.
    """
    centres = [_weeks_back(monday, year) for year in range(years, 0, -1)] + [0]
    season = np.full(centres[0] + half_window + 1, -1, dtype=np.int64)
    for older, newer in pairwise(centres):
        season[older - half_window : older + half_window + 1] = 0
        between = np.arange(older - half_window - 1, newer + half_window, -1)
        for number, weeks in enumerate(np.array_split(between, periods - 1), start=1):
            season[weeks] = number
    season[: left_out + 1] = -1
    used = np.flatnonzero(season >= 0)
    order = np.lexsort((-used, season[used]))
    back = used[order]
    starts = np.flatnonzero(np.diff(season[back], prepend=-1))
    return Baseline(back=back, starts=starts, years=years)


def _weeks_back(monday: date, years: int) -> int:
    """Weeks from the week whose Monday is nearest to the same date ``years`` years ago."""
    try:
        then = monday.replace(year=monday.year - years)
    except ValueError:  # 29 February
        then = date(monday.year - years, 3, 1)
    nearest = then + timedelta(days=3)
    nearest -= timedelta(days=nearest.weekday())
    return (monday - nearest).days // WEEK_DAYS
