"""Answers in the format of each family of providers, also as no family should send them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from field.calling import DONE, answer, chunk, event
from protocols.bedrock_frames import event as frame

__all__ = ["FAMILIES", "Said", "named", "say"]


@dataclass(frozen=True)
class Said:
    """What an answer says; values of any type go into it as they are."""

    text: str = ""
    calls: Sequence[tuple[Any, Any, Any]] = ()
    """Id, name and arguments: an object, for formats whose arguments are one."""
    finish: Any = None
    """Unless it is given, the family's usual word for the end."""


def named(kind: str, **fields: Any) -> bytes:
    """An event whose type is also its name."""
    return f"event: {kind}\n".encode() + event(json.dumps({"type": kind, **fields}))


def _text_of(arguments: Any) -> Any:
    return json.dumps(arguments) if isinstance(arguments, dict) else arguments


def _anthropic(said: Said, stream: bool) -> bytes:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    for id_, name, arguments in said.calls:
        blocks.append({"type": "tool_use", "id": id_, "name": name, "input": arguments})
    finish = said.finish or ("tool_use" if said.calls else "end_turn")
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "usage": {"input_tokens": 3}}
    if not stream:
        return json.dumps({**head, "content": blocks, "stop_reason": finish}).encode()
    out = named("message_start", message={**head, "content": [], "stop_reason": None})
    for index, block in enumerate(blocks):
        out += named("content_block_start", index=index, content_block=block)
        out += named("content_block_stop", index=index)
    return out + named("message_delta", delta={"stop_reason": finish}) + named("message_stop")


def _gemini(said: Said, stream: bool) -> bytes:
    parts: list[dict[str, Any]] = [{"text": said.text}] if said.text else []
    for id_, name, arguments in said.calls:
        parts.append({"functionCall": {"id": id_, "name": name, "args": arguments}})
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": said.finish or "STOP"}
    body = json.dumps({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3}})
    return event(body) if stream else body.encode()


def _cohere(said: Said, stream: bool) -> bytes:
    finish = said.finish or ("TOOL_CALL" if said.calls else "COMPLETE")
    calls = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": _text_of(arguments)}}
        for id_, name, arguments in said.calls
    ]
    text = [{"type": "text", "text": said.text}] if said.text else []
    if not stream:
        message = {"role": "assistant", "content": text, "tool_calls": calls}
        return json.dumps({"id": "m1", "finish_reason": finish, "message": message}).encode()
    out = named("message-start", id="m1", delta={"message": {"role": "assistant"}})
    for block in text:
        out += named("content-start", index=0, delta={"message": {"content": block}})
    for index, one in enumerate(calls):
        out += named("tool-call-start", index=index, delta={"message": {"tool_calls": one}})
        out += named("tool-call-end", index=index)
    return out + named("message-end", delta={"finish_reason": finish})


def _bedrock(said: Said, stream: bool) -> bytes:
    blocks: list[dict[str, Any]] = [{"text": said.text}] if said.text else []
    for id_, name, arguments in said.calls:
        blocks.append({"toolUse": {"toolUseId": id_, "name": name, "input": arguments}})
    finish = said.finish or ("tool_use" if said.calls else "end_turn")
    if not stream:
        output = {"message": {"role": "assistant", "content": blocks}}
        return json.dumps({"output": output, "stopReason": finish}).encode()
    out = frame("messageStart", role="assistant")
    for index, block in enumerate(blocks):
        if "text" in block:
            out += frame("contentBlockDelta", contentBlockIndex=index, delta=block)
        else:
            out += frame("contentBlockStart", contentBlockIndex=index, start=block)
        out += frame("contentBlockStop", contentBlockIndex=index)
    return out + frame("messageStop", stopReason=finish)


def _responses(said: Said, stream: bool) -> bytes:
    output: list[dict[str, Any]] = []
    if said.text:
        output.append({"type": "message", "content": [{"type": "output_text", "text": said.text}]})
    for id_, name, arguments in said.calls:
        item = {"type": "function_call", "call_id": id_, "name": name, "arguments": _text_of(arguments)}
        output.append(item)
    response = {"id": "r1", "object": "response", "status": said.finish or "completed", "output": output}
    if not stream:
        return json.dumps(response).encode()
    out = named("response.created", response={**response, "status": "in_progress", "output": []})
    for index, item in enumerate(output):
        out += named("response.output_item.done", output_index=index, item=item)
    return out + named("response.completed", response=response)


def _chat(said: Said, stream: bool) -> bytes:
    calls = [
        {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (id_, name, arguments) in enumerate(said.calls)
    ]
    finish = said.finish or ("tool_calls" if calls else "stop")
    message = {"role": "assistant", "content": said.text or None, **({"tool_calls": calls} if calls else {})}
    return chunk(message) + chunk({}, finish) + DONE if stream else answer(message, finish)


FAMILIES = {
    "openai_compatible/m": _chat,
    "ollama/m": _chat,
    "anthropic/claude-sonnet-4-5": _anthropic,
    "gemini/gemini-2.5-flash": _gemini,
    "cohere/command-a-03-2025": _cohere,
    "bedrock/m": _bedrock,
    "openai/gpt-5-codex": _responses,
}
"""By a model of each."""


def say(model: str, stream: bool, **said: Any) -> bytes:
    """The bytes of an answer of a model's family."""
    return FAMILIES[model](Said(**said), stream)
