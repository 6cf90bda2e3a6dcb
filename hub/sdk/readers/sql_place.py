"""Where a source's database is and how it is asked. Light, so that settings may hold it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MIB = 1024 * 1024
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")

Dialect = Literal["postgresql", "mariadb"]
Kind = Literal["text", "integer", "number", "float", "time", "date", "boolean", "bytes", "other"]
SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]


class SqlPlace(BaseModel):
    """One database of a source.

    Attributes:
        dialect: ``mariadb`` is MySQL too.
        host: Name or address.
        port: 5432 or 3306 where it is not given.
        database: Its name.
        user: An account that may read the view and nothing else.
        password: Name of the secret that proves it.
        charset: Encoding of the stored text. ``declared``: the database knows. Any other: text is taken as stored, whatever the
            database declares, for GBK that stands in columns declared latin1.
        tls: ``off``; ``preferred``: where the database can; ``required``: encrypted, whoever answers; ``verified``: its certificate is
            checked too.
        ca_bundle: PEM file of the authorities that sign the database's certificate; null for those of the system.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dialect: Dialect
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65_535)
    database: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password: SecretName
    charset: Literal["declared", "gbk", "gb18030", "utf-8"] = "declared"
    tls: Literal["off", "preferred", "required", "verified"] = "preferred"
    ca_bundle: str | None = None

    @field_validator("host", "database", "user")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must be one line of at most 128 characters")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or {"postgresql": 5432, "mariadb": 3306}[self.dialect]


class SqlPolicy(BaseModel):
    """What one database may be asked to bear.

    Attributes:
        connect_timeout_s: To open a connection.
        statement_timeout_s: Of one statement; the database ends it by itself.
        batch: Rows a page at most.
        page_bytes: A page is ended early when its rows reach this size.
        cell_bytes: A row with a longer text is set aside; the text is not fetched.
        tries: Of one statement at most, over new connections where the old one is gone.
        backoff_first_s: Wait after the first failure; doubles with each, plus up to a second of jitter.
        backoff_longest_s: No wait is longer.
        rate_per_s: Statements a second, all processes together; null for no limit.
        burst: Statements that may go at once after a pause.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout_s: float = Field(default=10.0, ge=2)
    statement_timeout_s: float = Field(default=60.0, gt=0)
    batch: int = Field(default=500, ge=1, le=5_000)
    page_bytes: int = Field(default=16 * MIB, ge=1)
    cell_bytes: int = Field(default=4 * MIB, ge=1)
    tries: int = Field(default=5, ge=1, le=20)
    backoff_first_s: float = Field(default=1.0, gt=0)
    backoff_longest_s: float = Field(default=60.0, gt=0)
    rate_per_s: float | None = Field(default=None, gt=0)
    burst: int = Field(default=1, ge=1)


class Column(BaseModel):
    """A column that a channel expects.

    Attributes:
        name: Upper and lower case are one, as they are for databases without quotes.
        kinds: What it may hold; another kind is a changed view.
        required: Without it the view cannot be used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kinds: frozenset[Kind] = frozenset({"text"})
    required: bool = True


class SqlView(BaseModel):
    """A view and what is read of it; columns that are not named here are not fetched.

    Attributes:
        name: ``view`` or ``schema.view``; in double quotes where its case matters to a database that folds it.
        columns: See `Column`; records name them as they stand here.
        key: Column of the record's number.
        position: Column of the update time: a time, or text as ``yyyy-MM-dd HH:mm:ss``.
        names: Column as it stands in ``columns`` -> its name in this database, where that is another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    columns: tuple[Column, ...]
    key: str
    position: str
    names: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _key_and_position_are_columns(self) -> SqlView:
        known = {column.name for column in self.columns}
        unknown = sorted(({self.key, self.position} | set(self.names)) - known)
        if unknown:
            raise ValueError(f"no columns of the view: {', '.join(unknown)}")
        return self

    @property
    def parts(self) -> tuple[str | None, str]:
        """Schema, if any, and name."""
        schema, _, name = self.name.rpartition(".")
        return schema or None, name
