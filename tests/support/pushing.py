"""A hub whose app may push to it, the door to it, and knocks on that door."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hub.api.door import InboundDoor
from hub.clock import Clock
from hub.model.ids import new_ulid
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.sdk.signing import generate_secret, sign

SECRET = generate_secret()
BEGAN = datetime.now(UTC) - timedelta(hours=1)
RECORDS = "/v1/channels/app/records"
PERSON = {"userName": "张三丰", "mobile": "13812345678", "openId": "oXfeng0001"}


def appeal(index: int, at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """A record of the app, submitted and updated at that moment; by default about an hour ago, the same whenever it is asked for."""
    moment = at or BEGAN + timedelta(milliseconds=index)
    time = int(moment.timestamp() * 1000)
    return {
        "appealId": f"AP{index:012d}",
        "type": "投诉",
        "title": "窗口没有人",
        "content": f"第{index}次到窗口，没有人受理。",
        "status": "submitted",
        "createTime": time,
        "updateTime": time,
        **PERSON,
        **fields,
    }


def body_of(*records: Any) -> bytes:
    """A push's body with these records."""
    return json.dumps({"records": records}, ensure_ascii=False).encode()


def app_config(folder: Path, database_url: str, **settings: Any) -> dict[str, Any]:
    """A hub.yaml as a document: the app's channel, pushed to, its secret in a file."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    (secrets / "app_signing").write_text(SECRET)
    return {
        "home": str(folder / "home"),
        "database_url": database_url,
        "secrets_dir": str(secrets),
        "log_format": "json",
        "serve": {"pipeline_every_s": 0.2},
        "api": {"port": 0, "rate_per_s": 10_000, "burst": 10_000},
        "channels": {
            "app": {
                "channel": "app",
                "every_s": 3_600,
                "settings": {"push": {"secrets": ["app_signing"]}},
            }
        },
        **settings,
    }


def _flat(document: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and name != "settings":
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value


def app_hub(document: Mapping[str, Any], *, clock: Clock | None = None, **changed: Any) -> Hub:
    """A hub of that document in this process; ``changed`` by dotted name, dots as ``__``."""
    overrides = dict(_flat(document)) | {name.replace("__", "."): value for name, value in changed.items()}
    return Hub(load(overrides=overrides, environ={}), clock=clock)


@contextmanager
def open_door(hub: Hub, on_received: Any = None) -> Iterator[InboundDoor]:
    """The door of that hub, open."""
    door = InboundDoor(hub, on_received)
    try:
        yield door.start()
    finally:
        door.stop()


@dataclass(frozen=True)
class Answer:
    """What the door said."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Collected, stored, duplicate, quarantined, pending."""
        names = ("collected", "stored", "duplicate", "quarantined", "pending")
        collected, stored, duplicate, quarantined, pending = (self.document[name] for name in names)
        return collected, stored, duplicate, quarantined, pending


def knock(
    url: str,
    body: bytes | Sequence[bytes],
    headers: Mapping[str, str],
    *,
    path: str = RECORDS,
    method: str = "POST",
    timeout_s: float = 60.0,
) -> Answer:
    """One request; a body in parts is sent in chunks."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)
    try:
        sent = body if isinstance(body, bytes) else iter(body)
        connection.request(method, path, sent, dict(headers), encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        return Answer(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
    finally:
        connection.close()


def signed(
    body: bytes, *, key: str | None = None, at: datetime | None = None, secret: str = SECRET
) -> dict[str, str]:
    """The headers that prove a push."""
    moment = at or datetime.now(UTC)
    return {"Content-Type": "application/json", **sign(secret, key or f"msg_{new_ulid()}", moment, body)}


def push(url: str, *records: Any, key: str | None = None, path: str = RECORDS) -> Answer:
    """A push of these records as a careful source sends it."""
    body = body_of(*records)
    return knock(url, body, signed(body, key=key), path=path)
