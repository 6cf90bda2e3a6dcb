"""Real IMAP servers on loopback, one interface for both: Debian's Dovecot, and the simulated county's."""

from __future__ import annotations

import imaplib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from hub.county.imap_server import ImapServer
from hub.sdk.readers.mail_wire import folder_argument
from tests.support.certificates import certificate
from tests.support.left_out import find_program

PASSWORD = "mail-password-of-the-tests"


class MailServer(Protocol):
    """What a test may do to either server's mailboxes; `folder` stands by default."""

    host: str
    port: int
    folder: str

    def new_user(self) -> str: ...
    def append(
        self, user: str, mail: bytes, when: datetime | None = None, *, folder: str | None = None
    ) -> int: ...
    def expunge(self, user: str, uid: int) -> None: ...
    def bump_uidvalidity(self, user: str) -> int: ...
    def create_folder(self, user: str, folder: str) -> None: ...
    def flags(self, user: str, uid: int) -> tuple[str, ...]: ...


class CountyServer:
    """The simulated county's server with users to spare."""

    folder = "INBOX"

    def __init__(self, server: ImapServer, users: list[str]) -> None:
        self.host, self.port = server.host, server.port
        self._server = server
        self._users = iter(users)

    def new_user(self) -> str:
        return next(self._users)

    def append(
        self, user: str, mail: bytes, when: datetime | None = None, *, folder: str | None = None
    ) -> int:
        return self._server.append(user, mail, when, folder=folder or self.folder)

    def expunge(self, user: str, uid: int) -> None:
        self._server.expunge(user, uid)

    def bump_uidvalidity(self, user: str) -> int:
        return self._server.bump_uidvalidity(user)

    def create_folder(self, user: str, folder: str) -> None:
        self._server.create_folder(user, folder)

    def flags(self, user: str, uid: int) -> tuple[str, ...]:
        return self._server.flags(user, uid)


@contextmanager
def county_server() -> Iterator[CountyServer]:
    """The simulated county's server."""
    users = [f"user{number}@luoshan.example" for number in range(200)]
    with ImapServer(dict.fromkeys(users, PASSWORD)) as server:
        yield CountyServer(server, users)


class DovecotServer:
    """Dovecot under a configuration of its own; every user exists, with one password.

    Attributes:
        tls_port: TLS from the first byte; ``port`` offers STARTTLS.
        ca_file: Of the authority that signed its certificate, for ``localhost`` and 127.0.0.1.
    """

    # INBOX cannot be deleted, and a folder made anew is how Dovecot comes to a new UIDVALIDITY.
    folder = "Complaints"

    def __init__(self, home: Path, port: int, tls_port: int, ca_file: Path) -> None:
        self.host, self.port, self.tls_port, self.ca_file = "127.0.0.1", port, tls_port, ca_file
        self._home = home
        self._users = 0

    def new_user(self) -> str:
        self._users += 1
        user = f"user{self._users}@luoshan.example"
        self.create_folder(user, self.folder)
        return user

    def append(
        self, user: str, mail: bytes, when: datetime | None = None, *, folder: str | None = None
    ) -> int:
        with self._admin(user) as admin:
            arrived = imaplib.Time2Internaldate(when or datetime.now(UTC))
            answer, told = admin.append(folder_argument(folder or self.folder), "", arrived, mail)
            found = re.search(rb"APPENDUID \d+ (\d+)", told[0])
            assert answer == "OK", told
            assert found is not None, told
            return int(found.group(1))

    def drop_file(self, user: str, mail: bytes) -> None:
        """Puts bytes into the folder that no IMAP client could append."""
        target = self._home / user / "mail" / f".{self.folder}" / "new" / f"{os.urandom(4).hex()}.test"
        target.write_bytes(mail)
        shutil.chown(target, target.parent.stat().st_uid, target.parent.stat().st_gid)

    def expunge(self, user: str, uid: int) -> None:
        with self._opened(user) as admin:
            admin.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
            admin.expunge()

    def bump_uidvalidity(self, user: str) -> int:
        with self._opened(user) as admin:
            _, rows = admin.uid("FETCH", "1:*", "(BODY.PEEK[])")
            mails = [row[1] for row in rows if isinstance(row, tuple)]
        with self._admin(user) as admin:
            admin.delete(self.folder)
            admin.create(self.folder)
            for mail in mails:
                admin.append(self.folder, "", imaplib.Time2Internaldate(datetime.now(UTC)), mail)
        with self._opened(user) as admin:
            return int(admin.response("UIDVALIDITY")[1][0])

    def create_folder(self, user: str, folder: str) -> None:
        with self._admin(user) as admin:
            answer, told = admin.create(folder_argument(folder))
            assert answer == "OK", told

    def flags(self, user: str, uid: int) -> tuple[str, ...]:
        with self._opened(user, readonly=True) as admin:
            _, rows = admin.uid("FETCH", str(uid), "(FLAGS)")
            found = [flag.decode() for flag in imaplib.ParseFlags(rows[0])]
        return tuple(flag for flag in found if flag != "\\Recent")

    @contextmanager
    def _admin(self, user: str) -> Iterator[imaplib.IMAP4]:
        admin = imaplib.IMAP4(self.host, self.port, timeout=30)
        try:
            admin.login(user, PASSWORD)
            yield admin
        finally:
            admin.logout()

    @contextmanager
    def _opened(self, user: str, *, readonly: bool = False) -> Iterator[imaplib.IMAP4]:
        with self._admin(user) as admin:
            answer, told = admin.select(self.folder, readonly=readonly)
            assert answer == "OK", told
            yield admin


@contextmanager
def dovecot_server() -> Iterator[DovecotServer]:
    """Debian's Dovecot, without privileges."""
    program = find_program("dovecot-imapd")
    assert program is not None
    # Below /tmp itself, because a test's own folder is closed to the user that Dovecot runs as.
    root = Path(tempfile.mkdtemp(prefix="hub-dovecot-"))
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(root, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    port, tls_port = _free_ports(2)
    ca_file = certificate(root, user)
    config = root / "dovecot.conf"
    config.write_text(_config(root, user, port, tls_port), "utf-8")
    process = subprocess.Popen(
        [str(program), "-F", "-c", str(config)], stderr=subprocess.DEVNULL, cwd=root, **as_user
    )
    try:
        _await_port(process, port, root / "log")
        yield DovecotServer(root / "home", port, tls_port, ca_file)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(root)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except ConnectionRefusedError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"Dovecot does not listen: {log.read_text('utf-8') if log.exists() else 'no log'}")


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()


def _config(root: Path, user: pwd.struct_passwd, port: int, tls_port: int) -> str:
    group = user.pw_gid
    return f"""
protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
default_internal_user = {user.pw_name}
default_internal_group = {_group_name(group)}
default_login_user = {user.pw_name}
first_valid_uid = {user.pw_uid}
last_valid_uid = {user.pw_uid}
first_valid_gid = {group}
last_valid_gid = {group}
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login
mail_location = maildir:~/mail
mail_max_userip_connections = 50
ssl = yes
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.key
ssl_dh =
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user.pw_uid} gid={group} home={root}/home/%u
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
"""


def _group_name(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name
