"""The keys of a rule whose judgement turns on what touched other keys of it (`WarningRule.related`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain

from hub.pipeline.deps import PipelineDeps
from hub.pipeline.judging import spans, storable, wrong
from hub.plugins import guard
from hub.sdk.rules import AffectedKey, WarningRule
from hub.store import signals
from hub.store.engine import Connection
from hub.store.history import StoreHistory, limit_statements
from hub.store.outlines import Outlines


def keys_with(
    deps: PipelineDeps,
    connection: Connection,
    now: datetime,
    rule: WarningRule,
    keys: Mapping[str, AffectedKey],
    outlines: Outlines,
) -> dict[str, AffectedKey]:
    """These keys and those that the rule relates to them, sorted.

    Asked before the keys are locked, of outlines that are committed: whoever touches a related key later finds these demands
    there, and judges it with them.

    Raises:
        PluginError: The rule raised or hung.
        StoreError: The database failed.
    """
    if type(rule).related is WarningRule.related or not keys:
        return dict(keys)
    history = StoreHistory(connection, now, deps.calendar, outlines=outlines)
    with signals.savepoint(connection):
        limit_statements(connection, deps.rule_timeout_s)
        try:
            more = guard(
                lambda: list(rule.related(list(keys.values()), history)),
                timeout_s=deps.rule_timeout_s,
                what=f"rule {rule.rule_id}: related",
            )
        finally:
            history.close()
        if history.failed is not None:
            raise history.failed
        limit_statements(connection, None)
    if not all(isinstance(one, AffectedKey) and _is_key(one.key) for one in more):
        raise wrong(
            f"rule {rule.rule_id}: related",
            "gave what is no key (expected hub.sdk.rules.AffectedKey with a text)",
        )
    every = chain(keys.values(), more)
    return spans((one.key, moment) for one in every for moment in (one.since, one.until))


def _is_key(given: object) -> bool:
    return isinstance(given, str) and given != "" and storable(given)
