"""A process of its own that uses a private server, as root or as an ordinary account; run as a script, led by `Peer`."""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run by path: the project's root stands in for this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import psycopg

from hub.errors import HubError
from hub.store.private import PrivateServer


class Peer:
    """Leads the process: `peer.ask("ensure")` gives what the other side answered, or raises `Refused`."""

    def __init__(
        self, home: Path, *, uid: int | None = None, bin_dir: Path | None = None, **options: Any
    ) -> None:
        told = {
            "home": str(home),
            "uid": uid,
            "bin_dir": str(bin_dir) if bin_dir else None,
            "options": options,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__, json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            process_group=0,
        )

    def tell(self, command: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"command": command, "arguments": arguments}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(**answer["error"])
        return answer["value"]

    def ask(self, command: str, **arguments: Any) -> Any:
        self.tell(command, **arguments)
        return self.answer()

    def send(self, number: signal.Signals) -> None:
        """To the process and all that stand in its group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL to the process alone."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Closes its input, at which it ends without releasing anything."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(timeout=120)


class Refused(Exception):
    """The hub's error that the other side met."""

    def __init__(self, family: str, code: str, message: str) -> None:
        super().__init__(f"{family} {code}: {message}")
        self.family, self.code, self.message = family, code, message


class _Side:
    """What the process does on command."""

    def __init__(self, home: str, bin_dir: str | None, options: dict[str, Any]) -> None:
        self.server = PrivateServer(Path(home), bin_dir=Path(bin_dir) if bin_dir else None, **options)
        self.url = ""

    def ensure(self, lifetime: str = "until_idle") -> str:
        self.url = self.server.ensure(lifetime=lifetime)  # type: ignore[arg-type]
        return str(self.sql("select pg_postmaster_start_time()::text")[0][0])

    def sql(self, statement: str) -> list[list[Any]]:
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return [list(row) for row in cursor.fetchall()] if cursor.description else []

    def release(self) -> None:
        self.server.release()

    def stop(self) -> bool:
        return self.server.stop()

    def status(self) -> dict[str, Any]:
        return self.server.status().model_dump(mode="json")

    def destroy(self) -> None:
        self.server.destroy()

    def knock(self, socket_path: str) -> str:
        """The system's answer to an attempt to connect, without any login."""
        with socket.socket(socket.AF_UNIX) as door:
            try:
                door.connect(socket_path)
            except OSError as exc:
                return type(exc).__name__
        return "connected"


def _main() -> None:
    told = json.loads(sys.argv[1])
    side = _Side(told["home"], told["bin_dir"], told["options"])
    if told["uid"] is not None and told["uid"] != os.geteuid():
        # Only now, with all modules loaded: that account may have no way to them.
        os.setgroups([])
        os.setgid(pwd.getpwuid(told["uid"]).pw_gid)
        os.setuid(told["uid"])
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer: dict[str, Any] = {"value": getattr(side, asked["command"])(**asked["arguments"])}
        except HubError as exc:
            answer = {"error": {"family": type(exc).__name__, "code": exc.code.value, "message": exc.message}}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
