"""How values travel into the database: whatever a text holds, it arrives as it is."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hub.store.engine import Store, driver, text_array

ODD = ["a", "", "NULL", "null", "a,b", "{x}", 'd"e', '"', '","', "f\\g", "\\", '\\"', " g ", "换\n行", "'"]


@pytest.mark.parametrize(
    "values", [ODD, ["plain", "values"], [""], []], ids=["odd", "plain", "empty text", "none"]
)
def test_texts_go_into_an_array_and_come_back_unchanged(every_store: Store, values: list[str]) -> None:
    with every_store.begin() as connection:
        cast = text("SELECT CAST(:values AS text[])")
        assert connection.execute(cast, {"values": text_array(values)}).scalar_one() == values


def test_bytes_go_by_copy_and_come_back_unchanged(store: Store) -> None:
    values = [b"", b"\x00\xff\\x", bytes(range(256)) * 300]
    with store.begin() as connection:
        cursor = driver(connection).cursor()
        cursor.execute("CREATE TEMP TABLE kept (value bytea)")
        with cursor.copy("COPY kept FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["bytea"])
            for value in values:
                copy.write_row((value,))
        assert [row[0] for row in cursor.execute("SELECT value FROM kept ORDER BY length(value)")] == values
