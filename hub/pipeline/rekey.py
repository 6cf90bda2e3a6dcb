"""Rekey: rewrites under the active keys what former keys sealed, and rebuilds the search tokens, while the hub runs.

Batches are short transactions that wait for no collector, so that it may be killed at any point and run again, and run beside
itself. A reporter's demands and signals change their token together, under the locks that rules judge them by: no rule sees half
of a person, and a signal stays the signal that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from hub.clock import Clock
from hub.errors import Code, HubError, StateConflict
from hub.model.codes import ReporterType
from hub.model.demand import Reporter
from hub.model.report import Problem, Report
from hub.pipeline.intake import Intake, Keys
from hub.seal import Purpose, Sealer, SearchKeys, seal_prefix
from hub.store import landing, outlines, signals
from hub.store import rekey as kept
from hub.store.engine import Connection, Store
from hub.store.persons import LINKED
from hub.store.rekey import DemandRow, Place, Renewed

BATCH = 500
_PASSES = 5
_TABLE = "demand"

Progress = Callable[[str, int], None]
ValueT = TypeVar("ValueT")
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class RekeyDeps:
    """What rekeying needs; put together by whoever calls it.

    Attributes:
        sealer: Under the ring as the key file has it now.
        search: Under the same ring.
        intake: Made of the two.
        reporter_rules: Ids of the rules whose keys are reporters.
    """

    store: Store
    clock: Clock
    sealer: Sealer
    search: SearchKeys
    intake: Intake
    reporter_rules: tuple[str, ...] = ()

    @property
    def active(self) -> kept.Active:
        """How values under the active keys begin."""
        return kept.Active(
            seal_prefix(self.sealer.ring.active(Purpose.SEAL)), f"{self.search.active_key_id}:"
        )


def run(deps: RekeyDeps, progress: Progress | None = None, *, batch: int = BATCH) -> Report:
    """Rewrites everything that stands under a former key.

    Args:
        progress: Told (table, rows of it done so far) after each batch.
        batch: Most rows in one transaction.

    Returns:
        Counts: rows rewritten by table, ``signals`` that got their reporter's present key, ``left`` (rows that still stand under a
        former key) and ``signals_kept`` (signals about a person of whom no demand is left: they keep their key, which opens
        nothing). A problem for each table of which something is left, and for each kind of row that does not open.

    Raises:
        StoreUnavailable, StoreError: The database failed; what was committed stays, the next call goes on from there.
    """
    work = _Rekey(deps, progress, batch)
    left: dict[str, int] = {}
    for _ in range(_PASSES):
        before = sum(work.done.values())
        work.one_pass()
        with deps.store.begin() as connection:
            left = kept.outdated(connection, deps.active)
        orphans = left.pop("signal")
        if not any(left.values()) or sum(work.done.values()) == before:
            break
    counts = {**work.done, "left": sum(left.values()), "signals_kept": orphans}
    return Report(step="rekey", counts=counts, problems=(*work.problems(), *_left(left)))


def outdated(deps: RekeyDeps) -> dict[str, int]:
    """How many rows of each table stand under a former key."""
    with deps.store.begin() as connection:
        return kept.outdated(connection, deps.active)


def _left(left: dict[str, int]) -> list[Problem]:
    return [
        Problem(
            where=table,
            code=str(Code.STATE_CONFLICT),
            message=f"{count} rows of {table} still stand under a former key (in use by another process, or they do not open); "
            "run `hub keys reindex` again before that key is retired",
        )
        for table, count in left.items()
        if count
    ]


@dataclass(slots=True)
class _Fault:
    first: str
    message: str
    rows: set[str] = field(default_factory=set)


class _Rekey:
    """One call of `run`."""

    def __init__(self, deps: RekeyDeps, progress: Progress | None, batch: int) -> None:
        self.deps = deps
        self.active = deps.active
        self.progress = progress
        self.batch = batch
        self.done: dict[str, int] = {}
        self.faults: dict[tuple[str, str], _Fault] = {}

    def one_pass(self) -> None:
        """Looks at every table once; people first, so that rules see a person in two halves as shortly as possible."""
        self._reporters()
        self._demands()
        self._signals()
        self._history()
        for place in kept.PLACES:
            self._sealed(place)

    def problems(self) -> list[Problem]:
        """One for each table and code of rows that could not be rewritten."""
        return [
            Problem(
                where=table,
                code=code,
                message=f"{len(fault.rows)} rows were left as they are, the first of them {fault.first}: {fault.message}",
            )
            for (table, code), fault in sorted(self.faults.items())
        ]

    # ---- tables

    def _sealed(self, place: Place) -> None:
        after: Any = None
        while True:
            with self.deps.store.begin() as connection:
                found, after = kept.next_sealed(connection, place, self.active, after, self.batch)
                opened = self._each(
                    place.table, found, lambda one: one.row_id, lambda one: self._open(place, one)
                )
                if opened:
                    plains = [plain for _, plain in opened]
                    row_ids = [one.row_id for one, _ in opened]
                    bound_to = place.bound_to or place.table
                    again = self.deps.sealer.seal_many(plains, table=bound_to, row_ids=row_ids)
                    values = [(one.key, sealed) for (one, _), sealed in zip(opened, again, strict=True)]
                    kept.rewrite_sealed(connection, place, values)
            self._count(place.table, len(opened))
            if after is None:
                return

    def _reporters(self) -> None:
        """Demands whose reporter goes by a former key: all of a person's together, with the signals about that person."""
        after = ""
        while True:
            with self.deps.store.begin() as connection:
                keys = kept.next_reporters(connection, self.active, after, self.batch, self.batch)
                if not keys:
                    return
                rows = kept.demands_of(connection, [key for key, _ in keys])
                moved = self._move(connection, rows)
            self._count("demand", moved)
            after = keys[-1][0]

    def _move(self, connection: Connection, rows: list[DemandRow]) -> int:
        renewed = self._each("demand", rows, lambda row: row.demand_id, self._renewed)
        whole = {row.reporter_key for row in rows} - self._unreadable(rows, renewed)
        renewed = _linked([(row, new) for row, new in renewed if row.reporter_key in whole])
        if not renewed:
            return 0
        moved = _moved(renewed)
        # First the rows, then the keys: so evaluating takes them, and neither waits for the other.
        outlines.lock(connection, [row.demand_id for row, _ in renewed])
        self._lock(connection, moved)
        standing = kept.keys_that_stand(connection, list(moved.values()))
        kept.rewrite_demands(connection, [new for _, new in renewed])
        waiting = kept.under_evaluation(connection, [row.demand_id for row, _ in renewed])
        self._count("signals", kept.move_signals(connection, moved))
        self._judge_again(
            connection,
            [
                row.demand_id
                for row, new in renewed
                if row.demand_id in waiting or new.tokens[-1] in standing or row.reporter_key not in moved
            ],
        )
        return len(renewed)

    def _demands(self) -> None:
        after: str | None = ""
        while after is not None:
            with self.deps.store.begin() as connection:
                rows, after = kept.next_demands(connection, self.active, after, self.batch)
                renewed = [
                    new for _, new in self._each("demand", rows, lambda row: row.demand_id, self._renewed)
                ]
                if renewed:
                    outlines.lock(connection, [new.key for new in renewed])
                    kept.rewrite_demands(connection, renewed)
            self._count("demand", len(renewed))

    def _history(self) -> None:
        after: int | None = 0
        while after is not None:
            with self.deps.store.begin() as connection:
                rows, after = kept.next_history(connection, self.active, after, self.batch)
                renewed = [
                    new
                    for _, new in self._each("demand_history", rows, lambda row: str(row.key), self._renewed)
                ]
                if renewed:
                    kept.rewrite_history(connection, renewed)
            self._count("demand_history", len(renewed))

    def _signals(self) -> None:
        """Signals that were raised under a former key while their reporter's demands moved on: found by their demands."""
        after = ""
        while True:
            with self.deps.store.begin() as connection:
                found = kept.outdated_signals(connection, self.active, after, self.batch)
                if not found:
                    return
                former = {one["key"] for one in found}
                demand_ids = {demand_id for one in found for demand_id in one["demand_ids"]}
                moved = self._present_keys(former, kept.states_of(connection, demand_ids))
                self._lock(connection, moved)
                self._count("signals", kept.move_signals(connection, moved))
                self._judge_again(
                    connection,
                    sorted({i for one in found if one["key"] in moved for i in one["demand_ids"]}),
                )
            after = found[-1]["signal_id"]

    # ---- values

    def _open(self, place: Place, one: kept.Sealed) -> bytes:
        return self.deps.sealer.unseal(one.sealed, table=place.bound_to or place.table, row_id=one.row_id)

    def _reporter(self, row: DemandRow) -> tuple[bytes, Reporter]:
        plain = self.deps.sealer.unseal(row.sealed, table=_TABLE, row_id=row.demand_id)
        told: dict[str, Any] = _decode(plain).get("reporter", {})
        return plain, Reporter(**{**told, "type": ReporterType(row.reporter_type)})

    def _renewed(self, row: DemandRow) -> Renewed:
        plain, reporter = self._reporter(row)
        keys = self.deps.intake.keys(reporter, row.instance)
        sealed = self.deps.sealer.seal(plain, table=_TABLE, row_id=row.demand_id)
        return Renewed(row.key, sealed, _tokens(keys), keys.basis)

    def _present_keys(self, former: set[str], rows: Iterable[DemandRow]) -> dict[str, str]:
        """For each former key the present one, where one of these states shows that both are the same person's."""
        search, intake = self.deps.search, self.deps.intake
        others = range(1, len(search.tokens("phone", "")))
        found: dict[str, str] = {}
        for row, (_, reporter) in self._each("signal", list(rows), lambda row: row.demand_id, self._reporter):
            present = intake.keys(reporter, row.instance).reporter
            for place in others:
                token = _under(search, place)
                then = intake.keys(reporter, row.instance, token).reporter
                if then in former and present is not None and then is not None:
                    found[then] = present
        return found

    def _each(
        self,
        table: str,
        rows: Sequence[Any],
        name: Callable[[Any], str],
        make: Callable[[Any], ValueT],
    ) -> list[tuple[Any, ValueT]]:
        """What each row gives; a row that does not open is noted and left out (P5)."""
        made = []
        for row in rows:
            try:
                made.append((row, make(row)))
            except (HubError, ValueError, TypeError) as exc:
                self._note(table, name(row), exc)
        return made

    def _note(self, table: str, row: str, exc: Exception) -> None:
        code = str(exc.code) if isinstance(exc, HubError) else str(Code.SEAL_BROKEN)
        message = exc.message if isinstance(exc, HubError) else "what is sealed in it cannot be read"
        fault = self.faults.setdefault((table, code), _Fault(row, message))
        fault.rows.add(row)

    def _unreadable(
        self, rows: Sequence[DemandRow], renewed: Sequence[tuple[DemandRow, Renewed]]
    ) -> set[str | None]:
        """Reporters one of whose demands does not open: they are left as a whole."""
        made = {row.demand_id for row, _ in renewed}
        return {row.reporter_key for row in rows if row.demand_id not in made}

    def _lock(self, connection: Connection, moved: dict[str, str]) -> None:
        rules = {*self.deps.reporter_rules, *kept.rules_of_reporters(connection)}
        both = {*moved, *moved.values()}
        signals.lock_keys(connection, [(rule_id, key) for rule_id in sorted(rules) for key in sorted(both)])

    def _judge_again(self, connection: Connection, demand_ids: Sequence[str]) -> None:
        for start in range(0, len(demand_ids), BATCH):
            landing.push_evaluate_work(connection, demand_ids[start : start + BATCH], self.deps.clock.now())

    def _count(self, table: str, rows: int) -> None:
        self.done[table] = self.done.get(table, 0) + rows
        if self.progress is not None and rows:
            self.progress(table, self.done[table])


