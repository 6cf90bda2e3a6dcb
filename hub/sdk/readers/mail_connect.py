"""Making a connection to a mail server: settings, TLS, and what each failure means to the operator."""

from __future__ import annotations

import imaplib
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.context import ChannelContext
from hub.sdk.readers.mail_wire import AnswerTooLong, ConnectionEnded, ImapWire, WireLimits, wire_trouble


class Security(StrEnum):
    """How the connection is protected: TLS from the first byte, STARTTLS after the greeting, or not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class MailSource:
    """Where the mails are and what reading them may cost.

    Attributes:
        port: 993 for TLS, 143 for the others where None.
        password_secret: Name of the secret, never the password.
        batch: Mails a page, 1 to 500.
        max_message_bytes: A larger mail is set aside with its headers.
        max_page_bytes: A page ends early where its mails pass this.
        allow_plain: PLAIN also to another machine; the password then travels readable.
        ca_file: PEM file of the authority that signed the server's certificate; None for the system's.
        timeout_s: Longest silence of the server.
        command_s: Longest time that one answer may take as a whole.
        rate_per_s: Most calls a second, shared by all processes; None for no limit.
    """

    host: str
    user: str
    password_secret: str
    port: int | None = None
    security: Security = Security.TLS
    folder: str = "INBOX"
    batch: int = 50
    max_message_bytes: int = 25 * 2**20
    max_page_bytes: int = 8 * 2**20
    allow_plain: bool = False
    ca_file: str | None = None
    timeout_s: float = 30.0
    command_s: float = 240.0
    rate_per_s: float | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (993 if self.security is Security.TLS else 143)


class ConnectionDropped(Exception):
    """The connection ended or fell silent: it is made anew and the question asked again."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def is_loopback(host: str) -> bool:
    """Whether the name stands for this machine; it is never looked up to find out."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def dropped_by(exc: Exception) -> ConnectionDropped:
    """What an error of the socket or of imaplib means for the connection; nothing of its text is taken over."""
    if isinstance(exc, TimeoutError | AnswerTooLong):
        return ConnectionDropped(Code.SOURCE_TIMEOUT, "no answer in time")
    if isinstance(exc, ConnectionEnded | OSError):
        return ConnectionDropped(Code.SOURCE_CUT_SHORT, "the connection ended")
    return ConnectionDropped(Code.SOURCE_CUT_SHORT, "an answer that is no IMAP, or a farewell")


def away(place: str, during: str, dropped: ConnectionDropped) -> SourceUnavailable:
    """The error for a connection that was lost before the folder was open."""
    return SourceUnavailable(
        f"{place}: lost during {during} ({dropped.reason}, expected an answer); the next run tries again, "
        "if it stays so ask the mail server's keeper",
        code=dropped.code,
    )


def refuse_plain(source: MailSource, place: str) -> None:
    """Lets no password travel readable to another machine.

    Raises:
        ConfigError: It would (code ``config_invalid``).
    """
    if source.security is Security.PLAIN and not source.allow_plain and not is_loopback(source.host):
        raise ConfigError(
            f"{place}: security is plain and the host is another machine (expected tls or starttls): the password would travel readable; "
            "set security, or allow_plain where a tunnel protects the way",
            code=Code.CONFIG_INVALID,
        )


def connected(source: MailSource, ctx: ChannelContext, place: str) -> ImapWire:
    """A connection, protected as the settings say, not logged in yet.

    Raises:
        ConfigError: No trust, no TLS, no STARTTLS (code ``config_invalid``).
        SourceUnavailable: Away, or takes no more connections.
        SourceContractError: No IMAP server (code ``mail_unreadable``).
    """
    limits = WireLimits(
        silence_s=source.timeout_s,
        command_s=source.command_s,
        # Some servers tell sizes that are a little off.
        literal_bytes=source.max_message_bytes + source.max_message_bytes // 8 + 65_536,
        answer_bytes=source.max_page_bytes + 2 * source.max_message_bytes + 33_554_432,
    )
    host, port = source.address
    try:
        return ImapWire(
            host,
            port,
            tls=_tls(source, place),
            start_tls=source.security is Security.STARTTLS,
            limits=limits,
            clock=ctx.clock,
        )
    except ssl.SSLCertVerificationError as exc:
        raise ConfigError(
            f"{place}: its certificate is not trusted ({exc.verify_message}; expected one for this name, signed by "
            f"{source.ca_file or 'a public authority'}); set ca_file to the authority's PEM file, or have the certificate renewed",
            code=Code.CONFIG_INVALID,
        ) from exc
    except ssl.SSLError as exc:
        raise ConfigError(
            f"{place}: speaks no TLS that fits ({exc.reason or 'handshake failed'}; expected TLS 1.2 or newer, security {source.security}); "
            "check port and security",
            code=Code.CONFIG_INVALID,
        ) from exc
    except socket.gaierror as exc:
        raise SourceUnavailable(
            f"{place}: its name cannot be resolved (found no address, expected one); check the setting host and this machine's DNS",
            code=Code.SOURCE_UNREACHABLE,
        ) from exc
    except TimeoutError as exc:
        raise SourceUnavailable(
            f"{place}: no greeting within {source.timeout_s:g} s (expected one of an IMAP server); check host, port and firewall",
            code=Code.SOURCE_TIMEOUT,
        ) from exc
    except OSError as exc:
        raise SourceUnavailable(
            f"{place}: no connection ({type(exc).__name__}, expected an IMAP server); check host, port and whether the server runs",
            code=Code.SOURCE_UNREACHABLE,
        ) from exc
    except imaplib.IMAP4.error as exc:
        cause = wire_trouble(exc)
        if isinstance(cause, ConnectionEnded | AnswerTooLong):
            raise away(place, "the greeting", dropped_by(cause)) from None
        raise _no_imap(place, source, exc) from None


def _no_imap(place: str, source: MailSource, exc: imaplib.IMAP4.error) -> HubError:
    if exc.args and isinstance(exc.args[0], bytes) and exc.args[0].startswith(b"* BYE"):
        return SourceUnavailable(
            f"{place}: takes no more connections now (found the greeting BYE, expected OK); the next run tries again",
            code=Code.SOURCE_STATUS,
        )
    if exc.args and isinstance(exc.args[0], str) and "STARTTLS" in exc.args[0]:
        return ConfigError(
            f"{place}: offers no STARTTLS (expected with security starttls); set security to tls with its port, usually 993",
            code=Code.CONFIG_INVALID,
        )
    return SourceContractError(
        f"{place}: what answers is no IMAP server (expected a greeting by RFC 3501); check host and port, security is {source.security}",
        code=Code.MAIL_UNREADABLE,
    )


def _tls(source: MailSource, place: str) -> ssl.SSLContext | None:
    if source.security is Security.PLAIN:
        return None
    if source.ca_file is not None and not Path(source.ca_file).is_file():
        raise ConfigError(
            f"{place}: ca_file {source.ca_file!r} cannot be read (expected a PEM file); put the authority's certificate there or unset it",
            code=Code.CONFIG_INVALID,
        )
    try:
        return ssl.create_default_context(cafile=source.ca_file)
    except ssl.SSLError as exc:
        raise ConfigError(
            f"{place}: ca_file {source.ca_file!r} holds no certificate (expected PEM); put the authority's certificate there",
            code=Code.CONFIG_INVALID,
        ) from exc
