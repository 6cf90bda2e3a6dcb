"""Organisations, endpoints, routing and rules: imported from a document, each version kept (design decision 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Code, ConfigError
from hub.model.category import CategoriesSection, category_faults, resolved
from hub.model.config import ConfigDocument, EndpointEntry, MatchField, RuleEntry
from hub.model.holding import InhibitEntry, MuteEntry
from hub.model.score_table import ScoreTable
from hub.sdk.notify import Endpoint
from hub.sdk.rules import EVER, LexiconParams, ObservationRule, RuleParams, WarningRule
from hub.seal import Sealer
from hub.store import categories, observed_work, places, reach, seen, work
from hub.store import endpoints as endpoint_store
from hub.store.categories import CatalogueApplied
from hub.store.chain import Digest, canonical, write_audit
from hub.store.places import GazetteerApplied
from hub.store.scores import TableApplied, put_table
from hub.store.tables import config_version, endpoint, organisation, routing_rule, rule_params
from hub.text.category_catalogue import digest as digest_of
from hub.text.category_catalogue import own_entries
from hub.text.lexicon import Lexicon

_LOCK = 0x636F6E66  # "conf": one document at a time over all processes


@dataclass(frozen=True, slots=True)
class Organisation:
    """A unit that may receive orders."""

    code: str
    name: str
    level: str
    aliases: tuple[str, ...]
    handling_office: bool


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """One line of the routing table."""

    routing_id: str
    matches: Mapping[MatchField, tuple[str, ...]]
    organisation: str


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """How a rule is set now; version 0 is the rule's own defaults."""

    version: int = 0
    params: Mapping[str, Any] | None = None
    enabled: bool = True
    owner: str | None = None
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a document did.

    Attributes:
        version: The configuration's version that stands now.
        new: Whether it is a new one; False when the document was applied already.
        rejudged: Rules whose parameters changed: every stored demand waits for them again.
        renewed_secrets: Endpoints whose secrets were read anew.
        gazetteer: Regions and places that stand now.
        catalogue: The category catalogue that stands now.
        scores: The deduction table that stands now.
    """

    version: int
    new: bool
    rejudged: tuple[str, ...] = ()
    renewed_secrets: tuple[str, ...] = ()
    gazetteer: GazetteerApplied = field(default_factory=GazetteerApplied)
    catalogue: CatalogueApplied = field(default_factory=CatalogueApplied)
    scores: TableApplied = field(default_factory=TableApplied)


def organisations(connection: Connection) -> dict[str, Organisation]:
    """Every organisation in use, by code."""
    rows = connection.execute(select(organisation).where(organisation.c.active).order_by(organisation.c.code))
    return {
        row.code: Organisation(row.code, row.name, row.level, tuple(row.aliases), row.handling_office)
        for row in rows
    }


def routing(connection: Connection) -> list[RoutingRule]:
    """The routing table in the order in which it is asked."""
    rows = connection.execute(
        select(routing_rule).order_by(routing_rule.c.priority, routing_rule.c.routing_id)
    )
    return [
        RoutingRule(
            row.routing_id,
            {MatchField(field): tuple(values) for field, values in row.matches.items()},
            row.organisation,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Holding:
    """What the configuration that stands says of holding signals back."""

    mutes: tuple[MuteEntry, ...] = ()
    inhibits: tuple[InhibitEntry, ...] = ()
    cards: tuple[tuple[str, ...], ...] = ()


def holding(connection: Connection) -> Holding:
    """Mutes, inhibits and cards of the configuration that stands."""
    row = connection.execute(
        text(
            "SELECT document -> 'mutes' AS mutes, document -> 'inhibits' AS inhibits, document -> 'cards' AS cards "
            "FROM config_version ORDER BY version DESC LIMIT 1"
        )
    ).one_or_none()
    if row is None:
        return Holding()
    return Holding(
        tuple(MuteEntry.model_validate(entry) for entry in row.mutes or ()),
        tuple(InhibitEntry.model_validate(entry) for entry in row.inhibits or ()),
        tuple(tuple(group) for group in row.cards or ()),
    )


def rule_settings(connection: Connection, now: datetime) -> dict[str, RuleSetting]:
    """The latest version of each rule's settings that is valid at ``now``; a rule that was never set is absent."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (rule_id) rule_id, version, params, enabled, owner, valid_from FROM rule_params "
            "WHERE valid_from <= :now ORDER BY rule_id, version DESC"
        ),
        {"now": now},
    )
    return {
        row.rule_id: RuleSetting(row.version, row.params, row.enabled, row.owner, row.valid_from)
        for row in rows
    }


