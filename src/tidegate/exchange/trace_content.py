"""The prompt and the answer of an exchange, as its trace tells them if they are to be exported."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import json

from tidegate.protocols.excerpt import shorten
from tidegate.protocols.turn import Message, Text, ToolCall, ToolResult
from tidegate.traces import Value, names

from .delivered import delivered_text
from .state import Exchange

__all__ = ["Attributes", "content_of"]

log = logging.getLogger("tidegate")

Attributes = Mapping[str, Value | None]


def content_of(this: Exchange) -> Attributes:
    """The prompt and the answer, if they are to be exported. To be called before the exchange is closed."""
    trace, tracer = this.trace, this.gateway.tracer
    if trace is None or tracer is None or not trace.sampled or not tracer.content_bytes:
        return {}
    if not this.attempts:
        return {}
    try:
        return _read_content(this, tracer.content_bytes)
    except Exception:  # noqa: BLE001 such as a request in a form that only its own provider reads
        log.warning("the contents of %s could not be read for its trace", this.request.id)
        return {}


def _read_content(this: Exchange, most: int) -> Attributes:
    find_turn, found = getattr(this.parsed, "turn", None), dict[str, Value | None]()
    if find_turn is not None:
        messages = [_render_message(one) for one in find_turn().messages]
        found[names.INPUT_MESSAGES] = _bounded(messages, most)
    text = delivered_text(this)
    if text is not None:
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
        found[names.OUTPUT_MESSAGES] = _bounded(answer, most)
    return found


def _render_message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "parts": list(_render_parts(message))}


def _render_parts(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, Text):
            yield {"type": "text", "content": part.text}
        elif isinstance(part, ToolCall):
            yield {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        elif isinstance(part, ToolResult):
            texts = [one.text for one in part.content if isinstance(one, Text)]
            yield {"type": "tool_call_response", "id": part.call_id, "response": "".join(texts)}
        else:  # media are named, and not exported
            yield {"type": type(part).__name__.lower()}


def _bounded(messages: list[dict[str, Any]], most: int) -> str:
    """The messages as JSON; long texts are shortened until it fits."""
    text = json.encode(messages).decode()
    length = most
    while len(text) > most and length > 16:
        length //= 2
        for message in messages:
            for part in message["parts"]:
                for field in ("content", "arguments", "response"):
                    if len(part.get(field) or "") > length:
                        part[field] = shorten(part[field], length)
        text = json.encode(messages).decode()
    return text if len(text) <= most else json.encode([{"role": "system", "parts": []}]).decode()
