"""A small simulated county on loopback: a portal, a mailbox, two departments that receive, and a folder that remembers.

The folder holds the seed, when the county began and which batches have arrived, so that it says the same again after a
restart, and something new. It also holds a hub.yaml, so that any `hub` command can look at the same hub.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from hub.clock import Clock
from hub.county.imap_server import ImapServer
from hub.county.portal_server import PortalServer
from hub.county.receivers import DepartmentReceiver
from hub.county.traffic import TOPICS, Planted, Traffic
from hub.errors import Code, ConfigError
from hub.sdk.signing import generate_secret

MAIL_USER = "tousu@county.example"
OFFICE = "zwfw-office"
# Organisation code -> (name, aliases); the first two have a webhook.
DEPARTMENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "natural-resources": ("县自然资源局", ("自然资源局", "不动产登记中心")),
    "emergency": ("县应急管理局", ("应急管理局",)),
}


class SimulatedCounty:
    """The county's servers and its memory; start it, let batches arrive, stop it.

    Args:
        home: Folder of this county; made, mode 0700, where it is missing.
        seed: For a county that begins now; one that has begun keeps its own. None: 1.
        sheet: Records that the portal serves instead of the seeded ones (`hub.county.portal_sheet`).

    Raises:
        ConfigError: The folder holds a county of another seed than the one asked for.
    """

    def __init__(
        self, home: Path, clock: Clock, *, seed: int | None = None, sheet: list[dict[str, Any]] | None = None
    ) -> None:
        self.home = home
        self._clock = clock
        self._sheet = sheet
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = self._remember(seed)
        began = datetime.fromisoformat(self._memory["began_at"])
        self.seed: int = self._memory["seed"]
        self._traffic = Traffic(self.seed, began)
        self._secrets = self._own_secrets()
        self.portal = PortalServer(sheet or ())
        self.mail = ImapServer({MAIL_USER: self._secrets["mailbox_password"]})
        self.receivers = {
            code: DepartmentReceiver(
                DEPARTMENTS[code][0],
                self._secrets[f"webhook_{code}"],
                effects_file=home / f"received-{code}.txt",
                clock=clock,
            )
            for code in DEPARTMENTS
        }
        self._started: list[Any] = []

    @property
    def planted(self) -> Planted:
        """The truth about everything that has arrived so far."""
        return self._traffic.planted

    @property
    def config_file(self) -> Path:
        """The hub.yaml of this county's hub, as written by `start`."""
        return self.home / "hub.yaml"

    @property
    def own(self) -> dict[str, str]:
        """Settings that belong to this county whatever the environment says: its hub's home and its secrets."""
        return {"home": str(self.home / "hub"), "secrets_dir": str(self.home / "secrets")}

    def start(self) -> None:
        """Starts the servers with all that had arrived before, and writes hub.yaml."""
        try:
            servers: tuple[Any, ...] = (self.portal, self.mail, *self.receivers.values())
            for server in servers:
                server.start()
                self._started.append(server)
            for number, moment in enumerate(self._memory["batches"]):
                self._arrive(number, datetime.fromisoformat(moment))
            self.config_file.write_text(self._hub_yaml(), encoding="utf-8")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every server; safe to repeat."""
        while self._started:
            self._started.pop().stop()

    def __enter__(self) -> SimulatedCounty:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def next_batch(self) -> tuple[int, int]:
        """Lets the next batch arrive now; how many portal records and mails it holds."""
        number = len(self._memory["batches"])
        now = self._clock.now()
        arrived = self._arrive(number, now)
        self._memory["batches"].append(now.isoformat())
        self._write(self.home / "county.json", json.dumps(self._memory))
        return arrived

    def _arrive(self, number: int, moment: datetime) -> tuple[int, int]:
        batch = self._traffic.batch(number, moment)
        if self._sheet is None:
            for record in batch.portal:
                self.portal.add(record)
        for at, mail in batch.mails:
            self.mail.append(MAIL_USER, mail, at)
        return (len(batch.portal) if self._sheet is None else 0, len(batch.mails))

    def document(self) -> dict[str, Any]:
        """What `hub config apply` imports: the county's organisations, their webhooks, and who is asked for what."""
        return {
            "organisations": [
                {
                    "code": OFFICE,
                    "name": "县政务服务和大数据管理局处置办理股室",
                    "level": "county",
                    "handling_office": True,
                },
                *(
                    {"code": code, "name": name, "level": "county", "aliases": list(aliases)}
                    for code, (name, aliases) in DEPARTMENTS.items()
                ),
            ],
            "endpoints": [
                {
                    "id": f"{code}-webhook",
                    "organisation": code,
                    "url": receiver.url,
                    "secrets": [f"webhook_{code}"],
                }
                for code, receiver in self.receivers.items()
            ],
            "routing": [
                {
                    "id": "danger",
                    "priority": 10,
                    "matches": {"label": ["人身安全"]},
                    "organisation": "emergency",
                },
                {
                    "id": "real-estate",
                    "priority": 20,
                    "matches": {"item_code": [TOPICS[0].item_code]},
                    "organisation": "natural-resources",
                },
            ],
            "rules": [],
        }

    def _hub_yaml(self) -> str:
        portal = {
            "channel": "portal",
            "owner": "政务服务数据股",
            "every_s": 5,
            "settings": {"base_url": self.portal.url},
        }
        mailbox = {
            "channel": "mailbox",
            "owner": "处置办理股室",
            "every_s": 5,
            "settings": {
                "host": self.mail.host,
                "port": self.mail.port,
                "security": "plain",
                "user": MAIL_USER,
                "password_secret": "mailbox_password",
            },
        }
        document = {
            **self.own,
            "county": {"name": "示例县", "region": "411521", "contact": "0376-0000000"},
            "channels": {"portal": portal, "mailbox": mailbox},
        }
        head = "# Written by `hub demo`; the addresses change with every start.\n"
        return head + yaml.safe_dump(document, allow_unicode=True, sort_keys=False)

    def _remember(self, seed: int | None) -> dict[str, Any]:
        file = self.home / "county.json"
        if file.exists():
            memory: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if seed is not None and seed != memory["seed"]:
                raise ConfigError(
                    f"the county in {self.home} began with seed {memory['seed']}, not {seed}; "
                    "leave --seed out to go on with it, or give --home another folder for a new county",
                    code=Code.CONFIG_INVALID,
                )
            return memory
        began = self._clock.now().isoformat()
        memory = {"seed": 1 if seed is None else seed, "began_at": began, "batches": []}
        self._write(file, json.dumps(memory))
        return memory

    def _own_secrets(self) -> dict[str, str]:
        """Secrets of the county's servers, made once; each in a file of its own, as a real hub reads them."""
        folder = self.home / "secrets"
        folder.mkdir(exist_ok=True, mode=0o700)
        wanted = {"mailbox_password": secrets.token_urlsafe(18)}
        wanted |= {f"webhook_{code}": generate_secret() for code in DEPARTMENTS}
        found = {}
        for name, fresh in wanted.items():
            file = folder / name
            if not file.exists():
                self._write(file, fresh)
            found[name] = file.read_text(encoding="utf-8").strip()
        return found

    def _write(self, file: Path, content: str) -> None:
        """Whole or not at all, readable by nobody else."""
        scratch = file.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_text(content, encoding="utf-8")
        scratch.replace(file)
