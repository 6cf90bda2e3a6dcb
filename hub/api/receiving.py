"""One request after the other: bounded before it is read, read before it is proven, proven before anything is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.api import answers
from hub.api.answers import Refusal, Refused, refusal_of
from hub.api.figures import NOBODY, DoorFigures
from hub.errors import HubError
from hub.model.push import PushRefused
from hub.plugins.calls import place_of
from hub.sdk.channel import PushRequest
from hub.sdk.readers.push import idempotency_key
from hub.text.redact import without_numbers

if TYPE_CHECKING:
    from hub.pipeline.receive import Received
    from hub.runtime.hub import Hub

LONGEST_KEY = 255
# Bodies that are being read or wait for their turn, all together: beyond it the door is busy.
BUFFERED_BYTES = 128 << 20
MOST_REQUESTS = 256
LONGEST_TURN_S = 30.0
REPLAYED = "Idempotent-Replayed"

OnReceived = Callable[["Received"], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _Told:
    """What is counted and logged of the request under way."""

    instance: str = NOBODY
    size: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    why: str = ""
    quiet: bool = False


_told: ContextVar[_Told] = ContextVar("told")  # one connection's requests come one after the other


class Receiving:
    """Handles the door's requests; all but the work itself happens on one event loop.

    Args:
        executor: Where pushes are proven and landed; as many threads as may be at it at once.
        on_received: Told of each push that was landed, on the event loop.
    """

    def __init__(
        self, hub: Hub, executor: Executor, figures: DoorFigures, on_received: OnReceived | None
    ) -> None:
        self._hub = hub
        self._settings = hub.settings.api
        self._executor = executor
        self._figures = figures
        self._on_received = on_received
        self._buffered = 0
        self._under_way = 0
        self._turns: dict[str, asyncio.Semaphore] = {}
        self.closing = False

    @web.middleware
    async def answering(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every answer is JSON, counted and logged; no fault ends a connection without one."""
        began = self._hub.clock.monotonic()
        told = _Told()
        _told.set(told)
        try:
            response = await handler(request)
        except Refused as exc:
            told.code, told.why = str(exc.refusal.code), exc.why
            response = _refusing(exc.refusal)
        except web.HTTPException as exc:  # no such path, or not this method
            told.code = str(answers.NOT_HERE.code)
            response = _of_router(exc)
        except Exception as exc:  # noqa: BLE001 - the door outlives every fault; its own text may quote a record
            told.code, told.why = str(answers.FAULT.code), f"{type(exc).__name__} at {place_of(exc)}"
            response = _refusing(answers.FAULT)
        response.headers["Server"] = "weisu-hub"
        if self.closing:
            response.force_close()
        if not told.quiet:
            took = self._hub.clock.monotonic() - began
            self._figures.count(told.instance, response.status, took, told.size)
            self._say(told, response.status, took)
        return response

    def _say(self, told: _Told, status: int, took: float) -> None:
        """One line a request, without path and address: a path may hold anything, and an address may be a person's."""
        level = "info" if status < 400 else "error" if status == 500 else "warning"
        more = {"code": told.code, "message": told.why} if status >= 400 else told.counts
        try:
            getattr(self._hub.log, level)(
                "push",
                instance=told.instance,
                status=status,
                bytes=told.size,
                ms=round(took * 1000),
                **more,
            )
        except (OSError, ValueError):
            pass  # that the log cannot be written takes no answer from anybody

    async def health(self, request: web.Request) -> web.Response:
        """The door is open; asks nothing of the database."""
        _told.get().quiet = True
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def records(self, request: web.Request) -> web.Response:
        """Takes a push in."""
        instance = request.match_info["instance"]
        if not self._hub.receives(instance):
            raise Refused(answers.NOT_HERE)
        told = _told.get()
        told.instance = instance
        if self.closing:
            raise Refused(answers.CLOSING)
        if self._under_way >= MOST_REQUESTS:
            raise Refused(answers.BUSY)
        self._under_way += 1
        try:
            body = await self._body(request)
            try:
                push = PushRequest(
                    request.method, request.raw_path, _headers(request), body, self._hub.clock.now()
                )
                received = await self._in_turn(instance, push)
            finally:
                self._buffered -= len(body)
        finally:
            self._under_way -= 1
        answer = received.answer
        told.counts = answer.model_dump(exclude={"codes"}) | {"again": received.again}
        if self._on_received is not None and not received.again:
            self._on_received(received)
        return web.Response(
            status=202,
            body=answer.model_dump_json().encode(),
            content_type="application/json",
            headers={REPLAYED: "true"} if received.again else None,
        )

    async def _in_turn(self, instance: str, push: PushRequest) -> Received:
        """Proven and landed by one of the threads; one channel never has them all, so that its trouble is not everybody's."""
        turns = self._turns.setdefault(instance, asyncio.Semaphore(max(1, self._settings.concurrency // 2)))
        try:
            async with asyncio.timeout(LONGEST_TURN_S):
                await turns.acquire()
        except TimeoutError:
            raise Refused(answers.BUSY) from None
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._receive, instance, push)
        finally:
            turns.release()

    def _receive(self, instance: str, push: PushRequest) -> Received:
        key = idempotency_key(push)
        if key is not None and (len(key) > LONGEST_KEY or not key.isprintable()):
            raise Refused(answers.BAD_KEY)
        try:
            return self._hub.receive(instance, push, key)
        except HubError as exc:
            raise Refused(refusal_of(exc), without_numbers(exc.message)) from exc

    async def _body(self, request: web.Request) -> bytes:
        """The body, never more of it than the door lets in; what it holds is counted in ``_buffered`` for the caller to take off."""
        limit = self._settings.max_body_bytes
        if (request.content_length or 0) > limit:
            raise Refused(answers.too_large(limit))
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                async for chunk in request.content.iter_any():
                    if size + len(chunk) > limit:
                        raise Refused(answers.too_large(limit))
                    if self._buffered + len(chunk) > BUFFERED_BYTES:
                        raise Refused(answers.BUSY)
                    self._buffered += len(chunk)
                    size += len(chunk)
                    chunks.append(chunk)
        except BaseException as exc:
            self._buffered -= size
            if isinstance(exc, TimeoutError):
                raise Refused(answers.SLOW) from None
            if isinstance(exc, (ConnectionError, web.PayloadAccessError)) or _is_of_wire(exc):
                raise Refused(answers.CUT) from None
            raise
        finally:
            _told.get().size = size
        return b"".join(chunks)


def _is_of_wire(exc: BaseException) -> bool:
    """Whether the body's own framing is broken: chunks that are none, fewer bytes than were announced."""
    from aiohttp import ClientPayloadError
    from aiohttp.http_exceptions import BadHttpMessage, PayloadEncodingError

    return isinstance(exc, ClientPayloadError | BadHttpMessage | PayloadEncodingError)


def _headers(request: web.Request) -> dict[str, str]:
    """By lower-case name; one that came twice is joined, so that a second signature hides no first one."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined


def _refusing(refusal: Refusal) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, ceil(refusal.retry_after_s)))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Signature"
    body = PushRefused(code=str(refusal.code), message=refusal.message).model_dump_json().encode()
    return web.Response(status=refusal.status, body=body, content_type="application/json", headers=headers)


def _of_router(exc: web.HTTPException) -> web.Response:
    if exc.status != 405:
        return _refusing(answers.NOT_HERE)
    response = _refusing(Refusal(405, answers.NOT_HERE.code, "records are sent by POST"))
    response.headers["Allow"] = exc.headers.get("Allow", "POST")
    return response
