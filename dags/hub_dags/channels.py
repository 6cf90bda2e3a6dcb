"""One collection DAG for each configured channel, and the DAGs that stand in where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, task

from hub_dags import notes, work
from hub_dags.policy import OFFICE, dag_defaults, every, raw_asset

if TYPE_CHECKING:
    from hub.runtime.channels import CatalogEntry

_AWARE = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"
_LOOK_AGAIN_S = 300


def channel_dags(entries: Iterable[CatalogEntry]) -> list[DAG]:
    """The DAGs of these channels; one that cannot be made gives way to a DAG that says why, and stops no other."""
    made = []
    for entry in entries:
        try:
            made.append(channel_dag(entry))
        except Exception as exc:  # noqa: BLE001 - the boundary between channels
            made.append(broken_dag(str(entry.instance), f"{type(exc).__name__}: {exc}"))
    return made


def channel_dag(entry: CatalogEntry) -> DAG:
    """Collects one channel on its own clock."""
    with DAG(
        **dag_defaults(f"hub_collect_{entry.instance}", entry.owner),
        schedule=every(entry.every_s),
        description=f"Collects channel {entry.instance} ({entry.channel})",
        doc_md=notes.channel(entry),
        tags=["hub", "collect", f"channel:{entry.channel}"] + ([] if entry.installed else ["not-installed"]),
        params=_params(),
    ) as dag:
        collected = task.branch(task_id="collect", doc_md=notes.COLLECT)(work.collect)(entry.instance)
        collected >> EmptyOperator(
            task_id=work.ANNOUNCE, outlets=[raw_asset(entry.instance)], doc_md=notes.ANNOUNCE
        )
        collected >> task(task_id=work.PROBLEMS, doc_md=notes.PROBLEMS)(work.fail_with_problems)("collect")
    return dag


def broken_dag(name: str, why: str) -> DAG:
    """Stands for a channel whose DAG cannot be made."""
    with DAG(
        **dag_defaults(f"hub_broken_{re.sub(r'[^A-Za-z0-9_]', '_', name)}", OFFICE),
        schedule=every(_LOOK_AGAIN_S),
        description="Stands for a channel whose DAG cannot be made",
        doc_md=notes.broken(name, why),
        tags=["hub", "broken"],
        is_paused_upon_creation=False,
    ) as dag:
        task(task_id="say_why")(work.fail_with)(
            f"the DAG of channel {name} cannot be made: {why}; correct it in hub.yaml"
        )
    return dag


def configuration_dag(why: str) -> DAG:
    """Stands for all channels where hub.yaml cannot be read or names none; runs at once, so that somebody sees it."""
    with DAG(
        **dag_defaults("hub_configuration", OFFICE),
        schedule=every(_LOOK_AGAIN_S),
        description="The hub's configuration cannot be used",
        doc_md=notes.configuration(why),
        tags=["hub", "broken"],
        is_paused_upon_creation=False,
    ) as dag:
        task(task_id="say_why")(work.fail_with_configuration)()
    return dag


def _params() -> dict[str, Param]:
    """A backfill by hand: with ``since`` the channel's own position stays where it is."""
    return {
        "since": Param(
            None,
            description="Collect again from this moment on; the channel's own position stays where it is.",
            type=["null", "string"],
            format="date-time",
            pattern=_AWARE,
        ),
        "until": Param(
            None,
            description="Collect up to this moment; empty: now.",
            type=["null", "string"],
            format="date-time",
            pattern=_AWARE,
        ),
        "limit": Param(
            None, description="Stop after about so many records.", type=["null", "integer"], minimum=1
        ),
    }
