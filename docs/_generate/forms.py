"""Records taken apart into places and values, and put together again: JSON, XML, XML in a column of a row, mail."""

from __future__ import annotations

import base64
import email
import json
import re
from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from typing import Any, Protocol
from xml.etree import ElementTree
from xml.sax.saxutils import escape

Path = tuple[str | int, ...]
Flat = dict[Path, Any]


class Form(Protocol):
    """One way of writing a record."""

    def read(self, body: bytes) -> Flat:
        """Place -> value, in the record's order."""
        ...

    def write(self, flat: Flat) -> bytes:
        """The record again."""
        ...


def label(path: Path) -> str:
    """A place as a reader writes it; every member of a list has the same."""
    text = ""
    for step in path:
        text += "[]" if isinstance(step, int) else f"{'.' if text and not text.endswith('/') else ''}{step}"
    return text


class JsonForm:
    """A JSON object."""

    def read(self, body: bytes) -> Flat:
        """See `Form.read`."""
        flat: Flat = {}
        _flatten(json.loads(body), (), flat)
        return flat

    def write(self, flat: Flat) -> bytes:
        """See `Form.write`."""
        return json.dumps(_nested(flat), ensure_ascii=False).encode()


class XmlForm:
    """An XML element whose children hold text; the name of the root is kept from what was read last."""

    def __init__(self) -> None:
        self._root = "Order"

    def read(self, body: bytes) -> Flat:
        """See `Form.read`."""
        root = ElementTree.fromstring(body)
        self._root = root.tag
        return {(child.tag,): child.text or "" for child in root}

    def write(self, flat: Flat) -> bytes:
        """See `Form.write`."""
        children = "".join(f"<{path[0]}>{escape(str(value))}</{path[0]}>" for path, value in flat.items())
        return f"<{self._root}>{children}</{self._root}>".encode()


class RowForm:
    """A row as JSON that holds XML in one column; its elements stand behind the column's name and a stroke.

    Args:
        column: That holds the XML; elements that only lie around what is said are taken off.
    """

    def __init__(self, column: str) -> None:
        self._column = column

    def read(self, body: bytes) -> Flat:
        """See `Form.read`."""
        flat: Flat = {}
        for name, value in json.loads(body).items():
            if name != self._column:
                flat[(name,)] = value
            else:
                text = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
                root = ElementTree.fromstring(text.partition("?>")[2] if text.startswith("<?") else text)
                while len(root) and len(next(iter(root))) and root.find("internalNo") is None:
                    root = root.find("Body") if root.find("Body") is not None else next(iter(root))
                for child in root:
                    flat[(f"{self._column}/", child.tag)] = child.text or ""
        return flat

    def write(self, flat: Flat) -> bytes:
        """See `Form.write`."""
        row: dict[str, Any] = {}
        children = ""
        for path, value in flat.items():
            if len(path) == 2:
                children += f"<{path[1]}>{escape(str(value))}</{path[1]}>"
            else:
                row[str(path[0])] = value
        row[self._column] = f"<Data>{children}</Data>"
        return json.dumps(row, ensure_ascii=False).encode()


def _flatten(value: Any, at: Path, flat: Flat) -> None:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            _flatten(inner, (*at, name), flat)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            _flatten(inner, (*at, index), flat)
    else:
        flat[at] = value


def _nested(flat: Flat) -> Any:
    tree: dict[Any, Any] = {}
    for path, value in flat.items():
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = value
    return _listed(tree)


def _listed(node: Any) -> Any:
    if not isinstance(node, dict) or not node:
        return node
    if all(isinstance(step, int) for step in node):
        return [_listed(node[step]) for step in sorted(node)]
    return {step: _listed(inner) for step, inner in node.items()}


_SUBJECT_TAG = re.compile(r"^【([^】]+)】(.*)$", re.DOTALL)


class MailForm:
    """A mail by what a reader sees of it: sender, subject and its tag, date, words, one attachment."""

    def read(self, body: bytes) -> Flat:
        """See `Form.read`."""
        mail = email.message_from_bytes(body, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        sender = mail["From"].addresses[0] if mail["From"] and mail["From"].addresses else None
        subject = str(mail["Subject"] or "")
        tagged = _SUBJECT_TAG.match(subject)
        text = mail.get_body(("plain", "html"))
        attached = next(iter(mail.iter_attachments()), None) if mail.is_multipart() else None
        found = {
            "From: name": sender.display_name if sender else None,
            "From: address": sender.addr_spec if sender else None,
            "Subject: 【tag】": tagged[1] if tagged else None,
            "Subject": tagged[2] if tagged else subject or None,
            "Date": str(mail["Date"]) if mail["Date"] else None,
            "text": str(text.get_content()).rstrip("\n") if text is not None else None,
            "attachment: name": attached.get_filename() if attached is not None else None,
        }
        # A header in bytes without a label comes with surrogates: such a sample tells nothing that can be written again.
        return {(name,): value for name, value in found.items() if value and _is_writable(value)}

    def write(self, flat: Flat) -> bytes:
        """See `Form.write`."""
        given = {str(path[0]): str(value) for path, value in flat.items()}
        lines = ["MIME-Version: 1.0", "Message-ID: <asked@example.org>"]
        name, address = given.get("From: name"), given.get("From: address")
        if name or address:
            lines.append(f"From: {_word(name) + ' ' if name else ''}<{address or ''}>")
        tag, subject = given.get("Subject: 【tag】"), given.get("Subject", "")
        lines.append(f"Subject: {_word((f'【{tag}】' if tag else '') + subject)}")
        if "Date" in given:
            lines.append(f"Date: {given['Date']}")
        text = base64.b64encode(given.get("text", "").encode()).decode()
        part = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{text}\n"
        if "attachment: name" not in given:
            return "\n".join([*lines, part]).encode()
        kind = f'Content-Disposition: attachment; filename="{_word(given["attachment: name"])}"'
        file = f"Content-Type: application/pdf\n{kind}\nContent-Transfer-Encoding: base64\n\nYQ==\n"
        head = 'Content-Type: multipart/mixed; boundary="part"\n'
        return "\n".join([*lines, head, f"--part\n{part}--part\n{file}--part--\n"]).encode()


def _is_writable(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _word(text: str) -> str:
    """A header's words as MIME writes them."""
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="
