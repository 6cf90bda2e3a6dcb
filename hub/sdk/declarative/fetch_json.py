"""Fetches a list of records over HTTP and JSON, page by page; see `hub.sdk.declarative.readers.HttpJson`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, cast

from pydantic import Field, field_validator

from hub.errors import Code, HubError, SourceContractError
from hub.sdk.channel import Check, CheckReport, Page, RawRecord, Stream, Window
from hub.sdk.declarative.contents import Content, JsonContent
from hub.sdk.declarative.fetch import CHECKED_RECORDS, DeclaredSettings, Fetcher, Land, readable
from hub.sdk.declarative.follow import Answered, Follower
from hub.sdk.declarative.readers import EnvelopeRule, HttpJson, Paging, TimeParam
from hub.sdk.declarative.walk_days import walked
from hub.sdk.readers.auth_policy import HttpAuth, NoAuth, auth_of
from hub.sdk.readers.http import (
    Auth,
    Body,
    Envelope,
    HttpReader,
    PageGuard,
    Records,
    json_records,
)
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.walk import Walk
from hub.sdk.readers.wire import Call

_LIVE = timedelta(minutes=10)


class HttpSettings(DeclaredSettings):
    """Where one such source is; what the file says of it may be said otherwise here.

    Attributes:
        base_url: Scheme, host and, where there is one, the gateway's prefix.
        path: In place of the file's.
        query: Beside the file's, or in place of its parameters of the same name.
        headers: Likewise; never a secret.
        page_size: In place of the file's.
        time_form: In place of the file's form of ``since`` and ``until``, for a server that has its own.
        walk_start: In place of the first day of the file's ``walk``.
        auth: How the hub proves who asks.
        http: Times, tries, sizes, rate, TLS.
    """

    base_url: str
    path: str | None = None
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    time_form: str | None = Field(default=None, min_length=1, max_length=60)
    walk_start: date | None = None
    auth: HttpAuth = NoAuth()
    http: HttpPolicy = HttpPolicy()

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/")


class HttpFetcher(Fetcher):
    """What fetching over HTTP has in common, whatever the records are written in."""

    Settings: ClassVar[type[DeclaredSettings]] = HttpSettings

    def __init__(self, document: Any, settings: HttpSettings, ctx: Any) -> None:
        super().__init__(document, settings, ctx)
        self._opened: HttpReader | None = None

    @property
    def reader(self) -> HttpReader:
        """The connection, made when first needed."""
        if self._opened is None:
            settings: HttpSettings = self.settings
            headers = {**self._rule.headers, **settings.headers}
            auth: Auth | None = auth_of(settings.auth)
            if headers:
                auth = _WithHeaders(tuple(headers.items()), auth)
            self._opened = self.ctx.http(settings.base_url, settings.http, auth)
        return self._opened

    def close(self) -> None:
        """Releases connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _rule(self) -> Any:
        return self.document.reader

    @property
    def _page_size(self) -> int:
        size: int = self.settings.page_size or self._rule.paging.page_size
        return size

    def pages(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """Every record of the window; see `hub.sdk.declarative.readers` for the ways of bounding it."""
        if self._rule.walk is not None:
            yield from walked(self, stream, window, land)
        elif self._rule.until is not None:
            yield from self.bounded(window.since, window.until, land, limit=window.limit)
            if self._rule.paging.style != "none":
                yield from self.ahead(stream, window, land)
        else:
            yield from self.bounded(window.since, None, land, limit=window.limit)

    def bounded(
        self, since: datetime | None, until: datetime | None, land: Land, *, limit: int | None = None
    ) -> Iterator[Page]:
        """Every record between two moments, both included, page by page."""
        paging = self._rule.paging
        if paging.style == "none":
            found = self.fetch(1, since, until)
            yield Page(self._landed(found, land), declared_total=found.total)
            self._refuse_loss(len(found.raw), found.total, limit)
            return
        if paging.is_followed:
            yield from self._followed(since, until, land, limit)
            return
        walk = Walk(
            lambda number: self.fetch(number, since, until),
            source=self.ctx.instance,
            page_size=self._page_size,
            exact=self._rule.total_is == "exact",
        )
        for page in walk.pages(limit):
            yield Page(
                self._landed(page.records, land), number=page.number, declared_total=page.records.total
            )

    def ahead(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """What no window that ends now would ever show: dated ahead, or not dated at all. It is asked for once, and set aside."""
        if window.limit is not None or self.ctx.clock.now() - window.until >= _LIVE:
            return
        after = window.until + timedelta(seconds=stream.max_skew_s)
        found = [
            record
            for record in self._landed(self.fetch(1, after + timedelta(seconds=1), None), land)
            if record.problem is not None or (record.position_at is not None and record.position_at > after)
        ]
        if found:
            yield Page(found, number=1)

    def _followed(
        self, since: datetime | None, until: datetime | None, land: Land, limit: int | None
    ) -> Iterator[Page]:
        paging: Paging = self._rule.paging
        follower = Follower(
            paging, source=self.ctx.instance, page_size=self._page_size if paging.size else None
        )
        guard = PageGuard(self.ctx.instance, most_pages=paging.most_pages)
        path, params = self._path, self._params(1, since, until, self._page_size)
        seen, number, total = 0, 1, None
        while True:
            answered = self._answered(path, params, f"page {number}")
            found = answered.records
            guard.admit(number, found)
            total = found.total if found.total is not None else total
            seen += len(found.raw)
            if found.raw:
                yield Page(self._landed(found, land), number=number, declared_total=found.total)
            if limit is not None and seen >= limit:
                return
            behind = follower.behind(answered, number)
            if behind is None:
                break
            if paging.style == "next":
                path, params = behind, {}
            else:
                params = {**params, paging.number: behind}
            number += 1
        self._refuse_loss(seen, total, limit)

    def _refuse_loss(self, seen: int, total: int | None, limit: int | None) -> None:
        if limit is None and self._rule.total_is == "exact" and total is not None and seen < total:
            raise SourceContractError(
                f"{self.ctx.instance}: the list ended after {seen} records (expected {total}, as it declares); what came is kept and the "
                "window is read again: ask the source's keeper, or say total_is: hint in the file",
                code=Code.PAGE_COUNT,
            )

    def fetch(
        self, number: int, since: datetime | None, until: datetime | None, size: int | None = None
    ) -> Records:
        """One page of what lies between two moments, both included."""
        params = self._params(number, since, until, size or self._page_size)
        return self._records(self._path, params, f"page {number}")

    @property
    def _path(self) -> str:
        path: str = self.settings.path if self.settings.path is not None else self._rule.path
        return path

    def _params(
        self, number: int, since: datetime | None, until: datetime | None, size: int
    ) -> dict[str, object]:
        rule = self._rule
        paging: Paging = rule.paging
        params: dict[str, object] = {**rule.query, **self.settings.query}
        if paging.style != "none" and paging.size is not None:
            params[paging.size] = size
        if paging.style in ("page", "offset"):
            params[paging.number] = (
                (number - 1) * size if paging.style == "offset" else number - 1 + paging.first
            )
        for param, moment in ((rule.since, since), (rule.until, until)):
            if param is not None and moment is not None:
                params[param.name] = self._written(param, moment)
        return params

    def _records(self, path: str, params: dict[str, object], label: str) -> Records:
        return self._answered(path, params, label).records

    @abstractmethod
    def _answered(self, path: str, params: dict[str, object], label: str) -> Answered:
        """The records of one request, and what came with them."""

    def _written(self, param: TimeParam, moment: datetime) -> str:
        return written(self.settings.time_form or param.form, moment, self.ctx.zone)

    def _landed(self, found: Records, land: Land) -> list[RawRecord]:
        return [
            RawRecord(None, body, problem=found.unreadable[place], media_type=self.media_type)
            if place in found.unreadable
            else land(RawRecord(None, body, media_type=self.media_type))
            for place, body in enumerate(found.raw)
        ]

    media_type: ClassVar[str] = "application/json"

    def check(self, land: Land, normalize: Callable[[RawRecord], object]) -> CheckReport:
        """Asks for one small page and reads its records."""
        try:
            found = self.fetch(
                1, None, self.ctx.clock.now() if self._rule.until else None, size=CHECKED_RECORDS
            )
        except HubError as exc:
            return CheckReport((Check("answer", False, exc.message),))
        told = "no total" if found.total is None else f"a total of {found.total}"
        answer = Check("answer", True, f"{len(found.raw)} records and {told}")
        return CheckReport((answer, readable(self._landed(found, land), normalize)))


class JsonFetcher(HttpFetcher):
    """See `hub.sdk.declarative.readers.HttpJson`."""

    @staticmethod
    def open_record(raw: RawRecord) -> Content:
        """See `Fetcher.open_record`."""
        return JsonContent(raw.body)

    def _answered(self, path: str, params: dict[str, object], label: str) -> Answered:
        rule = cast(HttpJson, self._rule)
        at, envelope = dotted(rule.records), envelope_of(rule.envelope)
        total_at = dotted(rule.total) if rule.total is not None else None

        def read(body: Body) -> Answered:
            found = json_records(body, path=at, total_path=total_at, envelope=envelope)
            return Answered(found, self.reader.url(path), body.headers.get("link", ""))

        return self.reader.read("GET", path, read, params=params, label=label, repeatable=True)


@dataclass(frozen=True, slots=True)
class _WithHeaders(Auth):
    """Further headers on every request, and the proof that stands behind them."""

    headers: tuple[tuple[str, str], ...]
    inner: Auth | None

    def prove(self, call: Call, asker: Any) -> Call:
        """See `Auth.prove`."""
        names = {name.lower() for name, _ in self.headers}
        kept = tuple(pair for pair in call.headers if pair[0].lower() not in names)
        call = replace(call, headers=(*kept, *self.headers))
        return self.inner.prove(call, asker) if self.inner is not None else call

    def renew(self) -> bool:
        """See `Auth.renew`."""
        return self.inner is not None and self.inner.renew()


def dotted(path: str) -> tuple[str, ...]:
    """The names on the way; none for an empty path."""
    return tuple(path.split(".")) if path else ()


def envelope_of(rule: EnvelopeRule | None) -> Envelope | None:
    """The envelope that a file describes."""
    if rule is None:
        return None
    return Envelope.model_validate(
        {
            "code_path": dotted(rule.code),
            "ok": list(rule.ok),
            "again": list(rule.again),
            "denied": list(rule.denied),
            "message_paths": [dotted(path) for path in rule.messages],
        }
    )


def written(form: str, moment: datetime, zone: Any) -> str:
    """A moment as a source wants it asked for; whole seconds, rounded down."""
    if form == "epoch_s":
        return str(int(moment.timestamp()))
    if form == "epoch_ms":
        return str(int(moment.timestamp()) * 1_000)
    if form == "iso_z":
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    local = moment.astimezone(zone)
    return local.replace(microsecond=0).isoformat() if form == "iso" else local.strftime(form)
