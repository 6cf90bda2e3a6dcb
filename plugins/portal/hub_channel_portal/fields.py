"""The fields of one record of the portal's list interface, every value as the text that was sent.

The usual record is read by a decoder that expects text, as the interface promises. One in which some field is a
number is read again with every number kept as its very digits: a number of 18 digits does not survive floating point.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from hub.sdk import Code, RecordRejected
from hub.sdk.values import exact_number

NO_ATTACHMENTS = msgspec.Raw(b"")
_AT = re.compile(r"\$\.(\w+)")
_DIGITS = re.compile(r"-?\d+")


class Key(msgspec.Struct):
    """What collecting needs of a record; everything else is passed over without being read."""

    zxbh: str | None = None
    gxsj: str | None = None
    sc: str | None = None
    op: str | None = None


class Fields(msgspec.Struct):
    """Every field that the channel knows; what else the portal sends stays in the raw record."""

    zxbh: str | None = None  # 咨询编号
    lx: str | None = None  # 类型
    lxmc: str | None = None  # 类型名称
    bt: str | None = None  # 标题
    nr: str | None = None  # 内容
    sxbm: str | None = None  # 事项编码
    sxmc: str | None = None  # 事项名称
    bjbh: str | None = None  # 办件编号
    xm: str | None = None  # 姓名
    sjh: str | None = None  # 手机号
    zjlx: str | None = None  # 证件类型
    zjhm: str | None = None  # 证件号码
    zhid: str | None = None  # 账户标识
    yhhash: str | None = None  # 门户给出的用户散列
    sfgk: str | None = None  # 是否公开
    tjsj: str | None = None  # 提交时间
    gxsj: str | None = None  # 更新时间
    zt: str | None = None  # 状态
    qhdm: str | None = None  # 区划代码
    wz: str | None = None  # 位置
    dwmc: str | None = None  # 被反映单位名称
    ygpbh: str | None = None  # 已经派出的工单编号
    sc: str | None = None  # 删除标志
    op: str | None = None  # 操作：I 新增 U 修改 D 删除
    fj: msgspec.Raw = NO_ATTACHMENTS  # 附件


class File(msgspec.Struct):
    """One attachment as the portal names it; the bytes are not fetched."""

    name: str | None = None
    url: str | None = None


read_key = msgspec.json.Decoder(Key).decode
_read_fields = msgspec.json.Decoder(Fields).decode
_read_files = msgspec.json.Decoder(list[File] | None).decode
_KEY_NAMES = Key.__struct_fields__
_FIELD_NAMES = tuple(name for name in Fields.__struct_fields__ if name != "fj")


def read_fields(body: bytes) -> Fields:
    """The record's fields.

    Raises:
        RecordRejected: The bytes are no JSON object (``record_unreadable``), or a field holds a list or an object where
            a text must be (``field_invalid``).
    """
    try:
        return _read_fields(body)
    except msgspec.ValidationError:
        fields = _object(body)
        texts = {name: _text(name, fields.get(name)) for name in _FIELD_NAMES}
        attached = fields.get("fj")
        return Fields(**texts, fj=msgspec.Raw(json.dumps(attached).encode()) if attached else NO_ATTACHMENTS)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        _unreadable(exc)


def read_key_exactly(body: bytes) -> Key:
    """As `read_key`, for a record whose key fields are not all text; every number keeps its digits.

    Raises:
        RecordRejected: As `read_fields`.
    """
    fields = _object(body)
    return Key(**{name: _text(name, fields.get(name)) for name in _KEY_NAMES})


def read_files(raw: msgspec.Raw) -> list[File]:
    """The attachments; empty text and null are none.

    Raises:
        RecordRejected: It is no list of objects with text in ``name`` and ``url`` (``field_invalid``).
    """
    body = bytes(raw)
    if body in (b"", b"[]", b"null", b'""'):
        return []
    try:
        return _read_files(body) or []
    except msgspec.MsgspecError as exc:
        raise RecordRejected(
            f"field 'fj': no list of attachments{_place(exc)} (expected [{{name, url}}, …]); "
            "look at the record with `hub quarantine show` and mend the mapping",
            code=Code.FIELD_INVALID,
            field="fj",
        ) from exc


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body, parse_int=str, parse_float=exact_number, parse_constant=str)
    except (ValueError, RecursionError) as exc:
        _unreadable(exc)
    if not isinstance(fields, dict):
        _unreadable(None)
    return fields


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    raise RecordRejected(
        f"field {name!r}: {'a list' if isinstance(value, list) else 'an object'} (expected a text); "
        "look at the record with `hub quarantine show` and mend the mapping",
        code=Code.FIELD_INVALID,
        field=name,
    )


def _place(exc: Exception) -> str:
    """Where in the record the decoder stumbled, without any of its values."""
    found = re.search(r"at `(\$[\w.\[\]…]*)`", str(exc))
    return f" at {found[1]}" if found else ""


def _unreadable(exc: Exception | None) -> NoReturn:
    raise RecordRejected(
        f"record: {'no JSON object' if exc is None else type(exc).__name__} (expected one JSON object in UTF-8); "
        "look at its kept bytes with `hub quarantine show` and ask the portal's keeper",
        code=Code.RECORD_UNREADABLE,
    ) from exc
