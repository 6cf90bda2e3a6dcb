"""Typed settings of a hub process: what it needs to start. Where each value comes from is `hub.runtime`'s business.

Organisations, routing, categories, rules and thresholds are not here: they are data in PostgreSQL, with versions.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("no time zone has this name (expected one such as Asia/Shanghai)") from None
    return name


def _network(cidr: str) -> str:
    try:
        ip_network(cidr, strict=False)
    except ValueError:
        raise ValueError("is no network (expected a CIDR such as 10.0.0.0/8)") from None
    return cidr


ZoneName = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]


class Section(BaseModel):
    """Base of every part of the settings: frozen; a misspelt name is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CountySettings(Section):
    """Whose hub this is."""

    name: str = Field(default="示例县", description="For whoever reads this file.")
    region: str = Field(
        default="411521", pattern=r"^\d{6}$", description="GB/T 2260 code; head of every number."
    )
    contact: str = Field(default="", description="Telephone of the handling office, printed on orders.")


class ChannelConfig(Section):
    """One configured channel: two hotlines are two of these under different names."""

    channel: Slug = Field(description="Name of the channel that a plugin brings.")
    enabled: bool = Field(default=True, description="Whether it is collected; its records stay either way.")
    owner: str = Field(default="", description="Who answers for this source (R75).")
    error_return: str = Field(
        default="",
        description="To whom its errors go back, such as a mail address or an extension (R75); the owner when empty.",
    )
    every_s: int = Field(default=300, ge=1, le=86_400, description="Seconds between two collections.")
    deferred: bool = Field(default=False, description="Land only; normalize in a step of its own.")
    source_timezone: ZoneName = Field(
        default="Asia/Shanghai", description="Zone of the source's naive times."
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="The channel's own settings.")


class DeliverySettings(Section):
    """How messages reach departments."""

    allowed_networks: tuple[Network, ...] = Field(
        default=("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        description="CIDRs that a webhook may point at; everything else is refused (departments live on private networks).",
    )
    concurrency: int = Field(default=32, ge=1, le=256, description="Deliveries under way at once.")
    max_attempts: int = Field(
        default=10, ge=1, le=24, description="After so many failures a message is given up."
    )


class EvaluateSettings(Section):
    """How rules see time."""

    max_event_age_days: int = Field(
        default=90,
        ge=1,
        description="A signal whose latest demand is older is historical and never issued by itself.",
    )
    batch: int = Field(default=20, ge=1, le=500, description="Work rows judged in one transaction.")


class SuggestSettings(Section):
    """A model beside the rules that suggests categories and summaries; off until a classifier is named."""

    classifier: Slug | None = Field(
        default=None, description="Name of the classifier that a plugin brings; unset: nothing is asked."
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="The classifier's own settings.")
    calls_a_day: int = Field(
        default=200, ge=1, le=100_000, description="Calls a day of the county, all processes together."
    )
    tokens_a_day: int = Field(
        default=200_000,
        ge=1,
        le=1_000_000_000,
        description="Tokens a day; the call that passes it is the last.",
    )
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="Longest time of one call.")
    batch: int = Field(default=10, ge=1, le=500, description="Demands, and signals, asked for in one pass.")
    every_s: float = Field(default=60.0, gt=0, description="Seconds between two passes of `hub serve`.")
    max_age_days: int = Field(
        default=7, ge=1, le=365, description="Nothing is asked for what was received earlier."
    )


class ServeSettings(Section):
    """`hub serve` and `hub exporter`."""

    host: str = Field(default="127.0.0.1", description="Address of /healthz and /metrics.")
    port: int = Field(default=8750, ge=0, le=65_535, description="Port of `hub serve`; 0 for any.")
    exporter_port: int = Field(
        default=9750, ge=0, le=65_535, description="Port of `hub exporter`; 0 for any."
    )
    pipeline_every_s: float = Field(
        default=2.0, gt=0, description="Longest wait before pending work is looked for."
    )


class ApiSettings(Section):
    """The inbound door of `hub serve`, to which sources push their records; closed until it has a port."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. TLS is the reverse proxy's: the door itself speaks plain HTTP.",
    )
    port: int | None = Field(
        default=None, ge=0, le=65_535, description="Port, 0 for any; unset: no door, nothing is received."
    )
    concurrency: int = Field(
        default=4, ge=1, le=32, description="Pushes that are proven and landed at once; others wait."
    )
    max_body_bytes: int = Field(
        default=8 << 20, ge=1_024, le=64 << 20, description="Largest body of one push; a larger one gets 413."
    )
    max_records: int = Field(
        default=2_000, ge=1, le=20_000, description="Most records of one push; more get 413."
    )
    body_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Longest time that a body may take to arrive; then 408."
    )
    rate_per_s: float = Field(
        default=20.0,
        gt=0,
        description="Proven pushes a second for each channel, all processes together; more get 429.",
    )
    burst: int = Field(default=100, ge=1, description="Pushes that may come at once after a pause.")


class HubSettings(Section):
    """Everything that hub.yaml, the environment and the command line may set."""

    home: Path = Field(
        default=Path("~/.local/share/weisu-hub"),
        description="Keys, and the private database where none is set.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="postgresql://user@host/name; unset: a private server."
    )
    pg_bin: Path | None = Field(
        default=None, description="Folder with postgres and initdb for the private server."
    )
    keys_file: Path | None = Field(
        default=None,
        description="Key ring; default <home>/keys.json. Never beside the database in production.",
    )
    key_profile: Literal["aes", "sm"] = Field(
        default="aes", description="AES-256-GCM with SHA-256, or SM4-GCM with SM3; for new key rings."
    )
    secrets_dir: Path | None = Field(default=None, description="Folder with one file a secret.")
    county: CountySettings = CountySettings()
    channels: dict[Slug, ChannelConfig] = Field(default_factory=dict)
    sources: tuple[Path, ...] = Field(
        default=(),
        description="Files of sources without code, each of which brings a channel; relative to this file.",
    )
    plugins_disabled: tuple[str, ...] = Field(default=(), description="Plugins that are not loaded.")
    stop_list: tuple[str, ...] = Field(
        default=(), description="Telephones that are nobody: a window's own, a cadre's, an agent's."
    )
    evaluate: EvaluateSettings = EvaluateSettings()
    delivery: DeliverySettings = DeliverySettings()
    suggest: SuggestSettings = SuggestSettings()
    serve: ServeSettings = ServeSettings()
    api: ApiSettings = ApiSettings()
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged, on stderr."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text where stderr is a terminal, JSON lines elsewhere."
    )