def versions(connection: Connection, rule_id: str) -> list[dict[str, Any]]:
    """Every version of a rule's settings, the latest first: params, enabled, author, owner, reason, valid_from."""
    rows = connection.execute(
        select(rule_params).where(rule_params.c.rule_id == rule_id).order_by(rule_params.c.version.desc())
    )
    return [dict(row._mapping) for row in rows]


def take_up(connection: Connection, rules: Mapping[str, type[WarningRule]], now: datetime) -> list[str]:
    """Lets everything be judged again by rules whose settings have come to hold since they were applied; which rules.

    Each version is taken up once, by whoever comes first.
    """
    rows = connection.execute(
        text(
            "UPDATE rule_params SET taken_up_at = :now WHERE (rule_id, version) IN (SELECT rule_id, version FROM rule_params "
            "WHERE taken_up_at IS NULL AND valid_from <= :now ORDER BY rule_id, version FOR UPDATE SKIP LOCKED) RETURNING rule_id"
        ),
        {"now": now},
    )
    due = sorted({row.rule_id for row in rows})
    settings = rule_settings(connection, now) if due else {}
    changed = [rule_id for rule_id in due if rule_id in rules and settings[rule_id].enabled]
    _judge_again(connection, [rules[rule_id] for rule_id in changed])
    return changed


def current(connection: Connection) -> tuple[int, dict[str, Any]] | None:
    """Version and document of the configuration that stands, None before the first."""
    row = connection.execute(
        select(config_version.c.version, config_version.c.document)
        .order_by(config_version.c.version.desc())
        .limit(1)
    ).one_or_none()
    return (row.version, row.document) if row is not None else None


