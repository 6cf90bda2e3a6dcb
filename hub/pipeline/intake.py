"""From a channel's `Demand` to a row of the store: sealing, search keys, redaction, quality flags. No SQL, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from hub.model.codes import Anonymity, DemandType, Watch
from hub.model.demand import Demand, Reporter
from hub.model.nature import nature_of
from hub.model.place import is_region_code
from hub.seal import Sealer, SearchKeys
from hub.store.landing import as_jsonb
from hub.store.persons import PHONE_OF_CALLER
from hub.text.heads import declared_heads
from hub.text.identity import (
    Reading,
    Unusable,
    bare_name,
    is_masked,
    normal_email,
    read_id_no,
    read_phone,
    read_uscc,
    reporter_key_basis,
)
from hub.text.redact import redact

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FUTURE = timedelta(minutes=10)
BAD_IDCARD, BAD_USCC, BAD_PHONE, BAD_REGION = "BAD_IDCARD", "BAD_USCC", "BAD_PHONE", "BAD_REGION"
_NO_PHONE = Reading(None, why=Unusable.EMPTY)
_IMPOSSIBLE = (Unusable.MALFORMED, Unusable.ROUNDED)
_SPACE = re.compile(r"\s+")
TITLE_LENGTH = 50
_BORDER = "\x1f"
# Fields in which people write what they like; codes and numbers of records stay as they are.
_SHORT = ("type_source_text", "sub_source", "category", "item_name", "target_org")

_KEYED = itemgetter("name", "id_no", "phone", "email", "caller_phone")
# What the record itself names as somebody's, to be masked in its text wherever it stands.
_OWN = itemgetter("name", "phone", "id_no", "email")
_SWEPT = itemgetter("title", *_SHORT, "content")

Redactor = Callable[[str], str]
Wanted = tuple[Demand, str, str, int, datetime, bool]
"""A demand, and what the hub adds: its id, its number, its raw record's id, when it was received, whether it is deleted."""
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
    """Search keys of one reporter; each None where there is nothing usable (missing, masked, no person).

    ``flags``: soft marks of numbers that cannot be right; nothing is refused for them (domain.md §6.6).
    """

    phone: str | None = None
    id_no: str | None = None
    email: str | None = None
    name: str | None = None
    reporter: str | None = None
    basis: str | None = None
    flags: tuple[str, ...] = ()
    caller: bool = False  # ``phone`` is the number that the call came from


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

    def rows(
        self, wanted: Sequence[Wanted], origin: Origin, *, updated_at: datetime
    ) -> list[tuple[Any, ...]]:
        """Each demand's row, in the order of `hub.store.landing.DEMAND_COLUMNS`."""
        seal = self.sealer.series("demand", len(wanted))
        return [self._row(origin, updated_at, seal, *one) for one in wanted]

    def _row(
        self,
        origin: Origin,
        updated_at: datetime,
        seal: Callable[[bytes, str], bytes],
        demand: Demand,
        demand_id: str,
        demand_no: str,
        raw_id: int,
        received_at: datetime,
        deleted: bool,
    ) -> tuple[Any, ...]:
        # Out of the models' dictionaries: reading fifty attributes of a pydantic model costs 3 us more (its class has
        # a __getattr__, which keeps the interpreter's fast way shut).
        said = demand.__dict__
        reporter = said["reporter"]
        demand_type, service_step = said["demand_type"], said["service_step"]
        keys = self.keys(reporter, origin.instance)
        shown, findings = self._masked(said, (*_OWN(reporter.__dict__), said["target_person"]))
        title, type_text, sub_source, category, item_name, target_org, text = shown
        return (
            demand_id,
            demand_no,
            origin.stream_id,
            said["source_no"],
            raw_id,
            origin.channel,
            origin.instance,
            origin.watch._value_,
            nature_of(origin.watch, demand_type)._value_,
            said["submitted_at"],
            received_at,
            updated_at,
            demand_type._value_,
            type_text or None,
            said["status"]._value_,
            said["urgency"]._value_,
            _anonymity(demand_type, said["anonymity"]),
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
            said["region_code"],
            said["item_code"],
            item_name or None,
            said["case_no"],
            target_org or None,
            said["business_class"]._value_,
            service_step._value_ if service_step is not None else None,
            sub_source or None,
            said["declared_group_size"] or declared_heads(text or ""),
            said["chases_open_order"],
            said["prev_source_no"],
            said["assigned_no"],
            said["deadline_at"],
            said["occurred_at"],
            said["longitude"],
            said["latitude"],
            said["datum"],
            as_jsonb(findings) if findings else None,
            deleted or said["deleted"],
            seal(personal_json(demand), demand_id),
            list(said["labels"]),
            _quality(demand, keys, received_at),
            [],
        )

    def _masked(
        self, said: Mapping[str, Any], known: Sequence[str | None]
    ) -> tuple[Sequence[str | None], Mapping[str, int]]:
        """Title, the short fields of `_SHORT` and the text, nothing personal in them; and what was found."""
        # One sweep over all: the border is a character that no text holds once it has been read.
        values = _SWEPT(said)
        whole = _BORDER.join([value or "" for value in values])
        if whole.count(_BORDER) != len(values) - 1:
            whole = _BORDER.join([(value or "").replace(_BORDER, " ") for value in values])
            values = ()
        masked, findings = redact(whole, known)
        if masked is whole and values and values[0] and not self._redactors and "\0" not in whole:
            return values, findings  # nearly always: as they are
        shown = masked.split(_BORDER, len(_SHORT) + 1)
        if not shown[0]:
            shown[0] = _SPACE.sub(" ", shown[-1][: TITLE_LENGTH * 2]).strip()[:TITLE_LENGTH]
        for redactor in self._redactors:
            shown = [redactor(value) if value else value for value in shown]
        # PostgreSQL's text cannot hold a NUL; readers drop it, a careless mapping may not.
        shown[0], shown[-1] = shown[0].replace("\0", ""), shown[-1].replace("\0", "")
        return shown, findings

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

        The number that a call came from stands in for a telephone where none was left that can be used: whoever leaves a number says
        that it is theirs, and a call may come from a relative's or a shop's.

        Source: domain.md §1.1 (reporter_key) and §6.6: masked values and callers who are no person make no key.
        """
        token = token or self._token
        id_key = phone_key = email_key = name_key = reporter_key = basis = None
        flags: tuple[str, ...] = ()
        by_caller = False
        name, id_no, phone, email, caller = _KEYED(reporter.__dict__)
        # A masked value makes no key: it is passed over here, before anything reads it.
        if id_no and "*" not in id_no:
            number = read_id_no(id_no, reporter.id_type)
            if not number.checked or number.why is Unusable.MALFORMED:
                flags = (BAD_USCC if number.form == "other" else BAD_IDCARD,)
            if number.value:
                kind = "uscc" if number.form == "uscc" else "id_no"
                id_key = token(kind, number.value)
                if number.value not in self._stop_list:
                    reporter_key, basis = id_key, kind
        left = read_phone(phone) if phone and "*" not in phone else _NO_PHONE
        if left.why in _IMPOSSIBLE:
            flags += (BAD_PHONE,)
        if phone := left.value:
            phone_key = token("phone", phone)
            if reporter_key is None and not reporter.uscc and phone not in self._stop_list:
                reporter_key, basis = phone_key, "phone"
        elif caller and "*" not in caller and (caller := read_phone(caller).value):
            phone_key, by_caller = token("phone", caller), True
            if reporter_key is None and not reporter.uscc and caller not in self._stop_list:
                reporter_key, basis = phone_key, "caller_phone"
        if email and (email := normal_email(email)):
            email_key = token("email", email)
        if name and "*" not in name and (name := bare_name(name)):
            name_key = token("name", name) if not is_masked(name) else None
        if reporter_key is None and _may_be_known(reporter):
            # Neither identity number nor telephone: the rarer bases, in the order of `reporter_key_basis`.
            found = reporter_key_basis(reporter, account_scope=instance, stop=self._stop_list)
            if found is not None:
                reporter_key, basis = token(found.kind, found.value), found.basis
        if (uscc := reporter.__dict__["uscc"]) and not _is_good_uscc(uscc):
            flags += (BAD_USCC,)
        return Keys(phone_key, id_key, email_key, name_key, reporter_key, basis, flags, by_caller)


def files_id(raw_id: int) -> str:
    """What the sealed list of a raw record's attachments is bound to."""
    return f"{raw_id}/files"


