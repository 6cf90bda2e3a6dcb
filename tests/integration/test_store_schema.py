"""The schema: migrations and tables agree, and migrating is safe to repeat."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, text

from hub.errors import ConfigError, NotFound, StoreError, StoreUnavailable
from hub.model.codes import Level, SignalState, WarningState
from hub.sdk.rules import EVER
from hub.store import history, routes, views
from hub.store.engine import Store, driver
from hub.store.migrate import HEAD, migrate, require_schema
from hub.store.private import PrivateServer
from hub.store.schema import whole_schema


def test_the_migrations_make_exactly_the_tables_that_the_code_describes(every_store: Store) -> None:
    def no_partitions(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return not (kind == "table" and reflected and (name or "").startswith("raw_record_2"))

    with every_store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": no_partitions, "compare_type": True}
        )
        assert compare_metadata(context, whole_schema()) == []


def test_migrating_again_changes_nothing(every_store: Store) -> None:
    assert migrate(every_store) == (HEAD, HEAD)


def test_an_empty_database_is_refused_until_it_is_migrated(wheel_server: PrivateServer) -> None:
    url = wheel_server.create_database("unmigrated")
    store = Store(url)
    try:
        with pytest.raises(StoreError, match="hub migrate"):
            require_schema(store)
        assert migrate(store) == (None, HEAD)
        require_schema(store)
    finally:
        store.close()
        wheel_server.drop_database("unmigrated")


_SIGNAL = (
    "INSERT INTO signal (signal_id, rule_id, rule_version, params, subject, key, state, level, historical, window_from, window_to, "
    "metric, value, threshold, demand_ids, reporters, summary, auto_issue, first_seen_at, last_seen_at) VALUES "
    "('S1', 'W08', '1', '{{}}', 'demand', 'k', '{state}', {level}, false, now(), now(), 'm', 1, 1, '{{}}', 1, 's', false, now(), now())"
)
_WARNING = (
    "INSERT INTO warning (warning_id, warning_no, signal_id, rule_id, level, state, issued_at, issued_by, reason) VALUES "
    "('W1', 'Y1', 'S1', 'W08', {level}, '{state}', now(), 'system', 'r')"
)
_DECISION = (
    "INSERT INTO signal_triage (signal_id, at, by, verdict, manner, reason, warning_id) VALUES "
    "('{signal}', now(), 'a', 'issue', 'individual', 'r', '{warning}')"
)


def test_signals_warnings_and_decisions_hold_every_state_and_level_of_the_code_lists_and_no_other(
    every_store: Store,
) -> None:
    """A word that no code list knows would be read back by nobody."""

    def stored(*statements: str) -> bool:
        try:
            with every_store.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
                raise _Undone
        except _Undone:
            return True
        except StoreError:
            return False

    signal, warning = _SIGNAL.format(state="open", level=1), _WARNING.format(state="issued", level=1)
    assert all(stored(_SIGNAL.format(state=state, level=1)) for state in SignalState)
    assert all(stored(signal, _WARNING.format(state=state, level=1)) for state in WarningState)
    for level in range(5):
        known = level in set(Level)
        assert stored(_SIGNAL.format(state="open", level=level)) is known
        assert stored(signal, _WARNING.format(state="issued", level=level)) is known
    assert not stored(_SIGNAL.format(state="gone", level=1))
    assert not stored(signal, _WARNING.format(state="gone", level=1))
    assert stored(signal, warning, _DECISION.format(signal="S1", warning="W1"))
    assert not stored(signal, warning, _DECISION.format(signal="S2", warning="W1"))
    assert not stored(signal, warning, _DECISION.format(signal="S1", warning="W2"))


class _Undone(Exception):
    """Nothing of the transaction stays."""


@pytest.mark.parametrize("table", ["audit_log", "ledger"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = hash", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_audit_log_and_ledger_let_nobody_change_a_row(every_store: Store, table: str, statement: str) -> None:
    with pytest.raises(StoreError, match="append-only"), every_store.begin() as connection:
        connection.execute(text(statement.format(table)))


def test_a_wrong_password_is_named_as_one(database_url: str) -> None:
    scheme, _, rest = database_url.partition("://")
    user, _, host = rest.partition("@")
    store = Store(f"{scheme}://{user.partition(':')[0]}:wrong@{host}")
    with pytest.raises(ConfigError, match="password") as caught:
        store.ping()
    assert caught.value.code == "store_password"


def test_a_database_that_is_not_there_is_named_as_unavailable() -> None:
    store = Store("postgresql://hub:x@127.0.0.1:1/hub")
    with pytest.raises(StoreUnavailable, match="hub doctor"):
        store.ping()


def test_another_database_than_postgresql_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected postgresql://"):
        Store("sqlite:///hub.db")


def test_every_index_on_demands_answers_a_question_that_the_hub_asks(every_store: Store) -> None:
    """An index that no question uses costs every collected record and serves nobody; here are the questions."""
    plans: list[str] = []

    def explain(
        connection: Connection, cursor: object, statement: str, parameters: dict[str, object], *_: object
    ) -> None:
        if "FROM demand" in statement:
            plan = driver(connection).execute(f"EXPLAIN {statement}", parameters)
            plans.extend(row[0] for row in plan)

    with every_store.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are empty
        names = set(connection.scalars(text("SELECT indexname FROM pg_indexes WHERE tablename = 'demand'")))
        event.listen(connection, "before_cursor_execute", explain)
        views.demands(connection, person=["a", "b"], limit=1_000)
        with pytest.raises(NotFound):
            views.demand(connection, "411521")
        asked = {"ids": ["a"], "within": routes.WITHIN, "least": 12}
        plans.extend(row[0] for row in driver(connection).execute(f"EXPLAIN {routes._WANTED}", asked))
        for subject in sorted(history._SUBJECTS, reverse=True):
            question, values = history._question(subject, {"a|b": EVER}, "count(*)", "")
            plans.extend(row[0] for row in driver(connection).execute(f"EXPLAIN {question}", values))
            if subject == "unresolved_organisation":  # of two indexes as small as these, empty, any serves
                connection.execute(text("DROP INDEX demand_unresolved_org_idx"))
    assert {name for name in names if name not in "\n".join(plans)} == set()
