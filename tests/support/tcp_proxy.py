"""A TCP proxy on loopback that spoils a connection on purpose: cuts it, or lets something happen in the middle of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass
class _Before:
    words: bytes
    action: Callable[[], object]
    times: int


class SpoilingProxy:
    """Passes bytes on to a server until told otherwise.

    Attributes:
        port: Where it listens.
        connections: How many were made.
        cut_after: Bytes from the server after which connection number n (from 0) is cut; None: never.
        cut_at: A connection is cut when the server sends these words; None: never.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.cut_after: list[int | None] = []
        self.cut_at: bytes | None = None
        self._before: list[_Before] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
        for thread in self._threads:
            thread.join(10)

    def before(self, words: bytes, action: Callable[[], object], *, times: int = 1) -> None:
        """Does that before the client's bytes with these words go on, so many times."""
        self._before.append(_Before(words, action, times))

    def cut(self) -> None:
        """Ends all connections; new ones are accepted."""
        for sock in [*self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def down(self) -> None:
        """Ends all connections and takes no new one."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            number = self.connections
            self.connections += 1
            server = socket.create_connection(self._target)
            self._open += [client, server]
            left = self.cut_after[number] if number < len(self.cut_after) else None
            for run in (
                lambda c=client, s=server: self._up(c, s),
                lambda c=client, s=server, b=left: self._back(s, c, b),
            ):
                thread = threading.Thread(target=run, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while chunk := client.recv(65_536):
                for rule in self._before:
                    if rule.times and rule.words in chunk:
                        rule.times -= 1
                        rule.action()
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError), server:
            while chunk := server.recv(65_536):
                if self.cut_at is not None and self.cut_at in chunk:
                    break
                if left is not None and len(chunk) >= left:
                    client.sendall(chunk[:left])
                    break
                left = None if left is None else left - len(chunk)
                client.sendall(chunk)
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
