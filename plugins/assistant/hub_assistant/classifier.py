"""Asks an endpoint that speaks the chat-completions protocol; what it answers is checked before anybody sees it.

One question is one request: no stream, no retry once it may have arrived, no redirect, no proxy, an answer of at most 256 KiB within a
deadline, to an address within the networks that hub.yaml names.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.sdk import ChannelContext, Code, SourceContractError
from hub.sdk.readers.auth import Bearer
from hub.sdk.readers.http import HttpReader
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.suggest import MOST_SUMMARY, Answered, Asked, Classifier
from hub_assistant.settings import EndpointSettings
from hub_assistant.words import VERSION, messages, schema

MOST_BYTES = 256 * 1024
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"\A\s*```(?:json)?\s*(\{.*\})\s*```\s*\Z", re.DOTALL)


class _Read(BaseModel):
    """What is read of an endpoint's answer; what else it says is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Message(_Read):
    content: str | None = None


class _Choice(_Read):
    message: _Message
    finish_reason: str | None = None


class _Usage(_Read):
    total_tokens: int = Field(default=0, ge=0, le=10_000_000)


class _Completion(_Read):
    choices: list[_Choice] = Field(min_length=1, max_length=16)
    model: str | None = None
    usage: _Usage | None = None


class _Said(BaseModel):
    """What the model itself must say: this, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    category: str | None = Field(max_length=32)
    summary: str | None = Field(max_length=MOST_SUMMARY)


class OpenAICompatible(Classifier[EndpointSettings]):
    """Suggests by a model behind an OpenAI-compatible endpoint."""

    name: ClassVar[str] = "openai_compatible"
    title: ClassVar[str] = "县内网大模型建议"
    version: ClassVar[str] = VERSION
    Settings: ClassVar[type[EndpointSettings]] = EndpointSettings

    def __init__(self, settings: EndpointSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        policy = HttpPolicy(
            connect_timeout_s=min(10.0, settings.deadline_s),
            read_timeout_s=settings.deadline_s,
            deadline_s=settings.deadline_s,
            tries=1,
            max_body_bytes=MOST_BYTES,
            redirects="none",
            only_networks=settings.allowed_networks,
            ca_bundle=settings.ca_bundle,
        )
        auth = Bearer(settings.api_key) if settings.api_key is not None else None
        self._reader = HttpReader(settings.base_url, ctx, policy, auth)

    @property
    def model(self) -> str:
        return self.settings.model

    def close(self) -> None:
        self._reader.close()

    def answer(self, asked: Asked) -> Answered:
        categories = 0 < len(asked.categories) <= self.settings.max_categories
        body = self._reader.document(
            "chat/completions",
            method="POST",
            json=self._question(asked, categories),
            label=f"a suggestion for a {asked.subject}",
        )
        return self._answered(body)

    def _question(self, asked: Asked, categories: bool) -> dict[str, Any]:
        question: dict[str, Any] = {
            "model": self.settings.model,
            "messages": messages(asked, categories, self.settings.max_chars),
            "max_tokens": self.settings.max_tokens,
            "temperature": 0,
            "stream": False,
            "n": 1,
        }
        if self.settings.response_format == "json_schema":
            shape = {"name": "suggestion", "strict": True, "schema": schema(asked, categories)}
            question["response_format"] = {"type": "json_schema", "json_schema": shape}
        elif self.settings.response_format == "json_object":
            question["response_format"] = {"type": "json_object"}
        return question

    def _answered(self, body: bytes) -> Answered:
        try:
            completion = _Completion.model_validate_json(body)
        except ValidationError:
            raise _no_answer("JSON that is no chat completion", "choices with a message") from None
        first = completion.choices[0]
        if first.finish_reason == "length":
            raise _no_answer("an answer that was cut off at max_tokens", "a whole one: raise max_tokens")
        said = first.message.content or ""
        try:
            answer = _Said.model_validate_json(bare(said))
        except ValidationError:
            raise _no_answer(
                "words that are not the JSON that was asked for", "category and summary"
            ) from None
        return Answered(
            category=answer.category,
            summary=answer.summary,
            model=(completion.model or self.settings.model)[:100] or self.settings.model,
            tokens=completion.usage.total_tokens if completion.usage is not None else None,
        )


def bare(said: str) -> str:
    """What a model said, without the thoughts before it and the fence around it, which many models add unasked."""
    said = _THOUGHT.sub("", said, count=1)
    fenced = _FENCED.match(said)
    return fenced[1] if fenced is not None else said


def _no_answer(found: str, expected: str) -> SourceContractError:
    # Never what it said: it was told a citizen's words.
    return SourceContractError(
        f"openai_compatible: the endpoint gave {found} (expected {expected}); nothing is suggested: try another model, or another "
        "response_format",
        code=Code.PAGE_SHAPE,
    )
