"""Reads JSON, XML and HTML sources over HTTP: tries again where that may help, speaks up where it may not.

The one rule: an answer ends in a right result or in an error with a code, never in "success, 0 records". All
requests pass the gate that the processes of the hub share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

import msgspec
import tenacity

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.context import ChannelContext
from hub.sdk.readers.auth import ApiKey, Auth, Basic, Bearer, HmacSigned, OAuth2ClientCredentials
from hub.sdk.readers.body import Body
from hub.sdk.readers.encoding import Decoded
from hub.sdk.readers.jsonpage import (
    USUAL_ENVELOPE,
    Envelope,
    EnvelopeDenied,
    Path,
    Records,
    json_document,
    json_records,
)
from hub.sdk.readers.pages import NumberedPage, PageGuard, paged
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.wire import Call, TryAgain, Wire

__all__ = [
    "ApiKey",
    "Auth",
    "Basic",
    "Bearer",
    "Body",
    "Decoded",
    "Envelope",
    "HmacSigned",
    "HttpPolicy",
    "HttpReader",
    "NumberedPage",
    "OAuth2ClientCredentials",
    "PageGuard",
    "Records",
    "json_document",
    "json_records",
    "paged",
]

ReadT = TypeVar("ReadT")
Params = Mapping[str, object] | Sequence[tuple[str, object]]

_LOGIN = re.compile(r"log-?[io]n|sign-?in|passport|authorize|(^|[/.])(sso|cas)([/.?]|$)", re.IGNORECASE)
_FAULT = re.compile(rb"<(?:[\w.-]+:)?Fault[\s>]")
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_MOST_REDIRECTS = 5


class _Denied(Exception):
    """The source wants (another) login; ``error`` is raised when there is none."""

    def __init__(self, error: HubError) -> None:
        super().__init__(error.message)
        self.error = error


class _Stopping(Exception):
    """A sleep was ended early: the process is about to stop."""


@dataclass(slots=True)
class _Progress:
    """What one call has been through so far."""

    renewed: bool = False
    last: HubError | None = None


class HttpReader:
    """One HTTP source. For one thread; `close` it with its channel, or use it as a context manager.

    Args:
        base_url: ``http`` or ``https``, host, and the path below which everything lies; no query, no user.
        ctx: The channel's context: clock, gate, secrets, log. Calls are counted by the gate under its instance.
        policy: See `HttpPolicy`.
        auth: How to prove who asks; None for an open source.

    Raises:
        ConfigError: ``base_url`` is none (code ``config_invalid``).
    """

    def __init__(
        self, base_url: str, ctx: ChannelContext, policy: HttpPolicy | None = None, auth: Auth | None = None
    ) -> None:
        self.base_url = _checked(base_url, ctx.instance)
        self.ctx = ctx
        self.policy = policy or HttpPolicy()
        self._auth = auth
        self._wire = Wire(self.policy)

    def __enter__(self) -> HttpReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the connections."""
        self._wire.close()

    def records(
        self,
        path: str,
        *,
        params: Params = (),
        method: str = "GET",
        json: object = None,
        at: Path = ("data", "list"),
        total_at: Path | None = ("data", "total"),
        envelope: Envelope | None = USUAL_ENVELOPE,
        label: str = "",
    ) -> Records:
        """The records of one page; see `json_records` for ``at``, ``total_at`` and ``envelope``.

        Asking is taken to change nothing in the source, by POST too: the call is repeated after any passing failure,
        also after an envelope that says "not now".

        Args:
            path: Below ``base_url``; or an absolute URL of the same source, as a source gives for its next page.
            params: Query; values are turned into text, a list into one pair each, None left out.
            method: GET or POST.
            json: Body of a POST.
            at: Names of the members on the way to the list.
            total_at: Likewise to the declared total.
            envelope: None where there is none.
            label: Named in messages, ``page 3``.

        Raises:
            SourceUnavailable: See `fetch` and `json_records`.
            SourceContractError: See `fetch` and `json_records`.
        """
        call = self._call(method, path, params, json, None, None, label)
        return self._run(
            call, lambda body: json_records(body, path=at, total_path=total_at, envelope=envelope), True
        )

    def document(
        self,
        path: str,
        *,
        params: Params = (),
        method: str = "GET",
        json: object = None,
        envelope: Envelope | None = None,
        label: str = "",
    ) -> bytes:
        """A whole JSON answer as UTF-8 bytes; otherwise as `records`."""
        call = self._call(method, path, params, json, None, None, label)
        return self._run(call, lambda body: json_document(body, envelope=envelope), True)

    def text(self, path: str, *, params: Params = (), label: str = "") -> str:
        """An HTML, XML or plain answer to GET, decoded by `hub.sdk.readers.encoding.to_text`."""
        return self._run(self._call("GET", path, params, None, None, None, label), Body.text, True)

    def fetch(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        label: str = "",
        repeatable: bool | None = None,
    ) -> Body:
        """One answer with a 2xx status, whole; its content is not looked at.

        Args:
            method: Of the request.
            path: As in `records`.
            params: As in `records`.
            json: Sent as JSON; or else
            body: sent as it is.
            headers: Further ones.
            label: Named in messages.
            repeatable: Whether a request that may have arrived can be sent again; by default all but POST and PATCH.
                One that surely did not arrive, or that the source refused to take (429, 503), is always tried again.

        Raises:
            SourceUnavailable: After all tries: ``source_unreachable``, ``source_timeout``, ``source_cut_short``,
                ``source_status`` (5xx), ``source_rate_limited``; at once: ``source_auth`` (401, 403, or sent to a login
                page, also after one renewal of the login), ``source_circuit_open``, and any ``Retry-After`` beyond the
                policy's longest (``retry_after_s`` says how long).
            SourceContractError: Any other status or redirect (``source_status``), too large (``page_too_large``), or
                badly compressed in every try (``page_encoding``).
            ConfigError: A secret or certificate file is missing.
        """
        call = self._call(method, path, params, json, body, headers, label)
        return self._run(call, lambda found: found, repeatable)

    def read(
        self,
        method: str,
        path: str,
        read: Callable[[Body], ReadT],
        *,
        params: Params = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        label: str = "",
        repeatable: bool | None = None,
        faults: bool = False,
    ) -> ReadT:
        """What ``read`` makes of one answer; the call is made again also where ``read`` finds that the source cannot now.

        Args:
            method: As in `fetch`, like all that is not named here.
            path: As in `records`.
            read: The body of a 2xx answer -> what it says. Its errors mean what those of `json_records` mean.
            params: As in `records`.
            body: As in `fetch`.
            headers: As in `fetch`.
            label: As in `fetch`.
            repeatable: As in `fetch`.
            faults: ``read`` also gets a SOAP fault that comes with HTTP 500, as SOAP 1.1 sends it.

        Raises:
            SourceUnavailable: See `fetch`, and what ``read`` raises.
            SourceContractError: See `fetch`, and what ``read`` raises.
        """
        call = self._call(method, path, params, None, body, headers, label)
        return self._run(replace(call, faults=faults), read, repeatable)

    def url(self, path: str) -> str:
        """The absolute URL of a path below ``base_url``.

        Raises:
            SourceContractError: An absolute URL that leads away from the source (code ``page_shape``).
        """
        if "://" not in path[:10] and not path.startswith("//"):
            return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url
        if _origin(path) not in {_origin(self.base_url), *map(_origin, self.policy.link_origins)}:
            raise SourceContractError(
                f"{self.ctx.instance}: a link leads to {_shown_origin(path)} (expected {_shown_origin(self.base_url)}); "
                "it is not followed: name its address in http.link_origins if it is meant, for the login is shown there too",
                code=Code.PAGE_SHAPE,
            )
        return path

    def exchange(self, call: Call) -> Body:
        """One request as it stands and its answer whatever the status below 500; for `Auth`.

        Raises:
            TryAgain: What another try may mend; the reader's own loop waits for it.
        """
        body = self._wire.exchange(call)
        if (body.status == 429 or body.status >= 500) and not (call.faults and _is_fault(body)):
            self._busy(call, body)
        return body

    # --- one call, several tries ---------------------------------------------------------------------------------

    def _run(self, call: Call, read: Callable[[Body], ReadT], repeatable: bool | None) -> ReadT:
        again = call.method in _REPEATABLE if repeatable is None else repeatable
        progress = _Progress()
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.policy.tries),
            wait=self._wait_s,
            retry=tenacity.retry_if_exception(lambda exc: self._worth_it(exc, again)),
            before_sleep=self._note,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            result: ReadT = retrying(self._try, call, read, progress)
        except TryAgain as exc:
            if exc.error.code is Code.SOURCE_RATE_LIMITED and exc.retry_after_s is not None:
                self.ctx.gate.succeeded(self.ctx.instance)  # alive; the hold keeps everybody away
            else:
                self.ctx.gate.failed(self.ctx.instance)
            raise _after_tries(exc.error, retrying.statistics["attempt_number"]) from exc.__cause__
        except _Denied as exc:
            # Counted as a failure: a wrong password tried for ever locks the account.
            self.ctx.gate.failed(self.ctx.instance)
            raise exc.error from None
        except _Stopping:
            raise progress.last or SourceUnavailable(
                f"source {self.ctx.instance}: not called, the process is stopping (expected it to run on); the next run "
                "reads the window again",
                code=Code.SOURCE_UNREACHABLE,
            ) from None
        except SourceContractError:
            self.ctx.gate.succeeded(self.ctx.instance)
            raise
        self.ctx.gate.succeeded(self.ctx.instance)
        return result

    def _try(self, call: Call, read: Callable[[Body], ReadT], progress: _Progress) -> ReadT:
        try:
            return self._once(call, read, progress)
        except _Denied:
            if progress.renewed or self._auth is None or not self._auth.renew():
                raise
            progress.renewed = True
            self.ctx.log.info("source_login_renewed", source=self.ctx.instance)
            return self._once(call, read, progress)

    def _once(self, call: Call, read: Callable[[Body], ReadT], progress: _Progress) -> ReadT:
        self._pass_gate(progress)
        body: Body | None = None
        try:
            body = self._followed(call)
            return read(body)
        except TryAgain as exc:
            progress.last = exc.error
            raise
        except EnvelopeDenied as exc:
            raise _Denied(exc) from None
        except SourceUnavailable as exc:
            if exc.code is Code.SOURCE_AUTH:
                progress.renewed = True  # the login itself was refused
                raise _Denied(exc) from exc.__cause__
            if exc.code is not Code.SOURCE_ENVELOPE:
                raise
            progress.last = exc
            raise TryAgain(exc) from None
        except SourceContractError as exc:
            if exc.code is Code.PAGE_HTML and self._auth is not None:
                raise _Denied(exc) from None  # a login page in place of the answer
            cut = exc.code is Code.SOURCE_CUT_SHORT  # a page without its end, whatever length was declared
            if cut or (
                exc.code in (Code.PAGE_NOT_JSON, Code.PAGE_NOT_XML)
                and body is not None
                and not body.delimited
            ):
                progress.last = exc  # without a declared length a cut at the end shows only here
                raise TryAgain(exc) from exc.__cause__
            raise

    def _pass_gate(self, progress: _Progress) -> None:
        gate, policy = self.ctx.gate, self.policy
        try:
            wait_s = gate.admit(self.ctx.instance, rate_per_s=policy.rate_per_s, burst=policy.burst)
        except SourceUnavailable:
            if progress.last is None and progress.renewed:
                return  # half open: the probe goes on with its new login
            # Half open, one try is all there is: what it failed of says more than that the circuit is open.
            if progress.last is None:
                raise
            raise TryAgain(progress.last, final=True) from None
        if wait_s > policy.longest_retry_after_s:
            raise progress.last or SourceUnavailable(
                f"source {self.ctx.instance}: not called, it asked to be left alone for {wait_s:.0f} s more (expected at most "
                f"{policy.longest_retry_after_s:.0f} s); the next run tries again by itself",
                code=Code.SOURCE_RATE_LIMITED,
                retry_after_s=wait_s,
            )
        self._sleep(wait_s)

    def _sleep(self, seconds: float) -> None:
        """Sleeps at least that long, or raises: a sleep that was ended early means that the process stops."""
        clock, left = self.ctx.clock, seconds
        until = clock.monotonic() + seconds
        for _ in range(3):
            if left > 0:
                clock.sleep(left)
            left = until - clock.monotonic()
            if left < 1e-6:
                return
        raise _Stopping

    def _worth_it(self, exc: BaseException, repeatable: bool) -> bool:
        if not isinstance(exc, TryAgain) or exc.final:
            return False
        asked_s = exc.retry_after_s or 0.0
        return asked_s <= self.policy.longest_retry_after_s and (repeatable or exc.unsent)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        exc = state.outcome.exception() if state.outcome else None
        asked = exc.retry_after_s if isinstance(exc, TryAgain) and exc.retry_after_s is not None else 0.0
        longest_s = self.policy.backoff_longest_s
        backoff = tenacity.wait_exponential(self.policy.backoff_first_s, longest_s) + tenacity.wait_random(
            0, 1
        )
        return max(asked, min(backoff(state), longest_s))

    def _note(self, state: tenacity.RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome else None
        code = exc.error.code.value if isinstance(exc, TryAgain) else Code.UNEXPECTED.value
        self.ctx.log.warning(
            "source_tried_again",
            source=self.ctx.instance,
            code=code,
            attempt=state.attempt_number,
            wait_s=round(state.upcoming_sleep, 3),
        )

    # --- one answer ----------------------------------------------------------------------------------------------

    def _followed(self, call: Call) -> Body:
        """The 2xx answer to a call, over redirects where the policy allows them."""
        for _ in range(_MOST_REDIRECTS + 1):
            proven = self._auth.prove(call, self) if self._auth is not None else call
            body = self.exchange(proven)
            if body.status in (401, 403):
                self._denied(call, f"HTTP {body.status}")
            if (200 <= body.status < 300 and body.status != 206) or (call.faults and _is_fault(body)):
                return body
            target = self._redirect(call, body)
            if target is None:
                break
            target, pairs = _without_query(target)
            call = replace(call, url=target, params=pairs)
        raise SourceContractError(
            f"{call.place}: HTTP {body.status}{_shown_target(body)} (expected 200); the answer is kept: check base_url, path and "
            "parameters against the source's manual",
            code=Code.SOURCE_STATUS,
            body=body.content,
        )

    def _redirect(self, call: Call, body: Body) -> str | None:
        """Where to go on, or None where the answer is an error."""
        location = body.headers.get("location", "")
        if not 300 <= body.status < 400 or not location:
            return None
        target = urljoin(call.url, location)
        if _LOGIN.search(urlsplit(target).path) or _LOGIN.search(urlsplit(target).hostname or ""):
            self._denied(call, f"HTTP {body.status}{_shown_target(body)}, which looks like a login page")
        if self.policy.redirects == "none" or call.method not in ("GET", "HEAD"):
            return None
        here, there = urlsplit(call.url), urlsplit(target)
        if here.hostname != there.hostname or (here.scheme, there.scheme) == ("https", "http"):
            return None
        return target

    def _denied(self, call: Call, found: str) -> NoReturn:
        raise _Denied(
            SourceUnavailable(
                f"{call.place}: {found} (expected 200); check the account, its rights and its secret in the channel's settings",
                code=Code.SOURCE_AUTH,
            )
        )

    def _busy(self, call: Call, body: Body) -> NoReturn:
        """Raises for 429 and 5xx; a wish to be left alone is passed on to all processes."""
        limited = body.status == 429
        asked = self._retry_after_s(body)
        error = SourceUnavailable(
            f"{call.place}: HTTP {body.status}"
            + (f" with Retry-After of {asked:.0f} s" if asked is not None else "")
            + " (expected 200); "
            + ("lower rate_per_s in the channel's settings" if limited else "look whether the source is up"),
            code=Code.SOURCE_RATE_LIMITED if limited else Code.SOURCE_STATUS,
            retry_after_s=asked,
        )
        if asked is not None and (limited or body.status == 503):
            self.ctx.gate.hold(self.ctx.instance, asked)
        raise TryAgain(
            error, retry_after_s=asked, unsent=limited or (body.status == 503 and asked is not None)
        )

    def _retry_after_s(self, body: Body) -> float | None:
        """Seconds from now that the answer asks for; a date is compared with the answer's own date, if it has one."""
        text = body.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text):
            return float(text)
        until, sent = _http_date(text), _http_date(body.headers.get("date", ""))
        if until is None:
            return None
        return max(0.0, (until - (sent or self.ctx.clock.now())).total_seconds())

    def _call(
        self,
        method: str,
        path: str,
        params: Params,
        json: object,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        label: str,
    ) -> Call:
        url, pairs = _without_query(self.url(path))
        sent = {"accept": ("Accept", "application/json, */*;q=0.5")}
        if json is not None:
            body = msgspec.json.encode(json)
            sent["content-type"] = ("Content-Type", "application/json;charset=UTF-8")
        sent |= {name.lower(): (name, value) for name, value in (headers or {}).items()}
        label = f"{label}, " if label else ""
        place = f"{self.ctx.instance}: {label}{method.upper()} {_shown_path(urlsplit(url).path)}"
        return Call(method.upper(), url, (*pairs, *_pairs(params)), tuple(sent.values()), body, place)


