"""Airflow reads this file: one collection DAG for each channel in hub.yaml, whatever state the others are in."""

from __future__ import annotations

from airflow.sdk import DAG

from hub_dags.channels import channel_dags, configuration_dag
from hub_dags.configured import configured


def _dags() -> list[DAG]:
    entries, why = configured()
    return channel_dags(entries) if why is None else [configuration_dag(why)]


for _dag in _dags():
    globals()[_dag.dag_id] = _dag
