"""From a channel's `Demand` to a row of the store: sealing, search keys, redaction, quality flags. No SQL, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from hub.model.codes import Anonymity, DemandType, Watch
from hub.model.demand import Demand, Reporter
from hub.model.nature import nature_of
from hub.seal import Sealer, SearchKeys
from hub.text.identity import check_id_no, email_value, id_value, is_masked, phone_value, uscc_value
from hub.text.redact import redact

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FUTURE = timedelta(minutes=10)
_SPACE = re.compile(r"\s+")
TITLE_LENGTH = 50

Redactor = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Origin:
    """What every demand of one stream shares."""

    stream_id: int
    instance: str
    channel: str
    watch: Watch


@dataclass(frozen=True, slots=True)
class Keys:
    """Search keys of one reporter; each None where there is nothing usable (missing, masked, no person)."""

    phone: str | None = None
    id_no: str | None = None
    email: str | None = None
    name: str | None = None
    reporter: str | None = None
    basis: str | None = None


class Intake:
    """Turns demands into rows; one for a process, since it keeps the ciphers of the key ring."""

    def __init__(
        self,
        sealer: Sealer,
        search: SearchKeys,
        *,
        stop_list: frozenset[str] = frozenset(),
        redactors: Sequence[Redactor] = (),
    ) -> None:
        self.sealer = sealer
        self._token = search.token
        self._stop_list = stop_list
        self._redactors = tuple(redactors)

    def seal_raw(self, body: bytes, raw_id: int) -> bytes:
        """A raw record's bytes, bound to their row."""
        return self.sealer.seal(body, table="raw_record", row_id=str(raw_id))

    def open_raw(self, sealed: bytes, raw_id: int) -> bytes:
        """A raw record's bytes as they came."""
        return self.sealer.unseal(sealed, table="raw_record", row_id=str(raw_id))

    def row(
        self,
        demand: Demand,
        origin: Origin,
        *,
        demand_id: str,
        demand_no: str,
        raw_id: int,
        received_at: datetime,
        updated_at: datetime,
        deleted: bool = False,
    ) -> tuple[Any, ...]:
        """The demand's row, in the order of `hub.store.landing.DEMAND_COLUMNS`."""
        reporter = demand.reporter
        keys = self._keys(reporter, origin)
        known = tuple(
            value
            for value in (reporter.name, reporter.phone, reporter.id_no, reporter.email, demand.target_person)
            if value is not None and len(value) > 1
        )
        title, text, findings = self._masked(demand, known)
        return (
            demand_id,
            demand_no,
            origin.stream_id,
            demand.source_no,
            raw_id,
            origin.channel,
            origin.instance,
            origin.watch.value,
            nature_of(origin.watch, demand.demand_type).value,
            demand.submitted_at,
            received_at,
            updated_at,
            demand.demand_type.value,
            demand.type_source_text,
            demand.status.value,
            demand.urgency.value,
            _anonymity(demand),
            title,
            text,
            keys.reporter,
            keys.basis,
            reporter.type.value,
            keys.phone,
            keys.id_no,
            keys.email,
            keys.name,
            demand.category,
            demand.region_code,
            demand.item_code,
            demand.item_name,
            demand.case_no,
            demand.target_org,
            demand.business_class.value,
            demand.service_step.value if demand.service_step else None,
            demand.sub_source,
            demand.declared_group_size,
            demand.chases_open_order,
            demand.prev_source_no,
            demand.assigned_no,
            demand.deadline_at,
            demand.occurred_at,
            demand.longitude,
            demand.latitude,
            demand.datum,
            list(demand.labels),
            _quality(demand, keys, received_at),
            Jsonb(findings) if findings else None,
            [],
            deleted or demand.deleted,
            self.sealer.seal(personal_json(demand), table="demand", row_id=demand_id),
        )

    def _masked(self, demand: Demand, known: tuple[str, ...]) -> tuple[str, str, dict[str, int]]:
        content = redact(demand.content, known)
        findings = dict(content.findings)
        text = content.text
        if demand.title:
            head = redact(demand.title, known)
            title = head.text
            for kind, count in head.findings.items():
                findings[kind] = findings.get(kind, 0) + count
        else:
            title = _SPACE.sub(" ", text[: TITLE_LENGTH * 2]).strip()[:TITLE_LENGTH]
        for redactor in self._redactors:
            title, text = redactor(title), redactor(text)
        # PostgreSQL's text cannot hold a NUL; readers drop it, a careless mapping may not.
        return title.replace("\0", ""), text.replace("\0", ""), findings

    def _keys(self, reporter: Reporter, origin: Origin) -> Keys:
        """Source: domain.md §1.1 (reporter_key) and §6.6: masked values and callers who are no person make no key."""
        token = self._token
        id_no = id_value(reporter.id_no) if reporter.id_no else None
        phone = phone_value(reporter.phone) if reporter.phone else None
        uscc = uscc_value(reporter.uscc) if reporter.uscc else None
        caller = phone_value(reporter.caller_phone) if reporter.caller_phone else None
        email = email_value(reporter.email) if reporter.email else None
        id_key = token("id_no", id_no) if id_no else None
        phone_key = token("phone", phone) if phone else None
        email_key = token("email", email) if email else None
        name = reporter.name
        name_key = token("name", name) if name and not is_masked(name) else None
        basis: str | None = None
        key: str | None = None
        if id_key:
            basis, key = "id_no", id_key
        elif uscc:
            basis, key = "uscc", token("uscc", uscc)
        elif phone_key and phone not in self._stop_list:
            basis, key = "phone", phone_key
        elif caller and caller not in self._stop_list:
            basis, key = "caller_phone", token("phone", caller)
        elif reporter.account:
            basis, key = "account", token("account", f"{origin.instance}\x1f{reporter.account}")
        elif email_key:
            basis, key = "email", email_key
        elif name and reporter.address and not is_masked(name):
            basis, key = "name_address", token("name_address", f"{name}\x1f{reporter.address}")
        return Keys(phone_key, id_key, email_key, name_key, key, basis)


