"""Records out of an XML answer, by a parser that hostile bytes cannot hurt, and the envelope around them judged first.

No DTD, no entities but the five of XML, no network; depth, number of elements and size are bounded. Names are compared by their local
part: sources change prefixes and namespaces with every release. An answer that is no XML as a whole (a bare ``&``, a control
character, a broken character in one record) is split by the records' tags instead, so that one bad record does not hold up
the others: see `hub.sdk.readers.jsonpage.Records.unreadable`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from lxml import etree

from hub.errors import Code, RecordRejected, SourceContractError, SourceUnavailable
from hub.sdk.channel import RecordProblem
from hub.sdk.readers.body import Body
from hub.sdk.readers.encoding import Decoded, declared_charset, to_utf8
from hub.sdk.readers.envelope import Envelope, EnvelopeDenied, Path, masked
from hub.sdk.readers.jsonpage import Records
from hub.sdk.readers.xml_check import BodyCheck
from hub.sdk.readers.xml_paths import (
    ANY,
    INNER,
    first_at,
    local_name,
    matches,
    shortened,
    text_at,
    text_of,
    until_inner,
)

__all__ = [
    "INNER",
    "MOST_ELEMENTS",
    "BodyCheck",
    "Refused",
    "XmlRecord",
    "inner_xml",
    "parse_xml",
    "text_at",
    "text_of",
    "xml_document",
    "xml_records",
]

DEEPEST = 64
MOST_ELEMENTS = 1_000_000
# A record is written with every namespace that is declared around it: a thousand declarations around ten thousand records, or one of a
# megabyte, would make gigabytes of a small page.
MOST_NAMESPACES = 100
_GROWTH, _GROWTH_FREE = 8, 8 * 1024 * 1024
_PIECE = 64 * 1024
_MOST_WRAPPINGS = 3
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,300}\?>")
_DOCTYPE = re.compile(
    r"(?:\s++|<\?[^>]{0,2000}?\?>|<!--(?:[^-]|-(?!->)){0,10000}+-->)*+<!DOCTYPE", re.IGNORECASE
)
# By its beginning alone: a citizen's words in CDATA may hold HTML, and gateways label XML text/html.
_WEB_PAGE = re.compile(r"(?:\s++|<\?[^>]{0,2000}?\?>)*+<(?:!DOCTYPE\s+)?html\b", re.IGNORECASE)
_WRAPPED = re.compile(r"\s*(?:&lt;|&amp;lt;)")
# Control characters are no XML. They are left out of the records, for a vertical tab in somebody's words costs nobody a demand;
# until the source's check is verified they travel as characters that nobody uses. Broken characters travel through the parser as characters that nobody uses, and come back as the bytes that they were.
_BROKEN_BASE = 0x10FE00
_BROKEN = re.compile(f"[{chr(_BROKEN_BASE + 0x80)}-{chr(_BROKEN_BASE + 0xFF)}]")
_CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xFFFE, 0xFFFF]
_TO_MARK = {0xDC00 + byte: _BROKEN_BASE + byte for byte in range(0x80, 0x100)}
_CONTROL_TO_MARK = {control: _BROKEN_BASE + (control & 0x7F) for control in _CONTROLS}
_FROM_MARK = {mark: escape for escape, mark in _TO_MARK.items()}
_WITHOUT_CONTROLS = dict.fromkeys(_CONTROL_TO_MARK.values())
_CONTROL_FROM_MARK = {mark: control for control, mark in _CONTROL_TO_MARK.items()}
_ASK = "compare the kept page with samples/ and ask the source's keeper what changed"


class Refused(Exception):
    """A document that is not read.

    Attributes:
        code: ``page_not_xml``, ``xml_doctype`` or ``page_too_large``.
        reason: Found against expected, without anything of the document.
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def parse_xml(text: str, *, at_end: Callable[[etree._Element, int], None] | None = None) -> etree._Element:
    """The root of a document; comments and processing instructions are left out.

    Args:
        text: Decoded; what its own declaration says of an encoding counts for nothing.
        at_end: Told of every element with its depth (0: the root) as soon as it is whole; it may take it out of the tree.

    Raises:
        Refused: A DOCTYPE (whatever it declares), no well-formed XML, or beyond the bounds.
    """
    if _DOCTYPE.match(text):
        raise Refused(Code.XML_DOCTYPE, "a DOCTYPE (expected none: it could bring entities and files)")
    declaration = _DECLARATION.match(text)
    content = text[declaration.end() :] if declaration else text.lstrip()
    parser = etree.XMLPullParser(
        events=("start", "end", "start-ns", "end-ns"),
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=False,
    )
    depth = count = namespaces = 0
    try:
        encoded = content.encode()
        for begin in range(0, len(encoded), _PIECE):
            parser.feed(encoded[begin : begin + _PIECE])
            for event, element in parser.read_events():
                if event == "start-ns":
                    namespaces += 1
                    if namespaces > MOST_NAMESPACES:
                        raise Refused(
                            Code.PAGE_TOO_LARGE,
                            f"more than {MOST_NAMESPACES} namespaces around one element (expected a few)",
                        )
                elif event == "end-ns":
                    namespaces -= 1
                elif event == "start":
                    depth, count = depth + 1, count + 1
                    if depth > DEEPEST:
                        raise Refused(
                            Code.PAGE_NOT_XML, f"elements nested deeper than {DEEPEST} (expected records)"
                        )
                    if count > MOST_ELEMENTS:
                        raise Refused(
                            Code.PAGE_TOO_LARGE,
                            f"more than {MOST_ELEMENTS} elements (expected fewer in a page)",
                        )
                else:
                    depth -= 1
                    if at_end is not None:
                        at_end(element, depth)
        root = parser.close()
    except UnicodeEncodeError:
        raise Refused(Code.PAGE_NOT_XML, "half a character (expected well-formed XML)") from None
    except etree.XMLSyntaxError as exc:
        raise Refused(Code.PAGE_NOT_XML, _reason(exc)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused(Code.XML_DOCTYPE, "a DOCTYPE (expected none: it could bring entities and files)")
    return root


def inner_xml(text: str) -> str:
    """The XML that a text holds, out of CDATA or a CLOB: escaped once more than it should be is undone, up to three times."""
    for _ in range(_MOST_WRAPPINGS):
        if not _WRAPPED.match(text):
            break
        text = html.unescape(text)
    return text


def xml_records(
    body: Body,
    *,
    at: Path,
    total_at: Path | None = None,
    envelope: Envelope | None = None,
    check: BodyCheck | None = None,
    key: str | None = None,
) -> Records:
    """The records at ``at`` of an XML answer, each as bytes of its own in UTF-8: a well-formed element with its namespaces.

    Args:
        body: The answer.
        at: Local names from the root to the records, both included; `INNER` steps into XML that stands as text (in CDATA, or
            escaped once more), ``*`` takes an element of any name.
        total_at: Likewise to the declared total.
        envelope: How the answer is judged; its paths are as ``at``. A SOAP fault is judged without one.
        check: The source's check of its own body, verified before anything else is believed.
        key: The secret that goes into the check, where one does.

    Raises:
        SourceUnavailable: The envelope or a SOAP fault says "not now" (``source_envelope``) or "log in" (``source_auth``).
        SourceContractError: With the answer's content: ``page_html``, ``page_encoding``, ``page_not_xml``, ``xml_doctype``,
            ``page_too_large``, ``source_envelope``, ``page_check``, ``page_shape`` (the element around the records is not there:
            that is never taken for no records).
    """
    reading = _Reading(body)
    text, damaged = reading.decoded()
    return reading.records(text, damaged, at, total_at, envelope, check, key)


def xml_document(
    body: Body, *, envelope: Envelope | None = None, inner_at: Path | None = None
) -> etree._Element:
    """A whole XML answer, judged; with ``inner_at`` the document that stands as text at that path.

    Raises:
        SourceUnavailable: As `xml_records`.
        SourceContractError: As `xml_records`.
    """
    reading = _Reading(body)
    text, damaged = reading.decoded()
    if damaged:
        reading.fail(Code.PAGE_ENCODING, "XML with broken characters (expected sound text)", _ASK)
    steps = [*inner_at, INNER] if inner_at is not None else []
    root = reading.parsed(text)
    reading.judge_fault(root)
    if steps:
        root = reading.parsed(reading.inner(root, inner_at or ()))
    if envelope is not None:
        envelope.judge(lambda path: text_at(root, path), place=body.place, content=body.content)
    return root


class XmlRecord:
    """The fields of one record: its children, by local name.

    Args:
        body: As `xml_records` gave it.

    Raises:
        RecordRejected: The bytes are no XML element (code ``record_unreadable``).
    """

    def __init__(self, body: bytes) -> None:
        try:
            root = parse_xml(body.decode())
        except (Refused, UnicodeDecodeError) as exc:
            raise RecordRejected(
                f"record: {exc.reason if isinstance(exc, Refused) else 'broken characters'} (expected one XML element in UTF-8); "
                "look at its kept bytes with `hub quarantine show` and ask the source's keeper",
                code=Code.RECORD_UNREADABLE,
            ) from None
        self.name = local_name(root)
        self._found: dict[str, list[etree._Element]] = {}
        for child in root.iterchildren(tag=etree.Element):
            self._found.setdefault(local_name(child), []).append(child)

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def text(self, name: str) -> str | None:
        """The text of the field of that name; None where it is absent, empty or nil.

        Raises:
            RecordRejected: It stands more than once, or holds elements (code ``field_invalid``).
        """
        found = self._found.get(name)
        if found is None:
            return None
        (first, *more) = found
        if more or len(first):
            raise RecordRejected(
                f"field {name!r}: {'elements inside' if not more else f'{len(found)} of them'} (expected one text); look at the record "
                "with `hub quarantine show` and mend the mapping",
                code=Code.FIELD_INVALID,
                field=name,
            )
        return text_of(first)


@dataclass(frozen=True, slots=True)
class _Found:
    """One record in a document: its bytes, and why it cannot be read if it cannot."""

    raw: bytes
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One answer being read; what fails does so with the answer's place and content."""

    body: Body

    def decoded(self) -> tuple[str, bool]:
        """The text, and whether broken characters stand in it as marks."""
        label = declared_charset(self.body.content) or self.body.charset
        found: Decoded = to_utf8(self.body.content, label, place=self.body.place)
        text = found.utf8.decode("utf-8", "surrogateescape")
        if _WEB_PAGE.match(text):
            self.fail(
                Code.PAGE_HTML,
                "a web page (expected XML)",
                "it is often a login page: check the account, then the address",
            )
        if not text.isprintable():
            text = text.translate(_CONTROL_TO_MARK)
        return (text.translate(_TO_MARK), True) if found.damaged else (text, False)

    def records(
        self,
        text: str,
        damaged: bool,
        at: Path,
        total_at: Path | None,
        envelope: Envelope | None,
        check: BodyCheck | None,
        key: str | None,
    ) -> Records:
        """See `xml_records`."""
        outer, here, rest = until_inner(at)
        if rest:
            root = self.parsed(text)
            self.judge_fault(root)
            if envelope is not None and INNER not in envelope.code_path:
                self._judge(envelope, root)
            skip = len(outer) + 1
            return self.records(
                self.inner(root, outer),
                damaged,
                rest,
                total_at[skip:] if total_at and INNER in total_at else total_at,
                shortened(envelope, skip) if envelope is not None else None,
                check,
                key,
            )
        root, found = self._split_off(text, here)
        self.judge_fault(root)
        if envelope is not None and INNER not in envelope.code_path:
            self._judge(envelope, root)
        if check is not None:
            check.verify(
                text,
                text_at(root, check.digest_at),
                key,
                place=self.body.place,
                content=self.body.content,
                restored=lambda covered: covered.translate(_CONTROL_FROM_MARK),
            )
        if not found:
            self._check_empty(root, here)
        problems = {
            index: self._problem(index, one) for index, one in enumerate(found) if one.problem is not None
        }
        if damaged and not problems and _BROKEN.search("".join(map(str, root.itertext()))):
            self.fail(Code.PAGE_ENCODING, "broken characters outside the records (expected sound text)", _ASK)
        if len(problems) == len(found) > 1:
            self.fail(Code.PAGE_NOT_XML, "no record of the page can be read (expected well-formed XML)", _ASK)
        total = None if total_at is None else _count(text_at(root, total_at))
        return Records(
            [one.raw for one in found],
            total,
            problems,
            text.encode("utf-8", "surrogatepass"),
            self.body.place,
        )

    def _check_empty(self, root: etree._Element, at: Path) -> None:
        """Raises unless the element around the records is there, and holds nothing that could be a record."""
        around = first_at(root, at[:-1])
        if around is None:
            found = "no element " + ("/".join(at[:-1]) or at[0])
        elif (around.text or "").strip():
            found = f"words in {'/'.join(at[:-1])} in place of records"
        elif others := {local_name(child) for child in around.iterchildren(tag=etree.Element) if len(child)}:
            found = f"{', '.join(sorted(masked(name, 20) for name in others))[:60]} in {'/'.join(at[:-1])}, and no {at[-1]}"
        else:
            return
        self.fail(
            Code.PAGE_SHAPE,
            f"{found} (expected {'/'.join(at)}, or nothing in its place)",
            "such an answer is never taken for no records: " + _ASK,
        )

    def parsed(self, text: str) -> etree._Element:
        """The root, or the error of the whole answer."""
        try:
            return parse_xml(text)
        except Refused as exc:
            self.refuse(exc)

    def inner(self, root: etree._Element, path: Path) -> str:
        """The XML that stands as text at ``path``."""
        element = first_at(root, path)
        text = text_of(element) if element is not None else None
        if not text or not text.strip():
            self.fail(
                Code.PAGE_SHAPE,
                f"no text at {'/'.join(path)} (expected XML in it)",
                "an answer without it is never taken for no records: " + _ASK,
            )
        return inner_xml(text)

    def _judge(self, envelope: Envelope, root: etree._Element) -> None:
        envelope.judge(lambda path: text_at(root, path), place=self.body.place, content=self.body.content)

    def judge_fault(self, root: etree._Element) -> None:
        """Raises for a SOAP fault, of 1.1 or 1.2."""
        if local_name(root) != "Envelope" or (fault := first_at(root, ("Envelope", "Body", "Fault"))) is None:
            return
        code = text_at(fault, ("Fault", "faultcode")) or text_at(fault, ("Fault", "Code", "Value")) or ""
        detail = text_at(fault, ("Fault", "Code", "Subcode", "Value")) or ""
        words = text_at(fault, ("Fault", "faultstring")) or text_at(fault, ("Fault", "Reason", "Text")) or ""
        kind = code.rpartition(":")[2].strip()
        shown = masked(kind, 20) or "none"
        said = (
            f"SOAP fault {shown}"
            + (f", {masked(words, 40)!r}" if words.strip() else "")
            + " (expected an answer)"
        )
        if re.search(r"auth|security|login", f"{code} {detail}", re.IGNORECASE):
            raise EnvelopeDenied(
                f"{self.body.place}: {said}: the login is missing or has expired; check the account's secret",
                code=Code.SOURCE_AUTH,
            )
        if kind.startswith(("Server", "Receiver")):
            raise SourceUnavailable(
                f"{self.body.place}: {said}: the source cannot now; the window is read again at the next run",
                code=Code.SOURCE_ENVELOPE,
            )
        self.fail(
            Code.SOURCE_ENVELOPE,
            said,
            "compare the request with the source's WSDL: action, template and namespaces",
        )

    # --- records -------------------------------------------------------------------------------------------------

    def _split_off(self, text: str, at: Path) -> tuple[etree._Element, list[_Found]]:
        """The document without its records, and these."""
        found: list[_Found] = []
        grown = _Grown(len(text))

        def take(element: etree._Element, depth: int) -> None:
            if depth == len(at) - 1 and matches(element, at):
                found.append(grown.by(_written(element)))
                parent = element.getparent()
                if parent is not None:
                    element.clear(keep_tail=False)
                    # The parser still holds the element itself; those before it go.
                    while (before := element.getprevious()) is not None:
                        parent.remove(before)

        try:
            return parse_xml(text, at_end=take), found
        except Refused as exc:
            if exc.code is not Code.PAGE_NOT_XML or at[-1] == ANY:
                self.refuse(exc)
            return self._split_by_tags(text, at, exc)

    def _split_by_tags(self, text: str, at: Path, why: Refused) -> tuple[etree._Element, list[_Found]]:
        """By the records' tags alone, for a document in which some records are no well-formed XML."""
        slices = list(_slices(text, at[-1]))
        if not slices:
            self.refuse(why)
        shell, end = [], 0
        for begin, stop in slices:
            shell.append(text[end:begin])
            end = stop
        root = self.parsed("".join([*shell, text[end:]]))
        parent = first_at(root, at[:-1])
        if parent is None:
            self.refuse(why)
        names = " ".join(
            f'xmlns{":" + prefix if prefix else ""}="{html.escape(uri)}"'
            for prefix, uri in sorted(((prefix or "", uri) for prefix, uri in parent.nsmap.items()))
        )
        grown = _Grown(len(text))
        try:
            found = [grown.by(_alone(text[begin:stop], names)) for begin, stop in slices]
        except Refused as exc:
            self.refuse(exc)
        return root, found

    def _problem(self, index: int, one: _Found) -> RecordProblem:
        return RecordProblem(
            Code.RECORD_UNREADABLE,
            f"{self.body.place}: record {index + 1} of the page cannot be read ({one.problem}; expected well-formed XML); the other records "
            "were read: look at its kept bytes and ask the source's keeper",
        )

    def refuse(self, exc: Refused) -> NoReturn:
        self.fail(exc.code, exc.reason, _ASK)

    def fail(self, code: Code, found: str, todo: str) -> NoReturn:
        raise SourceContractError(f"{self.body.place}: {found}; {todo}", code=code, body=self.body.content)


class _Grown:
    """Counts what the records of a page come to when each is written by itself.

    Args:
        chars: Of the page.
    """

    def __init__(self, chars: int) -> None:
        self._most = _GROWTH * chars + _GROWTH_FREE
        self._left = self._most

    def by(self, one: _Found) -> _Found:
        """The record, counted; raises Refused beyond the bound."""
        self._left -= len(one.raw)
        if self._left < 0:
            raise Refused(
                Code.PAGE_TOO_LARGE,
                f"records that come to more than {self._most} bytes with the namespaces declared around them (expected little more than the page)",
            )
        return one


def _written(element: etree._Element) -> _Found:
    """A record's bytes in UTF-8, with the namespaces that it uses; CDATA stays CDATA."""
    return _unmarked(etree.tostring(element, encoding="unicode", with_tail=False))


def _unmarked(text: str) -> _Found:
    text = text.translate(_WITHOUT_CONTROLS)
    if _BROKEN.search(text) is None:
        return _Found(text.encode("utf-8", "surrogatepass"))
    return _Found(text.translate(_FROM_MARK).encode("utf-8", "surrogateescape"), "broken characters")


def _alone(text: str, names: str) -> _Found:
    """One record that was cut out of a document: well-formed by itself, or as it stands with the reason."""
    try:
        root = parse_xml(f"<records {names}>{text}</records>")
    except Refused as exc:
        return _Found(_unmarked(text).raw, exc.reason)
    return _written(root[0])


def _slices(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Where elements of that local name begin and end, by their tags; CDATA and comments are passed over."""
    tag = rf"(?:[\w.-]++:)?+{re.escape(name)}"
    tokens = re.compile(
        rf"(?P<begins><!\[CDATA\[|<!--)|\]\]>|-->|(?P<open><{tag}(?:\s[^<>]*+)?>)|(?P<close></{tag}\s*+>)"
    )
    depth, begin, until = 0, 0, ""
    for token in tokens.finditer(text):
        if until:
            until = "" if token.group() == until else until
        elif token["begins"] is not None:
            until = "]]>" if "CDATA" in token.group() else "-->"
        elif token["open"] is not None:
            begin = begin if depth else token.start()
            depth += not token["open"].endswith("/>")
            if depth == 0:
                yield begin, token.end()
        elif token["close"] is not None and depth:
            depth -= 1
            if depth == 0:
                yield begin, token.end()


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _reason(exc: etree.XMLSyntaxError) -> str:
    """Why a document is none, without any of it: the parser's own words show names and values."""
    line, column = exc.position if exc.position else (0, 0)
    if "Excessive depth" in str(exc) or "huge" in str(exc).lower():
        return f"XML beyond the parser's bounds by line {line} (expected a page of records)"
    return f"XML that is not well-formed at line {line}, column {column} (expected well-formed XML)"
