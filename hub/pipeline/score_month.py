"""The scores of a month: computed from what stands, or read back as they were frozen; and what came after the freeze."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hub.model.demand import Emitted
from hub.model.score import (
    Breach,
    Change,
    Line,
    Score,
    Volume,
    Why,
    assess,
    month_of,
    month_span,
    months_before,
)
from hub.model.score_table import ScoreKind, ScoreTable
from hub.store import config, score_facts, scores
from hub.store.config import Organisation
from hub.store.engine import Connection

_MEMORY_MONTHS = 12
"""How far back a fact is looked for that a month must not deduct for again."""

Holder = tuple[str, str | None]


class HolderScore(Emitted):
    """Both scores of an organisation, or of one of its posts, for one month."""

    organisation: str
    organisation_name: str
    post: str | None = None
    volume: Volume
    scores: tuple[Score, Score]


class MonthScores(Emitted):
    """A whole month.

    Attributes:
        table_version: Of the deduction table that was held against it; 0 is the hub's own.
        holders: Organisations with cases, orders, breaches or changes in the month, and their posts, by code.
    """

    month: str
    table_version: int
    table: ScoreTable
    holders: tuple[HolderScore, ...]


class Later(Emitted):
    """What a frozen month would deduct otherwise by what became known after the freeze; it stays as it is.

    Attributes:
        why: None: it was judged anew, as of another month or organisation.
    """

    organisation: str
    post: str | None
    warning_no: str
    kind: ScoreKind
    frozen: Decimal
    now: Decimal
    why: Why | None


class ShownMonth(Emitted):
    """A month as people see it.

    Attributes:
        frozen_at: None while it is not frozen; so are ``frozen_by`` and ``digest``.
        intact: Whether the frozen document still has its digest.
        later: Differences that became known after the freeze.
        waiting: Warnings that wait for a verdict.
    """

    scores: MonthScores
    frozen_at: datetime | None = None
    frozen_by: str | None = None
    digest: str | None = None
    intact: bool = True
    later: tuple[Later, ...] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Directory:
    """Organisations by code, and the code behind each name that sources use."""

    organisations: Mapping[str, Organisation]
    codes: Mapping[str, str]

    @classmethod
    def read(cls, connection: Connection) -> Directory:
        """As configured now."""
        known = config.organisations(connection)
        return cls(
            known,
            {name: one.code for one in known.values() for name in (one.code, one.name, *one.aliases)},
        )

    def names(self, code: str) -> tuple[str, ...]:
        """Everything that an organisation is called."""
        one = self.organisations.get(code)
        return (one.code, one.name, *one.aliases) if one is not None else (code,)

    def name(self, code: str) -> str:
        """What people read."""
        return self.organisations[code].name if code in self.organisations else code


def shown(connection: Connection, month: str) -> ShownMonth:
    """A month as people see it: frozen as it was, with what came later; else computed from what stands.

    Raises:
        ValueError: ``month`` is none.
    """
    live = compute(connection, month)
    waiting = len({one.warning_no for one in unjudged(connection, month)})
    row = scores.frozen(connection, [month]).get(month)
    if row is None:
        return ShownMonth(scores=live, waiting=waiting)
    stands = MonthScores.model_validate(row["document"])
    return ShownMonth(
        scores=stands,
        frozen_at=row["at"],
        frozen_by=row["by"],
        digest=row["digest"],
        intact=scores.digest_of(row["document"]) == row["digest"],
        later=tuple(_differences(stands, live)),
        waiting=waiting,
    )


def unjudged(connection: Connection, month: str) -> list[Breach]:
    """Breaches of the month that nobody has judged, by time.

    Raises:
        ValueError: ``month`` is none.
    """
    return score_facts.unjudged(connection, *month_span(month), Directory.read(connection).codes)


def compute(connection: Connection, month: str) -> MonthScores:
    """The scores of a month from what stands now: the same facts give the same scores, whenever and in whatever order they came.

    Raises:
        ValueError: ``month`` is none.
    """
    begins, ends = month_span(month)
    directory = Directory.read(connection)
    version, table = scores.table_of(connection, month)
    earlier = scores.frozen(connection, [months_before(month, n) for n in range(1, _MEMORY_MONTHS + 1)])
    breaches = _breaches(connection, month, directory, earlier)
    held = _held(MonthScores.model_validate(row["document"]) for row in earlier.values())
    changes = _changes(connection, month)
    names = {name for code in directory.organisations for name in directory.names(code)}
    names |= {code for code, _ in (*breaches, *changes)}
    volumes = score_facts.volumes(connection, begins, ends, names)
    holders: set[Holder] = {
        holder for holder, each in breaches.items() if any(one.occurred_at >= begins for one in each)
    }
    holders |= changes.keys()
    for name, post in volumes.cases:
        code = directory.codes.get(name, name)
        holders |= {(code, None), (code, post)}
    holders |= {(directory.codes.get(name, name), None) for name in volumes.orders}
    holders |= {(code, None) for code, _ in holders}
    found = []
    for code, post in sorted(holders, key=lambda one: (one[0], one[1] is not None, one[1] or "")):
        volume = volumes.of(directory.names(code), code, post)
        holder = (code, post)
        assessed = assess(
            month,
            breaches.get(holder, ()),
            volume,
            changes.get(holder, ()),
            table,
            held.get(holder, {}),
        )
        found.append(
            HolderScore(
                organisation=code,
                organisation_name=directory.name(code),
                post=post,
                volume=volume,
                scores=(assessed[ScoreKind.INDICATORS], assessed[ScoreKind.TIME_LIMITS]),
            )
        )
    return MonthScores(month=month, table_version=version, table=table, holders=tuple(found))


def deducting(month: MonthScores, organisation: str) -> list[Line]:
    """The lines that take something off an organisation or one of its posts, each breach once, by time."""
    found: dict[tuple[str, str], Line] = {}
    for holder in month.holders:  # the organisation comes before its posts
        if holder.organisation == organisation:
            for line in (line for score in holder.scores for line in score.lines if line.deducted):
                found.setdefault((line.warning_no, line.signal_id), line)
    return sorted(found.values(), key=lambda one: (one.occurred_at, one.warning_no, one.signal_id))


def _breaches(
    connection: Connection, month: str, directory: Directory, frozen: Collection[str]
) -> dict[Holder, list[Breach]]:
    """What each organisation and post is judged by: this month's breaches, and those of earlier months that are not frozen."""
    begins, ends = month_span(month)
    since, _ = month_span(months_before(month, _MEMORY_MONTHS))
    found: dict[Holder, list[Breach]] = defaultdict(list)
    for one in (
        *(judged.breach for judged in score_facts.judged(connection, since, ends)),
        *score_facts.unjudged(connection, begins, ends, directory.codes),
    ):
        if one.organisation is None or month_of(one.occurred_at) in frozen:
            continue
        for post in {None, one.post}:
            found[one.organisation, post].append(one)
    return found


