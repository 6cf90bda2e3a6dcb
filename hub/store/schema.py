"""Every table of the hub; modules that bring tables of their own are imported here, so that none is forgotten."""

from __future__ import annotations

from sqlalchemy import MetaData


def whole_schema() -> MetaData:
    """The description of all tables, for migrations and tests."""
    from hub.store import (
        categories,
        category_models,
        gate,
        growing,
        matter_tables,
        numbers,
        observed,
        observed_work,
        outlines,
        places,
        pushes,
        reach,
        replies,
        rollups,
        routes,
        scores,
        silences,
        suggestions,
        tables,
        telling,
        triage,
        weeks,
    )

    described = tables.metadata
    for brings in (
        categories.category_work,
        category_models.category_model,
        gate.source_gate,
        growing.figure_total,
        matter_tables.matter,
        numbers.number_series,
        suggestions.suggestion,
        observed.service_case,
        observed_work.observed_work,
        outlines.demand_outline,
        places.place_work,
        pushes.push_receipt,
        reach.rule_reach,
        replies.reply_outbox,
        rollups.rollup,
        routes.demand_link,
        scores.score_verdict,
        weeks.week_judged,
        triage.warning_signal,
        telling.telling,
        silences.silence,
    ):
        if brings.metadata is not described:
            raise RuntimeError(
                f"table {brings.name} stands in another MetaData than hub.store.tables.metadata"
            )
    return described
