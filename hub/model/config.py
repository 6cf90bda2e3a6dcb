"""The document of `hub config apply`: organisations, endpoints, routing, rules, categories, places, as data (design decision 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from hub.errors import Code, ConfigError
from hub.model.category import CategoriesSection
from hub.model.demand import Emitted
from hub.model.holding import CardGroup, InhibitEntry, MuteEntry
from hub.model.lexicon import LexiconSection
from hub.model.place import MOST_PLACES, MOST_REGIONS, PlaceEntry, RegionEntry, place_faults, region_faults
from hub.model.score_table import ScoreTable

OrganisationCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class OrganisationLevel(StrEnum):
    """县直 / 乡镇 / 街道 / 村社区 / 窗口 (R5)."""

    COUNTY = "county"
    TOWNSHIP = "township"
    STREET = "street"
    VILLAGE = "village"
    WINDOW = "window"


class MatchField(StrEnum):
    """What a routing rule may look at; ``item_code`` and ``region_code`` match by their beginning, the others whole."""

    CATEGORY = "category"
    ITEM_CODE = "item_code"
    TARGET_ORG = "target_org"
    RULE_ID = "rule_id"
    CHANNEL = "channel"
    REGION_CODE = "region_code"
    DEMAND_TYPE = "demand_type"
    LABEL = "label"


class OrganisationEntry(Emitted):
    """One organisation (单位). ``aliases`` are other names under which sources call it."""

    code: OrganisationCode
    name: Text
    level: OrganisationLevel
    aliases: tuple[Text, ...] = ()
    handling_office: bool = False  # 处置办理股室: receives what nobody else may or can


class EndpointEntry(Emitted):
    """Where an organisation receives messages. ``secrets`` are names, the active one first; their values stand elsewhere."""

    id: OrganisationCode
    organisation: OrganisationCode
    kind: str = Field(default="webhook", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    url: str = Field(pattern=r"^https?://[^\s/]+", max_length=2_000)
    secrets: tuple[SecretName, ...] = Field(min_length=1, max_length=2)
    timeout_s: float = Field(default=15.0, gt=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _no_values(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and {"secret", "secret_value", "secret_values"} & set(given):
            raise ValueError(
                "holds a secret itself: name it under 'secrets' and keep its value in HUB_SECRET_<NAME> or a secret file"
            )
        return given

    @field_validator("secrets")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(name.startswith("whsec_") for name in names):
            raise ValueError("holds a secret's value where its name belongs: keep the value in a secret file")
        return names


class RoutingEntry(Emitted):
    """One line of 派单目录: a demand that meets every condition is the organisation's; lower ``priority`` is asked first.

    Attributes:
        matches: Field -> values, one of which must fit.
    """

    id: OrganisationCode
    priority: int = Field(default=100, ge=0, le=1_000_000)
    matches: dict[MatchField, tuple[Text, ...]] = Field(min_length=1)
    organisation: OrganisationCode

    @field_validator("matches")
    @classmethod
    def _values(cls, matches: dict[MatchField, tuple[str, ...]]) -> dict[MatchField, tuple[str, ...]]:
        empty = sorted(field for field, values in matches.items() if not values)
        if empty:
            raise ValueError(f"{', '.join(empty)}: an empty list of values never fits: name one at least")
        return matches


class RuleEntry(Emitted):
    """Parameters of one warning rule (R37): what is not named keeps the rule's default.

    Attributes:
        owner: Who answers for the rule, an office or a person's post.
        valid_from: From when on they hold, aware; None from the moment that the document is applied.
    """

    rule_id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,39}$")
    params: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True
    reason: Text
    owner: Text | None = None
    valid_from: AwareDatetime | None = None


class ConfigDocument(Emitted):
    """All of it; the document is the whole truth: what it does not name is no longer in use.

    Attributes:
        mutes: Signals that are told at certain times only.
        inhibits: Which warnings make which signals redundant.
        cards: Groups of rules that tell of one trouble at several levels: on one case the higher card revokes the lower.
        regions: None leaves the table of regions as it stands (it may have come by `hub place import`); likewise ``places``.
        lexicon: The county's part of the sensitive lexicon; every rule that reads it is given it as a parameter.
        categories: None leaves the category catalogue as it stands, which is the hub's own before any was applied; likewise ``scores``, the deduction table.
    """

    organisations: tuple[OrganisationEntry, ...] = ()
    endpoints: tuple[EndpointEntry, ...] = ()
    routing: tuple[RoutingEntry, ...] = ()
    rules: tuple[RuleEntry, ...] = ()
    lexicon: LexiconSection | None = None
    categories: CategoriesSection | None = None
    scores: ScoreTable | None = None
    mutes: tuple[MuteEntry, ...] = ()
    inhibits: tuple[InhibitEntry, ...] = ()
    cards: tuple[CardGroup, ...] = ()
    regions: tuple[RegionEntry, ...] | None = Field(default=None, max_length=MOST_REGIONS)
    places: tuple[PlaceEntry, ...] | None = Field(default=None, max_length=MOST_PLACES)

    def faults(self) -> list[str]:
        """What does not fit together, one sentence each; nothing when all does."""
        codes = {organisation.code for organisation in self.organisations}
        found = [
            *_twice("organisations: code", (one.code for one in self.organisations)),
            *_twice("endpoints: id", (one.id for one in self.endpoints)),
            *_twice("routing: id", (one.id for one in self.routing)),
            *_twice("rules: rule_id", (one.rule_id for one in self.rules)),
            *_twice("organisations: name or alias", self._names()),
            *_twice("mutes: id", (one.id for one in self.mutes)),
            *_twice("inhibits: id", (one.id for one in self.inhibits)),
            *_twice("cards: rule", (rule_id for group in self.cards for rule_id in group)),
        ]
        for what, entries in (("endpoint", self.endpoints), ("routing", self.routing)):
            found += [
                f"{what} {entry.id!r}: organisation {entry.organisation!r} is not among the organisations "
                f"({', '.join(sorted(codes)) or 'none'}): add it or correct the code"
                for entry in entries
                if entry.organisation not in codes
            ]
        offices = [one.code for one in self.organisations if one.handling_office]
        if len(offices) > 1:
            found.append(f"organisations: {', '.join(offices)} are all marked handling_office: leave one")
        if not offices:
            found.append(
                "organisations: none is marked handling_office: true; name and mark the one that receives what nobody else can"
            )
        found += region_faults(self.regions or ())
        found += place_faults(self.places or (), {one.code for one in self.regions or ()})
        return found

    def rules_held(self) -> Iterable[tuple[str, str]]:
        """(where, rule id) of the rules that mutes, inhibits and cards name."""
        for mute in self.mutes:
            yield from ((f"mutes {mute.id!r}", rule_id) for rule_id in mute.matches.rule_id)
        for entry in self.inhibits:
            for match in (entry.source, entry.target):
                yield from ((f"inhibits {entry.id!r}", rule_id) for rule_id in match.rule_id)
        yield from (("cards", rule_id) for group in self.cards for rule_id in group)

    def _names(self) -> Iterable[str]:
        for one in self.organisations:
            yield from dict.fromkeys((one.name, *one.aliases))


def _twice(what: str, values: Iterable[str]) -> list[str]:
    counted = Counter(values)
    return [
        f"{what} {value!r} stands {n} times: each must be unique" for value, n in counted.items() if n > 1
    ]


_OF_A_PROCESS = frozenset(
    {
        "home",
        "database_url",
        "keys_file",
        "secrets_dir",
        "channels",
        "sources",
        "delivery",
        "suggest",
        "serve",
        "api",
    }
)
"""Keys by which hub.yaml is told from this document."""


def parse_document(
    source: str | Mapping[str, Any], where: str = "the configuration document"
) -> ConfigDocument:
    """The document in YAML text or in what was read from it, checked as a whole.

    Args:
        source: YAML text, or the mapping that it stands for.
        where: Named in messages: the file.

    Raises:
        ConfigError: It is no YAML, misses or misspells something, or its parts do not fit together (code
            ``config_invalid``); the message names every fault and repeats no value of an endpoint.
    """
    given: Any = _read_yaml(source, where) if isinstance(source, str) else source
    if not isinstance(given, Mapping):
        raise _invalid(
            where, [f"it is a {type(given).__name__} (expected keys such as organisations, rules)"]
        )
    if settings := sorted(_OF_A_PROCESS.intersection(given)):
        raise _invalid(
            where,
            [
                f"{', '.join(settings)}: settings of a process, which hub.yaml holds and every command reads by itself (expected the "
                "office's data: organisations, endpoints, routing, rules)"
            ],
        )
    try:
        document = ConfigDocument.model_validate(given)
    except ValidationError as exc:
        raise _invalid(where, list(_sentences(exc))) from None  # the cause would repeat values
    if faults := document.faults():
        raise _invalid(where, faults)
    return document


def _read_yaml(source: str, where: str) -> Any:
    import yaml

    from hub.model.yaml_once import NameTwice, fault_of, read_once

    try:
        return read_once(source)
    except NameTwice as exc:
        raise _invalid(where, [str(fault_of(exc))]) from None
    except yaml.YAMLError as exc:
        place = f"{fault_of(exc)}: " if fault_of(exc) else ""
        raise _invalid(where, [f"{place}it cannot be read as YAML"]) from None


def _sentences(exc: ValidationError) -> Iterable[str]:
    for error in exc.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in error["loc"]) or "document"
        yield f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _invalid(where: str, faults: list[str]) -> ConfigError:
    return ConfigError(
        f"{where} cannot be applied: {'; '.join(faults)}; nothing was changed: correct it and apply it again",
        code=Code.CONFIG_INVALID,
    )
