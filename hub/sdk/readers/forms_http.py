"""Forms out of an interface over HTTP, read as the rows of a sheet: the same names, errors and records as a file that holds them.

Each form is read by itself, so that a row without a number of its own keeps the number that its form's content gives it, on whatever page the form
comes. Nothing is changed at the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from hub.errors import Code, HubError, SourceContractError
from hub.sdk.channel import Check, CheckReport, Page, RawRecord, RecordProblem, Window
from hub.sdk.context import ChannelContext
from hub.sdk.declarative.fetch import CHECKED_RECORDS, readable
from hub.sdk.declarative.fetch_json import HttpSettings, JsonFetcher
from hub.sdk.readers.forms_policy import HttpForms
from hub.sdk.readers.sheet import SheetPlan, SheetRecords
from hub.sdk.readers.sheet_json import is_form
from hub.sdk.readers.sheet_open import FileProblem

_POSITION = "asked_until"


class FormsReader:
    """One interface that gives forms; `close` it with its channel.

    Args:
        plan: See `hub.sdk.readers.sheet.SheetPlan`.
        normalize: The channel's own, pure.
    """

    def __init__(
        self,
        source: HttpForms,
        ctx: ChannelContext,
        plan: SheetPlan,
        normalize: Callable[[RawRecord], object],
    ) -> None:
        self._source, self._ctx, self._plan, self._normalize = source, ctx, plan, normalize
        settings = HttpSettings(base_url=source.base_url, auth=source.auth, http=source.http)
        document: Any = SimpleNamespace(reader=source.reader)
        self._fetcher = JsonFetcher(document, settings, ctx)

    def pages(self, window: Window) -> Iterator[Page]:
        """The rows of every form of the window; the last page, which is empty, bears the position.

        Raises:
            SourceUnavailable, SourceContractError: As `hub.sdk.declarative.fetch_json.HttpFetcher.bounded`.
        """
        rule = self._source.reader
        until = window.until if rule.until is not None else None
        seen: dict[str, bytes] = {}
        number = 0
        for page in self._fetcher.bounded(self._since(window), until, _as_it_is, limit=window.limit):
            records = [record for form in page.records for record in self._rows(form, seen)]
            number += 1
            yield Page(records, number=number, declared_total=page.declared_total)
        if window.limit is None:
            yield Page([], {_POSITION: window.until.isoformat()}, number + 1)

    def check(self) -> CheckReport:
        """Asks for one small page and reads its forms; changes nothing."""
        until = self._ctx.clock.now() if self._source.reader.until is not None else None
        try:
            found = self._fetcher.fetch(1, None, until, size=CHECKED_RECORDS)
        except HubError as exc:
            return CheckReport((Check("answer", False, exc.message),))
        rows = [row for body in found.raw for row in self._rows(RawRecord(None, body), {})]
        told = f"{len(found.raw)} forms with {len(rows)} records"
        return CheckReport((Check("answer", True, told), readable(rows, self._normalize)))

    def close(self) -> None:
        """Releases connections."""
        self._fetcher.close()

    def _since(self, window: Window) -> datetime | None:
        if self._source.reader.since is None:
            return None
        if not isinstance(window.position, dict) or _POSITION not in window.position:
            return window.since  # the first run, or an operator's span
        try:
            moment = datetime.fromisoformat(window.position[_POSITION])
            sound = moment.tzinfo is not None and moment <= self._ctx.clock.now() + timedelta(minutes=5)
        except (TypeError, ValueError):
            sound = False
        if not sound:
            raise SourceContractError(
                f"{self._ctx.instance}: the stored position is no moment until which was asked (expected {_POSITION} with an aware time "
                "that has come); set the machine's clock right, or collect the span anew with `hub channel run NAME --since`",
                code=Code.POSITION_INVALID,
            )
        return moment - timedelta(seconds=self._source.overlap_s)

    def _rows(self, form: RawRecord, seen: dict[str, bytes]) -> Iterator[RawRecord]:
        """The records of one form; it is set aside whole where it is none."""
        if form.problem is not None:
            yield form
            return
        if not is_form(form.body):
            problem = FileProblem(
                Code.FILE_UNREADABLE, "no object (expected a form)", "ask the interface's keeper"
            )
            yield self._set_aside(form, problem)
            return
        try:
            for record in SheetRecords(form.body, self._plan, self._normalize):
                yield self._once(record, seen)
        except FileProblem as exc:
            yield self._set_aside(form, exc)

    def _once(self, record: RawRecord, seen: dict[str, bytes]) -> RawRecord:
        """The record; set aside where another form of this run bears its number and says something else: one would replace the other."""
        if record.source_no is None:
            return record
        digest = sha256(record.body).digest()
        if seen.setdefault(record.source_no, digest) == digest:
            return record
        detail = (
            f"{self._ctx.instance}: two forms of one run bear the same number and differ (expected one object for each, with all of its lines); "
            "ask for them whole, or let the interface number each line"
        )
        return replace(record, source_no=None, problem=RecordProblem(Code.KEY_INVALID, detail))

    def _set_aside(self, form: RawRecord, problem: FileProblem) -> RawRecord:
        where = sha256(form.body).hexdigest()[:8]
        detail = f"{self._ctx.instance}, form {where}: {problem.found}; {problem.remedy}"
        return replace(form, problem=RecordProblem(problem.code, detail))


def _as_it_is(record: RawRecord) -> RawRecord:
    return record
