"""An answer of OpenAI's, whole and as a stream."""

import json
from typing import Any

__all__ = ["ANSWER", "FIRST", "LAST", "SECOND", "USAGE", "WHOLE", "chunk"]

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    body = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


USAGE = {**ANSWER, "object": "chat.completion.chunk", "choices": []}
FIRST = chunk({"role": "assistant", "content": "Hel"})
SECOND = chunk({"content": "lo"})
LAST = [chunk({}, "stop"), b"data: " + json.dumps(USAGE).encode() + b"\n\n", b"data: [DONE]\n\n"]
WHOLE = [FIRST, SECOND, *LAST]
