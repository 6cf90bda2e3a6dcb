"""An IMAP server of the simulated county, in a process of its own: a mailbox on a machine that has no Dovecot.

The server itself (Twisted's, see `hub.county.imap_mailbox`) runs a reactor, of which a process has one and which wants the signals: so it
lives in a child. The two talk over the child's stdin and stdout, one JSON object a line; when this process ends in whatever way,
the child reads the end of its stdin and ends too.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from hub.errors import Code, ConfigError

_STOP_S = 10.0


class ImapServer:
    """Accounts with folders in memory, on loopback, without TLS.

    Args:
        accounts: User -> password; each has an empty INBOX.
        host: Address to listen on.
        port: 0 for any free one; the one taken is `port` after `start`.

    May be used from several threads.
    """

    def __init__(self, accounts: Mapping[str, str], host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._accounts = dict(accounts)
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Of the server's process; None before `start` and after `stop`."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Returns when the server listens.

        Raises:
            ConfigError: It cannot: Twisted is not installed (extra ``demo``), or the port is taken.
        """
        paths = [path for path in sys.path if path]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "hub.county.imap_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            self.port = int(
                self._told("listen", accounts=self._accounts, host=self.host, port=self.port)["port"]
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the server and waits for its process; safe to repeat."""
        child, self._child = self._child, None
        if child is None or child.stdin is None or child.stdout is None:
            return
        try:
            child.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()

    def append(
        self,
        user: str,
        mail: bytes,
        when: datetime | None = None,
        *,
        folder: str = "INBOX",
        flags: Sequence[str] = (),
    ) -> int:
        """Puts a mail into a folder, as if it had arrived then (aware; now by default); its UID."""
        arrived = (when or datetime.now(UTC)).isoformat()
        coded = base64.b64encode(mail).decode("ascii")
        return int(
            self._told("append", user=user, folder=folder, mail=coded, when=arrived, flags=list(flags))["uid"]
        )

    def expunge(self, user: str, uid: int, *, folder: str = "INBOX") -> None:
        """Deletes a mail for good, as another client would."""
        self._told("expunge", user=user, folder=folder, uid=uid)

    def bump_uidvalidity(self, user: str, *, folder: str = "INBOX") -> int:
        """Numbers the folder anew from 1, under a new UIDVALIDITY, which is returned."""
        return int(self._told("bump", user=user, folder=folder)["uidvalidity"])

    def create_folder(self, user: str, folder: str) -> None:
        """Makes an empty folder where there is none of that name."""
        self._told("create", user=user, folder=folder)

    def flags(self, user: str, uid: int, *, folder: str = "INBOX") -> tuple[str, ...]:
        r"""The flags of a mail, such as ``\Seen``."""
        return tuple(self._told("flags", user=user, folder=folder, uid=uid)["flags"])

    def _told(self, what: str, **fields: Any) -> dict[str, Any]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise _failed("it is not running (expected start before anything else)")
        with self._lock:
            try:
                child.stdin.write(json.dumps({"do": what, **fields}).encode() + b"\n")
                child.stdin.flush()
                line = child.stdout.readline()
            except BrokenPipeError:
                line = b""
        if not line:
            raise _failed(
                f"its process ended at {what!r} (exit code {child.poll()}, expected an answer); its stderr says why"
            )
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise _failed(f"{what!r} failed: {told['error']}")
        return told


def _failed(what: str) -> ConfigError:
    return ConfigError(f"simulated IMAP server: {what}", code=Code.CONFIG_INVALID)


if __name__ == "__main__":
    from hub.county.imap_mailbox import serve

    serve(sys.stdin.buffer, sys.stdout.buffer)
