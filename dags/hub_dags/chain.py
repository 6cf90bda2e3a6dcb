"""The shared DAGs behind the channels: each takes all that waits, woken by an asset or by the clock."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, task

from hub_dags import notes, work
from hub_dags.policy import DEMANDS, OFFICE, ORDERS, WARNINGS, dag_defaults, every, raw_asset

# Longest wait for what no asset announced: a worker killed between its commit and its event strands nothing.
_SOON_S = 60
_LATER_S = 300


def chain_dags(instances: Sequence[str]) -> list[DAG]:
    """normalize, evaluate (with triage), dispatch, deliver, reply.

    Args:
        instances: Configured channels; without any, time alone wakes the first two.
    """
    raw = [raw_asset(instance) for instance in instances]
    return [
        _dag("hub_normalize", ("normalize",), raw, DEMANDS, notes.NORMALIZE, _LATER_S),
        # Most channels' records are demands as soon as they are collected, so that evaluating need not wait for normalize.
        _dag("hub_evaluate", ("evaluate", "triage"), [*raw, DEMANDS], WARNINGS, notes.EVALUATE, _SOON_S),
        _dag("hub_dispatch", ("dispatch",), [WARNINGS], ORDERS, notes.DISPATCH, _SOON_S),
        _dag("hub_deliver", ("deliver",), [ORDERS], None, notes.DELIVER, _SOON_S),
        # What is told to the platforms comes from people, not from the steps before: time alone wakes it.
        _dag("hub_reply", ("reply",), [], None, notes.REPLY, _SOON_S),
    ]


def _dag(
    dag_id: str,
    steps: tuple[str, ...],
    woken_by: Sequence[Asset],
    wakes: Asset | None,
    notes_md: str,
    at_least_every_s: int,
) -> DAG:
    clock = every(at_least_every_s)
    with DAG(
        **dag_defaults(dag_id, OFFICE),
        schedule=AssetOrTimeSchedule(timetable=clock, assets=AssetAny(*woken_by)) if woken_by else clock,
        description=f"{' and '.join(steps).capitalize()} all that waits",
        doc_md=notes_md,
        tags=["hub", "chain"],
    ) as dag:
        done = task.branch(task_id=steps[0], doc_md=notes.STEP)(work.step)(*steps)
        if wakes is not None:
            done >> EmptyOperator(task_id=work.ANNOUNCE, outlets=[wakes], doc_md=notes.ANNOUNCE)
        done >> task(task_id=work.PROBLEMS, doc_md=notes.PROBLEMS)(work.fail_with_problems)(steps[0])
    return dag
