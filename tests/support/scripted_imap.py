"""An IMAP server that says exactly what a test wants, for answers that no honest server gives."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.support.mail_corpus import numbered

Answer = bytes | Callable[[str, str], bytes | None]
GREETING = b"* OK ready\r\n"


class ScriptedImap:
    """Answers each command by its first words; what is not scripted is answered as a folder of three mails would.

    Args:
        answers: Beginning of a command in upper case -> bytes to send, ``TAG`` in them replaced; or a function of tag and command that
            gives them, None to end the connection.
        greeting: First bytes; empty to say nothing.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, greeting: bytes = GREETING) -> None:
        self._answers = dict(answers or {})
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.commands: list[str] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, client.makefile("rb") as lines:
            client.sendall(self._greeting)
            for line in lines:
                tag, _, command = line.decode("latin-1").strip().partition(" ")
                self.commands.append(command)
                told = self._told(tag, command)
                if told is None:
                    return
                client.sendall(told.replace(b"TAG", tag.encode()))

    def _told(self, tag: str, command: str) -> bytes | None:
        for beginning, answer in self._answers.items():
            if command.upper().startswith(beginning):
                return answer if isinstance(answer, bytes) else answer(tag, command)
        return usual(tag, command)


def usual(tag: str, command: str) -> bytes | None:
    """What a sound server with three mails, UID 1 to 3, answers."""
    upper = command.upper()
    done = b"TAG OK done\r\n"
    if upper.startswith("CAPABILITY"):
        return b"* CAPABILITY IMAP4rev1\r\n" + done
    if upper.startswith("EXAMINE"):
        return b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\nTAG OK [READ-ONLY] done\r\n"
    if upper.startswith("UID SEARCH"):
        return b"* SEARCH 1 2 3\r\n" + done
    if upper.startswith("UID FETCH") and "RFC822.SIZE" in upper:
        rows = (
            b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, len(numbered(uid)))
            for uid in wanted(command)
        )
        return b"".join(rows) + done
    if upper.startswith("UID FETCH"):
        return b"".join(fetch_row(uid, numbered(uid)) for uid in wanted(command)) + done
    if upper.startswith("LOGOUT"):
        return b"* BYE\r\n" + done
    return done


def fetch_row(uid: int, content: bytes) -> bytes:
    """One mail as FETCH sends it."""
    return b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(content), content)


def wanted(command: str) -> list[int]:
    """The UIDs that a UID FETCH names."""
    found: list[int] = []
    for run in command.split()[2].split(","):
        first, _, last = run.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found