def _is_fault(body: Body) -> bool:
    """A SOAP fault in HTTP 500: the service speaks, it is not in trouble."""
    return body.status == 500 and _FAULT.search(body.content) is not None


def _checked(base_url: str, instance: str) -> str:
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"channel {instance}: base_url is no address of a source (expected http:// or https://, a host, perhaps a port "
            "and a path; no user, query or fragment); mend it in hub.yaml, and name secrets by the channel's settings",
            code=Code.CONFIG_INVALID,
        )
    return base_url.rstrip("/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None  # no address at all, and so nobody's


def _shown_origin(url: str) -> str:
    """Scheme, host and port of an address; nothing that stands behind them."""
    scheme, host, port = _origin(url)
    return f"{scheme}://{host}:{port}" if host else "no address"


def _pairs(params: Params) -> Iterator[tuple[str, str]]:
    for name, value in params.items() if isinstance(params, Mapping) else params:
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is not None:
                yield name, str(one).lower() if isinstance(one, bool) else str(one)


def _without_query(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    parts = urlsplit(url)
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")  # as it is sent, so that it can be signed
    return parts._replace(path=path, query="", fragment="").geturl(), pairs


def _shown_path(path: str) -> str:
    """A path without long numbers, which may be somebody's."""
    return re.sub(r"\d{6,}", "…", path or "/")[:120]


def _shown_target(body: Body) -> str:
    """Where a redirect leads, without its query."""
    if not (location := body.headers.get("location", "")):
        return ""
    parts = urlsplit(location)
    return f" to {parts.hostname or ''}{_shown_path(parts.path)}"


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _after_tries(error: HubError, tries: int) -> HubError:
    """The error of the last try, with the number of tries."""
    message = error.message if tries < 2 else f"{error.message}; tried {tries} times"
    if isinstance(error, SourceUnavailable):
        return SourceUnavailable(message, code=error.code, retry_after_s=error.retry_after_s)
    body = error.body if isinstance(error, SourceContractError) else None
    return SourceContractError(message, code=error.code, body=body)
