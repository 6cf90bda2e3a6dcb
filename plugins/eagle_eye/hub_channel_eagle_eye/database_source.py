"""Reads the tables of a middle database: messages about cases, and monitor events with the answers that they got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from hub.sdk import ChannelContext, Check, Page, RawRecord, Stream, Window
from hub.sdk.checks import line, readable
from hub.sdk.readers.sql_place import Column, Kind, SqlView
from hub.sdk.readers.sql_view import SqlViewReader
from hub_channel_eagle_eye.mapping import MEND, EagleEyeMapping
from hub_channel_eagle_eye.settings import DatabaseSource, ExchangeTable, SupervisionTable
from hub_channel_eagle_eye.shapes import Shape
from hub_channel_eagle_eye.streams import EXCHANGE, SUPERVISION

CHECKED_ROWS = 20
_NUMBER: frozenset[Kind] = frozenset(("text", "integer", "number"))
_TIME: frozenset[Kind] = frozenset(("time", "text"))
_DOCUMENT: frozenset[Kind] = frozenset(("bytes", "text"))
_ANY: frozenset[Kind] = frozenset(("text", "integer", "number", "time", "date", "boolean"))
_EXCHANGE_COLUMNS = (
    Column(name="UNID", kinds=_NUMBER),
    Column(name="TYPE", kinds=_NUMBER),
    Column(name="CREATETIME", kinds=_TIME),
    Column(name="ACTION", kinds=_NUMBER),
    Column(name="CONTENT", kinds=_DOCUMENT),
    *(
        Column(name=name, kinds=_ANY, required=False)
        for name in ("XSDTYPE", "FROMAREACODE", "FROMAREANAME", "TOAREACODE", "TOAREANAME", "APPLYFROM")
    ),
)
_SUPERVISION_COLUMNS = (
    Column(name="SERIAL_ID", kinds=_NUMBER),
    Column(name="CREATE_DATE", kinds=_TIME),
    Column(name="XMLBODY", kinds=_DOCUMENT),
    Column(name="REPLY_TIME", kinds=_TIME),
    *(
        Column(name=name, kinds=_ANY, required=False)
        for name in (
            "MESSAGE_NUM", "TRANSACTION_ID", "MSG_NAME", "BUSINESS_ID", "SOURCES_ID", "DESTINATION_ID", "PROCESS_ID", "WARN_REPLYINFO",
            "WARN_REPLYUSER", "STATUS", "RECEIVE_TYPE", "WARN_STATUSTYPE",
        )
    ),
)  # fmt: skip
# Asked of a pass that must not look for rows without a time: in it most rows have none.
_ALL = 2**31


class MiddleDatabase:
    """The tables of one database.

    Args:
        source: Where it is, and which tables it has.
        ctx: The channel's.
        mapping: Gives a row its number.
    """

    def __init__(self, source: DatabaseSource, ctx: ChannelContext, mapping: EagleEyeMapping) -> None:
        self._ctx = ctx
        self._mapping = mapping
        self._readers: dict[str, tuple[SqlViewReader, ...]] = {}
        self._passes_over = (
            frozenset(source.exchange.passes_over) if source.exchange is not None else frozenset[str]()
        )
        if source.exchange is not None:
            self._readers[EXCHANGE.name] = (
                SqlViewReader(source.place, _exchange(source.exchange), ctx, source.policy),
            )
        if source.supervision is not None:
            # An answer is written into the row of its event long after the event: rows are asked for by either time.
            self._readers[SUPERVISION.name] = tuple(
                SqlViewReader(source.place, _supervision(source.supervision, position), ctx, source.policy)
                for position in ("CREATE_DATE", "REPLY_TIME")
            )
        self.streams: tuple[Stream, ...] = tuple(
            stream for stream in (EXCHANGE, SUPERVISION) if stream.name in self._readers
        )

    def close(self) -> None:
        """Ends the connections."""
        for readers in self._readers.values():
            for reader in readers:
                reader.close()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every row of the window; see `hub.sdk.readers.sql_view`."""
        first, *others = self._readers[stream.name]
        number = 0
        for page in first.pages(window, max_skew_s=stream.max_skew_s):
            number += 1
            yield replace(page, records=self._landed(stream, page.records), number=number)
        for other in others:
            limited = window if window.limit is not None else replace(window, limit=_ALL)
            for page in other.pages(limited):
                number += 1
                yield replace(page, records=self._landed(stream, page.records), number=number)

    def checks(self) -> list[Check]:
        """For each table whether it has the columns, and whether its latest rows can be read."""
        lines = []
        for stream in self.streams:
            reader = self._readers[stream.name][0]
            sample: list[RawRecord] = []
            lines.append(line(f"{stream.name}: table", partial(_sampled, reader, sample)))
            if sample:
                lines.append(
                    readable(
                        f"{stream.name}: rows", self._landed(stream, sample), self._mapping.said, mend=MEND
                    )
                )
        return lines

    def _landed(self, stream: Stream, records: Sequence[RawRecord]) -> list[RawRecord]:
        if stream.name == SUPERVISION.name:
            return [self._mapping.landed_row(Shape.SUPERVISION, record) for record in records]
        found, passed_over = [], Counter[str]()
        for record in records:
            kind = self._mapping.type_of(record) if self._passes_over else None
            if kind is not None and kind in self._passes_over:
                passed_over[kind] += 1
            else:
                found.append(self._mapping.landed_row(Shape.EXCHANGE, record))
        for kind, count in sorted(passed_over.items()):
            self._ctx.log.info("exchange_passed_over", source=self._ctx.instance, type=kind, count=count)
        return found


def _sampled(reader: SqlViewReader, sample: list[RawRecord]) -> str:
    sample += reader.sample(CHECKED_ROWS)
    return f"the columns are there; the latest {len(sample)} rows were read"


def _exchange(table: ExchangeTable) -> SqlView:
    return SqlView(
        name=table.name, columns=_EXCHANGE_COLUMNS, key="UNID", position="CREATETIME", names=table.names
    )


def _supervision(table: SupervisionTable, position: str) -> SqlView:
    return SqlView(
        name=table.name, columns=_SUPERVISION_COLUMNS, key="SERIAL_ID", position=position, names=table.names
    )
