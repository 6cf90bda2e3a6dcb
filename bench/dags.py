"""What reading the DAG files costs Airflow's DAG processor, by number of channels, beside one DAG that does nothing.

Run: ``python bench/dags.py``. CPU seconds of one reading in a fresh process, after Airflow's own import; the DAG processor pays
that once, and a reading every half a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHANNELS = (1, 10, 50, 200)
REPEATS = 3
_READ = """
import json, sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
folder = Path(sys.argv[1])
began = time.process_time()
bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
print(json.dumps({"dags": len(bag.dags), "errors": len(bag.import_errors), "cpu_s": time.process_time() - began}))
"""
_NOTHING = """
from airflow.sdk import DAG, task
with DAG("nothing") as dag:
    @task
    def nothing():
        pass
    nothing()
"""


def main() -> None:
    """Prints one line a case: DAGs, the best of a few readings, and its ratio to the DAG that does nothing."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "no-plugins").mkdir()
        (home / "nothing").mkdir()
        (home / "nothing" / "nothing.py").write_text(_NOTHING)
        floor = _read(home, home / "nothing", 1)
        print(f"{'':>14}  {'DAGs':>5}  {'CPU s':>6}  ratio")
        print(f"{'nothing':>14}  {floor['dags']:>5}  {floor['cpu_s']:>6.2f}   1.0")
        for count in CHANNELS:
            found = _read(home, ROOT / "dags", count)
            print(
                f"{f'{count} channels':>14}  {found['dags']:>5}  {found['cpu_s']:>6.2f}  {found['cpu_s'] / floor['cpu_s']:>4.1f}"
            )


def _read(home: Path, folder: Path, channels: int) -> dict[str, float]:
    config = home / "hub.yaml"
    config.write_text(
        json.dumps({"channels": {f"portal_{number}": {"channel": "portal"} for number in range(channels)}})
    )
    environ = {
        **os.environ,
        "HUB_CONFIG": str(config),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "no-plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    readings = []
    for _ in range(REPEATS):
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(folder)],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        readings.append(json.loads(done.stdout.splitlines()[-1]))
    best: dict[str, float] = min(readings, key=lambda reading: reading["cpu_s"])
    if best["errors"]:
        sys.exit(f"{folder}: {best['errors']:.0f} files could not be read; run the tests in tests/dags")
    return best


if __name__ == "__main__":
    main()
