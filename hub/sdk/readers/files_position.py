"""The position of a stream of files: which of those that still stand there were read, and which are not ready yet.

    {"done": {key of the name: [size, time of change, SHA-256 of the content]}, "waiting": {key of the name: [size, time of change, since]}}

A file is known by its content. Its name is told by a digest, for the position stands in the database in the clear. What stands there no more is
forgotten, so that the position is as large as the folder, not as its history; the same content dropped again is read again, and every
row of it counts as a duplicate.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from hub.errors import Code, ConfigError
from hub.sdk.readers.files_store import Found


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore")

    done: dict[str, tuple[int, int, str]] = {}
    waiting: dict[str, tuple[int, int, AwareDatetime]] = {}


class FilesPosition:
    """See the module; changed while a run reads, handed over page by page.

    Args:
        stored: As the hub kept it; None at the first run.
        instance: For the message.

    Raises:
        ConfigError: It is no such position (``position_invalid``).
    """

    def __init__(self, stored: Any | None, instance: str) -> None:
        try:
            read = _Stored.model_validate(stored if stored is not None else {})
        except ValidationError as exc:
            raise ConfigError(
                f"channel {instance}: its stored position is none of a stream of files (expected done and waiting); was the instance's "
                "channel another one before? give this one a new name",
                code=Code.POSITION_INVALID,
            ) from exc
        self._done = dict(read.done)
        self._waiting = dict(read.waiting)

    def as_json(self) -> dict[str, Any]:
        """The position as the hub keeps it."""
        return {
            "done": {key: list(about) for key, about in sorted(self._done.items())},
            "waiting": {
                key: [size, changed, since.isoformat()]
                for key, (size, changed, since) in sorted(self._waiting.items())
            },
        }

    def __bool__(self) -> bool:
        return bool(self._done or self._waiting)

    def is_done(self, digest: str) -> bool:
        """Whether a file of that content was read."""
        return any(known == digest for _, _, known in self._done.values())

    def looks_done(self, found: Found) -> bool:
        """Whether name, size and time are those of a file that was read; for stores whose files stay where they are."""
        return self._done.get(found.key, ())[:2] == (found.size_bytes, found.changed_ns)

    def finish(self, digest: str, found: Found) -> None:
        """The file was read."""
        self._done[found.key] = (found.size_bytes, found.changed_ns, digest)
        self._waiting.pop(found.key, None)

    def waits(self, found: Found, now: datetime) -> datetime:
        """Notes that the file is not ready, and says since when it has stood there as it is."""
        size, changed, since = self._waiting.get(found.key, (-1, -1, now))
        if (size, changed) != (found.size_bytes, found.changed_ns):
            since = now
        self._waiting[found.key] = (found.size_bytes, found.changed_ns, since)
        return since

    def since(self, found: Found) -> datetime | None:
        """Since when the file is known to have stood there as it is."""
        size, changed, since = self._waiting.get(found.key, (-1, -1, None))
        return since if (size, changed) == (found.size_bytes, found.changed_ns) else None

    def keep_only(self, standing: Collection[str]) -> None:
        """Forgets what stands in the folder no more; ``standing``: keys of names."""
        self._done = {key: about for key, about in self._done.items() if key in standing}
        self._waiting = {key: about for key, about in self._waiting.items() if key in standing}
