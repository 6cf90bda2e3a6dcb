"""The child's half of `hub.county.imap_server`: folders in memory behind Twisted's IMAP4 server.

Twisted brings the protocol; what it leaves to its user is here: accounts, folders, sessions that see a folder as IMAP wants it seen
(a mail expunged by another is told at the next NOOP), raw headers, parts of bodies, and the ``\\Seen`` that a fetch without PEEK sets.
"""

# Twisted's types are zope interfaces, which mypy does not see through.
# mypy: disable-error-code="no-untyped-call,override,assignment,arg-type,list-item,misc,union-attr,call-arg"
from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hmac import compare_digest
from typing import Any, BinaryIO

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer, protocol, reactor
from twisted.mail import imap4
from zope.interface import implementer

_FIRST_UIDVALIDITY = 1_700_000_001


@dataclass
class Message:
    """One mail of a folder."""

    uid: int
    content: bytes
    arrived_at: datetime
    flags: set[str] = field(default_factory=set)
    expunged: bool = False


@dataclass
class Folder:
    """A folder's mails by ascending UID, and who has it open."""

    uidvalidity: int = _FIRST_UIDVALIDITY
    uid_next: int = 1
    messages: list[Message] = field(default_factory=list)
    views: list[View] = field(default_factory=list)

    def append(self, content: bytes, arrived_at: datetime, flags: Iterable[str]) -> Message:
        message = Message(self.uid_next, content, arrived_at, set(flags))
        self.uid_next += 1
        self.messages.append(message)
        for view in self.views:
            view.arrived(message)
        return message

    def find(self, uid: int) -> Message:
        found = next((message for message in self.messages if message.uid == uid), None)
        if found is None:
            raise LookupError(f"no mail with UID {uid}")
        return found

    def expunge(self, uid: int) -> None:
        message = self.find(uid)
        message.expunged = True
        self.messages.remove(message)

    def bump(self) -> int:
        """Numbers anew; whoever has the folder open keeps the old numbers until opening it again."""
        kept = self.messages
        self.views.clear()
        self.uidvalidity += 1
        self.uid_next, self.messages = 1, []
        for message in kept:
            self.append(message.content, message.arrived_at, message.flags)
        return self.uidvalidity


@implementer(imap4.IMessage, imap4.IMessageFile)
class Served:
    """A mail as Twisted asks for it."""

    def __init__(self, message: Message) -> None:
        self.message = message

    def getUID(self) -> int:
        return self.message.uid

    def getFlags(self) -> list[str]:
        return sorted(self.message.flags)

    def getInternalDate(self) -> str:
        return format_datetime(self.message.arrived_at)

    def getSize(self) -> int:
        return len(self.message.content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.message.content)

    def getBodyFile(self) -> BinaryIO:
        return io.BytesIO(_split(self.message.content)[1])

    def getHeaders(self, negate: bool, *names: Any) -> dict[str, str]:
        wanted = {(name.decode("ascii") if isinstance(name, bytes) else name).lower() for name in names}
        found: dict[str, str] = {}
        for line in re.sub(rb"\r?\n[ \t]+", b" ", _split(self.message.content)[0]).splitlines():
            name, colon, value = line.partition(b":")
            shown = name.decode("latin-1").strip().lower()
            if colon and (shown in wanted) != negate:
                found.setdefault(shown, value.decode("latin-1").strip())
        return found

    def isMultipart(self) -> bool:
        return False

    def getSubPart(self, part: int) -> None:
        raise IndexError(part)


def _split(content: bytes) -> tuple[bytes, bytes]:
    found = re.search(rb"\r?\n\r?\n", content)
    return (content, b"") if found is None else (content[: found.end()], content[found.end() :])


