"""`hub config apply`: the document is the whole truth, checked before anything is written; secrets stand nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.model.config import ConfigDocument, parse_document
from hub.sdk.signing import generate_secret
from hub.seal import KeyRing
from hub.store import config
from hub.store.endpoints import open_secrets
from hub.store.engine import Store
from tests.support.judging import BUREAU, COUNTY, OFFICE, County

WHOLE = """
organisations:
  - {code: office, name: 处置办理股室, level: county, handling_office: true}
  - {code: housing, name: 县自然资源局, level: county, aliases: [不动产登记中心]}
  - {code: town, name: 宝城街道, level: street}
endpoints:
  - {id: housing-1, organisation: housing, url: "http://127.0.0.1:9/hook", secrets: [housing_new, housing_old]}
routing:
  - {id: land, priority: 10, matches: {category: [国土资源], region_code: ["411521"]}, organisation: housing}
rules:
  - {rule_id: W01, params: {threshold: 4}, reason: 减少误报}
"""


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


class Secrets(dict[str, str]):
    """Makes each secret when it is first asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = generate_secret()
        return self[name]


def applied(county: County, document: Any, secrets: Secrets | None = None) -> config.Applied:
    names = Secrets() if secrets is None else secrets
    with county.store.begin() as connection:
        return config.apply(
            connection,
            parse_document(document),
            "王科长",
            county.sealer,
            lambda name: names[name],
            county.clock.now(),
            rules={rule_id: entry.cls for rule_id, entry in county.deps.plugins.rules.items()},
            digest=county.deps.chain.salted_digest,
        )


def test_a_document_is_written_whole_and_applying_it_again_changes_nothing(county: County) -> None:
    secrets = Secrets()
    first = applied(county, WHOLE, secrets)
    assert (first.new, first.rejudged) == (True, ("W01",))
    again = applied(county, WHOLE, secrets)
    assert again == config.Applied(first.version, False)
    with county.store.begin() as connection:
        assert sorted(config.organisations(connection)) == ["housing", "office", "town"]
        (line,) = config.routing(connection)
        assert line.matches == {"category": ("国土资源",), "region_code": ("411521",)}
        assert config.rule_settings(connection, county.clock.now())["W01"].params == {"threshold": 4}
    assert county.value("SELECT count(*) FROM config_version") == 1
    assert (
        county.value("SELECT count(*) FROM audit_log WHERE action = 'config.apply' AND actor = '王科长'") == 1
    )


def test_secrets_are_sealed_into_their_endpoint_and_stand_nowhere_else(county: County) -> None:
    secrets = Secrets()
    applied(county, WHOLE, secrets)
    sealed = county.value("SELECT sealed_secrets FROM endpoint")
    assert open_secrets(county.sealer, "housing-1", bytes(sealed)) == (
        secrets["housing_new"],
        secrets["housing_old"],
    )
    with county.store.begin() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ).scalars()
        dump = "".join(
            str(connection.execute(text(f'SELECT array_agg(t::text) FROM "{table}" t')).scalar_one())
            for table in tables.all()
        )
    for value in secrets.values():
        assert value not in dump
        assert value.encode().hex() not in dump


def test_a_secret_that_changed_under_its_name_is_read_anew(county: County) -> None:
    secrets = Secrets()
    applied(county, WHOLE, secrets)
    secrets["housing_new"] = generate_secret()
    again = applied(county, WHOLE, secrets)
    assert (again.new, again.renewed_secrets) == (False, ("housing-1",))
    sealed = county.value("SELECT sealed_secrets FROM endpoint")
    assert open_secrets(county.sealer, "housing-1", bytes(sealed))[0] == secrets["housing_new"]