def apply(
    connection: Connection,
    document: ConfigDocument,
    author: str,
    sealer: Sealer,
    secret: Callable[[str], str],
    now: datetime,
    *,
    rules: Mapping[str, type[WarningRule]],
    digest: Digest,
) -> Applied:
    """Makes the document the whole truth, in the caller's transaction; applying it again changes nothing.

    What vanished is no longer in use, but rows that others point at stay. A rule whose parameters changed judges every
    stored demand again. Secrets are sealed into their endpoint and stand nowhere else.

    Args:
        document: Checked by `hub.model.config.parse_document`.
        author: Who answers for it; kept with the version.
        secret: Name -> value; raises ConfigError where there is none.
        rules: Rule id -> class, of the rules that are installed.
        digest: Of the audit log, `hub.seal.ChainSalt.salted_digest`.

    Raises:
        ConfigError: A secret is missing or no signing secret, a rule is unknown or refuses its parameters.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    settings = [(entry, checked_params(rules, entry)) for entry in _with_lexicon(document, rules)]
    _refuse_unknown_rules(document, rules)
    secrets = {entry.id: tuple(secret(name) for name in entry.secrets) for entry in document.endpoints}
    content = document.model_dump(mode="json", exclude={"regions", "places", "categories", "scores"})
    if document.lexicon is None:
        del content["lexicon"]  # so that a document of before has the digest that it had
    for part in ("mutes", "inhibits", "cards"):
        if not content[part]:
            del content[part]
    # Kept in versions of their own: large, and what they change is judged again by a step of its own.
    gazetteer = places.put(connection, document.regions, document.places, author, now)
    catalogue = _put_catalogue(connection, document.categories, author, now)
    table = put_table(connection, document.scores, author, now)
    fingerprint = sha256(canonical(content)).hexdigest()
    last = connection.execute(
        select(config_version.c.version, config_version.c.digest)
        .order_by(config_version.c.version.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.digest == fingerprint:
        renewed = _renew_secrets(connection, sealer, document.endpoints, secrets, last.version)
        # A rule that came with an upgrade may read what the document says to all rules, such as the lexicon.
        changed = _settle_rules(connection, rules, settings, author, now)
        _log_scores(connection, document.scores, table, author, digest, now)
        if changed:
            _log_applied(connection, last.version, changed, author, digest, now)
        return Applied(
            last.version,
            False,
            rejudged=tuple(changed),
            renewed_secrets=renewed,
            gazetteer=gazetteer,
            catalogue=catalogue,
            scores=table,
        )
    version: int = connection.execute(
        config_version.insert()
        .values(digest=fingerprint, author=author, applied_at=now, document=content)
        .returning(config_version.c.version)
    ).scalar_one()
    _write_organisations(connection, document, version)
    for entry in document.endpoints:
        _put(connection, sealer, entry, secrets[entry.id], version)
    named = [entry.id for entry in document.endpoints]
    connection.execute(
        endpoint.update()
        .where(endpoint.c.endpoint_id.not_in(named), endpoint.c.active)
        .values(active=False, config_version=version)
    )
    _write_routing(connection, document, version)
    changed = _settle_rules(connection, rules, settings, author, now)
    _log_scores(connection, document.scores, table, author, digest, now)
    _log_applied(connection, version, changed, author, digest, now)
    return Applied(version, True, tuple(changed), tuple(named), gazetteer, catalogue, table)


def _settle_rules(
    connection: Connection,
    rules: Mapping[str, type[WarningRule]],
    settings: Sequence[tuple[RuleEntry, dict[str, Any]]],
    author: str,
    now: datetime,
) -> list[str]:
    """Writes what is set otherwise than before; the rules for which everything waits again."""
    changed = _write_rules(connection, settings, author, now)
    if changed:
        _judge_again(connection, [rules[rule_id] for rule_id in changed if rule_id in rules])
        reach.all_waits(
            connection, {rule_id: rules[rule_id].version for rule_id in changed if rule_id in rules}
        )
    return changed


def _log_applied(
    connection: Connection, version: int, changed: Sequence[str], author: str, digest: Digest, now: datetime
) -> None:
    write_audit(
        connection,
        digest,
        now,
        actor=author,
        action="config.apply",
        subject=f"configuration {version}",
        detail={"rejudged": list(changed)},
    )


def _put_catalogue(
    connection: Connection, section: CategoriesSection | None, author: str, now: datetime
) -> CatalogueApplied:
    own = own_entries()
    if section is not None and (faults := category_faults(section, own)):
        raise ConfigError(
            f"the category catalogue cannot be applied: {'; '.join(faults[:10])}; nothing was changed: correct `categories:` and apply "
            "it again",
            code=Code.CONFIG_INVALID,
        )
    whole = digest_of(resolved(section, own)) if section is not None else ""
    return categories.put(connection, section, own, whole, author, now)


def _log_scores(
    connection: Connection,
    table: ScoreTable | None,
    done: TableApplied,
    author: str,
    digest: Digest,
    now: datetime,
) -> None:
    """The audit log's line of a new deduction table; its lock is held until the commit, so it comes late."""
    if done.new and table is not None:
        write_audit(
            connection,
            digest,
            now,
            actor=author,
            action="score.table",
            subject=f"score table {done.version}",
            purpose=table.reason,
            detail={"from_month": done.from_month},
        )