@implementer(imap4.IMailbox)
class View:
    """A folder as one session sees it: numbers stay until the session is told of a change."""

    def __init__(self, folder: Folder, *, writeable: bool) -> None:
        self._folder = folder
        self._writeable = writeable
        self._listeners: list[Any] = []
        self._uidvalidity = folder.uidvalidity
        self._seen = list(folder.messages)

    def arrived(self, message: Message) -> None:
        self._seen.append(message)
        for listener in self._listeners:
            listener.newMessages(len(self._seen), None)

    def pending_expunges(self) -> list[int]:
        """Sequence numbers to be told, each as it is once those before it are told."""
        told = []
        for index in reversed(range(len(self._seen))):
            if self._seen[index].expunged:
                del self._seen[index]
                told.append(index + 1)
        return told

    def addListener(self, listener: Any) -> None:
        self._listeners.append(listener)
        self._folder.views.append(self)

    def removeListener(self, listener: Any) -> None:
        self._listeners.remove(listener)
        if self in self._folder.views:
            self._folder.views.remove(self)

    def fetch(self, messages: Any, uid: bool) -> list[tuple[int, Served]]:
        standing = [(number, message) for number, message in enumerate(self._seen, 1) if not message.expunged]
        messages.last = (standing[-1][1].uid if uid else standing[-1][0]) if standing else 0
        return [
            (number, Served(message))
            for number, message in standing
            if (message.uid if uid else number) in messages
        ]

    def store(self, messages: Any, flags: Iterable[Any], mode: int, uid: bool) -> dict[int, list[str]]:
        named = {flag.decode("ascii") if isinstance(flag, bytes) else str(flag) for flag in flags}
        changed = {}
        for number, served in self.fetch(messages, uid):
            kept = served.message.flags
            served.message.flags = kept | named if mode > 0 else kept - named if mode < 0 else set(named)
            changed[number] = sorted(served.message.flags)
        return changed

    def expunge(self) -> list[int]:
        for message in [message for message in self._folder.messages if "\\Deleted" in message.flags]:
            self._folder.expunge(message.uid)
        return self.pending_expunges()

    def addMessage(
        self, message: BinaryIO, flags: Iterable[str] = (), date: Any = None
    ) -> defer.Deferred[int]:
        arrived_at = (
            datetime.now(UTC)
            if date is None
            else parsedate_to_datetime(_as_bytes(date).decode("ascii", "replace"))
        )
        return defer.succeed(self._folder.append(message.read(), arrived_at, flags).uid)

    def requestStatus(self, names: Iterable[str]) -> dict[str, int]:
        told: dict[str, int] = imap4.statusRequestHelper(self, names)
        return told

    def getUIDValidity(self) -> int:
        return self._uidvalidity

    def getUIDNext(self) -> int:
        return self._folder.uid_next

    def getUID(self, message: int) -> int:
        return self._seen[message - 1].uid

    def getMessageCount(self) -> int:
        return len(self._seen)

    def getRecentCount(self) -> int:
        return 0

    def getUnseenCount(self) -> int:
        return sum("\\Seen" not in message.flags for message in self._seen)

    def isWriteable(self) -> bool:
        return self._writeable

    def getFlags(self) -> list[str]:
        return ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]

    def getHierarchicalDelimiter(self) -> str:
        return "/"

    def destroy(self) -> None:
        raise imap4.MailboxException("the folders of the simulated county stay")


@implementer(imap4.IAccount)
class Account:
    """The folders of one user."""

    def __init__(self) -> None:
        self.folders: dict[str, Folder] = {"INBOX": Folder()}

    def folder(self, name: str) -> Folder:
        found = self._named(name)
        if found is None:
            raise LookupError(f"no folder {name!r}")
        return found

    def _named(self, name: str) -> Folder | None:
        return self.folders.get("INBOX" if name.upper() == "INBOX" else name)

    def select(self, name: str, rw: bool = True) -> View | None:
        folder = self._named(name)
        return None if folder is None else View(folder, writeable=bool(rw))

    def create(self, pathspec: str) -> bool:
        self.folders.setdefault(pathspec, Folder())
        return True

    def listMailboxes(self, ref: str, wildcard: str) -> list[tuple[str, View]]:
        pattern = imap4.wildcardToRegexp(wildcard, "/")
        return [
            (name, View(folder, writeable=False))
            for name, folder in self.folders.items()
            if pattern.match(name)
        ]

    def isSubscribed(self, name: str) -> bool:
        return name in self.folders

    def addMailbox(self, name: str, mbox: Any = None) -> bool:
        return self.create(name)

    def delete(self, name: str) -> None:
        raise imap4.MailboxException("the folders of the simulated county stay")

    def rename(self, oldname: str, newname: str) -> None:
        raise imap4.MailboxException("the folders of the simulated county stay")

    def subscribe(self, name: str) -> None:
        """Every folder is subscribed."""

    def unsubscribe(self, name: str) -> None:
        """Every folder is subscribed."""


@implementer(checkers.ICredentialsChecker)
class _Passwords:
    credentialInterfaces = (credentials.IUsernamePassword,)

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self._accounts = {user.encode(): password.encode() for user, password in accounts.items()}

    def requestAvatarId(self, given: Any) -> str:
        user, password = _as_bytes(given.username), _as_bytes(given.password)
        if not compare_digest(self._accounts.get(user, b"\0"), password):
            raise error.UnauthorizedLogin("user or password is wrong")
        return user.decode()


def _as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@implementer(portal.IRealm)
class _Realm:
    def __init__(self, accounts: dict[str, Account]) -> None:
        self._accounts = accounts

    def requestAvatar(self, avatarId: str, mind: object, *interfaces: object) -> tuple[object, Account, Any]:
        return imap4.IAccount, self._accounts[avatarId], lambda: None


