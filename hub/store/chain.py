"""Hash chains of the ledger and the audit log: each row's hash covers its own digest and the row before.

The digest is keyed and made by the caller (`hub.seal.ChainSalt`), so that a row's words may later be made anonymous, and keys
rotated, without breaking the chain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from hub.store.tables import audit_log, ledger

Digest = Callable[[bytes], bytes]
GENESIS = bytes(32)


def canonical(fields: Mapping[str, Any]) -> bytes:
    """The fields as bytes that are the same on every machine."""
    return json.dumps(
        fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    ).encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().isoformat() if value.tzinfo is None else value.isoformat()
    return str(value)


def link(previous: bytes, digest: bytes) -> bytes:
    """The hash of a row that follows ``previous``."""
    return sha256(previous + digest).digest()


def write_audit(
    connection: Connection,
    digest: Digest,
    at: datetime,
    *,
    actor: str,
    action: str,
    subject: str,
    purpose: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Adds a line to the audit log; who did or saw what, when and why. Nothing personal stands in it."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('audit_log'))"))
    last = connection.execute(
        text("SELECT audit_id, hash FROM audit_log ORDER BY audit_id DESC LIMIT 1")
    ).one_or_none()
    audit_id = 1 if last is None else last.audit_id + 1
    previous = GENESIS if last is None else bytes(last.hash)
    fields = {
        "audit_id": audit_id,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "purpose": purpose,
        "detail": dict(detail or {}),
    }
    own = digest(canonical(_audit_content(fields)))
    connection.execute(
        audit_log.insert().values(**fields, digest=own, hash_prev=previous, hash=link(previous, own))
    )
    return audit_id


def _audit_content(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _stamp(fields[name])
        for name in ("audit_id", "at", "actor", "action", "subject", "purpose", "detail")
    }


def open_ledger_row(
    connection: Connection,
    digest: Digest,
    at: datetime,
    year: int,
    *,
    origin: str,
    origin_id: str,
    watch: int | None,
    matter_text: str,
) -> tuple[int, int]:
    """Registers a matter: the year's next number, without a gap; the same origin again gives the row that stands.

    Args:
        year: The county's year of ``at``. Once a row of a later year stands (another process's clock was ahead at New
            Year's Eve), the matter is registered in that one: the chain follows the numbers.

    Returns:
        Year and running number.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('ledger'))"))
    stands = connection.execute(
        text("SELECT year, seq_no FROM ledger WHERE origin = :origin AND origin_id = :id"),
        {"origin": origin, "id": origin_id},
    ).one_or_none()
    if stands is not None:
        return stands.year, stands.seq_no
    last = connection.execute(
        text("SELECT year, seq_no, hash FROM ledger ORDER BY year DESC, seq_no DESC LIMIT 1")
    ).one_or_none()
    if last is not None:
        year = max(year, last.year)
    seq_no = last.seq_no + 1 if last is not None and last.year == year else 1
    previous = GENESIS if last is None else bytes(last.hash)
    fields = {
        "year": year,
        "seq_no": seq_no,
        "registered_at": at,
        "origin": origin,
        "origin_id": origin_id,
        "watch": watch,
        "matter_text": matter_text,
    }
    own = digest(canonical(_ledger_content(fields)))
    connection.execute(
        ledger.insert().values(**fields, digest=own, hash_prev=previous, hash=link(previous, own))
    )
    return year, seq_no


def _ledger_content(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = ("year", "seq_no", "registered_at", "origin", "origin_id", "watch", "matter_text")
    return {name: _stamp(fields[name]) for name in names}


def _stamp(value: Any) -> Any:
    # PostgreSQL keeps microseconds; the same moment must give the same bytes when it is read back.
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def verify(
    connection: Connection, check: Callable[[bytes, bytes], bool], *, last: int | None = None
) -> list[str]:
    """Walks both chains, and asks for each order's row; returns what is wrong, one line each, nothing when all is well.

    Args:
        connection: Any.
        check: (content, digest) -> whether the digest belongs to the content.
        last: Only so many rows at the end of each chain, and no orders: a quick look at what was written lately.
    """
    faults: list[str] = []
    faults += _walk(connection, "ledger", "year, seq_no", _ledger_content, check, last)
    faults += _walk(connection, "audit_log", "audit_id", _audit_content, check, last)
    if last is not None:
        return faults
    unregistered = connection.execute(
        text(
            "SELECT o.order_no FROM orders o LEFT JOIN (ledger_order lo JOIN ledger l USING (year, seq_no)) USING (order_id) "
            "WHERE l.seq_no IS NULL ORDER BY o.order_no"
        )
    )
    # What was cut off at the end breaks no chain, but its orders still stand.
    faults += [f"order {row.order_no}: the ledger has no row for its matter" for row in unregistered]
    return faults


def _walk(
    connection: Connection,
    table: str,
    order: str,
    content: Callable[[Mapping[str, Any]], dict[str, Any]],
    check: Callable[[bytes, bytes], bool],
    last: int | None,
) -> list[str]:
    faults: list[str] = []
    previous = GENESIS if last is None else None
    names: Sequence[str] = order.split(", ")
    number: dict[str, int] = {}
    rows = table
    if last is not None:
        rows = f"(SELECT * FROM {table} ORDER BY {order.replace(',', ' DESC,')} DESC LIMIT {int(last)}) AS {table}"
    for row in connection.execution_options(yield_per=500).execute(
        text(f"SELECT * FROM {rows} ORDER BY {order}")
    ):
        fields = dict(row._mapping)
        if previous is None:  # the first of the last ones: what came before it is taken as it stands
            previous = bytes(fields["hash_prev"])
            number["/".join(str(fields[name]) for name in names[:-1])] = fields[names[-1]] - 1
        where = f"{table} {'/'.join(str(fields[name]) for name in names)}"
        series = "/".join(str(fields[name]) for name in names[:-1])
        number[series] = number.get(series, 0) + 1
        if fields[names[-1]] != number[series]:
            faults.append(f"{where}: the numbers are not without a gap (expected {number[series]})")
            number[series] = fields[names[-1]]
        if bytes(fields["hash_prev"]) != previous or bytes(fields["hash"]) != link(
            previous, bytes(fields["digest"])
        ):
            faults.append(
                f"{where}: the chain is broken here (a row before it was changed, removed or put in)"
            )
        if not check(canonical(content(fields)), bytes(fields["digest"])):
            faults.append(f"{where}: its content is not what was written")
        previous = bytes(fields["hash"])
    return faults
