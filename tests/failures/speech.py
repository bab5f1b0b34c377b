"""One answer, "Hello", in the wire formats of providers: whole, and as a stream in its parts.

Every format tells the same: three tokens of input, two of output.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NOTHING_YET", "SPEECHES", "Speech", "chunk"]


@dataclass(frozen=True)
class Speech:
    """The parts of an answer. A format that has no such part leaves it empty."""

    plain: bytes
    first: bytes
    """The beginning of a stream, up to and including the text "Hel"."""
    second: bytes
    """The text "lo"."""
    finish: bytes
    """The reason why the answer ends, without what comes after it."""
    end: bytes
    """What follows the reason: usage, and the terminator."""
    tool: bytes
    """The beginning of a stream whose answer is a call of `lookup`, with half of its arguments."""
    error: bytes
    """An error, as it stands in a body."""
    error_event: bytes
    """The same error within a stream."""
    failed: bytes
    """A whole answer whose reason to end is an error."""
    failed_finish: bytes
    """An error as the reason to end a stream."""

    @property
    def stream(self) -> list[bytes]:
        return [self.first, self.second, self.finish, self.end]


def sse(value: Mapping[str, Any], name: str | None = None) -> bytes:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(value)}\n\n".encode()


# --- OpenAI's chat completions -----------------------------------------------------------------------

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def completion(finish: str) -> bytes:
    message = {"role": "assistant", "content": "Hello"}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**head, "choices": [choice], "usage": USAGE}).encode()


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


NOTHING_YET = chunk({"role": "assistant", "content": ""})
"""The first event of a chat completion, without text."""


def chat() -> Speech:
    call = {"name": "lookup", "arguments": '{"pla'}
    named = {"index": 0, "id": "call_1", "type": "function", "function": call}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    error = {"error": {"message": "no capacity", "type": "server_error", "code": "overloaded"}}
    return Speech(
        plain=completion("stop"),
        first=chunk({"role": "assistant", "content": "Hel"}),
        second=chunk({"content": "lo"}),
        finish=chunk({}, "stop"),
        end=sse({**head, "choices": [], "usage": USAGE}) + b"data: [DONE]\n\n",
        tool=chunk({"role": "assistant", "content": None, "tool_calls": [named]}),
        error=json.dumps(error).encode(),
        error_event=sse(error),
        failed=completion("error"),
        failed_finish=chunk({}, "error"),
    )


# --- Anthropic's messages ------------------------------------------------------------------------------


def event(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)


def anthropic() -> Speech:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    no_end = {"stop_reason": None, "stop_sequence": None}
    begun = {**head, "content": [], **no_end, "usage": {"input_tokens": 3, "output_tokens": 0}}
    whole = {**head, "content": [{"type": "text", "text": "Hello"}], **end}
    start = event("message_start", message=begun)
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    call = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "no capacity"}}

    def delta(**fields: str) -> bytes:
        return event("content_block_delta", index=0, delta=fields)

    return Speech(
        plain=json.dumps({**whole, "usage": {"input_tokens": 3, "output_tokens": 2}}).encode(),
        first=start + block + delta(type="text_delta", text="Hel"),
        second=delta(type="text_delta", text="lo"),
        finish=event("content_block_stop", index=0)
        + event("message_delta", delta=end, usage={"output_tokens": 2}),
        end=event("message_stop"),
        tool=start
        + event("content_block_start", index=0, content_block=call)
        + delta(type="input_json_delta", partial_json='{"pla'),
        error=json.dumps(error).encode(),
        error_event=sse(error, "error"),
        failed=b"",
        failed_finish=b"",
    )


# --- OpenAI's Responses API ----------------------------------------------------------------------------


def response(status: str, output: list[Any], **fields: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
    }
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status}
    content = {"usage": usage if status == "completed" else None, "error": None, "incomplete_details": None}
    asked = {"instructions": None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    return {
        **head,
        "output": output,
        **content,
        **asked,
        "metadata": {},
        "text": {"format": {"type": "text"}},
    } | fields


def responses() -> Speech:
    text = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    open_item = {**item, "status": "in_progress", "content": []}
    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": ""}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    failure = {"code": "server_error", "message": "no capacity"}
    failed = response("failed", [], error=failure)
    start = event("response.created", sequence_number=0, response=response("in_progress", []))

    def delta(text: str, number: int) -> bytes:
        return event("response.output_text.delta", sequence_number=number, **at, delta=text, logprobs=[])

    return Speech(
        plain=json.dumps(response("completed", [item])).encode(),
        first=start
        + event("response.output_item.added", sequence_number=1, output_index=0, item=open_item)
        + event("response.content_part.added", sequence_number=2, **at, part={**text, "text": ""})
        + delta("Hel", 3),
        second=delta("lo", 4),
        finish=event("response.output_text.done", sequence_number=5, **at, text="Hello", logprobs=[])
        + event("response.content_part.done", sequence_number=6, **at, part=text)
        + event("response.output_item.done", sequence_number=7, output_index=0, item=item),
        end=event("response.completed", sequence_number=8, response=response("completed", [item])),
        tool=start
        + event("response.output_item.added", sequence_number=1, output_index=0, item=call)
        + event(
            "response.function_call_arguments.delta",
            sequence_number=2,
            item_id="fc_1",
            output_index=0,
            delta='{"pla',
        ),
        error=json.dumps({"error": {**failure, "type": "server_error", "param": None}}).encode(),
        error_event=event("error", sequence_number=4, **failure, param=None),
        failed=json.dumps(failed).encode(),
        failed_finish=event("response.failed", sequence_number=4, response=failed),
    )


# --- Google's API --------------------------------------------------------------------------------------


def gemini() -> Speech:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}

    def content(parts: list[Any], **fields: Any) -> dict[str, Any]:
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}, **fields}
        return {"candidates": [candidate], "modelVersion": "m", "responseId": "r1"}

    whole = content([{"text": "Hello"}], finishReason="STOP")
    error = {"error": {"code": 503, "message": "no capacity", "status": "UNAVAILABLE"}}
    return Speech(
        plain=json.dumps({**whole, "usageMetadata": usage}).encode(),
        first=sse(content([{"text": "Hel"}])),
        second=sse(content([{"text": "lo"}])),
        finish=sse({**content([{"text": ""}], finishReason="STOP"), "usageMetadata": usage}),
        end=b"",
        tool=b"",  # calls are whole here
        error=json.dumps(error).encode(),
        error_event=sse(error),
        failed=b"",
        failed_finish=b"",
    )


SPEECHES: dict[str, Speech] = {
    "openai_chat": chat(),
    "anthropic": anthropic(),
    "openai_responses": responses(),
    "gemini": gemini(),
}
"""By the wire format."""