def _anonymity(demand: Demand) -> str:
    # A report (举报) is secret whatever its source says, unless nobody is known at all (domain.md §1.1).
    if demand.demand_type is DemandType.REPORT and demand.anonymity is Anonymity.OPEN:
        return Anonymity.SECRET.value
    return demand.anonymity.value


def _quality(demand: Demand, keys: Keys, received_at: datetime) -> list[str]:
    flags = list(demand.quality)
    reporter = demand.reporter
    if keys.reporter is None:
        flags.append("NO_REPORTER_KEY")
    if demand.submitted_at > received_at + _FUTURE:
        flags.append("FUTURE_TIME")
    if reporter.id_no and keys.id_no and not check_id_no(reporter.id_no):
        flags.append("BAD_IDCARD")
    return flags


def personal_json(demand: Demand) -> bytes:
    """What is sealed of a demand: full text, the reporter, addresses, attachments' names; absent values are left out."""
    sealed: dict[str, Any] = {"title": demand.title, "content": demand.content}
    reporter = {
        name: value
        for name, value in demand.reporter.__dict__.items()
        if value is not None and name != "type"
    }
    if reporter:
        sealed["reporter"] = reporter
    if demand.address is not None:
        sealed["address"] = demand.address
    if demand.target_person is not None:
        sealed["target_person"] = demand.target_person
    if demand.expected is not None:
        sealed["expected"] = demand.expected
    if demand.attachments:
        sealed["attachments"] = [attachment.model_dump(exclude_none=True) for attachment in demand.attachments]
    return _encode(sealed)


def read_personal(sealer: Sealer, sealed: bytes, demand_id: str) -> dict[str, Any]:
    """What `personal_json` wrote, opened again; the caller logs that it looked."""
    found: dict[str, Any] = _decode(sealer.unseal(sealed, table="demand", row_id=demand_id))
    return found
