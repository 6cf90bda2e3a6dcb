"""Reads files that are dropped into a folder, each once it is whole; moves them when their rows are durable, and reports what could not be used.

**Order of things.** A page of rows is yielded; the hub commits it, and the position with it (kind ``FILES``, order ``ASCENDING``: the set of
files only grows). Nothing is moved for whoever only looks (``Window.durable``). Only when the hub asks for the next page is it known that the one before is durable, so a file is moved when this generator is
resumed after the file's last page, never earlier. A process that is killed between commit and move leaves a file that its content names as read: the
next run moves it and adds nothing. Reports need the rows that normalizing sets aside, and landing normalizes later: so rows are normalized here too, by the
channel's own pure mapping, and the report is made from that; a file that was left behind is read once more for it.

**Ready** is a file whose marker stands beside it, or one whose size and time did not change for some seconds. **Rejected** is a file that
cannot be read as a whole: it comes as one record with a problem, so that it stands in quarantine and in the run's counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count, islice
from pathlib import PurePath

import orjson

from hub.errors import Code, HubError, SourceContractError, SourceUnavailable
from hub.sdk.channel import Check, CheckReport, Page, RawAttachment, RawRecord, RecordProblem, Window
from hub.sdk.context import ChannelContext
from hub.sdk.readers.files_policy import FilesPolicy
from hub.sdk.readers.files_position import FilesPosition
from hub.sdk.readers.files_report import FileReport
from hub.sdk.readers.files_store import (
    Changing,
    FileStore,
    Found,
    Kind,
    Unpermitted,
    Unwritable,
    Vanished,
    is_passing,
    marker_of,
    name_fault,
)
from hub.sdk.readers.policy import MIB
from hub.sdk.readers.sheet import ABOUT, SetAside, SheetRecords, Tally
from hub.sdk.readers.sheet_open import FileProblem

__all__ = ["FilesReader"]

PAST = timedelta(minutes=10)
KEPT_BYTES = 8 * MIB
FILE = "application/octet-stream"

Read = Callable[[bytes, str], SheetRecords]
"""Content and name of a file -> its records; the name for nothing but the year that it may tell."""


@dataclass(slots=True)
class _Looked:
    """What one look at the folder found."""

    ready: list[Found] = field(default_factory=list)
    refused: list[tuple[Found, str]] = field(default_factory=list)
    waiting: list[Found] = field(default_factory=list)
    markers: dict[str, list[str]] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)


class FilesReader:
    """Reads one folder.

    Args:
        store: The folder.
        policy: When a file is ready, and what becomes of it.
        ctx: The channel's.
        read: See `Read`.
        words: What the reasons of the plan for passing over a row are called in the clerk's report.
    """

    def __init__(
        self,
        store: FileStore,
        policy: FilesPolicy,
        ctx: ChannelContext,
        read: Read,
        words: dict[str, str] | None = None,
    ) -> None:
        self._store, self._policy, self._ctx, self._read, self._words = store, policy, ctx, read, words
        self._may_move = False
        self._numbers = count(1)
        self._patient = policy.ready == "stable"
        self._told: object = None
        self._cannot_move: HubError | None = None

    def pages(self, window: Window) -> Iterator[Page]:
        """The rows of every file that is ready, oldest file first.

        ``since`` and ``until`` of an operator bound the files' times of change.

        Raises:
            ConfigError: No trust, no login, or a stored position that is none (``host_key``, ``source_auth``, ``position_invalid``).
            SourceUnavailable: The folder is away, and what was yielded stays; or nothing can be moved for want of room, and every file
                that is ready has been read by then.
            SourceContractError: A file is not ready for too long (``file_waiting``), or something stands in the place of a folder of ours
                (``file_refused``); every file that is ready has been read by then.
        """
        position = FilesPosition(window.position, self._ctx.instance)
        self._told = position.as_json()
        self._numbers = count(1)
        self._may_move = window.durable and self._policy.after_reading == "move"
        self._cannot_move = None
        try:
            looked = self._look(position, window)
            for found, fault in looked.refused:
                yield from self._refuse(found, fault, position, looked)
            for found in looked.ready:
                yield from self._take(found, position, looked)
            position.keep_only(looked.standing)
            if position.as_json() != self._told:
                yield self._page((), position)
            if self._cannot_move is not None:
                raise self._cannot_move
            self._complain(looked, position)
        finally:
            self._store.close()

    def check(self) -> CheckReport:
        """The way to the folder, whether files may be moved, and what the first file that is ready holds; writes and moves nothing."""
        lines = [*self._store.check()]
        try:
            if all(line.ok for line in lines):
                lines.append(self._checked_moving())
                lines.append(self._checked_file())
        except HubError as exc:
            lines.append(Check("files", False, exc.message))
        finally:
            self._store.close()
        return CheckReport(tuple(lines))

    def close(self) -> None:
        """Ends the connection; never raises."""
        self._store.close()

    def _page(self, records: Sequence[RawRecord], position: FilesPosition) -> Page:
        self._told = position.as_json()
        return Page(records, self._told, next(self._numbers))

    @property
    def _where(self) -> str:
        return f"channel {self._ctx.instance}: {self._store.place}"

    # --- which files -----------------------------------------------------------------------------------------------------

    def _look(self, position: FilesPosition, window: Window) -> _Looked:
        looked = self._sorted(self._store.look(), position, window)
        now = self._ctx.clock.now()
        if self._policy.ready == "done_file":
            marked = set(looked.markers)
            self._part(looked, position, now, lambda found: _is_marked(found.name, marked))
            return looked
        stable = timedelta(seconds=self._policy.stable_s)
        settled = {
            found
            for found in looked.waiting
            if (since := position.since(found)) is not None and now - since >= stable
        }
        if self._policy.stable_s == 0:
            settled = set(looked.waiting)
        if set(looked.waiting) - settled:
            began = self._ctx.clock.monotonic()
            self._ctx.clock.sleep(self._policy.stable_s)
            if (
                self._ctx.clock.monotonic() - began >= self._policy.stable_s
            ):  # else the process is about to stop
                settled |= set(self._store.look())
        self._part(looked, position, now, lambda found: found in settled)
        return looked

    def _sorted(self, standing: Sequence[Found], position: FilesPosition, window: Window) -> _Looked:
        looked = _Looked()
        for found in sorted(standing, key=lambda one: (one.changed_ns, one.name)):
            fault = name_fault(found.name)
            if found.kind is Kind.FOLDER or (fault is None and is_passing(found.name)):
                continue
            marked = marker_of(found.name)
            if fault is None and marked is not None and found.kind is Kind.FILE:
                looked.markers.setdefault(marked, []).append(found.name)
                continue
            looked.standing.add(found.key)
            if fault is None and found.kind is Kind.OTHER:
                fault = "a link, a pipe or a device"
            if fault is not None:
                looked.refused.append((found, fault))
            elif self._is_wanted(found, window) and (self._may_move or not position.looks_done(found)):
                looked.waiting.append(found)
        return looked

    def _is_wanted(self, found: Found, window: Window) -> bool:
        changed = found.changed_ns / 1e9
        if window.since is not None and changed < window.since.timestamp():
            return False
        is_past = window.until < self._ctx.clock.now() - PAST
        return not (is_past and changed > window.until.timestamp())

    def _part(
        self, looked: _Looked, position: FilesPosition, now: datetime, is_ready: Callable[[Found], bool]
    ) -> None:
        """Those that are ready, and those that were read and only wait to be moved; the others stay."""
        looked.ready = [found for found in looked.waiting if is_ready(found) or position.looks_done(found)]
        ready = set(looked.ready)
        looked.waiting = [found for found in looked.waiting if found not in ready]
        for found in looked.waiting:
            position.waits(found, now)

    def _complain(self, looked: _Looked, position: FilesPosition) -> None:
        now, longest = self._ctx.clock.now(), timedelta(seconds=self._policy.overdue_s)
        late = [found for found in looked.waiting if now - (position.since(found) or now) >= longest]
        if looked.waiting:
            self._ctx.log.info("files.waiting", files=len(looked.waiting), overdue=len(late))
        if late:
            wanted = (
                "NAME.ok or NAME.done beside each"
                if self._policy.ready == "done_file"
                else "sizes that stay, and that they may be read"
            )
            raise SourceContractError(
                f"{self._where}: {len(late)} files are not ready since more than {self._policy.overdue_s:g} s (expected {wanted}); every other "
                "file was read: finish the upload, or take them away",
                code=Code.FILE_WAITING,
            )

    # --- one file --------------------------------------------------------------------------------------------------------

    def _take(self, found: Found, position: FilesPosition, looked: _Looked) -> Iterator[Page]:
        if not self._may_move and position.looks_done(found):
            return
        try:
            content = self._fetched(found)
        except Vanished:
            looked.standing.discard(found.key)
            return
        except (Changing, Unpermitted, Unwritable) as exc:
            self._ctx.log.warning("files.not_read", file=found.key, reason=type(exc).__name__.lower())
            self._wait(found, position, looked)
            return
        except FileProblem as exc:
            yield from self._reject(found, exc, None, position, looked)
            return
        digest = sha256(content).hexdigest()
        known = position.is_done(digest)
        try:
            records = self._read(content, found.name)
            if known:
                for _ in records if self._may_move else ():
                    pass  # for the report alone: every row is durable
            else:
                yield from self._pages_of(records, digest, found, position)
        except FileProblem as exc:
            if exc.may_grow and self._is_patient_with(found, position):
                self._wait(found, position, looked)
                return
            yield from self._reject(found, exc, content, position, looked)
            return
        position.finish(digest, found)
        if not known:
            self._ctx.log.info(
                "files.read", file=digest[:8], rows=records.tally.rows, records=records.tally.records,
                passed_over=records.tally.passed_over.total(), set_aside=records.tally.set_aside_count,
            )  # fmt: skip
        self._settle(
            found,
            FileReport(digest, self._ctx.clock.now(), records.tally, known=known, words=self._words),
            looked,
        )

    def _fetched(self, found: Found) -> bytes:
        if found.size_bytes > self._policy.max_file_bytes:
            raise FileProblem(
                Code.FILE_TOO_LARGE,
                f"{found.size_bytes} bytes (expected at most {self._policy.max_file_bytes})",
                "divide it into several files, or raise max_file_bytes",
            )
        return self._store.fetch(found)

    def _pages_of(
        self, records: SheetRecords, digest: str, found: Found, position: FilesPosition
    ) -> Iterator[Page]:
        """The file's records; the last page, which may be empty, carries the position with this file in it."""
        rows = iter(records)
        page = list(islice(rows, self._policy.batch))
        while page and (following := list(islice(rows, self._policy.batch))):
            yield self._page(page, position)
            page = following
        position.finish(digest, found)
        yield self._page(page, position)

    def _wait(self, found: Found, position: FilesPosition, looked: _Looked) -> None:
        position.waits(found, self._ctx.clock.now())
        looked.waiting.append(found)

    def _is_patient_with(self, found: Found, position: FilesPosition) -> bool:
        """Whether a file whose end is missing may still be on its way; a marker says that it is not."""
        now = self._ctx.clock.now()
        since = position.since(found) or now
        return self._patient and now - since < timedelta(seconds=self._policy.patience_s)

    def _refuse(self, found: Found, fault: str, position: FilesPosition, looked: _Looked) -> Iterator[Page]:
        """A name or a kind that is not touched: told once, and neither read nor moved."""
        if position.looks_done(found):
            return
        problem = FileProblem(
            Code.FILE_REFUSED,
            f"{fault} (expected a plain file with a plain name)",
            "put the file itself there, under a name of letters, digits and Chinese characters",
        )
        digest = _stand_in(found)
        position.finish(digest, found)
        yield self._page((self._rejected(digest, found, problem, None),), position)

    def _reject(
        self,
        found: Found,
        problem: FileProblem,
        content: bytes | None,
        position: FilesPosition,
        looked: _Looked,
    ) -> Iterator[Page]:
        digest = _stand_in(found) if content is None else sha256(content).hexdigest()
        if not position.looks_done(found):
            record = self._rejected(digest, found, problem, content)
            position.finish(digest, found)
            yield self._page((record,), position)
            self._ctx.log.warning("files.rejected", file=digest[:8], code=problem.code.value)
        refused = SetAside(0, 0, None, str(problem.code), f"{problem.found}; {problem.remedy}")
        self._settle(found, FileReport(digest, self._ctx.clock.now(), Tally(), refused), looked)

    def _rejected(self, digest: str, found: Found, problem: FileProblem, content: bytes | None) -> RawRecord:
        """The file as one record that is set aside, with its bytes where they are few enough to be kept."""
        body = orjson.dumps(
            {ABOUT: {"file": digest, "size_bytes": found.size_bytes}}, option=orjson.OPT_SORT_KEYS
        )
        kept = content is not None and len(content) <= KEPT_BYTES
        detail = f"{self._where}, file {digest[:8]}: {problem.found}; {problem.remedy}"
        return RawRecord(
            None,
            body,
            problem=RecordProblem(problem.code, detail),
            attachments=(RawAttachment(f"file-{digest[:8]}", FILE, content),)
            if kept and content is not None
            else (),
        )

    # --- afterwards ------------------------------------------------------------------------------------------------------

    def _settle(self, found: Found, report: FileReport, looked: _Looked) -> None:
        """Moves a file whose rows are durable, with its marker and its report; a store that allows no moving is left as it is."""
        if not self._may_move:
            return
        policy = self._policy
        month = self._ctx.clock.now().astimezone(self._ctx.zone).strftime("%Y-%m")
        folder = policy.rejected if report.refused is not None else f"{policy.done}/{month}"
        try:
            target = self._free(found.name, folder, report.digest)
            # Reports first: a process killed here writes them again under the same names.
            name = f"{found.name}.{report.digest[:8]}.report"
            self._store.put(folder, f"{name}.json", report.as_json())
            if report.wants_attention:
                self._store.put(policy.rejected, f"{name}.txt", report.as_text())
            # Then the marker: alone behind its file it would call a file of that name ready that is still being uploaded.
            for marker in looked.markers.pop(found.name, []) + looked.markers.pop(
                PurePath(found.name).stem, []
            ):
                self._store.remove(marker)
            if target is None:
                self._store.remove(found.name)
            else:
                self._store.move(found.name, folder, target)
            looked.standing.discard(found.key)
        except Vanished:
            looked.standing.discard(found.key)
        except SourceContractError as exc:
            self._may_move, self._cannot_move = False, exc
        except Unwritable as exc:
            self._may_move = False
            self._cannot_move = SourceUnavailable(
                f"{self._where}: files that were read cannot be moved or reported on ({exc}; expected room for reports and a sound disk); every file "
                "was read, and the next run moves them: make room there, or look at the disk or the share",
                code=Code.SOURCE_STATUS,
            )
        except Unpermitted:
            self._may_move = False
            self._ctx.log.warning(
                "files.cannot_move",
                message=f"{self._where}: files cannot be moved or reports written (no permission; expected it, after_reading is move): they are "
                "known by the position alone; give permission, or set after_reading: keep",
            )

    def _free(self, name: str, folder: str, digest: str) -> str | None:
        """A name under which nothing else stands in the folder; None where this very content stands there already."""
        path = PurePath(name)
        for target in (
            name,
            f"{path.stem}-{digest[:8]}{path.suffix}",
            *(f"{path.stem}-{digest[:8]}-{n}{path.suffix}" for n in range(2, 10)),
        ):
            there = self._store.find(folder, target)
            if there is None:
                return target
            try:
                if sha256(self._store.fetch(there, folder)).hexdigest() == digest:
                    return None
            except (Changing, Vanished, Unpermitted, Unwritable, FileProblem):
                continue
        return f"{path.stem}-{digest}{path.suffix}"

    # --- check -----------------------------------------------------------------------------------------------------------

    def _checked_moving(self) -> Check:
        if self._policy.after_reading == "keep":
            return Check(
                "moving",
                True,
                "files stay where they are, as after_reading says; they are known by name, size and time",
            )
        if self._store.may_write():
            return Check(
                "moving",
                True,
                f"files that were read go to {self._policy.done}/, others to {self._policy.rejected}/",
            )
        return Check(
            "moving",
            False,
            f"{self._store.place} allows no writing: files are collected all the same and known by the position alone, nobody gets a report; "
            "give permission, or set after_reading: keep",
        )

    def _checked_file(self) -> Check:
        standing = [
            found for found in self._store.look()
            if found.kind is Kind.FILE and not is_passing(found.name) and marker_of(found.name) is None and name_fault(found.name) is None
        ]  # fmt: skip
        if not standing:
            return Check("file", True, "no file stands there now")
        found = min(standing, key=lambda one: (one.changed_ns, one.name))
        try:
            records = self._read(self._fetched(found), found.name)
            for _ in records:
                pass
        except (Changing, Vanished, Unpermitted, Unwritable):
            return Check("file", True, f"{len(standing)} files stand there, the oldest is not ready")
        except FileProblem as exc:
            return Check(
                "file",
                False,
                f"the oldest of {len(standing)} files cannot be read ({exc.code}): {exc.found}; {exc.remedy}",
            )
        tally = records.tally
        return Check(
            "file",
            tally.set_aside_count == 0,
            f"the oldest of {len(standing)} files holds {tally.rows} rows: {tally.records} records, of which {tally.set_aside_count} cannot be "
            f"used, and {tally.passed_over.total()} passed over",
        )


def _is_marked(name: str, marked: set[str]) -> bool:
    """``A.xlsx.ok`` and ``A.ok`` both speak of ``A.xlsx``."""
    return name in marked or PurePath(name).stem in marked


def _stand_in(found: Found) -> str:
    """A digest for a file whose content was not read."""
    return sha256(f"{found.key} {found.size_bytes} {found.changed_ns}".encode()).hexdigest()
