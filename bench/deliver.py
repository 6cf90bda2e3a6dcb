"""Delivering: durable signed webhooks from the outbox to receivers on loopback, and what a dead department costs the rest.

Each delivery is claimed under a lease, signed, sent by HTTP, and settled with an attempt row; PostgreSQL has fsync on.
Prints deliveries per second, CPU microseconds per delivery (this process; PostgreSQL), and how much later the other
departments' slowest messages arrive when one department never answers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from collect.postgres import Postgres
from sqlalchemy import text

from hub.builtin.webhook import WebhookNotifier
from hub.clock import SystemClock
from hub.pipeline.deliver import DeliverDeps, run
from hub.sdk.notify import Endpoint
from hub.sdk.signing import generate_secret
from hub.seal import KeyRing, Sealer
from hub.store import endpoints, outbox
from hub.store.engine import Store
from hub.store.migrate import migrate
from hub.store.outbox import NewMessage

_DEAD_TIMEOUT_S = 3.0
_DEAD = "DEAD"


@dataclass(frozen=True)
class Sample:
    """One run over a full outbox.

    Attributes:
        per_s: Deliveries per second of wall time until the last healthy department had its last message.
        hub_us: CPU microseconds per delivery of the delivering process.
        postgres_us: The same of PostgreSQL.
        p50_s, p99_s: When messages of healthy departments were delivered, counted from the start.
    """

    per_s: float
    hub_us: float
    postgres_us: float
    p50_s: float
    p99_s: float


def main() -> int:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="deliver-bench-"))
    try:
        server = Postgres(folder, options.postgres)
        try:
            with _receiver() as port:
                alone = [_measure(server, port, options, dead=False) for _ in range(options.repeat)]
                beside = [_measure(server, port, options, dead=True) for _ in range(options.repeat)]
            version = server.version()
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(options, version, alone, beside)
    return 0


def _measure(server: Postgres, port: int, options: argparse.Namespace, *, dead: bool) -> Sample:
    server.create("bench_deliver")
    store = Store(server.url("bench_deliver").replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        migrate(store)
        clock = SystemClock()
        sealer = Sealer(KeyRing.generate("aes"))
        _fill(store, sealer, port, options, dead=dead)
        server.tidy("bench_deliver")
        deps = DeliverDeps(
            store, {"webhook": WebhookNotifier(clock)}, sealer, clock, concurrency=options.concurrency
        )
        started = datetime.now(UTC)
        cpu, postgres = time.process_time(), server.cpu_s()
        report = run(deps)
        cpu, postgres = time.process_time() - cpu, server.cpu_s() - postgres
        if report.counts["delivered"] != options.messages:
            raise SystemExit(
                f"delivered {report.counts} (expected {options.messages}); the figures would mean nothing"
            )
        ends = _ends_s(store, started)
    finally:
        store.close()
        server.drop("bench_deliver")
    count = options.messages
    return Sample(
        per_s=count / ends[-1],
        hub_us=cpu / count * 1e6,
        postgres_us=postgres / count * 1e6,
        p50_s=ends[count // 2],
        p99_s=ends[count * 99 // 100],
    )


def _fill(store: Store, sealer: Sealer, port: int, options: argparse.Namespace, *, dead: bool) -> None:
    names = [f"D{number:03d}" for number in range(options.departments)]
    body = json.dumps({"type": "order.created", "why": "x" * (options.body - 40)}).encode()
    now = datetime.now(UTC)
    messages = [
        NewMessage(names[n % len(names)], "order.created", body, now) for n in range(options.messages)
    ]
    if dead:
        messages += [NewMessage(_DEAD, "order.created", body, now) for _ in range(options.messages // 10)]
    with store.begin() as connection:
        for name in [*names, _DEAD]:
            connection.execute(
                text(
                    "INSERT INTO organisation (code, name, level, config_version) VALUES (:code, :code, 'county', 1)"
                ),
                {"code": name},
            )
            path, timeout_s = ("dead", _DEAD_TIMEOUT_S) if name == _DEAD else ("webhook", 15.0)
            url = f"http://127.0.0.1:{port}/{path}"
            endpoint = Endpoint(name, name, "webhook", url, (generate_secret(),), timeout_s)
            endpoints.put(connection, sealer, endpoint, config_version=1)
        outbox.enqueue(connection, messages)


def _ends_s(store: Store, started: datetime) -> list[float]:
    """Seconds from the start at which each delivered message was answered, ascending."""
    with store.begin() as connection:
        rows = connection.execute(
            text("SELECT started_at, duration_ms FROM delivery_attempt WHERE outcome = 'delivered'")
        )
        return sorted((row.started_at - started).total_seconds() + row.duration_ms / 1_000 for row in rows)


@contextmanager
def _receiver() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("receiver.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.communicate(timeout=10)


def _print(options: argparse.Namespace, version: str, alone: list[Sample], beside: list[Sample]) -> None:
    later = statistics.median(b.p99_s / a.p99_s - 1 for a, b in zip(alone, beside, strict=True))
    if options.json:
        document = {
            "alone": [asdict(sample) for sample in alone],
            "beside_a_dead_department": [asdict(sample) for sample in beside],
            "p99_later": later,
        }
        print(json.dumps(document, indent=2))
        return
    print(
        f"{options.messages:,} messages of {options.body} bytes to {options.departments} departments, "
        f"{options.concurrency} under way; {os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL "
        f"{version}, fsync on, load {os.getloadavg()[0]:.1f}; medians of {options.repeat} (best)"
    )
    for name, samples in (("all departments answer", alone), ("one department is dead", beside)):
        rates = [sample.per_s for sample in samples]
        print(
            f"{name}: {statistics.median(rates):,.0f} ({max(rates):,.0f}) deliveries/s, CPU per delivery "
            f"{statistics.median(s.hub_us for s in samples):.0f} µs hub + "
            f"{statistics.median(s.postgres_us for s in samples):.0f} µs PostgreSQL, p50 "
            f"{statistics.median(s.p50_s for s in samples):.2f} s, p99 {statistics.median(s.p99_s for s in samples):.2f} s"
        )
    print(f"p99 of the others beside a dead department: {later:+.0%}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--departments", type=int, default=20)
    parser.add_argument("--body", type=int, default=2_000, help="bytes of a message")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--postgres", type=Path, help="folder of initdb and postgres; by default the first found"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
