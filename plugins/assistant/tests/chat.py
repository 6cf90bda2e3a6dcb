"""An endpoint on loopback that speaks the chat-completions protocol, well or badly."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from tests.support.raw_http import Answer, Seen, answer

SENSIBLE = {"category": "0301", "summary": "小区停水三天"}


def completion(content: object, *, finish: str = "stop", tokens: object = 321, **more: Any) -> dict[str, Any]:
    """The body of an answer; a mapping as content is said as JSON."""
    said = content if isinstance(content, str) or content is None else json.dumps(content, ensure_ascii=False)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "qwen-test",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 21, "total_tokens": tokens},
        **more,
    }


def model(reply: Callable[[dict[str, Any]], object]) -> Answer:
    """A model that answers what ``reply`` makes of the user's JSON; a request that breaks the protocol is a 400."""

    def play(connection: socket.socket, seen: Seen) -> bytes:
        asked = json.loads(seen.body)
        sound = (
            (seen.method, seen.path) == ("POST", "/v1/chat/completions")
            and isinstance(asked.get("model"), str)
            and [one["role"] for one in asked["messages"]] == ["system", "user"]
            and asked.get("stream") is False
        )
        if not sound:
            return answer({"error": {"message": "bad request"}}, 400)
        return answer(completion(reply(json.loads(asked["messages"][1]["content"]))))

    return play
