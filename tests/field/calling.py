"""Requests to a configured provider and their answers, without sockets: through every route of the gateway,
for situations that users of gateways have met in the field.
"""

import json
from dataclasses import dataclass
from typing import Any

from recordings import splits
from running import parse_config
from tidegate.config.formats import protocol_named
from tidegate.protocols.contract import Call, Conduit
from tidegate.providers import ModelRegistry

DOORS = {"chat": "openai_chat", "messages": "anthropic", "responses": "openai_responses"}
KINDS = (
    "openai",
    "azure",
    "openai_compatible",
    "mistral",
    "together",
    "vllm",
    "ollama",
    "openrouter",
    "qwen",
)
"""Services that speak OpenAI's chat format, spliced and mended."""
REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hi"}]},
    "messages": {"max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"input": "hi"},
}
REGISTRY = ModelRegistry(
    parse_config(
        "\n".join(
            f'[providers.{kind}]\nkind = "{kind}"\nbase_url = "http://127.0.0.1:9"\napi_key = "k"'
            + ('\nregion = "us-east-1"' if kind == "bedrock" else "")
            for kind in (*KINDS, "anthropic", "gemini", "cohere", "bedrock", "deepseek")
        )
    )
)


def plan(door: str, model: str, **body: Any) -> tuple[Call, Conduit]:
    """What a provider is sent, and the way of its answer."""
    protocol: Any = protocol_named(DOORS[door])
    asked = protocol.parse_request(json.dumps({"model": model, **REQUESTS[door], **body}).encode())
    return REGISTRY.resolve(model, None, (), protocol.name).candidates[0].route(protocol).plan(asked)


def sent(door: str, model: str, **body: Any) -> dict[str, Any]:
    """The body that a provider is sent."""
    found: dict[str, Any] = json.loads(plan(door, model, **body)[0].body)
    return found


@dataclass
class Collected:
    """What a client makes of an answer."""

    text: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    """Id, name and arguments."""
    finish: str | None = None
    failure: str | None = None
    raw: bytes = b""


def received(door: str, model: str, data: bytes, *, stream: bool = True, **body: Any) -> Collected:
    """What a client gets for a provider's bytes; the same however they are split."""
    found: list[Collected] = []
    for pieces in splits(data):
        conduit = plan(door, model, stream=stream, **body)[1]
        out = b"".join(map(conduit.feed, pieces))
        out += b"" if conduit.failure is not None else conduit.close()
        one = READ[door](out, stream)
        one.failure = conduit.failure.message if conduit.failure is not None else None
        one.raw = out
        found.append(one)
    for other in found[1:]:
        assert (other.text, other.finish, other.failure) == (found[0].text, found[0].finish, found[0].failure)
        assert [call[1:] for call in other.calls] == [call[1:] for call in found[0].calls]
    ids = [call[0] for call in found[0].calls]
    assert all(ids), "every call has an id"
    assert len(set(ids)) == len(ids), "ids differ"
    return found[0]


def _events(out: bytes) -> list[dict[str, Any]]:
    blocks = [block for block in out.decode().split("\n\n") if block.strip() and not block.startswith(":")]
    datas = [line[6:] for block in blocks for line in block.split("\n") if line.startswith("data: ")]
    return [json.loads(data) for data in datas if not data.startswith("[DONE]")]


def _read_chat(out: bytes, stream: bool) -> Collected:
    one = Collected()
    calls: dict[int, list[str]] = {}
    chunks = _events(out) if stream else [json.loads(out)] if out else []
    for chunk in chunks:
        for choice in chunk["choices"]:
            said = choice.get("delta") or choice.get("message") or {}
            one.text += said.get("content") or ""
            for place, call in enumerate(said.get("tool_calls") or ()):
                known = calls.setdefault(call.get("index", place), ["", "", ""])
                known[0] = known[0] or call.get("id") or ""
                known[1] += call["function"].get("name") or ""
                known[2] += call["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                assert one.finish is None, "one finish reason"
                one.finish = choice["finish_reason"]
    one.calls = tuple((call[0], call[1], call[2]) for _, call in sorted(calls.items()))
    return one


def _read_messages(out: bytes, stream: bool) -> Collected:
    one = Collected()
    blocks: list[dict[str, Any]] = []
    if not stream:
        message = json.loads(out) if out else {"content": [], "stop_reason": None}
        blocks = [{**block, "json": json.dumps(block.get("input"))} for block in message["content"]]
        one.finish = message["stop_reason"]
    for event in _events(out) if stream else ():
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "json": ""})
        elif event["type"] == "content_block_delta":
            blocks[event["index"]]["text"] = (blocks[event["index"]].get("text") or "") + event["delta"].get(
                "text", ""
            )
            blocks[event["index"]]["json"] += event["delta"].get("partial_json", "")
        elif event["type"] == "message_delta":
            one.finish = event["delta"]["stop_reason"]
    one.text = "".join(block.get("text") or "" for block in blocks if block["type"] == "text")
    calls = [block for block in blocks if block["type"] == "tool_use"]
    one.calls = tuple((call["id"], call["name"], call["json"] or "{}") for call in calls)
    return one


def _read_responses(out: bytes, stream: bool) -> Collected:
    one = Collected()
    ends = ("response.completed", "response.incomplete")
    whole = [event["response"] for event in _events(out) if event["type"] in ends] if stream else []
    response = whole[-1] if whole else json.loads(out) if out and not stream else None
    for event in _events(out) if stream and response is None else ():
        one.text += event["delta"] if event["type"] == "response.output_text.delta" else ""
    if response is None:
        return one
    one.finish = response["status"]
    for item in response["output"]:
        if item["type"] == "message":
            one.text += "".join(part.get("text", "") for part in item["content"])
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    one.calls = tuple((call["call_id"], call["name"], call["arguments"]) for call in calls)
    return one


READ = {"chat": _read_chat, "messages": _read_messages, "responses": _read_responses}


# --- what a provider of OpenAI's chat format sends -------------------------------------------


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    result = {"id": "gen-7", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    return event(json.dumps({**result, "choices": [choice], **more}))


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


DONE = event("[DONE]")


def call(name: str | None = None, arguments: str | None = None, **fields: Any) -> bytes:
    """A chunk with one piece of a call."""
    said = {"name": name, "arguments": arguments}
    function = {key: value for key, value in said.items() if value is not None}
    return chunk({"tool_calls": [{**fields, "function": function}]})


def answer(message: dict[str, Any], finish: str | None = "stop") -> bytes:
    """A whole answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, **message},
        "finish_reason": finish,
    }
    result = {"id": "gen-7", "object": "chat.completion", "created": 7, "model": "m"}
    return json.dumps({**result, "choices": [choice]}).encode()
