"""Orders from a SOAP service that takes and gives messages of the form Package, Head, Body; replies go the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hub.sdk import ChannelContext, Code, ReplyReceipt, SourceContractError
from hub.sdk.readers.envelope import Envelope, Path
from hub.sdk.readers.xml_check import BodyCheck
from hub.sdk.replies import CheckedReply
from hub_channel_hotline import names
from hub_channel_hotline.fields import xml_fields
from hub_channel_hotline.listed import ListedOrders, Opened
from hub_channel_hotline.mapping import OrderMapping, Tables
from hub_channel_hotline.package import elements, package
from hub_channel_hotline.settings import SoapSource

if TYPE_CHECKING:
    from hub.sdk.readers.body import Body
    from hub.sdk.readers.jsonpage import Records

INNER = "<>"


def soap_mapping(source: SoapSource, ctx: ChannelContext, tables: Tables) -> OrderMapping:
    """How this service's orders are read."""
    labels = {ours: source.names.get(name, name) for ours, name in names.SOAP.items()}
    return OrderMapping(ctx.zone, lambda body: xml_fields(body, labels), tables, media_type="application/xml")


class SoapOrders(ListedOrders):
    """See the module.

    Source: domain.md §7, 12345 work order (b).
    """

    def __init__(self, source: SoapSource, ctx: ChannelContext, tables: Tables) -> None:
        super().__init__(
            ctx, soap_mapping(source, ctx, tables), page_size=source.page_size, exact=source.total == "exact"
        )
        self._source = source
        self._http = Opened(ctx, source.base_url, source.http, source.auth)
        self._border = source.answer_at
        # Where the package stands as text, its own paths begin at its root; the check always does.
        self._envelope = _from(self._border, source.envelope)
        self._check = (
            source.check
            if source.check is None or INNER in self._border
            else _moved(self._border, source.check)
        )

    def page(self, number: int, since: str, until: str, size: int) -> Records:
        """See `ListedOrders.page`."""
        from hub.sdk.readers.soap import SoapService
        from hub.sdk.readers.soap_operation import SoapOperation

        values = {"since": since, "until": until, "page": str(number), "size": str(size)}
        query = SoapOperation(body=self._source.query).filled(values)
        transaction = f"{self.ctx.instance}-{self.ctx.clock.now():%Y%m%d%H%M%S}-{number}"
        message = self._message(self._source.query_name, query, transaction)
        return SoapService(self._http.reader).records(
            self._source.operation,
            {"message": message},
            at=(*self._border, *self._source.records_at),
            total_at=None if self._source.total_at is None else (*self._border, *self._source.total_at),
            envelope=self._envelope,
            check=self._check,
            label=f"page {number}",
        )

    def reply(self, reply: CheckedReply) -> ReplyReceipt:
        """Sends the reply as a message of its own; the key is its TransactionID, by which the platform knows a repeat."""
        from hub.sdk.readers.soap import SoapService

        body = elements(self._reply_fields(reply))
        name = self._source.reply_names.get(reply.kind, f"ORDER_{reply.kind.upper()}")
        return SoapService(self._http.reader).call(
            self._source.operation,
            {"message": self._message(name, body, reply.key)},
            lambda answer: self._receipt(answer, reply),
            label=f"reply {reply.kind}",
            repeatable=True,  # the TransactionID is the same
        )

    def close(self) -> None:
        """See `Orders.close`."""
        self._http.close()

    def _reply_fields(self, reply: CheckedReply) -> Mapping[str, str | None]:
        number = self._source.names.get(names.SOAP["number"], names.SOAP["number"])
        return {
            number: reply.number,
            "操作类型": reply.title,
            "操作时间": reply.at,
            "理由": reply.reason,
            "申请延期至": reply.until,
            "办理情况": reply.handling,
            "公开答复内容": reply.public_reply,
            "是否属实": reply.is_true,
            "是否解决": reply.is_solved,
        }

    def _message(self, name: str, body: str, transaction: str) -> str:
        check = self._source.check
        key = self.ctx.secret(check.key) if check is not None and check.key is not None else None
        return package(
            name,
            body,
            transaction=transaction,
            now=self.ctx.clock.now(),
            zone=self.ctx.zone,
            check=check,
            key=key,
            charset=self._source.charset,
        )

    def _receipt(self, answer: Body, reply: CheckedReply) -> ReplyReceipt:
        """What the platform says; a code that it uses for "no" is an answer, not an error."""
        from hub.sdk.readers.xml import xml_document

        inner_at = self._border[: self._border.index(INNER)] if INNER in self._border else None
        root = xml_document(answer, inner_at=inner_at)
        codes: list[str] = []
        envelope = (
            self._source.envelope if inner_at is not None else _from(self._border, self._source.envelope)
        )
        known = envelope.model_copy(update={"ok": envelope.ok | self._source.repeated})
        try:
            known.judge(
                lambda path: _noted(root, path, codes, path == known.code_path),
                place=answer.place,
                content=answer.content,
            )
        except SourceContractError as exc:
            if exc.code is not Code.SOURCE_ENVELOPE:
                raise
            return ReplyReceipt(False, detail=f"refused with code {codes[0][:20]}" if codes else "refused")
        if codes and codes[0] in self._source.repeated:
            return ReplyReceipt(True, reference=reply.key, detail="taken before")
        return ReplyReceipt(True, reference=reply.key)


def _from(border: Path, envelope: Envelope) -> Envelope:
    """The envelope with its paths from the root of the whole answer."""
    return envelope.model_copy(
        update={
            "code_path": (*border, *envelope.code_path),
            "message_paths": tuple((*border, *path) for path in envelope.message_paths),
        }
    )


def _moved(border: Path, check: BodyCheck) -> BodyCheck:
    return check.model_copy(update={"digest_at": (*border, *check.digest_at), "over": (*border, *check.over)})


def _noted(root: object, path: Path, codes: list[str], is_code: bool) -> str | None:
    from hub.sdk.readers.xml import text_at

    found = text_at(root, path)  # type: ignore[arg-type]
    if is_code and found is not None:
        codes.append(found)
    return found
