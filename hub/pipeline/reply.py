"""Reply: tells demands' own platforms what became of them, through the `reply` method of their channels.

A reply is told outside any transaction, under a lease with a fencing token; a process that dies leaves it to the next one after the
lease. The source is told again then, with the same idempotency key, so that the effect happens once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from hub.clock import Clock
from hub.errors import Code, ConfigError, HubError, SourceUnavailable
from hub.model.codes import ReplyKind, ReplyState
from hub.model.ids import new_ulid
from hub.model.report import Problem, Report
from hub.pipeline.collect import Source
from hub.plugins.calls import guard
from hub.sdk.channel import Channel, Reply, ReplyReceipt
from hub.seal import Sealer
from hub.store import replies
from hub.store.engine import Connection, Store
from hub.store.replies import Target, Waiting
from hub.text.redact import without_numbers

TIMEOUT_S = 60.0
LEASE_S = 300.0
SETTLE_MARGIN_S = 10.0  # of a lease, kept for writing the result
BATCH = 20
# Half a minute, then longer: a platform that is away for a working day is still told.
DELAYS_S = (30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0)
_LONGEST_ASKED_S = 86_400.0  # a source that asks for more time is asked again all the same
_DETAIL_CHARS = 300


class _Told(msgspec.Struct):
    """What is sealed of a reply."""

    text: str
    fields: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class ReplyDeps:
    """What replying needs; put together by `hub.runtime`."""

    store: Store
    sealer: Sealer
    clock: Clock


def put(
    deps: ReplyDeps,
    connection: Connection,
    about: Target,
    kind: ReplyKind,
    text: str,
    *,
    by: str,
    fields: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> bool:
    """Writes a reply into the outbox, in the caller's transaction.

    Args:
        text: The reason, or the public answer; sealed, for it may name persons.
        by: Who replies.
        idempotency_key: Of the decision behind it, so that deciding twice replies once; a new one when None.

    Returns:
        Whether it is new.
    """
    key = idempotency_key or new_ulid(int(deps.clock.now().timestamp() * 1000)).lower()
    sealed = deps.sealer.seal(
        msgspec.json.encode(_Told(text, dict(fields or {}))), table=replies.SEALED_AS, row_id=key
    )
    return replies.put(connection, about, kind, sealed, idempotency_key=key, now=deps.clock.now(), by=by)


def run(deps: ReplyDeps, sources: Mapping[str, Source]) -> Report:
    """Tells every reply that is due and whose channel is ready.

    Returns:
        Counts: ``accepted``, ``refused``, ``deferred``, ``failed``, ``late`` (another process settled it first). A problem for each
        reply that needs a person.
    """
    counts: dict[str, int] = {}
    problems: list[Problem] = []
    ready = _ready(sources, problems)
    while True:
        now = deps.clock.now()
        with deps.store.begin() as connection:
            claimed = replies.claim(connection, ready, now, lease_s=LEASE_S, limit=BATCH)
        if not claimed:
            return Report(step="reply", counts=counts, problems=tuple(problems))
        last_start = now + timedelta(seconds=LEASE_S - TIMEOUT_S - SETTLE_MARGIN_S)
        for place, waiting in enumerate(claimed):
            if deps.clock.now() > last_start:
                # Its lease may end while it is told: then another process tells it too, or tells what comes after it first.
                with deps.store.begin() as connection:
                    replies.release(connection, claimed[place:])
                break
            outcome = _tell(deps, sources[waiting.instance].channel, waiting, problems)
            counts[outcome] = counts.get(outcome, 0) + 1


def _ready(sources: Mapping[str, Source], problems: list[Problem]) -> list[str]:
    """The instances whose source takes replies; one whose channel cannot say so stops no other."""
    ready: list[str] = []
    for instance, source in sources.items():
        where = f"{instance}: takes_replies"
        try:
            if guard(source.channel.takes_replies, timeout_s=TIMEOUT_S, what=where):
                ready.append(instance)
        except HubError as exc:
            problems.append(Problem(where=where, code=str(exc.code), message=exc.message))
    return ready


def _tell(deps: ReplyDeps, channel: Channel[Any], waiting: Waiting, problems: list[Problem]) -> str:
    where = f"{waiting.instance}: reply {waiting.reply_id} ({waiting.kind})"
    try:
        opened = msgspec.json.decode(
            deps.sealer.unseal(waiting.sealed, table=replies.SEALED_AS, row_id=waiting.idempotency_key),
            type=_Told,
        )
        reply = Reply(
            waiting.source_no,
            ReplyKind(waiting.kind),
            opened.text,
            waiting.idempotency_key,
            waiting.made_at,
            opened.fields,
        )
        receipt = guard(lambda: channel.reply(reply), timeout_s=TIMEOUT_S, what=where)
        if not isinstance(receipt, ReplyReceipt):
            raise ConfigError(
                f"{where}: the channel gave a {type(receipt).__name__} (expected a hub.sdk.ReplyReceipt); mend its reply()",
                code=Code.PLUGIN_FAILED,
            )
    except HubError as exc:
        return _not_told(deps, waiting, exc, where, problems)
    state = ReplyState.ACCEPTED if receipt.accepted else ReplyState.REFUSED
    if not receipt.accepted:
        problems.append(
            Problem(
                where=where,
                code=str(Code.REPLY_REFUSED),
                message=f"{where}: the source refuses it ({_short(receipt.detail) or 'no reason given'}; expected that it takes it); look at "
                "the demand there, then `hub reply retry` or reply otherwise",
            )
        )
    return _settled(
        deps, waiting, state, str(state), reference=receipt.reference, detail=_short(receipt.detail)
    )


def _not_told(deps: ReplyDeps, waiting: Waiting, exc: HubError, where: str, problems: list[Problem]) -> str:
    message = without_numbers(exc.message)
    is_away = isinstance(exc, SourceUnavailable)
    # What only an operator can mend is told as such at once, and tried again all the same: nobody has to remember the reply.
    if waiting.attempts >= len(DELAYS_S):
        problems.append(
            Problem(
                where=where,
                code=str(exc.code),
                message=f"given up after {waiting.attempts + 1} tries: {message}",
            )
        )
        return _settled(
            deps, waiting, ReplyState.FAILED, "failed", code=str(exc.code), detail=_short(message)
        )
    if not is_away:
        problems.append(Problem(where=where, code=str(exc.code), message=message))
    asked_s = (exc.retry_after_s if isinstance(exc, SourceUnavailable) else None) or 0.0
    next_at = deps.clock.now() + timedelta(
        seconds=max(DELAYS_S[waiting.attempts], min(asked_s, _LONGEST_ASKED_S))
    )
    return _settled(
        deps,
        waiting,
        ReplyState.WAITING,
        "deferred",
        next_at=next_at,
        code=str(exc.code),
        detail=_short(message),
    )


def _settled(deps: ReplyDeps, waiting: Waiting, state: ReplyState, outcome: str, **result: object) -> str:
    with deps.store.begin() as connection:
        stands = replies.settle(connection, waiting, deps.clock.now(), state, **result)  # type: ignore[arg-type]
    return outcome if stands else "late"


def _short(detail: str) -> str:
    return without_numbers(detail)[:_DETAIL_CHARS]