def _linked(renewed: list[tuple[DemandRow, Renewed]]) -> list[tuple[DemandRow, Renewed]]:
    """The same, with the demands that go by a telephone's owner (`hub.store.persons`) under that person's present key."""
    owners = {row.reporter_key: new.tokens[-1] for row, new in renewed if new.basis == "id_no"}
    return [
        (row, replace(new, tokens=(*new.tokens[:-1], owners[row.reporter_key]), basis=LINKED))
        if row.reporter_basis == LINKED and row.reporter_key in owners
        else (row, new)
        for row, new in renewed
    ]


def _moved(renewed: Sequence[tuple[DemandRow, Renewed]]) -> dict[str, str]:
    """Former key -> present key, where all of a person's demands agree; else its signals stay as they are."""
    present: dict[str, set[str | None]] = {}
    for row, new in renewed:
        present.setdefault(row.reporter_key or "", set()).add(new.tokens[-1])
    only = {former: next(iter(keys)) for former, keys in present.items() if len(keys) == 1}
    return {former: key for former, key in only.items() if key is not None}


def _tokens(keys: Keys) -> tuple[str | None, ...]:
    return keys.phone, keys.id_no, keys.email, keys.name, keys.reporter


def _under(search: SearchKeys, place: int) -> Callable[[str, str], str]:
    """Tokens under one of the keys that are still asked, counted from the active one."""
    return lambda kind, value: search.tokens(kind, value)[place]


