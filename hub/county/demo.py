"""One pass of the hub over the simulated county, and what came of it in figures that reconcile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.clock import Clock
from hub.county.simulated import SimulatedCounty
from hub.errors import Code, ConfigError, HubError, StateConflict, StoreError
from hub.model.codes import SignalState
from hub.model.report import Counts, Problem, Report
from hub.pipeline import triage
from hub.runtime import open_hub
from hub.runtime.hub import Hub
from hub.store import views

CLERK = "demo:值班员"
Say = Callable[[str], None]


@dataclass
class Pass:
    """What one pass did.

    Attributes:
        channels: Instance -> the four outcomes of what this pass collected.
        totals: ``signals``, ``historical``, ``warnings``, ``orders``, ``delivered`` of this pass.
        problems: What went wrong without stopping the rest.
    """

    channels: dict[str, Counts] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, report: Report, **renamed: str) -> None:
        """Takes over a report's problems, and some of its counts under the names of the totals."""
        self.problems += report.problems
        for count, total in renamed.items():
            self.totals[total] = self.totals.get(total, 0) + report.counts.get(count, 0)

    @property
    def reconciles(self) -> bool:
        return all(counts.reconciles() for counts in self.channels.values())

    def document(self, county: SimulatedCounty) -> dict[str, Any]:
        """As `hub demo --once --json` prints it (design §11)."""
        return {
            "channels": {name: counts.model_dump() for name, counts in self.channels.items()},
            "totals": self.totals,
            "reconciles": self.reconciles,
            "seed": county.seed,
            "problems": [problem.model_dump() for problem in self.problems],
            "config": str(county.config_file),
        }


@contextmanager
def open_demo(
    home: Path,
    clock: Clock,
    *,
    seed: int | None = None,
    sheet: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Hub, SimulatedCounty]]:
    """The county's servers and a hub that is configured for them, ready to work; all of it ends with the block."""
    records = None
    if sheet is not None:
        from hub.county.portal_sheet import records_from_sheet

        records = records_from_sheet(sheet)
    with (
        SimulatedCounty(home, clock, seed=seed, sheet=records) as county,
        open_hub(
            config=county.config_file,
            overrides={**county.own, **(overrides or {})},
            environ=_harmless(os.environ),
        ) as hub,
    ):
        hub.migrate()
        hub.apply_config(county.document(), "demo", "the demo's document")
        yield hub, county


def _harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """What of the environment the demo obeys: nothing that would lead it to another hub's database, keys or channels."""
    obeyed = ("HUB_PG_BIN", "HUB_KEY_PROFILE", "HUB_LOG_LEVEL", "HUB_LOG_FORMAT")
    return {name: value for name, value in environ.items() if name in obeyed}


def one_pass(hub: Hub, say: Say = lambda line: None) -> Pass:
    """Everything once: collect every channel, normalize, judge, triage, dispatch, deliver."""
    done = Pass()
    for instance in sorted(hub.settings.channels):
        try:
            reports = hub.collect(instance)
        except StoreError:
            raise
        except HubError as exc:  # a channel whose plugin is broken stops no other
            done.problems.append(Problem(where=instance, code=str(exc.code), message=exc.message))
            continue
        done.channels[instance] = sum((report.records for report in reports), Counts())
        for report in reports:
            done.problems += report.problems
        say(_collected(instance, done.channels[instance]))
    done.add(hub.normalize())
    done.add(hub.evaluate(), signals_new="signals")
    done.add(hub.triage(), warnings="warnings")
    done.totals["warnings"] += decide_as_clerk(hub)
    done.add(hub.dispatch(), orders="orders")
    done.add(hub.deliver(), delivered="delivered")
    done.totals["historical"] = _historical(hub)
    for line in _said(done):
        say(line)
    return done


def decide_as_clerk(hub: Hub) -> int:
    """The simulated clerk issues what waits for a person and is not historical; how many warnings that made."""
    with hub.store.begin() as connection:
        waiting = views.signals(connection, state=SignalState.OPEN, historical=False, limit=1_000)
    issued = 0
    for signal_id in [signal["signal_id"] for signal in waiting if not signal["auto_issue"]]:
        try:
            triage.decide(
                hub.pipeline_deps,
                signal_id,
                "issue",
                by=CLERK,
                reason="演示：值班员研判，属于未诉预期",
            )
            issued += 1
        except StateConflict:
            continue  # somebody else decided in the meantime
    return issued


def _historical(hub: Hub) -> int:
    with hub.store.begin() as connection:
        return len(views.signals(connection, historical=True, limit=100_000))


def _collected(instance: str, counts: Counts) -> str:
    return (
        f"{instance}: collected {counts.collected}: {counts.stored} stored, {counts.duplicate} known already, "
        f"{counts.quarantined} set aside, {counts.pending} pending"
    )


def _said(done: Pass) -> Iterator[str]:
    totals = done.totals
    historical = totals.get("historical", 0)
    old = f"; {historical} historical in all, never issued by themselves" if historical else ""
    yield f"signals 苗头信息: {totals.get('signals', 0)} new{old}"
    yield f"warnings 预警: {totals.get('warnings', 0)} issued, by rule or by the simulated clerk"
    yield f"orders 交办单: {totals.get('orders', 0)} handed to departments"
    yield f"messages: {totals.get('delivered', 0)} delivered, each signed and taken by its department"
    for problem in done.problems:
        yield f"problem at {problem.where} ({problem.code}): {problem.message}"


def require_demo_extra() -> None:
    """Passes only where the extra ``demo`` is installed.

    Raises:
        ConfigError: It is not (code ``config_missing``).
    """
    from importlib.util import find_spec

    missing = [name for name in ("twisted",) if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the simulated county needs {', '.join(missing)}, which this installation lacks (extra 'demo'); "
            "run `make run`, or install weisu-hub[demo]",
            code=Code.CONFIG_MISSING,
        )
