"""Calls of a SOAP service by a request template, over the same HTTP reader as every other source.

No WSDL is read and no classes are made of it: a county's service has two or three operations whose envelopes stand in its manual, its WSDL
is often out of reach or wrong, and reading it would ask the network for schemas (docs/decisions/0007-soap-by-template.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from hub.sdk.context import ChannelContext
from hub.sdk.readers.body import Body
from hub.sdk.readers.envelope import Envelope, Path
from hub.sdk.readers.http import HttpReader
from hub.sdk.readers.jsonpage import Records
from hub.sdk.readers.soap_operation import SoapOperation
from hub.sdk.readers.xml import BodyCheck, xml_records

__all__ = ["SoapOperation", "SoapService"]

ReadT = TypeVar("ReadT")


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
