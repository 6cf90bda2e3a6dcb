"""What scores are computed from: breaches as they were judged, warnings that wait for a verdict, how much work there was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.model.codes import Level, WarningState
from hub.model.score import Breach, BreachVerdict, Excuse, Volume
from hub.sdk.rules import MOMENT
from hub.store.observed import CASE_TIMES

_CASE_AT = f"coalesce({', '.join(f'c.{name}' for name in CASE_TIMES)})"

# The first organisation that was given the order stands in where the signal names nobody.
_LIVE = """
    SELECT w.warning_id, w.warning_no, w.state, least(w.level, s.level) AS level, s.signal_id, s.rule_id, s.rule_version,
        s.threshold, s.window_to, s.observed, coalesce(s.organisation, (SELECT o.organisation FROM orders o
            WHERE o.origin = 'warning' AND o.origin_id = w.warning_id ORDER BY o.order_id LIMIT 1)) AS organisation
    FROM warning w JOIN warning_signal ws USING (warning_id) JOIN signal s ON s.signal_id = ws.signal_id
"""

# What a person judged, with the last verdict of each warning.
_JUDGED = """
    SELECT w.warning_no, w.state, v.verdict_id, v.verdict, v.excuse, b.signal_id, b.rule_id, b.rule_version, b.level, b.occurred_at,
        b.organisation, b.post, b.case_nos, b.things, b.before_limit, (SELECT bool_or(a.upheld) FROM score_appeal a
            WHERE a.verdict_id = v.verdict_id AND a.organisation = coalesce(b.organisation, '')) AS upheld
    FROM score_breach b JOIN score_verdict v USING (verdict_id) JOIN warning w USING (warning_id)
    WHERE b.occurred_at >= :since AND b.occurred_at < :until AND NOT EXISTS (
        SELECT 1 FROM score_verdict n WHERE n.warning_id = v.warning_id AND n.verdict_id > v.verdict_id)
"""

# OFFSET 0 keeps the planner at one look into the index a name, however many cases there are (P9).
_CASES = (
    "SELECT n.name, t.post, t.n FROM unnest(CAST(:names AS text[])) AS n (name) CROSS JOIN LATERAL ("
    "SELECT c.post, count(*) AS n FROM service_case c WHERE coalesce(c.organisation_code, c.organisation) = n.name "
    f"AND {_CASE_AT} >= :since AND {_CASE_AT} < :until AND NOT c.deleted GROUP BY 1 OFFSET 0) t"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A breach with the verdict that it was judged by."""

    verdict_id: int
    breach: Breach


@dataclass(frozen=True, slots=True)
class Volumes:
    """How much work each organisation, by the name that cases have it under, and each of its posts had."""

    cases: Mapping[tuple[str, str | None], int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)

    def of(self, names: Collection[str], code: str, post: str | None) -> Volume:
        """Of an organisation that is known under these names, or of one of its posts; orders are the whole organisation's."""
        known = set(names) | {code}
        cases = sum(
            n for (name, at), n in self.cases.items() if name in known and (post is None or at == post)
        )
        return Volume(cases=cases, orders=self.orders.get(code, 0))


def judged(connection: Connection, since: datetime, until: datetime) -> list[Judged]:
    """Every breach in ``[since, until)`` that a person has judged, by time, the revoked included."""
    rows = connection.execute(
        text(f"{_JUDGED} ORDER BY b.occurred_at, w.warning_no, b.signal_id"), {"since": since, "until": until}
    )
    return [
        Judged(
            row.verdict_id,
            Breach(
                warning_no=row.warning_no,
                signal_id=row.signal_id,
                rule_id=row.rule_id,
                rule_version=row.rule_version,
                level=Level(row.level),
                occurred_at=row.occurred_at,
                organisation=row.organisation,
                post=row.post,
                case_nos=tuple(row.case_nos),
                things=tuple(row.things),
                before_limit=row.before_limit,
                verdict=BreachVerdict(row.verdict),
                excuse=Excuse(row.excuse) if row.excuse else None,
                revoked=row.state == WarningState.REVOKED,
                appeal_upheld=bool(row.upheld),
            ),
        )
        for row in rows
    ]


def breaches_of(connection: Connection, verdict_id: int) -> list[Breach]:
    """What one verdict judged, ascending by signal; without the verdict itself."""
    rows = connection.execute(
        text(
            "SELECT w.warning_no, b.* FROM score_breach b JOIN score_verdict v USING (verdict_id) JOIN warning w USING (warning_id) "
            "WHERE b.verdict_id = :id ORDER BY b.signal_id"
        ),
        {"id": verdict_id},
    )
    return [Breach.model_validate({name: row._mapping[name] for name in _OF_BREACH}) for row in rows]


_OF_BREACH = ("warning_no", "signal_id", "rule_id", "rule_version", "level", "occurred_at", "organisation", "post", "case_nos", "things", "before_limit")  # fmt: skip


