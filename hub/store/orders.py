"""Orders: one a (origin, organisation), with its demands and its row in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Code, NotFound
from hub.model.codes import OrderState
from hub.model.warning import OrderView
from hub.store.chain import Digest, open_ledger_row
from hub.store.signals import lock_buckets
from hub.store.tables import ledger_order, order_demand, orders

_LOCK_SPACE = 0x4F52
_BUCKETS = 1024
_ENDED = (OrderState.RETURNED.value, OrderState.WITHDRAWN.value)


def lock_demands(connection: Connection, demand_ids: Iterable[str]) -> None:
    """Lets nobody else make an order about these demands until the transaction ends; always in the same order."""
    lock_buckets(
        connection, _LOCK_SPACE, sorted({crc32(demand_id.encode()) % _BUCKETS for demand_id in demand_ids})
    )


def of_demands(connection: Connection, demand_ids: Sequence[str]) -> dict[str, OrderView]:
    """For each of these demands the order that it stands in; one returned or withdrawn is none."""
    rows = connection.execute(
        select(order_demand.c.demand_id, *orders.columns)
        .join(orders, orders.c.order_id == order_demand.c.order_id)
        .where(order_demand.c.demand_id.in_(list(demand_ids)), orders.c.state.not_in(_ENDED))
        .order_by(orders.c.order_id.desc())
    )
    return {row.demand_id: _view(row) for row in rows}  # the oldest comes last and stays


def of_origin(connection: Connection, origin: str, origin_id: str) -> list[OrderView]:
    """The orders of one warning, demand, finding or matter, the oldest first."""
    rows = connection.execute(
        select(orders)
        .where(orders.c.origin == origin, orders.c.origin_id == origin_id)
        .order_by(orders.c.order_id)
    )
    return [_view(row) for row in rows]


def add(connection: Connection, order: OrderView, demand_ids: Sequence[str]) -> bool:
    """Writes an order and its demands; False, and nothing written, when its origin and organisation have one."""
    done = connection.execute(
        insert(orders)
        .values(**order.model_dump(mode="python"))
        .on_conflict_do_nothing(index_elements=[orders.c.origin, orders.c.origin_id, orders.c.organisation])
        .returning(orders.c.order_id)
    ).one_or_none()
    if done is None:
        return False
    if demand_ids:
        connection.execute(
            order_demand.insert(),
            [{"order_id": order.order_id, "demand_id": demand_id} for demand_id in demand_ids],
        )
    return True


def attach(connection: Connection, order_id: str, demand_ids: Sequence[str]) -> int:
    """Adds demands to an order; its new revision."""
    connection.execute(
        insert(order_demand)
        .values([{"order_id": order_id, "demand_id": demand_id} for demand_id in demand_ids])
        .on_conflict_do_nothing()
    )
    return int(
        connection.execute(
            orders.update()
            .where(orders.c.order_id == order_id)
            .values(revision=orders.c.revision + 1)
            .returning(orders.c.revision)
        ).scalar_one()
    )


def withdraw(connection: Connection, origin: str, origin_id: str) -> list[OrderView]:
    """Withdraws the orders of one warning, demand, finding or matter that nobody has answered; those, as they are now."""
    rows = connection.execute(
        orders.update()
        .where(
            orders.c.origin == origin,
            orders.c.origin_id == origin_id,
            orders.c.state.in_((OrderState.CREATED.value, OrderState.SIGNED.value)),
        )
        .values(state=OrderState.WITHDRAWN.value, revision=orders.c.revision + 1)
        .returning(*orders.columns)
    )
    return sorted((_view(row) for row in rows), key=lambda one: one.order_no)


def register(
    connection: Connection,
    digest: Digest,
    at: datetime,
    year: int,
    order: OrderView,
    *,
    watch: int,
    matter_text: str,
) -> tuple[int, int]:
    """Registers the order's matter in the ledger and links the two; year and running number."""
    year, seq_no = open_ledger_row(
        connection,
        digest,
        at,
        year,
        origin=order.origin,
        origin_id=order.origin_id,
        watch=watch,
        matter_text=matter_text,
    )
    connection.execute(
        insert(ledger_order)
        .values(year=year, seq_no=seq_no, order_id=order.order_id)
        .on_conflict_do_nothing()
    )
    return year, seq_no


def find(connection: Connection, order_no: str) -> OrderView:
    """The order of that number.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(select(orders).where(orders.c.order_no == order_no)).one_or_none()
    if row is None:
        raise NotFound(
            f"order {order_no!r}: not found (expected a number from `hub order list`); check the number",
            code=Code.NOT_FOUND,
        )
    return _view(row)


def demand_ids_of(connection: Connection, order_id: str) -> list[str]:
    """The demands that an order is about, ascending by id."""
    rows = connection.execute(
        select(order_demand.c.demand_id)
        .where(order_demand.c.order_id == order_id)
        .order_by(order_demand.c.demand_id)
    )
    return [row.demand_id for row in rows]


def _view(row: Any) -> OrderView:
    return OrderView.model_validate(dict(row._mapping))
