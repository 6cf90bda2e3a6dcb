"""Scores: what persons found of breaches, changes by hand, notices, appeals, frozen months, and the deduction table's versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    any_,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from hub.model.score import Breach, BreachVerdict, Excuse, month_of
from hub.model.score_table import ScoreKind, ScoreTable, default_table
from hub.store.chain import canonical
from hub.store.tables import Id, Moment, metadata
from hub.store.work import row_dicts

score_table = Table(
    "score_table",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("from_month", Id, nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("document", JSONB, nullable=False),
    comment="扣分标准: each version; of those whose from_month has come the last one holds for a month",
)

score_verdict = Table(
    "score_verdict",
    metadata,
    Column("verdict_id", BigInteger, Identity(), primary_key=True),
    Column("warning_id", Id, ForeignKey("warning.warning_id"), nullable=False),
    Column("verdict", Text, nullable=False),
    Column("excuse", Text),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("score_verdict_warning_idx", "warning_id", "verdict_id"),
    comment="核实: what a person found of the breach that a warning tells of; never changed, the last one counts",
)

score_breach = Table(
    "score_breach",
    metadata,
    Column("verdict_id", BigInteger, ForeignKey("score_verdict.verdict_id"), primary_key=True),
    Column("signal_id", Id, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("organisation", Text),
    Column("post", Text),
    Column("case_nos", ARRAY(Id), nullable=False),
    Column("things", ARRAY(Id), nullable=False),
    Column("before_limit", Boolean, nullable=False),
    Index("score_breach_occurred_idx", "occurred_at"),
    comment="what was judged, as it stood then: a score is recomputed from this whatever the signals say later",
)

score_change = Table(
    "score_change",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("month", Id, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("post", Text),
    Column("kind", Text, nullable=False),
    Column("points", Numeric, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("corrects", Id),
    Index("score_change_month_idx", "month"),
    comment="加分、减分 by hand, apart from what is computed",
)

score_notice = Table(
    "score_notice",
    metadata,
    Column("notice_id", BigInteger, Identity(), primary_key=True),
    Column("month", Id, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("verdict_ids", ARRAY(BigInteger), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("due_provisional", Boolean, nullable=False),
    Column("message_id", Id),
    Index("score_notice_month_idx", "month"),
    comment="what each organisation was notified of, and until when it may appeal",
)

score_appeal = Table(
    "score_appeal",
    metadata,
    Column("appeal_id", BigInteger, Identity(), primary_key=True),
    Column("verdict_id", BigInteger, ForeignKey("score_verdict.verdict_id"), nullable=False),
    Column("organisation", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("upheld", Boolean),
    Column("decided_by", Text),
    Column("decided_why", Text),
    Column("decided_at", Moment),
    UniqueConstraint("verdict_id", "organisation"),
    comment="申诉 against one verdict, once an organisation; upheld NULL: not decided yet",
)

score_freeze = Table(
    "score_freeze",
    metadata,
    Column("month", Id, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    comment="已冻结: an audited month as it stood; append-only, its digest stands in the audit log too",
)

_LOCK = 0x73636F72  # "scor"


def alone(connection: Connection) -> None:
    """Lets no other act about scores happen until the transaction ends: a month is frozen with all of them or none."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


# ---- the deduction table


@dataclass(frozen=True, slots=True)
class TableApplied:
    """What bringing a deduction table did; version 0 is the hub's own."""

    version: int = 0
    new: bool = False
    from_month: str | None = None


def put_table(connection: Connection, table: ScoreTable | None, author: str, now: datetime) -> TableApplied:
    """Makes the table the one that stands, in the caller's transaction; None leaves it, bringing it again changes nothing."""
    last = connection.execute(
        select(score_table.c.version, score_table.c.digest, score_table.c.from_month)
        .order_by(score_table.c.version.desc())
        .limit(1)
    ).one_or_none()
    content = table.model_dump(mode="json") if table is not None else None
    digest = digest_of(content) if content is not None else None
    if table is None or (last is not None and last.digest == digest):
        return TableApplied(last.version, False, last.from_month) if last else TableApplied()
    from_month = table.from_month or month_of(now)
    version: int = connection.execute(
        score_table.insert()
        .values(
            digest=digest,
            author=author,
            reason=table.reason,
            from_month=from_month,
            applied_at=now,
            document=content,
        )
        .returning(score_table.c.version)
    ).scalar_one()
    return TableApplied(version, True, from_month)


def table_of(connection: Connection, month: str) -> tuple[int, ScoreTable]:
    """The table that holds for a month, with its version; the hub's own is 0."""
    row = connection.execute(
        select(score_table.c.version, score_table.c.document)
        .where(score_table.c.from_month <= month)
        .order_by(score_table.c.version.desc())
        .limit(1)
    ).one_or_none()
    return (row.version, ScoreTable.model_validate(row.document)) if row else (0, default_table())


def table_versions(connection: Connection) -> list[dict[str, Any]]:
    """Every version of the table, the latest first, without its lines."""
    rows = connection.execute(
        select(
            score_table.c.version,
            score_table.c.from_month,
            score_table.c.author,
            score_table.c.reason,
            score_table.c.applied_at,
        ).order_by(score_table.c.version.desc())
    )
    return row_dicts(rows)


# ---- verdicts


