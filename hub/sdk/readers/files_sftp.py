"""A drop folder on an SFTP server whose own key is known beforehand.

The server proves itself before anything is said to it: a key that is not among the configured ones ends the run with a loud error, and no key
is ever added by itself. A connection that breaks while a file is read is made anew, and reading goes on where it broke off, as long as the file
is the one that it was.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import io
import socket
import stat
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, TypeVar

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.channel import Check
from hub.sdk.context import ChannelContext
from hub.sdk.readers.files_local import MOST_FILES, crowded, not_a_folder
from hub.sdk.readers.files_policy import SftpFolder
from hub.sdk.readers.files_store import Changing, FileStore, Found, Kind, Unpermitted, Unwritable, Vanished

AnswerT = TypeVar("AnswerT")
PART = 256 * 1024
# A server that answers with something else than it was asked for is taken for a broken one.
_BROKEN = (paramiko.SSHException, paramiko.SFTPError, EOFError, socket.timeout, ConnectionError)
_KEY_KINDS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class _Client(paramiko.SFTPClient):
    """paramiko's client with a listing of our own: its own has no bound, and decodes names as UTF-8, so that one in GBK hides all others."""

    def listed(self, path: bytes, most: int) -> list[tuple[bytes, paramiko.SFTPAttributes]]:
        """Names as bytes, with what the server says of each, links not followed; at most one more than ``most``.

        What the server says of how many follow is no bound: four bytes that say so cost it nothing, and neither do answers without a name.
        """
        request: Any = self._request  # type: ignore[attr-defined]
        kind, answer = request(CMD_OPENDIR, path)
        if kind != CMD_HANDLE:
            raise paramiko.SFTPError("no handle")
        handle = answer.get_binary()
        found: list[tuple[bytes, paramiko.SFTPAttributes]] = []
        for _ in range(most + 2):
            try:
                kind, answer = request(CMD_READDIR, handle)
            except EOFError:
                break  # the end of the listing, or of the connection: then closing the handle fails
            if kind != CMD_NAME:
                raise paramiko.SFTPError("no names")
            for _ in range(min(answer.get_int(), most + 3)):
                name = answer.get_binary()
                if not name:  # the answer has ended, and paramiko goes on with zeros
                    raise paramiko.SFTPError("fewer names than announced")
                answer.get_binary()  # the same for a person's eyes
                about = paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]
                if name not in (b".", b".."):
                    found.append((name, about))
            if len(found) > most:
                break
        else:
            raise paramiko.SFTPError("a listing without end")
        request(CMD_CLOSE, handle)
        return found


