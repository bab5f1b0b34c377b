"""The clients of each dialect: how they ask, and what they make of an answer."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

__all__ = ["DOORS", "Answer", "Door"]

HELLO = [{"role": "user", "content": "Hello"}]


class Answer(NamedTuple):
    """An answer, as its client understands it."""

    text: str
    ended: Literal["finish", "error", "nothing", "both", "left"]
    """By which it ends, or that the client has left. One that sees neither a finish nor an error would take a
    part for the whole.
    """


@dataclass(frozen=True)
class Door:
    """One dialect."""

    path: str
    """With the model's name, if it belongs into the path."""
    body: Mapping[str, Any]
    read: Callable[[bool, list[Any]], Iterable[tuple[str, str]]]
    stream_path: str = ""

    def request(self, model: str, streamed: bool) -> tuple[str, bytes]:
        """Path and body of a request."""
        path = self.stream_path if streamed and self.stream_path else self.path
        named = {} if "{model}" in path else {"model": model, "stream": streamed}
        return path.format(model=model), json.dumps({**self.body, **named}).encode()

    def parse(self, streamed: bool, body: bytes) -> Answer:
        """What a client makes of an answer."""
        pieces = list(events_of(body)) if streamed else [json.loads(body)]
        parts = list(self.read(streamed, pieces))
        ends = {kind for kind, _ in parts if kind in ("finish", "error")}
        text = "".join(text for kind, text in parts if kind == "text")
        ended = "both" if len(ends) == 2 else next(iter(ends), "nothing")
        return Answer(text, ended)  # type: ignore[arg-type]


def events_of(body: bytes) -> Iterable[Any]:
    """The data of a stream's events."""
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        data = "".join(line[6:] for line in block.split("\n") if line.startswith("data: "))
        data = data or (block if block.startswith("{") else "")  # Google's errors have no name
        if data:
            yield data if data == "[DONE]" else json.loads(data)


def read_chat(streamed: bool, pieces: list[Any]) -> Iterable[tuple[str, str]]:
    done = not streamed or "[DONE]" in pieces
    for one in pieces:
        if one == "[DONE]":
            continue
        if "error" in one:
            yield "error", ""
        for choice in one.get("choices", []):
            yield "text", choice["delta" if streamed else "message"].get("content") or ""
            if choice["finish_reason"] and done:
                yield "finish", ""


def read_messages(streamed: bool, pieces: list[Any]) -> Iterable[tuple[str, str]]:
    for one in pieces:
        if one["type"] == "error":
            yield "error", ""
        if one["type"] == "message":
            yield "text", "".join(block.get("text", "") for block in one["content"])
        if one["type"] == "content_block_delta":
            yield "text", one["delta"].get("text", "")
        if one["type"] == "message_stop" or (not streamed and one.get("stop_reason")):
            yield "finish", ""


def read_responses(streamed: bool, pieces: list[Any]) -> Iterable[tuple[str, str]]:
    for one in pieces:
        if streamed:
            yield "text", one["delta"] if one["type"] == "response.output_text.delta" else ""
            if one["type"] in ("error", "response.failed"):
                yield "error", ""
            if one["type"] == "response.completed":
                yield "finish", ""
        elif one.get("error"):
            yield "error", ""
        else:
            yield "text", "".join(part["text"] for item in one["output"] for part in item["content"])
            yield "finish", one["status"]


def read_gemini(_: bool, pieces: list[Any]) -> Iterable[tuple[str, str]]:
    for one in pieces:
        if "error" in one:
            yield "error", ""
        for candidate in one.get("candidates", []):
            yield (
                "text",
                "".join(part.get("text", "") for part in candidate.get("content", {}).get("parts", [])),
            )
            if candidate.get("finishReason"):
                yield "finish", ""


DOORS: Mapping[str, Door] = {
    "openai_chat": Door("/v1/chat/completions", {"messages": HELLO}, read_chat),
    "anthropic": Door("/v1/messages", {"max_tokens": 99, "messages": HELLO}, read_messages),
    "openai_responses": Door("/v1/responses", {"input": "Hello"}, read_responses),
    "gemini": Door(
        "/v1beta/models/{model}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
        read_gemini,
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
    ),
}
"""By the wire format's name."""
