"""One operation of a SOAP service: what is sent, as a template. Light, so that settings may hold it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Literal
from xml.parsers import expat
from xml.sax.saxutils import escape

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.errors import Code, ConfigError

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
        parser = expat.ParserCreate()
        try:
            parser.Parse(f"<Body>{value}</Body>".encode(), True)
        except (expat.ExpatError, UnicodeEncodeError) as exc:
            raise ValueError("body is no well-formed XML, or brings a DOCTYPE") from exc
        return value

    def filled(self, values: Mapping[str, str]) -> str:
        """The body with its values, each of them text, escaped.

        Raises:
            ConfigError: The body names a value that there is none of (code ``config_invalid``).
        """
        safe = {name: escape(_NOT_XML.sub("", value), {'"': "&quot;"}) for name, value in values.items()}
        try:
            return _Placeholders(self.body).substitute(safe)
        except KeyError as exc:
            raise ConfigError(
                f"SOAP request: the template names ${{{exc.args[0]}}} (known: {', '.join(sorted(values))}); mend the template in the "
                "channel's settings",
                code=Code.CONFIG_INVALID,
            ) from None

    def request(self, values: Mapping[str, str]) -> bytes:
        """The envelope that is sent, around `filled`.

        Raises:
            ConfigError: See `filled`.
        """
        filled = self.filled(values)
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
