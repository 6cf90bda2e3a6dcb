"""The webhook notifier: one signed POST to a department, and what its answer means for the next try.

Never follows a redirect, never uses a proxy or a cookie, connects only to addresses on the allow-list, and keeps
nothing of an answer but its length and digest: a receiver may well echo what it was sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from hub._version import __version__
from hub.clock import Clock, SystemClock
from hub.errors import Code, ConfigError, DeliveryDeferred, DeliveryRefused
from hub.sdk.notify import Endpoint, Notifier, OutgoingMessage, Receipt
from hub.sdk.signing import SHA256, sign

if TYPE_CHECKING:
    import aiohttp

LOOPBACK = ("127.0.0.0/8", "::1/128")
ANSWER_BYTES = 4_096
LONGEST_RETRY_AFTER_S = 36_000.0

_SECONDS = re.compile(r"[0-9]{1,9}\Z")


class AddressRefused(OSError):
    """A name or address stands for a machine that is not on the allow-list."""


class AddressGuard:
    """The networks that webhooks may reach; everything else is refused, at the moment of connecting.

    An allow-list, because departments live on private networks: to block private addresses, as is usual, would
    block every one of them.

    Raises:
        ConfigError: One of the networks is no CIDR (code ``config_invalid``).
    """

    def __init__(self, networks: Sequence[str]) -> None:
        try:
            self._networks = [ip_network(network) for network in networks]
        except ValueError as exc:
            raise ConfigError(
                f"delivery.allowed_networks: {exc} (expected CIDRs such as 10.0.0.0/8); mend hub.yaml",
                code=Code.CONFIG_INVALID,
            ) from exc

    def allows(self, address: str) -> bool:
        """Whether a literal address lies in one of the networks; what cannot be read does not."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self._networks)

    async def resolve(self, host: str, port: int, family: int) -> list[dict[str, Any]]:
        """The allowed addresses of a name, each as aiohttp wants it; these very ones are then connected to.

        Raises:
            AddressRefused: It has addresses, none of them allowed.
            OSError: It has none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        allowed = [
            {
                "hostname": host,
                "host": str(place[0]),
                "port": port,
                "family": kind,
                "proto": proto,
                "flags": 0,
            }
            for kind, _, proto, _, place in found
            if self.allows(str(place[0]))
        ]
        if not allowed:
            raise AddressRefused("the name stands for addresses outside delivery.allowed_networks")
        return allowed

    def open_socket(self, place: tuple[Any, ...]) -> socket.socket:
        """The socket for one connection: the last check, which literal addresses pass too."""
        family, kind, proto, _, address = place
        if not self.allows(str(address[0])):
            raise AddressRefused("the address lies outside delivery.allowed_networks")
        return socket.socket(family, kind, proto)


class WebhookNotifier(Notifier):
    """Delivers by HTTP POST under Standard Webhooks.

    Connections are kept open between calls and belong to the running event loop; after `aclose`, or in another loop,
    the next call opens new ones.

    Args:
        clock: Gives each attempt's signed time.
        allowed_networks: CIDRs that may be reached; loopback alone by default.
        labels: Signature labels; ``("v1", "v1sm3")`` adds an HMAC-SM3 token.
        ca_file: Certificates to trust instead of the system's, for an authority of the government network's own.

    Raises:
        ConfigError: A network is no CIDR.
    """

    kind: ClassVar[str] = "webhook"

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        allowed_networks: Sequence[str] = LOOPBACK,
        labels: Collection[str] = (SHA256,),
        ca_file: Path | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._guard = AddressGuard(allowed_networks)
        self._labels = tuple(labels)
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def deliver(self, endpoint: Endpoint, message: OutgoingMessage) -> Receipt:
        """Sends once; a connection that the receiver closed meanwhile is replaced and the message sent again.

        Raises:
            DeliveryDeferred: No answer in time, none at all, or any answer but 2xx and 410. ``retry_after_s`` is what
                the receiver asked for, up to ten hours.
            DeliveryRefused: 410 Gone: the endpoint is to be disabled (code ``delivery_gone``).
            ConfigError: The endpoint's secret is unusable.
        """
        import aiohttp

        if not _is_http(endpoint.url):
            raise _no_address(endpoint)
        headers = self._headers(endpoint, message)
        started = self._clock_s()
        try:
            try:
                answer = await self._post(endpoint, message, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as exc:
                if not _is_stale(exc):
                    raise
                answer = await self._post(endpoint, message, headers)
        except TimeoutError as exc:
            raise DeliveryDeferred(
                f"{_where(endpoint)}: no answer within {endpoint.timeout_s:g} s (expected 2xx); it is tried again, "
                "ask the department whether its receiver is overloaded",
                code=Code.DELIVERY_TIMEOUT,
            ) from exc
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
            raise _no_address(endpoint) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise _unreachable(endpoint, exc) from exc
        status, retry_after, reference = answer
        if 200 <= status < 300:
            return Receipt(status, int((self._clock_s() - started) * 1_000), reference)
        raise _refusal(endpoint, status, _retry_after_s(retry_after, self._clock.now()))

    async def aclose(self) -> None:
        """Closes the connections; the notifier can be used again."""
        session, self._session, self._loop = self._session, None, None
        if session is not None:
            await session.close()

    def _headers(self, endpoint: Endpoint, message: OutgoingMessage) -> dict[str, str]:
        headers = sign(
            endpoint.secrets, message.message_id, self._clock.now(), message.body, labels=self._labels
        )
        headers["content-type"] = "application/json"
        headers["idempotency-key"] = message.message_id
        return headers

    async def _post(
        self, endpoint: Endpoint, message: OutgoingMessage, headers: dict[str, str]
    ) -> tuple[int, str | None, str | None]:
        import aiohttp

        async with self._open().post(
            endpoint.url,
            data=message.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
        ) as response:
            try:
                reference = await _digest(response)
            except (TimeoutError, aiohttp.ClientError):
                # The status is what counts; a receiver that took the message must not get it again for a slow answer.
                response.close()
                reference = "unreadable"
            return response.status, response.headers.get("Retry-After"), reference

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop or self._session.closed:
            self._session, self._loop = _session(self._guard, self._ca_file), loop
        return self._session

    def _clock_s(self) -> float:
        return asyncio.get_running_loop().time()


def _session(guard: AddressGuard, ca_file: Path | None) -> aiohttp.ClientSession:
    import ssl

    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            return await guard.resolve(host, port, family)  # type: ignore[return-value]

        async def close(self) -> None:
            pass

    trusted: Any = True
    if ca_file is not None:
        try:
            trusted = ssl.create_default_context(cafile=str(ca_file))
        except OSError as exc:
            raise ConfigError(
                f"delivery: the certificates in {ca_file.name} cannot be read ({type(exc).__name__}; expected PEM); "
                "mend the path or the file",
                code=Code.CONFIG_INVALID,
            ) from exc
    connector = aiohttp.TCPConnector(
        limit=0,  # the deliver step bounds what is under way
        resolver=Resolver(),
        use_dns_cache=False,  # every new connection asks and checks anew
        socket_factory=guard.open_socket,
        keepalive_timeout=30.0,
        ssl=trusted,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"weisu-hub/{__version__}"},
        skip_auto_headers=("Accept", "Accept-Encoding"),
        auto_decompress=False,
        trust_env=False,
    )


async def _digest(response: aiohttp.ClientResponse) -> str | None:
    """Length and digest of the answer's body; one longer than `ANSWER_BYTES` is cut off with its connection."""
    content = response.content
    body = b""
    while not content.at_eof():
        body += await content.readany()
        if len(body) > ANSWER_BYTES:
            response.close()
            return f"more than {ANSWER_BYTES} bytes"
    return f"{len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()[:16]}" if body else None


