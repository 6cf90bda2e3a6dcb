"""Regions and places out of a file: CSV as a table office saves it, or YAML with the keys of the configuration document."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from hub.errors import Code, ConfigError
from hub.model.demand import Emitted
from hub.model.place import (
    MOST_PLACES,
    MOST_REGIONS,
    PlaceEntry,
    PlaceKind,
    RegionEntry,
    RegionLevel,
    place_faults,
    region_faults,
)

LARGEST_BYTES = 64_000_000
_SHOWN_FAULTS = 10
# A column's names, the model's own first.
_REGION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "区划代码", "统计用区划代码", "代码"),
    "name": ("name", "名称", "区划名称"),
    "level": ("level", "级别", "层级"),
    "parent": ("parent", "上级", "上级代码", "上级区划代码"),
    "aliases": ("aliases", "别名"),
    "residents": ("residents", "常住人口", "人口"),
}
_PLACE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "place_id", "编号", "点位编号"),
    "name": ("name", "名称", "点位名称"),
    "kind": ("kind", "类型", "类别"),
    "region_code": ("region_code", "区划代码", "所属区划", "所属区划代码"),
    "aliases": ("aliases", "别名"),
    "longitude": ("longitude", "经度"),
    "latitude": ("latitude", "纬度"),
}
_KINDS: Mapping[str, PlaceKind] = {
    "村": PlaceKind.VILLAGE, "村庄": PlaceKind.VILLAGE, "自然村": PlaceKind.VILLAGE, "小区": PlaceKind.ESTATE, "道路": PlaceKind.ROAD, "路": PlaceKind.ROAD, "学校": PlaceKind.SCHOOL,
    "医院": PlaceKind.HOSPITAL, "企业": PlaceKind.ENTERPRISE, "公共场所": PlaceKind.PUBLIC, "其他": PlaceKind.OTHER, "": PlaceKind.OTHER,
}  # fmt: skip
_LEVELS: Mapping[str, RegionLevel] = {
    "省": RegionLevel.PROVINCE, "市": RegionLevel.CITY, "县": RegionLevel.COUNTY, "区": RegionLevel.COUNTY, "县区": RegionLevel.COUNTY, "乡镇": RegionLevel.TOWN, "街道": RegionLevel.TOWN,
    "乡镇街道": RegionLevel.TOWN, "村": RegionLevel.VILLAGE, "社区": RegionLevel.VILLAGE, "村社区": RegionLevel.VILLAGE,
}  # fmt: skip
Entry = TypeVar("Entry", PlaceEntry, RegionEntry)
_SEVERAL = re.compile(r"[|;；、,，]")


class GazetteerFile(Emitted):
    """What a file holds; None is what it does not speak of."""

    regions: tuple[RegionEntry, ...] | None = None
    places: tuple[PlaceEntry, ...] | None = None


def read_gazetteer(content: bytes, where: str) -> GazetteerFile:
    """Regions or places out of CSV (its head tells which), or both out of YAML; checked as a whole.

    Args:
        content: UTF-8, with or without a mark of order, or GB 18030; up to 64 MB.
        where: The file's name for messages; ``.yaml`` and ``.yml`` are YAML, everything else is CSV.

    Raises:
        ConfigError: It cannot be read, or its rows do not fit (code ``config_invalid``); names the lines.
    """
    if len(content) > LARGEST_BYTES:
        raise _invalid(where, [f"has {len(content)} bytes (expected at most {LARGEST_BYTES})"])
    text = _decoded(content, where)
    found = _of_yaml(text, where) if where.endswith((".yaml", ".yml")) else _of_csv(text, where)
    codes = {one.code for one in found.regions or ()}
    faults = [*region_faults(found.regions or ()), *place_faults(found.places or (), codes)]
    if faults:
        raise _invalid(where, faults)
    return found


def _decoded(content: bytes, where: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _invalid(where, ["is neither UTF-8 nor GB 18030: save it as one of them"])


def _of_yaml(text: str, where: str) -> GazetteerFile:
    import yaml

    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:
        raise _invalid(where, ["cannot be read as YAML"]) from None
    if not isinstance(given, Mapping) or not {"regions", "places"} & set(given):
        raise _invalid(where, ["has neither a list 'regions' nor a list 'places'"])
    try:
        return GazetteerFile.model_validate({name: given.get(name) for name in ("regions", "places")})
    except ValidationError as exc:
        raise _invalid(where, list(_sentences(exc))) from None


def _of_csv(text: str, where: str) -> GazetteerFile:
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        head = [cell.strip() for cell in next(rows, [])]
        if (columns := _columns(head, _PLACE_COLUMNS, ("id", "name", "region_code"))) is not None:
            return GazetteerFile(places=tuple(_entries(rows, columns, PlaceEntry, where, MOST_PLACES)))
        if (columns := _columns(head, _REGION_COLUMNS, ("code", "name"))) is not None:
            return GazetteerFile(regions=tuple(_entries(rows, columns, RegionEntry, where, MOST_REGIONS)))
    except csv.Error as exc:
        raise _invalid(where, [f"line {rows.line_num}: cannot be read as CSV ({exc})"]) from None
    raise _invalid(
        where,
        [
            f"its first line names {', '.join(filter(None, head)) or 'nothing'} (expected id, name, kind, region_code, aliases, longitude, "
            "latitude for places, or code, name, level, parent, aliases for regions)"
        ],
    )


def _columns(
    head: list[str], known: Mapping[str, tuple[str, ...]], needed: tuple[str, ...]
) -> dict[str, int] | None:
    found = {
        name: head.index(spelt) for name, spellings in known.items() for spelt in spellings if spelt in head
    }
    return found if set(needed) <= set(found) else None


def _entries(
    rows: Any, columns: Mapping[str, int], model: type[Entry], where: str, most: int
) -> Iterator[Entry]:
    faults: list[str] = []
    count = 0
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        count += 1
        if count > most:
            raise _invalid(where, [f"has more than {most} rows: leave out what the county does not need"])
        cells = {name: row[place].strip() for name, place in columns.items() if place < len(row)}
        try:
            yield model.model_validate(_values(cells))
        except ValidationError as exc:
            faults += [f"line {rows.line_num}: {sentence}" for sentence in _sentences(exc)]
            if len(faults) > _SHOWN_FAULTS:
                break
    if faults:
        raise _invalid(where, faults)


def _values(cells: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    if "aliases" in values:
        values["aliases"] = tuple(filter(None, (part.strip() for part in _SEVERAL.split(values["aliases"]))))
    if "kind" in values:
        values["kind"] = _KINDS.get(values["kind"], values["kind"])
    if "level" in values:
        values["level"] = _LEVELS.get(values["level"], values["level"])
    return values


def _sentences(exc: ValidationError) -> Iterable[str]:
    for error in exc.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in error["loc"]) or "row"
        yield f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _invalid(where: str, faults: list[str]) -> ConfigError:
    more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
    return ConfigError(
        f"{where} cannot be imported: {'; '.join(faults[:_SHOWN_FAULTS])}{more}; nothing was changed: correct it and import it again",
        code=Code.CONFIG_INVALID,
    )
