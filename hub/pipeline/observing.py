"""What records say beside demands becomes rows: masked columns, everything sealed, cases put together from their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from hub.model.case import Case, merge_cases
from hub.model.ids import new_ulids
from hub.model.observation import Observation, Personal, Prose
from hub.model.said import OBSERVATIONS
from hub.pipeline.intake import Intake, Origin
from hub.seal import Sealer
from hub.store import observed, observed_work
from hub.store.engine import Connection

SEALED_AS = "observation"  # what every sealed value here is bound to, with the row's id
ModelT = TypeVar("ModelT", bound=Observation)
_WRITTEN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Told:
    """What one raw record says now.

    Attributes:
        record_key: The number under which the record stands.
        raw_id: Of the raw record.
        observations: What it says beside demands.
        deleted: Its source says that it is gone.
        is_new: Nothing stands under the record's number yet.
    """

    record_key: str
    raw_id: int
    observations: Sequence[Observation]
    deleted: bool
    is_new: bool


def put_observations(
    connection: Connection,
    intake: Intake,
    origin: Origin,
    told: Sequence[Told],
    kinds: Sequence[str],
    now: datetime,
    *,
    by: str,
) -> None:
    """Writes what these records say, each record once, in the transaction of their page.

    Args:
        kinds: All kinds that the channel may say, keys of `hub.model.said.OBSERVATIONS`: of each, what a record no longer says is
            marked deleted.
        by: Who writes, for the history (``run 17``).
    """
    for kind in kinds:
        touched = _put_kind(connection, intake, origin, told, kind, now, by)
        if kind == Case.kind and touched:
            touched = _put_cases(connection, intake, origin, touched, now)
        observed_work.push(connection, kind, touched, now)


def _put_kind(
    connection: Connection,
    intake: Intake,
    origin: Origin,
    told: Sequence[Told],
    kind: str,
    now: datetime,
    by: str,
) -> list[str]:
    """Ids of the rows of this kind that were written or marked."""
    # Of two records that claim one number the later one holds.
    said = {
        one.source_no: (record, one)
        for record in told
        for one in record.observations
        if type(one) is OBSERVATIONS[kind]
    }
    gone: dict[str, int] = {}
    before = {record.record_key: record for record in told if not record.is_new}
    if before:
        numbers = {
            key: {one.source_no for one in record.observations if one.kind == kind}
            for key, record in before.items()
        }
        found = observed.no_longer_said(connection, kind, origin.stream_id, numbers)
        gone = {row_id: before[key].raw_id for row_id, key in found.items()}
        if gone:
            observed.mark_deleted(connection, kind, gone, now, by=by)
    if not said:
        return list(gone)
    standing = observed.standing_ids(connection, kind, origin.stream_id, list(said))
    new_ids = iter(new_ulids(len(said) - len(standing), int(now.timestamp() * 1000)))
    rows = []
    for source_no, (record, one) in said.items():
        row_id = standing.get(source_no) or next(new_ids)
        rows.append(
            {
                **shown_columns(one, intake),
                "observation_id": row_id,
                "stream_id": origin.stream_id,
                "source_no": source_no,
                "record_key": record.record_key,
                "raw_id": record.raw_id,
                "channel": origin.channel,
                "instance": origin.instance,
                "watch": origin.watch.value,
                "received_at": now,
                "updated_at": now,
                "deleted": one.deleted or record.deleted,
                "sealed": seal(intake.sealer, one, row_id),
            }
        )
    observed.put(connection, kind, rows, by=by)
    return [row["observation_id"] for row in rows] + list(gone)


def _put_cases(
    connection: Connection, intake: Intake, origin: Origin, part_ids: Sequence[str], now: datetime
) -> list[str]:
    """Puts every case together again whose parts these are, or were; the ids of these cases."""
    case_nos = observed.cases_of(connection, part_ids)
    parts = observed.sealed_parts(connection, origin.instance, case_nos)
    standing = observed.case_ids(connection, origin.instance, case_nos)
    new_ids = iter(new_ulids(len(case_nos) - len(standing), int(now.timestamp() * 1000)))
    rows = []
    for case_no, sealed in parts.items():
        opened = [
            unseal(intake.sealer, Case, value, row_id).model_copy(update={"deleted": deleted})
            for row_id, value, deleted in sealed
        ]
        if not opened:
            continue
        case = merge_cases(opened)
        case_id = standing.get(case_no) or next(new_ids)
        columns = shown_columns(case, intake)
        rows.append(
            {
                **{name: columns[name] for name in columns if name != "source_no"},
                "case_id": case_id,
                "instance": origin.instance,
                "channel": origin.channel,
                "parts": sum(not one.deleted for one in opened),
                "updated_at": now,
                "deleted": case.deleted,
                "sealed": seal(intake.sealer, case, case_id),
            }
        )
    if rows:
        observed.put_cases(connection, rows)
    emptied = [case_no for case_no, sealed in parts.items() if not sealed]
    if emptied:
        observed.mark_cases_gone(connection, origin.instance, emptied, now)
    return [
        *(row["case_id"] for row in rows),
        *(standing[case_no] for case_no in emptied if case_no in standing),
    ]


def seal(sealer: Sealer, observation: Observation, row_id: str) -> bytes:
    """All that an observation says, bound to its row."""
    return sealer.seal(
        observation.model_dump_json(exclude_defaults=True).encode(), table=SEALED_AS, row_id=row_id
    )


def unseal(sealer: Sealer, model: type[ModelT], sealed: bytes, row_id: str) -> ModelT:
    """What `seal` wrote; a field that this version of the hub does not know is passed over."""
    return model.model_validate_json(sealer.unseal(sealed, table=SEALED_AS, row_id=row_id), extra="ignore")


# ---- columns


def shown_columns(observation: Observation, intake: Intake) -> dict[str, Any]:
    """Column -> value: nothing personal, prose masked."""
    known = list(_persons(observation))
    shown = _shown(observation, known, intake)
    as_json = observed.JSON_COLUMNS[observation.kind]
    return {name: _jsonable(value) if name in as_json else _scalar(value) for name, value in shown.items()}


def _shown(part: BaseModel, known: Sequence[str], intake: Intake) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in type(part).model_fields.items():
        if any(isinstance(mark, Personal) for mark in field.metadata):
            continue
        value = getattr(part, name)
        is_prose = any(isinstance(mark, Prose) for mark in field.metadata)
        found[name] = _value(value, known, intake, is_prose=is_prose)
    return found


def _value(value: Any, known: Sequence[str], intake: Intake, *, is_prose: bool = False) -> Any:
    if isinstance(value, BaseModel):
        return _shown(value, known, intake)
    if isinstance(value, tuple):
        return [_value(one, known, intake, is_prose=is_prose) for one in value]
    # Codes and numbers of things stay as they are; where words stand, a person may.
    if isinstance(value, str) and not isinstance(value, Enum) and (is_prose or _WRITTEN.search(value)):
        return intake.masked(value, known)
    return value


def _persons(part: BaseModel, *, is_personal: bool = False) -> Iterator[str]:
    """Every personal value in an observation, so that it is found in the prose as well."""
    for name, field in type(part).model_fields.items():
        yield from _strings(
            getattr(part, name), is_personal or any(isinstance(mark, Personal) for mark in field.metadata)
        )


def _strings(value: Any, is_personal: bool) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from _persons(value, is_personal=is_personal)
    elif isinstance(value, tuple):
        for one in value:
            yield from _strings(one, is_personal)
    elif is_personal and isinstance(value, str) and not isinstance(value, Enum) and "*" not in value:
        yield value


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_scalar(one) for one in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _jsonable(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return _scalar(value)
