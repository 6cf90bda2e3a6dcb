"""The floor: what a hand-written loop costs that fetches, validates and upserts, and promises nothing more.

Usage: ``floor_run.py SOURCE_URL DATABASE_URL``. No raw copy, no sealing, no history, no quarantine.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any, Literal

import psycopg
import requests
from psycopg.types.json import Jsonb
from pydantic import BaseModel, BeforeValidator, StringConstraints

PAGE_SIZE = 500
LocalTime = Annotated[datetime, BeforeValidator(lambda text: datetime.strptime(text, "%Y-%m-%d %H:%M:%S"))]


class Record(BaseModel):
    zxbh: Annotated[str, StringConstraints(pattern=r"^ZX\d{21}$")]
    lx: Literal["1", "2", "3", "4"]
    lxmc: str
    bt: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    nr: Annotated[str, StringConstraints(min_length=1, max_length=8000)]
    sxbm: str
    sxmc: str
    bjbh: str
    xm: str
    sjh: Annotated[str, StringConstraints(pattern=r"^1\d{2}[\d*]{4}\d{4}$")]
    zjlx: str
    zjhm: Annotated[str, StringConstraints(pattern=r"^\d{6}[\d*]{8}\d{3}[\dX]$")]
    sfgk: Literal["0", "1"]
    tjsj: LocalTime
    gxsj: LocalTime
    zt: str
    fj: list[dict[str, Any]]


COLUMNS = tuple(Record.model_fields)
TIMES = {"tjsj", "gxsj"}
KINDS = {name: "timestamp" if name in TIMES else "jsonb" if name == "fj" else "text" for name in COLUMNS}
TABLE = ", ".join(f"{name} {kind}" for name, kind in KINDS.items())
UPSERT = (
    f"INSERT INTO demands SELECT DISTINCT ON (zxbh) * FROM landed ORDER BY zxbh, gxsj DESC "
    f"ON CONFLICT (zxbh) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])} "
    f"WHERE excluded.gxsj > demands.gxsj"
)


def main(source_url: str, database_url: str) -> None:
    with psycopg.connect(database_url) as connection, requests.Session() as session:
        connection.execute(f"CREATE TABLE IF NOT EXISTS demands ({TABLE}, PRIMARY KEY (zxbh))")
        connection.execute(f"CREATE TEMP TABLE landed ({TABLE})")
        newest = connection.execute("SELECT max(gxsj) FROM demands").fetchone()
        query: dict[str, str | int] = {"pageSize": PAGE_SIZE, "pageNum": 0}
        if newest and newest[0]:
            query["gxsjStart"] = str(newest[0])
        records: list[dict[str, Any]] | None = None
        while records is None or len(records) == PAGE_SIZE:
            query["pageNum"] = int(query["pageNum"]) + 1
            answer = session.get(f"{source_url}/api/zx/list", params=query, timeout=30)
            records = answer.json()["data"]["list"]
            store(connection, [Record.model_validate(record) for record in records])


def store(connection: psycopg.Connection, records: list[Record]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY landed FROM STDIN") as copy:
            for record in records:
                values = record.__dict__ | {"fj": Jsonb(record.fj)}
                copy.write_row([values[name] for name in COLUMNS])
        cursor.execute(UPSERT)
        cursor.execute("TRUNCATE landed")
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