def _held(documents: Iterable[MonthScores]) -> dict[Holder, dict[tuple[str, str], Decimal]]:
    """What frozen months have paid for, whatever was found of it since."""
    found: dict[Holder, dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for month in documents:
        for holder in month.holders:
            paid = found[holder.organisation, holder.post]
            for line in (line for score in holder.scores for line in score.lines):
                for fact in line.facts:
                    paid[fact] = max(line.points, paid.get(fact, line.points))
    return found


def _changes(connection: Connection, month: str) -> dict[Holder, list[Change]]:
    found: dict[Holder, list[Change]] = defaultdict(list)
    for row in scores.changes(connection, month):
        found[row["organisation"], row["post"]].append(
            Change.model_validate({name: row[name] for name in Change.model_fields})
        )
    return found


def _lines(month: MonthScores) -> Iterable[tuple[tuple[str, str | None, str, str], tuple[ScoreKind, Line]]]:
    for holder in month.holders:
        for score in holder.scores:
            for line in score.lines:
                key = (holder.organisation, holder.post, line.warning_no, line.signal_id)
                yield key, (score.kind, line)


def _differences(stands: MonthScores, live: MonthScores) -> Sequence[Later]:
    """Line by line, what is deducted now and was not, or no longer is."""
    was, now = dict(_lines(stands)), dict(_lines(live))
    found = []
    for key in sorted(was.keys() | now.keys(), key=lambda one: (one[0], one[1] or "", one[2:])):
        before = was[key][1].deducted if key in was else Decimal(0)
        after = now[key][1].deducted if key in now else Decimal(0)
        # More cases of the month may come in late: that moves every line a little and is no fact about a breach.
        same = bool(before) == bool(after) and (
            key not in was or key not in now or was[key][1].points == now[key][1].points
        )
        if not same:
            kind, line = now.get(key) or was[key]
            why = line.why if key in now else None
            found.append(
                Later(
                    organisation=key[0],
                    post=key[1],
                    warning_no=key[2],
                    kind=kind,
                    frozen=before,
                    now=after,
                    why=why,
                )
            )
    return found
