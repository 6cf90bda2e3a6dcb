"""What the steps behind the demands share: put together by `hub.runtime`, passed to every ``run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hub.clock import Clock
from hub.model.calendar import WorkCalendar
from hub.model.codes import RunState
from hub.model.report import Report
from hub.pipeline.category import CategoryBook
from hub.pipeline.matter import MatterBook
from hub.pipeline.place import PlaceBook
from hub.plugins import PluginSet
from hub.seal import ChainSalt, Sealer
from hub.settings import EvaluateSettings
from hub.store import runs
from hub.store.engine import Store
from hub.store.numbers import Numbers

RULE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class PipelineDeps:
    """What evaluate, triage and dispatch need.

    Attributes:
        contact: Telephone of the handling office, printed on orders.
        rule_timeout_s: Seconds that one rule may take for one batch.
        places: The county's gazetteer, as this process has read it.
        categories: The category catalogue and model, likewise.
        matters: What this process remembers of the texts that demands are grouped by.
    """

    store: Store
    clock: Clock
    numbers: Numbers
    sealer: Sealer
    chain: ChainSalt
    plugins: PluginSet
    calendar: WorkCalendar
    settings: EvaluateSettings = field(default_factory=EvaluateSettings)
    contact: str = ""
    rule_timeout_s: float = RULE_TIMEOUT_S
    places: PlaceBook = field(default_factory=PlaceBook)
    categories: CategoryBook = field(default_factory=CategoryBook)
    matters: MatterBook = field(default_factory=MatterBook)


def logged(deps: PipelineDeps, report: Report, started_at: datetime) -> Report:
    """The report, with a row of its own in the table of runs when anything was done (R42).

    A problem alone makes no row: `hub serve` meets the same one every few seconds until it is mended.
    """
    if not any(report.counts.values()):
        return report
    with deps.store.begin() as connection:
        run_id = runs.start_run(connection, report.step, started_at)
        state = RunState.FAILED if report.problems else RunState.DONE
        runs.finish_run(
            connection, run_id, deps.clock.now(), state, counts=report.counts, problems=report.problems
        )
    return report.model_copy(update={"run_id": run_id})