def _may_be_known(reporter: Reporter) -> bool:
    said = reporter.__dict__
    return bool(
        said["uscc"]
        or said["caller_phone"]
        or said["account"]
        or said["email"]
        or (said["name"] and said["address"])
    )


def _anonymity(demand_type: DemandType, said: Anonymity) -> str:
    # A report (举报) is secret whatever its source says, unless nobody is known at all (domain.md §1.1).
    if demand_type is DemandType.REPORT and said is Anonymity.OPEN:
        return Anonymity.SECRET._value_
    return said._value_


def _quality(demand: Demand, keys: Keys, received_at: datetime) -> list[str]:
    flags = list(demand.quality)
    if demand.submitted_at > received_at + _FUTURE:
        flags.append("FUTURE_TIME")
    flags += [flag for flag in keys.flags if flag not in flags]
    if keys.caller:
        flags.append(PHONE_OF_CALLER)
    region = demand.__dict__["region_code"]
    if region and not is_region_code(region):
        flags.append(BAD_REGION)
    return flags


def _is_good_uscc(value: str) -> bool:
    """Whether it may be one: well-formed with its check character, or masked so that nobody can tell."""
    reading = read_uscc(value)
    return reading.why in (None, Unusable.MASKED, Unusable.EMPTY) and reading.checked


