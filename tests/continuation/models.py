"""Providers of each wire format that write a text, from wherever an answer begins.

A `Writing` says what a model would write. As a script it reads the beginning of the answer from the request,
in its own format, and writes on from there, as the real models do.
"""

import json as jsonlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator import Script, Seen, stream

__all__ = ["FORMATS", "TEXT", "Writing", "pieces_of"]

TEXT = "The tide is high at Zürich’s  “harbour”: 🌊\n\n- one\n\n- two \tthree."
"""White space of all kinds, characters of one to four bytes."""


def pieces_of(text: str, size: int = 5) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def frames(*values: Any, named: bool = False, end: str = "", line_end: str = "\n") -> list[bytes]:
    """Server-sent events with raw UTF-8."""
    texts = []
    for value in values:
        name = f"event: {value['type']}{line_end}" if named else ""
        texts.append(f"{name}data: {jsonlib.dumps(value, ensure_ascii=False)}{line_end}{line_end}")
    return [text.encode() for text in [*texts, *([end] if end else [])]]


# --- answers -----------------------------------------------------------------------------------


def openai(pieces: Sequence[str]) -> list[bytes]:
    head = {"id": "chatcmpl-first", "object": "chat.completion.chunk", "created": 7, "model": "m-first"}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"content": one} for one in pieces),
    ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    chunks = [{**head, "choices": [choice]} for choice in choices]
    return frames(*chunks, {**head, "choices": [], "usage": usage}, end="data: [DONE]\n\n")


def anthropic(pieces: Sequence[str]) -> list[bytes]:
    usage = {"input_tokens": 11, "output_tokens": 1}
    head = {"id": "msg_first", "type": "message", "role": "assistant", "model": "claude-first", "content": []}
    delta = "content_block_delta"
    return frames(
        {"type": "message_start", "message": {**head, "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": delta, "index": 0, "delta": {"type": "text_delta", "text": one}} for one in pieces),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
        named=True,
    )


def gemini(pieces: Sequence[str]) -> list[bytes]:
    def chunk(text: str, **more: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "responseId": "resp-first", "modelVersion": "gemini-first"}

    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    last = {**chunk("", finishReason="STOP"), "usageMetadata": usage}
    return frames(*(chunk(one) for one in pieces), last, line_end="\r\n")


def responses(pieces: Sequence[str]) -> list[bytes]:
    text = "".join(pieces)
    shell = {"id": "resp_first", "object": "response", "created_at": 7, "model": "m-first", "output": []}
    place = {"item_id": "msg_first", "output_index": 0, "content_index": 0}
    item = {"id": "msg_first", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    whole = {**part, "text": text}
    done = {**item, "status": "completed", "content": [whole]}
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    deltas = [{"type": "response.output_text.delta", **place, "delta": one, "logprobs": []} for one in pieces]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**shell, "status": "in_progress"}},
        {"type": "response.in_progress", "response": {**shell, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        *deltas,
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": whole},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {
            "type": "response.completed",
            "response": {**shell, "status": "completed", "output": [done], "usage": usage},
        },
    ]
    return frames(*({**event, "sequence_number": at} for at, event in enumerate(events)), named=True)


# --- requests ----------------------------------------------------------------------------------


def in_messages(body: Any) -> str:
    """The beginning of the answer in a request: the text of a final assistant message."""
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return ""
    content = last["content"]
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def in_contents(body: Any) -> str:
    last = body["contents"][-1]
    return "".join(part["text"] for part in last["parts"]) if last["role"] == "model" else ""


@dataclass(frozen=True)
class Format:
    answer: Callable[[Sequence[str]], list[bytes]]
    beginning: Callable[[Any], str]
    base: str
    """What follows the simulator's address."""


FORMATS = {
    "openai": Format(openai, in_messages, "/v1"),
    "anthropic": Format(anthropic, in_messages, ""),
    "gemini": Format(gemini, in_contents, ""),
    "responses": Format(responses, lambda body: "", "/v1"),
}


@dataclass(frozen=True)
class Writing:
    """A model that writes this text."""

    format: str
    text: str = TEXT
    size: int = 5
    """Characters of a delta."""
    echoes: bool = False
    """Whether it repeats the beginning."""
    trims: bool = False
    """Whether it leaves out the white space with which the rest begins."""
    keep: int | None = None
    """How many events it sends before it breaks; None: all."""
    script: dict[str, Any] = field(default_factory=dict)

    def events(self, beginning: str = "") -> list[bytes]:
        assert self.text.startswith(beginning), "the model is asked to go on with what it would not write"
        rest = self.text if self.echoes else self.text[len(beginning) :]
        rest = rest.lstrip() if self.trims and beginning else rest
        events = FORMATS[self.format].answer(pieces_of(rest, self.size))
        return events if self.keep is None else events[: self.keep]

    def __call__(self, seen: Seen) -> Script:
        beginning = FORMATS[self.format].beginning(seen.json)
        assert beginning == beginning.rstrip(), "Anthropic refuses white space at the end"
        broken = (
            {} if self.keep is None else {"cut_at": len(b"".join(self.events(beginning))), "ending": "close"}
        )
        return stream(self.events(beginning), **{**broken, **self.script})
