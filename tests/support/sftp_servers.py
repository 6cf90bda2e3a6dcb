"""Real SFTP servers on loopback: Debian's OpenSSH without privileges, and one of paramiko's parts that does what no OpenSSH would."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.sftp import CMD_NAME, SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED

from tests.support.left_out import find_program

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host_key
PidFile none
AuthorizedKeysFile {home}/authorized_keys
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
LoginGraceTime 20
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp{options}
"""


class OpenSsh:
    """An sshd that serves SFTP from one folder.

    Attributes:
        folder: Where files are dropped.
        host_key: As a line of known_hosts.
        private_key: With which `user` logs in.
    """

    host = "127.0.0.1"

    def __init__(
        self, home: Path, port: int, user: pwd.struct_passwd, host_key: str, private_key: str
    ) -> None:
        self.folder = home / "inbox"
        self.port, self.user, self.host_key, self.private_key = port, user.pw_name, host_key, private_key
        self._home, self._user = home, user

    def drop(self, name: str, content: bytes) -> Path:
        """Puts a file there that belongs to the server's user."""
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Makes it the server's user's."""
        if os.geteuid() == 0:
            os.chown(path, self._user.pw_uid, self._user.pw_gid, follow_symlinks=False)

    def source(self, **more: Any) -> dict[str, Any]:
        """Settings of a channel that reads it, with ``secrets`` as `sftp_secrets` gives them."""
        return {
            "kind": "sftp",
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "host_keys": [self.host_key],
            "private_key": "sftp_key",
            "folder": str(self.folder),
            **more,
        }

    @property
    def secrets(self) -> dict[str, str]:
        return {"sftp_key": self.private_key}


@contextmanager
def openssh(*, read_only: bool = False) -> Iterator[OpenSsh]:
    """Debian's sshd as an unprivileged user; for tests marked ``debian("openssh-server")``."""
    program = find_program("openssh-server")
    assert program is not None
    home = Path(tempfile.mkdtemp(prefix="hub-sftp-"))
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    (home / "inbox").mkdir()
    host_private, host_public = new_key()
    private, public = new_key()
    port = free_port()
    (home / "host_key").write_text(host_private, "utf-8")
    (home / "host_key").chmod(0o600)
    (home / "authorized_keys").write_text(public, "utf-8")
    (home / "sshd_config").write_text(
        _CONFIG.format(home=home, port=port, options=" -R" if read_only else ""), "utf-8"
    )
    server = OpenSsh(home, port, user, host_public, private)
    for path in (home, *home.iterdir()):
        server.give(path)
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    log = (home / "log").open("wb")
    process = subprocess.Popen(
        [str(program), "-D", "-e", "-f", str(home / "sshd_config")], stderr=log, cwd=home, **as_user
    )
    try:
        _await(process, port, home / "log")
        yield server
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        shutil.rmtree(home)


def new_key() -> tuple[str, str]:
    """An Ed25519 key pair, each in OpenSSH's own form."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"sshd did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


class _Files(paramiko.SFTPServerInterface):
    """Lists whatever names it is told to, each a file of a few bytes."""

    names: Sequence[str] = ()
    content = b""
    asked: list[str] = []

    def list_folder(self, path: str) -> Any:
        found = []
        for name in type(self).names:
            about = paramiko.SFTPAttributes()
            about.filename, about.st_mode, about.st_size, about.st_mtime = (
                name,
                0o100644,
                len(type(self).content),
                1_700_000_000,
            )
            found.append(about)
        return found

    def stat(self, path: str) -> Any:
        return SFTP_NO_SUCH_FILE

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        type(self).asked.append(path)
        return SFTP_PERMISSION_DENIED

    def rename(self, oldpath: str, newpath: str) -> int:
        type(self).asked.append(oldpath)
        return SFTP_PERMISSION_DENIED

    def mkdir(self, path: str, attr: Any) -> int:
        return SFTP_PERMISSION_DENIED


class _Door(paramiko.ServerInterface):
    def __init__(self, password: str) -> None:
        self._password = password

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if password == self._password else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED


class Announcing(paramiko.SFTPServer):
    """Says that four thousand million names follow, and sends none; or says for ever that none do."""

    announced = 2**32 - 1

    def _read_folder(self, request_number: int, folder: Any) -> None:
        message = paramiko.Message()
        message.add_int(request_number)
        message.add_int(self.announced)
        self._send_packet(CMD_NAME, message)  # type: ignore[attr-defined]


class Empty(Announcing):
    """See `Announcing`."""

    announced = 0


class Scripted:
    """A server that takes a password and lists any names.

    Attributes:
        asked: Paths that were opened or renamed.
    """

    host, user = "127.0.0.1", "county"

    def __init__(
        self,
        names: Sequence[str],
        content: bytes,
        password: str = "the-password",
        speaks: type[paramiko.SFTPServer] = paramiko.SFTPServer,
    ) -> None:
        self._speaks = speaks
        self.asked: list[str] = []
        self._files = type("Files", (_Files,), {"names": names, "content": content, "asked": self.asked})
        self._password = password
        self._key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port: int = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def source(self, **more: Any) -> dict[str, Any]:
        key = f"{self._key.get_name()} {self._key.get_base64()}"
        return {
            "kind": "sftp", "host": self.host, "port": self.port, "user": self.user, "host_keys": [key], "password": "sftp_password", **more,
        }  # fmt: skip

    @property
    def secrets(self) -> dict[str, str]:
        return {"sftp_password": self._password}

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(link)
            self._transports.append(transport)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", self._speaks, self._files)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Door(self._password))
