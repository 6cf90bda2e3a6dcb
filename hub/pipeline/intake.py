"""From a channel's `Demand` to a row of the store: sealing, search keys, redaction, quality flags. No SQL, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from hub.model.codes import Anonymity, DemandType, Watch
from hub.model.demand import Demand, Reporter
from hub.model.nature import nature_of
from hub.seal import Sealer, SearchKeys
from hub.store.landing import as_jsonb
from hub.text.identity import bare_name, is_masked, normal_email, read_id_no, read_phone, reporter_key_basis
from hub.text.redact import redact

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FUTURE = timedelta(minutes=10)
_SPACE = re.compile(r"\s+")
TITLE_LENGTH = 50
_BORDER = "\x1f"
# Fields in which people write what they like; codes and numbers of records stay as they are.
_SHORT = ("type_source_text", "sub_source", "category", "item_name", "target_org")

Redactor = Callable[[str], str]
FileList = list[tuple[str, str, str, int]]
"""SHA-256, name, media type and size in bytes of each attachment."""
_decode_files = msgspec.json.Decoder(FileList).decode


@dataclass(frozen=True, slots=True)
class Origin:
    """What every demand of one stream shares."""

    stream_id: int
    instance: str
    channel: str
    watch: Watch


class Keys(NamedTuple):
    """Search keys of one reporter; each None where there is nothing usable (missing, masked, no person)."""

    phone: str | None = None
    id_no: str | None = None
    email: str | None = None
    name: str | None = None
    reporter: str | None = None
    basis: str | None = None
    bad_id: bool = False


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

    def seal_raws(self, raws: Sequence[tuple[bytes, int]]) -> list[bytes]:
        """Raw records' bytes, each bound to its row."""
        return self.sealer.seal_many(
            [body for body, _ in raws], table="raw_record", row_ids=[str(raw_id) for _, raw_id in raws]
        )

    def open_raw(self, sealed: bytes, raw_id: int) -> bytes:
        """A raw record's bytes as they came."""
        return self.sealer.unseal(sealed, table="raw_record", row_id=str(raw_id))

    def seal_files(self, files: FileList, raw_id: int) -> bytes:
        """What attachments came with a raw record, bound to its row; the bytes are kept apart, once."""
        return self.sealer.seal(_encode(files), table="raw_record", row_id=files_id(raw_id))

    def open_files(self, sealed: bytes, raw_id: int) -> FileList:
        """What `seal_files` wrote."""
        return _decode_files(self.sealer.unseal(sealed, table="raw_record", row_id=files_id(raw_id)))

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
        keys = self.keys(reporter, origin.instance)
        known = [
            value
            for value in (reporter.name, reporter.phone, reporter.id_no, reporter.email, demand.target_person)
            if value and "*" not in value
        ]
        (title, type_text, sub_source, category, item_name, target_org, text), findings = self._masked(
            demand, known
        )
        return (
            demand_id,
            demand_no,
            origin.stream_id,
            demand.source_no,
            raw_id,
            origin.channel,
            origin.instance,
            origin.watch._value_,
            nature_of(origin.watch, demand.demand_type)._value_,
            demand.submitted_at,
            received_at,
            updated_at,
            demand.demand_type._value_,
            type_text or None,
            demand.status._value_,
            demand.urgency._value_,
            _anonymity(demand),
            title,
            text,
            keys.reporter,
            keys.basis,
            reporter.type._value_,
            keys.phone,
            keys.id_no,
            keys.email,
            keys.name,
            category or None,
            demand.region_code,
            demand.item_code,
            item_name or None,
            demand.case_no,
            target_org or None,
            demand.business_class._value_,
            demand.service_step.value if demand.service_step else None,
            sub_source or None,
            demand.declared_group_size,
            demand.chases_open_order,
            demand.prev_source_no,
            demand.assigned_no,
            demand.deadline_at,
            demand.occurred_at,
            demand.longitude,
            demand.latitude,
            demand.datum,
            as_jsonb(findings) if findings else None,
            deleted or demand.deleted,
            self.sealer.seal(personal_json(demand), table="demand", row_id=demand_id),
            list(demand.labels),
            _quality(demand, keys, received_at),
            [],
        )

    def _masked(self, demand: Demand, known: Sequence[str]) -> tuple[list[str], dict[str, int]]:
        """Title, the short fields of `_SHORT` and the text, nothing personal in them; and what was found."""
        # One sweep over all: the border is a character that no text holds once it has been read.
        short = [getattr(demand, name) for name in _SHORT]
        head = _BORDER.join([demand.title, *(value or "" for value in short)])
        if head.count(_BORDER) != len(_SHORT):
            head = _BORDER.join((value or "").replace(_BORDER, " ") for value in (demand.title, *short))
        masked = redact(f"{head}{_BORDER}{demand.content}", known)
        shown = masked.text.split(_BORDER, len(_SHORT) + 1)
        if not shown[0]:
            shown[0] = _SPACE.sub(" ", shown[-1][: TITLE_LENGTH * 2]).strip()[:TITLE_LENGTH]
        for redactor in self._redactors:
            shown = [redactor(value) if value else value for value in shown]
        # PostgreSQL's text cannot hold a NUL; readers drop it, a careless mapping may not.
        shown[0], shown[-1] = shown[0].replace("\0", ""), shown[-1].replace("\0", "")
        return shown, dict(masked.findings)

    def masked(self, words: str, known: Sequence[str]) -> str:
        """Words with nothing personal in them.

        Args:
            known: Personal values of the same record: names, numbers.
        """
        shown = redact(words, known).text
        for redactor in self._redactors:
            shown = redactor(shown)
        return shown

    def keys(self, reporter: Reporter, instance: str, token: Callable[[str, str], str] | None = None) -> Keys:
        """The search keys of a reporter.

        Args:
            reporter: As the channel read it.
            instance: The configured channel: an account's name means something within it only.
            token: (kind, value) -> token; under the active key of the ring when None.

        Source: domain.md §1.1 (reporter_key) and §6.6: masked values and callers who are no person make no key.
        """
        token = token or self._token
        id_key = phone_key = email_key = name_key = reporter_key = basis = None
        bad_id = False
        if reporter.id_no:
            number = read_id_no(reporter.id_no, reporter.id_type)
            bad_id = not number.checked
            if number.value:
                kind = "uscc" if number.form == "uscc" else "id_no"
                id_key = token(kind, number.value)
                if number.value not in self._stop_list:
                    reporter_key, basis = id_key, kind
        if reporter.phone and (phone := read_phone(reporter.phone).value):
            phone_key = token("phone", phone)
            if reporter_key is None and not reporter.uscc and phone not in self._stop_list:
                reporter_key, basis = phone_key, "phone"
        if reporter.email and (email := normal_email(reporter.email)):
            email_key = token("email", email)
        if reporter.name and "*" not in reporter.name and (name := bare_name(reporter.name)):
            name_key = token("name", name) if not is_masked(name) else None
        if reporter_key is None and _may_be_known(reporter):
            # Neither identity number nor telephone: the rarer bases, in the order of `reporter_key_basis`.
            found = reporter_key_basis(reporter, account_scope=instance, stop=self._stop_list)
            if found is not None:
                reporter_key, basis = token(found.kind, found.value), found.basis
        return Keys(phone_key, id_key, email_key, name_key, reporter_key, basis, bad_id)


