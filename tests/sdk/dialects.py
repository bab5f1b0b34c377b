"""The same few answers in each provider's wire format, for clients to read through the gateway."""

import json
from dataclasses import dataclass
from typing import Any

from simulator import Script
from simulator import json as answer
from simulator import stream as events

TEXT = "The tide is high at Zürich’s “harbour”."
PIECES = ("The tide is ", "high at Zürich’s ", "“harbour”.")
TOOL = "read_gauge"
ARGUMENTS = {"station": "St. Malo", "hours": [6, 18]}
SCHEMA_ANSWER = {"place": "St. Malo", "metres": 12.5}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def sse(*values: Any, name: bool = False, end: str = "") -> list[bytes]:
    """Server-sent events; named by their `type` if wanted."""
    lines = [(f"event: {v['type']}\n" if name else "") + f"data: {json.dumps(v)}\n\n" for v in values]
    return [line.encode() for line in [*lines, *([end] if end else [])]]


@dataclass(frozen=True)
class Dialect:
    """One provider's answers. Every one of them reports 11 prompt and 7 completion tokens."""

    kind: str
    text: Script
    stream: Script
    call: Script
    call_stream: Script
    schema: Script
    error: Any
    """status → the provider's error answer."""
    broken_stream: Script
    """A piece of text, then the provider's own error event."""

    def __repr__(self) -> str:
        return self.kind


# --- OpenAI ------------------------------------------------------------------------------------

_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def _completion(message: dict[str, Any], finish: str) -> Script:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "logprobs": None,
        "finish_reason": finish,
    }
    head = {"id": "chatcmpl-7", "object": "chat.completion", "created": 1, "model": "m"}
    return answer({**head, "choices": [choice], "usage": _USAGE})


def _chunks(*deltas: dict[str, Any], finish: str) -> list[bytes]:
    head = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    whole = [{"role": "assistant", "content": ""}, *deltas]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in whole]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    chunks = [{**head, "choices": [choice]} for choice in choices]
    return sse(*chunks, {**head, "choices": [], "usage": _USAGE}, end="data: [DONE]\n\n")


def _fragments() -> list[dict[str, Any]]:
    text = json.dumps(ARGUMENTS)
    start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": text[at : at + 7]}} for at in range(0, len(text), 7)]
    return [{"tool_calls": [piece]} for piece in [start, *rest]]


OPENAI = Dialect(
    kind="openai",
    text=_completion({"content": TEXT}, "stop"),
    stream=events(_chunks(*({"content": piece} for piece in PIECES), finish="stop")),
    call=_completion(
        {
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": TOOL, "arguments": json.dumps(ARGUMENTS)},
                }
            ],
        },
        "tool_calls",
    ),
    call_stream=events(_chunks(*_fragments(), finish="tool_calls")),
    schema=_completion({"content": json.dumps(SCHEMA_ANSWER)}, "stop"),
    error=lambda status: answer(
        {"error": {"message": f"simulated {status}", "type": "t", "param": None, "code": "c"}},
        status,
        {"retry-after": "0"},
    ),
    broken_stream=events(
        [
            *_chunks({"content": PIECES[0]}, finish="stop")[:2],
            *sse({"error": {"message": "it burns", "type": "server_error", "param": None, "code": None}}),
        ],
        gap_s=0.02,
    ),
)


# --- Anthropic -----------------------------------------------------------------------------------

_HEAD = {"id": "msg_7", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
_COUNTS = {"input_tokens": 11, "output_tokens": 7}


def _message(blocks: list[dict[str, Any]], stop: str) -> Script:
    return answer({**_HEAD, "content": blocks, "stop_reason": stop, "usage": _COUNTS})


def _message_events(start: dict[str, Any], deltas: list[dict[str, Any]], stop: str) -> list[bytes]:
    opened = {**_HEAD, "content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    return sse(
        {"type": "message_start", "message": opened},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
        name=True,
    )


_TEXT_EVENTS = _message_events(
    {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in PIECES], "end_turn"
)
_CALL_TEXT = json.dumps(ARGUMENTS)
_CALL_EVENTS = _message_events(
    {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {}},
    [
        {"type": "input_json_delta", "partial_json": piece}
        for piece in ["", *(_CALL_TEXT[at : at + 7] for at in range(0, len(_CALL_TEXT), 7))]
    ],
    "tool_use",
)

_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
}

ANTHROPIC = Dialect(
    kind="anthropic",
    text=_message([{"type": "text", "text": TEXT}], "end_turn"),
    stream=events(_TEXT_EVENTS),
    call=_message([{"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": ARGUMENTS}], "tool_use"),
    call_stream=events(_CALL_EVENTS),
    schema=_message([{"type": "text", "text": json.dumps(SCHEMA_ANSWER)}], "end_turn"),
    error=lambda status: answer(
        {"type": "error", "error": {"type": _ANTHROPIC_ERRORS[status], "message": f"simulated {status}"}},
        status,
        {"retry-after": "0"},
    ),
    broken_stream=events(
        [
            *_TEXT_EVENTS[:4],
            *sse({"type": "error", "error": {"type": "overloaded_error", "message": "it burns"}}, name=True),
        ],
        gap_s=0.02,
    ),
)


# --- Gemini --------------------------------------------------------------------------------------

_METADATA = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}


def _candidate(parts: list[dict[str, Any]], finish: str | None = "STOP") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    body = {"candidates": [candidate], "modelVersion": "m", "responseId": "resp7"}
    return {**body, "usageMetadata": _METADATA}


_FUNCTION_CALL = {"functionCall": {"name": TOOL, "args": ARGUMENTS}}

GEMINI = Dialect(
    kind="gemini",
    text=answer(_candidate([{"text": TEXT}])),
    stream=events(
        sse(*(_candidate([{"text": piece}], None) for piece in PIECES), _candidate([{"text": ""}]))
    ),
    call=answer(_candidate([_FUNCTION_CALL])),
    call_stream=events(sse(_candidate([_FUNCTION_CALL]))),
    schema=answer(_candidate([{"text": json.dumps(SCHEMA_ANSWER)}])),
    error=lambda status: answer(
        {"error": {"code": status, "message": f"simulated {status}", "status": "SIMULATED"}},
        status,
        {"retry-after": "0"},
    ),
    broken_stream=events(
        [
            *sse(_candidate([{"text": PIECES[0]}], None)),
            json.dumps({"error": {"code": 503, "message": "it burns", "status": "UNAVAILABLE"}}).encode(),
        ],
        gap_s=0.02,
    ),
)

DIALECTS = (OPENAI, ANTHROPIC, GEMINI)
