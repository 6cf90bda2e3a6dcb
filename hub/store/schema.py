"""Every table of the hub; modules that bring tables of their own are imported here, so that none is forgotten."""

from __future__ import annotations

from sqlalchemy import MetaData


def whole_schema() -> MetaData:
    """The description of all tables, for migrations and tests."""
    from hub.store import observed, places, replies, routes, tables

    described = tables.metadata
    for brings in (observed.service_case, replies.reply_outbox, routes.demand_link, places.place_work):
        if brings.metadata is not described:
            raise RuntimeError(
                f"table {brings.name} stands in another MetaData than hub.store.tables.metadata"
            )
    return described
