"""A place where files are dropped: what a store must offer, and which names it is ever asked for.

Names come from outside: from whoever drops files, or from a server that may be hostile. A store is asked only for names that
`name_fault` finds no fault with, joins them to its one folder and to no other, and follows no link.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from hub.sdk.channel import Check

MARKERS = (".ok", ".done")
# What programs put there while they work; it becomes a file under its own name, or never does.
_PASSING = (
    ".*",
    "~$*",
    "*~",
    "*.tmp",
    "*.part",
    "*.filepart",
    "*.crdownload",
    "*.swp",
    "thumbs.db",
    "desktop.ini",
)
_MOST_NAME_BYTES = 200


class Kind(StrEnum):
    """What stands under a name; ``OTHER`` is a link, a device or a pipe."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that stands in the folder.

    Attributes:
        name: One component; bytes that are no UTF-8 are escaped as `os.fsdecode` does.
        size_bytes: As the store says.
        changed_ns: Its time of change, nanoseconds since 1970.
        kind: See `Kind`.
    """

    name: str
    size_bytes: int
    changed_ns: int
    kind: Kind = Kind.FILE

    @property
    def key(self) -> str:
        """Stands for the name where a name must not be told: names of files hold names of people."""
        return key_of(self.name)


class Vanished(Exception):
    """The file is gone since it was looked at: somebody else took it."""


class Changing(Exception):
    """The file changed while it was read: it is not ready."""


class Unpermitted(Exception):
    """The store does not allow it: reading this file, or moving and writing anything."""


class Unwritable(Exception):
    """Nothing can be moved or written there now, for want of room or for a fault of the disk or the share; ``str`` names it."""


class FileStore(ABC):
    """One folder. Connections are made when first needed; not for several threads at once.

    Attributes:
        place: For messages, such as ``SFTP server 10.0.0.1:22``; nothing personal.
    """

    place: str

    @abstractmethod
    def look(self) -> Sequence[Found]:
        """All that stands in the folder now, in no order; links are told, not followed.

        Raises:
            SourceUnavailable, ConfigError: As the store says.
        """

    @abstractmethod
    def fetch(self, found: Found, folder: str = "") -> bytes:
        """The whole content of a file that was found; of one in a folder below where ``folder`` names it.

        Raises:
            Vanished, Changing, Unpermitted, SourceUnavailable, ConfigError.
        """

    @abstractmethod
    def find(self, folder: str, name: str) -> Found | None:
        """What stands under that name in a folder below (``done/2026-11``)."""

    @abstractmethod
    def move(self, name: str, folder: str, target: str) -> None:
        """Moves a file into a folder below, which is made where it is missing; never over another file.

        Raises:
            Vanished, Unpermitted, Unwritable, SourceUnavailable, ConfigError.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Takes a marker away, or a file of which an identical one stands elsewhere. Raises as `move`."""

    @abstractmethod
    def put(self, folder: str, name: str, content: bytes) -> None:
        """Writes a report into a folder below, in one step; over a former one of that name. Raises as `move`."""

    @abstractmethod
    def may_write(self) -> bool:
        """Whether files may be moved, as far as can be told without writing anything."""

    @abstractmethod
    def check(self) -> Sequence[Check]:
        """Lines about the way to the folder; never raises for what an operator can mend."""

    def close(self) -> None:
        """Ends the connection; never raises."""


def key_of(name: str) -> str:
    """See `Found.key`."""
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def is_passing(name: str) -> bool:
    """Whether a name is one that programs use while they work; such files are left alone, and never read."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in _PASSING)


def marker_of(name: str) -> str | None:
    """The name of the file that a marker (``NAME.ok``) speaks of; None for a name that is no marker."""
    for marker in MARKERS:
        if name.lower().endswith(marker):
            return name[: -len(marker)]
    return None


def name_fault(name: str) -> str | None:
    """Why a file of that name is not touched; None for a sound one. GBK names of Windows are sound."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        shown = raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            shown = raw.decode("gb18030")
        except UnicodeDecodeError:
            return "bytes of no encoding that is known"
    if shown in ("", ".", "..") or "/" in shown or "\\" in shown or b"/" in raw:
        return "a way to another folder"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in shown):
        return "characters that nobody sees"
    if len(raw) > _MOST_NAME_BYTES:
        return f"{len(raw)} bytes, at most {_MOST_NAME_BYTES} are taken"
    return None