@pytest.mark.requirement("R5")
def test_what_vanished_is_no_longer_in_use_but_stays_for_what_points_at_it(county: County) -> None:
    applied(county, WHOLE)
    applied(county, {"organisations": [OFFICE]})
    assert county.rows("SELECT code, active FROM organisation ORDER BY 1") == [
        ("housing", False),
        ("office", True),
        ("town", False),
    ]
    assert county.rows("SELECT active FROM endpoint") == [(False,)]
    assert county.rows("SELECT 1 FROM routing_rule") == []
    with county.store.begin() as connection:
        setting = config.rule_settings(connection, county.clock.now())["W01"]
        version, document = config.current(connection) or (0, {})
    assert (setting.version, setting.params, setting.enabled) == (2, {}, True)
    assert parse_document(document) == ConfigDocument.model_validate({"organisations": [OFFICE]})
    back = applied(county, WHOLE)
    assert (back.version, back.new) == (version + 1, True)
    assert county.value("SELECT active FROM organisation WHERE code = 'housing'")
    assert county.rows("SELECT active FROM endpoint") == [(True,)]


def test_a_handling_office_may_move(county: County) -> None:
    county.configure(COUNTY)
    county.configure(
        {"organisations": [{**OFFICE, "handling_office": False}, {**BUREAU, "handling_office": True}]}
    )
    with county.store.begin() as connection:
        assert [one.code for one in config.organisations(connection).values() if one.handling_office] == [
            "housing"
        ]


@pytest.mark.requirement("R37")
def test_every_change_of_a_rule_is_a_version_with_author_and_reason_and_judges_again(county: County) -> None:
    county.judged(*(county.demand() for _ in range(3)))
    applied(county, {**COUNTY, "rules": [{"rule_id": "W01", "reason": "如旧"}]})
    assert county.rows("SELECT 1 FROM rule_params") == []  # the defaults are what stands already
    for threshold in (4, 5):
        applied(
            county,
            {
                **COUNTY,
                "rules": [
                    {"rule_id": "W01", "params": {"threshold": threshold}, "reason": f"试行{threshold}"}
                ],
            },
        )
    assert county.rows("SELECT version, author, reason FROM rule_params ORDER BY 1") == [
        (1, "王科长", "试行4"),
        (2, "王科长", "试行5"),
    ]
    assert county.rows("SELECT rule_ids, cardinality(demand_ids) FROM evaluate_work") == [(["W01"], 3)] * 2
    same = {
        **COUNTY,
        "rules": [{"rule_id": "W01", "params": {"threshold": 5}, "reason": "换个说法"}],
    }
    assert applied(county, same).rejudged == ()


