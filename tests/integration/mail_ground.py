"""What the tests of the mail reader stand on: the two servers, and a reader of one new user's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hub.clock import SystemClock
from hub.sdk.channel import Page, RawRecord, Window
from hub.sdk.gate import LocalGate
from hub.sdk.readers.mail import MailReader, MailSource, Security
from hub.testing.factories import NOW, RecordingLog, channel_context
from tests.support.mail_servers import PASSWORD, DovecotServer, MailServer, county_server, dovecot_server

BOTH = [pytest.param("county"), pytest.param("dovecot", marks=pytest.mark.debian("dovecot-imapd"))]


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], MailServer]]:
    """Starts either server when it is first asked for."""
    running: dict[str, tuple[Any, MailServer]] = {}

    def server(kind: str) -> MailServer:
        if kind not in running:
            opened = dovecot_server() if kind == "dovecot" else county_server()
            running[kind] = (opened, opened.__enter__())
        return running[kind][1]

    yield server
    for opened, _ in running.values():
        opened.__exit__(None, None, None)


@pytest.fixture(params=BOTH)
def box(request: pytest.FixtureRequest, servers: Callable[[str], MailServer]) -> Mailbox:
    """A new user's folder on either server: each test that takes it runs against both."""
    return Mailbox(servers(request.param))


@pytest.fixture
def dovecot(servers: Callable[[str], MailServer]) -> Mailbox:
    """A new user's folder on Dovecot; for tests marked ``debian("dovecot-imapd")``."""
    return Mailbox(servers("dovecot"))


@pytest.fixture
def county(servers: Callable[[str], MailServer]) -> Mailbox:
    """A new user's folder on the simulated county's server."""
    return Mailbox(servers("county"))


class Mailbox:
    """One user's folder, and readers of it."""

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.user = server.new_user()
        self.log = RecordingLog()
        self.gate = LocalGate()

    @property
    def dovecot(self) -> DovecotServer:
        assert isinstance(self.server, DovecotServer)
        return self.server

    def append(self, *mails: bytes) -> list[int]:
        return [self.server.append(self.user, mail) for mail in mails]

    def expunge(self, uid: int) -> None:
        self.server.expunge(self.user, uid)

    def reader(self, *, secret: str = PASSWORD, clock: Any = None, **settings: Any) -> MailReader:
        usual: dict[str, Any] = {
            "host": self.server.host,
            "port": self.server.port,
            "user": self.user,
            "password_secret": "mail.password",
            "security": Security.PLAIN,
            "folder": self.server.folder,
            "timeout_s": 20.0,
        }
        ctx = channel_context(
            "mailbox",
            secrets={"mail.password": secret},
            clock=clock or SystemClock(),
            gate=self.gate,
            log=self.log,
        )
        return MailReader(MailSource(**{**usual, **settings}), ctx)

    def read(self, position: Any = None, **settings: Any) -> list[Page]:
        return list(self.reader(**settings).pages(window(position)))

    def warnings(self) -> list[str]:
        return [event for level, event, _ in self.log.events if level == "warning"]


def window(position: Any = None, limit: int | None = None) -> Window:
    """A run's window that ends after every clock of the tests."""
    return Window(position, None, NOW.replace(year=2200), limit)


def records(pages: list[Page]) -> list[RawRecord]:
    return [record for page in pages for record in page.records]


def bodies(pages: list[Page]) -> list[bytes]:
    return [record.body for record in records(pages)]
