"""The benchmark's source system: the portal's paged list interface on loopback, in a process of its own.

``python -m collect.source --rows 20000 --seed 7`` prints one line of JSON ``{"port": …}`` once it listens, and
serves until it is terminated::

    GET /api/zx/list?pageNum=1&pageSize=500&gxsjStart=2026-10-01 00:00:00&gxsjEnd=2026-10-02 00:00:00

``gxsjStart`` and ``gxsjEnd`` are naive local times, both included, both optional; records come ascending by
(gxsj, zxbh). What the interface refuses comes as the portal sends it: HTTP 200 and an envelope with code 500.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import stat
import sys
from urllib.parse import parse_qsl, urlsplit

from collect.records import RecordSet, make_records

PATH = "/api/zx/list"
MAX_PAGE_SIZE = 1_000
_LARGEST_REQUEST = 64 * 1024


class PortalProtocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as a list interface needs: GET, no body."""

    def __init__(self, records: RecordSet) -> None:
        self._records = records
        self._windows: dict[tuple[str | None, str | None], range] = {}
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end], self._received[end + 4 :]
            self._answer(head)
        if len(self._received) > _LARGEST_REQUEST:
            self._transport.close()

    def _answer(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        url = urlsplit(rest.rpartition(" ")[0])
        if method != "GET" or url.path != PATH:
            self._send(b"404 Not Found", b'{"code":404,"message":"not found","data":null}')
            return
        try:
            body = self._page(dict(parse_qsl(url.query)))
        except ValueError:
            body = '{"code":500,"message":"参数错误","data":null}'.encode()
        self._send(b"200 OK", body)
        if any(line.lower().replace(" ", "") == "connection:close" for line in lines[1:]):
            self._transport.close()

    def _page(self, query: dict[str, str]) -> bytes:
        number = int(query.get("pageNum", "1"))
        size = int(query.get("pageSize", "100"))
        if number < 1 or not 1 <= size <= MAX_PAGE_SIZE:
            raise ValueError("page out of range")
        bounds = (query.get("gxsjStart"), query.get("gxsjEnd"))
        if bounds not in self._windows:
            self._windows[bounds] = self._records.window(*bounds)
        return self._records.page(self._windows[bounds], number, size)

    def _send(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n"
        self._transport.writelines((head % (status, len(body)), body))


async def serve(records: RecordSet, port: int) -> None:
    """Listens on 127.0.0.1 (``port`` 0: any free one), says where on stdout, and serves until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: PortalProtocol(records), "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    # The one who started this process holds its stdin: when that side goes away, so does the source.
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(make_records(options.rows, options.seed), options.port))


if __name__ == "__main__":
    main()
