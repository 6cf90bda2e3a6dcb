"""One full pass over everything, and what passes have in common."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hub.errors import HubError, StoreError
from hub.model.report import Problem, Report

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

_MAX_ROUNDS = 100


def run_once(hub: Hub) -> list[Report]:
    """Everything once: collects every enabled channel, then works until nothing is due any more.

    Channels are read beside each other; one that fails is a report with its problem and stops no other. What a rule or a
    department asked to be tried later stays for later.

    Returns:
        What each call did, in order; calls of the second round and later only where they did something.

    Raises:
        StoreError: The database failed.
    """
    prepare(hub)
    instances = [name for name, channel in sorted(hub.settings.channels.items()) if channel.enabled]
    reports: list[Report] = []
    if instances:
        with ThreadPoolExecutor(len(instances), thread_name_prefix="hub-collect") as pool:
            for made in pool.map(lambda instance: _collected(hub, instance), instances):
                reports += made
    steps = (hub.normalize, hub.evaluate, hub.triage, hub.dispatch, hub.deliver, hub.reply)
    for number in range(_MAX_ROUNDS):
        made = [step() for step in steps]
        reports += made if number == 0 else [report for report in made if _tells(report)]
        if not any(worked(report) for report in made):
            break
    return reports


def _collected(hub: Hub, instance: str) -> list[Report]:
    try:
        return hub.collect(instance)
    except HubError as exc:
        if isinstance(exc, StoreError):
            raise
        return [Report(step="collect", subject=instance, problems=(problem_of(instance, exc),))]


def prepare(hub: Hub) -> None:
    """Builds the parts that threads share, before there are threads.

    Raises:
        ConfigError, StoreError: One of them cannot be built.
    """
    for part in ("log", "store", "plugins", "secrets", "keys", "sealer", "search_keys", "intake", "numbers"):
        getattr(hub, part)
    for part in ("gate", "collect_deps", "chain", "calendar", "pipeline_deps", "deliver_deps", "reply_deps"):
        getattr(hub, part)


def worked(report: Report) -> bool:
    """Whether a step changed anything; what merely waits is no work."""
    idle = ("waiting", "busy")
    return bool(report.records.collected) or any(
        count for name, count in report.counts.items() if name not in idle
    )


def _tells(report: Report) -> bool:
    return worked(report) or bool(report.problems)


def problem_of(where: str, exc: HubError) -> Problem:
    return Problem(where=where, code=str(exc.code), message=exc.message)