def of_warning(connection: Connection, warning_id: str, codes: Mapping[str, str]) -> list[Breach]:
    """What a warning tells of as it stands now, not judged: one breach a signal.

    Args:
        codes: Name, alias or code of an organisation -> its code.
    """
    rows = connection.execute(
        text(f"{_LIVE} WHERE w.warning_id = :id ORDER BY s.signal_id"), {"id": warning_id}
    ).all()
    return _breaches(connection, rows, codes)


def unjudged(
    connection: Connection, since: datetime, until: datetime, codes: Mapping[str, str]
) -> list[Breach]:
    """Breaches in ``[since, until)`` that standing warnings of E and S rules tell of and nobody has judged, by time."""
    rows = connection.execute(
        text(
            f"{_LIVE} WHERE w.rule_id ~ '^[ES][0-9]' AND w.state <> :revoked "
            "AND s.window_to > :since AND s.window_to <= :until "
            "AND NOT EXISTS (SELECT 1 FROM score_verdict v WHERE v.warning_id = w.warning_id) ORDER BY s.window_to, w.warning_no, s.signal_id"
        ),
        {"since": since, "until": until, "revoked": WarningState.REVOKED.value},
    ).all()
    return _breaches(connection, rows, codes)


def risen(connection: Connection, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Warnings whose level has risen since they were verified: what was verified is the lower level."""
    rows = connection.execute(
        text(
            f"SELECT DISTINCT j.warning_no, j.level AS verified, w.level AS level FROM ({_JUDGED}) j "
            "JOIN warning w USING (warning_no) JOIN signal s ON s.signal_id = j.signal_id "
            "WHERE j.verdict = 'verified' AND w.state <> 'revoked' AND least(w.level, s.level) > j.level ORDER BY 1"
        ),
        {"since": since, "until": until},
    )
    return [dict(row._mapping) for row in rows]


def volumes(connection: Connection, since: datetime, until: datetime, names: Collection[str]) -> Volumes:
    """How many cases of organisations under these names, and orders to them, fall into ``[since, until)``."""
    asked = {"since": since, "until": until, "names": sorted(names)}
    cases = connection.execute(text(_CASES), asked)
    orders = connection.execute(
        text(
            "SELECT organisation, count(*) AS n FROM orders WHERE created_at >= :since AND created_at < :until "
            "AND organisation = ANY(CAST(:names AS text[])) GROUP BY 1"
        ),
        asked,
    )
    return Volumes(
        {(row.name, row.post): row.n for row in cases}, {row.organisation: row.n for row in orders}
    )


def _breaches(connection: Connection, rows: Sequence[Any], codes: Mapping[str, str]) -> list[Breach]:
    known = _things(connection, {ref for row in rows for ref in row.observed})
    found = []
    for row in rows:
        about = [known.get(ref, _Thing(ref)) for ref in row.observed]
        posts = {one.post for one in about}
        found.append(
            Breach(
                warning_no=row.warning_no,
                signal_id=row.signal_id,
                rule_id=row.rule_id,
                rule_version=row.rule_version,
                level=Level(row.level),
                # The last moment at which its condition came true: of a card that rose, the higher card's.
                occurred_at=row.window_to - MOMENT,
                organisation=codes.get(row.organisation, row.organisation),
                post=posts.pop() if len(posts) == 1 else None,
                case_nos=tuple(sorted({one.case_no for one in about if one.case_no is not None})),
                things=tuple(sorted({one.fact for one in about})),
                # E01 holds the offset of a card to its limit against: what is shown before it is below zero.
                before_limit=row.rule_id == "E01" and row.threshold < 0,
                revoked=row.state == WarningState.REVOKED,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Thing:
    """What a signal rests on: the case where it speaks of one, else itself."""

    ref: str
    case_no: str | None = None
    post: str | None = None

    @property
    def fact(self) -> str:
        return f"case {self.case_no}" if self.case_no is not None else self.ref


_ABOUT = {
    "case": "SELECT case_id AS id, case_no, post FROM service_case WHERE case_id = ANY(CAST(:ids AS text[]))",
    "rating": "SELECT observation_id AS id, case_no, NULL AS post FROM rating WHERE observation_id = ANY(CAST(:ids AS text[]))",
    "monitor_event": "SELECT observation_id AS id, case_no, post FROM monitor_event WHERE observation_id = ANY(CAST(:ids AS text[]))",
}


def _things(connection: Connection, refs: Collection[str]) -> dict[str, _Thing]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for ref in refs:
        kind, _, number = ref.partition(":")
        by_kind[kind].append(number)
    found = {}
    for kind, statement in _ABOUT.items():
        if by_kind[kind]:
            for row in connection.execute(text(statement), {"ids": sorted(by_kind[kind])}):
                found[f"{kind}:{row.id}"] = _Thing(f"{kind}:{row.id}", row.case_no, row.post)
    return found
