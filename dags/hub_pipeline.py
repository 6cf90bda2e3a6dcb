"""Airflow reads this file: the DAGs that all channels share, from normalize to deliver."""

from __future__ import annotations

from airflow.sdk import DAG

from hub_dags.chain import chain_dags
from hub_dags.configured import configured


def _dags() -> list[DAG]:
    # What is wrong with the settings is said by the DAG hub_configuration; the chain goes on by the clock.
    entries, _ = configured()
    return chain_dags([entry.instance for entry in entries])


for _dag in _dags():
    globals()[_dag.dag_id] = _dag
