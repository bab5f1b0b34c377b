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
class Collected:
    """An answer, collected from its events."""

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


def collect(events: list[Event]) -> Collected:
    """Collect events, and check that their order follows the contract."""
    collected = Collected()
    arguments: dict[int, str] = {}
    names: list[str] = []
    for event in events:
        assert collected.failure is None, "nothing follows a failure"
        match event:
            case TextDelta():
                collected.text += event.text
            case ReasoningDelta():
                collected.reasoning += event.text
            case ReasoningSigned():
                collected.signatures.append((event.signature, event.format))
            case ReasoningEncrypted():
                collected.signatures.append((event.data, event.format))
            case ToolCallStarted():
                assert event.index == len(names), "calls are counted without gaps"
                assert event.id
                names.append(event.name)
                arguments[event.index] = ""
            case ToolCallDelta():
                arguments[event.index] += event.arguments
            case CitationAdded():
                collected.citations.append(event)
            case NativeBlock():
                collected.natives.append(json.loads(bytes(event.block)))
            case Finished():
                assert collected.finish is None, "a choice finishes once"
                collected.finish = event.reason
            case UsageReported():
                collected.usage = event.usage
            case Failed():
                collected.failure = event.error
    collected.calls = [(name, json.loads(arguments[index])) for index, name in enumerate(names)]
    return collected


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
