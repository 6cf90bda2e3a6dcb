"""Where something stands in an XML document: paths of local names, and the text at their end."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from hub.sdk.readers.envelope import Envelope, Path

INNER = "<>"  # a step of a path: the text here is an XML document of its own
ANY = "*"  # a step of a path: whatever the element is called
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def text_of(element: etree._Element) -> str | None:
    """The element's own text; None where it is empty, ``xsi:nil``, or holds other elements."""
    if len(element) or element.get(_NIL) in ("true", "1"):
        return None
    return element.text


def until_inner(at: Path) -> tuple[Path, Path, Path]:
    """The path up to a document that stands as text, or the whole path; and what follows behind that document's border."""
    if INNER not in at:
        return (), at, ()
    border = at.index(INNER)
    return at[:border], at[:border], at[border + 1 :]


def shortened(envelope: Envelope, skip: int) -> Envelope | None:
    """The envelope as it is seen from inside; None where it was judged outside already."""
    if INNER not in envelope.code_path:
        return None
    return envelope.model_copy(
        update={
            "code_path": envelope.code_path[skip:],
            "message_paths": tuple(path[skip:] for path in envelope.message_paths if INNER in path),
        }
    )


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; empty for a comment or an instruction."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def matches(element: etree._Element, path: Sequence[str]) -> bool:
    """Whether the element stands at the end of that path, which begins with the root's own name."""
    one: etree._Element | None = element
    for name in reversed(path):
        if one is None or (name != ANY and local_name(one) != name):
            return False
        one = one.getparent()
    return one is None


def first_at(root: etree._Element, path: Sequence[str]) -> etree._Element | None:
    """The first element on that path; the path begins with the root's own name."""
    if not path or path[0] not in (ANY, local_name(root)):
        return None
    if len(path) == 1:
        return root
    for child in root.iterchildren(tag=etree.Element):
        if (found := first_at(child, path[1:])) is not None:
            return found
    return None


def text_at(root: etree._Element, path: Path) -> str | None:
    """The text at a path from the root on, without surrounding space; None for nothing."""
    element = first_at(root, path)
    text = text_of(element) if element is not None else None
    return text.strip() or None if text is not None else None
