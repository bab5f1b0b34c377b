"""The answer of a chat as a completion: its text, and nothing beside it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.json import Encoder

from tidegate.protocols.contract import ParsedRequest, Writer
from tidegate.protocols.errors import TidegateError
from tidegate.protocols.events import (
    AudioDelta,
    CitationAdded,
    Event,
    Finished,
    ImageAdded,
    LogprobsDelta,
    NativeBlock,
    ReasoningDelta,
    ReasoningEncrypted,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallStarted,
    UsageReported,
)
from tidegate.protocols.ids import new_id
from tidegate.protocols.openai_errors import error_object
from tidegate.protocols.openai_usage import render_usage
from tidegate.protocols.sse import frame
from tidegate.protocols.usage import Usage

__all__ = ["CHAT"]

ENCODE = Encoder().encode

REASONS: Mapping[str, str] = {"tool_calls": "stop"}
"""Finish reasons that a completion does not have → the nearest one that it has."""

LACKS: Mapping[type[Event], str] = {
    AudioDelta: "audio",
    CitationAdded: "citations",
    ImageAdded: "images",
    LogprobsDelta: "logprobs",
    NativeBlock: "native_blocks",
    ReasoningDelta: "reasoning",
    ReasoningEncrypted: "reasoning",
    ToolCallStarted: "tool_calls",
}
"""What a completion has no place for, by the names under which it is left out."""


class CompletionWriter:
    """What streams and whole answers have in common."""

    def __init__(self, model: str) -> None:
        self._id = ""
        self._created = 0
        self._model = model
        self._usage: Usage | None = None
        self.leave_out: Callable[[str], None] = lambda _: None
        """See contract.Writer."""

    def _note(self, event: Event) -> None:
        if type(event) in LACKS:
            self.leave_out(LACKS[type(event)])
        elif isinstance(event, UsageReported):
            self._usage = event.usage
        elif isinstance(event, Started):
            self._id, self._created = event.id, event.created or 0
            self._model = event.model or self._model

    def _render(self, choices: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
        self._id = self._id or new_id("cmpl-")
        self._created = self._created or int(time.time())
        head = {"id": self._id, "object": "text_completion", "created": self._created, "model": self._model}
        return ENCODE({**head, "choices": choices, **more})


class StreamWriter(CompletionWriter):
    """Writes a stream (see contract.Writer)."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        super().__init__(model)
        self._include_usage = include_usage

    def write(self, events: Sequence[Event]) -> bytes:
        """See Writer."""
        return b"".join(map(self._write_one, events))

    def _write_one(self, event: Event) -> bytes:
        if isinstance(event, TextDelta | RefusalDelta):
            return self._piece(event.choice, event.text, None) if event.text else b""
        if isinstance(event, Finished):
            return self._piece(event.choice, "", event.reason)
        self._note(event)
        return b""

    def close(self) -> bytes:
        """See Writer."""
        usage = b""
        if self._include_usage and self._usage is not None:
            usage = frame(self._render((), usage=render_usage(self._usage)))
        return usage + frame(b"[DONE]")

    def abort(self, error: TidegateError) -> bytes:
        """See Writer."""
        return frame(error_object(error))

    def _piece(self, choice: int, text: str, reason: str | None) -> bytes:
        return frame(self._render([_choice(choice, text, reason)]))


class BodyWriter(CompletionWriter):
    """Writes one JSON body (see contract.Writer)."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._texts: dict[int, list[str]] = {}
        self._reasons: dict[int, str] = {}

    def write(self, events: Sequence[Event]) -> bytes:
        """See Writer."""
        for event in events:
            if isinstance(event, TextDelta | RefusalDelta):
                self._texts.setdefault(event.choice, []).append(event.text)
            elif isinstance(event, Finished):
                self._reasons[event.choice] = event.reason
            else:
                self._note(event)
        return b""

    def close(self) -> bytes:
        """See Writer."""
        choices = [
            _choice(choice, "".join(self._texts.get(choice, ())), reason)
            for choice, reason in sorted(self._reasons.items())
        ]
        return self._render(choices, **({} if self._usage is None else {"usage": render_usage(self._usage)}))

    def abort(self, error: TidegateError) -> bytes:
        """See Writer."""
        return error_object(error)


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    finish = None if reason is None else REASONS.get(reason, reason)
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


class Completions:
    """See contract.AnswerDialect."""

    def writer(self, request: ParsedRequest, model: str) -> Writer:
        """See contract.AnswerDialect."""
        if request.stream:
            return StreamWriter(model, include_usage=request.include_usage)
        return BodyWriter(model)


CHAT = Completions()
