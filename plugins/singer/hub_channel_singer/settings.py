"""Settings of a Singer tap, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from hub.sdk import ChannelSettings
from hub.sdk.declarative.rules import FieldRules, FlagRule, RecordRules, Short, TextRule, VersionRule

# What a record has beside its own members; see `hub_channel_singer.mapping`.
KEY_COLUMN = "_key"
DELETED_COLUMN = "_deleted"

_SECRETIVE = re.compile(
    r"(password|passwd|secret|private_key|api_key|access_token|refresh_token|auth_token)$"
)
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]+$")]


class RecordOfTap(ChannelSettings):
    """What a record of the tap is known by.

    Attributes:
        number: Its number; by default the key properties that the tap's schema names. It stands in plain in the store: never a telephone number.
        version: What tells an older state from a newer one; none: a record that differs from the one before is newer.
        deleted: Whether the source says that it is gone; by default, whether ``_sdc_deleted_at`` holds something.
    """

    number: TextRule = TextRule(column=KEY_COLUMN)
    version: VersionRule | None = None
    deleted: FlagRule | None = FlagRule(column=DELETED_COLUMN)

    @property
    def is_known_by_key(self) -> bool:
        """Whether its number is made of the tap's key properties."""
        return self.number.places == (KEY_COLUMN,)


class TapStream(ChannelSettings):
    """One stream of the tap, and what a demand is read from.

    Attributes:
        fields: Field of a demand -> where it is read from, as in a source without code; a place is a path in the record.
        record: What a record is known by.
        prefix: Before every number, such as ``c:``; needed as soon as two streams are taken, and never changed afterwards.
        method: Replication asked for, where the tap leaves the choice.
        replication_key: The property by which an incremental reading goes on, where the tap leaves the choice.
        may_be_silent: The tap may end well without a word of this stream; otherwise that is an error.
    """

    fields: FieldRules
    record: RecordOfTap = RecordOfTap()
    prefix: str = Field(default="", pattern=r"^$|^[A-Za-z0-9_.-]{1,20}:$")
    method: Literal["FULL_TABLE", "INCREMENTAL", "LOG_BASED"] | None = None
    replication_key: Short | None = None
    may_be_silent: bool = False

    @property
    def rules(self) -> RecordRules:
        """As a source without code has them."""
        return RecordRules(
            number=self.record.number, version=self.record.version, deleted=self.record.deleted
        )


class TapLimits(ChannelSettings):
    """What one run of the tap may cost.

    Attributes:
        discover_s: For the catalog.
        silent_s: Longest time without a word of the tap.
        run_s: For one whole run; what was read by then is kept, and the next run goes on from the tap's last state.
        line_bytes: Of one message.
        catalog_bytes: Of the catalog.
        page_records: Records that become durable together.
    """

    discover_s: float = Field(default=120.0, gt=0, le=300)
    silent_s: float = Field(default=300.0, gt=0, le=86_400)
    run_s: float = Field(default=6 * 3_600.0, gt=0, le=7 * 86_400)
    line_bytes: int = Field(default=8 << 20, ge=1_024, le=256 << 20)
    catalog_bytes: int = Field(default=32 << 20, ge=1_024, le=256 << 20)
    page_records: int = Field(default=500, ge=1, le=10_000)


class SingerSettings(ChannelSettings):
    """One Singer tap.

    Attributes:
        executable: The tap: an absolute path, or a name on the PATH. It is never run by a shell.
        arguments: Further arguments, before the tap's usual ones.
        config: The tap's configuration, but for its secrets.
        secrets: Place in the configuration, such as ``auth.password`` -> name of the secret that belongs there.
        environment: Environment variables of the tap, which gets none of the hub's own.
        environment_secrets: Environment variable -> name of the secret that it holds.
        streams: Stream of the tap -> what becomes of its records; no other stream is taken.
        catalog: ``discover``: the tap is asked for its catalog, and gets it back with the streams selected; ``properties``: likewise, for an old tap
            that wants it as ``--properties``; ``none``: for a tap that knows no catalog.
        since_key: Name in the configuration under which the tap takes the beginning of ``hub channel run --since``, such as ``start_date``.
        state: ``as_sent``: a reading that was cut off goes on from the tap's last state; ``at_the_end``: only a whole one moves the position, for a
            tap that sends its state before the records.
        replaced: A tap that reads a whole table anew says which records to drop (ACTIVATE_VERSION). ``refuse``: an error; ``keep``: records that
            are gone from the table stay in the hub, with a warning.
        limits: Times and sizes.
    """

    executable: str = Field(min_length=1, max_length=1_000)
    arguments: tuple[Argument, ...] = Field(default=(), max_length=50)
    config: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, SecretName] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    environment_secrets: dict[str, SecretName] = Field(default_factory=dict)
    streams: dict[str, TapStream] = Field(min_length=1, max_length=100)
    catalog: Literal["discover", "properties", "none"] = "discover"
    since_key: Short | None = None
    state: Literal["as_sent", "at_the_end"] = "as_sent"
    replaced: Literal["refuse", "keep"] = "refuse"
    limits: TapLimits = TapLimits()

    @field_validator("executable")
    @classmethod
    def _is_a_program(cls, value: str) -> str:
        if "\x00" in value or ("/" in value and not value.startswith("/")):
            raise ValueError("must be an absolute path or a bare name on the PATH")
        return value

    @field_validator("environment", "environment_secrets")
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [
            name for name in value if not _ENVIRONMENT.fullmatch(name) or name.upper().startswith("HUB_")
        ]
        if wrong:
            raise ValueError("names must be letters, digits and _, and not begin with HUB_")
        if any("\x00" in text for text in value.values()):
            raise ValueError("a value must not hold a NUL character")
        return value

    @field_validator("config")
    @classmethod
    def _holds_no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        found = sorted(path for path, text in _texts(value) if text and _SECRETIVE.search(path))
        if found:
            raise ValueError(
                f"{', '.join(found)}: write the name of a secret under `secrets`, never its value here"
            )
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        prefixes = [one.prefix for one in self.streams.values()]
        if len(prefixes) > 1 and ("" in prefixes or len(set(prefixes)) < len(prefixes)):
            raise ValueError(
                "streams: with more than one, each has a prefix of its own, for their numbers are told apart by it"
            )
        for path in self.secrets:
            inner: Any = self.config
            for step in path.split(".")[:-1]:
                inner = inner.get(step, {}) if isinstance(inner, dict) else None
            if not all(path.split(".")) or not isinstance(inner, dict):
                raise ValueError(
                    f"secrets: {path!r} is no place in config (expected names with full stops between them)"
                )
        return self


def _texts(value: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        path = f"{at}.{name}" if at else str(name)
        if isinstance(inner, Mapping):
            yield from _texts(inner, path)
        elif isinstance(inner, str):
            yield path, inner
