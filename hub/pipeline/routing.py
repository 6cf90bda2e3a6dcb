"""Which organisation is to act on demands: the site's plugins, the routing table, the name in the demand, the handling office."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hub.errors import Code, ConfigError
from hub.model.codes import BusinessClass, DemandType
from hub.model.config import MatchField
from hub.model.demand import DemandFacts
from hub.model.report import Problem
from hub.plugins import PluginSet
from hub.store.config import Organisation, RoutingRule

INTEGRITY = "廉政"
"""Label of signals about integrity: like a 举报, they never reach the unit that they speak of (W09)."""

NON_BUSINESS = "非业务类"
"""Label of signals about how somebody behaved: verified first, and never sent to the unit itself (R70)."""

INTEGRITY_RULES = ("W09",)
"""Rules whose standing signals say of a demand that it is about integrity, whatever it was warned of for."""

PROTECTED, CONDUCT = "protected", "conduct"
"""`Route.by` of what goes to the handling office whoever else is named."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Organisations in use by code, and the routing table in its order."""

    organisations: Mapping[str, Organisation]
    table: Sequence[RoutingRule]


@dataclass(frozen=True, slots=True)
class Matter:
    """What an order would be about.

    Attributes:
        demands: All of it, the oldest first; those that are in hand already included.
        rule_id: Of the warning; None for an order straight from a demand.
        labels: Of the warning's signal.
        organisation: Whom the signal names, by code, name or alias; the demands' own words go before it.
    """

    demands: Sequence[DemandFacts]
    rule_id: str | None = None
    labels: tuple[str, ...] = ()
    organisation: str | None = None

    @property
    def protected(self) -> bool:
        """Whether nobody but the handling office may learn that it exists (P8)."""
        return is_protected(self.labels) or any(
            one.demand_type is DemandType.REPORT or is_protected(one.labels) for one in self.demands
        )

    @property
    def about_conduct(self) -> bool:
        """Whether it is about how somebody behaved (非业务类): the unit complained of is not who looks into it (R70)."""
        return NON_BUSINESS in self.labels or any(
            one.business_class == BusinessClass.CONDUCT for one in self.demands
        )

    @property
    def about_integrity(self) -> bool:
        """Whether all of it speaks of bribes and favours: it may go to the discipline organ (纪检). One demand among others that do not stays in the office."""
        return bool(self.demands) and all(is_protected(one.labels) for one in self.demands)

    @property
    def kept_in_office(self) -> bool:
        """Whether it goes to the handling office, or of integrity to the discipline organ, whoever else is named."""
        return self.protected or self.about_conduct


@dataclass(frozen=True, slots=True)
class Route:
    """The organisation that acts, and what chose it; what plugins answered wrongly stands in ``problems``."""

    organisation: Organisation
    by: str
    problems: tuple[Problem, ...] = field(default=())


def is_protected(labels: Sequence[str]) -> bool:
    """Whether labels tell of integrity."""
    return INTEGRITY in labels


def choose(matter: Matter, directory: Directory, plugins: PluginSet) -> Route:
    """The organisation for this matter.

    A protected matter (举报, 廉政) goes to the handling office, and no plugin is asked about it; what is about integrity alone goes where the
    first line of the table sends it that asks for the label 廉政 (纪检监察机关), unless that is the unit that a demand names.
    One about somebody's conduct (非业务类) goes to the handling office too: it is verified first and goes to the person, not to the unit. Else the first answer counts: a
    plugin's ``route``; the first line of the table whose conditions one of the demands meets all (of a matter without demands, a line
    that asks for rule and labels alone); the organisation that the youngest demand names by code, name or alias; the one that the
    signal names; the handling office.

    Raises:
        ConfigError: It comes to the handling office and none is configured (code ``config_missing``).
    """
    if matter.protected:
        return Route(_discipline_organ(matter, directory) or _office(directory), PROTECTED)
    if matter.about_conduct:
        return Route(_office(directory), CONDUCT)
    problems: tuple[Problem, ...] = ()
    named = plugins.call_first("route", facts=tuple(matter.demands), rule_id=matter.rule_id)
    if isinstance(named, str) and named in directory.organisations:
        return Route(directory.organisations[named], "plugin")
    if named is not None:
        problems = (_unknown(named),)
    for line in directory.table:
        if line.organisation in directory.organisations and any(
            _meets(one, matter, line) for one in matter.demands or (None,)
        ):
            return Route(directory.organisations[line.organisation], f"table {line.routing_id}", problems)
    by_name = _by_name(directory)
    for one in sorted(matter.demands, key=lambda one: (one.submitted_at, one.demand_id), reverse=True):
        if one.target_org is not None and (found := by_name.get(_bare(one.target_org))) is not None:
            return Route(found, "target_org", problems)
    if matter.organisation is not None and (found := by_name.get(_bare(matter.organisation))) is not None:
        return Route(found, "signal", problems)
    return Route(_office(directory), "handling_office", problems)


def _discipline_organ(matter: Matter, directory: Directory) -> Organisation | None:
    """Whom the table names for the label 廉政; None where no line does, or only one that the demands speak of."""
    if not matter.about_integrity:
        return None
    by_name = _by_name(directory)
    named = {by_name.get(_bare(one.target_org)) for one in matter.demands if one.target_org is not None}
    for line in directory.table:
        organisation = directory.organisations.get(line.organisation)
        asks = INTEGRITY in line.matches.get(MatchField.LABEL, ())
        if (
            asks
            and organisation is not None
            and organisation not in named
            and all(_meets(one, matter, line) for one in matter.demands)
        ):
            return organisation
    return None


def _meets(one: DemandFacts | None, matter: Matter, line: RoutingRule) -> bool:
    return all(_fits(name, one, matter, values) for name, values in line.matches.items())


def _fits(name: MatchField, one: DemandFacts | None, matter: Matter, values: Sequence[str]) -> bool:
    if name is MatchField.LABEL:
        return not set(values).isdisjoint((*(one.labels if one is not None else ()), *matter.labels))
    if name is MatchField.RULE_ID:
        return matter.rule_id in values
    if one is None:
        return False
    stands: str | None = getattr(one, name.value)
    if stands is None:
        return False
    if name in (MatchField.ITEM_CODE, MatchField.REGION_CODE):
        return stands.startswith(tuple(values))
    return str(stands) in values


def _by_name(directory: Directory) -> dict[str, Organisation]:
    names: dict[str, Organisation] = {}
    for organisation in directory.organisations.values():
        for name in (organisation.code, organisation.name, *organisation.aliases):
            names.setdefault(_bare(name), organisation)
    return names


def _bare(name: str) -> str:
    return "".join(name.split()).replace("（", "(").replace("）", ")")


def _office(directory: Directory) -> Organisation:
    for organisation in directory.organisations.values():
        if organisation.handling_office:
            return organisation
    raise ConfigError(
        "dispatch: no organisation is the handling office (expected one with handling_office: true); name it under "
        "`organisations:` and run `hub config apply`: what waits is dispatched then",
        code=Code.CONFIG_MISSING,
    )


def _unknown(named: object) -> Problem:
    what = repr(named[:40]) if isinstance(named, str) else f"a {type(named).__name__}"
    return Problem(
        where="hook route",
        code=Code.CONFIG_INVALID.value,
        message=f"hook route: a plugin answered {what} (expected the code of an organisation in use); the routing table was asked "
        "instead: mend the plugin or add the organisation",
    )
