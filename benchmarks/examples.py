"""The answers of the made-up providers: a whole one and a stream, in OpenAI's and in Anthropic's format."""

import json
from typing import Any

__all__ = ["ANTHROPIC", "ANTHROPIC_STREAM", "EVENTS", "OPENAI", "OPENAI_STREAM"]

EVENTS = 200
"""Pieces of text in a stream."""
TEXT = "Hello! How can I help you today? I can write, analyse, code and calculate. " * 2

OPENAI = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1751281234,
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 18, "completion_tokens": 38, "total_tokens": 56},
}
CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1751281234,
    "model": "m-1",
    "choices": [{"index": 0, "delta": {"content": " tok"}, "finish_reason": None}],
}
LAST_CHUNK = {
    **CHUNK,
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    "usage": OPENAI["usage"],
}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 18, "output_tokens": 38},
}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " tok"}}


def event(value: dict[str, Any]) -> bytes:
    """A server-sent event with this value; it has a name if the value has a type."""
    name = f"event: {value['type']}\n" if "type" in value else ""
    return f"{name}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


OPENAI_STREAM = [*[event(CHUNK)] * EVENTS, event(LAST_CHUNK), b"data: [DONE]\n\n"]
ANTHROPIC_STREAM = [
    event({"type": "message_start", "message": {**ANTHROPIC, "content": [], "stop_reason": None}}),
    event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    *[event(DELTA)] * EVENTS,
    event({"type": "content_block_stop", "index": 0}),
    event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
    event({"type": "message_stop"}),
]