def _judge_again(connection: Connection, changed: Sequence[type[WarningRule]]) -> None:
    """Lets everything that these rules care for wait for them."""
    of_demands = [rule.rule_id for rule in changed if not issubclass(rule, ObservationRule)]
    if of_demands:
        work.enqueue_all_demands(connection, of_demands)
    for rule in changed:
        observed_work.enqueue_all(
            connection, [rule.rule_id], seen.ids_between(connection, rule.observes, *EVER)
        )


def _with_lexicon(document: ConfigDocument, rules: Mapping[str, type[WarningRule]]) -> Sequence[RuleEntry]:
    """The document's rules; those that read the lexicon have the county's part of it among their parameters."""
    if document.lexicon is None:
        return document.rules
    Lexicon.of_county(document.lexicon)  # what does not fit is refused before anything is written
    given = {"lexicon": document.lexicon.model_dump(mode="json", exclude_defaults=True)}
    named = {entry.rule_id: entry for entry in document.rules}
    for rule_id, rule in rules.items():
        if issubclass(rule.Params, LexiconParams) and given["lexicon"]:
            entry = named.get(rule_id) or RuleEntry(
                rule_id=rule_id, reason="the county's part of the lexicon"
            )
            named[rule_id] = entry.model_copy(update={"params": {**given, **entry.params}})
    return list(named.values())


def _refuse_unknown_rules(document: ConfigDocument, rules: Mapping[str, type[WarningRule]]) -> None:
    """A misspelt rule would hold nothing, and nobody would hear of it."""
    unknown = sorted(
        {f"{where}: {rule_id!r}" for where, rule_id in document.rules_held() if rule_id not in rules}
    )
    if unknown:
        raise ConfigError(
            f"no plugin brings these rules: {', '.join(unknown)} (installed: {', '.join(sorted(rules)) or 'none'}); correct the id, "
            "install the plugin, or leave the entry out",
            code=Code.CONFIG_INVALID,
        )


def checked_params(rules: Mapping[str, type[WarningRule]], entry: RuleEntry) -> dict[str, Any]:
    """The parameters that an entry names, as its rule reads them; defaults are left out.

    Raises:
        ConfigError: The rule is not installed and not disabled, or refuses them.
    """
    rule = rules.get(entry.rule_id)
    if rule is None:
        if not entry.enabled:
            return dict(entry.params)
        raise ConfigError(
            f"rules: no plugin brings rule {entry.rule_id!r} (installed: {', '.join(sorted(rules)) or 'none'}); install its "
            "plugin, correct the id, or set enabled: false",
            code=Code.CONFIG_INVALID,
        )
    return read_params(rule, entry.params).model_dump(mode="json", exclude_unset=True)


def read_params(rule: type[WarningRule], params: Mapping[str, Any]) -> RuleParams:
    """The rule's parameters out of what is stored.

    Raises:
        ConfigError: The rule refuses them (code ``config_invalid``).
    """
    try:
        return rule.Params.model_validate(params)
    except ValidationError as exc:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or 'params'}: {error['msg'].removeprefix('Value error, ')}"
            for error in exc.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ConfigError(
            f"rule {rule.rule_id}: its parameters are not usable: {faults}; correct them under `rules:` and run `hub config apply`",
            code=Code.CONFIG_INVALID,
        ) from None


def _write_organisations(connection: Connection, document: ConfigDocument, version: int) -> None:
    for entry in document.organisations:
        values = {
            "name": entry.name,
            "level": entry.level.value,
            "aliases": list(entry.aliases),
            "handling_office": entry.handling_office,
            "active": True,
            "config_version": version,
        }
        connection.execute(
            insert(organisation)
            .values(code=entry.code, **values)
            .on_conflict_do_update(index_elements=[organisation.c.code], set_=values)
        )
    named = [entry.code for entry in document.organisations]
    connection.execute(
        organisation.update()
        .where(organisation.c.code.not_in(named), organisation.c.active)
        .values(active=False, handling_office=False, config_version=version)
    )


