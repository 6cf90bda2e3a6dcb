"""Classifiers that the county trained on its own confirmed demands: kept as JSON, never as code, with their SHA-256."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.errors import Code, NotFound, StateConflict, StoreError
from hub.store import categories
from hub.store.tables import metadata
from hub.store.work import row_dicts

category_model = Table(
    "category_model",
    metadata,
    Column("model_id", BigInteger, Identity(), primary_key=True),
    Column("version", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("trained_at", DateTime(timezone=True), nullable=False),
    Column("trained_by", Text, nullable=False),
    Column("catalogue", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("categories", JSONB, nullable=False),
    Column("margin", Double, nullable=False),
    Column("macro_f1", Double, nullable=False),
    Column("evaluation", JSONB, nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("used_by", Text),
    Column("retired_at", DateTime(timezone=True)),
    Column("retired_by", Text),
    CheckConstraint("state IN ('trained', 'in_use', 'retired')", name="state"),
    Index("category_model_in_use_idx", "state", unique=True, postgresql_where=text("state = 'in_use'")),
    comment="classifiers trained by `hub model train` on the county's own confirmed rows: weights as JSON, with their SHA-256",
)

_HEAD = (
    "model_id, version, sha256, state, trained_at, trained_by, catalogue, rows, categories, margin, macro_f1, evaluation, used_at, "
    "used_by, retired_at, retired_by, octet_length(kept) AS size_bytes"
)


def add(
    connection: Connection,
    kept: bytes,
    *,
    version: str,
    author: str,
    now: datetime,
    catalogue: str,
    categories: Mapping[str, int],
    margin: float,
    macro_f1: float,
    evaluation: Mapping[str, Any],
) -> int:
    """Keeps a trained model, not in use yet; returns its id.

    Args:
        version: What the model calls itself.
        categories: Confirmed rows of each code that it learnt.
        evaluation: Figures on folds that it had not seen.
    """
    model_id: int = connection.execute(
        category_model.insert()
        .values(
            version=version,
            sha256=sha256(kept).hexdigest(),
            kept=kept,
            state="trained",
            trained_at=now,
            trained_by=author,
            catalogue=catalogue,
            rows=sum(categories.values()),
            categories=dict(categories),
            margin=margin,
            macro_f1=macro_f1,
            evaluation=dict(evaluation),
        )
        .returning(category_model.c.model_id)
    ).scalar_one()
    return model_id


def read(connection: Connection, model_id: int) -> bytes:
    """The bytes of a model, as its digest says.

    Raises:
        NotFound: There is none of that id.
        StoreError: The bytes are not those that were kept (code ``value_unstorable``).
    """
    row = connection.execute(
        text("SELECT kept, sha256 FROM category_model WHERE model_id = :id"), {"id": model_id}
    ).one_or_none()
    if row is None:
        raise _none(model_id)
    kept = bytes(row.kept)
    if sha256(kept).hexdigest() != row.sha256:
        raise StoreError(
            f"category model {model_id}: its bytes do not have the digest that was kept with them (expected SHA-256 {row.sha256[:12]}); "
            f"somebody changed the row: `hub model retire {model_id}`, then train anew",
            code=Code.VALUE_UNSTORABLE,
        )
    return kept


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Every model without its bytes, the newest first."""
    return row_dicts(connection.execute(text(f"SELECT {_HEAD} FROM category_model ORDER BY model_id DESC")))


def shown(connection: Connection, model_id: int) -> dict[str, Any]:
    """One model without its bytes.

    Raises:
        NotFound: There is none of that id.
    """
    row = connection.execute(
        text(f"SELECT {_HEAD} FROM category_model WHERE model_id = :id"), {"id": model_id}
    ).one_or_none()
    if row is None:
        raise _none(model_id)
    return dict(row._mapping)


def use(connection: Connection, model_id: int, author: str, now: datetime) -> int | None:
    """Lets a model decide from now on; returns how many stored demands are judged again, None where it decides already.

    Raises:
        NotFound: There is none of that id.
        StateConflict: It is retired.
    """
    categories.alone(connection)
    state = shown(connection, model_id)["state"]
    if state == "in_use":
        return None
    if state == "retired":
        raise StateConflict(
            f"category model {model_id} is retired (expected one that was trained and is not retired); train anew with `hub model "
            "train`, or use another of `hub model list`",
            code=Code.STATE_CONFLICT,
        )
    connection.execute(text("UPDATE category_model SET state = 'trained' WHERE state = 'in_use'"))
    connection.execute(
        text(
            "UPDATE category_model SET state = 'in_use', used_at = :now, used_by = :by WHERE model_id = :id"
        ),
        {"id": model_id, "now": now, "by": author},
    )
    return categories.all_wait(connection)


def retire(connection: Connection, model_id: int, author: str, now: datetime) -> int | None:
    """Takes a model out of use for good; returns how many stored demands are judged again, None where it did not decide.

    Raises:
        NotFound: There is none of that id.
    """
    categories.alone(connection)
    state = shown(connection, model_id)["state"]
    if state == "retired":
        return None
    connection.execute(
        text(
            "UPDATE category_model SET state = 'retired', retired_at = :now, retired_by = :by WHERE model_id = :id"
        ),
        {"id": model_id, "now": now, "by": author},
    )
    return categories.all_wait(connection) if state == "in_use" else None


def confirmed(connection: Connection, limit: int) -> Iterator[tuple[str, str, str]]:
    """Title, text and code of the demands whose category a person confirmed, the latest first; masked as rules see them."""
    rows = connection.execution_options(yield_per=1_000).execute(
        text(
            "SELECT d.title, d.text, c.code FROM demand_category c JOIN demand d USING (demand_id) "
            "WHERE c.decided_by = 'person' ORDER BY c.demand_id DESC LIMIT :limit"
        ),
        {"limit": limit},
    )
    for row in rows:
        yield row.title, row.text, row.code


def _none(model_id: int) -> NotFound:
    return NotFound(
        f"category model {model_id}: there is none of that id; look for it with `hub model list`",
        code=Code.NOT_FOUND,
    )