def _is_stale(exc: Exception) -> bool:
    """Whether the failure is that of a kept connection which the receiver had closed, and not of a new one."""
    import aiohttp

    return not isinstance(exc, aiohttp.ClientConnectorError)


def _where(endpoint: Endpoint) -> str:
    # Not the address: its query may carry a token.
    return f"webhook of {endpoint.organisation} (endpoint {endpoint.endpoint_id})"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _no_address(endpoint: Endpoint) -> DeliveryDeferred:
    return DeliveryDeferred(
        f"{_where(endpoint)}: its address is not of the form expected, http(s)://host/path; mend it with `hub config apply`",
        code=Code.CONFIG_INVALID,
    )


def _unreachable(endpoint: Endpoint, exc: Exception) -> DeliveryDeferred:
    import aiohttp

    cause = getattr(exc, "os_error", exc)
    if isinstance(cause, AddressRefused) or isinstance(exc, AddressRefused):
        return DeliveryDeferred(
            f"{_where(endpoint)}: not called, {cause} (expected a department's own network); mend the endpoint's "
            "address, or allow its network in hub.yaml",
            code=Code.DELIVERY_ADDRESS,
        )
    found = f"no connection ({type(cause).__name__})"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        found = "its TLS certificate is not trusted or is for another name"
    elif isinstance(exc, aiohttp.ClientConnectorSSLError):
        found = "TLS could not be agreed on"
    elif isinstance(exc, aiohttp.ClientConnectorDNSError):
        found = "its name does not resolve"
    elif isinstance(exc, aiohttp.ServerDisconnectedError):
        found = "it closed the connection without an answer"
    elif isinstance(exc, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
        found = "its answer is no readable HTTP"
    return DeliveryDeferred(
        f"{_where(endpoint)}: {found} (expected an HTTP answer 2xx); check address and receiver; a message is tried "
        "again by itself, `hub webhook test` tries at once",
        code=Code.DELIVERY_UNREACHABLE,
    )


def _refusal(
    endpoint: Endpoint, status: int, retry_after_s: float | None
) -> DeliveryDeferred | DeliveryRefused:
    if status == 410:
        return DeliveryRefused(
            f"{_where(endpoint)}: it answered 410 Gone (expected 2xx); it is disabled and its messages wait: ask the "
            "department for the new address, then `hub config apply`",
            code=Code.DELIVERY_GONE,
            status=status,
        )
    if 300 <= status < 400:
        return DeliveryDeferred(
            f"{_where(endpoint)}: it answered {status}, a redirect, which is never followed (expected 2xx); set the "
            "final address with `hub config apply`",
            code=Code.DELIVERY_REDIRECT,
            status=status,
        )
    return DeliveryDeferred(
        f"{_where(endpoint)}: it answered {status} (expected 2xx); it is tried again, ask the department for its "
        "receiver's log",
        code=Code.DELIVERY_STATUS,
        retry_after_s=retry_after_s,
        status=status,
    )


def _retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that the receiver asked for, at most ten hours; None where it asked for nothing readable.

    Source: RFC 9110, 10.2.3: whole seconds or an HTTP date.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.match(text):
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)
