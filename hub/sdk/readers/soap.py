"""Calls of a SOAP service by a request template, over the same HTTP reader as every other source.

No WSDL is read and no classes are made of it: a county's service has two or three operations whose envelopes stand in its manual, its WSDL
is often out of reach or wrong, and reading it would ask the network for schemas (docs/decisions/0005-soap-by-template.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Template
from typing import Literal, TypeVar
from xml.sax.saxutils import escape

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.errors import Code, ConfigError
from hub.sdk.context import ChannelContext
from hub.sdk.readers.body import Body
from hub.sdk.readers.envelope import Envelope, Path
from hub.sdk.readers.http import HttpReader
from hub.sdk.readers.jsonpage import Records
from hub.sdk.readers.xml import BodyCheck, Refused, parse_xml, xml_records

ReadT = TypeVar("ReadT")

_NAMESPACES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Placeholders(Template):
    """``${name}`` alone: a bare dollar sign is a dollar sign."""

    pattern = r"""
    (?P<escaped>(?!)) | (?P<named>(?!)) | \$\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\} | (?P<invalid>(?!))
    """  # type: ignore[assignment]


class SoapOperation(BaseModel):
    """One operation of a SOAP service.

    Attributes:
        path: Of the service, below the source's address.
        action: Value of SOAPAction; empty where the service wants it empty.
        version: 1.1 (text/xml, SOAPAction header) or 1.2 (application/soap+xml, action parameter).
        body: What stands in soap:Body, XML; ``${name}`` stands for a value.
        charset: Encoding of the request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = ""
    action: str = ""
    version: Literal["1.1", "1.2"] = "1.1"
    body: str = Field(min_length=1)
    charset: Literal["utf-8", "gbk", "gb18030"] = "utf-8"

    @field_validator("action")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable() or not value.isascii() or '"' in value:
            raise ValueError("action is printable ASCII without quotes")
        return value

    @field_validator("body")
    @classmethod
    def _is_xml(cls, value: str) -> str:
        try:
            parse_xml(f"<Body>{value}</Body>")
        except Refused as exc:
            raise ValueError(f"body: {exc.reason}") from None
        return value

    def request(self, values: Mapping[str, str]) -> bytes:
        """The envelope that is sent; every value is text, escaped.

        Raises:
            ConfigError: The body names a value that there is none of (code ``config_invalid``).
        """
        safe = {name: escape(_NOT_XML.sub("", value), {'"': "&quot;"}) for name, value in values.items()}
        try:
            filled = _Placeholders(self.body).substitute(safe)
        except KeyError as exc:
            raise ConfigError(
                f"SOAP request: the template names ${{{exc.args[0]}}} (known: {', '.join(sorted(values))}); mend the template in the "
                "channel's settings",
                code=Code.CONFIG_INVALID,
            ) from None
        text = (
            f'<?xml version="1.0" encoding="{self.charset.upper()}"?>'
            f'<soap:Envelope xmlns:soap="{_NAMESPACES[self.version]}"><soap:Body>{filled}</soap:Body></soap:Envelope>'
        )
        return text.encode(self.charset, "xmlcharrefreplace")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the request."""
        if self.version == "1.2":
            action = f'; action="{self.action}"' if self.action else ""
            return {
                "Content-Type": f"application/soap+xml; charset={self.charset.upper()}{action}",
                "Accept": "application/soap+xml",
            }
        return {
            "Content-Type": f"text/xml; charset={self.charset.upper()}",
            "SOAPAction": f'"{self.action}"',
            "Accept": "text/xml",
        }


class SoapService:
    """The operations of one SOAP service.

    Args:
        reader: Of the service's address; its policy, gate and login hold for every call. `close` is its owner's.
    """

    def __init__(self, reader: HttpReader) -> None:
        self._reader = reader

    @property
    def ctx(self) -> ChannelContext:
        """The channel's context."""
        return self._reader.ctx

    def call(
        self,
        operation: SoapOperation,
        values: Mapping[str, str],
        read: Callable[[Body], ReadT],
        *,
        label: str = "",
        repeatable: bool = False,
    ) -> ReadT:
        """What ``read`` makes of the operation's answer; a SOAP fault is given to it too, whatever its status.

        Args:
            operation: See `SoapOperation`.
            values: Of the template.
            read: See `hub.sdk.readers.http.HttpReader.read`.
            label: Named in messages, ``page 3``.
            repeatable: Whether a call that may have arrived can be made again.

        Raises:
            SourceUnavailable: See `hub.sdk.readers.http.HttpReader.read`.
            SourceContractError: See `hub.sdk.readers.http.HttpReader.read`.
            ConfigError: See `SoapOperation.request`.
        """
        return self._reader.read(
            "POST",
            operation.path,
            read,
            body=operation.request(values),
            headers=operation.headers,
            label=label,
            repeatable=repeatable,
            faults=True,
        )

    def records(
        self,
        operation: SoapOperation,
        values: Mapping[str, str],
        *,
        at: Path,
        total_at: Path | None = None,
        envelope: Envelope | None = None,
        check: BodyCheck | None = None,
        label: str = "",
    ) -> Records:
        """The records of one page; asking changes nothing in the source and is repeated after any passing failure.

        Args:
            operation: See `SoapOperation`.
            values: Of the template: page number, bounds.
            at: As in `hub.sdk.readers.xml.xml_records`, like the rest.
            total_at: See there.
            envelope: See there.
            check: See there; its key is read from the channel's secrets.
            label: Named in messages, ``page 3``.

        Raises:
            SourceUnavailable: See `call` and `hub.sdk.readers.xml.xml_records`.
            SourceContractError: Likewise.
        """
        key = self.ctx.secret(check.key) if check is not None and check.key is not None else None
        return self.call(
            operation,
            values,
            lambda body: xml_records(body, at=at, total_at=total_at, envelope=envelope, check=check, key=key),
            label=label,
            repeatable=True,
        )
