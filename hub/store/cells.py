"""One kind of trouble at one place: under which such pair each demand is found.

The place stands in the demand's wide row and the category in a narrow one of its own; an index over both is neither's. So the pair
stands here, written by the evaluation before the rules ask for it, and the wide row keeps no index on its place, which
would cost every demand that is placed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, DateTime, Index, Integer, Table

from hub.model.demand import DemandFacts
from hub.sdk.rules import place_category
from hub.store.engine import driver, text_array
from hub.store.tables import Id, metadata

demand_cell = Table(
    "demand_cell",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("cell", Id, nullable=False),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column(
        "heads", Integer, nullable=False
    ),  # whom it may stand for, at most: none is looked at where these are too few
    Index("demand_cell_cell_idx", "cell", "submitted_at", postgresql_include=["heads"]),
    comment="place and category of each demand that has both, as one key: where the rules look for one trouble at one place",
)

_PUT = """
INSERT INTO demand_cell (demand_id, cell, submitted_at, heads)
SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::int[])
ON CONFLICT (demand_id) DO UPDATE SET cell = excluded.cell, submitted_at = excluded.submitted_at, heads = excluded.heads
WHERE (demand_cell.cell, demand_cell.submitted_at, demand_cell.heads) <> (excluded.cell, excluded.submitted_at, excluded.heads)
"""
_DROP = 'DELETE FROM demand_cell c USING unnest(%s::text[]) AS s (id) WHERE c.demand_id = s.id COLLATE "C"'


def keep(connection: Connection, demands: Sequence[DemandFacts]) -> None:
    """Brings the cells of these demands, ascending by id, in line with their place and category; the deleted keep theirs."""
    cells, without = [], []
    for one in demands:
        if one.place_id is not None and one.category:
            cell = place_category(one.place_id, one.category)
            cells.append((one.demand_id, cell, one.submitted_at, one.declared_group_size or 1))
        else:
            without.append(one.demand_id)
    cursor = driver(connection).cursor()
    if cells:
        ids, names, moments, heads = zip(*cells, strict=True)
        cursor.execute(_PUT, (text_array(ids), text_array(names), list(moments), list(heads)))
    if without:
        cursor.execute(_DROP, (text_array(without),))
