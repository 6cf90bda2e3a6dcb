"""An Airflow of its own in a process of its own: reads commands as JSON lines on stdin, answers as JSON lines on stdout.

Airflow sets up logging, structlog and an engine for the whole process that imports it, so that it stays out of the tests' own.
Warnings of our DAG files are errors here; the log goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"
_FORBIDDEN = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
        "os.posix_spawn",
        "os.fork",
    }
)
_blocked = False
_attempts: list[str] = []


def main() -> None:
    """Answers one command after the other until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.addaudithook(_refuse)
    sys.path.append(str(DAGS))
    import airflow  # noqa: F401 - whatever it does at import is done before anything is blocked

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="GitWildMatchPattern")  # how Airflow reads .airflowignore
    while line := sys.stdin.readline():
        command = json.loads(line)
        os.environ.update(command.pop("environ", {}))
        paths = command.pop("paths", [])
        sys.path.extend(paths)
        try:
            answer = _COMMANDS[command.pop("do")](**command)
        except BaseException as exc:
            traceback.print_exc()
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        for path in paths:
            sys.path.remove(path)
        print(json.dumps(answer, ensure_ascii=False, default=str), file=answers, flush=True)
    os._exit(0)  # the threads of Airflow's own server would be waited for


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if _blocked and event in _FORBIDDEN:
        _attempts.append(f"{event} {str(args)[:200]}")
        raise ConnectionRefusedError(f"{event} while the DAG files are read")


def parse(folder: str = str(DAGS)) -> dict[str, Any]:
    """Reads every DAG file of a folder with network, database and child processes blocked."""
    global _blocked
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    _attempts.clear()
    _blocked = True
    try:
        bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
    finally:
        _blocked = False
    return {
        "import_errors": bag.import_errors,
        "warnings": bag.captured_warnings,
        "attempts": _attempts,
        "modules": sorted(
            name for name in sys.modules if name.partition(".")[0] in ("hub", "psycopg", "psycopg_binary")
        ),
        "dags": {dag_id: _described(dag) for dag_id, dag in bag.dags.items()},
        "serialized": {dag_id: DagSerialization.serialize_dag(dag) for dag_id, dag in bag.dags.items()},
    }


def _described(dag: Any) -> dict[str, Any]:
    schedule = dag.schedule
    condition = getattr(schedule, "asset_condition", None)
    clock = getattr(schedule, "timetable", schedule)
    return {
        "file": Path(dag.fileloc).name,
        "clock": getattr(clock, "expression", None) or getattr(clock, "delta", timedelta()).total_seconds(),
        "any_of": type(condition).__name__ == "AssetAny" if condition is not None else None,
        "woken_by": sorted(asset.name for asset in condition.objects) if condition is not None else [],
        "wakes": sorted(asset.name for task in dag.tasks for asset in task.outlets),
        "start": dag.start_date.isoformat(),
        "zone": str(dag.timezone),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "run_limit_s": dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md or "",
        "description": dag.description or "",
        "starts_unpaused": dag.is_paused_upon_creation is False,
        "params": sorted(dag.params),
        "tasks": {task.task_id: _task_described(task) for task in dag.tasks},
    }


def _task_described(task: Any) -> dict[str, Any]:
    return {
        "owner": task.owner,
        "retries": task.retries,
        "retry_delay_s": task.retry_delay.total_seconds(),
        "backoff": task.retry_exponential_backoff,
        "longest_delay_s": task.max_retry_delay.total_seconds() if task.max_retry_delay else None,
        "limit_s": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "pool": task.pool,
        "doc": task.doc_md or "",
        "downstream": sorted(task.downstream_task_ids),
        "policy": task.retry_policy.serialize() if task.retry_policy else None,
    }


def decide(errors: list[list[str]]) -> list[str]:
    """What the retry policy of the collecting tasks decides for these errors of the hub, each a family and a code."""
    from hub import errors as families
    from hub_dags.policy import TRIES

    raised = [getattr(families, family)("told in a test", code=code) for family, code in errors]
    return [TRIES.evaluate(error, 1, 3).action.value for error in raised]


def check_params(dag_id: str, given: list[dict[str, Any]]) -> list[bool]:
    """Whether each of these runs' parameters would be taken."""
    from airflow.sdk.definitions.param import ParamsDict
    from airflow.sdk.exceptions import ParamValidationError

    params = _bag()[dag_id].params
    taken = []
    for values in given:
        asked = ParamsDict({name: params.get_param(name) for name in params})
        try:
            asked.update(values)
            asked.validate()
            taken.append(True)
        except ParamValidationError:
            taken.append(False)
    return taken


def make(entries: list[dict[str, Any]]) -> dict[str, str]:
    """The DAGs made for these catalog entries, each with its notes."""
    from hub.runtime.channels import CatalogEntry
    from hub_dags.channels import channel_dags

    return {dag.dag_id: dag.doc_md or "" for dag in channel_dags(CatalogEntry(**entry) for entry in entries)}


def migrate() -> None:
    """Makes Airflow's own database, a file in AIRFLOW_HOME."""
    from airflow.utils.db import upgradedb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        upgradedb()


def run(dag_id: str, conf: dict[str, Any] | None = None, retries: int = 0) -> dict[str, Any]:
    """One run of one DAG by ``dag.test()``, its pauses between tries left out."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own parts warn of is theirs to mend
        dag = _bag()[dag_id]
        for task in dag.tasks:
            task.retries, task.retry_delay = retries, timedelta(0)
        done = dag.test(run_conf=conf)
        with create_session() as session:
            here = {"dag_id": dag_id, "run_id": done.run_id}
            xcoms = session.scalars(select(XComModel).filter_by(**here)).all()
            events = session.scalars(
                select(AssetModel.name)
                .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
                .where(AssetEvent.source_dag_id == dag_id, AssetEvent.source_run_id == done.run_id)
            ).all()
            return {
                "state": str(done.state),
                "tasks": {
                    ti.task_id: {"state": str(ti.state), "try": ti.try_number}
                    for ti in done.get_task_instances(session=session)
                },
                "xcom": {f"{one.task_id}.{one.key}": XComModel.deserialize_value(one) for one in xcoms},
                "events": sorted(events),
            }


def _bag() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags-folder").dags


_COMMANDS = {command.__name__: command for command in (parse, decide, check_params, make, migrate, run)}

if __name__ == "__main__":
    main()
