"""Pictures of a record: by name and address as a rule, with their bytes where the gateway sends them along."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hub.model.demand import Attachment
from hub.sdk import Code, RawAttachment
from hub.sdk.values import blank_to_none
from hub_channel_app.fields import Fields, refuse

MOST_PICTURES = 30
LARGEST_BYTES = 6 << 20
_FIELD = "pictures"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; ``content`` is None where only its address was sent: the hub fetches nothing."""

    name: str
    media_type: str
    uri: str | None
    content: bytes | None


def pictures_of(fields: Fields) -> list[Picture]:
    """The record's pictures, in its order.

    Raises:
        RecordRejected: No list of addresses or of objects with texts in them, too many, no base64 (``field_invalid``), or one
            that is too large (``record_too_large``).
    """
    listed = fields.get(_FIELD)
    if listed is None or listed == "" or listed == "null":
        return []
    if not isinstance(listed, list):
        refuse(_FIELD, "no list (expected addresses, or objects with name and url)")
    if len(listed) > MOST_PICTURES:
        refuse(_FIELD, f"{len(listed)} pictures (expected at most {MOST_PICTURES})")
    return list(_read(listed))


def attachments(pictures: list[Picture]) -> tuple[Attachment, ...]:
    """As a demand names them."""
    return tuple(
        Attachment(name=one.name, media_type=one.media_type, uri=one.uri)
        if one.content is None
        else Attachment(
            name=one.name,
            media_type=one.media_type,
            sha256=sha256(one.content).hexdigest(),
            size_bytes=len(one.content),
            uri=one.uri,
        )
        for one in pictures
    )


def raw_attachments(pictures: list[Picture]) -> tuple[RawAttachment, ...]:
    """Those whose bytes came along, for the hub to keep."""
    return tuple(
        RawAttachment(one.name, one.media_type, one.content) for one in pictures if one.content is not None
    )


def _read(listed: list[Any]) -> Iterator[Picture]:
    for one in listed:
        if isinstance(one, str):
            if (uri := blank_to_none(one)) is not None:
                name = _name_in(uri)
                yield Picture(name, _media_type(name), uri, None)
            continue
        if not isinstance(one, dict):
            refuse(_FIELD, "an entry is neither an address nor an object")
        named, address, media_type, data = (
            _text(one, field) for field in ("name", "url", "mediaType", "data")
        )
        if named is None and address is None and data is None:
            continue
        name = named or (_name_in(address) if address else "picture")
        content = _decoded(data) if data is not None else None
        yield Picture(name, media_type or _media_type(name), address, content)


def _text(one: dict[str, Any], field: str) -> str | None:
    value = one.get(field)
    if isinstance(value, list | dict):
        refuse(_FIELD, f"an entry's {field} is no text")
    return blank_to_none(value)


def _decoded(data: str) -> bytes:
    if len(data) > LARGEST_BYTES * 4 // 3 + 4:
        refuse(
            _FIELD,
            f"one is larger than {LARGEST_BYTES >> 20} MiB (expected an address instead)",
            Code.RECORD_TOO_LARGE,
        )
    head, comma, rest = data.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        data = rest
    try:
        return base64.b64decode(data.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        refuse(_FIELD, "an entry's data is no base64")


def _name_in(uri: str) -> str:
    """The last part of the address without its query: what people call the picture."""
    path = uri.partition("?")[0].partition("#")[0].rstrip("/")
    return path.rpartition("/")[2][:200] or "picture"


def _media_type(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    return {
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "png": "image/png",
        "gif": "image/gif",
        "webp": "image/webp",
        "heic": "image/heic",
        "mp4": "video/mp4",
    }.get(ending, "application/octet-stream")
