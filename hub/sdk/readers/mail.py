"""Reads a mail folder over IMAP, read-only, by UID: the records of a channel whose citizens write mails.

Position (kind ``MAIL``, order ``ASCENDING``): ``{"uidvalidity": int, "uid": int}``, the last UID that was read. UIDs rise
within one UIDVALIDITY and are never given twice, so that nothing that arrives later stands below the position. Where the server
has numbered the folder anew (another UIDVALIDITY), the whole folder is read again, loudly: `mail_parse.source_no` does not rest on UIDs, so that
mails that were read before are the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.channel import Check, CheckReport, Page, RawRecord, RecordProblem, Window
from hub.sdk.context import ChannelContext
from hub.sdk.readers.mail_connect import ConnectionDropped, MailSource, Security
from hub.sdk.readers.mail_parse import attachments_of, source_no
from hub.sdk.readers.mail_session import Listed, MailRefused, MailSession
from hub.sdk.readers.mail_wire import LiteralTooLarge

__all__ = ["HEADERS_ONLY", "MAIL", "REFERENCE_ONLY", "MailReader", "MailSource", "Security"]

MAIL = "message/rfc822"
HEADERS_ONLY = "text/rfc822-headers"
REFERENCE_ONLY = "text/plain"
PAST = timedelta(minutes=10)
MAX_RENUMBERINGS = 3

AnswerT = TypeVar("AnswerT")


class _Renumbered(Exception):
    """The folder has another UIDVALIDITY than the one under which this run reads."""


@dataclass(slots=True)
class _Place:
    uidvalidity: int
    uid: int

    def as_position(self) -> dict[str, int]:
        return {"uidvalidity": self.uidvalidity, "uid": self.uid}


class MailReader:
    """Reads one folder; one connection at a time, made when first needed and made anew when it drops.

    Not for several threads at once.
    """

    def __init__(self, source: MailSource, ctx: ChannelContext) -> None:
        self._source = source
        self._ctx = ctx
        self._session: MailSession | None = None
        self._place: _Place | None = None
        self._uidvalidity: int | None = None
        self._good: int | None = None

    def pages(self, window: Window) -> Iterator[Page]:
        """The mails above the window's position that stand in the folder when the run begins, UID ascending.

        Mails that arrive while it reads are the next run's. ``until`` counts only where it lies in the past (an operator's):
        then a mail that arrived after it ends the window.

        Raises:
            ConfigError: Login refused (``source_auth``), no such folder, no trust (``config_invalid``), or a stored position
                that is none (``position_invalid``).
            SourceUnavailable: Away, or lost twice on the same mails; what was yielded stays.
            SourceContractError: No IMAP server (``mail_unreadable``), or a folder numbered anew again and again
                (``uidvalidity_changed``).
        """
        self._place = _place_in(window.position, self._ctx.instance)
        self._uidvalidity = self._good = None
        numbers = iter(range(1, 10**9))
        try:
            for _ in range(MAX_RENUMBERINGS):
                try:
                    yield from self._read(window, numbers)
                    return
                except _Renumbered:
                    self._uidvalidity = self._good = None
            raise SourceContractError(
                f"{self._where()}: its UIDVALIDITY changed {MAX_RENUMBERINGS} times in one run (expected to stay): no position in it "
                "means anything; ask the mail server's keeper",
                code=Code.UIDVALIDITY_CHANGED,
            )
        except (ConnectionDropped, MailRefused, LiteralTooLarge) as exc:
            raise self._lost(exc) from None
        finally:
            self.close()

    def check(self) -> CheckReport:
        """Name, connection, login, folder and one page of the live folder; marks and writes nothing."""
        checks: list[Check] = []
        host, port = self._source.address
        try:
            session = self._connected()
            checks.append(
                Check(
                    "connect",
                    True,
                    f"{host}:{port} answers as an IMAP server, security {self._source.security}",
                )
            )
            checks.append(Check("login", True, "user and secret are accepted"))
            checks.append(
                Check(
                    "folder",
                    True,
                    f"{self._source.folder!r} holds {session.messages} mails, opened read-only",
                )
            )
            uids = self._ask(lambda asked: asked.uids_after(0))[: self._source.batch]
            page = [record for group in self._groups(uids) for record in self._records(group)]
            checks.append(Check("page", True, f"{len(page)} mails read"))
        except HubError as exc:
            checks.append(Check(_CHECKED.get(exc.code, "connect"), False, exc.message))
        except (ConnectionDropped, MailRefused, _Renumbered) as exc:
            checks.append(
                Check(
                    "page",
                    False,
                    f"{self._where()}: one page could not be read ({type(exc).__name__}); try again",
                )
            )
        finally:
            self.close()
        return CheckReport(tuple(checks))

    def close(self) -> None:
        """Ends the connection; never raises."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _where(self) -> str:
        host, port = self._source.address
        return f"channel {self._ctx.instance}: mail server {host}:{port}, folder {self._source.folder!r}"

    def _read(self, window: Window, numbers: Iterator[int]) -> Iterator[Page]:
        session = self._connected()
        self._uidvalidity = session.uidvalidity
        place = self._place
        was_moved = place is not None and place.uidvalidity != session.uidvalidity
        if place is None or was_moved:
            if place is not None:
                self._tell_renumbered(place, session)
            place = self._place = _Place(session.uidvalidity, 0)
        uids = self._ask(lambda asked: asked.uids_after(place.uid))
        if not uids:
            self._ctx.gate.succeeded(self._ctx.instance)
        if was_moved and not uids:
            yield Page((), place.as_position(), next(numbers), 0)
        limit = window.limit if window.limit is not None else len(uids)
        ends_at = window.until if window.until < self._ctx.clock.now() - PAST else None
        for group in self._groups(uids[:limit], ends_at):
            records = self._records(group)
            place.uid = max(place.uid, group[-1].uid)
            yield Page(records, place.as_position(), next(numbers), len(uids))

    def _tell_renumbered(self, place: _Place, session: MailSession) -> None:
        self._ctx.log.warning(
            "mail.uidvalidity_changed",
            code=Code.UIDVALIDITY_CHANGED.value,
            message=f"{self._where()}: UIDVALIDITY is {session.uidvalidity}, was {place.uidvalidity} (expected to stay): the whole folder of "
            f"{session.messages} mails is read again, known ones count as duplicates; ask the mail server's keeper if it happens again",
            uidvalidity=session.uidvalidity,
            uidvalidity_before=place.uidvalidity,
            uid_before=place.uid,
            messages=session.messages,
        )

    def _groups(self, uids: Sequence[int], ends_at: datetime | None = None) -> Iterator[list[Listed]]:
        """The mails that are still there, in groups that make one page each."""
        for start in range(0, len(uids), self._source.batch):
            chunk = list(uids[start : start + self._source.batch])
            self._admit()
            listed = self._ask(lambda asked, chunk=chunk: asked.listing(chunk))  # type: ignore[misc]
            group: list[Listed] = []
            size_bytes = 0
            for uid in chunk:
                mail = listed.get(uid)
                if mail is None:
                    continue  # expunged since the search: nobody wants it collected
                if ends_at is not None and mail.arrived_at is not None and mail.arrived_at > ends_at:
                    if group:
                        yield group
                    return
                fetched_bytes = min(mail.size_bytes, self._source.max_message_bytes)
                if group and size_bytes + fetched_bytes > self._source.max_page_bytes:
                    yield group
                    group, size_bytes = [], 0
                group.append(mail)
                size_bytes += fetched_bytes
            if group:
                yield group

    def _records(self, group: Sequence[Listed]) -> list[RawRecord]:
        fitting = [mail.uid for mail in group if mail.size_bytes <= self._source.max_message_bytes]
        bodies = self._bodies(fitting) if fitting else {}
        bodies |= self._second_look([uid for uid in fitting if uid not in bodies])
        records: list[RawRecord] = []
        for mail in group:
            found = bodies.get(mail.uid)
            if isinstance(found, bytes):
                found = RawRecord(source_no(found), found, media_type=MAIL, attachments=attachments_of(found))
            elif mail.size_bytes > self._source.max_message_bytes:
                found = self._too_large(mail.uid, mail.size_bytes)
            if found is not None:
                records.append(found)
        self._ctx.gate.succeeded(self._ctx.instance)
        return records

    def _bodies(self, uids: list[int]) -> dict[int, bytes | RawRecord]:
        """Bytes by UID; a mail that cannot be had is a record with a problem, one that is gone is absent."""
        bodies: dict[int, bytes | RawRecord] = {}
        try:
            bodies.update(self._ask(lambda asked: asked.bodies(uids)))
        except (ConnectionDropped, MailRefused, LiteralTooLarge) as exc:
            self._drop()
            if len(uids) > 1:
                for uid in uids:
                    bodies |= self._bodies([uid])
            elif isinstance(exc, LiteralTooLarge):
                bodies[uids[0]] = self._too_large(uids[0], None)
            else:
                bodies[uids[0]] = self._unreadable(uids[0], exc)
        good = [uid for uid, body in bodies.items() if isinstance(body, bytes)]
        self._good = good[-1] if good else self._good
        return bodies

    def _second_look(self, missing: list[int]) -> dict[int, bytes | RawRecord]:
        """Mails that an answer left out: gone since the search, which is no error, or kept back, which is one."""
        found: dict[int, bytes | RawRecord] = {}
        for uid in self._ask(lambda asked: asked.standing(missing)) if missing else ():
            found |= self._bodies([uid]) or {uid: self._unreadable(uid, MailRefused("OK but sent nothing"))}
        return found

    def _unreadable(self, uid: int, cause: ConnectionDropped | MailRefused) -> RawRecord:
        """A mail that the server fails to hand over, while it hands over another: set aside, so that it does not stop the rest."""
        try:
            other = self._good if self._good is not None else self._other_than(uid)
            if other is None or not self._ask(lambda asked: asked.bodies([other])):
                raise self._lost(cause)
        except (ConnectionDropped, MailRefused, LiteralTooLarge):
            raise self._lost(cause) from None
        return self._set_aside(
            uid,
            RecordProblem(
                Code.RECORD_UNREADABLE,
                f"{self._where()}: the mail with UID {uid} could not be fetched ({_told(cause)}, other mails could); "
                "open it in a mail program and copy it into the folder again: the copy is read under its new UID",
            ),
        )

    def _other_than(self, uid: int) -> int | None:
        return next((other for other in self._ask(lambda asked: asked.uids_after(0)) if other != uid), None)

    def _lost(self, cause: ConnectionDropped | MailRefused | LiteralTooLarge) -> SourceUnavailable:
        self._ctx.gate.failed(self._ctx.instance)
        code = cause.code if isinstance(cause, ConnectionDropped) else Code.SOURCE_STATUS
        return SourceUnavailable(
            f"{self._where()}: mails cannot be fetched ({_told(cause)}, tried anew after a new login); what was read so far is kept, "
            "the next run goes on from there; if it stays so ask the mail server's keeper",
            code=code,
        )

    def _too_large(self, uid: int, size_bytes: int | None) -> RawRecord:
        headers = b""
        try:
            headers = self._ask(lambda asked: asked.headers(uid))
        except (MailRefused, LiteralTooLarge):
            self._drop()
        shown = f"{size_bytes} bytes" if size_bytes is not None else "more bytes than it announces"
        problem = RecordProblem(
            Code.RECORD_TOO_LARGE,
            f"{self._where()}: the mail with UID {uid} has {shown} (expected at most {self._source.max_message_bytes}); only its headers "
            "are kept: raise max_message_bytes and copy the mail into the folder again, or enter the demand by hand",
        )
        if not headers:
            return self._set_aside(uid, problem)
        return RawRecord(source_no(headers), headers, media_type=HEADERS_ONLY, problem=problem)

    def _set_aside(self, uid: int, problem: RecordProblem) -> RawRecord:
        validity = self._place.uidvalidity if self._place is not None else 0
        reference = f"folder {self._source.folder}, UIDVALIDITY {validity}, UID {uid}"
        return RawRecord(
            f"uid-{validity}-{uid}", reference.encode(), media_type=REFERENCE_ONLY, problem=problem
        )

    def _ask(self, question: Callable[[MailSession], AnswerT]) -> AnswerT:
        """The answer, asked a second time over a new connection where the first drops.

        Raises:
            ConnectionDropped: It dropped twice.
            MailRefused, LiteralTooLarge: As the session says.
        """
        try:
            return question(self._connected())
        except ConnectionDropped as exc:
            self._drop()
            self._ctx.log.info("mail.reconnect", code=exc.code.value, reason=exc.reason)
        try:
            return question(self._connected())
        except ConnectionDropped:
            self._drop()
            raise

    def _connected(self) -> MailSession:
        if self._session is not None:
            return self._session
        self._admit()
        try:
            self._session = MailSession(self._source, self._ctx)
        except HubError:
            self._ctx.gate.failed(self._ctx.instance)
            raise
        if self._uidvalidity is not None and self._session.uidvalidity != self._uidvalidity:
            raise _Renumbered
        return self._session

    def _admit(self) -> None:
        wait_s = self._ctx.gate.admit(self._ctx.instance, rate_per_s=self._source.rate_per_s, burst=1)
        if wait_s > 0:
            self._ctx.clock.sleep(wait_s)

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.abandon()


_CHECKED = {Code.SOURCE_AUTH: "login", Code.CONFIG_INVALID: "settings", Code.SECRET_MISSING: "settings"}


def _told(cause: ConnectionDropped | MailRefused | LiteralTooLarge) -> str:
    if isinstance(cause, ConnectionDropped):
        return cause.reason
    return (
        f"the server answered {cause.told}"
        if isinstance(cause, MailRefused)
        else "the server announced too many bytes"
    )


def _place_in(position: Any | None, instance: str) -> _Place | None:
    if position is None:
        return None
    values = [position.get(name) for name in ("uidvalidity", "uid")] if isinstance(position, dict) else []
    numbers = [
        value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 0
    ]
    if len(numbers) != 2:
        raise ConfigError(
            f"channel {instance}: the stored position is no mail position (expected uidvalidity and uid, whole numbers); "
            "set it back to none: the folder is read from its beginning, known mails count as duplicates",
            code=Code.POSITION_INVALID,
        )
    return _Place(numbers[0], numbers[1])
