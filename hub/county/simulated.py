"""The simulated county on loopback: a source for each channel whose plugin is installed, departments that receive, and a folder that remembers.

The folder holds the seed, when the county began and which batches have arrived, so that it says the same again after a
restart, and something new. It also holds a hub.yaml, so that any `hub` command can look at the same hub.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from hub.clock import Clock
from hub.county.gazetteer import gazetteer
from hub.county.portal_server import PortalServer
from hub.county.receivers import DepartmentReceiver
from hub.county.sites import Ground, Site, build, installed, secrets_of
from hub.county.sites.portal import PortalSite
from hub.county.world.batches import Batches
from hub.county.world.events import SHARED_PHONES
from hub.county.world.people import Person
from hub.county.world.places import Places
from hub.county.world.planted import Planted
from hub.county.world.subjects import DEPARTMENTS, ITEMS
from hub.errors import Code, ConfigError
from hub.sdk.signing import generate_secret

OFFICE = "zwfw-office"
# What nobody else can be told, and what concerns somebody's conduct, goes to the handling office.
RECEIVERS = {
    OFFICE: "县政务服务和大数据管理局处置办理股室",
    **{code: department.name for code, department in DEPARTMENTS.items()},
}
# Changes with the words of the world: a county that began with others cannot be gone on with.
WORLD = 2


class SimulatedCounty:
    """The county's servers and its memory; start it, let batches arrive, stop it.

    Args:
        home: Folder of this county; made, mode 0700, where it is missing.
        seed: For a county that begins now; one that has begun keeps its own. None: 1.
        sheet: Records that the portal serves instead of the seeded ones (`hub.county.portal_sheet`).
        channels: Whose sites stand here; None: of every channel whose plugin is installed.

    Raises:
        ConfigError: The folder holds a county of another seed than the one asked for, or of an older version of this one.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        *,
        seed: int | None = None,
        sheet: list[dict[str, Any]] | None = None,
        channels: Collection[str] | None = None,
    ) -> None:
        self.home = home
        self._clock = clock
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = self._remember(seed)
        self.seed: int = self._memory["seed"]
        self._batches = Batches(self.seed)
        standing = sorted(channels) if channels is not None else installed()
        self._secrets = self._own_secrets(standing)
        ground = Ground(home, clock, self._secrets)
        self.sites: dict[str, Site] = {channel: build(channel, ground) for channel in standing}
        if sheet is not None:
            self._portal_site.show(sheet)
        self.receivers = {
            code: DepartmentReceiver(
                name,
                self._secrets[f"webhook_{code}"],
                effects_file=home / f"received-{code}.txt",
                clock=clock,
            )
            for code, name in RECEIVERS.items()
        }
        self._started: list[Any] = []

    @property
    def planted(self) -> Planted:
        """The truth about everything that has arrived so far at the sites that stand here."""
        planted = self._batches.planted
        return planted.model_copy(update={"bad": {name: planted.bad.get(name, 0) for name in self.sites}})

    @property
    def people(self) -> list[Person]:
        """Everybody who has spoken so far, to whichever channel: their data must never stand anywhere in plain."""
        return list(self._batches.truth.people.values())

    @property
    def portal(self) -> PortalServer:
        """The portal's server."""
        return self._portal_site.server

    @property
    def _portal_site(self) -> PortalSite:
        site = self.sites["portal"]
        assert isinstance(site, PortalSite)
        return site

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
            servers: tuple[Any, ...] = (*self.sites.values(), *self.receivers.values())
            for server in servers:
                server.start()
                self._started.append(server)
            for number, moment in enumerate(self._memory["batches"]):
                self._arrive(number, datetime.fromisoformat(moment), again=True)
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

    def next_batch(self) -> dict[str, int]:
        """Lets the next batch arrive now; instance -> how many of its records are new or changed."""
        number = len(self._memory["batches"])
        now = self._clock.now()
        # Remembered first: what a killed process wrote into a folder is not written a second time.
        self._memory["batches"].append(now.isoformat())
        self._write(self.home / "county.json", json.dumps(self._memory))
        return self._arrive(number, now, again=False)

    def _arrive(self, number: int, moment: datetime, *, again: bool) -> dict[str, int]:
        batch = self._batches.batch(number, moment)
        return {
            instance: site.arrive(batch.of(site.channel), number=number, again=again)
            for instance, site in self.sites.items()
        }

    def document(self) -> dict[str, Any]:
        """What `hub config apply` imports: the county's organisations, their webhooks, and who is asked for what."""
        return {
            "organisations": [
                {
                    "code": OFFICE,
                    "name": RECEIVERS[OFFICE],
                    "level": "county",
                    "handling_office": True,
                },
                *(
                    {"code": one.code, "name": one.name, "level": "county", "aliases": list(one.aliases)}
                    for one in DEPARTMENTS.values()
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
                *(
                    {
                        "id": f"items-{code}",
                        "priority": 20,
                        "matches": {"item_code": [one.code for one in ITEMS if one.department == code]},
                        "organisation": code,
                    }
                    for code in dict.fromkeys(one.department for one in ITEMS)
                ),
            ],
            "rules": [],
            **gazetteer(Places(self.seed)),
        }

    def _hub_yaml(self) -> str:
        document = {
            **self.own,
            "county": {"name": "示例县", "region": "411521", "contact": "0376-0000000"},
            # Numbers that many people leave name nobody.
            "stop_list": list(SHARED_PHONES),
            "channels": {
                instance: {
                    "channel": site.channel,
                    "owner": site.owner,
                    "every_s": 5,
                    "settings": dict(site.settings()),
                }
                for instance, site in self.sites.items()
            },
        }
        head = "# Written by `hub demo`; the addresses change with every start.\n"
        return head + yaml.safe_dump(document, allow_unicode=True, sort_keys=False)

    def _remember(self, seed: int | None) -> dict[str, Any]:
        file = self.home / "county.json"
        if not file.exists():
            memory = {
                "world": WORLD,
                "seed": 1 if seed is None else seed,
                "began_at": self._clock.now().isoformat(),
                "batches": [],
            }
            self._write(file, json.dumps(memory))
            return memory
        memory = json.loads(file.read_text(encoding="utf-8"))
        if memory.get("world") != WORLD:
            raise ConfigError(
                f"the county in {self.home} was begun by another version (its world is {memory.get('world', 1)}, expected {WORLD}) and would "
                "not say again what it has said; give --home another folder, or remove this one, for a new county",
                code=Code.CONFIG_INVALID,
            )
        if seed is not None and seed != memory["seed"]:
            raise ConfigError(
                f"the county in {self.home} began with seed {memory['seed']}, not {seed}; "
                "leave --seed out to go on with it, or give --home another folder for a new county",
                code=Code.CONFIG_INVALID,
            )
        return dict(memory)

    def _own_secrets(self, channels: Collection[str]) -> Mapping[str, str]:
        """Secrets of the county's servers, made once; each in a file of its own, as a real hub reads them."""
        folder = self.home / "secrets"
        folder.mkdir(exist_ok=True, mode=0o700)
        wanted = {name: secrets.token_urlsafe(18) for name in secrets_of(channels)}
        wanted |= {f"webhook_{code}": generate_secret() for code in RECEIVERS}
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
