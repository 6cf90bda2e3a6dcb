"""Rows of the supervision table: each a monitor event as XML, with the answer that it got in columns beside it.

Source: domain.md §1.8, §7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from hub.model.observation import Observation
from hub.sdk import Code, RawRecord, RecordRejected, SourceContractError
from hub.sdk.readers.xml_check import BodyCheck
from hub_channel_eagle_eye.codes import Tables
from hub_channel_eagle_eye.events import event_of
from hub_channel_eagle_eye.fields import Fields, Values, document_of, read_json, read_xml, unwrapped


def said_by(
    raw: RawRecord, tables: Tables, zone: tzinfo, names: Mapping[str, str], check: BodyCheck | None
) -> Sequence[Observation]:
    """The event, and the finding beside it where there is one.

    Raises:
        RecordRejected: The XML cannot be read, is not what its check says (``page_check``), or a field cannot be used.
    """
    row = read_json(raw.body)
    columns = Fields(row, zone)
    number = columns.key("SERIAL_ID", "the row")
    document = document_of(row, "XMLBODY")
    values = read_xml(document)
    if check is not None:
        _verify(check, document, values)
    more: dict[str, Any] = {
        "case_no": columns.text("BUSINESS_ID"),
        "process_no": columns.text("PROCESS_ID"),
        "reply": columns.words("WARN_REPLYINFO"),
        "replied_by": columns.text("WARN_REPLYUSER"),
        "replied_at": columns.moment("REPLY_TIME"),
    }
    return event_of(Fields(unwrapped(values), zone, names), tables, number, more=more)


def _verify(check: BodyCheck, document: str, values: Values) -> None:
    from hub.sdk.readers.xml import inner_xml

    found: Any = values
    for name in check.digest_at[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    digest = found if isinstance(found, str) else None
    try:
        check.verify(inner_xml(document), digest, None, place="XMLBODY", content=b"")
    except SourceContractError as exc:
        raise RecordRejected(exc.message, code=Code.PAGE_CHECK, field="XMLBODY") from None
