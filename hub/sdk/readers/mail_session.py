"""One logged-in IMAP connection to one folder, opened read-only; its failures in the hub's families of errors."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from hub._version import __version__
from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.context import ChannelContext
from hub.sdk.readers.mail_connect import (
    ConnectionDropped,
    MailSource,
    away,
    connected,
    dropped_by,
    refuse_plain,
)
from hub.sdk.readers.mail_wire import LiteralTooLarge, folder_argument, folder_name, wire_trouble

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the server says of a mail before it is fetched; ``arrived_at`` is aware, None where it is no time."""

    uid: int
    size_bytes: int
    arrived_at: datetime | None


class MailRefused(Exception):
    """The server answered NO or BAD to a question about mails."""

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.told = told


class MailSession:
    """The folder, opened with EXAMINE: nothing that is asked here marks a mail as seen.

    Attributes:
        uidvalidity: Of the folder; a UID means nothing without it.
        messages: How many mails the folder held when it was opened.
    """

    def __init__(self, source: MailSource, ctx: ChannelContext) -> None:
        self._source = source
        self._place = f"channel {ctx.instance}: mail server {source.address[0]}:{source.address[1]}"
        refuse_plain(source, self._place)
        password = ctx.secret(source.password_secret)
        self._wire = connected(source, ctx, self._place)
        try:
            self._log_in(password)
            self._introduce()
            self.messages, self.uidvalidity = self._examine()
        except ConnectionDropped as exc:
            self._wire.shutdown()
            raise away(self._place, "opening the folder", exc) from None
        except BaseException:
            self._wire.shutdown()
            raise

    def abandon(self) -> None:
        """Closes a connection that serves no more, without a farewell."""
        self._wire.shutdown()

    def close(self) -> None:
        """Ends the connection; never raises."""
        try:
            self._wire.logout()
        except (OSError, imaplib.IMAP4.error):
            self._wire.shutdown()

    def _log_in(self, password: str) -> None:
        wire, user = self._wire, self._source.user
        if wire.state == "AUTH":
            return
        if {"LOGINDISABLED", "AUTH=PLAIN"} & set(wire.capabilities) == {"LOGINDISABLED"}:
            raise ConfigError(
                f"{self._place}: takes no password on this connection (found LOGINDISABLED, expected LOGIN or AUTH=PLAIN); "
                "set security to tls or starttls",
                code=Code.CONFIG_INVALID,
            )
        try:
            if "AUTH=PLAIN" in wire.capabilities:
                wire.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            elif (user + password).isascii():
                wire.login(_quoted(user), password)
            else:
                raise ConfigError(
                    f"{self._place}: takes passwords in ASCII only (found another character, no AUTH=PLAIN); "
                    "set an ASCII password for this account",
                    code=Code.SOURCE_AUTH,
                )
        except (imaplib.IMAP4.abort, OSError) as exc:
            raise away(self._place, "the login", dropped_by(wire_trouble(exc))) from None
        except imaplib.IMAP4.error as exc:
            raise self._login_refused(response_code(exc)) from None
        self._ask(wire.refresh_capabilities)

    def _login_refused(self, told: str) -> HubError:
        # The server's own words may name the account; only its response code is shown.
        shown = f"answer {told}" if told else "no reason given"
        if told in ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"):
            return SourceUnavailable(
                f"{self._place}: login refused for now ({shown}, expected OK); the next run tries again by itself, "
                "if it stays so ask the mail server's keeper",
                code=Code.SOURCE_AUTH,
            )
        return ConfigError(
            f"{self._place}: login refused ({shown}, expected OK for the configured user with the secret "
            f"{self._source.password_secret!r}); check user and secret, and whether the account allows IMAP "
            "(some providers want a separate authorisation code)",
            code=Code.SOURCE_AUTH,
        )

    def _introduce(self) -> None:
        """Some providers refuse every folder to a client that has not named itself (RFC 2971)."""
        if "ID" in self._wire.capabilities:
            self._ask(lambda: self._wire.xatom("ID", f'("name" "weisu-hub" "version" "{__version__}")'))

    def _examine(self) -> tuple[int, int]:
        answer, told = self._ask(
            lambda: self._wire.select(folder_argument(self._source.folder), readonly=True)
        )
        if answer != "OK":
            raise self._folder_refused(response_code(told))
        _, validity = self._wire.response("UIDVALIDITY")
        if not validity or not _is_number(validity[-1]):
            raise SourceContractError(
                f"{self._place}: folder {self._source.folder!r} tells no UIDVALIDITY (expected a number, RFC 3501): mails cannot be "
                "told apart between runs; ask the mail server's keeper",
                code=Code.MAIL_UNREADABLE,
            )
        count = told[0] if told else None
        return int(count) if isinstance(count, bytes) and count.isdigit() else 0, int(validity[-1])

    def _folder_refused(self, told: str) -> HubError:
        shown = f"answer {told}" if told else "answer NO"
        if told in ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"):
            return SourceUnavailable(
                f"{self._place}: folder {self._source.folder!r} cannot be opened now ({shown}, expected OK); the next run tries again",
                code=Code.SOURCE_STATUS,
            )
        names = ", ".join(repr(name) for name in self._folders()) or "none"
        return ConfigError(
            f"{self._place}: folder {self._source.folder!r} cannot be opened ({shown}; found folders: {names}); "
            "set the setting folder to one of these",
            code=Code.CONFIG_INVALID,
        )

    def _folders(self) -> list[str]:
        """Names of the first ten folders, for the message."""
        answer, rows = self._ask(lambda: self._wire.list())
        if answer != "OK":
            return []
        names = []
        for row in rows:
            found = _LIST_ROW.search(row) if isinstance(row, bytes) else None
            if found is not None:
                names.append(folder_name(found.group(1) or found.group(2)))
        return sorted(names)[:10]

    def uids_after(self, uid: int) -> list[int]:
        """The UIDs above that one that stand in the folder now, ascending."""
        rows = self._uid("SEARCH", f"UID {uid + 1}:*")
        found = {
            int(word) for row in rows if isinstance(row, bytes) for word in row.split() if word.isdigit()
        }
        # "n:*" also gives the last mail when its UID is below n.
        return sorted(number for number in found if number > uid)

    def listing(self, uids: Sequence[int]) -> dict[int, Listed]:
        """Size and arrival of these mails; one that is gone is absent."""
        listed: dict[int, Listed] = {}
        for told, _ in fetched(self._uid("FETCH", uid_set(uids), "(UID RFC822.SIZE INTERNALDATE)")):
            number, size = _UID.search(told), _SIZE.search(told)
            if number is not None and size is not None:
                arrived = _ARRIVED.search(told)
                uid = int(number.group(1))
                listed[uid] = Listed(uid, int(size.group(1)), _time(arrived.group(1)) if arrived else None)
        return listed

    def standing(self, uids: Sequence[int]) -> list[int]:
        """Those of these mails that stand in the folder still, after the server was asked for news."""
        self._ask(self._wire.noop)
        rows = self._uid("SEARCH", f"UID {uid_set(uids)}")
        found = {
            int(word) for row in rows if isinstance(row, bytes) for word in row.split() if word.isdigit()
        }
        return sorted(found & set(uids))

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The bytes of these mails; one that is gone is absent. PEEK: no mail is marked as seen."""
        return self._contents(uids, "BODY.PEEK[]")

    def headers(self, uid: int) -> bytes:
        """The header bytes of one mail; empty where it is gone."""
        return self._contents([uid], "BODY.PEEK[HEADER]").get(uid, b"")

    def _contents(self, uids: Sequence[int], what: str) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for told, content in fetched(self._uid("FETCH", uid_set(uids), f"(UID {what})")):
            number = _UID.search(told)
            if number is not None and content is not None:
                found[int(number.group(1))] = content
        return found

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        self._wire.untagged_responses.pop(command, None)
        try:
            answer, rows = self._ask(lambda: self._wire.uid(command, *arguments))
        except LiteralTooLarge:
            raise
        except imaplib.IMAP4.error as exc:
            raise MailRefused(response_code(exc) or "BAD") from None
        if answer != "OK":
            told = response_code(rows)
            if told != "EXPUNGEISSUED":
                raise MailRefused(told or "NO")
            # Somebody deleted mails meanwhile: what is still there was sent all the same.
            _, rows = self._wire.response(command)
        return [row for row in rows if row is not None]

    def _ask(self, question: Callable[[], AnswerT]) -> AnswerT:
        try:
            return question()
        except (imaplib.IMAP4.abort, OSError) as exc:
            cause = wire_trouble(exc)
            if isinstance(cause, LiteralTooLarge):
                raise cause from None
            # The text of the exception may hold pieces of a mail: it is not passed on.
            raise dropped_by(cause) from None


_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,15})\b")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_SECTION = re.compile(rb'\bBODY\[[A-Z]*\](?:<\d+>)? (?:\{\d+\}\Z|NIL|"((?:[^"\\]|\\.)*)")', re.DOTALL)
_LIST_ROW = re.compile(rb'(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))\s*\Z')
_CODE = re.compile(r"\[([A-Z][A-Z-]{1,40})")


def fetched(rows: Sequence[Any]) -> Iterator[tuple[bytes, bytes | None]]:
    """What imaplib collected of FETCH answers, one mail at a time: the protocol's own words, and the content where one was sent."""
    told, content = b"", None
    for row in rows:
        if isinstance(row, tuple):
            told += b" " + row[0]
            content = row[1]
        else:
            told += b" " + row
        if isinstance(row, tuple) or not _is_whole(row):
            continue
        quoted = _SECTION.search(told)
        if quoted is not None and content is None:
            # NIL is how Dovecot says that the mail is gone since the search.
            content = None if quoted.group(1) is None else re.sub(rb"\\(.)", rb"\1", quoted.group(1))
            told = told[: quoted.start()] + told[quoted.end() :]
        yield told, content
        told, content = b"", None


def _is_whole(row: bytes) -> bool:
    return row.rstrip().endswith(b")")


def uid_set(uids: Sequence[int]) -> str:
    """Ascending UIDs as an IMAP set, runs written short: ``1:4,9``."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)


def response_code(told: object) -> str:
    """The response code in an answer or an imaplib error, such as ``NONEXISTENT``; empty where there is none."""
    if isinstance(told, imaplib.IMAP4.error):
        told = told.args[0] if told.args else ""
    if isinstance(told, list):
        told = told[-1] if told else b""
    text = told.decode("ascii", "replace") if isinstance(told, bytes) else str(told)
    found = _CODE.search(text)
    return found.group(1) if found else ""


def _quoted(user: str) -> str:
    return '"' + user.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_number(value: object) -> bool:
    return isinstance(value, bytes) and value.isdigit()


def _time(text: bytes) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.decode("ascii", "replace").strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None
