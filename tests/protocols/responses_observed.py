"""What a client of the Responses API sees of an answer, and how to make one answer of another."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tidegate.protocols.contract import Bridge, Protocol, Target
from tidegate.protocols.events import AudioDelta, Event, TextDelta
from tidegate.protocols.openai_responses import PROTOCOL
from tidegate.protocols.openai_responses.parse import Parsed

RESPONSE: TypeAdapter[Any] = TypeAdapter(Response)
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TARGET = Target("m", PROTOCOL.dialect())


def ask(**fields: Any) -> Parsed:
    """A parsed request."""
    return PROTOCOL.parse_request(json.dumps({"model": "m", "input": "Hi", **fields}).encode())


def target_of(protocol: Protocol) -> Target:
    """A plain provider of a format."""
    return Target("m", protocol.dialect())


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each is named as it is typed."""
    events = []
    for block in stream.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if lines:
            event = json.loads(lines["data"])
            assert lines.get("event") == event["type"]
            events.append(event)
    return events


def write(*events: Event, stream: bool = True, **fields: Any) -> bytes:
    """The answer to a request, written of events one at a time."""
    writer = PROTOCOL.writer(ask(stream=stream, **fields), "m")
    return b"".join([writer.write([event]) for event in events]) + writer.close()


def check_types(answer: bytes, *, stream: bool) -> None:
    """Hold an answer against the official SDK's types, without any coercion."""
    if not stream:
        RESPONSE.validate_json(answer, strict=True)
        return
    events = events_of(answer)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENT.validate_python(event, strict=True)


def final_response(answer: bytes, *, stream: bool) -> dict[str, Any]:
    """The response as it ended."""
    response: dict[str, Any] = events_of(answer)[-1]["response"] if stream else json.loads(answer)
    return response


@dataclass
class Observed:
    """What a response says, without ids and without the items' order."""

    text: str = ""
    refusal: str = ""
    thinking: str = ""
    encrypted: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    native: list[str] = field(default_factory=list)


def observe(response: dict[str, Any], customs: frozenset[str] | None = None) -> Observed:
    """What a response says. A call of a custom tool that was not offered is the provider's own."""
    seen = Observed()
    for item in response["output"]:
        observe_item(item, seen, customs)
    return seen


def observe_item(item: dict[str, Any], seen: Observed, customs: frozenset[str] | None) -> None:
    kind = item["type"]
    if kind == "message":
        for part in item["content"]:
            seen.text += part.get("text", "")
            seen.refusal += part.get("refusal", "")
            seen.annotations += part.get("annotations", [])
            seen.logprobs += [token["logprob"] for token in part.get("logprobs") or []]
    elif kind == "reasoning":
        parts = item["summary"] or item.get("content") or []
        seen.thinking += "\n\n".join(part["text"] for part in parts)
        encrypted = item.get("encrypted_content")
        seen.encrypted += [encrypted] if encrypted and not encrypted.startswith("tidegate:") else []
    elif kind == "function_call":
        seen.calls.append((item["call_id"], item["name"], item["arguments"]))
    elif kind == "custom_tool_call" and (customs is None or item["name"] in customs):
        seen.calls.append((item["call_id"], item["name"], item["input"]))
    elif kind == "image_generation_call" and item["result"]:
        seen.images.append(item["result"])
    else:
        seen.native.append(kind)


def bridge(protocol: Protocol, answer: bytes, asked: Parsed, *, streamed: bool) -> tuple[bytes, Bridge]:
    """A provider's answer as a client of the Responses API gets it."""
    call = type("AnyCall", (), {"stream": streamed})()
    conduit = Bridge(protocol.reader(call, target_of(protocol)), PROTOCOL.writer(asked, "m"))
    return conduit.feed(answer) + conduit.close(), conduit


def text_of(events: Iterable[Event]) -> str:
    """The text that a response has: the answer's, and what its audio says."""
    return "".join(
        event.text if isinstance(event, TextDelta) else json.loads(bytes(event.audio)).get("transcript", "")
        for event in events
        if isinstance(event, TextDelta | AudioDelta)
    )
