"""A source's database that is away, shut, slow or without TLS: one loud error with a code, and nothing of the secret."""

from __future__ import annotations

import socket
import threading

import pytest

from hub.clock import ManualClock
from hub.errors import Code, ConfigError, SourceUnavailable
from hub.sdk.gate import BreakerPolicy, LocalGate
from hub.sdk.readers.sql_place import SqlPlace
from hub.testing.factories import NOW, RecordingLog
from tests.integration.view_ground import (
    EVERYTHING,
    Orders,
    error_of,
    fields,
    numbers,
    open_readers,
    orders,
    reader_of,
    row,
)
from tests.support.databases import PASSWORD, SECRETS

__all__ = ["open_readers", "orders", "reader_of"]


# --- a database that is away --------------------------------------------------------------------------------------


def test_a_connection_that_is_cut_between_pages_is_opened_anew_and_nothing_is_lost(orders, reader_of):
    orders.make([row(str(at), 60 - at) for at in range(10, 30)])
    log = RecordingLog()
    pages = reader_of(orders.database, batch=4, context={"log": log}).pages(EVERYTHING)
    found = [next(pages)]
    for _ in range(3):
        assert orders.database.kill_readers() == 1
        found.append(next(pages))
    found += pages

    assert numbers(found) == [str(at) for at in range(10, 30)]
    assert [name for _, name, _ in log.events] == ["source_tried_again"] * 3


@pytest.mark.parametrize(
    ("wrong", "family", "code"),
    [
        ({"user": "nobody_here"}, SourceUnavailable, Code.SOURCE_AUTH),
        ({"password": "another"}, SourceUnavailable, Code.SOURCE_AUTH),
        ({"port": 9, "host": "127.0.0.1"}, SourceUnavailable, Code.SOURCE_UNREACHABLE),
        ({"password": "unknown"}, ConfigError, Code.SECRET_MISSING),
    ],
)
def test_a_database_that_cannot_be_entered_says_why_and_nothing_of_the_secret(
    orders, reader_of, wrong, family, code
):
    orders.make()
    secrets = {**SECRETS, "another": "wr0ng-passw0rd"}

    error = error_of(reader_of(orders.database, at=wrong, tries=2, context={"secrets": secrets}))

    assert isinstance(error, family)
    assert error.code is code
    assert "wr0ng" not in error.message
    assert PASSWORD not in error.message


def test_a_database_that_is_not_there_is_a_matter_of_settings(orders, reader_of):
    error = error_of(reader_of(orders.database, at={"database": "nowhere"}))

    # MariaDB says only that the account may not enter it.
    assert error.code in (Code.CONFIG_INVALID, Code.SOURCE_AUTH)


def test_no_right_to_read_the_view_is_told_as_such(orders, reader_of):
    orders.make([row("1")])
    revoked = orders.database.user if orders.is_postgres else f"'{orders.database.user}'@'%'"
    orders.database.execute(f"REVOKE SELECT ON v_orders FROM {revoked}")

    error = error_of(reader_of(orders.database))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_AUTH


@pytest.mark.debian("mariadb-server")
@pytest.mark.parametrize(
    ("tls", "encrypted"), [("off", False), ("preferred", True), ("required", True), ("verified", True)]
)
def test_a_connection_is_encrypted_as_tls_says(mariadb_source, reader_of, tls, encrypted):
    cipher = (
        "(SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher')"
    )
    Orders(mariadb_source).make(
        [row("1")], select=f"ORDER_NUM, UPDATE_TIME, {cipher} AS TITLE, CONTENT, DAYS"
    )
    at = {"tls": tls, "ca_bundle": str(mariadb_source.ca_file) if tls == "verified" else None}

    (found,) = fields(reader_of(mariadb_source, at=at).pages(EVERYTHING))

    assert bool(found["TITLE"]) is encrypted


@pytest.mark.debian("mariadb-server")
def test_a_certificate_that_nobody_vouches_for_is_refused(mariadb_source, reader_of):
    Orders(mariadb_source).make([row("1")])

    error = error_of(reader_of(mariadb_source, at={"tls": "verified"}))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_UNREACHABLE


@pytest.mark.parametrize("tls", ["required", "verified"])
def test_a_database_without_tls_learns_nothing_where_tls_is_asked_for(reader_of, tls):
    heard: list[bytes] = []

    def refuse(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(8))
            connection.sendall(b"N")  # PostgreSQL without TLS
            heard.append(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse, args=[server])
        thread.start()
        usual = {
            "dialect": "postgresql",
            "host": "127.0.0.1",
            "database": "d",
            "user": "hub",
            "password": "source_database",
        }
        place = SqlPlace.model_validate({**usual, "port": server.getsockname()[1], "tls": tls})
        error = error_of(reader_of(None, place=place, tries=1))
        thread.join()

    assert error.code is Code.SOURCE_UNREACHABLE
    assert "TLS" in error.message
    assert heard[1:] == [b""]


def test_a_statement_that_takes_too_long_is_ended_by_the_database(orders, reader_of):
    slow = "pg_sleep(5)::text AS DAYS" if orders.is_postgres else "concat(sleep(5)) AS DAYS"
    orders.make([row(str(at)) for at in range(3)], select=f"ORDER_NUM, UPDATE_TIME, TITLE, CONTENT, {slow}")

    error = error_of(reader_of(orders.database, statement_timeout_s=0.5))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_TIMEOUT


def test_a_database_that_stays_away_opens_the_circuit(orders, reader_of):
    orders.make()
    clock = ManualClock(NOW)
    gate = LocalGate(clock, BreakerPolicy(failures=2))
    context = {"gate": gate, "clock": clock}
    reader = reader_of(orders.database, at={"port": 9, "host": "127.0.0.1"}, tries=1, context=context)

    codes = [error_of(reader).code for _ in range(3)]

    assert codes == [Code.SOURCE_UNREACHABLE, Code.SOURCE_UNREACHABLE, Code.SOURCE_CIRCUIT_OPEN]


def test_statements_keep_the_rate(orders, reader_of):
    orders.make([row(str(at), 60 - at) for at in range(10, 16)])
    clock = ManualClock(NOW)

    list(reader_of(orders.database, batch=2, rate_per_s=0.5, context={"clock": clock}).pages(EVERYTHING))

    assert sum(clock.slept) >= 2 * 4
