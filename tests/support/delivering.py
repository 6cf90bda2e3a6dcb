"""Ground for the tests of delivery: departments with receivers, messages for them, and what delivering needs."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from hub.builtin.webhook import WebhookNotifier
from hub.clock import Clock, SystemClock
from hub.county.receivers import DepartmentReceiver
from hub.model.report import Report
from hub.pipeline.deliver import DeliverDeps, run
from hub.sdk.notify import Endpoint
from hub.sdk.signing import generate_secret
from hub.seal import KeyRing, Sealer
from hub.store import endpoints, outbox
from hub.store.engine import Store
from hub.store.outbox import AttemptView, MessageView, NewMessage


class Ground:
    """A hub's outbox and some departments, each with a receiver on loopback."""

    def __init__(self, store: Store, ring: KeyRing, clock: Clock, stack: ExitStack) -> None:
        self.store = store
        self.sealer = Sealer(ring)
        self.clock = clock
        self.stack = stack
        self.deps = DeliverDeps(
            store, {"webhook": WebhookNotifier(clock)}, self.sealer, clock, chance=lambda: 0.0
        )

    def department(
        self, name: str, *, url: str | None = None, timeout_s: float = 15.0, **options
    ) -> DepartmentReceiver:
        """A department whose endpoint is its receiver's address, or another; its endpoint's id is its name."""
        secret = generate_secret()
        receiver = self.stack.enter_context(DepartmentReceiver(name, secret, clock=self.clock, **options))
        self.endpoint(name, url or receiver.url, secret, timeout_s=timeout_s)
        return receiver

    def endpoint(
        self,
        name: str,
        url: str,
        *secrets: str,
        timeout_s: float = 15.0,
        organisation: str | None = None,
        kind="webhook",
    ) -> None:
        with self.store.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO organisation (code, name, level, config_version) VALUES (:code, :code, 'county', 1) "
                    "ON CONFLICT DO NOTHING"
                ),
                {"code": organisation or name},
            )
            endpoints.put(
                connection,
                self.sealer,
                Endpoint(name, organisation or name, kind, url, secrets or (generate_secret(),), timeout_s),
                config_version=1,
            )

    def send(
        self, organisation: str, count: int = 1, *, order_id: str | None = None, body=b'{"a":1}'
    ) -> list[str]:
        """Writes messages to the outbox, as the dispatch step does, and gives their ids."""
        now = self.clock.now()
        messages = [NewMessage(organisation, "order.created", body, now, order_id) for _ in range(count)]
        with self.store.begin() as connection:
            assert outbox.enqueue(connection, messages) == count
        return [message.message_id for message in messages]

    def run(self, **options) -> Report:
        return run(self.deps, **options)

    def message(self, message_id: str) -> MessageView:
        with self.store.begin() as connection:
            return outbox.message(connection, message_id)[0]

    def attempts(self, message_id: str) -> list[AttemptView]:
        with self.store.begin() as connection:
            return outbox.message(connection, message_id)[2]

    def states(self, ids: Sequence[str]) -> set[str]:
        return {self.message(message_id).state for message_id in ids}

    def change(self, **changes) -> None:
        """Delivers with other settings from now on."""
        self.deps = replace(self.deps, **changes)


@pytest.fixture
def new_ground(store: Store, ring: KeyRing) -> Iterator[Callable[[Clock], Ground]]:
    with ExitStack() as stack:
        yield lambda clock: Ground(store, ring, clock, stack)


@pytest.fixture
def ground(new_ground: Callable[[Clock], Ground], clock) -> Ground:
    """On a clock that the test moves."""
    return new_ground(clock)


@pytest.fixture
def live_ground(new_ground: Callable[[Clock], Ground]) -> Ground:
    """On the machine's clock, for what other processes or the public library judge by it."""
    return new_ground(SystemClock())


@pytest.fixture
def tls_files(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1, and a server's context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "department")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "certificate.pem", tmp_path / "private.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context
