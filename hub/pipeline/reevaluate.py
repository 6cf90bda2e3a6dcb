"""Puts stored demands before the rules again: those that came past a rule while it was not there, or a span of them.

Safe to run again and beside everything else: demands that wait twice are judged twice to the same end, for a rule's episodes
are matched with the signals that stand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.errors import Code, ConfigError
from hub.model.report import Report
from hub.pipeline.deps import PipelineDeps, logged
from hub.pipeline.judging import judging
from hub.sdk.rules import ObservationRule
from hub.store import config, observed_work, reach, seen, work
from hub.store.reach import Reach

_AT_ONCE = 5_000  # demands a transaction


@dataclass(frozen=True, slots=True)
class Span:
    """Demands that the hub first received, or that were changed, in ``[since, until)``; None for no border."""

    since: datetime | None = None
    until: datetime | None = None


Told = Callable[[str, int], object]
"""Is called with the rules' names and how many of their demands wait by now."""


def run(
    deps: PipelineDeps,
    *,
    rule_ids: Collection[str] | None = None,
    span: Span | None = None,
    told: Told = lambda rules, demands: None,
) -> Report:
    """Lets demands wait for rules again, a few thousand a transaction; stopped in between, run it once more.

    Args:
        rule_ids: Only for these rules; None for all that judge now.
        span: Which demands; None for those that each rule has missed, which are none after the first time.

    Returns:
        Counts ``demands`` and ``observed`` (what is no demand; each once a rule) and ``rules``; nothing is judged yet.

    Raises:
        ConfigError: No plugin brings one of these rules, or it is disabled.
        StoreError: The database failed; what waits by then waits.
    """
    started_at = deps.clock.now()
    with deps.store.begin() as connection:
        judges = judging(deps.plugins.rules, config.rule_settings(connection, started_at))
        wanted = _wanted(deps, judges, rule_ids)
        reach.note(connection, started_at, judges, whole=False)
        known = reach.waits_for(list(reach.reaches(connection).values()), wanted)
    if span is None:
        parts = _alike(known)
    else:
        since, until = span.since or reach.EVER, span.until or started_at
        held = [one for one in known if one.since and one.until and since <= one.since and one.until <= until]
        parts = [(since, until, wanted, held)]
    counts = {"demands": 0, "observed": 0, "rules": 0}
    for since, until, rules, good in parts:
        of_demands = [one for one in rules if not issubclass(deps.plugins.rules[one].cls, ObservationRule)]
        demands = _put_back(deps, since, until, of_demands, told) if of_demands else 0
        counts["observed"] += _observed_again(deps, since, until, rules)
        with deps.store.begin() as connection:
            for one in good:
                reach.made_good(connection, one)
        counts["demands"] += demands * len(of_demands)
        counts["rules"] += len(rules)
    return logged(deps, Report(step="reevaluate", counts=counts), started_at)


def _put_back(deps: PipelineDeps, since: datetime, until: datetime, rules: Sequence[str], told: Told) -> int:
    done = 0
    with deps.store.connect() as reading:
        for ids in reach.ids_between(reading, since, until, limit=_AT_ONCE):
            with deps.store.begin() as connection:
                work.enqueue_evaluate(connection, ids, rules)
            done += len(ids)
            told(", ".join(rules), done)
    return done


def _observed_again(deps: PipelineDeps, since: datetime, until: datetime, rules: Sequence[str]) -> int:
    """Lets what is no demand wait for those of these rules that care for it."""
    done = 0
    installed = deps.plugins.rules
    with deps.store.connect() as reading:
        for rule_id in rules:
            for part in seen.ids_between(reading, installed[rule_id].cls.observes, since, until):
                with deps.store.begin() as connection:
                    done += observed_work.enqueue_all(connection, [rule_id], [part])
    return done


Part = tuple[datetime, datetime, list[str], list[Reach]]


def _alike(known: Sequence[Reach]) -> list[Part]:
    """Rules that have missed the same span together, so that their demands are read once."""
    parts: dict[tuple[datetime, datetime], list[Reach]] = {}
    for one in known:
        if one.since is not None and one.until is not None:
            parts.setdefault((one.since, one.until), []).append(one)
    return [
        (since, until, sorted(one.rule_id for one in alike), alike)
        for (since, until), alike in sorted(parts.items())
    ]


def _wanted(deps: PipelineDeps, judges: Collection[str], rule_ids: Collection[str] | None) -> list[str]:
    for rule_id in sorted(set(rule_ids or ()) - set(judges)):
        if rule_id in deps.plugins.rules:
            raise ConfigError(
                f"rule {rule_id}: is disabled in the configuration (expected a rule that judges); set enabled: true under `rules:` "
                "and run `hub config apply`, which lets every stored demand wait for it",
                code=Code.CONFIG_INVALID,
            )
        raise ConfigError(
            f"rule {rule_id!r}: no plugin brings it (installed: {', '.join(sorted(deps.plugins.rules)) or 'none'}); correct the id, or "
            "install its plugin (`hub plugin list` names broken ones)",
            code=Code.CONFIG_INVALID,
        )
    return sorted(judges if rule_ids is None else set(rule_ids))
