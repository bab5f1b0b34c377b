"""Streams of five families of providers: a call of one tool, or a text."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocols.bedrock_frames import event
from sdk.dialects import sse

__all__ = ["FAMILIES", "Family"]

MODEL = "m"


@dataclass(frozen=True)
class Family:
    """How the providers of one wire format stream."""

    kind: str
    text: Callable[[str], list[bytes]]
    call: Callable[[str, dict[str, Any], str], list[bytes]]
    """Name of the tool, arguments, id of the call."""
    base: str = ""
    """Behind the provider's address."""
    more: str = ""
    """More lines of its configuration."""

    def __repr__(self) -> str:
        return self.kind


# --- OpenAI ------------------------------------------------------------------------------------


def _chunks(finish: str, *deltas: dict[str, Any]) -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    chunks = [{**head, "choices": [choice]} for choice in choices]
    return sse(*chunks, {**head, "choices": [], "usage": usage}, end="data: [DONE]\n\n")


def _openai_call(name: str, arguments: dict[str, Any], call_id: str) -> list[bytes]:
    function = {"name": name, "arguments": ""}
    start = {"index": 0, "id": call_id, "type": "function", "function": function}
    rest = {"index": 0, "function": {"arguments": json.dumps(arguments)}}
    return _chunks("tool_calls", {"role": "assistant", "tool_calls": [start]}, {"tool_calls": [rest]})


# --- Anthropic ---------------------------------------------------------------------------------


def _message(stop: str, block: dict[str, Any], delta: dict[str, Any]) -> list[bytes]:
    usage = {"input_tokens": 11, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    message = {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}
    return sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
        name=True,
    )


def _anthropic_call(name: str, arguments: dict[str, Any], call_id: str) -> list[bytes]:
    block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return _message("tool_use", block, {"type": "input_json_delta", "partial_json": json.dumps(arguments)})


def _anthropic_text(text: str) -> list[bytes]:
    return _message("end_turn", {"type": "text", "text": ""}, {"type": "text_delta", "text": text})


# --- Gemini ------------------------------------------------------------------------------------


def _candidate(part: dict[str, Any]) -> list[bytes]:
    candidate = {"content": {"role": "model", "parts": [part]}, "index": 0, "finishReason": "STOP"}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    return sse({"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1", "usageMetadata": usage})


def _gemini_call(name: str, arguments: dict[str, Any], call_id: str) -> list[bytes]:
    return _candidate({"functionCall": {"name": name, "args": arguments}})


# --- Bedrock -----------------------------------------------------------------------------------

_METADATA = event("metadata", usage={"inputTokens": 11, "outputTokens": 7, "totalTokens": 18})


def _bedrock_call(name: str, arguments: dict[str, Any], call_id: str) -> list[bytes]:
    tool = {"toolUse": {"toolUseId": call_id, "name": name}}
    delta = {"toolUse": {"input": json.dumps(arguments)}}
    return [
        event("messageStart", role="assistant"),
        event("contentBlockStart", contentBlockIndex=0, start=tool),
        event("contentBlockDelta", contentBlockIndex=0, delta=delta),
        event("contentBlockStop", contentBlockIndex=0),
        event("messageStop", stopReason="tool_use"),
        _METADATA,
    ]


def _bedrock_text(text: str) -> list[bytes]:
    return [
        event("messageStart", role="assistant"),
        event("contentBlockDelta", contentBlockIndex=0, delta={"text": text}),
        event("contentBlockStop", contentBlockIndex=0),
        event("messageStop", stopReason="end_turn"),
        _METADATA,
    ]


# --- Cohere ------------------------------------------------------------------------------------

_TOKENS = {"tokens": {"input_tokens": 11, "output_tokens": 7}}


def _cohere(finish: str, *events: dict[str, Any]) -> list[bytes]:
    end = {"type": "message-end", "delta": {"finish_reason": finish, "usage": _TOKENS}}
    start = {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}}
    return sse(start, *events, end, name=True)


def _cohere_call(name: str, arguments: dict[str, Any], call_id: str) -> list[bytes]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    piece = {"function": {"arguments": json.dumps(arguments)}}
    return _cohere(
        "TOOL_CALL",
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": piece}}},
        {"type": "tool-call-end", "index": 0},
    )


def _cohere_text(text: str) -> list[bytes]:
    content = {"type": "text", "text": ""}
    return _cohere(
        "COMPLETE",
        {"type": "content-start", "index": 0, "delta": {"message": {"content": content}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}},
        {"type": "content-end", "index": 0},
    )


FAMILIES = (
    Family(
        "openai", lambda text: _chunks("stop", {"role": "assistant", "content": text}), _openai_call, "/v1"
    ),
    Family("anthropic", _anthropic_text, _anthropic_call),
    Family("gemini", lambda text: _candidate({"text": text}), _gemini_call),
    Family("bedrock", _bedrock_text, _bedrock_call, more='region = "us-east-1"'),
    Family("cohere", _cohere_text, _cohere_call),
)
