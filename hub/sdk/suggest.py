"""What an author of a classifier subclasses: something that reads masked words and suggests, and decides nothing.

A suggestion stands beside what rules and people decide. It changes no category, signal or warning; the hub asks only where a person
has to look anyway, within a number of calls and of tokens a day, and goes on without an answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hub.sdk.context import ChannelContext

MOST_SUMMARY = 200


class ClassifierSettings(BaseModel):
    """Base of a classifier's own settings: frozen; a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SettingsT = TypeVar("SettingsT", bound=ClassifierSettings)


class Choice(BaseModel):
    """One category that may be suggested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    l1: str
    name: str


class Asked(BaseModel):
    """What a classifier is told: masked words and the categories, nothing that says whose words or which demand they are.

    Attributes:
        subject: ``demand``: a category and a summary are wanted; ``signal``: a summary of several demands.
        texts: Title and text of each demand as one, personal data masked, the latest first.
        categories: None for a signal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Literal["demand", "signal"]
    texts: tuple[str, ...] = Field(min_length=1)
    categories: tuple[Choice, ...] = ()


class Answered(BaseModel):
    """What a classifier suggests.

    Attributes:
        category: A code of those that were given; None where it knows none.
        summary: One line of at most 200 characters; None where it gives none.
        model: What answered, by the name that it gives itself.
        tokens: That the answer cost; None where nobody counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: str | None = None
    summary: str | None = None
    model: str = Field(min_length=1, max_length=100)
    tokens: int | None = Field(default=None, ge=0, le=10_000_000)


class Classifier(ABC, Generic[SettingsT]):
    """Suggests categories and summaries. Off until hub.yaml names it under ``suggest.classifier``.

    Attributes:
        name: Slug, as hub.yaml names it.
        title: Its name in 中文.
        version: Of its logic and words; a new one is asked anew.
        Settings: Model of ``suggest.settings``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    Settings: ClassVar[type[ClassifierSettings]] = ClassifierSettings

    def __init__(self, settings: SettingsT, ctx: ChannelContext) -> None:
        self.settings = settings
        self.ctx = ctx

    @property
    def model(self) -> str:
        """Which model is asked, for whoever reads a suggestion; part of what makes it another one."""
        return ""

    @abstractmethod
    def answer(self, asked: Asked) -> Answered:
        """The suggestion; ends within its own time limits.

        Raises:
            SourceContractError: What it gave is no answer (code ``page_shape``): noted, and not asked again for the same words.
            HubError: It cannot be asked; the hub says so, stops asking and comes again later.
        """

    def close(self) -> None:
        """Lets go of connections."""


AnyClassifier = Classifier[Any]
