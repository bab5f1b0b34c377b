"""What a client of OpenAI's API makes of an answer, for tests: rules, and the SDK's own types."""

import json
from collections import Counter
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter, ValidationError

COMPLETION = TypeAdapter(ChatCompletion)
CHUNK = TypeAdapter(ChatCompletionChunk)

FREE = ("service_tier",)
"""Fields whose values providers extend at will."""


def chunks_of(stream: bytes) -> list[dict[str, Any]]:
    """The chunks of a well-formed stream, which ends in [DONE]."""
    events = [
        block.removeprefix("data: ") for block in stream.decode().split("\n\n") if block and block[0] != ":"
    ]
    assert events[-1] == "[DONE]"
    return [json.loads(event) for event in events[:-1]]


def text_of(chunks: list[dict[str, Any]], choice: int = 0, field: str = "content") -> str:
    pieces = [piece for chunk in chunks for piece in chunk["choices"] if piece["index"] == choice]
    return "".join(piece["delta"].get(field) or "" for piece in pieces)


def type_faults(adapter: TypeAdapter[Any], value: Any) -> list[str]:
    """Where a value breaks the SDK's types, read strictly."""
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        result = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
        return [f"{place}: {message}" for place, message in result if not place.endswith(FREE)]
    return []


def stream_faults(chunks: list[dict[str, Any]], usage_asked: bool) -> list[str]:
    """The rules of OpenAI's streams that these chunks break."""
    faults = [fault for chunk in chunks for fault in type_faults(CHUNK, chunk)][:1]
    if len({chunk["id"] for chunk in chunks}) != 1:
        faults.append("more than one id")
    usages = sum(bool(chunk.get("usage")) for chunk in chunks)
    if usages > int(usage_asked):
        faults.append(f"usage {usages} times")
    by_choice: dict[int, list[dict[str, Any]]] = {}
    for chunk in chunks:
        for piece in chunk["choices"]:
            by_choice.setdefault(piece["index"], []).append(piece)
    return faults + [fault for pieces in by_choice.values() for fault in choice_faults(pieces)]


def choice_faults(pieces: list[dict[str, Any]]) -> list[str]:
    faults = []
    roles = [piece["delta"].get("role") for piece in pieces]
    if roles[0] != "assistant" or any(roles[1:]):
        faults.append(f"roles {roles[:3]}")
    if sum(bool(piece.get("finish_reason")) for piece in pieces) != 1:
        faults.append("not one finish reason")
    calls = [call for piece in pieces for call in piece["delta"].get("tool_calls") or []]
    order = list(dict.fromkeys(call["index"] for call in calls))
    if order != list(range(len(order))):
        faults.append(f"indexes of calls {order}")
    ids = Counter(call["index"] for call in calls if call.get("id"))
    names = Counter(call["index"] for call in calls if call_name(call))
    if any(ids[index] != 1 or names[index] != 1 for index in order):
        faults.append("id and name of a call not exactly once")
    return faults


def call_name(call: dict[str, Any]) -> str | None:
    result = call.get("function") or call.get("custom") or {}
    return result.get("name") or None


# --- the content of an answer, in any form -------------------------------------------------

FINISHES = {"eos": "stop", "tool_call": "tool_calls", "model_length": "length", "function_call": "tool_calls"}


def fold(data: bytes) -> dict[int, dict[str, Any]]:
    """Per choice: text, thinking, calls and finish of an answer, from any service of this format."""
    choices: dict[int, dict[str, Any]] = {}
    for body in bodies_of(data):
        for piece in body.get("choices") or []:
            empty = {"text": "", "thinking": "", "refusal": "", "calls": [], "finish": None}
            whole = body.get("object") == "chat.completion" and not data.startswith((b"data", b":"))
            said = (piece.get("message") if whole else piece.get("delta")) or {}
            add_piece(choices.setdefault(piece.get("index") or 0, empty), said, piece.get("finish_reason"))
    for choice in choices.values():
        choice["calls"] = [(name, plain_arguments(result)) for _, name, result in choice["calls"]]
        if choice["calls"] and choice["finish"] == "stop":
            choice["finish"] = "tool_calls"
    return choices


def bodies_of(data: bytes) -> list[dict[str, Any]]:
    """The JSON bodies of an answer: one, or one per event."""
    text = data.decode().replace("\r\n", "\n")
    if text.lstrip().startswith("{"):
        return [json.loads(text)]
    lines = [line.removeprefix("data:").strip() for line in text.split("\n") if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def add_piece(choice: dict[str, Any], said: dict[str, Any], finish: str | None) -> None:
    content = said.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        thinking = part.get("thinking") or []
        choice["text"] += part.get("text") or ""
        choice["thinking"] += "".join(piece["text"] for piece in thinking)
    choice["thinking"] += said.get("reasoning_content") or said.get("reasoning") or ""
    choice["refusal"] += said.get("refusal") or ""
    function = said.get("function_call")
    for call in said.get("tool_calls") or ([{"function": function}] if function else []):
        add_call(choice["calls"], call)
    choice["finish"] = FINISHES.get(finish or "", finish) or choice["finish"]


def add_call(calls: list[tuple[Any, str, str]], call: dict[str, Any]) -> None:
    result = call.get("function") or call.get("custom") or {}
    if result.get("name") and not (calls and calls[-1][0] == (call.get("index"), call.get("id"))):
        calls.append(((call.get("index"), call.get("id")), result["name"], ""))
    key, name, so_far = calls[-1]
    arguments = result.get("arguments") or result.get("input") or ""
    calls[-1] = (key, name, so_far + (arguments if isinstance(arguments, str) else json.dumps(arguments)))


def plain_arguments(result: str) -> Any:
    try:
        return json.loads(result or "{}")
    except ValueError:
        return result


def usage_of(data: bytes) -> dict[str, Any] | None:
    """The last usage that an answer tells."""
    result = [body["usage"] for body in bodies_of(data) if body.get("usage")]
    return result[-1] if result else None
