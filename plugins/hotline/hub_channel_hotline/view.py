"""Orders from a database view; replies, where the platform takes any there, are rows in a table of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from hub.sdk import (
    ChannelContext,
    Code,
    ConfigError,
    Order,
    Page,
    RawRecord,
    ReplyReceipt,
    Stream,
    Window,
)
from hub.sdk.readers.sql_place import Column, Kind, SqlView
from hub.sdk.replies import CheckedReply
from hub_channel_hotline import names
from hub_channel_hotline.fields import json_fields
from hub_channel_hotline.listed import Orders
from hub_channel_hotline.mapping import OrderMapping, Tables
from hub_channel_hotline.settings import ReplyTable, ViewSource

if TYPE_CHECKING:
    from hub.sdk.readers.sql_reply import SqlReplyTable
    from hub.sdk.readers.sql_view import SqlViewReader

_TEXT: frozenset[Kind] = frozenset({"text"})
_CODE: frozenset[Kind] = frozenset({"text", "integer", "number", "boolean"})
_TIME: frozenset[Kind] = frozenset({"time", "date", "text"})
_LONG: frozenset[Kind] = frozenset({"text", "bytes"})
_REQUIRED = frozenset({"ORDER_NUM", "CALL_TIME", "UPDATE_TIME", "MAJOR_CONTENT", "IS_SECRET", "ORDER_STATE"})
_KINDS: Mapping[str, frozenset[Kind]] = {
    "ORDER_NUM": frozenset({"text", "integer", "number"}),
    "UPDATE_TIME": frozenset({"time", "text"}),
    **dict.fromkeys(("CALL_TIME", "DEADLINE_DATE", "DELAY_DEADLINE_DATE"), _TIME),
    **dict.fromkeys(("CALLER_NAME", "ADDRESS", "TITLE", "QUESTION_NAME"), _TEXT),
    "MAJOR_CONTENT": _LONG,
}


def view_of(source: ViewSource) -> SqlView:
    """The view and the columns that are read of it.

    Source: domain.md §7, 12345 work order (a), from a real entity.
    """
    listed = [name for name in names.VIEW.values() if name != "ORDER_TYPE"]
    listed += [
        name
        for name in (source.type_column, source.urgency_column)
        if name is not None and name not in listed
    ]
    needed = _REQUIRED | {source.type_column} | ({source.urgency_column} if source.urgency_column else set())
    columns = tuple(
        Column(name=name, kinds=_KINDS.get(name, _CODE), required=name in needed) for name in listed
    )
    return SqlView(
        name=source.view, columns=columns, key="ORDER_NUM", position="UPDATE_TIME", names=source.names
    )


def view_mapping(source: ViewSource, ctx: ChannelContext, tables: Tables) -> OrderMapping:
    """How this view's rows are read."""
    labels = {**names.VIEW, "type": source.type_column}
    if source.type_column == labels["caller_type"]:
        del labels["caller_type"]
    if source.urgency_column is not None:
        labels["urgency"] = source.urgency_column
    return OrderMapping(ctx.zone, lambda body: json_fields(body, labels), tables)


class ViewOrders(Orders):
    """See the module."""

    order: ClassVar[Order] = Order.ASCENDING

    def __init__(self, source: ViewSource, ctx: ChannelContext, tables: Tables) -> None:
        self.ctx = ctx
        self.mapping = view_mapping(source, ctx, tables)
        self._source = source
        self._view = view_of(source)
        self._opened: SqlViewReader | None = None
        self._replies: SqlReplyTable | None = None

    @property
    def _reader(self) -> SqlViewReader:
        if self._opened is None:
            from hub.sdk.readers.sql_view import SqlViewReader

            self._opened = SqlViewReader(self._source.database, self._view, self.ctx, self._source.policy)
        return self._opened

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """See `hub.sdk.readers.sql_view.SqlViewReader.pages`."""
        return self._reader.pages(window, max_skew_s=stream.max_skew_s)

    def sample(self, count: int) -> list[RawRecord]:
        """The latest orders."""
        return self._reader.sample(count)

    def reply(self, reply: CheckedReply) -> ReplyReceipt:
        """Puts the reply into the platform's table for replies, once for its key.

        Raises:
            ConfigError: The settings name no such table: this source takes no replies.
        """
        table = self._source.reply
        if table is None:
            raise ConfigError(
                f"channel {self.ctx.instance}: this source takes no replies (expected source.reply with a table for them); answer on the "
                "platform itself, or have its keeper make a table and name it in the channel's settings",
                code=Code.REPLY_NOT_OFFERED,
            )
        values = {
            "key": reply.key,
            "number": reply.number,
            "kind": reply.title,
            "at": reply.at,
            "reason": reply.reason,
            "until": reply.until,
            "public_reply": reply.public_reply,
            "handling": reply.handling,
            "is_true": reply.is_true,
            "is_solved": reply.is_solved,
        }
        row = {column: values[name] for name, column in table.columns.items() if name in values}
        fresh = self._table(table).put_once(row)
        return ReplyReceipt(True, reference=reply.key, detail="" if fresh else "taken before")

    def close(self) -> None:
        """See `Orders.close`."""
        for opened in (self._opened, self._replies):
            if opened is not None:
                opened.close()
        self._opened = self._replies = None

    def _table(self, table: ReplyTable) -> SqlReplyTable:
        if self._replies is None:
            from hub.sdk.readers.sql_reply import SqlReplyTable

            place = self._source.database.model_copy(update={"user": table.user, "password": table.password})
            self._replies = SqlReplyTable(
                place, table.table, table.columns["key"], self.ctx, self._source.policy
            )
        return self._replies
