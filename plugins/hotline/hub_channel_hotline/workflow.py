"""Orders as steps of a workflow, 受理 → 预审 → 处置 → 回访 → 结案, listed over HTTP and JSON.

Each record is one step and carries the whole order; each is a new version of the same number. The version is the step's time and, where steps share
a second, their place in the workflow, so that they may come in any order and on any page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.sdk import ChannelContext, ReplyReceipt
from hub.sdk.replies import CheckedReply
from hub_channel_hotline import names
from hub_channel_hotline.fields import json_fields
from hub_channel_hotline.listed import ListedOrders, Opened
from hub_channel_hotline.mapping import OrderMapping, Tables
from hub_channel_hotline.settings import WorkflowSource

if TYPE_CHECKING:
    from hub.sdk.readers.jsonpage import Records


def workflow_mapping(source: WorkflowSource, ctx: ChannelContext, tables: Tables) -> OrderMapping:
    """How this interface's records are read."""
    labels = {ours: source.names.get(name, name) for ours, name in names.WORKFLOW.items()}
    return OrderMapping(ctx.zone, lambda body: json_fields(body, labels), tables)


class WorkflowOrders(ListedOrders):
    """See the module.

    Source: domain.md §3.2 and §7, 12345 work order (c).
    """

    def __init__(self, source: WorkflowSource, ctx: ChannelContext, tables: Tables) -> None:
        super().__init__(
            ctx,
            workflow_mapping(source, ctx, tables),
            page_size=source.page_size,
            exact=source.total == "exact",
        )
        self._source = source
        self._http = Opened(ctx, source.base_url, source.http, source.auth)

    def page(self, number: int, since: str, until: str, size: int) -> Records:
        """See `ListedOrders.page`."""
        params = {
            **self._source.query,
            "pageNum": number,
            "pageSize": size,
            "startTime": since,
            "endTime": until,
        }
        return self._http.reader.records(
            self._source.path, params=params, envelope=self._source.envelope, label=f"page {number}"
        )

    def reply(self, reply: CheckedReply) -> ReplyReceipt:
        """Posts the reply as an operation on the order; the key goes as ``transaction_id`` and as Idempotency-Key."""
        from hub.sdk.readers.json_reply import posted_reply

        operation = {
            "transaction_id": reply.key,
            "record_number": reply.number,
            "operation": reply.title,
            "operate_time": reply.at,
            "reason": reply.reason,
            "delay_to": reply.until,
            "handling": reply.handling,
            "public_reply": reply.public_reply,
            "is_true": reply.is_true,
            "is_solved": reply.is_solved,
        }
        return posted_reply(
            self._http.reader,
            self._source.reply_path,
            operation,
            reply,
            envelope=self._source.envelope,
            repeated=self._source.repeated,
        )

    def close(self) -> None:
        """See `Orders.close`."""
        self._http.close()
