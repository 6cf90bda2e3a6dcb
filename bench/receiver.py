"""A receiver that costs as little as it can: answers 202 to every POST; under ``/dead`` it never answers.

Prints its port, serves until its standard input ends, then prints how many requests it answered.
"""

from __future__ import annotations

import asyncio
import json
import sys

_ANSWER = b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"receipt":"ok"}'
_served = 0


class Answering(asyncio.Protocol):
    """One connection; requests carry a Content-Length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        global _served
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            if head.startswith(b"POST /dead"):
                continue
            _served += 1
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=256)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    server.close()
    print(json.dumps({"served": _served}), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
