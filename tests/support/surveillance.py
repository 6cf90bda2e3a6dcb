"""R's package surveillance as a second opinion: its answers on made-up counts, committed or asked for anew.

``python -m tests.support.surveillance`` (with Rscript and r-cran-surveillance) writes tests/data/detect/ anew.
"""

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from tests.support.counts import WEEKS, made_up

FIRST_MONDAY = date(2019, 1, 7)
JUDGED = 20
DATA = Path(__file__).resolve().parents[1] / "data" / "detect"
SERIES, ANSWERS, SCRIPT = DATA / "series.csv", DATA / "answers.csv", DATA / "surveillance.R"


@dataclass(frozen=True)
class Answer:
    """What R says of one series and week; None where it says nothing."""

    upper: float | None
    alarm: bool | None


Answers = dict[str, dict[tuple[str, int], Answer]]


def write_series(path: Path, series: Mapping[str, npt.NDArray[np.int64]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["monday", *series])
        for week in range(WEEKS):
            monday = FIRST_MONDAY + timedelta(weeks=week)
            rows.writerow([monday.isoformat(), *(int(counts[week]) for counts in series.values())])


def read_series(path: Path = SERIES) -> dict[str, npt.NDArray[np.int64]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return {name: np.array([int(row[place]) for row in rows]) for place, name in enumerate(header) if place}


def read_answers(path: Path = ANSWERS) -> Answers:
    answers: Answers = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            upper = None if row["upper"].strip() in ("NA", "NaN") else float(row["upper"])
            alarm = None if row["alarm"] == "NA" else row["alarm"] == "1"
            answers.setdefault(row["method"], {})[row["series"], int(row["week"])] = Answer(upper, alarm)
    return answers


def asked(series: Mapping[str, npt.NDArray[np.int64]], judged: int) -> Answers:
    """R's answers for the last ``judged`` weeks, asked for now."""
    with TemporaryDirectory() as folder:
        given, answers = Path(folder, "series.csv"), Path(folder, "answers.csv")
        write_series(given, series)
        _run(given, answers, judged)
        return read_answers(answers)


def _run(given: Path, answers: Path, judged: int) -> None:
    rscript = shutil.which("Rscript")
    assert rscript, "Rscript is not on the PATH: apt-get install r-base-core r-cran-surveillance"
    first = str(WEEKS - judged + 1)
    subprocess.run(
        [rscript, str(SCRIPT), str(given), str(answers), first],
        check=True,
        timeout=1800,
        env=dict(os.environ),
    )


if __name__ == "__main__":
    write_series(SERIES, made_up(seed=1))
    _run(SERIES, ANSWERS, JUDGED)
