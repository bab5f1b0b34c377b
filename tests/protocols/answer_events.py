"""The events of a reader, assembled for comparison with the recorded answer."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tidegate.protocols.contract import Reader
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
from tidegate.protocols.usage import Usage


@dataclass
class Heard:
    """An answer."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """Name and parsed arguments."""
    finish: str | None = None
    usage: Usage | None = None
    signatures: list[tuple[str, str]] = field(default_factory=list)
    """Signatures and unreadable thinking, each with its format."""
    citations: list[CitationAdded] = field(default_factory=list)
    natives: list[Any] = field(default_factory=list)
    failure: ProviderError | None = None


def hear(events: list[Event]) -> Heard:
    """Put events together, and see to it that they come in the order of the contract."""
    heard = Heard()
    arguments: dict[int, str] = {}
    names: list[str] = []
    for event in events:
        assert heard.failure is None, "nothing follows a failure"
        match event:
            case TextDelta():
                heard.text += event.text
            case ReasoningDelta():
                heard.reasoning += event.text
            case ReasoningSigned():
                heard.signatures.append((event.signature, event.format))
            case ReasoningEncrypted():
                heard.signatures.append((event.data, event.format))
            case ToolCallStarted():
                assert event.index == len(names), "calls are counted without gaps"
                assert event.id
                names.append(event.name)
                arguments[event.index] = ""
            case ToolCallDelta():
                arguments[event.index] += event.arguments
            case CitationAdded():
                heard.citations.append(event)
            case NativeBlock():
                heard.natives.append(json.loads(bytes(event.block)))
            case Finished():
                assert heard.finish is None, "a choice finishes once"
                heard.finish = event.reason
            case UsageReported():
                heard.usage = event.usage
            case Failed():
                heard.failure = event.error
    heard.calls = [(name, json.loads(arguments[index])) for index, name in enumerate(names)]
    return heard


def read(reader: Reader, pieces: list[bytes]) -> list[Event]:
    """Feed a reader to its end."""
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.close()


def plainly(events: list[Event]) -> list[Any]:
    """Events to be compared: as JSON, errors as words."""
    return [
        (type(event.error).__name__, event.error.message, event.error.status)
        if isinstance(event, Failed)
        else (type(event).__name__, msgspec.json.encode(event))
        for event in events
    ]
