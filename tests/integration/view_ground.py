"""What the tests of the view reader stand on: a table and its view in a source's database, and readers of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE, ManualClock
from hub.errors import Code, HubError
from hub.sdk import Window
from hub.sdk.readers.sql_place import Column, SqlPolicy, SqlView
from hub.sdk.readers.sql_view import SqlViewReader
from hub.testing.factories import NOW, channel_context
from hub.testing.views import ViewDatabase
from tests.support.databases import SECRETS

COLUMNS = (
    Column(name="ORDER_NUM", kinds=frozenset({"text", "integer", "number"})),
    Column(name="UPDATE_TIME", kinds=frozenset({"time", "text"})),
    Column(name="TITLE"),
    Column(name="CONTENT", kinds=frozenset({"text", "bytes"})),
    Column(name="DAYS", kinds=frozenset({"integer", "number", "text"}), required=False),
)
VIEW = SqlView(name="v_orders", columns=COLUMNS, key="ORDER_NUM", position="UPDATE_TIME")
EVERYTHING = Window(None, None, NOW)


def local(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def row(number: Any, minutes_ago: float = 60, **fields: Any) -> dict[str, Any]:
    usual = {"TITLE": "窗口迟迟没有受理", "CONTENT": "材料交齐以后一直没有受理。", "DAYS": 5}
    moment = local(NOW - timedelta(minutes=minutes_ago))
    return {"ORDER_NUM": number, "UPDATE_TIME": moment, **usual, **fields}


class Orders:
    """The table behind the view, in a source's database."""

    def __init__(self, database: ViewDatabase) -> None:
        self.database = database
        self.is_postgres = database.dialect == "postgresql"

    def make(self, rows: list[dict[str, Any]] = [], select: str = "*", **types: str) -> None:  # noqa: B006
        usual = {
            "ORDER_NUM": "varchar(40)",
            "UPDATE_TIME": "timestamp" if self.is_postgres else "datetime",
            "TITLE": "varchar(200)",
            "CONTENT": "text" if self.is_postgres else "longtext",
            "DAYS": "int",
        }
        columns = ", ".join(f"{name} {kind} NULL" for name, kind in {**usual, **types}.items())
        self.database.execute(f"CREATE TABLE orders ({columns})")
        self.database.insert("orders", rows)
        self.database.execute(f"CREATE VIEW v_orders AS SELECT {select} FROM orders")
        self.database.grant("v_orders")


@pytest.fixture
def orders(source_database: ViewDatabase) -> Orders:
    return Orders(source_database)


@pytest.fixture
def open_readers() -> Iterator[list[SqlViewReader]]:
    readers: list[SqlViewReader] = []
    yield readers
    for reader in readers:
        reader.close()


@pytest.fixture
def reader_of(open_readers: list[SqlViewReader]) -> Any:
    def make(database: ViewDatabase, view: SqlView = VIEW, **more: Any) -> SqlViewReader:
        place = more.pop("place", None) or database.place(**more.pop("at", {}))
        context = {"clock": ManualClock(NOW), "secrets": SECRETS, **more.pop("context", {})}
        reader = SqlViewReader(place, view, channel_context(**context), SqlPolicy(**more))
        open_readers.append(reader)
        return reader

    return make


def numbers(pages: Any) -> list[str | None]:
    return [record.source_no for page in pages for record in page.records if record.problem is None]


def problems(pages: Any) -> list[Code]:
    return sorted(
        record.problem.code for page in pages for record in page.records if record.problem is not None
    )


def error_of(reader: SqlViewReader, window: Window = EVERYTHING) -> HubError:
    with pytest.raises(HubError) as caught:
        list(reader.pages(window))
    return caught.value


def fields(pages: Any) -> list[dict[str, Any]]:
    return [json.loads(record.body) for page in pages for record in page.records]
