"""The file in YAML that describes a source without code; its JSON Schema is ``schemas/source.schema.json``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from hub.sdk.declarative.readers import Mail, Reader, Sheet, View
from hub.sdk.declarative.rules import FieldRules, RecordRules, Sourced, Strict

WatchName = Literal["observe", "supervise", "insight", "monitor", "visit", "discern"]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class StreamRule(Strict):
    """How the source's records are read over time.

    Attributes:
        name: Part of every record's identity.
        overlap_s: Seconds by which each window reaches back behind the last one, for late rows and for changes that move no update time.
        max_skew_s: Seconds by which the source's clock may run ahead.
    """

    name: SourceName = "records"
    overlap_s: float = Field(default=120.0, ge=0, le=366 * 86_400)
    max_skew_s: float = Field(default=300.0, ge=0, le=86_400)


class ContractRule(Strict):
    """What `hub plugin test` needs to know.

    Attributes:
        gaps: Name of a test of the contract -> why this source cannot keep it.
    """

    gaps: dict[str, str] = Field(default_factory=dict)


class SourceDocument(Strict):
    """One source without code.

    Attributes:
        hub_source: Version of this form.
        name: Of the channel, as hub.yaml names it.
        title: Its name for people.
        version: Of the mapping; part of what every record says of how it was read.
        watch: Which of the six watches its demands belong to.
        reader: How records are fetched.
        stream: See `StreamRule`.
        record: What a record is known by.
        fields: What a demand is made of.
        contract: See `ContractRule`.
    """

    hub_source: Literal[1]
    name: SourceName
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    version: Annotated[str, StringConstraints(min_length=1, max_length=40)] = "1"
    watch: WatchName = "insight"
    reader: Reader
    stream: StreamRule = StreamRule()
    record: RecordRules
    fields: FieldRules
    contract: ContractRule = ContractRule()

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if type(value) in (int, float) else value

    @model_validator(mode="after")
    def _fits_its_reader(self) -> SourceDocument:
        if not self.reader.has_paths:
            for where, rule in rules_of(self):
                if rule.path is not None:
                    raise ValueError(
                        f"{where}: a {self.reader.kind} has columns, no paths: write column in place of path"
                    )
        if fault := _record_fault(self.reader, self.record):
            raise ValueError(fault)
        return self


def _record_fault(reader: Reader, record: RecordRules) -> str | None:
    """Why records cannot be known by these rules with that reader."""
    if isinstance(reader, Sheet | Mail):
        given = [name for name in ("position", "version", "deleted") if getattr(record, name) is not None]
        if given:
            return f"record.{given[0]}: a {reader.kind} is known by its content: take {', '.join(given)} away"
    if isinstance(reader, Mail) and record.number.places != ("number",):
        return "record.number: a mail's number is its column `number`: write {column: number}"
    if isinstance(reader, View):
        if record.position is None:
            return "record.position: a view is read by its update time: say in which column it stands"
        for name, rule in (("number", record.number), ("position", record.position)):
            if rule.column is None:
                return f"record.{name}: a view is read by one column: write column"
    return None


def rules_of(document: SourceDocument) -> list[tuple[str, Sourced]]:
    """Every rule with the path at which it stands."""
    found: list[tuple[str, Sourced]] = []

    def walk(part: object, at: str) -> None:
        if isinstance(part, Sourced):
            found.append((at, part))
        elif isinstance(part, Strict):
            for name in type(part).model_fields:
                walk(getattr(part, name), f"{at}.{name}")
        elif isinstance(part, tuple):
            for place, one in enumerate(part):
                walk(one, f"{at}.{place}")

    walk(document.record, "record")
    walk(document.fields, "fields")
    return found