def add_verdict(
    connection: Connection,
    warning_id: str,
    verdict: BreachVerdict,
    excuse: Excuse | None,
    breaches: Sequence[Breach],
    now: datetime,
    *,
    by: str,
    reason: str,
) -> int:
    """Writes what a person found, with what it was found of; its id."""
    verdict_id: int = connection.execute(
        score_verdict.insert()
        .values(warning_id=warning_id, verdict=verdict, excuse=excuse, by=by, reason=reason, at=now)
        .returning(score_verdict.c.verdict_id)
    ).scalar_one()
    columns = [column.name for column in score_breach.columns if column.name != "verdict_id"]
    connection.execute(
        score_breach.insert(),
        [
            {
                "verdict_id": verdict_id,
                **{name: getattr(one, name) for name in columns},
                "level": int(one.level),
                "case_nos": list(one.case_nos),
                "things": list(one.things),
            }
            for one in breaches
        ],
    )
    return verdict_id


def verdicts(connection: Connection, warning_id: str) -> list[dict[str, Any]]:
    """Every verdict on a warning, the first one first."""
    rows = connection.execute(
        select(score_verdict)
        .where(score_verdict.c.warning_id == warning_id)
        .order_by(score_verdict.c.verdict_id)
    )
    return row_dicts(rows)


# ---- changes by hand


def add_change(
    connection: Connection,
    month: str,
    organisation: str,
    post: str | None,
    kind: ScoreKind,
    points: Decimal,
    now: datetime,
    *,
    by: str,
    reason: str,
    corrects: str | None,
) -> int:
    """Writes a change by hand; its id."""
    change_id: int = connection.execute(
        score_change.insert()
        .values(
            month=month,
            organisation=organisation,
            post=post,
            kind=kind,
            points=points,
            by=by,
            reason=reason,
            at=now,
            corrects=corrects,
        )
        .returning(score_change.c.change_id)
    ).scalar_one()
    return change_id


def changes(connection: Connection, month: str) -> list[dict[str, Any]]:
    """The changes of a month, in the order in which they were made."""
    return row_dicts(
        connection.execute(
            select(score_change).where(score_change.c.month == month).order_by(score_change.c.change_id)
        )
    )


# ---- notices and appeals


def add_notice(
    connection: Connection,
    month: str,
    organisation: str,
    verdict_ids: Collection[int],
    now: datetime,
    due_at: datetime,
    *,
    provisional: bool,
    by: str,
    message_id: str | None,
) -> None:
    """Notes that an organisation was notified of these verdicts."""
    connection.execute(
        score_notice.insert().values(
            month=month,
            organisation=organisation,
            verdict_ids=sorted(verdict_ids),
            by=by,
            at=now,
            due_at=due_at,
            due_provisional=provisional,
            message_id=message_id,
        )
    )


def notices(connection: Connection, month: str) -> list[dict[str, Any]]:
    """The notices about a month, the first one first."""
    return row_dicts(
        connection.execute(
            select(score_notice).where(score_notice.c.month == month).order_by(score_notice.c.notice_id)
        )
    )


def notice_of(connection: Connection, verdict_id: int, organisation: str) -> dict[str, Any] | None:
    """The first notice by which an organisation heard of a verdict, or None."""
    rows = connection.execute(
        select(score_notice)
        .where(
            score_notice.c.organisation == organisation,
            literal(verdict_id) == any_(score_notice.c.verdict_ids),
        )
        .order_by(score_notice.c.notice_id)
        .limit(1)
    )
    return next(iter(row_dicts(rows)), None)


def add_appeal(
    connection: Connection, verdict_id: int, organisation: str, now: datetime, *, by: str, reason: str
) -> bool:
    """Writes an appeal; False, and nothing written, when the organisation has appealed against that verdict."""
    done = connection.execute(
        insert(score_appeal)
        .values(verdict_id=verdict_id, organisation=organisation, by=by, reason=reason, at=now)
        .on_conflict_do_nothing(index_elements=[score_appeal.c.verdict_id, score_appeal.c.organisation])
        .returning(score_appeal.c.appeal_id)
    ).one_or_none()
    return done is not None


def appeals(connection: Connection, verdict_ids: Collection[int]) -> list[dict[str, Any]]:
    """The appeals against these verdicts, the first one first."""
    return row_dicts(
        connection.execute(
            select(score_appeal)
            .where(score_appeal.c.verdict_id.in_(list(verdict_ids)))
            .order_by(score_appeal.c.appeal_id)
        )
    )


def decide_appeal(
    connection: Connection, appeal_id: int, now: datetime, *, upheld: bool, by: str, reason: str
) -> None:
    """Writes the decision on an appeal that has none."""
    connection.execute(
        score_appeal.update()
        .where(score_appeal.c.appeal_id == appeal_id, score_appeal.c.upheld.is_(None))
        .values(upheld=upheld, decided_by=by, decided_why=reason, decided_at=now)
    )


# ---- frozen months


def add_freeze(
    connection: Connection, month: str, document: Mapping[str, Any], now: datetime, *, by: str
) -> str:
    """Writes a month as it stands for ever; its digest. The caller has seen, alone, that it is not frozen."""
    digest = digest_of(document)
    connection.execute(
        score_freeze.insert().values(month=month, by=by, at=now, digest=digest, document=dict(document))
    )
    return digest


def frozen(connection: Connection, months: Collection[str]) -> dict[str, dict[str, Any]]:
    """Of these months those that are frozen: by, at, digest, document."""
    rows = connection.execute(select(score_freeze).where(score_freeze.c.month.in_(list(months))))
    return {one["month"]: one for one in row_dicts(rows)}


def digest_of(document: Mapping[str, Any]) -> str:
    """What a document is known by again: the same for the same content on every machine."""
    return sha256(canonical(document)).hexdigest()
