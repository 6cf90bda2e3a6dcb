"""What a file in YAML says of one field: where it is read from, how it is understood, what its codes mean."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from hub.model.codes import (
    Anonymity,
    BusinessClass,
    DemandStatus,
    DemandType,
    ReporterType,
    ServiceStep,
)

CodeT = TypeVar("CodeT")

Place = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_SomePlaces = Annotated[tuple[Place, ...], Field(min_length=1, max_length=8)]
# A single name is a list of one.
Places = Annotated[
    _SomePlaces,
    BeforeValidator(
        lambda given: (given,) if isinstance(given, str) else given,
        json_schema_input_type=Place | _SomePlaces,
    ),
]
# A code of the source is the text that it sends; YAML may have read a number.
CodeText = Annotated[
    str,
    BeforeValidator(
        lambda given: str(given) if type(given) in (int, float) else given,
        json_schema_input_type=str | int | float,
    ),
]


class Strict(BaseModel):
    """Base of all parts of the file: frozen; a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Join(Strict):
    """Several places put together, the empty ones left out.

    Attributes:
        of: In this order.
        separator: Between them.
    """

    of: tuple[Place, ...] = Field(min_length=2, max_length=12)
    separator: str = Field(default=" ", max_length=10)


class Sourced(Strict):
    """Where a value is read from; exactly one of the three (and of ``const``, where a rule has it).

    Attributes:
        column: A column of a sheet or a view; of JSON and XML a member of the record itself, whatever its name looks like.
        path: Of JSON and XML: names with full stops between them, a place in a list by its number (``contact.phones.0``), an attribute of XML with
            ``@`` before it. Of several the first that holds something counts.
        join: See `Join`.
        nothing: Values that stand for nothing here, beside empty text and the word null.
    """

    column: Place | None = None
    path: Places | None = None
    join: Join | None = None
    nothing: tuple[CodeText, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [
            name for name in ("column", "path", "join", "const") if getattr(self, name, None) is not None
        ]
        if len(given) != 1:
            told = "none of them" if not given else " and ".join(given)
            raise ValueError(
                f"exactly one of column, path, join or const says where the value comes from; found {told}"
            )
        if given == ["const"]:
            extra = sorted(
                name
                for name in self.model_fields_set - {"const"}
                if getattr(self, name, None) not in (None, ())
            )
            if extra:
                raise ValueError(f"a const is what it is: take away {', '.join(extra)}")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that is looked at."""
        if self.column is not None:
            return (self.column,)
        return self.path if self.path is not None else self.join.of if self.join is not None else ()


class TextParse(Strict):
    """``text``: as it stands. ``html``: the words alone. ``phone``: digits that a sheet took for a number come back, lost ones are an error."""

    kind: Literal["text", "html", "phone"]


class TimeParse(Strict):
    """A written time.

    Attributes:
        forms: As of strptime, tried in this order, such as ``%d/%m/%Y %H:%M``; none: ISO 8601 and the forms usual in China.
        zone: Of times without one; none: the channel's ``source_timezone``.
    """

    kind: Literal["time"] = "time"
    forms: tuple[Short, ...] = Field(default=(), max_length=10)
    zone: str | None = None

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                raise ValueError("is no zone of the IANA database, such as Asia/Shanghai") from None
        return value

    @field_validator("forms")
    @classmethod
    def _are_forms(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        from datetime import UTC, datetime

        for form in values:
            if "%" not in form:
                raise ValueError(f"{form!r} is no form of a time (expected such as %Y-%m-%d %H:%M:%S)")
            try:
                datetime.strptime(datetime(2026, 11, 23, 8, 5, 3, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007
            except (ValueError, UnicodeError):
                raise ValueError(f"{form!r} is no form that can be read back") from None
        return values


class EpochParse(Strict):
    """Seconds or milliseconds since 1970, UTC."""

    kind: Literal["epoch"]
    unit: Literal["s", "ms"] = "s"


class WordsParse(Strict):
    """Words for yes and no, whatever their case."""

    kind: Literal["words"]
    yes: tuple[CodeText, ...] = ("true", "yes", "1", "y", "是")
    no: tuple[CodeText, ...] = ("false", "no", "0", "n", "否")


def _named(given: Any) -> Any:
    """A parse without further wishes is its name alone."""
    return {"kind": given} if isinstance(given, str) else given


AsText = Annotated[
    TextParse, BeforeValidator(_named, json_schema_input_type=Literal["text", "html", "phone"] | TextParse)
]
AsTime = Annotated[
    Annotated[TimeParse | EpochParse, Field(discriminator="kind")],
    BeforeValidator(_named, json_schema_input_type=Literal["time", "epoch"] | TimeParse | EpochParse),
]
AsFlag = Annotated[WordsParse, BeforeValidator(_named, json_schema_input_type=Literal["words"] | WordsParse)]


class TextRule(Sourced):
    """A text.

    Attributes:
        const: Always this.
        parse: How it is understood; ``html`` for title, content and expected where nothing is said, else ``text``.
        map: Value of the source -> ours; a value that does not stand here sets the record aside (``value_unmapped``).
        default: Where the source holds nothing.
    """

    const: str | None = Field(default=None, max_length=2_000)
    parse: AsText | None = None
    map: dict[str, str] | None = None
    default: str | None = Field(default=None, max_length=2_000)


class TimeRule(Sourced):
    """A time.

    Attributes:
        parse: How it is written.
    """

    parse: AsTime = TimeParse()


class NumberRule(Sourced):
    """A number within bounds.

    Attributes:
        least: The smallest that it may be.
        most: The greatest.
        default: Where the source holds nothing.
    """

    least: float | None = None
    most: float | None = None
    default: float | None = None


class FlagRule(Sourced):
    """Yes or no.

    Attributes:
        const: Always this.
        parse: Words for yes and no.
        map: Value of the source -> yes or no, in place of ``parse``.
        default: Where the source holds nothing.
    """

    const: bool | None = None
    parse: AsFlag = WordsParse(kind="words")
    map: dict[str, bool] | None = None
    default: bool = False


class CodeRule(Sourced, Generic[CodeT]):
    """A code of ours.

    Attributes:
        const: Always this.
        map: Value of the source -> our code; a value that does not stand here sets the record aside (``value_unmapped``). Without it the source
            sends our codes as they are.
        default: Where the source holds nothing.
    """

    const: CodeT | None = None
    map: dict[str, CodeT] | None = None
    default: CodeT | None = None


class VersionRule(Sourced):
    """What tells an older state of a record from a newer one.

    Attributes:
        as_: A time, or a whole number that grows.
        parse: How a time is written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    as_: Literal["time", "number"] = Field(default="time", alias="as")
    parse: AsTime = TimeParse()


UrgencyName = Literal["normal", "urgent", "critical"]


class RecordRules(Strict):
    """What a record is known by.

    Attributes:
        number: The source's own stable number.
        position: The update time by which what is new is asked for; none where the source tells none.
        version: Without it the position's time is the version.
        deleted: Whether the source says that the record is gone.
    """

    number: TextRule
    position: TimeRule | None = None
    version: VersionRule | None = None
    deleted: FlagRule | None = None


class ReporterRules(Strict):
    """The person or body who voices the demand; every field is sealed."""

    name: TextRule | None = None
    type: CodeRule[ReporterType] | None = None
    gender: TextRule | None = None
    id_type: TextRule | None = None
    id_no: TextRule | None = None
    uscc: TextRule | None = None
    phone: TextRule | None = None
    caller_phone: TextRule | None = None
    email: TextRule | None = None
    account: TextRule | None = None
    address: TextRule | None = None


class PublicReplyRules(Strict):
    """What the demand's own platform answered the citizen, for everybody to read; there is none where ``text`` holds nothing."""

    text: TextRule | None = None
    organisation: TextRule | None = None
    replied_at: TimeRule | None = None


class FieldRules(Strict):
    """What each field of a demand is read from; fields are those of `hub.model.demand.Demand`.

    Attributes:
        labels: Each gives a label where it holds something.
        attachments: Each gives the address of an attachment where it holds something.
    """

    submitted_at: TimeRule
    demand_type: CodeRule[DemandType]
    content: TextRule
    type_source_text: TextRule | None = None
    title: TextRule | None = None
    reporter: ReporterRules = ReporterRules()
    public_reply: PublicReplyRules = PublicReplyRules()
    anonymity: CodeRule[Anonymity] | None = None
    status: CodeRule[DemandStatus] | None = None
    urgency: CodeRule[UrgencyName] | None = None
    sub_source: TextRule | None = None
    occurred_at: TimeRule | None = None
    address: TextRule | None = None
    region_code: TextRule | None = None
    longitude: NumberRule | None = None
    latitude: NumberRule | None = None
    datum: TextRule | None = None
    item_code: TextRule | None = None
    item_name: TextRule | None = None
    case_no: TextRule | None = None
    service_step: CodeRule[ServiceStep] | None = None
    business_class: CodeRule[BusinessClass] | None = None
    category: TextRule | None = None
    target_org: TextRule | None = None
    target_person: TextRule | None = None
    expected: TextRule | None = None
    labels: tuple[TextRule, ...] = Field(default=(), max_length=20)
    declared_group_size: NumberRule | None = None
    prev_source_no: TextRule | None = None
    chases_open_order: FlagRule | None = None
    assigned_no: TextRule | None = None
    deadline_at: TimeRule | None = None
    attachments: tuple[TextRule, ...] = Field(default=(), max_length=20)