class SftpStore(FileStore):
    """See the module.

    Args:
        source: The server, who logs in, and what it may cost.
        ctx: The channel's: secrets, and the gate that all processes share.
        most_bytes: Of one file.
    """

    def __init__(self, source: SftpFolder, ctx: ChannelContext, most_bytes: int) -> None:
        self.place = f"SFTP server {source.host}:{source.port}"
        self._source, self._ctx, self._most_bytes = source, ctx, most_bytes
        self._where = f"channel {ctx.instance}: {self.place}"
        self._transport: paramiko.Transport | None = None
        self._client: _Client | None = None

    # --- what a store does -----------------------------------------------------------------------------------------------

    def look(self) -> Sequence[Found]:
        """See `FileStore.look`."""
        folder = self._path("")
        try:
            listed = self._ask(lambda client: client.listed(folder, MOST_FILES))
        except (Vanished, Unpermitted) as exc:
            raise ConfigError(
                f"{self._where}: folder {self._source.folder!r} is not there, or this user may not read it (expected the drop folder); "
                "correct the setting folder, or ask the server's keeper",
                code=Code.CONFIG_MISSING,
            ) from exc
        if len(listed) > MOST_FILES:
            raise crowded(self._where)
        return [_found(name.decode("utf-8", "surrogateescape"), about) for name, about in listed]

    def fetch(self, found: Found, folder: str = "") -> bytes:
        """See `FileStore.fetch`."""
        path = self._path(found.name, folder)
        read = bytearray()
        ends_at = time.monotonic() + self._source.deadline_s
        self._admit()
        self._ask(lambda client: self._read_on(client, path, found, read, ends_at))
        return bytes(read)

    def find(self, folder: str, name: str) -> Found | None:
        """See `FileStore.find`."""
        try:
            return _found(name, self._ask(lambda client: client.lstat(self._path(name, folder))))
        except Vanished:
            return None

    def move(self, name: str, folder: str, target: str) -> None:
        """See `FileStore.move`."""
        self._make(folder)
        if self.find(folder, target) is not None:
            raise Unwritable("EEXIST")  # another process was faster; the next run takes another name
        self._ask(lambda client: client.rename(self._path(name), self._path(target, folder)))

    def remove(self, name: str) -> None:
        """See `FileStore.remove`."""
        self._ask(lambda client: client.remove(self._path(name)))

    def put(self, folder: str, name: str, content: bytes) -> None:
        """See `FileStore.put`."""
        self._make(folder)
        passing, path = self._path(f".{name}.tmp", folder), self._path(name, folder)
        self._ask(lambda client: client.putfo(io.BytesIO(content), passing, confirm=True))
        with contextlib.suppress(Vanished):
            self._ask(lambda client: client.remove(path))  # a server's rename goes over no other file
        self._ask(lambda client: client.rename(passing, path))

    def may_write(self) -> bool:
        """See `FileStore.may_write`: asks to rename a file that there is not. A server that allows no writing says so first."""
        nothing = self._path(".weisu-hub-asks-whether-it-may-write")
        try:
            self._ask(lambda client: client.rename(nothing, nothing + b"-2"))
        except Vanished:
            about = self._ask(lambda client: client.stat(self._path("")))
            return bool((about.st_mode or 0o222) & 0o222)
        except (Unpermitted, SourceContractError):
            return False
        return True

    def check(self) -> Sequence[Check]:
        """Connection, the server's key, login and folder."""
        try:
            count = len(self.look())
        except HubError as exc:
            return (Check(_CHECKED.get(exc.code, "connect"), False, exc.message),)
        kind, shown = self._shown_key()
        return (
            Check("connect", True, f"{self.place} proves itself with the {kind} key {shown}"),
            Check("login", True, "user and secret are accepted"),
            Check("folder", True, f"{self._source.folder!r} holds {count} entries"),
        )

    def close(self) -> None:
        """Ends the connection; never raises."""
        client, transport, self._client, self._transport = self._client, self._transport, None, None
        for one in (client, transport):
            if one is not None:
                with contextlib.suppress(Exception):
                    one.close()

    # --- files -----------------------------------------------------------------------------------------------------------

    def _read_on(self, client: _Client, path: bytes, found: Found, read: bytearray, ends_at: float) -> None:
        """Reads what is still missing; what an earlier connection brought is kept."""
        with client.open(path, "rb") as file:
            if _found(found.name, file.stat()) != found:
                raise Changing
            file.seek(len(read))  # no prefetch: its thread dies aloud where the connection breaks
            while len(read) < found.size_bytes:
                part = file.read(min(PART, found.size_bytes - len(read)))
                if not part:
                    raise Changing
                read += part
                if len(read) > self._most_bytes or time.monotonic() > ends_at:
                    raise self._slow(len(read), found.size_bytes)
            if _found(found.name, file.stat()) != found:
                raise Changing

    def _make(self, folder: str) -> None:
        """Makes a folder below where it is missing; one that is a link is none."""
        below = ""
        for part in folder.split("/"):
            there = self.find(below, part)
            if there is None:
                path = self._path(part, below)
                self._ask(lambda client, path=path: client.mkdir(path))  # type: ignore[misc]
            elif there.kind is not Kind.FOLDER:
                raise not_a_folder(self._where, part)
            below = f"{below}/{part}".lstrip("/")

    def _path(self, name: str, folder: str = "") -> bytes:
        parts = [
            self._source.folder.rstrip("/") or "/",
            *(part for part in folder.split("/") if part),
            *([name] if name else []),
        ]
        return "/".join(parts).replace("//", "/").encode("utf-8", "surrogateescape")

    # --- the connection --------------------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[_Client], AnswerT]) -> AnswerT:
        """The answer; asked again over a new connection where one broke.

        Raises:
            Vanished, Unpermitted: As the server says.
            SourceUnavailable: It broke at every try.
            SourceContractError: The server refuses for a reason of its own (``source_status``).
        """
        for attempt in range(1, self._source.tries + 1):
            try:
                answer = question(self._connected())
            except (Vanished, Changing, Unpermitted, HubError):
                raise
            except _BROKEN as exc:
                self.close()
                self._ctx.log.info("files.reconnect", attempt=attempt, reason=type(exc).__name__)
                last = exc
                continue
            except OSError as exc:
                raise self._meant(exc) from exc
            self._ctx.gate.succeeded(self._ctx.instance)
            return answer
        self._ctx.gate.failed(self._ctx.instance)
        raise SourceUnavailable(
            f"{self._where}: the connection broke {self._source.tries} times ({type(last).__name__}, expected an answer); what was read is kept, "
            "the next run goes on; if it stays so ask the server's keeper",
            code=Code.SOURCE_TIMEOUT if isinstance(last, TimeoutError) else Code.SOURCE_CUT_SHORT,
        ) from last

    def _meant(self, exc: OSError) -> Exception:
        if exc.errno == errno.ENOENT:
            return Vanished()
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Unpermitted()
        return SourceContractError(
            f"{self._where}: the server refuses (expected success); look at the rights and the free space of its folder",
            code=Code.SOURCE_STATUS,
        )

    def _admit(self) -> None:
        wait_s = self._ctx.gate.admit(
            self._ctx.instance, rate_per_s=self._source.rate_per_s, burst=self._source.burst
        )
        if wait_s > 0:
            self._ctx.clock.sleep(wait_s)

    def _connected(self) -> _Client:
        if self._client is not None:
            return self._client
        self._admit()
        try:
            self._transport = self._trusted()
            self._log_in(self._transport)
            client = _Client.from_transport(self._transport)
            if not isinstance(client, _Client):
                raise paramiko.SSHException("no channel")
            client.get_channel().settimeout(self._source.silence_s)  # type: ignore[union-attr]
            self._client = client
        except HubError:
            self.close()
            self._ctx.gate.failed(self._ctx.instance)
            raise
        return client

    def _trusted(self) -> paramiko.Transport:
        """A connection to a server that has proved itself; nothing of ours was said yet."""
        source = self._source
        try:
            link = socket.create_connection((source.host, source.port), timeout=source.connect_timeout_s)
        except OSError as exc:
            raise SourceUnavailable(
                f"{self._where}: no connection ({type(exc).__name__}, expected an SSH server); check host, port, firewall and this machine's DNS",
                code=Code.SOURCE_TIMEOUT if isinstance(exc, TimeoutError) else Code.SOURCE_UNREACHABLE,
            ) from exc
        transport = paramiko.Transport(link)
        transport.banner_timeout = transport.auth_timeout = source.connect_timeout_s
        self._transport = transport
        wanted = [_pinned(line) for line in source.host_keys]
        kinds = [kind for kind, _ in wanted if kind is not None]
        options = transport.get_security_options()
        if kinds and len(kinds) == len(wanted):
            # The server has several keys: it must show one of the kinds that are known.
            options.key_types = [
                one for one in options.key_types if _family(one) in kinds
            ] or options.key_types
        transport.start_client(timeout=source.connect_timeout_s)
        kind, shown = self._shown_key()
        if shown not in [fingerprint for _, fingerprint in wanted]:
            raise ConfigError(
                f"{self._where}: it shows the {kind} key {shown} (expected one of the {len(wanted)} in host_keys); nothing was said to it: "
                "ask its keeper, by another way than this one, whether its key was replaced, and only then set host_keys",
                code=Code.HOST_KEY,
            )
        return transport

    def _shown_key(self) -> tuple[str, str]:
        if self._transport is None:
            return "", ""
        key = self._transport.get_remote_server_key()
        return key.get_name(), _fingerprint(key.asbytes())

    def _log_in(self, transport: paramiko.Transport) -> None:
        source = self._source
        try:
            if source.private_key is not None:
                transport.auth_publickey(source.user, self._private_key(source.private_key))
            elif source.password is not None:
                transport.auth_password(source.user, self._ctx.secret(source.password))
        except paramiko.AuthenticationException as exc:
            raise ConfigError(
                f"{self._where}: login refused (expected user and secret to be accepted); check user, password or private_key, and that the "
                "account is not locked",
                code=Code.SOURCE_AUTH,
            ) from exc

    def _private_key(self, name: str) -> paramiko.PKey:
        text = self._ctx.secret(name)
        passphrase = (
            self._ctx.secret(self._source.passphrase) if self._source.passphrase is not None else None
        )
        for kind in _KEY_KINDS:
            with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):
                return kind.from_private_key(io.StringIO(text), passphrase)
        raise ConfigError(
            f"{self._where}: the secret {name!r} holds no private key that can be read (expected Ed25519, ECDSA or RSA in OpenSSH's or PEM form, "
            "with its passphrase where it is locked); set the secret anew",
            code=Code.CONFIG_INVALID,
        )

    def _slow(self, read: int, size: int) -> SourceUnavailable:
        self._ctx.gate.failed(self._ctx.instance)
        return SourceUnavailable(
            f"{self._where}: {read} of {size} bytes of a file within {self._source.deadline_s:g} s (expected all); the next run tries again: "
            "look at the line, or raise deadline_s",
            code=Code.SOURCE_TIMEOUT,
        )