BAD: dict[str, tuple[Any, str]] = {
    "a misspelt key": ("organisation: []", "organisation"),
    "no mapping": ("[]", "it is a list"),
    "nothing at all": ("", "it is a NoneType"),
    "nobody": ("rules: []", "none is marked handling_office"),
    "no YAML": ("organisations: [", "cannot be read as YAML"),
    "an unknown organisation": (
        {**COUNTY, "routing": [{"id": "x", "matches": {"category": ["a"]}, "organisation": "nobody"}]},
        "routing 'x': organisation 'nobody' is not among",
    ),
    "an endpoint of nobody": (
        {
            "organisations": [OFFICE],
            "endpoints": [{"id": "e", "organisation": "b", "url": "http://a", "secrets": ["s"]}],
        },
        "endpoint 'e': organisation 'b'",
    ),
    "two offices": (
        {"organisations": [OFFICE, {**BUREAU, "handling_office": True}]},
        "office, housing are all marked handling_office",
    ),
    "no office": ({"organisations": [BUREAU]}, "none is marked handling_office"),
    "a code twice": (
        {"organisations": [OFFICE, {**BUREAU, "code": "office"}]},
        "code 'office' stands 2 times",
    ),
    "an alias twice": (
        {"organisations": [OFFICE, {**BUREAU, "aliases": ["处置办理股室"]}]},
        "'处置办理股室' stands 2 times",
    ),
    "an unknown field of a demand": (
        {**COUNTY, "routing": [{"id": "x", "matches": {"colour": ["a"]}, "organisation": "office"}]},
        "routing.0.matches.colour",
    ),
    "no values": (
        {**COUNTY, "routing": [{"id": "x", "matches": {"category": []}, "organisation": "office"}]},
        "an empty list of values never fits",
    ),
    "a secret in plain": (
        {
            **COUNTY,
            "endpoints": [
                {"id": "e", "organisation": "office", "url": "http://a", "secret_values": ["whsec_HUSH"]}
            ],
        },
        "name it under 'secrets'",
    ),
    "a secret for a name": (
        {
            **COUNTY,
            "endpoints": [
                {"id": "e", "organisation": "office", "url": "http://a", "secrets": ["whsec_HUSH"]}
            ],
        },
        "a secret's value where its name belongs",
    ),
    "an address that is none": (
        {**COUNTY, "endpoints": [{"id": "e", "organisation": "office", "url": "ftp://a", "secrets": ["s"]}]},
        "endpoints.0.url",
    ),
    "an unknown rule": (
        {**COUNTY, "rules": [{"rule_id": "W99", "reason": "x"}]},
        "no plugin brings rule 'W99' (installed: W01, W08)",
    ),
    "a misspelt parameter": (
        {**COUNTY, "rules": [{"rule_id": "W01", "params": {"treshold": 3}, "reason": "x"}]},
        "rule W01: its parameters are not usable: treshold",
    ),
    "a parameter out of bounds": (
        {**COUNTY, "rules": [{"rule_id": "W01", "params": {"grave": 2}, "reason": "x"}]},
        "grave (2) must not be below threshold (3)",
    ),
    "no reason": ({**COUNTY, "rules": [{"rule_id": "W01", "reason": " "}]}, "rules.0.reason"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_document_changes_nothing_and_its_message_names_the_place(county: County, case: str) -> None:
    document, found = BAD[case]
    with pytest.raises(ConfigError) as caught:
        applied(county, document)
    assert found in caught.value.message
    assert "HUSH" not in caught.value.message
    assert county.value("SELECT count(*) FROM config_version") == 0
    assert county.value("SELECT count(*) FROM organisation") == 0


@pytest.mark.parametrize("value", [None, "whsec_tooshort"])
def test_a_secret_that_is_missing_or_none_changes_nothing(county: County, value: str | None) -> None:
    def resolve(name: str) -> str:
        if value is None:
            raise ConfigError("secret 'housing_new' is nowhere to be found", code="secret_missing")
        return value

    with pytest.raises(ConfigError) as caught, county.store.begin() as connection:
        config.apply(
            connection,
            parse_document(WHOLE),
            "王科长",
            county.sealer,
            resolve,
            county.clock.now(),
            rules={rule_id: entry.cls for rule_id, entry in county.deps.plugins.rules.items()},
            digest=county.deps.chain.salted_digest,
        )
    assert caught.value.code in ("secret_missing", "config_invalid")
    assert "tooshort" not in caught.value.message
    assert county.value("SELECT count(*) FROM config_version") == 0


def test_a_rule_that_is_not_installed_may_still_be_disabled(county: County) -> None:
    applied(county, {**COUNTY, "rules": [{"rule_id": "W99", "enabled": False, "reason": "已卸载"}]})
    assert county.rows("SELECT rule_id, enabled FROM rule_params") == [("W99", False)]
    assert county.rows("SELECT 1 FROM evaluate_work") == []


def test_the_settings_of_a_process_are_told_from_the_offices_data() -> None:
    with pytest.raises(ConfigError, match=r"channels, home: settings of a process, which hub\.yaml holds"):
        parse_document({"home": "/var/lib/hub", "channels": {}, "organisations": [OFFICE]})


def test_a_section_that_stands_twice_is_refused_for_the_first_would_silently_go_out_of_use() -> None:
    twice = (
        WHOLE
        + "endpoints:\n  - {id: town-1, organisation: town, url: 'http://127.0.0.1:9/t', secrets: [town]}\n"
    )

    with pytest.raises(ConfigError, match=r"line 12, column 1: 'endpoints' stands twice \(expected once\)"):
        parse_document(twice, "office.yaml")
