"""What people do with a warning that stands: its plan (预案, R58), the four firsts (四先, R3), its stages (R43)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from hub.errors import Code, StateConflict
from hub.model.codes import FourFirst, WarningStage, WarningState
from hub.model.warning import Plan, WarningView
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.revoke import AuditLine, named, write_all
from hub.store import triage, warnings
from hub.store.engine import Connection

_ORDER = list(WarningStage)


def attach_plan(deps: PipelineDeps, warning_no: str, plan: Plan, by: str) -> bool:
    """Makes this the plan that stands with a warning; False, and nothing changed, when it is already. Former ones are kept.

    Raises:
        NotFound: There is no such warning.
        StateConflict: It was revoked or closed.
        ValueError: ``by`` names nobody.
    """
    named(by, plan.text, "a plan")
    with _standing(deps, warning_no) as (connection, warning, now):
        new = triage.add_plan(connection, warning.warning_id, plan, now, by=by)
        if new:
            detail = {
                "owner": plan.owner,
                "starts_on": plan.starts_on.isoformat(),
                "due_on": plan.due_on.isoformat(),
            }
            line = AuditLine(by, "warning.plan", f"warning {warning_no}", None, detail)
            write_all(deps, connection, now, [line])
    return new


def do_first(
    deps: PipelineDeps, warning_no: str, acts: Collection[FourFirst], by: str, note: str
) -> list[FourFirst]:
    """Notes which of the four firsts was done about a warning, by whom and how; those that were not noted before.

    Raises:
        NotFound: There is no such warning.
        StateConflict: It was revoked or closed.
        ValueError: ``by`` or ``note`` says nothing.
    """
    named(by, note, "what was done")
    with _standing(deps, warning_no) as (connection, warning, now):
        new = triage.did(connection, warning.warning_id, acts, now, by=by, note=note)
        if new:
            detail = {"acts": sorted(act.value for act in new)}
            line = AuditLine(by, "warning.four_first", f"warning {warning_no}", note, detail)
            write_all(deps, connection, now, [line])
    return new


def advance(deps: PipelineDeps, warning_no: str, stage: WarningStage, by: str, reason: str) -> bool:
    """Brings a warning to a later stage (预警 → 纠错 → 督察督办); False, and nothing changed, when it stands there.

    Raises:
        NotFound: There is no such warning.
        StateConflict: It was revoked or closed, or has come further already.
        ValueError: ``by`` or ``reason`` says nothing.
    """
    named(by, reason, "a stage")
    with _standing(deps, warning_no) as (connection, warning, now):
        if warning.stage is stage:
            return False
        if _ORDER.index(stage) < _ORDER.index(warning.stage):
            raise StateConflict(
                f"warning {warning_no}: it has come to {warning.stage.value} (expected a stage before {stage.value}); a warning does "
                "not go back: revoke it if it is wrong",
                code=Code.STATE_CONFLICT,
            )
        warnings.advance(connection, warning.warning_id, stage)
        detail = {"from": warning.stage.value, "to": stage.value}
        line = AuditLine(by, "warning.stage", f"warning {warning_no}", reason, detail)
        write_all(deps, connection, now, [line])
    return True


@contextmanager
def _standing(deps: PipelineDeps, warning_no: str) -> Iterator[tuple[Connection, WarningView, datetime]]:
    """That warning, locked; refused unless it stands."""
    with deps.store.begin() as connection:
        warning = warnings.find(connection, warning_no, lock=True)
        if warning.state is not WarningState.ISSUED:
            raise StateConflict(
                f"warning {warning_no}: it is {warning.state.value} (expected one that stands); nothing was changed",
                code=Code.STATE_CONFLICT,
            )
        yield connection, warning, deps.clock.now()
