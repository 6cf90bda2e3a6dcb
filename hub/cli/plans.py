"""The options that make up a plan (处置预案): all of them or none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hub.model.warning import Plan

_DAY = ["%Y-%m-%d"]

PlanText = Annotated[
    str | None,
    typer.Option("--plan", metavar="TEXT", help="The plan 预案: what will be done; nothing personal."),
]
PlanOwner = Annotated[
    str | None, typer.Option("--plan-owner", metavar="NAME", help="Who answers for the plan.")
]
PlanFrom = Annotated[
    datetime | None, typer.Option("--plan-from", formats=_DAY, metavar="DATE", help="When it begins.")
]
PlanTo = Annotated[
    datetime | None, typer.Option("--plan-to", formats=_DAY, metavar="DATE", help="When it is to be done.")
]


def plan_of(
    text: str | None, owner: str | None, starts: datetime | None, ends: datetime | None
) -> Plan | None:
    """The plan that the options make up; None when none of them is given.

    Raises:
        BadParameter: A part is missing, or they make no plan.
    """
    given = {"--plan": text, "--plan-owner": owner, "--plan-from": starts, "--plan-to": ends}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if missing or starts is None or ends is None:
        raise typer.BadParameter(f"a plan is whole or none: {', '.join(missing)} missing (R58)")
    from pydantic import ValidationError

    from hub.model.warning import Plan

    try:
        return Plan(text=text or "", owner=owner or "", starts_on=starts.date(), due_on=ends.date())
    except ValidationError as exc:
        said = exc.errors(include_input=False, include_url=False, include_context=False)[0]["msg"]
        raise typer.BadParameter(f"the plan: {said.removeprefix('Value error, ')}") from None
