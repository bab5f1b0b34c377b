"""What the recorded answers of Gemini say, read plainly: the yardstick for the reader."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from recordings import Recording, recordings
from tidegate.protocols.contract import Target
from tidegate.protocols.events import (
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tidegate.protocols.gemini import PROTOCOL, GeminiDialect
from tidegate.protocols.gemini.render import GeminiCall
from tidegate.protocols.profile import Profile

TARGET = Target("gemini-3-flash-preview", GeminiDialect())


def chats() -> list[Recording]:
    """All recorded answers of generateContent, streamed or not. (Those without a request are mocks.)"""
    found = recordings("gemini", "chat", "chat_stream", status=200)
    found += recordings("vertex", "chat", "chat_stream", status=200)
    return [one for one in found if not one.path or one.path.endswith("enerateContent")]


def target(model: str = "gemini-3-flash-preview", **profile: Any) -> Target:
    return Target(model, GeminiDialect(), Profile(**profile))


def sent(recording: Recording) -> bytes:
    """The answer's bytes; a stream that was recorded as an array as the events that it would be."""
    body = recording.response["body"]
    if isinstance(body, list):
        return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in body)
    return recording.body


def read(pieces: list[bytes], *, stream: bool = True, custom: frozenset[str] = frozenset()) -> list[Event]:
    reader = PROTOCOL.reader(GeminiCall("/", b"", stream, custom_tools=custom), TARGET)
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.close()


def events(*chunks: Any) -> bytes:
    """A stream of these chunks, as Google frames it."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def chunk(*parts: Any, finish: str | None = None, index: int | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    if index is not None:
        candidate["index"] = index
    return {"candidates": [{**candidate, **more}]}


def plainly(events: list[Event]) -> list[Any]:
    """Events to be compared: raw JSON decoded, errors as words, made ids left out."""
    return [
        (
            type(event).__name__,
            *(
                _plain(getattr(event, name))
                for name in event.__struct_fields__
                if name not in ("id", "audio")
            ),
        )
        for event in events
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    return str(value) if isinstance(value, Exception) else value


@dataclass
class Said:
    """What one choice says."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None


def answer_in(recording: Recording) -> dict[int, Said]:
    """The choices of a recorded answer."""
    choices: dict[int, Said] = {}
    for answer in _chunks(recording):
        for candidate in answer.get("candidates") or []:
            said = choices.setdefault(candidate.get("index", 0), Said())
            said.finish = candidate.get("finishReason") or said.finish
            for part in (candidate.get("content") or {}).get("parts") or []:
                if part.get("thought"):
                    said.thoughts += part.get("text", "")
                else:
                    said.text += part.get("text", "")
                if "functionCall" in part:
                    said.calls.append(
                        (part["functionCall"].get("name"), part["functionCall"].get("args") or {})
                    )
    return choices


def last_usage(recording: Recording) -> dict[str, int]:
    usages = [answer["usageMetadata"] for answer in _chunks(recording) if "usageMetadata" in answer]
    return usages[-1] if usages else {}


def collected(events: list[Event]) -> dict[int, Said]:
    """The choices that events tell."""
    choices: dict[int, Said] = {}
    arguments: dict[tuple[int, int], str] = {}
    for event in events:
        said = choices.setdefault(getattr(event, "choice", 0), Said())
        match event:
            case TextDelta():
                said.text += event.text
            case ReasoningDelta():
                said.thoughts += event.text
            case ToolCallStarted():
                assert event.index == len(said.calls), "indexes count from 0 without gaps"
                assert event.id
                said.calls.append((event.name, None))
            case ToolCallDelta():
                key = (event.choice, event.index)
                arguments[key] = arguments.get(key, "") + event.arguments
            case RefusalDelta():
                said.text += event.text
            case Finished():
                said.finish = event.native or event.reason
    for (choice, index), text in arguments.items():
        choices[choice].calls[index] = (choices[choice].calls[index][0], json.loads(text))
    return choices


def failure(events: list[Event]) -> Failed | None:
    failed = [event for event in events if isinstance(event, Failed)]
    assert len(failed) <= 1
    assert not failed or events[-1] is failed[0], "nothing follows a failure"
    return failed[0] if failed else None


def _chunks(recording: Recording) -> list[dict[str, Any]]:
    body = recording.response["body"]
    if isinstance(body, list):
        return body
    if isinstance(body, dict):
        return [body]
    lines = body.replace("\r\n", "\n").split("\n\n")
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
