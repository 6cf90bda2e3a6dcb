"""The message of the form Package, Head, Body that goes to the platform, its check included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from xml.sax.saxutils import escape

from hub.sdk.readers.xml_check import BodyCheck

_OUTSIDE_XML = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20)])


def package(
    name: str,
    body: str,
    *,
    transaction: str,
    now: datetime,
    zone: tzinfo,
    check: BodyCheck | None,
    key: str | None,
    charset: str,
) -> str:
    """The message as text.

    Args:
        name: MsgName.
        body: Content of the Body, XML.
        transaction: The same for every repeat of a reply: by it the platform knows that it had taken it.
        now: Aware.
        zone: In which the platform reads times.
        check: How the body's check is reckoned; None for none.
        key: The secret's value that goes into it, where one does.
        charset: Declared, and the one in which the body can be written: other characters become references.
    """
    written = body.encode(charset, "xmlcharrefreplace").decode(charset)
    covered = written if check is None or check.part == "content" else f"<Body>{written}</Body>"
    digest = check.of(covered, key) if check is not None else ""
    head = (
        f"<TransactionID>{text(transaction)}</TransactionID><MsgName>{text(name)}</MsgName>"
        f"<TimeStamp>{now.astimezone(zone):%Y%m%d%H%M%S}</TimeStamp><Security>{digest}</Security>"
    )
    return f'<?xml version="1.0" encoding="{charset.upper()}"?><Package><Head>{head}</Head><Body>{written}</Body></Package>'


def elements(fields: Mapping[str, str | None]) -> str:
    """Fields as elements, in their order; what is None is left out."""
    return "".join(f"<{name}>{text(value)}</{name}>" for name, value in fields.items() if value is not None)


def text(value: str) -> str:
    """A value as XML text; characters that XML does not know are left out."""
    return escape(value.translate(_OUTSIDE_XML))