def _put(
    connection: Connection, sealer: Sealer, entry: EndpointEntry, secrets: Sequence[str], version: int
) -> None:
    made = Endpoint(entry.id, entry.organisation, entry.kind, entry.url, tuple(secrets), entry.timeout_s)
    endpoint_store.put(connection, sealer, made, config_version=version)


def _renew_secrets(
    connection: Connection,
    sealer: Sealer,
    entries: Sequence[EndpointEntry],
    secrets: Mapping[str, tuple[str, ...]],
    version: int,
) -> tuple[str, ...]:
    """Reads secrets anew whose values changed under their names; one that was rotated since keeps the newer beside it."""
    rows = connection.execute(select(endpoint.c.endpoint_id, endpoint.c.sealed_secrets))
    stored = {
        row.endpoint_id: set(endpoint_store.open_secrets(sealer, row.endpoint_id, bytes(row.sealed_secrets)))
        for row in rows
    }
    renewed = []
    for entry in entries:
        if not set(secrets[entry.id]) <= stored.get(entry.id, set()):
            _put(connection, sealer, entry, secrets[entry.id], version)
            renewed.append(entry.id)
    return tuple(renewed)


def _write_routing(connection: Connection, document: ConfigDocument, version: int) -> None:
    connection.execute(
        routing_rule.delete()
    )  # nothing points at these rows; the document keeps what they were
    if document.routing:
        connection.execute(
            routing_rule.insert(),
            [
                {
                    "routing_id": entry.id,
                    "priority": entry.priority,
                    "matches": {field.value: list(values) for field, values in entry.matches.items()},
                    "organisation": entry.organisation,
                    "config_version": version,
                }
                for entry in document.routing
            ],
        )


_DROPPED = "no longer in the document: back to the rule's defaults"


def _write_rules(
    connection: Connection,
    settings: Sequence[tuple[RuleEntry, dict[str, Any]]],
    author: str,
    now: datetime,
) -> list[str]:
    """Writes a new version of each rule whose setting changed; those that must judge again."""
    before = {
        row.rule_id: RuleSetting(row.version, row.params, row.enabled, row.owner, row.valid_from)
        for row in connection.execute(
            text(
                "SELECT DISTINCT ON (rule_id) rule_id, version, params, enabled, owner, valid_from FROM rule_params "
                "ORDER BY rule_id, version DESC"
            )
        )
    }
    in_force = rule_settings(connection, now)
    wanted = {entry.rule_id: (entry, params) for entry, params in settings}
    for rule_id in before.keys() - wanted.keys():
        wanted[rule_id] = (RuleEntry(rule_id=rule_id, reason=_DROPPED), {})
    again = []
    for rule_id, (entry, params) in sorted(wanted.items()):
        was = before.get(rule_id, RuleSetting())
        valid_from = max(now, entry.valid_from or now)
        # A version that is to hold later may be given another day; one that holds already stays what it was.
        day_moved = was.valid_from is not None and was.valid_from > now and was.valid_from != valid_from
        if (was.params or {}, was.enabled, was.owner) == (
            params,
            entry.enabled,
            entry.owner,
        ) and not day_moved:
            continue
        connection.execute(
            rule_params.insert().values(
                rule_id=rule_id,
                version=was.version + 1,
                params=params,
                enabled=entry.enabled,
                author=author,
                reason=entry.reason,
                owner=entry.owner,
                valid_from=valid_from,
                taken_up_at=now if valid_from <= now else None,
            )
        )
        # What was judged was judged by what held until now, which is not the latest where that one was to hold later.
        held = in_force.get(rule_id, RuleSetting())
        same = (held.params or {}, held.enabled) == (params, entry.enabled)
        if entry.enabled and valid_from <= now and not same:
            again.append(rule_id)
    return again