class Session(imap4.IMAP4Server):
    """One connection."""

    def __init__(self, entrance: portal.Portal) -> None:
        super().__init__(chal={b"PLAIN": imap4.PLAINCredentials})
        self.portal = entrance

    def do_NOOP(self, tag: bytes) -> None:
        for number in self.mbox.pending_expunges() if self.mbox is not None else ():
            self.sendUntaggedResponse(b"%d EXPUNGE" % number)
        super().do_NOOP(tag)

    # Twisted looks a command up by the state of the session.
    unauth_NOOP = (do_NOOP,)
    auth_NOOP = unauth_NOOP
    select_NOOP = unauth_NOOP

    def do_APPEND(self, tag: bytes, mailbox: Any, flags: Any, date: Any, message: Any) -> None:
        # Twisted does not bear an APPEND without flags.
        super().do_APPEND(tag, mailbox, flags or [], date, message)

    auth_APPEND = (do_APPEND, *imap4.IMAP4Server.auth_APPEND[1:])
    select_APPEND = auth_APPEND

    def connectionLost(self, reason: Any) -> None:
        if self.mbox is not None:
            self.mbox.removeListener(self)
            self.mbox = None
        super().connectionLost(reason)

    def spew_body(self, part: Any, id: int, msg: Served, _w: Any = None, _f: Any = None) -> Any:
        content = _section(part, msg.message.content)
        if content is None:
            return super().spew_body(part, id, msg, _w, _f)
        if not part.peek and self.mbox is not None and self.mbox.isWriteable():
            msg.message.flags.add("\\Seen")
        name = b"HEADER" if part.header else b"TEXT" if part.text else b""
        origin = b""
        if part.partialBegin is not None:
            content = content[part.partialBegin : part.partialBegin + part.partialLength]
            origin = b"<%d>" % part.partialBegin
        (_w or self.transport.write)(b"BODY[" + name + b"]" + origin + b" {%d}\r\n" % len(content) + content)
        return None


def _section(part: Any, content: bytes) -> bytes | None:
    """What BODY[], BODY[HEADER] and BODY[TEXT] ask for, byte for byte; None for any other section."""
    if part.part:
        return None
    head, body = _split(content)
    if part.header:
        return None if part.header.fields else head
    if part.text:
        return body
    return content if part.empty else None


class _Factory(protocol.ServerFactory):
    noisy = False

    def __init__(self, entrance: portal.Portal) -> None:
        self._entrance = entrance

    def buildProtocol(self, addr: object) -> Session:
        session = Session(self._entrance)
        session.factory = self
        return session


class _Control:
    """Does what the parent asks, in the reactor's thread."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._accounts: dict[str, Account] = {}

    def obey(self, line: bytes) -> None:
        try:
            asked = json.loads(line)
            told = getattr(self, f"_{asked.pop('do')}")(**asked)
        except Exception as exc:  # noqa: BLE001 - the parent raises it
            told = {"error": f"{type(exc).__name__}: {exc}"}
        self._answers.write(json.dumps(told).encode() + b"\n")
        self._answers.flush()

    def _listen(self, accounts: dict[str, str], host: str, port: int) -> dict[str, int]:
        self._accounts = {user: Account() for user in accounts}
        entrance = portal.Portal(_Realm(self._accounts), [_Passwords(accounts)])
        listening = reactor.listenTCP(port, _Factory(entrance), interface=host)
        return {"port": listening.getHost().port}

    def _folder(self, user: str, folder: str) -> Folder:
        if user not in self._accounts:
            raise LookupError("no such user")
        return self._accounts[user].folder(folder)

    def _append(self, user: str, folder: str, mail: str, when: str, flags: list[str]) -> dict[str, int]:
        content = base64.b64decode(mail)
        return {"uid": self._folder(user, folder).append(content, datetime.fromisoformat(when), flags).uid}

    def _expunge(self, user: str, folder: str, uid: int) -> dict[str, int]:
        self._folder(user, folder).expunge(uid)
        return {"uid": uid}

    def _bump(self, user: str, folder: str) -> dict[str, int]:
        return {"uidvalidity": self._folder(user, folder).bump()}

    def _create(self, user: str, folder: str) -> dict[str, bool]:
        return {"created": self._accounts[user].create(folder)}

    def _flags(self, user: str, folder: str, uid: int) -> dict[str, list[str]]:
        return {"flags": sorted(self._folder(user, folder).find(uid).flags)}


def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Runs until ``commands`` ends; Ctrl-C is the parent's to deal with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = _Control(answers)

    def listen_to_parent() -> None:
        for line in _lines(commands):
            reactor.callFromThread(control.obey, line)
        reactor.callFromThread(reactor.stop)

    threading.Thread(target=listen_to_parent, name="parent", daemon=True).start()
    reactor.run(installSignalHandlers=False)
    # Without the interpreter's farewell, which would wait for sessions that are still open.
    os._exit(0)


def _lines(commands: BinaryIO) -> Iterator[bytes]:
    try:
        yield from commands
    except OSError:
        return