_CHECKED = {
    Code.SOURCE_AUTH: "login",
    Code.SECRET_MISSING: "login",
    Code.CONFIG_INVALID: "login",
    Code.CONFIG_MISSING: "folder",
    Code.SOURCE_STATUS: "folder",
}


def _found(name: str, about: paramiko.SFTPAttributes) -> Found:
    mode = about.st_mode or 0
    kind = Kind.FILE if stat.S_ISREG(mode) else Kind.FOLDER if stat.S_ISDIR(mode) else Kind.OTHER
    return Found(name, about.st_size or 0, (about.st_mtime or 0) * 1_000_000_000, kind)


def _pinned(line: str) -> tuple[str | None, str]:
    """Kind and fingerprint that a setting names; a fingerprint names no kind."""
    if line.startswith("SHA256:"):
        return None, line.rstrip("=")
    parts = line.split()
    at = next((index for index, part in enumerate(parts) if part.startswith(("ssh-", "ecdsa-", "sk-"))), 0)
    try:
        return parts[at], _fingerprint(base64.b64decode(parts[at + 1], validate=True))
    except (ValueError, IndexError):
        return parts[at], ""


def _family(kind: str) -> str:
    return "ssh-rsa" if kind.startswith("rsa-") else kind


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(sha256(key).digest()).decode().rstrip("=")
