"""What runs inside the tasks: one call of the hub each. Only counts, ids and codes leave a task; messages stand in its log."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from hub.errors import Code, ConfigError, HubError, SourceUnavailable

if TYPE_CHECKING:
    from hub.model.report import Problem, Report
    from hub.runtime.hub import Hub

ANNOUNCE = "announce"
PROBLEMS = "problems"
# What a step must have counted for the next one to have something to do.
NEWS: Mapping[str, tuple[str, ...]] = {
    "normalize": ("stored",),
    "evaluate": ("warnings",),
    "dispatch": ("orders",),
    "deliver": (),
    "reply": (),
}
_PASSING = frozenset({Code.STORE_UNAVAILABLE, Code.STREAM_BUSY, Code.RUN_SUPERSEDED})

log = logging.getLogger(__name__)


def collect(instance: str) -> list[str]:
    """Collects one channel and names the tasks to follow; raises while a try may mend what went wrong.

    On the last try, or where no try can help, the records that did arrive are announced and the run ends red all the same.
    """
    context = get_current_context()
    span = _span(context["params"])
    with _opened() as hub:
        reports = hub.collect(instance, span)
    ti = context["ti"]
    busy = sum(report.counts.get("busy", 0) for report in reports)
    problems = _keep(ti, reports)
    passing = next((problem for problem in problems if _may_pass(problem.code)), None)
    if passing is not None and ti.try_number <= ti.max_tries:
        raise SourceUnavailable(passing.message, code=passing.code)
    if busy and span is not None and span.since is not None:
        raise SourceUnavailable(
            f"{instance}: {busy} of its streams are being collected by another process (expected none for a backfill); "
            "it is tried again by itself",
            code=Code.STREAM_BUSY,
        )
    # An earlier try may have landed records before it failed: those are still to be announced.
    arrived = any(report.records.stored + report.records.pending for report in reports) or ti.try_number > 1
    return _next(arrived, problems)


def step(*steps: str) -> list[str]:
    """Runs these steps of the pipeline one after the other over all that waits, and names the tasks to follow."""
    with _opened() as hub:
        reports = [getattr(hub, name)() for name in steps]
        instances = frozenset(hub.settings.channels)
    ti = get_current_context()["ti"]
    # A channel that cannot be built is told by its own DAG, which is red: it must not colour everybody's.
    problems = [problem for problem in _keep(ti, reports) if problem.where not in instances]
    wanted = {count for name in steps for count in NEWS.get(name, ())}
    return _next(any(_counted(report).get(name) for report in reports for name in wanted), problems)


def fail_with_problems(step_id: str) -> None:
    """Ends the run red where its work is done but something needs a person."""
    kept = get_current_context()["ti"].xcom_pull(task_ids=step_id, key="problems") or []
    told = "; ".join(f"{problem['where']}: {problem['code']}" for problem in kept)
    raise AirflowFailException(
        f"{len(kept)} problems, everything else was done: {told}; the log of task {step_id!r} says what was found and what to do"
    )


def fail_with_configuration() -> None:
    """Fails with the message of what is wrong with the settings, as they are now."""
    with _bounded():
        from hub.runtime import open_hub

        with open_hub() as hub:
            if not hub.settings.channels:
                raise ConfigError(
                    "no channel is configured; write some under `channels:` in hub.yaml, and name that file in HUB_CONFIG "
                    "for every process of Airflow",
                    code=Code.CONFIG_MISSING,
                )
    log.info("the settings can be read; this DAG goes, and the channels' DAGs come back, with the next parse")


def fail_with(message: str) -> None:
    """Fails with what was found when the DAG was made."""
    raise AirflowFailException(message)


@contextmanager
def _opened() -> Iterator[Hub]:
    with _bounded():
        from hub.runtime import logs, open_hub

        with open_hub() as hub:
            hub.log = logs.get("hub")  # the task's logging is Airflow's: it is not set up anew
            hub.require_schema()
            yield hub


@contextmanager
def _bounded() -> Iterator[None]:
    """Lets out the hub's own messages alone: what lies beneath them may quote a row's values, and the task's log is not sealed."""
    try:
        yield
    except HubError as exc:
        exc.__cause__ = None
        exc.__suppress_context__ = True
        raise
    except AirflowException:
        raise
    except Exception as exc:  # noqa: BLE001 - the boundary to Airflow's log
        raise HubError(
            f"unexpected {type(exc).__name__} at {_place(exc)}; this is a fault of the hub or of a plugin: report it with this line",
            code=Code.UNEXPECTED,
        ) from None


def _place(exc: Exception) -> str:
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _span(params: Mapping[str, Any]) -> Any:
    """What the operator asked for in the run's parameters; the channel's own position otherwise."""
    from hub.pipeline.collect import Span

    since, until = (
        datetime.fromisoformat(params[name]) if params[name] else None for name in ("since", "until")
    )
    if since is not None and until is not None and since >= until:
        raise ConfigError(
            f"since {params['since']} is not before until {params['until']}; start the run again with a span that has a length",
            code=Code.CONFIG_INVALID,
        )
    return Span(since, until, params["limit"])


def _keep(ti: Any, reports: Iterable[Report]) -> list[Problem]:
    """Writes the reports into the run: counts, ids and codes as XCom, messages into the log; returns their problems."""
    reports = list(reports)
    problems = [problem for report in reports for problem in report.problems]
    kept = [
        {"step": report.step, "subject": report.subject, "run_id": report.run_id, "counts": _counted(report)}
        for report in reports
    ]
    ti.xcom_push(key="reports", value=kept)
    ti.xcom_push(key="problems", value=[{"where": one.where, "code": one.code} for one in problems])
    for report in reports:
        told = ", ".join(f"{name} {count}" for name, count in _counted(report).items()) or "nothing to do"
        log.info("%s: %s", " ".join(filter(None, (report.step, report.subject))), told)
    for problem in problems:
        log.error("%s (%s): %s", problem.where, problem.code, problem.message)
    return problems


def _counted(report: Report) -> dict[str, int]:
    records = report.records.model_dump() if report.records.collected else {}
    return {name: count for name, count in {**records, **report.counts}.items() if count}


def _may_pass(code: str) -> bool:
    return code in _PASSING or (code.startswith("source_") and code != Code.SOURCE_AUTH)


def _next(news: bool, problems: list[Problem]) -> list[str]:
    return [ANNOUNCE] * news + [PROBLEMS] * bool(problems)