class _SealedReporter(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    gender: str | None = None
    id_type: str | None = None
    id_no: str | None = None
    uscc: str | None = None
    phone: str | None = None
    caller_phone: str | None = None
    email: str | None = None
    account: str | None = None
    address: str | None = None


class _SealedAttachment(msgspec.Struct, omit_defaults=True):
    name: str
    media_type: str
    sha256: str | None = None
    size_bytes: int | None = None
    uri: str | None = None


class _SealedReply(msgspec.Struct, omit_defaults=True):
    text: str
    organisation: str | None = None
    replied_at: datetime | None = None


class _Sealed(msgspec.Struct, omit_defaults=True):
    title: str
    content: str
    reporter: _SealedReporter
    address: str | None = None
    target_person: str | None = None
    expected: str | None = None
    attachments: list[_SealedAttachment] | None = None
    public_reply: _SealedReply | None = None


# The values of a model in the order of its struct, by one call each.
_of_reporter = itemgetter(*_SealedReporter.__struct_fields__)
_of_attachment = itemgetter(*_SealedAttachment.__struct_fields__)
_of_reply = itemgetter(*_SealedReply.__struct_fields__)
_of_demand = itemgetter(
    "title", "content", "reporter", "address", "target_person", "expected", "attachments", "public_reply"
)


def personal_json(demand: Demand) -> bytes:
    """What is sealed of a demand: full text, the reporter, addresses, attachments' names; absent values are left out."""
    title, content, reporter, address, target, expected, attachments, reply = _of_demand(demand.__dict__)
    return _encode(
        _Sealed(
            title,
            content,
            _SealedReporter(*_of_reporter(reporter.__dict__)),
            address,
            target,
            expected,
            [_SealedAttachment(*_of_attachment(one.__dict__)) for one in attachments]
            if attachments
            else None,
            _SealedReply(*_of_reply(reply.__dict__)) if reply is not None else None,
        )
    )


def read_personal(sealer: Sealer, sealed: bytes, demand_id: str) -> dict[str, Any]:
    """What `personal_json` wrote, opened again; the caller logs that it looked."""
    found: dict[str, Any] = _decode(sealer.unseal(sealed, table="demand", row_id=demand_id))
    return found