def refuse_early_retirement(
    connection: Connection, sealer: Sealer, key_id: str, moment: Any, heard_since: Any
) -> None:
    """Passes only when the key may be retired: nothing stands under it, and no run that may still write under it goes on.

    Args:
        moment: When the key ceased to be active.
        heard_since: Runs that were not heard of since are dead.

    Raises:
        StateConflict: Something needs it still; the message says what to do.
    """
    key = sealer.ring.find(key_id)
    if key is None:
        return  # the ring itself says so
    count = kept.usage(connection).get(key_id, 0)
    if count and key.purpose is Purpose.SALT:
        raise _needed(
            key_id, "the hash chains of the ledger and the audit log are verified with it", "keep it"
        )
    if count:
        raise _needed(key_id, f"{count} values stand under it", "run `hub keys reindex`, then retire it")
    if runs := kept.runs_since_before(connection, moment, heard_since):
        raise _needed(
            key_id,
            f"{runs} runs began before it was replaced and go on: they may still write under it",
            "wait for their end (`hub run list`), run `hub keys reindex` once more, then retire it",
        )


def _needed(key_id: str, found: str, remedy: str) -> StateConflict:
    return StateConflict(
        f"key {key_id} cannot be retired: {found} (expected nothing that needs it); {remedy}",
        code=Code.STATE_CONFLICT,
    )
