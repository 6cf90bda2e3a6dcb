"""The OpenAPI document of the inbound door, for those who write the pushing side; generated into schemas/ and checked there."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hub._version import __version__
from hub.model.push import PushAccepted, PushRefused

_JSON = "application/json"
_RETRY = {
    "Retry-After": {
        "description": "Seconds after which the same push may be sent again, under the same key.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
# Status -> what it means for the sender, and whether it says when to come again.
_REFUSALS: dict[str, tuple[str, bool]] = {
    "400": ("The body, or its key, is not of the form that it must have.", False),
    "401": ("The push is not proven: signature, time or form of one of its headers. It says no more.", False),
    "404": ("No channel of that name takes pushes.", False),
    "405": ("Records are sent by POST.", False),
    "408": ("The body took too long to arrive.", True),
    "409": ("The key was used before for another body.", False),
    "413": ("The body is too large, or holds too many records: send it in parts.", False),
    "415": ("Another content type than the channel takes, or a compressed body.", False),
    "422": ("The body can be read and is no push of this channel.", False),
    "429": ("More pushes than the hub lets in.", True),
    "500": ("A fault of the hub, or of the channel's plugin.", True),
    "503": ("The hub cannot take it now: its database is away, or it is being stopped.", True),
}


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "weisu-hub: inbound door",
            "version": __version__,
            "description": "A source pushes its records; 202 means that every one of them is durable. Anything else, and no answer at "
            "all, means that nothing is known to be kept: send the same bytes again under the same key.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/channels/{instance}/records": {"post": _records()},
            "/v1/health": {"get": _health()},
        },
        "components": {
            "schemas": {model.__name__: _schema(model) for model in (PushAccepted, PushRefused)},
            "securitySchemes": {
                "standardWebhooks": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "`v1,` and base64 of HMAC-SHA256 (or `v1sm3,` and HMAC-SM3) over `webhook-id.webhook-timestamp.body`, "
                    "by the secret that both sides hold: Standard Webhooks 1.0.0. A channel may speak its source's own scheme instead.",
                }
            },
        },
    }


def _records() -> dict[str, Any]:
    return {
        "operationId": "pushRecords",
        "summary": "Take records in.",
        "security": [{"standardWebhooks": []}],
        "parameters": [
            _header("instance", "path", "Name of the configured channel.", "^[a-z][a-z0-9_]{0,62}$"),
            _header(
                "webhook-id",
                "header",
                "The push's own id, the same for every repeat and for no other push: the idempotency key. It is remembered for days.",
                "^[A-Za-z0-9_-]{1,128}$",
            ),
            _header(
                "webhook-timestamp",
                "header",
                "Seconds since 1970 at this sending; too far from the hub's clock is 401.",
                "^[0-9]{1,11}$",
            ),
        ],
        "requestBody": {
            "required": True,
            "description": "What the channel's source speaks. The hub's own form is an object whose member `records` is the list of records, "
            "each as the channel's page in docs/reference/channels describes it.",
            "content": {
                _JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["records"],
                        "properties": {"records": {"type": "array", "items": {"type": "object"}}},
                    }
                }
            },
        },
        "responses": {
            "202": {
                "description": "Every record is durable; what became of them.",
                "headers": {
                    "Idempotent-Replayed": {
                        "description": "`true` where the push had come before: this is the first answer, and nothing was done.",
                        "schema": {"const": "true"},
                    }
                },
                "content": {_JSON: {"schema": {"$ref": "#/components/schemas/PushAccepted"}}},
            },
            **{status: _refusal(*told) for status, told in _REFUSALS.items()},
        },
    }


def _refusal(description: str, retry: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/PushRefused"}}},
    }
    if retry:
        answer["headers"] = _RETRY
    return answer


def _health() -> dict[str, Any]:
    return {
        "operationId": "health",
        "summary": "Whether the door is open; for a reverse proxy's probe.",
        "responses": {
            "200": {
                "description": "It is.",
                "content": {_JSON: {"schema": {"type": "object", "properties": {"status": {"const": "ok"}}}}},
            }
        },
    }


def _header(name: str, where: str, description: str, pattern: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(mode="serialization")
