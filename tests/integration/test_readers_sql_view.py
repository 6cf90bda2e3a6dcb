"""A database view read on a real PostgreSQL and a real MariaDB: what comes, in which order, and what is refused with a code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from hub.clock import COUNTY_ZONE
from hub.errors import Code, SourceContractError
from hub.sdk import Window
from hub.sdk.readers.sql_connect import Session
from hub.sdk.readers.sql_place import SqlPlace, SqlPolicy, SqlView
from hub.sdk.readers.sql_rows import is_gbk_taken_for_latin1
from hub.testing.factories import NOW
from tests.integration.view_ground import (
    COLUMNS,
    EVERYTHING,
    VIEW,
    Orders,
    error_of,
    fields,
    local,
    numbers,
    open_readers,
    orders,
    problems,
    reader_of,
    row,
)
from tests.support.databases import PASSWORD, MariaDbDatabase, PostgresDatabase

__all__ = ["open_readers", "orders", "reader_of"]


# --- every row ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
@pytest.mark.parametrize("apart_s", [0, 20, 60])
def test_every_row_is_read_once_in_order_whatever_the_batch_and_however_many_share_a_second(
    orders, reader_of, batch, apart_s
):
    rows = [row(f"{411521202306290015 + at}", 90 - at * apart_s / 60) for at in range(13)]
    orders.make(list(reversed(rows)))

    pages = list(reader_of(orders.database, batch=batch).pages(EVERYTHING))

    assert numbers(pages) == [one["ORDER_NUM"] for one in rows]
    assert max(len(page.records) for page in pages) <= batch


@pytest.mark.parametrize("kind", ["bigint", "numeric(20)"])
def test_a_number_of_18_digits_is_exact_as_key_and_border(orders, reader_of, kind):
    rows = [row(411521202306290015 + at) for at in range(9)]
    orders.make(rows, ORDER_NUM=kind)

    assert numbers(reader_of(orders.database, batch=2).pages(EVERYTHING)) == [
        str(one["ORDER_NUM"]) for one in rows
    ]


@pytest.mark.debian("mariadb-server")
def test_numbers_that_are_one_in_the_views_collation_are_two(mariadb_source, reader_of):
    orders = Orders(mariadb_source)
    orders.make([row(number) for number in ("a1", "A1", "①1", "a1 ", "b1", "B1")])

    found = numbers(reader_of(mariadb_source, batch=1).pages(EVERYTHING))

    assert set(found) == {"A1", "B1", "a1", "b1", "①1"}


def test_rows_that_a_view_doubles_are_all_read(orders, reader_of):
    orders.make([row("1", TITLE=f"第{at}次") for at in range(9)] + [row("2")])

    found = [
        record.body
        for page in reader_of(orders.database, batch=2).pages(EVERYTHING)
        for record in page.records
    ]

    assert len(set(found)) == 10


def test_more_rows_of_one_time_and_number_than_any_page_holds_are_loud(orders, reader_of):
    orders.make([row("1", TITLE=f"第{at}次") for at in range(70)])

    assert error_of(reader_of(orders.database, batch=1)).code is Code.PAGE_REPEATED


def test_a_window_has_both_its_ends(orders, reader_of):
    orders.make([row(str(minutes), minutes) for minutes in (10, 20, 30, 40)])
    window = Window(None, NOW - timedelta(minutes=30), NOW - timedelta(minutes=20))

    assert numbers(reader_of(orders.database).pages(window)) == ["30", "20"]


def test_the_operators_limit_ends_at_a_page(orders, reader_of):
    orders.make([row(str(at), 60 - at) for at in range(10, 30)])

    pages = reader_of(orders.database, batch=4).pages(Window(None, None, NOW, limit=6))

    assert [len(page.records) for page in pages] == [4, 4]


def test_a_row_that_is_sent_again_while_the_window_is_read_comes_with_the_next(orders, reader_of):
    orders.make([row(str(at), 60 - at) for at in range(10, 20)])
    reader = reader_of(orders.database, batch=3)
    pages = reader.pages(EVERYTHING, max_skew_s=300)
    first = next(pages)
    orders.database.execute(
        f"UPDATE orders SET UPDATE_TIME = '{local(NOW + timedelta(minutes=1))}' WHERE ORDER_NUM = '15'"
    )

    assert set(numbers([first, *pages])) == {str(at) for at in range(10, 20)} - {"15"}
    again = reader.pages(Window(None, NOW - timedelta(minutes=1), NOW + timedelta(minutes=5)))
    assert numbers(again) == ["15"]


def test_versions_and_positions_are_the_rows_update_times(orders, reader_of):
    orders.make([row("1", 10)])

    ((record,),) = [page.records for page in reader_of(orders.database).pages(EVERYTHING)]

    assert record.position_at == NOW - timedelta(minutes=10)
    assert record.version == "2026-11-23T07:50:00.000000"


def test_a_time_that_knows_its_zone_keeps_it(postgres_source, reader_of):
    orders = Orders(postgres_source)
    orders.make(
        [row(str(at), UPDATE_TIME=f"2026-11-23 0{at}:30:00.25-03") for at in range(3)],
        UPDATE_TIME="timestamptz",
    )

    pages = list(reader_of(postgres_source, batch=1).pages(EVERYTHING))

    assert numbers(pages) == ["0", "1", "2"]
    assert pages[0].records[0].position_at == datetime(2026, 11, 23, 3, 30, 0, 250_000, tzinfo=UTC)


def test_an_update_time_that_is_text_is_read_too(orders, reader_of):
    rows = [row("1", 30), row("2", 20), row("3", UPDATE_TIME="待定"), row("4", UPDATE_TIME="")]
    orders.make(rows, UPDATE_TIME="varchar(20)")

    pages = list(reader_of(orders.database, batch=1).pages(EVERYTHING))

    assert numbers(pages) == ["1", "2"]
    assert problems(pages) == [Code.POSITION_UNREADABLE] * 2


# --- rows that no window shows ------------------------------------------------------------------------------------


def test_rows_without_time_or_number_and_rows_dated_ahead_are_seen(orders, reader_of):
    rows = [row("1"), row("2", UPDATE_TIME=None), row(None), row(" "), row("3", -60 * 24 * 400)]
    orders.make(rows)

    pages = list(reader_of(orders.database, batch=1).pages(EVERYTHING, max_skew_s=300))

    assert numbers(pages) == ["1", "3"]
    assert pages[-1].records[-1].position_at is None or len(pages[-1].records) >= 3
    assert problems(pages) == sorted([Code.KEY_MISSING, Code.KEY_MISSING, Code.POSITION_UNREADABLE])


def test_a_window_in_the_past_shows_no_odd_rows(orders, reader_of):
    orders.make([row("1", 600), row("2", UPDATE_TIME=None)])

    pages = list(reader_of(orders.database).pages(Window(None, None, NOW - timedelta(hours=2))))

    assert (numbers(pages), problems(pages)) == (["1"], [])


@pytest.mark.debian("mariadb-server")
def test_a_date_of_zeros_is_set_aside(mariadb_source, reader_of):
    orders = Orders(mariadb_source)
    mariadb_source.execute("SET SESSION sql_mode = ''")
    orders.make([row("1"), row("2", UPDATE_TIME="0000-00-00 00:00:00")])

    pages = list(reader_of(mariadb_source).pages(EVERYTHING))

    assert (numbers(pages), problems(pages)) == (["1"], [Code.POSITION_UNREADABLE])


def test_a_time_that_never_comes_is_set_aside(postgres_source, reader_of):
    orders = Orders(postgres_source)
    orders.make([row("1"), row("2", UPDATE_TIME="infinity"), row("3", UPDATE_TIME="-infinity")])

    pages = list(reader_of(postgres_source).pages(EVERYTHING))

    assert (numbers(pages), problems(pages)) == (["1"], [Code.POSITION_UNREADABLE] * 2)


# --- values -------------------------------------------------------------------------------------------------------


def test_null_and_empty_text_and_the_word_null_stay_three_things(orders, reader_of):
    orders.make([row("1", TITLE=None), row("2", TITLE=""), row("3", TITLE="null")])

    assert [one["TITLE"] for one in fields(reader_of(orders.database).pages(EVERYTHING))] == [
        None,
        "",
        "null",
    ]


def test_every_value_is_the_text_that_the_database_writes(orders, reader_of):
    orders.make([row("1", 90, DAYS="12345678901234567890.50")], DAYS="numeric(30,2)")

    (found,) = fields(reader_of(orders.database).pages(EVERYTHING))

    assert found == {
        "ORDER_NUM": "1",
        "UPDATE_TIME": "2026-11-23 14:30:00",
        "TITLE": "窗口迟迟没有受理",
        "CONTENT": "材料交齐以后一直没有受理。",
        "DAYS": "12345678901234567890.50",
    }


def test_the_same_row_gives_the_same_bytes(orders, reader_of):
    orders.make([row("1")])
    read = [page.records[0].body for _ in range(2) for page in reader_of(orders.database).pages(EVERYTHING)]

    assert read[0] == read[1]


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_text_in_a_column_of_bytes_is_read_whatever_its_encoding(orders, reader_of, codec):
    kind = "bytea" if orders.is_postgres else "longblob"
    orders.make([row("1", CONTENT="<Order>投诉窗口没有人</Order>".encode(codec))], CONTENT=kind)

    assert (
        fields(reader_of(orders.database).pages(EVERYTHING))[0]["CONTENT"] == "<Order>投诉窗口没有人</Order>"
    )


def test_bytes_that_are_no_text_are_kept(orders, reader_of):
    orders.make(
        [row("1", CONTENT=b"\x89PNG\xff\xfe\x00")], CONTENT="bytea" if orders.is_postgres else "longblob"
    )

    assert fields(reader_of(orders.database).pages(EVERYTHING))[0]["CONTENT"] == {"base64": "iVBOR//+AA=="}


def test_columns_that_nobody_named_are_not_fetched(orders, reader_of):
    orders.make([row("1", ID_CARD="41152119400101002X")], ID_CARD="varchar(18)")

    assert "ID_CARD" not in fields(reader_of(orders.database).pages(EVERYTHING))[0]


def test_an_optional_column_may_be_absent(orders, reader_of):
    orders.make([row("1")], select="ORDER_NUM, UPDATE_TIME, TITLE, CONTENT")

    assert "DAYS" not in fields(reader_of(orders.database).pages(EVERYTHING))[0]


def test_names_of_this_database_are_translated(orders, reader_of):
    orders.make([row("1")], select="ORDER_NUM AS gdbh, UPDATE_TIME AS gxsj, TITLE, CONTENT, DAYS")
    view = VIEW.model_copy(update={"names": {"ORDER_NUM": "GDBH", "UPDATE_TIME": "gxsj"}})

    assert fields(reader_of(orders.database, view).pages(EVERYTHING))[0]["ORDER_NUM"] == "1"


def test_a_view_in_a_schema_of_its_own_is_found(postgres_source, reader_of):
    Orders(postgres_source).make([row("1")])
    postgres_source.execute(
        "CREATE SCHEMA share",
        "CREATE VIEW share.orders_for_hub AS SELECT * FROM orders",
        f"GRANT USAGE ON SCHEMA share TO {postgres_source.user}",
    )
    postgres_source.grant("share.orders_for_hub")
    view = VIEW.model_copy(update={"name": "share.orders_for_hub"})

    assert numbers(reader_of(postgres_source, view).pages(EVERYTHING)) == ["1"]


def test_a_page_ends_where_its_rows_grow_large(orders, reader_of):
    orders.make([row(str(at), 60 - at, CONTENT="排" * 20_000) for at in range(10, 22)])

    pages = list(reader_of(orders.database, page_bytes=100_000).pages(EVERYTHING))

    assert numbers(pages) == [str(at) for at in range(10, 22)]
    assert max(len(page.records) for page in pages) <= 2


def test_a_text_beyond_the_bound_is_not_fetched_and_its_row_is_set_aside(orders, reader_of):
    orders.make([row("1"), row("2", CONTENT="排" * 100_000), row("3")])

    pages = list(reader_of(orders.database, cell_bytes=50_000).pages(EVERYTHING))

    assert (numbers(pages), problems(pages)) == (["1", "3"], [Code.RECORD_TOO_LARGE])
    assert max(len(record.body) for page in pages for record in page.records) < 1_000


# --- charsets -----------------------------------------------------------------------------------------------------


@pytest.fixture
def gbk_as_latin1(mariadb_source: MariaDbDatabase) -> MariaDbDatabase:
    """A table as old systems have it: its columns say latin1, and GBK stands in them."""
    orders = Orders(mariadb_source)
    orders.make(TITLE="varchar(200) CHARACTER SET latin1", CONTENT="longtext CHARACTER SET latin1")
    return mariadb_source


def put_gbk(database: MariaDbDatabase, number: str, title: str, content: str) -> None:
    database.execute("SET character_set_client = latin1, character_set_connection = latin1")
    values = f"0x{title.encode('gbk').hex()}, 0x{content.encode('gbk').hex()}"
    moment = local(NOW - timedelta(minutes=int(number)))
    database.execute(f"INSERT INTO orders VALUES ('{number}', '{moment}', {values}, 5)")


@pytest.mark.debian("mariadb-server")
def test_gbk_in_columns_that_say_latin1_is_loud_until_the_settings_say_so(gbk_as_latin1, reader_of):
    put_gbk(gbk_as_latin1, "10", "投诉窗口", "材料交齐以后一直没有受理。")
    put_gbk(gbk_as_latin1, "11", "plain", "举报窗口收费，要求查处！")

    error = error_of(reader_of(gbk_as_latin1))
    told = fields(reader_of(gbk_as_latin1, at={"charset": "gbk"}).pages(EVERYTHING))

    assert isinstance(error, SourceContractError)
    assert error.code is Code.PAGE_ENCODING
    assert "CONTENT" in error.message
    assert [(one["TITLE"], one["CONTENT"]) for one in told] == [
        ("plain", "举报窗口收费，要求查处！"),
        ("投诉窗口", "材料交齐以后一直没有受理。"),
    ]


@pytest.mark.debian("mariadb-server")
def test_one_row_that_was_stored_wrong_is_set_aside_and_hurts_no_other(mariadb_source, reader_of):
    wrong = "投诉窗口".encode("gbk").decode("latin-1")
    Orders(mariadb_source).make([row(str(at)) for at in range(5)] + [row("9", TITLE=wrong)])

    pages = list(reader_of(mariadb_source).pages(EVERYTHING))

    assert (len(numbers(pages)), problems(pages)) == (5, [Code.RECORD_UNREADABLE])


def test_gbk_in_a_database_that_knows_no_encoding_is_read_right(wheel_server, reader_of):
    database = PostgresDatabase(wheel_server)
    name = f"ascii_{database.user[-8:]}"
    try:
        database.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        url = database._url.set(drivername="postgresql", database=name)
        with psycopg.connect(
            url.render_as_string(hide_password=False), autocommit=True, client_encoding="sql_ascii"
        ) as owner:
            gbk = "投诉窗口没有人".encode("gbk")
            owner.execute(
                "CREATE TABLE v_orders (order_num text, update_time timestamp, title text, content text, days int)"
            )
            owner.execute(
                b"INSERT INTO v_orders VALUES ('1', %s, convert_from(%s, 'SQL_ASCII'), 'x', 5)",
                [local(NOW - timedelta(minutes=1)), gbk],
            )
            owner.execute(f"GRANT SELECT ON v_orders TO {database.user}".encode())
        for charset in ("declared", "gbk"):
            reader = reader_of(database, at={"database": name, "charset": charset})
            assert fields(reader.pages(EVERYTHING))[0]["TITLE"] == "投诉窗口没有人"
            reader.close()
    finally:
        database.execute(f"DROP DATABASE {name} WITH (FORCE)")
        database.close()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("投诉窗口".encode("gbk").decode("latin-1"), True),
        ("投诉，窗口！".encode("gbk").decode("cp1252", "replace").replace("\ufffd", "\x81"), True),
        ("José Müller, Zürich", False),
        ("投诉窗口", False),
        ("plain", False),
        ("±5℃", False),
        ("·", False),
    ],
)
def test_gbk_that_was_taken_for_latin1_is_told_from_western_text(text, wrong):
    assert is_gbk_taken_for_latin1(text) is wrong


# --- a view that changed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("ORDER_NUM, UPDATE_TIME, TITLE, DAYS", "CONTENT is missing"),
        ("ORDER_NUM, UPDATE_TIME, TITLE AS BT, CONTENT, DAYS", "TITLE is missing"),
        ("ORDER_NUM, TITLE AS UPDATE_TIME, DAYS AS TITLE, CONTENT, DAYS", "TITLE is integer (expected text)"),
    ],
)
def test_a_column_that_is_missing_renamed_or_of_another_type_is_named(orders, reader_of, select, said):
    orders.make([row("1")], select=select)

    error = error_of(reader_of(orders.database))

    assert isinstance(error, SourceContractError)
    assert error.code is Code.VIEW_COLUMNS
    assert said in error.message
    assert ("bt" in error.message.casefold()) is ("BT" in select)


def test_two_columns_that_differ_in_case_alone_are_told_apart_or_named(postgres_source, reader_of):
    Orders(postgres_source).make([row("1")], select='*, TITLE AS "TITLE", DAYS AS "Title"')

    assert numbers(reader_of(postgres_source).pages(EVERYTHING)) == ["1"]
    view = VIEW.model_copy(update={"names": {"TITLE": "tITLE"}})
    assert "stands 3 times" in error_of(reader_of(postgres_source, view)).message


def test_a_view_that_is_not_there_is_loud(orders, reader_of):
    error = error_of(reader_of(orders.database, VIEW.model_copy(update={"name": "v_gone"})))

    # MariaDB does not tell an account that may not read a table whether there is one.
    assert error.code in (Code.VIEW_COLUMNS, Code.SOURCE_AUTH)


def test_a_view_that_writes_is_refused(orders, reader_of):
    if orders.is_postgres:
        orders.database.execute(
            "CREATE TABLE asked (at timestamp)",
            "CREATE FUNCTION note() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS 'INSERT INTO asked VALUES (now()) RETURNING 1'",
        )
        days = "note() AS DAYS"
    else:
        orders.database.execute(
            "CREATE TABLE asked (at datetime)",
            "CREATE FUNCTION note() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO asked VALUES (now()); RETURN 1; END",
        )
        days = "note() AS DAYS"
    orders.make([row("1")], select=f"ORDER_NUM, UPDATE_TIME, TITLE, CONTENT, {days}")

    error = error_of(reader_of(orders.database))

    assert isinstance(error, SourceContractError)
    assert error.code is Code.VIEW_WRITES
    assert orders.database.rows("SELECT * FROM asked") == []


def test_a_session_cannot_write_even_where_its_account_may(orders):
    orders.make([row("1")])
    orders.database.grant("orders", right="SELECT, INSERT, DELETE")
    session = Session(
        orders.database.place(), SqlPolicy(), lambda: PASSWORD, zone=COUNTY_ZONE, now=lambda: NOW
    )
    try:
        for statement in ("DELETE FROM orders", "INSERT INTO orders (ORDER_NUM) VALUES ('2')"):
            with pytest.raises(DBAPIError, match="(?i)read.only"):
                session.connection().execute(sa.text(statement))
            session.connection().rollback()
    finally:
        session.close()
    assert len(orders.database.rows("SELECT * FROM orders")) == 1


# --- sample and settings ------------------------------------------------------------------------------------------


def test_a_sample_is_the_latest_rows(orders, reader_of):
    orders.make([row(str(at), 60 - at) for at in range(10, 30)])

    assert [record.source_no for record in reader_of(orders.database).sample(3)] == ["29", "28", "27"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dialect": "oracle"},
        {"host": ""},
        {"host": "a\nb"},
        {"port": 0},
        {"password": "not a name"},
        {"charset": "latin1"},
        {"tls": "maybe"},
    ],
)
def test_a_place_that_cannot_be_is_refused(wrong):
    usual = {
        "dialect": "mariadb",
        "host": "db.example",
        "database": "d",
        "user": "hub",
        "password": "db_password",
    }
    SqlPlace.model_validate(usual)
    with pytest.raises(ValidationError):
        SqlPlace.model_validate({**usual, **wrong})


def test_a_view_whose_key_is_no_column_is_refused():
    with pytest.raises(ValidationError, match="gdbh"):
        SqlView(name="v", columns=COLUMNS, key="gdbh", position="UPDATE_TIME")
