"""What holds for every DAG of the hub: start, tries, limits, schedules, assets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import (
    Asset,
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
)

from hub.errors import (
    ConfigError,
    SourceContractError,
    SourceUnavailable,
    StateConflict,
    StoreError,
    StoreUnavailable,
)

ZONE = "Asia/Shanghai"
START = pendulum.datetime(2026, 1, 1, tz=ZONE)
OFFICE = "处置办理股室"

# A first load may read years of records: it commits page by page and goes on where it was cut off.
TASK_LIMIT = timedelta(hours=2)
RUN_LIMIT = timedelta(hours=3)

# The first rule that fits decides; what no rule names is tried again as often as `retries` allows.
TRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            [SourceUnavailable, StoreUnavailable, StateConflict],
            RetryAction.RETRY,
            reason="may be over by itself in a moment",
        ),
        RetryRule(
            [ConfigError, SourceContractError, StoreError],
            RetryAction.FAIL,
            reason="somebody must act before another try can succeed",
        ),
    ]
)

DEMANDS = Asset("hub://demands")
WARNINGS = Asset("hub://warnings")
ORDERS = Asset("hub://orders")


def raw_asset(instance: str) -> Asset:
    """Says that records of this channel have arrived."""
    return Asset(f"hub://raw/{instance}")


def task_defaults(owner: str) -> dict[str, Any]:
    """The arguments of every task: four tries within about four minutes, only where another try can help."""
    return {
        "owner": owner or OFFICE,
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": TRIES,
        "execution_timeout": TASK_LIMIT,
    }


def dag_defaults(dag_id: str, owner: str) -> dict[str, Any]:
    """The arguments of every DAG; nothing is made up for the past: the hub keeps its own position."""
    return {
        "dag_id": dag_id,
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": RUN_LIMIT,
        "default_args": task_defaults(owner),
    }


def every(seconds: int) -> CronTriggerTimetable | DeltaTriggerTimetable:
    """A schedule of that many seconds: on the clock's round minutes and hours where they divide evenly, else an interval."""
    minutes, seconds_over = divmod(seconds, 60)
    hours, minutes_over = divmod(minutes, 60)
    if seconds_over == 0 and 0 < minutes < 60 and 60 % minutes == 0:
        return CronTriggerTimetable(f"{_each(minutes)} * * * *", timezone=ZONE)
    if seconds_over == minutes_over == 0 and 0 < hours < 24 and 24 % hours == 0:
        return CronTriggerTimetable(f"0 {_each(hours)} * * *", timezone=ZONE)
    return DeltaTriggerTimetable(timedelta(seconds=seconds))


def _each(step: int) -> str:
    return "*" if step == 1 else f"*/{step}"
