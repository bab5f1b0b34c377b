"""What recorded answers of Anthropic's say, read in the plainest way, to compare the reader with."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from recordings import Recording, recordings
from tidegate.protocols.anthropic import PROTOCOL
from tidegate.protocols.contract import Call, Target
from tidegate.protocols.errors import ProviderError
from tidegate.protocols.events import (
    CitationAdded,
    Event,
    Failed,
    Finished,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    ReasoningSigned,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.profile import PLAIN, Profile
from tidegate.protocols.usage import Usage

FINISHES = {"max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}
PATHS = ("/messages", ":rawPredict", ":streamRawPredict")
HOSTS = ("anthropic", "azure", "vertex")


@dataclass
class Said:
    """What an answer says, whole."""

    text: str = ""
    thinking: str = ""
    signatures: list[str] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    citations: list[Any] = field(default_factory=list)
    native: list[Any] = field(default_factory=list)
    finish: str | None = None
    prompt: int | None = None
    completion: int | None = None


def chats(*kinds: str) -> list[Any]:
    """The good recorded answers, for `parametrize`."""
    found = [r for host in HOSTS for path in PATHS for r in recordings(host, *kinds, path=path, status=200)]
    return [pytest.param(r, id=r.id) for r in found]


def target(profile: Profile = PLAIN, **dialect: Any) -> Target:
    return Target("claude-test", PROTOCOL.dialect(**dialect), profile)


def call(stream: bool = True) -> Call:
    return Call("/v1/messages", b"{}", stream)


def read(pieces: Iterable[bytes], asked: Call) -> list[Event]:
    reader = PROTOCOL.reader(asked, target())
    return [event for piece in pieces for event in reader.feed(piece)] + reader.close()


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def failure(events: Sequence[Event]) -> ProviderError:
    """The failure that the answer ends in."""
    assert isinstance(events[-1], Failed)
    assert not any(isinstance(event, Failed) for event in events[:-1])
    return events[-1].error


def last_usage(events: Sequence[Event]) -> Usage:
    return [event.usage for event in events if isinstance(event, UsageReported)][-1]


# --- from events -----------------------------------------------------------------------------


def collected(events: Sequence[Event]) -> Said:
    """What events say."""
    said = Said()
    arguments: dict[int, str] = {}
    calls: list[ToolCallStarted] = []
    for event in events:
        match event:
            case TextDelta(text=text):
                said.text += text
            case ReasoningDelta(text=text):
                said.thinking += text
            case ReasoningSigned(signature=signature, format="anthropic"):
                said.signatures.append(signature)
            case ReasoningEncrypted(data=data, format="anthropic"):
                said.redacted.append(data)
            case ToolCallStarted():
                assert event.index == len(calls)
                calls.append(event)
            case ToolCallDelta(index=index, arguments=piece):
                arguments[index] = arguments.get(index, "") + piece
            case CitationAdded(native=native):
                said.citations.append(json.loads(bytes(native or b"null")))
            case NativeBlock(format="anthropic", block=block):
                said.native.append(json.loads(bytes(block)))
            case Finished(reason=reason):
                assert said.finish is None
                said.finish = reason
            case UsageReported(usage=usage):
                said.prompt, said.completion = usage.prompt_tokens, usage.completion_tokens
    said.calls = [(c.id, c.name, json.loads(arguments[c.index])) for c in calls]
    return said


# --- from the recording ----------------------------------------------------------------------


def answer_in(recording: Recording) -> Said:
    """What a recorded answer says."""
    body = recording.body.decode()
    message = _assemble(body) if "event:" in body else json.loads(body)
    said = Said(finish=FINISHES.get(message["stop_reason"], "stop"))
    for block in message["content"]:
        _tell(block, said)
    usage = message["usage"]
    counts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    said.prompt = sum(usage.get(count) or 0 for count in counts)
    said.completion = usage["output_tokens"]
    return said


def _tell(block: dict[str, Any], said: Said) -> None:
    match block["type"]:
        case "text":
            said.text += block["text"]
            said.citations += block.get("citations") or []
        case "thinking":
            said.thinking += block["thinking"]
            said.signatures += [block["signature"]] if block["signature"] else []
        case "redacted_thinking":
            said.redacted.append(block["data"])
        case "tool_use":
            said.calls.append((block["id"], block["name"], block["input"]))
        case _:
            said.native.append(block)


def _assemble(body: str) -> dict[str, Any]:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for line in body.splitlines():
        if not line.startswith("data:"):
            continue
        event = json.loads(line[5:])
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                blocks[event["index"]] = event["content_block"]
            case "content_block_delta":
                _grow(blocks[event["index"]], event["delta"])
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= {key: value for key, value in event["usage"].items() if value is not None}
    for block in blocks.values():
        if "partial" in block:
            block["input"] = json.loads(block.pop("partial") or "{}")
    message["content"] = [block for _, block in sorted(blocks.items())]
    return message


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["partial"] = block.get("partial", "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
