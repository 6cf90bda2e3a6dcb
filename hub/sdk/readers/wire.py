"""One HTTP exchange on requests, with a deadline for the whole answer and a limit on its size.

The socket's own timeout ends silence, not slowness: a source that sends a byte now and then holds a reader for ever.
So a watch shuts the socket down at the deadline, in whatever phase the answer is.
"""

from __future__ import annotations

import errno
import ssl
import threading
import zlib
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.readers.body import KEPT_OF_TOO_LARGE, Body, Inflater, TooLarge
from hub.sdk.readers.policy import HttpPolicy

_PIECE = 256 * 1024  # a page in one or two reads; in smaller ones urllib3 moves every byte twice more
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
Networks = tuple[IPv4Network | IPv6Network, ...]
_watch: ContextVar[_Watch | None] = ContextVar("hub_http_watch", default=None)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before it is made.

    Attributes:
        url: Absolute, without query.
        params: In order; a name may come more than once.
        place: For messages: instance, label, method, path.
        faults: A SOAP fault in HTTP 500 is an answer to be read, not a server in trouble.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    place: str
    faults: bool = False

    @property
    def query(self) -> str:
        """The query as it is sent: UTF-8, percent-encoded, space as %20."""
        return urlencode(self.params, quote_via=quote)


class TryAgain(Exception):
    """An exchange failed in a way that another try may mend.

    Attributes:
        error: What is raised when no try is left.
        retry_after_s: The source's own wish, or None.
        unsent: The source surely did nothing: the request did not reach it, or it refused to take it.
        final: No other try now; the call failed all the same.
    """

    def __init__(
        self,
        error: HubError,
        *,
        retry_after_s: float | None = None,
        unsent: bool = False,
        final: bool = False,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after_s = retry_after_s
        self.unsent = unsent
        self.final = final


class _Watch:
    """Shuts the socket of one exchange down at its deadline, and at once where it leads out of the networks that it may lead to."""

    def __init__(self, seconds: float, place: str, networks: Networks | None) -> None:
        self.expired = False
        self._place, self._networks = place, networks
        self._socket: socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        self._token = _watch.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None
        _watch.reset(self._token)

    def admit(self, sock: socket) -> socket:
        """The socket, connected and nothing sent yet; closed and refused where its peer is nobody to talk to."""
        if self._networks is not None:
            peer = ip_address(str(sock.getpeername()[0]).partition("%")[0])
            peer = getattr(peer, "ipv4_mapped", None) or peer
            if not any(peer in network for network in self._networks):
                sock.close()
                raise ConfigError(
                    f"{self._place}: the source's address lies outside of only_networks (expected one in "
                    f"{', '.join(map(str, self._networks)) or 'none'}); nothing was sent: correct the address or the networks",
                    code=Code.CONFIG_INVALID,
                )
        return sock

    def guard(self, sock: socket | None) -> None:
        with self._lock:
            self._socket = sock
            if self.expired:
                self._shut()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            try:
                # The plain socket's method: that of an SSLSocket would take its TLS layer away from the reader.
                socket.shutdown(self._socket, SHUT_RDWR)
            except OSError:
                pass  # closed by then


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket:
        watch, sock = _watch.get(), super()._new_conn()
        return sock if watch is None else watch.admit(sock)

    def getresponse(self) -> Any:
        if (watch := _watch.get()) is not None:
            watch.guard(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket:
        watch, sock = _watch.get(), super()._new_conn()
        return sock if watch is None else watch.admit(sock)

    def getresponse(self) -> Any:
        if (watch := _watch.get()) is not None:
            watch.guard(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class Wire:
    """The connections of one reader. Reads no environment: no proxies, no netrc."""

    def __init__(self, policy: HttpPolicy) -> None:
        self._policy = policy
        self._networks = (
            None
            if policy.only_networks is None
            else tuple(ip_network(one, strict=False) for one in policy.only_networks)
        )
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()
        self._session.headers.update({"User-Agent": policy.user_agent, "Accept-Encoding": "gzip, deflate"})
        self._session.verify = policy.ca_bundle or True
        if policy.client_cert:
            self._session.cert = (
                (policy.client_cert, policy.client_key) if policy.client_key else policy.client_cert
            )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(max_retries=0, pool_maxsize=4))

    def close(self) -> None:
        """Releases the connections."""
        self._session.close()

    def exchange(self, call: Call) -> Body:
        """One request and its whole answer, whatever its status; no redirect is followed.

        Raises:
            TryAgain: Unreachable (also by TLS), too slow, cut short, or badly compressed.
            SourceContractError: The answer is too large (``page_too_large``) or compressed in an unknown way.
            ConfigError: A certificate file of the policy cannot be read, or a header cannot be sent.
        """
        url = f"{call.url}?{call.query}" if call.params else call.url
        try:
            request = requests.Request(call.method, url, headers=dict(call.headers), data=call.body)
            prepared = self._session.prepare_request(request)
            _check_headers(prepared)
        except ValueError:
            # The library's text shows the header's value, which may be a secret.
            raise ConfigError(
                f"{call.place}: the URL or a header cannot be sent (expected a sound URL, and headers of one line in Latin-1); "
                "check base_url, and the account's secrets for a line break at their end",
                code=Code.CONFIG_INVALID,
            ) from None
        with _Watch(self._policy.deadline_s, call.place, self._networks) as watch:
            try:
                timeout = (self._policy.connect_timeout_s, self._policy.read_timeout_s)
                with self._session.send(
                    prepared, stream=True, timeout=timeout, allow_redirects=False
                ) as answer:
                    return self._whole(call, answer, watch)
            except (requests.RequestException, HTTPError, OSError) as exc:
                raise self._explained(call, exc, watch) from _root(exc)

    def _whole(self, call: Call, answer: requests.Response, watch: _Watch) -> Body:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._policy.max_body_bytes:
            raise self._too_large(call, f"{declared} bytes declared", b"")
        content = self._content(call, answer, headers.get("content-encoding", "").strip().lower())
        if watch.expired:
            raise TimeoutError
        media_type, charset = _media(headers.get("content-type", ""))
        return Body(
            content=content,
            status=answer.status_code,
            media_type=media_type,
            charset=charset,
            headers=headers,
            place=call.place,
            delimited=bool(declared) or "transfer-encoding" in headers,
        )

    def _content(self, call: Call, answer: requests.Response, coding: str) -> bytes:
        if coding not in _CODINGS:
            raise SourceContractError(
                f"{call.place}: content coding {coding[:20]!r} was not asked for (expected gzip, deflate or none); "
                "ask the source's keeper to honour Accept-Encoding",
                code=Code.PAGE_ENCODING,
                body=b"",
            )
        inflater = Inflater(_CODINGS[coding], self._policy.max_body_bytes)
        kept = bytearray()
        size = 0
        try:
            for piece in answer.raw.stream(_PIECE, decode_content=False):
                size += len(piece)
                if _CODINGS[coding]:
                    if size > self._policy.max_body_bytes:
                        raise TooLarge(bytes(kept[:KEPT_OF_TOO_LARGE]))
                    kept += piece
                inflater.feed(piece)
        except TooLarge as exc:
            raise self._too_large(call, f"more than {self._policy.max_body_bytes} bytes", exc.head) from None
        except zlib.error as exc:
            raise self._bad_coding(call, coding, f"broken after {size} bytes", bytes(kept)) from exc
        content, whole = inflater.finish()
        if not whole:
            raise self._bad_coding(call, coding, f"cut short after {size} bytes", bytes(kept))
        return content

    def _bad_coding(self, call: Call, coding: str, found: str, kept: bytes) -> TryAgain:
        return TryAgain(
            SourceContractError(
                f"{call.place}: {coding} content is {found} (expected a whole {coding} stream); compare the kept bytes, "
                "and ask the source's keeper what stands between",
                code=Code.PAGE_ENCODING,
                body=kept,
            )
        )

    def _too_large(self, call: Call, found: str, head: bytes) -> SourceContractError:
        return SourceContractError(
            f"{call.place}: {found} (expected at most {self._policy.max_body_bytes}); its beginning is kept: ask for "
            "smaller pages, or raise max_body_bytes in the channel's settings",
            code=Code.PAGE_TOO_LARGE,
            body=head,
        )

    def _explained(self, call: Call, exc: Exception, watch: _Watch) -> HubError | TryAgain:
        """What a failure means; the library's own text is not shown, for it holds the whole URL."""
        if watch.expired:
            found = f"the answer was not whole after {self._policy.deadline_s:g} s (deadline_s)"
            return _away(call, Code.SOURCE_TIMEOUT, found, "ask for smaller pages, or raise deadline_s")
        if isinstance(exc, requests.exceptions.SSLError):
            found = f"no TLS connection ({_tls_reason(exc)}; expected a certificate that the hub trusts)"
            todo = "name the source's authority by ca_bundle, or have the certificate renewed"
            known = _holds(exc, ssl.SSLCertVerificationError)
            return _away(call, Code.SOURCE_UNREACHABLE, found, todo, unsent=True, final=known)
        if isinstance(exc, requests.exceptions.ConnectTimeout) or _holds(exc, NewConnectionError):
            why = (
                "its name does not resolve"
                if _holds(exc, NameResolutionError)
                else _connect_reason(_root(exc))
            )
            found = f"no connection to {_host(call.url)} ({why}; expected an open port)"
            todo = "check base_url, name service and firewall, then whether the source is up"
            return _away(call, Code.SOURCE_UNREACHABLE, found, todo, unsent=True)
        if isinstance(exc, requests.exceptions.ReadTimeout) or _holds(exc, ReadTimeoutError):
            found = f"silent for {self._policy.read_timeout_s:g} s (read_timeout_s)"
            return _away(call, Code.SOURCE_TIMEOUT, found, "ask for smaller pages, or raise read_timeout_s")
        if not isinstance(exc, requests.RequestException | HTTPError | ConnectionError | TimeoutError):
            return ConfigError(
                f"{call.place}: a certificate file cannot be read (expected PEM at ca_bundle, client_cert, client_key); "
                "check the three paths and their rights in the channel's settings",
                code=Code.CONFIG_INVALID,
            )
        found = f"the answer broke off ({type(_root(exc) or exc).__name__}; expected it whole)"
        return _away(
            call,
            Code.SOURCE_CUT_SHORT,
            found,
            "look whether the source or something between closes connections",
        )


def _away(
    call: Call, code: Code, found: str, todo: str, *, unsent: bool = False, final: bool = False
) -> TryAgain:
    return TryAgain(
        SourceUnavailable(f"{call.place}: {found}; {todo}", code=code), unsent=unsent, final=final
    )


def _check_headers(prepared: requests.PreparedRequest) -> None:
    for value in prepared.headers.values():
        if isinstance(value, str):
            value.encode("latin-1")


def _media(value: str) -> tuple[str, str | None]:
    media_type, _, rest = value.partition(";")
    for part in rest.split(";"):
        name, _, text = part.partition("=")
        if name.strip().lower() == "charset" and text.strip(" \"'"):
            return media_type.strip().lower(), text.strip(" \"'")
    return media_type.strip().lower(), None


def _chain(exc: BaseException) -> list[BaseException]:
    """The exception and all that it was made of, outermost first."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [exc]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def _holds(exc: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(one, kind) for one in _chain(exc))


def _root(exc: BaseException) -> OSError | None:
    """The system's own error inside the library's: its text names no URL."""
    plain = [
        one
        for one in _chain(exc)
        if isinstance(one, OSError) and not isinstance(one, requests.RequestException) and not _names_url(one)
    ]
    return plain[-1] if plain else None


def _names_url(exc: BaseException) -> bool:
    return "url" in str(exc).lower()


def _connect_reason(cause: OSError | None) -> str:
    if cause is None or cause.errno is None:
        return "no answer in time"
    return errno.errorcode.get(cause.errno, type(cause).__name__)


def _tls_reason(exc: BaseException) -> str:
    for one in _chain(exc):
        if isinstance(one, ssl.SSLError):
            return str(getattr(one, "verify_message", "") or one.reason or "refused")[:80]
    return "refused"


def _host(url: str) -> str:
    return url.split("/", 3)[2]