def files_id(raw_id: int) -> str:
    """What the sealed list of a raw record's attachments is bound to."""
    return f"{raw_id}/files"


def _may_be_known(reporter: Reporter) -> bool:
    return bool(
        reporter.uscc
        or reporter.caller_phone
        or reporter.account
        or reporter.email
        or (reporter.name and reporter.address)
    )


def _anonymity(demand: Demand) -> str:
    # A report (举报) is secret whatever its source says, unless nobody is known at all (domain.md §1.1).
    if demand.demand_type is DemandType.REPORT and demand.anonymity is Anonymity.OPEN:
        return Anonymity.SECRET._value_
    return demand.anonymity._value_


def _quality(demand: Demand, keys: Keys, received_at: datetime) -> list[str]:
    flags = list(demand.quality)
    if demand.submitted_at > received_at + _FUTURE:
        flags.append("FUTURE_TIME")
    if keys.bad_id:
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
        sealed["attachments"] = [
            attachment.model_dump(exclude_none=True) for attachment in demand.attachments
        ]
    return _encode(sealed)


def read_personal(sealer: Sealer, sealed: bytes, demand_id: str) -> dict[str, Any]:
    """What `personal_json` wrote, opened again; the caller logs that it looked."""
    found: dict[str, Any] = _decode(sealer.unseal(sealed, table="demand", row_id=demand_id))
    return found
